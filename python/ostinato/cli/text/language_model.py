"""A character language model: Embedding -> cell -> Dense, trained on streams, measured and sampled."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import ostinato
from ostinato.data import Alphabet, Streams
from ostinato.errors import ConfigError
from ostinato.optimizers import Adam
from ostinato.regularizers import Dropout
from ostinato.schedules import Cosine
from ostinato.specs import hookimpl
from ostinato.strategies import Truncated

Ids = np.ndarray[Any, np.dtype[np.int64]]
NATS_PER_BIT = math.log(2.0)


@dataclass(frozen=True)
class Plan:
    """How to train: `rows` streams read `window` characters at a time, for `steps` windows or `seconds`.

    An infinite number of seconds is no limit. The learning rate falls from `learning_rate` to 0 along half a
    cosine, by the limit that ends first.
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


def build(
    cell: str, size: int, *, hidden: int, embedding: int, seed: int, layers: int = 1, dropout: float = 0.0
) -> ostinato.Network:
    """The network over an alphabet of `size` characters: ids (N, T) -> logits (N, T, size).

    dropout: of the input of each layer of the cell, and of the logits' layer.
    """
    drop = [Dropout(dropout)] if dropout else []
    return ostinato.Sequential(
        ostinato.Embedding(size, embedding, seed=seed),
        ostinato.Recurrent(cell, embedding, hidden, layers, regularizers=drop, seed=seed),
        ostinato.Dense(hidden, size, regularizers=drop, seed=seed),
    )


class Clock:
    """The completed share of a plan, which ends the run. `characters` is the number seen so far.

    A resumed run continues with the time that it had spent.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._begin(0.0, 0, 0)

    def _begin(self, spent: float, steps: int, characters: int) -> None:
        self._start, self._spent = time.monotonic(), spent
        self._steps, self.characters = steps, characters

    @property
    def seconds(self) -> float:
        """The time of training so far."""
        return self._spent + time.monotonic() - self._start

    @property
    def done(self) -> float:
        """The share 0..1 of the steps, or of the time, whichever is larger."""
        return min(max(self._steps / self._plan.steps, self.seconds / self._plan.seconds), 1.0)

    @property
    def speed(self) -> float:
        """Characters per second."""
        return self.characters / max(self.seconds, 1e-9)

    @hookimpl
    def ostinato_run_start(self) -> None:
        """Start the clock."""
        self._begin(0.0, 0, 0)

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

    @hookimpl
    def ostinato_save(self) -> dict[str, Any]:
        """The time and the counts so far."""
        return {"seconds": self.seconds, "steps": self._steps, "characters": self.characters}

    @hookimpl
    def ostinato_load(self, state: Mapping[str, Any]) -> None:
        """Continue from them."""
        self._begin(float(state["seconds"]), int(state["steps"]), int(state["characters"]))


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

    A temperature of 0 takes the most likely character each time. Raises ConfigError if the prompt is empty or
    has unknown characters, or a number is out of range.
    """
    if not prompt:
        raise ConfigError("prompt is empty; the model needs a character to continue from")
    ids = ostinato.generate(network, alphabet.encode(prompt), length, temperature=temperature, seed=seed)
    return alphabet.decode(ids)
