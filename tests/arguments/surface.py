"""Every public entry of the package, found by walking it: functions, classes, methods, and what they return.

A new function, class, method or argument is an entry without another line, as long as `samples.py` knows
a right value for its required arguments, by their names or their types.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import ostinato as ost
from ostinato.entry_values import EntryValues
from ostinato.layers.any_width import AnyWidth
from ostinato.models.base.model_file import ModelFile
from tests.arguments import samples

# What the engine or the trainer passes to the code of an author, never a user to ostinato.
ENGINE: Final = (
    *("Value", "Names", "Noise", "Slots", "Scalars", "Moment", "TrainingRun", "Core", "Loaded", "Found"),
    *("_core.", "'Graph'", "Facts", "random.Generator"),
)
# Methods that authors write for the trainer to call, with arguments of ordinary types.
AUTHORS: Final = (
    *("input_symbols", "pieces", "observe", "finish", "build", "begin"),
    *("row", "input_name", "output_name", "of_steps", "add_builtins", "classes", "target_size"),
    *("started", "file", "whole", "whole_after", "finished", "failed", "allgather", "broadcast", "abort"),
)
# Methods that import scikit-learn, which calls them and is no dependency.
SCIKIT_LEARN: Final = (
    "get_metadata_routing",
    *(f"set_{one}_request" for one in ("fit", "partial_fit", "score", "predict")),
)
# Bases that have nothing of their own to call.
ABSTRACT: Final = (ost.initializers.Initializer, ost.Regularizer, AnyWidth, ost.StepAttention, ost.Scorer)
# Reached by functions of the package: `ost.plugins.list` and so on; and a stand-in for the engine in tests.
INSIDE: Final = (ost.plugins.Registry, ost.testing.ScriptedCore, EntryValues)
DUNDERS: Final = ("__call__", "__getitem__")


@dataclass(frozen=True)
class Entry:
    """A callable with its parameters; `make` returns it bound to a new owner."""

    path: str
    make: Callable[[], Callable[..., Any]]
    parameters: tuple[inspect.Parameter, ...]
    namespace: dict[str, Any] = field(repr=False, compare=False, hash=False)

    def call(self, **changed: Any) -> Any:
        """Call it with right values, except for those in `changed`."""
        function = self.make()
        args: list[Any] = []
        options: dict[str, Any] = {}
        for one in self.parameters:
            given = one.name in changed
            if not given and one.default is not one.empty and not samples.is_needed(self.path, one.name):
                continue
            value = changed[one.name] if given else samples.sample(self.path, one, function)
            if one.kind is one.VAR_POSITIONAL:
                args += [value] if given else value
            elif one.kind is one.POSITIONAL_ONLY:
                args.append(value)
            else:
                options[one.name] = value
        if any(one.kind is one.VAR_POSITIONAL for one in self.parameters):
            first = [one.name for one in self.parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
            args = [options.pop(name) for name in first if name in options] + args
        result = function(*args, **options)
        return next(result, None) if isinstance(result, types.GeneratorType) else result


def entries() -> list[Entry]:
    """All of them, each function once."""
    found: dict[str, Entry] = {}
    seen: set[int] = set()
    queue: list[tuple[str, Any, Callable[[], Any] | None]] = [
        (f"ost.{name}", getattr(ost, name), None) for name in ost.__all__
    ]
    returned: set[type] = set()
    while queue:
        path, value, maker = queue.pop(0)
        if maker is None and id(value) in seen:
            continue
        seen.add(id(value))
        if inspect.ismodule(value):
            names = getattr(value, "__all__", [name for name in vars(value) if not name.startswith("_")])
            queue += [(f"{path}.{name}", getattr(value, name), None) for name in names]
            continue
        made = []
        if inspect.isclass(value):
            if (
                not value.__module__.startswith("ostinato")
                or issubclass(value, BaseException)
                or value in INSIDE
                or getattr(value, "_is_protocol", False)
            ):
                continue
            if maker is None:
                made += _constructor(path, value)
                maker = samples.maker_of(value) or (made[0].call if made else None)
            if maker is not None:
                made += [one for one in _methods(path, value, maker) if id(one.namespace["it"]) not in seen]
        elif callable(value) and getattr(value, "__module__", "").startswith("ostinato"):
            made.append(_entry(path, lambda value=value: value, value))
        for one in made:
            seen.add(id(one.namespace["it"]))
            found[one.path] = one
            if one.path in samples.SLOW:
                continue
            try:
                result = one.call()
            except Exception:
                continue  # test_each_entry_accepts_right_values names it
            kind = type(result)
            if issubclass(kind, type):
                continue
            if kind.__module__.startswith("ostinato") and kind is not value and kind not in returned:
                returned.add(kind)
                if id(kind) not in seen:
                    queue.append((kind.__name__, kind, one.call))
    return list(found.values())


def _constructor(path: str, made: type) -> list[Entry]:
    if inspect.isabstract(made) or made.__init__ is object.__init__ or samples.is_result(made):
        return []
    called = samples.fitting(made) if issubclass(made, ModelFile) else lambda: made
    return [_entry(path, called, made.__init__, signature=inspect.signature(made))]


def _methods(path: str, owner: type, maker: Callable[[], Any]) -> Iterator[Entry]:
    for name, _ in inspect.getmembers(owner):
        if (name.startswith("_") and name not in DUNDERS) or name.startswith("ostinato_"):
            continue
        home = next(base for base in owner.__mro__ if name in vars(base))
        if home in ABSTRACT or not home.__module__.startswith("ostinato") or name in AUTHORS + SCIKIT_LEARN:
            continue
        static = inspect.getattr_static(owner, name)
        function = getattr(static, "__func__", static)
        if not inspect.isfunction(function):
            continue
        entry = _entry(
            f"{path}.{name}",
            lambda name=name: getattr(samples.OWNERS.get(f"{path}.{name}", maker)(), name),
            function,
            drop=not isinstance(static, staticmethod),
        )
        if not any(
            word in repr(one.annotation) for one in entry.parameters for word in ENGINE
        ) and "_core." not in str(inspect.signature(function).return_annotation):
            yield entry


def _entry(
    path: str,
    make: Callable[[], Any],
    function: Any,
    signature: inspect.Signature | None = None,
    drop: bool = False,
) -> Entry:
    signature = signature or inspect.signature(function)
    parameters = list(signature.parameters.values())[1 if drop else 0 :]
    plain = inspect.unwrap(function)
    namespace = {**getattr(plain, "__globals__", {}), "it": function}
    kept = tuple(one for one in parameters if one.kind is not one.VAR_KEYWORD)
    return Entry(path, make, kept, namespace)
