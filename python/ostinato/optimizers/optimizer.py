"""What every optimizer is: an equation per update, applied in place to parameters or to a whole arena."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.ops import Value
from ostinato.options import Configured
from ostinato.suggest import did_you_mean

Array: TypeAlias = NDArray[Any]
Slots: TypeAlias = dict[str, Value]

_ARENA = "arena"
# What a lone array is called where the slots are kept by name.


class Optimizer(Configured):
    """A rule `(param, grad, slots) -> (new param, new slots)`, element by element.

    Derive from it, list in `slots` the running values it keeps for each parameter (they start at zero), and
    write `update`. Hyper-parameters are attributes and may be changed between steps (a schedule sets `lr`).
    """

    kind: ClassVar[str] = "optimizer"
    slots: ClassVar[tuple[str, ...]] = ()
    lr: float

    _steps: int = 0
    _kept: dict[str, dict[str, Array]]

    def update(self, param: Value, grad: Value, slots: Slots, count: int) -> tuple[Value, Slots]:
        """Return the new parameter and the new slots; `count` is 1 at the first step."""
        raise ConfigError(
            f"optimizer {self.name!r} has no update; write update(self, param, grad, slots, count)"
        )

    @property
    def steps(self) -> int:
        """How many steps were taken."""
        return self._steps

    def step(self, params: Mapping[str, Array] | Array, grads: Mapping[str, Array] | Array) -> None:
        """Change `params` in place by one step along `grads`: two dicts of the same names, or two arenas.

        Everything is computed in the number type of the parameter. Raises ShapeError for names or shapes that
        differ and DTypeError for parameters that are not floats, before anything is changed.
        """
        values, slopes = _by_name(params), _by_name(grads)
        self._check(values, slopes)
        kept = self._slots_of(values)
        self._steps += 1
        for name, param in values.items():
            grad = np.asarray(slopes[name], param.dtype)
            new, slots = self.update(param, grad, dict(kept[name]), self._steps)
            param[...] = new
            for slot in self.slots:
                kept[name][slot][...] = slots[slot]

    def state_dict(self) -> dict[str, Any]:
        """Return {"steps", "options", "slots"}: the count, the hyper-parameters, copies of the slots."""
        slots = {
            name: {slot: one.copy() for slot, one in group.items()}
            for name, group in self._all_kept().items()
        }
        options = {name: getattr(self, name) for name in self.options}
        return {"steps": self._steps, "options": options, "slots": slots}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state_dict` returned; raise ConfigError when another optimizer wrote it."""
        owner = f"optimizer {self.name!r}"
        missing = [key for key in ("steps", "options", "slots") if key not in state]
        if missing:
            raise ConfigError(
                f"{owner}: the state has no {', '.join(missing)}; expected what state_dict() returned"
            )
        options, slots = dict(state["options"]), state["slots"]
        fresh = type(self)(**options)
        for name, group in slots.items():
            if set(group) != set(self.slots):
                raise ConfigError(
                    f"{owner}: {name!r} has slots {sorted(group)}; expected {sorted(self.slots)}"
                )
        if int(state["steps"]) < 0:
            raise ConfigError(f"{owner}: steps is {state['steps']!r}; expected at least 0")
        for option in fresh.options:
            setattr(self, option, getattr(fresh, option))
        self._steps = int(state["steps"])
        self._kept = {
            name: {slot: np.array(one) for slot, one in group.items()} for name, group in slots.items()
        }

    def _all_kept(self) -> dict[str, dict[str, Array]]:
        if "_kept" not in self.__dict__:
            self._kept = {}
        return self._kept

    def _slots_of(self, values: Mapping[str, Array]) -> dict[str, dict[str, Array]]:
        kept = self._all_kept()
        for name, param in values.items():
            if name not in kept:
                kept[name] = {slot: np.zeros_like(param) for slot in self.slots}
        return kept

    def _check(self, values: Mapping[str, Array], slopes: Mapping[str, Array]) -> None:
        owner = f"optimizer {self.name!r}"
        for name in slopes:
            if name not in values:
                raise ShapeError(
                    f"{owner}: grads has {name!r}, which params has not; {did_you_mean(name, values)}"
                )
        kept = self._all_kept()
        for name, param in values.items():
            if name not in slopes:
                raise ShapeError(f"{owner}: grads has no {name!r}; expected a gradient for every parameter")
            if not isinstance(param, np.ndarray) or param.dtype.kind != "f":
                got = param.dtype if isinstance(param, np.ndarray) else type(param).__name__
                raise DTypeError(f"{owner}: parameter {name!r} is {got}; expected an array of floats")
            if not param.flags.writeable:
                raise ConfigError(
                    f"{owner}: parameter {name!r} is read-only; expected an array to change in place"
                )
            if np.shape(slopes[name]) != param.shape:
                raise ShapeError(
                    f"{owner}: gradient of {name!r} has shape {np.shape(slopes[name])}; "
                    f"expected {param.shape}"
                )
            for slot, one in kept.get(name, {}).items():
                if one.shape != param.shape:
                    raise ShapeError(
                        f"{owner}: {slot} of {name!r} has shape {one.shape} and the parameter {param.shape}; "
                        "use a new optimizer for a new network"
                    )


def _by_name(arrays: Mapping[str, Array] | Array) -> Mapping[str, Array]:
    return arrays if isinstance(arrays, Mapping) else {_ARENA: arrays}
