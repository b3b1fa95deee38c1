"""R5: a run that is cut anywhere and resumed is bit-identical to one that was not."""

from __future__ import annotations

import itertools
import random
import tempfile
from pathlib import Path
from typing import Any

import ostinato as ost
from tests.reliability.row import Row
from tests.training.tasks import language_model, network, ragged_lengths, running_sum, windows

ROWS, EPOCHS = 5, 3


class Cut:
    """Writes a checkpoint after an update, and ends the run some batches later."""

    def __init__(self, path: Path, step: int) -> None:
        self.path, self.step = path, step

    @ost.hookimpl
    def ostinato_batch_end(self, run: Any, step: int) -> None:
        if step == self.step:
            run.save(self.path)
        elif step > self.step:
            raise KeyboardInterrupt


def trainer(cell: str, optimizer: str, through_time: Any, callbacks: tuple[Any, ...] = ()) -> ost.Trainer:
    """A trainer with noise, a schedule and a metric."""
    net = network(cell, regularizers=[ost.Dropout(0.3)])
    schedule = ost.schedules.WarmUp(4, then=ost.schedules.Cosine(20))
    return ost.Trainer(
        net,
        loss="mse",
        optimizer=ost.SGD(0.05, momentum=0.9) if optimizer == "sgd" else optimizer,
        schedule=schedule,
        metrics=["mae"],
        through_time=through_time,
        callbacks=callbacks,
        seed=3,
    )


def fit(made: ost.Trainer, **options: Any) -> bytes:
    """Trains on ragged rows; the parameters and the history as bytes."""
    x, y = running_sum()
    made.fit(x, y, lengths=ragged_lengths(), epochs=EPOCHS, batch_size=ROWS, **options)
    return bytes(made.net.arena.tobytes()) + repr(made.history.rows).encode()


def streamed(callbacks: tuple[Any, ...] = (), **options: Any) -> bytes:
    """A language model whose state is carried over windows."""
    made = ost.Trainer(
        language_model(),
        loss="cross_entropy",
        through_time=ost.TruncatedBPTT(2, 2),
        callbacks=callbacks,
        seed=2,
    )
    made.fit(windows(), epochs=EPOCHS, **options)
    return bytes(made.net.arena.tobytes()) + repr(made.history.rows).encode()


def resumed(run: Any, path: Path, step: int, threads: tuple[int, int]) -> bytes:
    """What a run leaves that is cut after a step and continues with another number of threads."""
    ost.set_num_threads(threads[0])
    try:
        run((Cut(path, step),))
    except KeyboardInterrupt:
        pass
    ost.set_num_threads(threads[1])
    return bytes(run((), resume=path))


def measure(long: bool) -> Row:
    """Cuts runs of every cell with every optimizer, and runs whose state is carried."""
    draw = random.Random(5)
    cells, optimizers = ost.plugins.list("cell"), ost.plugins.list("optimizer")
    pairs = list(itertools.product(cells, optimizers))
    if not long:
        pairs = draw.sample(pairs, 4)
    cuts, wrong = 0, []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.ckpt"

        def one(run: Any, named: str) -> None:
            nonlocal cuts
            step, threads = draw.randrange(1, 5), (draw.randint(1, 3), draw.randint(1, 4))
            ost.set_num_threads(1)
            cuts += 1
            if resumed(run, path, step, threads) != run(()):
                wrong.append(f"{named} after update {step}, threads {threads}")

        for cell, optimizer in pairs:
            way = draw.choice([ost.FullBPTT(), ost.TruncatedBPTT(3, 3), ost.TruncatedBPTT(2, 4)])

            def run(
                callbacks: Any, cell: str = cell, optimizer: str = optimizer, way: Any = way, **options: Any
            ) -> bytes:
                return fit(trainer(cell, optimizer, way, callbacks), **options)

            one(run, f"{cell}, {optimizer}, {way}")
        for _ in range(50 if long else 2):
            one(lambda callbacks, **options: streamed(callbacks, **options), "carried states")
    figure = (
        f"{cuts} cuts, {len(cells)} cells and {len(optimizers)} optimizers: {len(wrong)} differ"
        + "".join(f"; {one}" for one in wrong[:1])
    )
    return Row(
        "R5", "a run that is cut and resumed, also with other threads, has the same bits", figure, not wrong
    )
