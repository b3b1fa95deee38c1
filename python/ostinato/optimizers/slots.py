"""The slots of a parameter: what an optimizer stores for it from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ostinato.aligned import aligned_zeros
from ostinato.errors import ConfigError, shown
from ostinato.suggest import did_you_mean

Array: TypeAlias = NDArray[Any]
Shape: TypeAlias = tuple[int, ...]
SlotForms: TypeAlias = Mapping[str, str]
"""Name -> form."""

FORMS: Final[Mapping[str, str]] = {
    "zeros": "a number for each number of the parameter, at first 0",
    "param": "a number for each number of the parameter, at first the parameter",
    "scalar": "one number, at first 0",
    "row": "a number for each row, at first 0",
    "column": "a number for each column, at first 0",
}


def read_forms(owner: str, slots: object) -> dict[str, str]:
    """Name -> form of the slots that a class declares: names alone start at zeros. Raises ConfigError."""
    if isinstance(slots, Sequence) and not isinstance(slots, str):
        slots = dict.fromkeys(slots, "zeros")
    if not isinstance(slots, Mapping) or not all(isinstance(name, str) for name in slots):
        raise ConfigError(f'{owner}: slots is {shown(slots)}; expected names, or {{"name": "zeros"}}')
    for name, form in slots.items():
        if form not in FORMS:
            hint = did_you_mean(str(form), FORMS, "forms")
            raise ConfigError(f"{owner}: slot {shown(name)} has the form {shown(form)}; {hint}")
    return dict(slots)


def couples(forms: SlotForms) -> bool:
    """Whether a slot belongs to several numbers of a parameter together."""
    return any(form in ("scalar", "row", "column") for form in forms.values())


def slot_shape(form: str, shape: Shape) -> Shape:
    """The shape of a slot: the last axis of a parameter counts its columns, all others its rows."""
    return {"scalar": (), "row": shape[:-1], "column": shape[-1:]}.get(form, shape)


def slot_dtype(form: str, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Slots of several numbers together are float64, all others of the parameter's type."""
    return dtype if form in ("zeros", "param") else np.dtype(np.float64)


def new_slot(form: str, param: Array) -> Array:
    """The slot of a parameter before its first step."""
    made = aligned_zeros(slot_shape(form, param.shape), slot_dtype(form, param.dtype))
    if form == "param":
        made[...] = param
    return made


def spread(form: str, slot: Array) -> Any:
    """A slot as NumPy's equations read it, next to the parameter."""
    if form == "scalar":
        return slot[()]
    return slot[..., np.newaxis] if form == "row" and slot.ndim else slot
