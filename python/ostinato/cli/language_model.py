"""A character language model: Embedding -> cell -> Dense, trained on streams, measured and sampled."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import ostinato
from ostinato import checks
from ostinato.data import Alphabet, Streams
from ostinato.errors import ConfigError
from ostinato.optimizers import Adam, clip_norm

Ids = np.ndarray[Any, np.dtype[np.int64]]
NATS_PER_BIT = math.log(2.0)


@dataclass(frozen=True)
class Plan:
    """How to train: `rows` streams read `window` characters at a time, for `steps` windows or `seconds`.

    The learning rate falls from `learning_rate` to 0 along half a cosine, by whichever ends first.
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


@dataclass(frozen=True)
class Step:
    """What is told after each window: number from 1, share done 0..1, bits per character, characters seen."""

    number: int
    done: float
    bits: float
    characters: int


def build(cell: str, size: int, *, hidden: int, embedding: int, seed: int) -> ostinato.Network:
    """The network over an alphabet of `size` characters: ids (N, T) -> logits (N, T, size)."""
    return ostinato.Sequential(
        ostinato.Embedding(size, embedding, seed=seed),
        ostinato.Recurrent(cell, embedding, hidden, seed=seed),
        ostinato.Dense(hidden, size, seed=seed),
    )


def train(network: ostinato.Network, ids: Ids, plan: Plan, told: Callable[[Step], None]) -> None:
    """Trains on the text `ids` (L,), carrying the state of each stream from window to window.

    Gradients stop at a window's border. `told` is called after each window. Raises ConfigError, ShapeError.
    """
    streams = Streams(ids, plan.rows, plan.window)
    optimizer = Adam(plan.learning_rate)
    start, number, characters, done = time.monotonic(), 0, 0, 0.0
    while done < 1.0:
        state = None
        for window in streams:
            loss, gradients = network.value_and_grad(
                window.ids, window.targets, loss="cross_entropy", lengths=window.lengths, state=state
            )
            state = gradients.final_state
            clip_norm(gradients.arena, plan.clip)
            optimizer.lr = plan.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))
            optimizer.step(network.arena, gradients.arena)
            number, characters = number + 1, characters + int(window.lengths.sum())
            done = max(number / plan.steps, (time.monotonic() - start) / plan.seconds)
            told(Step(number, min(done, 1.0), loss / NATS_PER_BIT, characters))
            if done >= 1.0:
                break


def bits_per_character(network: ostinato.Network, ids: Ids, pieces: int | None = None) -> float:
    """The mean over all of `ids` but the first, each predicted from those before it in its stream.

    The text is read as 32 streams, 256 characters at a time; `pieces` stops after so many windows, which lie
    all over the text and so are a fair sample of it.
    """
    nats, count, state = 0.0, 0, None
    for piece in itertools.islice(Streams(ids, 32, 256), pieces):
        value, state = network.loss_value(
            piece.ids,
            piece.targets,
            loss="cross_entropy",
            lengths=piece.lengths,
            state=state,
            reduction="sum",
        )
        nats, count = nats + value, count + int(piece.lengths.sum())
    return nats / NATS_PER_BIT / count


def sample(
    network: ostinato.Network, alphabet: Alphabet, length: int, *, prompt: str, temperature: float, seed: int
) -> str:
    """`length` characters that follow `prompt`, drawn one by one from the softmax of logits / temperature.

    Raises ConfigError when the prompt is empty or has unknown characters, or a number is out of range.
    """
    if not prompt:
        raise ConfigError("prompt is empty; the model needs a character to go on from")
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
