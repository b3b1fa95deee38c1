"""The state of an optimizer at a moment, to which it can return bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato.optimizers.arrays import Array
from ostinato.optimizers.optimizer import Optimizer
from ostinato.optimizers.planned import PlannedStep
from ostinato.plain import plain_copy

_SLOTS = "_kept_slots"
# What is replaced as a whole when it changes, or depends on the rest.
_SHARED = ("_engine_of_this", "_group_members", "_missed_steps", "_names")


class OptimizerSnapshot:
    """The steps, options, slots and further attributes of an optimizer at a moment.

    The values of slots are copied by `copy_values` only, into memory that is kept until `drop_values`.
    `prepare` and `make_room` do all that can fail, so that `take` and `copy_values` only copy.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._values: dict[tuple[str, str], Array] = {}
        self._attributes: dict[str, Any] = {}
        self._members: list[tuple[Optimizer, dict[str, Any]]] = []
        self._slots: dict[str, dict[str, Array]] = {}
        self._prepared: tuple[Any, ...] = ()

    def prepare(self, planned: PlannedStep | None = None) -> None:
        """Copy everything but the values of slots, aside: as it is now, or after a step that is planned.

        A failure leaves the last snapshot as it is.
        """
        one = self._optimizer
        slots = {name: dict(group) for name, group in one._kept.items()}
        attributes = _attributes(one)
        if planned is not None:
            slots = {**{name: dict(group) for name, group in planned.slots.items()}, **slots}
            attributes |= planned.attributes
        members = [(member, _attributes(member)) for member in one._members.values()]
        self._prepared = slots, members, attributes

    def take(self) -> None:
        """Make what was prepared the snapshot."""
        self._slots, self._members, self._attributes = self._prepared

    def make_room(self, *, prepared: bool = False) -> None:
        """Get the memory that `copy_values` needs, for this snapshot or for the prepared one."""
        for name, group in (self._prepared[0] if prepared else self._slots).items():
            for slot, array in group.items():
                kept = self._values.get((name, slot))
                if kept is None or kept.shape != array.shape or kept.dtype != array.dtype:
                    self._values[name, slot] = np.empty_like(array)

    def copy_values(self) -> None:
        """Copy the slots, which are as they were at the snapshot."""
        for name, group in self._slots.items():
            for slot, array in group.items():
                np.copyto(self._values[name, slot], array)

    def drop_values(self) -> None:
        """Give the memory of the copies back."""
        self._values = {}

    def put_back(self, *, values: bool) -> None:
        """Return the optimizer to the snapshot, with the copied `values` of slots."""
        for member, attributes in (*self._members, (self._optimizer, self._attributes)):
            member.__dict__.clear()
            member.__dict__.update(plain_copy(attributes))
        slots = {name: dict(group) for name, group in self._slots.items()}
        self._optimizer.__dict__[_SLOTS] = slots
        for name, group in slots.items() if values else ():
            for slot, array in group.items():
                np.copyto(array, self._values[name, slot])


def _attributes(optimizer: Optimizer) -> dict[str, Any]:
    own = {name: value for name, value in optimizer.__dict__.items() if name != _SLOTS}
    return {name: value if name in _SHARED else plain_copy(value) for name, value in own.items()}
