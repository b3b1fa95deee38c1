"""The measurements of the demo: its learning curve, the held-out text during training, the best weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import ostinato
from ostinato.cli.text.language_model import NATS_PER_BIT, Clock
from ostinato.specs import hookimpl

# The weight of one window in the displayed running mean: about the last 50 windows.
SMOOTHING = 0.02


class Watch:
    """A plugin of the run. `learned` and `looks` are lists of (characters seen, bits per character).

    `look` measures the held-out text; it is called `times` times, evenly spread over the training. `best` are
    the weights with the lowest measurement, `best_seen` the characters seen by then. With `path`, a
    checkpoint is written after each measurement.
    """

    def __init__(self, clock: Clock, look: Callable[[], float], times: int, path: Any = None) -> None:
        self._clock = clock
        self._look = look
        self._times = times
        self._path = path
        self.learned: list[tuple[int, float]] = []
        self.looks: list[tuple[int, float]] = []
        self.best: Any = None
        self.best_bits, self.best_seen = math.inf, 0

    @hookimpl
    def ostinato_batch_end(self, run: ostinato.TrainingRun, step: int, metrics: Mapping[str, float]) -> None:
        """Record the bits per character of a window, and measure the held-out text at intervals."""
        bits, seen = metrics["loss"] / NATS_PER_BIT, self._clock.characters
        before = self.learned[-1][1] if self.learned else bits
        self.learned.append((seen, before + max(SMOOTHING, 1.0 / (step + 1)) * (bits - before)))
        if self._clock.done >= len(self.looks) / self._times:
            self.look(run.net)
            if self._path is not None:
                run.save(self._path)

    def look(self, net: ostinato.Network) -> None:
        """Measure the held-out text, and keep the weights if they are the best."""
        seen, bits = self._clock.characters, self._look()
        self.looks.append((seen, bits))
        if bits < self.best_bits:
            self.best_bits, self.best_seen, self.best = bits, seen, net.arena.copy()

    @hookimpl
    def ostinato_save(self) -> dict[str, Any]:
        """The curves, and the best weights."""
        return {
            "learned": np.array(self.learned, np.float64).reshape(-1, 2),
            "looks": np.array(self.looks, np.float64).reshape(-1, 2),
            "best": self.best,
            "best_bits": self.best_bits,
            "best_seen": self.best_seen,
        }

    @hookimpl
    def ostinato_load(self, state: Mapping[str, Any]) -> None:
        """Continue the curves."""
        self.learned, self.looks = (
            [(int(seen), float(bits)) for seen, bits in state[key]] for key in ("learned", "looks")
        )
        self.best, self.best_bits, self.best_seen = (
            state["best"],
            float(state["best_bits"]),
            int(state["best_seen"]),
        )

    def figures(self, run: ostinato.TrainingRun, metrics: Mapping[str, float]) -> str:
        """The text next to the bar."""
        held_out = f"  held out {self.looks[-1][1]:.3f}" if self.looks else ""
        best = f" (best {self.best_bits:.3f})" if self.looks and self.looks[-1][1] > self.best_bits else ""
        return f"{self.learned[-1][1]:.3f} bits/char{held_out}{best}  {self._clock.speed:,.0f} chars/s"
