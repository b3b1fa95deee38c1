"""Checks of initializers: functions `(shape, rng) -> array` that draw from the given generator only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, ShapeError
from ostinato.initializers import Initializer
from ostinato.layers.recurrent import Recurrent
from ostinato.specs import Spec
from ostinato.testing import subject
from ostinato.testing.arrays import Array, same
from ostinato.testing.runner import Failed, Kind, Level, check

SHAPES: Final = ((1, 1), (3, 5), (5, 3), (8, 8), (17, 1), (7,), (1,))


class InitializerSubject(subject.Made):
    """An initializer: an object of a class derived from Initializer, or any function."""

    base = Initializer

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        self.draws()

    def make(self) -> Any:
        """Make one with the options. Raises Failed if it cannot be called."""
        made = self.spec.factory(**self.options)
        if not callable(made):
            raise Failed(
                f"the factory makes a {type(made).__name__}; expected a callable (shape, rng) -> array"
            )
        return made

    def meaning(self, made: Any) -> str:
        """The values that it draws."""
        return repr([value.tobytes() for value in self.draws(made).values()])

    def draws(self, made: Any = None, seed: int = 0) -> dict[str, Array]:
        """Values of every supported shape; other shapes (vectors, say) are typed errors."""
        rule: Callable[..., Array] = self.make() if made is None else made
        found = {}
        for shape in SHAPES:
            try:
                found[str(shape)] = rule(shape, np.random.default_rng(seed))
            except (ConfigError, ShapeError):
                continue
        if "(3, 5)" not in found:
            raise Failed("a matrix (3, 5) is refused")
        return found


@check("values")
def values(one: InitializerSubject) -> None:
    """Values have the requested shape, are float64, finite, and in a separate array."""
    for name, value in one.draws().items():
        if not isinstance(value, np.ndarray) or str(value.shape) != name or value.dtype != np.float64:
            got = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
            raise Failed(f"shape {name}: it gives {got}; expected float64 {name}")
        if not np.isfinite(value).all():
            raise Failed(f"shape {name}: a value is not finite")
        if not value.flags.writeable:
            raise Failed(f"shape {name}: the array is read-only; expected one of the caller's own")
    made = one.make()
    first, second = (made((3, 5), np.random.default_rng(0)) for _ in range(2))
    if np.shares_memory(first, second):
        raise Failed("two calls give the same memory: to change one parameter would change another")


@check("repeatable")
def repeatable(one: InitializerSubject) -> None:
    """The same generator state gives the same values, and the global generator is not used."""
    made = one.make()
    first = one.draws(made)
    same(first, one.draws(made), "the same generator again: values of shape {} differ")
    before = np.random.get_state(legacy=False)
    np.random.seed(1)
    begun = repr(np.random.get_state(legacy=False))
    other = one.draws()
    moved = repr(np.random.get_state(legacy=False)) != begun
    np.random.set_state(before)
    if moved:
        raise Failed("it draws from NumPy's global generator; expected only the generator that is passed")
    same(first, other, "made again: values of shape {} differ")


@check("shape_unchanged")
def shape_unchanged(one: InitializerSubject) -> None:
    """A shape given as a tuple of NumPy integers is the same shape."""
    plain = one.draws()["(3, 5)"]
    other = one.make()((np.int64(3), np.int64(5)), np.random.default_rng(0))
    same({"matrix": plain}, {"matrix": other}, "for sizes that are NumPy's integers the {} differs")


@check("network")
def network(one: InitializerSubject) -> None:
    """A network uses it for its matrices, with the values of its seed, in both dtypes."""
    found = []
    for dtype in ("float64", "float32"):
        for seed in (1, 1):
            net = Recurrent("rnn", 4, 4, init=one.make(), dtype=dtype, seed=seed)
            found.append({k: v.astype(np.float32) for k, v in net.state_dict().items()})
    for other in found[1:]:
        same(found[0], other, "networks made alike start with another {}")


INITIALIZER: Kind[InitializerSubject] = Kind(
    "initializer",
    (*subject.CHECKS, values, repeatable, shape_unchanged, network),
    InitializerSubject,
)
