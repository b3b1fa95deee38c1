"""Reads the record of a checkpoint: every value has the type and the range that `save` writes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import numpy as np

from ostinato.errors import FormatError, shown
from ostinato.optimizers.slots import slot_dtype, slot_shape
from ostinato.strategy import Lesson
from ostinato.training.gathered import Gathered
from ostinato.training.history import History
from ostinato.training.made_of import TrainerParts
from ostinato.training.run import Position
from ostinato.training.totals import Totals
from ostinato.training.train_step import takes_names

# Counts of updates and epochs; below it, an int is exact as a float too.
MOST: Final = 2**53

Record = TypeVar("Record", Position, Totals, Lesson, Gathered)


def read_record(record: Mapping[str, Any], trainer: TrainerParts) -> dict[str, Any]:
    """The fields of a TrainingRun.

    Raises FormatError for values that no run has, KeyError for a missing one.
    """
    # earlier releases had one update for each piece
    position = _made(Position, {"waiting": 0, **_dict("position", record["position"])}, _count)
    totals = record["totals"]
    found = {
        "seed": _equal("seed", record["seed"], trainer.run.seed),
        "start_lr": _number("start_lr", record["start_lr"], least=0.0),
        "first": _count("first", record["first"], position.epoch),
        "batches": _count("batches", record["batches"]),
        "position": position,
        "totals": _totals(totals, list(trainer._terms.objectives)),
        "lesson": _lesson(record["lesson"]),
        "data": record["data"],
        "seen": _sums("seen", record.get("seen", {})),  # earlier releases did not write it
        "current": None,
        "expected": _sums("batch", record.get("batch", {})),
        "carried": _carried(record["carried"]),
        "gathered": _gathered(record.get("gathered"), trainer),
        "history": History([_row(one) for one in _list("history", record["history"])]),
    }
    _dict("plugins", record["plugins"])
    _optimizer(record["optimizer"], trainer)
    return found


def _wrong(name: str, value: Any, expected: str) -> FormatError:
    return FormatError(f"{name} is {shown(value)}; expected {expected}")


def _count(name: str, value: Any, most: int = MOST) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise _wrong(name, value, f"a whole number from 0 to {most}")
    return value


def _number(name: str, value: Any, least: float = -math.inf) -> float:
    """A finite number, as a float or an int; an int is returned unchanged."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > MOST * 1e30:
        raise _wrong(name, value, "a number")
    if not value >= least:
        raise _wrong(name, value, f"a number from {least}")
    return value


def _any_number(name: str, value: Any) -> float:
    """A number, which may be NaN or infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(name, value, "a number")
    if isinstance(value, int) and abs(value) > MOST:
        raise _wrong(name, value, "a number")
    return value


def _dict(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(name, value, "an object")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(name, value, "a list")
    return value


def _equal(name: str, value: Any, expected: int) -> int:
    if isinstance(value, bool) or value != expected:
        raise _wrong(name, value, repr(expected))
    return expected


def _made(kind: type[Record], fields: Any, check: Callable[[str, Any], Any]) -> Record:
    """A record of plain fields, all of which must be present."""
    name = kind.__name__
    expected = {field.name for field in dataclasses.fields(kind)}
    if set(_dict(name, fields)) != expected:
        raise FormatError(f"{name} has {sorted(fields)}; expected {sorted(expected)}")
    return kind(**{key: check(f"{name}.{key}", value) for key, value in fields.items()})


def _totals(fields: Any, outputs: list[str]) -> Totals:
    def check(name: str, value: Any) -> Any:
        if not name.endswith((".losses", ".counts")):
            return _any_number(name, value)
        if not set(_dict(name, value)) <= set(outputs):
            raise _wrong(name, value, f"numbers of the outputs {', '.join(outputs)}")
        return {output: _any_number(name, one) for output, one in value.items()}

    made = _made(Totals, fields, check)
    if set(made.losses) != set(made.counts):
        raise _wrong("Totals.counts", made.counts, f"the outputs {', '.join(made.losses)}")
    return made


def _lesson(fields: Any) -> Lesson | None:
    if fields is None:
        return None

    def check(name: str, value: Any) -> Any:
        if value is None:
            return None
        if name.endswith(".steps"):
            return _count(name, value)
        rows = np.asarray(value)
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu") or (rows.size and rows.min() < 0):
            raise _wrong(name, value, "row numbers")
        return value

    return _made(Lesson, fields, check)


def _carried(value: Any) -> dict[str, Any] | None:
    if value is None:
        return None
    for name, array in _dict("carried", value).items():
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            raise _wrong(f"carried[{shown(name)}]", array, "an array of floats")
    found: dict[str, Any] = value
    return found


def _gathered(fields: Any, trainer: TrainerParts) -> Gathered | None:
    if fields is None:
        return None
    arena, outputs = trainer.net.arena, list(trainer._terms.objectives)

    def check(name: str, value: Any) -> Any:
        if name.endswith(".batches"):
            return _count(name, value, max(trainer.accumulate - 1, 0))
        if name.endswith(".penalty"):
            return _any_number(name, value)
        if name.endswith(".counts"):
            if list(_dict(name, value)) != outputs:
                raise _wrong(name, value, f"numbers of the outputs {', '.join(outputs)}")
            return {output: _any_number(name, one) for output, one in value.items()}
        fits = isinstance(value, np.ndarray) and (value.shape, value.dtype) == (arena.shape, arena.dtype)
        if not fits:
            raise _wrong(name, value, f"an array {arena.shape}")
        return value

    return _made(Gathered, fields, check)


def _sums(name: str, value: Any) -> dict[str, Any]:
    """Checksums, and a text for what makes batches."""
    for key, one in _dict(name, value).items():
        if not isinstance(one, str):
            _count(f"{name}[{shown(key)}]", one)
    found: dict[str, Any] = value
    return found


def _row(row: Any) -> dict[str, float]:
    return {key: _any_number(f"history {key}", value) for key, value in _dict("history", row).items()}


def _optimizer(state: Any, trainer: TrainerParts) -> None:
    """Raises FormatError for slots of other shapes than the parameters, which the next update would meet."""
    params = trainer.net.parameters()
    shapes = {name: view.shape for name, view in params.items()}
    shapes["arena"] = trainer.net.arena.shape
    for name, group in _dict("slots", _dict("optimizer", state)["slots"]).items():
        if name == "arena" and takes_names(trainer.optimizer):
            raise _wrong("slots", name, "slots by the names of parameters, as this optimizer has them")
        forms = trainer.optimizer._forms_of(name, shapes.get(name, ()), params)
        for slot, array in _dict(f"slots[{name!r}]", group).items():
            form = forms.get(slot, "zeros")
            shape = slot_shape(form, shapes[name]) if name in shapes else None
            dtype = slot_dtype(form, np.dtype(trainer.net.dtype))
            fits = isinstance(array, np.ndarray) and array.dtype == dtype
            if not fits or array.shape != shape:
                raise _wrong(f"slot {slot} of {shown(name)}", array, f"an array {shape}")
    _count("optimizer.steps", state["steps"])
    for pair in _list("optimizer.missed", state.get("missed", [])):
        if not isinstance(pair, list) or len(pair) != 2:
            raise _wrong("optimizer.missed", pair, "pairs of a parameter and a count")
        place, late = pair
        _count("optimizer.missed", late, state["steps"])
        if isinstance(place, list):
            start, stop = (_count("optimizer.missed", one, shapes["arena"][0]) for one in place)
            if start >= stop:
                raise _wrong("optimizer.missed", place, "a range of the arena")
        elif place not in shapes:
            raise _wrong("optimizer.missed", place, "a parameter")
