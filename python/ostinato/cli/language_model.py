"""A character language model: Embedding -> cell -> Dense, trained on streams, measured and sampled."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import ostinato
from ostinato import checks
from ostinato.data import Alphabet, Streams
from ostinato.errors import ConfigError
from ostinato.optimizers import Adam
from ostinato.schedules import Cosine
from ostinato.specs import hookimpl
from ostinato.strategies import Truncated

Ids = np.ndarray[Any, np.dtype[np.int64]]
NATS_PER_BIT = math.log(2.0)


@dataclass(frozen=True)
class Plan:
    """How to train: `rows` streams read `window` characters at a time, for `steps` windows or `seconds`.

    The learning rate falls from `learning_rate` to 0 along half a cosine, by the limit that ends first.
    Gradients are scaled down to a global norm of `clip`. Raises ConfigError.
    """

    rows: int = 32
    window: int = 64
    steps: int = 3600
    seconds: float = 225.0
    learning_rate: float = 4e-3
    clip: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"steps is {self.steps}; expected at least 1")
        if not self.seconds > 0.0:
            raise ConfigError(f"seconds is {self.seconds:g}; expected above 0")


def build(cell: str, size: int, *, hidden: int, embedding: int, seed: int) -> ostinato.Network:
    """The network over an alphabet of `size` characters: ids (N, T) -> logits (N, T, size)."""
    return ostinato.Sequential(
        ostinato.Embedding(size, embedding, seed=seed),
        ostinato.Recurrent(cell, embedding, hidden, seed=seed),
        ostinato.Dense(hidden, size, seed=seed),
    )


class Clock:
    """The completed share of a plan, which ends the run. `characters` is the number seen so far."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._start = time.monotonic()
        self._steps = self.characters = 0

    @property
    def done(self) -> float:
        """The share 0..1 of the steps, or of the time, whichever is larger."""
        spent = (time.monotonic() - self._start) / self._plan.seconds
        return min(max(self._steps / self._plan.steps, spent), 1.0)

    @property
    def speed(self) -> float:
        """Characters per second."""
        return self.characters / max(time.monotonic() - self._start, 1e-9)

    @hookimpl
    def ostinato_run_start(self) -> None:
        """Start the clock."""
        self._start, self._steps, self.characters = time.monotonic(), 0, 0

    @hookimpl
    def ostinato_batch_start(self, batch: ostinato.Batch) -> None:
        """Count the characters of a window."""
        self.characters += int(batch.count)

    @hookimpl
    def ostinato_batch_end(self, run: ostinato.TrainingRun) -> None:
        """Count the window."""
        self._steps = run.step
        if self.done >= 1.0:
            run.stop("the plan is done")


def trainer(
    network: ostinato.Network, plan: Plan, clock: Clock, callbacks: Sequence[Any], seed: int
) -> ostinato.Trainer:
    """Trains the network on `Streams`: gradients stop at a window's border, states are carried over."""
    cosine = Cosine()
    return ostinato.Trainer(
        network,
        loss="cross_entropy",
        optimizer=Adam(plan.learning_rate),
        schedule=lambda start, when: cosine(start, replace(when, done=clock.done)),
        strategies=[Truncated(plan.window)],
        clip_norm=plan.clip,
        metrics=["bits_per_character"],
        callbacks=[clock, *callbacks],
        seed=seed,
    )


def bits_per_character(model: ostinato.Trainer, ids: Ids, pieces: int | None = None) -> float:
    """The mean over all of `ids` but the first, each predicted from those before it in its stream.

    The text is read as 32 streams, 256 characters at a time; `pieces` limits the number of windows. Windows
    come from all over the text, so they are a fair sample.
    """
    windows = itertools.islice(Streams(ids, min(32, max(len(ids) - 1, 1)), 256), pieces)
    return model.evaluate(windows)["bits_per_character"]


def sample(
    network: ostinato.Network, alphabet: Alphabet, length: int, *, prompt: str, temperature: float, seed: int
) -> str:
    """`length` characters that follow `prompt`, sampled one by one from softmax(logits / temperature).

    Raises ConfigError if the prompt is empty or has unknown characters, or a number is out of range.
    """
    if not prompt:
        raise ConfigError("prompt is empty; the model needs a character to continue from")
    if not 1e-3 <= temperature <= 1e3:
        raise ConfigError(f"temperature is {temperature}; expected 0.001 to 1000")
    checks.whole("sample", "length", length, at_least=0)
    rng = np.random.default_rng(checks.whole("sample", "seed", seed, at_least=0))
    run = network.run(alphabet.encode(prompt)[None, :])
    drawn: list[int] = []
    for _ in range(length):
        logits = run.outputs[0, -1].astype(np.float64) / temperature
        weights = np.exp(logits - logits.max())
        drawn.append(int(rng.choice(len(alphabet), p=weights / weights.sum())))
        run = network.run(np.array([[drawn[-1]]]), state=run.final_state)
    return alphabet.decode(drawn)
