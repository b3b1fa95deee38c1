"""The model of `make demo` trained by `ostinato train`'s own Trainer, and the same model in PyTorch.

They alternate window by window: after each update of ours, PyTorch trains on the same window.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from bench import torch  # imported there, after the settings that it reads
from timing import Pair

import ostinato as ost
from ostinato.cli.text.language_model import Clock, Plan, build, trainer
from ostinato.data import Alphabet, Streams, king_james, split
from ostinato.specs import hookimpl

HIDDEN, EMBEDDING = 256, 32
# Windows that are not counted, and over which both must have the same loss: float32 sums of other orders,
# moved apart by as many updates.
FIRST, TOLERANCE = 5, 1e-3
LEAST = 7


class Rival:
    """Embedding, LSTM, linear head; cross entropy, clipped, fused Adam; no gradient across windows."""

    def __init__(self, params: dict[str, np.ndarray], plan: Plan) -> None:
        given = {name: torch.from_numpy(value.copy()) for name, value in params.items()}
        letters, hidden = given["2.weight"].shape
        self.embedding = torch.nn.Embedding(letters, given["0.weight"].shape[1])
        self.lstm = torch.nn.LSTM(given["0.weight"].shape[1], hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, letters)
        self.module = torch.nn.ModuleList([self.embedding, self.lstm, self.head])
        self.module.load_state_dict(given)
        self.optimizer = torch.optim.Adam(self.module.parameters(), lr=plan.learning_rate, fused=True)
        self.clip = plan.clip
        self.state: tuple[torch.Tensor, ...] | None = None

    def step(self, batch: Any) -> float:
        """Trains on a window; its loss."""
        x, targets = torch.from_numpy(batch.x), torch.from_numpy(batch.targets)
        y, state = self.lstm(self.embedding(x), self.state if batch.carries else None)
        self.state = tuple(one.detach() for one in state)
        loss = torch.nn.functional.cross_entropy(self.head(y).flatten(0, 1), targets.flatten())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.clip)
        self.optimizer.step()
        return float(loss.detach())


class Turns:
    """A callback of our training that lets the rival train on every window, too."""

    def __init__(self, rival: Rival, seconds: float) -> None:
        self.rival, self.end = rival, time.perf_counter() + seconds
        self.times: tuple[list[float], list[float]] = ([], [])
        self.batch: Any = None
        self.begin = time.perf_counter()

    @hookimpl
    def ostinato_batch_start(self, batch: Any) -> None:
        """Remember the window."""
        self.batch = batch

    @hookimpl
    def ostinato_batch_end(self, run: Any, step: int, metrics: Any) -> None:
        """Ours ends here, and begins again after the rival. Raises RuntimeError where losses differ."""
        now = time.perf_counter()
        loss = self.rival.step(self.batch)
        after = time.perf_counter()
        if step < FIRST:
            if not abs(loss / metrics["loss"] - 1) <= TOLERANCE:
                raise RuntimeError(f"window {step}: our loss is {metrics['loss']}, torch's {loss}")
        else:
            for times, taken in zip(self.times, (now - self.begin, after - now), strict=True):
                times.append(taken)
        if after > self.end and len(self.times[0]) >= LEAST:
            run.stop("measured")
        self.begin = time.perf_counter()


def alternate(threads: int, seconds: float, facts: dict[str, float]) -> Pair:
    """Trains both for so long; puts the characters of a window into `facts`."""
    ost.set_num_threads(threads)
    torch.set_num_threads(threads)
    # No end in sight, so that the learning rate stays what it is.
    plan = Plan(steps=10**9, seconds=1e9)
    known, _ = split(king_james())
    alphabet = Alphabet(known)
    network = build("lstm", len(alphabet), hidden=HIDDEN, embedding=EMBEDDING, seed=0)
    turns = Turns(Rival(network.state_dict(), plan), seconds)
    model = trainer(network, plan, Clock(plan), [turns], 0)
    model.fit(Streams(alphabet.encode(known), plan.rows, plan.window), epochs=1)
    facts["characters"] = plan.rows * plan.window
    return Pair.of(*turns.times)
