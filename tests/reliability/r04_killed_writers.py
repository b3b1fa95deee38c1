"""R4: a process that is killed while it writes checkpoints leaves one that loads."""

from __future__ import annotations

import random
import signal
import subprocess
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


def writer(path: str) -> None:
    """Trains until it is killed."""
    x, y = running_sum()
    trainer(path, (Announces(),)).fit(x, y, epochs=1_000_000, batch_size=5)


def killed(path: Path, after: float) -> int:
    """Kills a writer some seconds after its first checkpoint. The number of the last announced update."""
    command = [sys.executable, "-m", "tests.reliability.r04_killed_writers", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()  # the first checkpoint is written by now
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read()
    # the last line may be cut in the middle
    whole = said[: said.rfind("\n") + 1].split()
    return int(whole[-1]) if whole else 1


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


if __name__ == "__main__":
    writer(sys.argv[1])
