"""The best parameters of a run, and its end if nothing improves: a callback that survives several fits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np

from ostinato.errors import FormatError, shown
from ostinato.network import Network
from ostinato.sequences.arrays import Array
from ostinato.specs import hookimpl
from ostinato.training import TrainingRun

HALVED: Final = 5
"""Epochs without an improvement that add one to `drops`."""


class Best:
    """Watches `metric` over all fits of a trainer.

    `finish` gives the network the best parameters, `resume` those of the last update, so that a fit in two
    parts is bit-identical to one. patience: epochs without an improvement of more than `tol` after which the
    run stops; `drops` counts how often 5 of them came. restore: whether the best parameters are better
    evidence than the last: those of held-out rows.
    """

    adds_metrics: ClassVar[bool] = False

    def __init__(self, metric: str, patience: int, tol: float, restore: bool) -> None:
        self.metric, self.patience, self.tol, self.restore = metric, patience, tol, restore
        self.best, self.lowest, self.waited, self.drops = math.inf, math.inf, 0, 0
        self.chosen: Array | None = None
        self.last: Array | None = None

    def resume(self, net: Network) -> None:
        """Before a further fit: the parameters of the last update."""
        if self.last is not None:
            net.arena[...] = self.last
            self.last = None
        if self.waited >= self.patience:
            self.waited = 0

    def finish(self, net: Network) -> None:
        """After a fit, also an interrupted one: the best parameters. A second call changes nothing."""
        if self.last is None:
            self.last = net.arena.copy()
        if self.chosen is not None:
            net.arena[...] = self.chosen

    def to_file(self, net: Network) -> dict[str, Any]:
        """The counts, and both sets of parameters by name; "network" for those that the network has."""
        state = self.ostinato_save()
        parameters = {"chosen": self.chosen, "last": self.last}
        return {**state, **{name: _named(net, one) for name, one in parameters.items()}}

    def from_file(self, state: Mapping[str, Any], net: Network) -> None:
        """The inverse. Raises FormatError; then nothing changes."""
        found = {name: _flat(net, state.get(name)) for name in ("chosen", "last")}
        for name, kind in (("best", float), ("lowest", float), ("waited", int), ("drops", int)):
            if type(state.get(name)) is not kind:
                raise FormatError(f"{name} of the training is {shown(state.get(name))}; expected a number")
            found[name] = state[name]
        vars(self).update(found)

    @hookimpl
    def ostinato_epoch_end(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Compare with the best epoch so far."""
        if self.metric not in metrics:  # partial_fit holds nothing out: the last parameters are the best
            self.chosen, self.waited, self.lowest = None, 0, math.inf
            return
        value = metrics[self.metric]
        self.waited = 0 if value < self.best - self.tol else self.waited + 1
        self.best = min(self.best, value) if self.waited == 0 else self.best
        self.drops += self.waited > 0 and self.waited % HALVED == 0
        if self.restore and value < self.lowest:
            self.lowest, self.chosen = value, run.net.arena.copy()

    @hookimpl
    def ostinato_should_stop(self) -> str | None:
        """Stop when patience is exhausted; say why."""
        if self.waited < self.patience:
            return None
        return f"{self.metric} did not improve by more than {self.tol:g} for {self.waited} epochs"

    @hookimpl
    def ostinato_save(self) -> dict[str, Any]:
        """The counts and the best parameters."""
        return {
            "best": self.best,
            "lowest": self.lowest,
            "waited": self.waited,
            "drops": self.drops,
            "chosen": self.chosen,
        }

    @hookimpl
    def ostinato_load(self, run: TrainingRun, state: Mapping[str, Any]) -> None:
        """Continue counting; a run that had come to its end stops again."""
        self.best, self.lowest = state["best"], state["lowest"]
        self.waited, self.drops, self.chosen = state["waited"], state["drops"], state["chosen"]
        reason = self.ostinato_should_stop()
        if reason is not None:
            run.stop(reason)


def _named(net: Network, flat: Array | None) -> Any:
    """Parameters by name, of an arena; "network" for the same bits as in the network, None for none."""
    if flat is None or flat.tobytes() == net.arena.tobytes():
        return None if flat is None else "network"
    return {name: flat[_place(net, one)].reshape(one.shape).copy() for name, one in net.parameters().items()}


def _flat(net: Network, state: Any) -> Array | None:
    """The inverse of `_named`. Raises FormatError."""
    if state is None:
        return None
    flat: Array = net.arena.copy()
    if state == "network":
        return flat
    known = net.parameters()
    if not isinstance(state, dict) or {*state} != {*known}:
        raise FormatError("the training of the file has other parameters than its network")
    for name, one in known.items():
        found = state[name]
        if not isinstance(found, np.ndarray) or (found.shape, found.dtype) != (one.shape, one.dtype):
            raise FormatError(f"{shown(name)} of the training is {shown(found)}; expected {one.shape}")
        flat[_place(net, one)] = found.reshape(-1)
    return flat


def _place(net: Network, view: Array) -> slice:
    """Where a parameter is in the arena, of which it is a view."""
    start = (view.ctypes.data - net.arena.ctypes.data) // view.itemsize
    return slice(start, start + view.size)
