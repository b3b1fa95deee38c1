"""Parameters by name, and reading them from a mapping: all is checked before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ostinato.dims import describe
from ostinato.errors import ConfigError, DTypeError, OstinatoError, ShapeError, a_type, shown
from ostinato.network.arena import views
from ostinato.network.graph import Graph, Parameter
from ostinato.patterns import Aliases
from ostinato.sequences.arrays import Array, as_floats
from ostinato.settings import ignoring
from ostinato.suggest import did_you_mean, item


class Parameters(Mapping[str, Array]):
    """Name -> view into the array of all parameters: writing into a view changes the network.

    The mapping itself is read-only: a new array under a name would change nothing, so that is a TypeError.
    `frozen` are the names of the parameters that no optimizer changes. `aliases` are the other names of tied
    parameters, by the name under which the mapping lists them; each of their names can be looked up.
    """

    _owner = "parameters()"
    _example = "net.parameters()"
    _why = "a network keeps all parameters that its layers have"

    def __init__(
        self, arrays: Mapping[str, Array], frozen: Collection[str] = (), aliases: Aliases | None = None
    ) -> None:
        self._arrays = dict(arrays)
        self.frozen = frozenset(frozen)
        self.aliases = dict(aliases or {})
        self._names = {alias: name for name, others in self.aliases.items() for alias in others}

    def __getitem__(self, name: str) -> Array:
        known = isinstance(name, str) and self._names.get(name, name) in self._arrays
        return (
            self._arrays[self._names.get(name, name)]
            if known
            else item("parameter", self._arrays, name, places=False)
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __setitem__(self, name: str, value: Any) -> NoReturn:
        if name not in self:
            hint = did_you_mean(name, self._arrays, "parameters")
            raise TypeError(f"{self._owner} is read-only and has no {shown(name)} to write into; {hint}")
        raise TypeError(
            f"{self._owner} is read-only, as a new array would change nothing; write into the old one: "
            f"{self._example}[{shown(name)}][...] = value"
        )

    def __delitem__(self, name: str) -> NoReturn:
        raise TypeError(f"{self._owner} is read-only; {self._why}")

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name!r}: {array.shape}" for name, array in self._arrays.items())
        return f"{type(self).__name__}({{{shapes}}})"


class ParameterGradients(Parameters):
    """Name -> view into the array of all gradients; the mapping is read-only too."""

    _owner = "grads.params"
    _example = "grads.params"
    _why = "a gradient of zeros leaves a parameter to its optimizer, net.freeze leaves it as it is"


class Mismatch(NamedTuple):
    """Names that a mapping lacks, and names that the network does not have."""

    missing: list[str]
    unexpected: list[str]


def load_parameters(graph: Graph, arena: Array, mapping: Any, strict: bool, hint: str) -> Mismatch:
    """Writes `mapping` into `arena`, the parameters of `graph`.

    The values are anything that np.asarray makes an array of floats.
    Every disagreement is named in one error: ShapeError if a shape is among them, else DTypeError if a type
    is, else ConfigError. `hint` is added where a shape is wrong. Nothing is written if anything is wrong.
    """
    if not isinstance(mapping, Mapping):
        raise DTypeError(f"state dict is {a_type(mapping)}; expected a mapping of names to arrays")
    parameters = graph.parameters
    mapping, problems = _by_first_name(mapping, graph.aliases, str(arena.dtype))
    mismatch = Mismatch(
        [name for name in parameters if name not in mapping],
        [name for name in mapping if name not in parameters],
    )
    found: dict[str, Array] = {}
    kind: type[OstinatoError] = ConfigError
    for name, parameter in parameters.items():
        if name not in mapping:
            continue
        try:
            # Ignored, because an error below names what does not fit.
            array = ignoring(as_floats, name, mapping[name], str(arena.dtype))
        except (DTypeError, ShapeError) as error:
            problems.append(str(error))
            kind = ShapeError if ShapeError in (kind, type(error)) else DTypeError
            continue
        if np.isinf(array).any() and np.isfinite(np.asarray(mapping[name], dtype=np.float64)).all():
            problems.append(f"{name} holds numbers that {arena.dtype} cannot hold")
        if array.shape != parameter.shape:
            problems.append(_shape_problem(name, array.shape, parameter, hint))
            kind = ShapeError
        found[name] = array
    if strict and mismatch.missing:
        problems.append(f"missing: {', '.join(mismatch.missing)}")
    if strict and mismatch.unexpected:
        problems.append(f"unexpected: {', '.join(map(str, mismatch.unexpected))}")
    if problems:
        raise kind("; ".join(problems))
    for name, view in views(parameters.values(), arena).items():
        if name in found:
            view[...] = found[name]
    return mismatch


def _by_first_name(
    mapping: Mapping[str, Any], aliases: Aliases, dtype: str
) -> tuple[dict[str, Any], list[str]]:
    """The mapping with each tied parameter under its first name; and which names of one have other values."""
    found = dict(mapping)
    problems = []
    for name, others in aliases.items():
        for other in others:
            if other not in found:
                continue
            value = found.pop(other)
            if name in found and not _are_equal(found[name], value, dtype):
                problems.append(f"{name} and {other} are tied, but have different values; give one of them")
            found.setdefault(name, value)
    return found, problems


def _are_equal(a: Any, b: Any, dtype: str) -> bool:
    try:
        return bool(np.array_equal(as_floats("", a, dtype), as_floats("", b, dtype)))
    except (DTypeError, ShapeError):
        return False


def _shape_problem(name: str, shape: tuple[int, ...], parameter: Parameter, hint: str) -> str:
    text = f"{name} is {shape}; expected {describe(parameter.param.shape)}"
    if shape == parameter.shape[::-1] and len(shape) == 2:
        text += " (the other way round: give its .T)"
    return f"{text}. {hint}" if hint else text
