"""R7: the same seed gives the same parameters in every process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import ostinato as ost
from tests.reliability.row import Row
from tests.training.tasks import network, running_sum


def trained() -> str:
    """The digest of a network trained with noise."""
    x, y = running_sum()
    net = network("lstm", regularizers=[ost.Dropout(0.3), ost.Zoneout(0.2)])
    ost.Trainer(net, loss="mse", optimizer="adam", clip_norm=1.0, seed=7).fit(x, y, epochs=3, batch_size=4)
    return hashlib.sha256(net.arena.tobytes()).hexdigest()


def measure(long: bool) -> Row:
    """Processes with other hash seeds and numbers of threads."""
    count, found = (20 if long else 3), []
    for number in range(count):
        environment = {**os.environ, "PYTHONHASHSEED": str(number)}
        command = [sys.executable, "-m", "tests.reliability.r07_processes", str(1 + number % 3)]
        found.append(
            subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
        )
    figure = f"{count} processes: {len(set(found))} digest{'s' * (len(set(found)) > 1)} of the parameters"
    return Row("R7", "the same seed gives the same parameters in every process", figure, len(set(found)) == 1)


if __name__ == "__main__":
    ost.set_num_threads(int(sys.argv[1]))
    print(trained())
