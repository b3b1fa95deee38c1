"""R4: a process that is killed while it writes checkpoints leaves one that loads."""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import ostinato as ost
from tests.reliability.row import Row
from tests.training.tasks import network, running_sum

LOST = 1
"""Updates that may be lost: the last announced one, whose checkpoint is written after the announcement."""


class Announces:
    """Writes the number of each update that is saved to standard output."""

    @ost.hookimpl(trylast=True)
    def ostinato_batch_end(self, step: int) -> None:
        print(step + 1, flush=True)


def trainer(path: str, callbacks: tuple[object, ...] = ()) -> ost.Trainer:
    """A trainer with a checkpoint at every update."""
    saved = ost.Checkpoints(path, every_steps=1)
    return ost.Trainer(network(), loss="mse", optimizer="adam", callbacks=[saved, *callbacks], seed=1)


def writer(path: str, out: int) -> None:
    """Trains in a process of its own until it is killed, and announces to a pipe."""
    os.dup2(out, sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    x, y = running_sum()
    trainer(path, (Announces(),)).fit(x, y, epochs=1_000_000, batch_size=5)


def killed(path: Path, after: float) -> int:
    """Kills a writer some seconds after its first checkpoint. The number of the last announced update.

    The writer is forked, because an import for each of them takes ten times as long as the rest.
    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            writer(str(path), write)
        finally:
            os._exit(1)
    os.close(write)
    with os.fdopen(read) as said:
        said.readline()
        announced = said.readline()  # the first checkpoint is written by now
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        announced += said.read()
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, f"the writer ended by itself: {status}"
    # the last line may be cut in the middle
    return int(announced[: announced.rfind("\n")].split()[-1])


def measure(long: bool) -> Row:
    """Kills writers at random moments; each file must load, and the next writer must clear what was left."""
    kills, draw = 500 if long else 6, random.Random(4)
    most_lost, left, wrong = 0, 0, ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.ckpt"
        for _ in range(kills):
            announced = killed(path, draw.uniform(0, 0.05))
            resumed = trainer(str(path))
            try:
                resumed.load(path)
            except Exception as error:
                wrong = wrong or f"; {type(error).__name__}: {error}"
                continue
            most_lost = max(most_lost, announced - resumed.run.position.step)
            resumed.save(path)
            left = max(left, len(list(Path(folder).iterdir())) - 1)
            path.unlink()
    figure = (
        f"{kills} kills: {'all' if not wrong else 'not all'} files load, at most {most_lost} updates lost, "
        f"{left} temporary files after the next save{wrong}"
    )
    holds = not wrong and left == 0 and most_lost <= LOST
    return Row("R4", "kill -9 while checkpoints are written loses at most one of them", figure, holds)
