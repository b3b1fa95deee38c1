"""A step of an optimizer that is computed and checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ostinato.errors import NonFiniteError, shown
from ostinato.optimizers.arrays import Array, Entry


@dataclass(frozen=True)
class Overflow:
    """A number that a step would write and that is not finite.

    name: of the parameter, or of an arena; slot: "" for the parameter itself; index: its place, counted from
    the start of an arena; gradient: that of the same place, or the first of the parameter's that is not
    finite.
    """

    name: str
    slot: str
    value: float
    index: tuple[int, ...]
    gradient: float

    @classmethod
    def at(cls, entry: Entry, slot: str, value: Any, element: int) -> Overflow:
        """At element number `element` of the array of an entry, in C order."""
        array = entry.slots[slot] if slot else entry.param
        index = tuple(int(one) for one in np.unravel_index(element, array.shape)) if array.ndim else ()
        gradient = float(entry.grad[index]) if array.shape == entry.param.shape else 0.0
        if np.isfinite(gradient):  # numbers of a parameter may depend on each other
            bad = np.argwhere(~np.isfinite(entry.grad))
            first = tuple(int(one) for one in bad[0]) if len(bad) else ()
            if len(bad) or array.shape != entry.param.shape:
                gradient = float(entry.grad[first]) if len(bad) else float(np.abs(entry.grad).max(initial=0))
            if len(bad) and array is entry.param and not np.isfinite(value):
                index = first
        if entry.place is not None:
            index = (entry.place[0] + index[0],)
        return cls(entry.name, slot, float(value), index, gradient)

    def error(self, owner: str, lr: float | None) -> NonFiniteError:
        """The error of a step that is not taken."""
        at = f"[{', '.join(map(str, self.index))}]"
        what = f"{self.slot!r} of {shown(self.name)}" if self.slot else f"parameter {shown(self.name)}"
        rate = "" if lr is None else f", which is {lr:g}"
        why = (
            f"its gradient is {self.gradient:g}; look for a NaN in the data, or lower the learning rate{rate}"
            if not np.isfinite(self.gradient)
            else f"set clip_norm=, or look for large numbers in the data; its gradient is {self.gradient:g}"
            if self.slot
            else f"lower the learning rate{rate}"
        )
        return NonFiniteError(
            f"{owner}: the step would make {what} hold {self.value} at {at}, so nothing was changed; {why}"
        )


class Part(Protocol):
    """The step of some of the parameters."""

    @property
    def is_taken(self) -> bool:
        """Whether new values were written."""

    def overflow(self) -> Overflow | None:
        """The first number that would not be finite. Changes nothing."""

    def take(self) -> None:
        """Write the new values. A second call changes nothing more."""


class EagerPart:
    """The new values of one parameter, computed by NumPy."""

    def __init__(self, entry: Entry, param: Array, slots: dict[str, Array]) -> None:
        self._entry, self._param, self._slots = entry, param, slots
        self.is_taken = False

    def overflow(self) -> Overflow | None:
        """The first number that would not be finite."""
        for slot, values in (("", self._param), *self._slots.items()):
            finite = np.isfinite(values)
            if not finite.all():
                element = int(np.argmin(finite))
                return Overflow.at(self._entry, slot, values.flat[element], element)
        return None

    def take(self) -> None:
        """Write them."""
        self.is_taken = True
        self._entry.param[...] = self._param
        for slot, values in self._slots.items():
            self._entry.slots[slot][...] = values


class Stepped(Protocol):
    """What keeps the slots of an optimizer."""

    @property
    def _kept(self) -> dict[str, dict[str, Array]]: ...


class PlannedStep:
    """A step that is taken as a whole, or not at all.

    norm: of the gradients, before clipping; attributes: of the optimizer after the step; slots: of each
    parameter. Making it has changed nothing; `overflow` is the first number that would not be finite,
    parameters before slots.
    """

    def __init__(
        self,
        norm: float | None,
        parts: Sequence[Part],
        attributes: Mapping[str, Any],
        slots: Mapping[str, dict[str, Array]],
    ) -> None:
        self.norm, self.attributes, self.slots = norm, attributes, slots
        self._parts = tuple(parts)
        found = [one for one in (part.overflow() for part in self._parts) if one is not None]
        self.overflow = min(found, key=lambda one: one.slot != "", default=None)

    @property
    def is_begun(self) -> bool:
        """Whether new values were written."""
        return any(part.is_taken for part in self._parts)

    def take(self, optimizer: Stepped) -> None:
        """Take the step of this optimizer. After an error in the middle, a second call takes the rest."""
        for part in self._parts:
            part.take()
        vars(optimizer).update(self.attributes)
        for name, slots in self.slots.items():
            optimizer._kept.setdefault(name, slots)
