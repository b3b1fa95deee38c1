"""What the results of a run depend on besides settings: equations, code in Python, and who provides them."""

from __future__ import annotations

import dis
import hashlib
import inspect
import sys
import zlib
from collections.abc import Iterator
from types import CodeType, FunctionType, NoneType
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from ostinato.errors import OstinatoError
from ostinato.network import Network
from ostinato.network.graph import Unit
from ostinato.optimizers import Optimizer
from ostinato.options import Configured, stable_text
from ostinato.plugins.entry import Provider
from ostinato.plugins.registry import registry
from ostinato.training.measure import Measure

# The methods whose equations a program holds.
TRACED: Final = {"cell": ("step",), "loss": ("step",), "metric": ("step",), "optimizer": ("update",)}

GRAPH: Final = "the graph of the network"

PYTHON: Final = f"{sys.version_info.major}.{sys.version_info.minor}"


_PROVIDERS: Final[WeakKeyDictionary[type, Provider | None]] = WeakKeyDictionary()


class Described(Protocol):
    """The parts of a trainer on which its results depend."""

    net: Network
    optimizer: Optimizer
    schedule: Any
    strategies: Any
    _measure: Measure


def made_by(trainer: Described) -> dict[str, Any]:
    """The equations, the code and the providers of a trainer, by what they belong to: plain values.

    equations: the hash of each program; code: a checksum of what is no program but Python (schedules,
    strategies, `finish` of a metric, a step that cannot be traced), which holds for one version of Python;
    providers: the package and version of what is not built in.
    """
    return {
        "equations": dict(_equations(trainer)),
        "code": {"python": PYTHON, **dict(_codes(trainer))},
        "providers": dict(_providers(trainer)),
    }


def _equations(trainer: Described) -> Iterator[tuple[str, str]]:
    layers: dict[str, list[str]] = {}
    for label, unit in trainer.net._graph.units:
        layers.setdefault(f"layer {label!r}", []).append(_of_unit(unit))
    for what, hashes in layers.items():
        yield what, _joined(hashes)
    yield from trainer._measure.hashes()
    yield f"optimizer {trainer.optimizer.name!r}", _of_optimizer(trainer.optimizer)
    if not trainer.net._graph.in_python:
        yield GRAPH, trainer.net.graph().hash


def _of_unit(unit: Unit) -> str:
    programs = (unit.program, unit.inference, unit.penalty)
    return _joined(["" if one is None else one.hash for one in programs])


def _of_optimizer(optimizer: Optimizer) -> str:
    try:
        return _joined([one.hash for one in optimizer._equations])
    except OstinatoError:  # a `step` of its own needs no equation
        return ""


def _codes(trainer: Described) -> Iterator[tuple[str, str]]:
    for what, thing in _things(trainer):
        found = code_of(thing)
        if found:
            yield what, found


def _providers(trainer: Described) -> Iterator[tuple[str, str]]:
    for what, thing in _things(trainer):
        # such as the factory of an engine, which gives `DataParallel` ranks
        named = getattr(thing, "provider", None) if getattr(thing, "_provider_matters", True) else None
        provider = named or _provider_of(type(thing))
        if provider is not None and provider.is_foreign:
            yield what, provider.shown
    for net in trainer.net._inside():
        for what, one in net._providers():
            yield what, one.shown


def _provider_of(made: type) -> Provider | None:
    """As of the registry, which searches all installed packages."""
    if made not in _PROVIDERS:
        _PROVIDERS[made] = registry.provider_of(made)
    return _PROVIDERS[made]


def _things(trainer: Described) -> Iterator[tuple[str, Any]]:
    """What has code in Python, with its name in errors."""
    for label, unit in trainer.net._graph.units:
        if unit.function is not None:
            yield f"layer {label!r}", getattr(unit.function, "cell", unit.function)
    yield from trainer._measure.equations()
    yield f"optimizer {trainer.optimizer.name!r}", trainer.optimizer
    if trainer.schedule is not None:
        yield "the schedule", trainer.schedule
    for one in trainer.strategies:
        yield f"{one.role} {one.name!r}", one


def code_of(thing: Any) -> str:
    """A checksum of the code of a function, or of the class of an object; "" for what is built in.

    Of what a function reads from the function around it, constants and functions are in it. Other values and
    globals are not, as they may change while it runs.
    """
    codes: list[str] = []
    if inspect.isfunction(thing):
        if not _built_in(thing.__module__):
            codes.append(_of_function(thing) + stable_text(thing.__defaults__))
    else:
        cells = getattr(thing, "kind", "") == "cell"
        traced = () if cells else TRACED.get(getattr(thing, "kind", ""), ())
        for one in type(thing).__mro__:
            if one is object or _built_in(one.__module__):
                continue
            for name, value in sorted(vars(one).items()):
                method = getattr(value, "__func__", getattr(value, "fget", value))
                if name not in traced and inspect.isfunction(method):
                    codes.append(f"{name} {_of_function(method)}")
    inner = getattr(thing, "options", {}).values() if isinstance(thing, Configured) else ()
    codes += [code_of(one) for one in inner if inspect.isfunction(one) or isinstance(one, Configured)]
    text = "\n".join(one for one in codes if one)
    return f"{zlib.crc32(text.encode()):08x}" if text else ""


def _of_function(function: FunctionType, around: tuple[CodeType, ...] = ()) -> str:
    """The code of a function, and what it reads from the function around it and never sets."""
    code = function.__code__
    if code in around:
        return "itself"
    parts = [_text_of(code)]
    own = {one.argval for one in dis.get_instructions(code) if one.opname == "STORE_DEREF"}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            value = cell.cell_contents
        except ValueError:  # nothing there yet
            continue
        if inspect.isfunction(value) and not _built_in(value.__module__):
            parts.append(f"{name}: {_of_function(value, (*around, code))}")
        elif isinstance(value, (int, float, complex, str, bytes, NoneType)) and name not in own:
            parts.append(f"{name}: {value!r}")
    return " ".join(parts)


def _text_of(code: CodeType) -> str:
    """Instructions, names and constants, without lines and files."""
    constants = [
        _text_of(one) if isinstance(one, CodeType) else stable_text(one)
        for one in code.co_consts
        if not (isinstance(one, str) and one == code.co_consts[0])  # the docstring
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _built_in(module: str | None) -> bool:
    return module is not None and (module == "ostinato" or module.startswith("ostinato."))


def _joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else hashlib.sha256(" ".join(texts).encode()).hexdigest()
