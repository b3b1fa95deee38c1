"""The state of an optimizer at a moment, to which it can return bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.optimizers.arrays import Array
from ostinato.optimizers.optimizer import Optimizer
from ostinato.plain import plain_copy

_SLOTS = "_kept_slots"
# What is replaced as a whole when it changes, or depends on the rest.
_SHARED = ("_engine_of_this", "_group_members", "_missed_steps", "_names")


class OptimizerSnapshot:
    """A copy of the steps, options, slots and further attributes of an optimizer.

    Slots are copied into memory that is kept from snapshot to snapshot. `prepare` does all that can fail, so
    that `take` only copies.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._values: dict[tuple[str, str], Array] = {}
        self._attributes: dict[str, Any] = {}
        self._members: list[tuple[Optimizer, dict[str, Any]]] = []
        self._slots: dict[str, dict[str, Array]] = {}
        self._prepared: tuple[Any, ...] = ()

    def prepare(self) -> None:
        """Copy everything but the values of slots, aside. A failure leaves the last snapshot as it is."""
        one = self._optimizer
        slots = {name: dict(group) for name, group in one._kept.items()}
        for name, group in slots.items():
            for slot, array in group.items():
                kept = self._values.get((name, slot))
                if kept is None or kept.shape != array.shape or kept.dtype != array.dtype:
                    self._values[name, slot] = np.empty_like(array)
        members = [(member, _attributes(member)) for member in one._members.values()]
        self._prepared = slots, members, _attributes(one)

    def take(self) -> None:
        """Make what was prepared the snapshot."""
        self._slots, self._members, self._attributes = self._prepared
        for name, group in self._slots.items():
            for slot, array in group.items():
                np.copyto(self._values[name, slot], array)

    def put_back(self) -> None:
        """Return the optimizer to the snapshot."""
        for member, attributes in (*self._members, (self._optimizer, self._attributes)):
            member.__dict__.clear()
            member.__dict__.update(plain_copy(attributes))
        slots = {name: dict(group) for name, group in self._slots.items()}
        self._optimizer.__dict__[_SLOTS] = slots
        for name, group in slots.items():
            for slot, array in group.items():
                np.copyto(array, self._values[name, slot])


def _attributes(optimizer: Optimizer) -> dict[str, Any]:
    own = {name: value for name, value in optimizer.__dict__.items() if name != _SLOTS}
    return {name: value if name in _SHARED else plain_copy(value) for name, value in own.items()}
