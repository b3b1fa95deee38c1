"""The measurements of the demo: its learning curve, and the held-out text during training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ostinato
from ostinato.cli.language_model import NATS_PER_BIT, Clock
from ostinato.specs import hookimpl

# The weight of one window in the displayed running mean: about the last 50 windows.
SMOOTHING = 0.02


class Watch:
    """A plugin of the run. `learned` and `looks` are lists of (characters seen, bits per character).

    `look` measures the held-out text; it is called `times` times, evenly spread over the training.
    """

    def __init__(self, clock: Clock, look: Callable[[], float], times: int) -> None:
        self._clock = clock
        self._look = look
        self._times = times
        self.learned: list[tuple[int, float]] = []
        self.looks: list[tuple[int, float]] = []

    @hookimpl
    def ostinato_batch_end(self, step: int, metrics: Mapping[str, float]) -> None:
        """Record the bits per character of a window, and measure the held-out text at intervals."""
        bits, seen = metrics["loss"] / NATS_PER_BIT, self._clock.characters
        before = self.learned[-1][1] if self.learned else bits
        self.learned.append((seen, before + max(SMOOTHING, 1.0 / (step + 1)) * (bits - before)))
        if self._clock.done >= len(self.looks) / self._times:
            self.looks.append((seen, self._look()))

    def figures(self, run: ostinato.TrainingRun, metrics: Mapping[str, float]) -> str:
        """The text next to the bar."""
        return f"{self.learned[-1][1]:.3f} bits/char  {self._clock.speed:,.0f} chars/s"
