"""The `init=` argument of Recurrent: the initializer of each parameter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from ostinato.cell import Param
from ostinato.errors import ConfigError, shown
from ostinato.network.graph import Unit
from ostinato.plugins.registry import registry

Init: TypeAlias = str | Callable[..., Any]


def with_init(
    units: list[list[Unit]], init: Init | Mapping[str, Init] | None, end: Callable[[int, bool], str]
) -> list[list[Unit]]:
    """The units (layer by layer, direction by direction) with the initializers of `init`.

    `end` is what the full names of the parameters of a layer, in reverse or not, end with.
    A single initializer is for every parameter of rank 2. In a mapping, a full name has priority over
    patterns, and earlier patterns over later ones. Raises ConfigError for a key that fits no parameter.
    """
    if init is None:
        return units
    if not isinstance(init, Mapping):
        _check("init", init)
        return [[_replaced(unit, _matrices(unit, init)) for unit in layer] for layer in units]
    for key, rule in init.items():
        _check(f"init[{key!r}]", rule)
    used: set[str] = set()
    result = []
    for layer, directions in enumerate(units):
        row = []
        for direction, unit in enumerate(directions):
            chosen = {}
            for name in unit.params:
                full = name + end(layer, bool(direction))
                fitting = (
                    full if full in init else next((key for key in init if fnmatchcase(full, key)), None)
                )
                if fitting is not None:
                    chosen[name] = init[fitting]
                    used.add(fitting)
            row.append(_replaced(unit, chosen))
        result.append(row)
    unused = [key for key in init if key not in used]
    if unused:
        names = [name + end(0, False) for name in units[0][0].params]
        raise ConfigError(
            f"init names {shown(unused[0])}, which is no parameter; expected names like {', '.join(names)}"
        )
    return result


def init_text(init: Init | Mapping[str, Init] | None) -> str | None:
    """`init` as text for `repr` and model files; None stays None."""
    if init is None:
        return None
    if isinstance(init, Mapping):
        return "{" + ", ".join(f"{key!r}: {init_text(rule)}" for key, rule in init.items()) + "}"
    return repr(init) if isinstance(init, str) else getattr(init, "__name__", type(init).__name__)


def _replaced(unit: Unit, chosen: Mapping[str, Init]) -> Unit:
    params = {
        name: Param(param.shape, chosen.get(name, param.init), param.learned)
        for name, param in unit.params.items()
    }
    return replace(unit, params=params)


def _matrices(unit: Unit, rule: Init) -> dict[str, Init]:
    return {name: rule for name, param in unit.params.items() if len(param.shape) == 2 and param.learned}


def _check(name: str, rule: Any) -> None:
    if isinstance(rule, str):
        registry.resolve("initializer", rule, argument=name)
    if not isinstance(rule, str) and not callable(rule):
        raise ConfigError(
            f"{name} is {shown(rule)}; expected the name of an initializer or a callable (shape, rng) -> "
            "array"
        )
