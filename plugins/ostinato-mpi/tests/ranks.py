"""What the tests start on ranks: `mpiexec -n 2 python -m mpi4py ranks.py RUN FOLDER`."""

from __future__ import annotations

import json
import os
import signal
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np

import ostinato as ost

RNG = np.random.default_rng(0)
# 13 rows: batches of 6, 6 and 1, whose last one has three shards without rows; some rows have no steps
X = RNG.normal(size=(13, 7, 3)).astype("float32")
Y = RNG.normal(size=(13, 7, 5)).astype("float32")
LENGTHS = np.array([7, 0, 3, 7, 1, 0, 5, 6, 7, 2, 4, 7, 3])
RAGGED = [row[:length] for row, length in zip(X, LENGTHS, strict=True)]
RAGGED_Y = [row[:length] for row, length in zip(Y, LENGTHS, strict=True)]
WINDOWS = ost.strategies.Truncated(2, update_every=4)


def plain() -> ost.Sequential:
    """A network without noise."""
    return ost.Sequential(ost.LSTM(3, 5), ost.Dense(5, 5))


def noisy() -> ost.Sequential:
    """A network with dropout and penalties."""
    regularizers = [ost.Dropout(0.3), ost.L2(0.01), ost.ActivationPenalty(0.1)]
    return ost.Sequential(ost.Recurrent("lstm", 3, 5, regularizers=regularizers), ost.Dense(5, 5))


def trainer(net: Any, *strategies: Any, **options: Any) -> ost.Trainer:
    """A trainer on all ranks."""
    return ost.Trainer(net, loss="mse", strategies=["mpi", *strategies], **options)


def result(made: ost.Trainer) -> list[Any]:
    """A checksum of the parameters, and the last row of the history."""
    return [zlib.crc32(made.net.arena.tobytes()), made.history.rows[-1]]


class At(ost.Callback):
    """Does something at the end of update `step`."""

    def __init__(self, step: int, act: Any) -> None:
        self.step, self.act = step, act

    @ost.hookimpl
    def ostinato_batch_end(self, run: ost.TrainingRun, step: int) -> None:
        if step == self.step:
            self.act(run)


def bits(folder: Path) -> dict[str, Any]:
    """Trainings with the same results for any number of ranks; one resumes the file of another number."""
    found: dict[str, Any] = {}
    for name, net in (("plain", plain()), ("noisy", noisy())):
        made = trainer(net)
        made.fit(X, Y, lengths=LENGTHS, epochs=2, batch_size=6, validation=(X, Y), progress=False)
        found[name] = result(made)
    made = trainer(noisy())
    made.fit(RAGGED, RAGGED_Y, epochs=2, batch_size=6, progress=False)
    found["ragged"] = result(made)

    def stop(run: ost.TrainingRun) -> None:
        run.save(folder / "next")
        run.stop("enough")

    # in the middle of a batch, with a state that is carried over
    stopping = At(3, stop)
    made = trainer(noisy(), WINDOWS, callbacks=[stopping])
    made.fit(X, Y, lengths=LENGTHS, epochs=2, batch_size=6, progress=False)
    resume = folder / "last"
    if resume.exists():
        made = trainer(noisy(), WINDOWS, callbacks=[At(-1, stop)])
        made.fit(X, Y, lengths=LENGTHS, epochs=2, batch_size=6, progress=False, resume=resume)
        found["truncated"] = result(made)
    return found


def other_data(folder: Path) -> str:
    """Rank 1 has other rows."""
    made = trainer(plain())
    try:
        made.fit(X if made.run.chief else 2 * X, Y, epochs=1, progress=False)
    except ost.ConfigError as error:
        return str(error)
    return "no error"


def chief_alone(folder: Path) -> dict[str, Any]:
    """The chief makes a trainer that the others do not make, and saves after `fit` on its own."""
    from mpi4py import MPI

    if MPI.COMM_WORLD.Get_rank() == 0:
        trainer(plain())
    made = trainer(noisy(), WINDOWS, callbacks=[At(3, lambda run: run.stop("enough"))])
    made.fit(X, Y, lengths=LENGTHS, epochs=2, batch_size=6, progress=False)
    if made.run.chief:
        made.save(folder / "alone")
    return {"threads": ost.get_num_threads(), "carried": made.run.carried is not None}


def breaks(folder: Path) -> None:
    """A rank ends in its sixth update: with an error or a kill, before or in a checkpoint."""
    rank, how = os.environ["BREAKS_RANK"], os.environ["BREAKS_HOW"]

    def act(run: ost.TrainingRun) -> None:
        if run.chief != (rank == "0"):
            return
        if how == "raise":
            raise ZeroDivisionError("of one rank")
        os.kill(os.getpid(), signal.SIGKILL)

    class InCheckpoint(ost.Callback):
        """Ends while a checkpoint is made."""

        @ost.hookimpl
        def ostinato_save(self, run: ost.TrainingRun) -> dict[str, int]:
            if run.step == 6 and how == "checkpoint":
                act(run)
            return {}

    here = [ost.Checkpoints(folder / "checkpoint", every_steps=2), InCheckpoint()]
    made = trainer(noisy(), callbacks=[*here, At(5 if how != "checkpoint" else -1, act)])
    made.fit(X, Y, lengths=LENGTHS, epochs=4, batch_size=6, progress=False)


def main() -> None:
    """Make a run; the chief writes what it returns."""
    runs = {"bits": bits, "other_data": other_data, "chief_alone": chief_alone, "breaks": breaks}
    folder = Path(sys.argv[2])
    found: Any = runs[sys.argv[1]](folder)
    if ost.Trainer(plain(), loss="mse", strategies=["mpi"]).run.chief:
        (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
