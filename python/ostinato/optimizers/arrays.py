"""The arrays of a step: parameters, gradients and slots by name, checked before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError, DTypeError, ShapeError, shown
from ostinato.optimizers.slots import Shape, SlotForms, new_slot, slot_dtype, slot_shape
from ostinato.sequences.arrays import as_array
from ostinato.suggest import did_you_mean

Array: TypeAlias = NDArray[Any]

_ARENA = "arena"
# The name of an arena in slots, which are stored by name.


@dataclass(frozen=True, eq=False)
class Entry:
    """A parameter, its gradient in the parameter's number type, its slots and their forms.

    `place` is (start, stop) of a part of an arena.
    """

    name: str
    param: Array
    grad: Array
    slots: dict[str, Array]
    forms: SlotForms
    place: tuple[int, int] | None = None


def by_name(arrays: Mapping[str, Array] | Array, argument: str = "params") -> Mapping[str, Array]:
    """Arrays by name; a single array is an arena."""
    if isinstance(arrays, Mapping):
        if not all(isinstance(name, str) for name in arrays):
            raise DTypeError(f"{argument} is {shown(arrays)}; expected arrays by their names")
        return arrays
    if isinstance(arrays, type):
        raise DTypeError(
            f"{argument} is {shown(arrays)}; expected net.parameters() and grads.params, or arenas"
        )
    return {_ARENA: arrays}


def frozen_of(params: Mapping[str, Array] | Array, grads: Mapping[str, Array] | Array) -> set[Any]:
    """What of the parameters is frozen: names of a mapping, (start, stop) of an arena.

    The parameters know what is frozen now, and gradients what was frozen when they were computed.
    """
    return {one for arrays in (params, grads) for one in getattr(arrays, "frozen", ())}


def dense(array: Array) -> Array:
    """The array itself if it is C-contiguous and aligned, as the engine needs it, else such a copy."""
    fits = array.flags.c_contiguous and array.flags.aligned
    return array if fits else np.require(array, requirements=["C", "A"])


def read_entries(
    owner: str,
    params: Mapping[str, Array],
    grads: Mapping[str, Array],
    kept: Mapping[str, dict[str, Array]],
    forms: Callable[[str, Shape], SlotForms],
    frozen: Collection[Any] = (),
) -> list[Entry]:
    """One entry for each parameter that is not `frozen`.

    `forms`: of the slots of a parameter, by its name and shape.

    Raises ShapeError for names or shapes that differ, DTypeError for parameters that are not float32 or
    float64, ConfigError for read-only ones.
    """
    for name in grads:
        if name not in params:
            raise ShapeError(
                f"{owner}: grads has {shown(name)}, which params does not have; {did_you_mean(name, params)}"
            )
    return [
        _entry(owner, name, param, grads, kept.get(name), forms)
        for name, param in params.items()
        if name not in frozen
    ]


def _entry(
    owner: str,
    name: str,
    param: Array,
    grads: Mapping[str, Array],
    kept: dict[str, Array] | None,
    forms: Callable[[str, Shape], SlotForms],
) -> Entry:
    if name not in grads:
        raise ShapeError(
            f"{owner}: grads has no {shown(name)}; expected a gradient for every parameter; if "
            f"{shown(name)} is frozen,"
            " give net.parameters() itself, which knows it"
        )
    if not isinstance(param, np.ndarray) or param.dtype not in (np.float32, np.float64):
        got = param.dtype if isinstance(param, np.ndarray) else type(param).__name__
        raise DTypeError(
            f"{owner}: parameter {shown(name)} is {got}; expected an array of float32 or float64"
        )
    if not param.flags.writeable:
        raise ConfigError(
            f"{owner}: parameter {shown(name)} is read-only; expected an array to change in place"
        )
    found = as_array(f"{owner}: gradient of {name!r}", grads[name])
    if found.dtype.kind not in "biuf":
        raise DTypeError(
            f"{owner}: gradient of {shown(name)} is {shown(grads[name])}; expected an array of floats"
        )
    grad = np.asarray(found, param.dtype)
    if grad.shape != param.shape:
        raise ShapeError(f"{owner}: gradient of {shown(name)} has shape {grad.shape}; expected {param.shape}")
    slots = forms(name, param.shape)
    if kept is None:
        kept = {slot: new_slot(form, param) for slot, form in slots.items()}
    for slot, one in kept.items():
        form = slots.get(slot)
        shape = param.shape if form is None else slot_shape(form, param.shape)
        dtype = param.dtype if form is None else slot_dtype(form, param.dtype)
        if form is None or one.shape != shape or one.dtype != dtype:
            raise ShapeError(
                f"{owner}: {slot} of {shown(name)} has shape {one.shape} ({one.dtype}) and the parameter "
                f"{param.shape} ({param.dtype}); use a new optimizer for a new network"
            )
    return Entry(name, param, grad, {slot: kept[slot] for slot in slots}, slots)
