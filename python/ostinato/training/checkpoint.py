"""The checkpoint of a training: everything on which its continuation depends."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import numpy as np

from ostinato.errors import ConfigError, FormatError, shown
from ostinato.io.tree import load_tree, save_tree
from ostinato.network import Network
from ostinato.network.objective import Weighted
from ostinato.optimizers import Optimizer
from ostinato.options import Configured
from ostinato.plugins.run_hooks import RunHooks
from ostinato.schedules import Schedule
from ostinato.strategy import Lesson, Moment
from ostinato.training.choices import Strategies
from ostinato.training.history import History
from ostinato.training.run import Position, TrainingRun
from ostinato.training.totals import Totals

KIND = "ostinato.checkpoint"

Record = TypeVar("Record", Position, Totals, Lesson)


class TrainerParts(Protocol):
    """The parts of a trainer that a checkpoint saves and restores; each as in `Trainer`."""

    net: Network
    loss: Any
    optimizer: Optimizer
    schedule: Callable[[float, Moment], float] | None
    strategies: Strategies
    clip_norm: float | None
    reduction: str
    metrics: dict[str, Any]
    run: TrainingRun
    _hooks: RunHooks


def save(path: str | os.PathLike[str], trainer: TrainerParts, plugins: Mapping[str, Any]) -> None:
    """Writes the checkpoint completely or not at all. Raises OSError; ConfigError for unsupported values."""
    run, lesson = trainer.run, trainer.run.lesson
    record = {
        "made_of": _made_of(trainer),
        "parameters": dict(trainer.net.parameters()),  # a tied one once
        "frozen": list(trainer.net.frozen),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict() if isinstance(trainer.schedule, Schedule) else {},
        "strategies": {one.role: one.state_dict() for one in trainer.strategies},
        "seed": run.seed,
        "start_lr": run.start_lr,
        "first": run.first,
        "batches": run.batches,
        "position": dataclasses.asdict(run.position),
        "totals": dataclasses.asdict(run.totals),
        "lesson": None if lesson is None else {"rows": lesson.rows, "steps": lesson.steps},
        "data": run.data,
        "carried": None if run.carried is None else dict(run.carried),
        "history": run.history.rows,
        "plugins": dict(plugins),
    }
    save_tree(path, KIND, record)


def load(path: str | os.PathLike[str], trainer: TrainerParts) -> dict[str, Any]:
    """Restores the trainer from the file of `save`, and returns the states of plugins.

    Nothing changes if the file is damaged (FormatError) or the trainer was made with other arguments
    (ConfigError).
    """
    record = load_tree(path, KIND)
    try:
        _check_make(trainer, record["made_of"], record["plugins"])
        state = _state(record)
        before = _snapshot(trainer)
        try:
            _give(trainer, record)
        except BaseException:
            _give(trainer, before)
            raise
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{os.fspath(path)}: the checkpoint contradicts itself: {shown(error)}") from error
    for name, value in state.items():
        setattr(trainer.run, name, value)
    plugins: dict[str, Any] = record["plugins"]
    return plugins


def _made_of(trainer: TrainerParts) -> dict[str, Any]:
    """The settings that must be equal when a run is resumed, as text for errors."""
    return {
        "dtype": trainer.net.dtype.name,
        "loss": _by_output(trainer.loss, _loss),
        "optimizer": trainer.optimizer.name,
        "schedule": _schedule(trainer.schedule),
        "strategies": {one.role: _called(one) for one in trainer.strategies},
        "parameters": {name: list(view.shape) for name, view in trainer.net.parameters().items()},
        "optimizer's options": {name: _plain(value) for name, value in trainer.optimizer.options.items()},
        "clip_norm": trainer.clip_norm,
        "reduction": trainer.reduction,
        "metrics": _metrics(trainer.metrics),
        "seed": trainer.run.seed,
    }


def _called(made: Configured) -> str:
    """Name and options, without options whose text does not identify their value."""
    options = ((name, _plain(value)) for name, value in made.options.items())
    return f"{made.name}({', '.join(f'{name}={value}' for name, value in options if value)})"


def _by_output(value: Any, text: Callable[[Any], Any]) -> Any:
    """The text of a value, or of each if it is a dict by output."""
    return {name: text(one) for name, one in value.items()} if isinstance(value, dict) else text(value)


def _loss(loss: Any) -> str:
    if isinstance(loss, Weighted):
        return f"weighted({_called(loss.loss)}, {_plain(loss.scale)})"
    return _called(loss)


def _metrics(metrics: Mapping[str, Any]) -> Any:
    """The metrics in order; of a network with several outputs by output."""
    if any(isinstance(one, dict) for one in metrics.values()):
        return {output: [_called(one) for one in inner.values()] for output, inner in metrics.items()}
    return [_called(one) for one in metrics.values()]


def _plain(value: Any) -> str:
    """A value as text, equal for equal ones: 1 and 1.0, tuple and list. "" if no text identifies it."""
    if isinstance(value, Configured):
        return _called(value)
    if callable(value) or " object at 0x" in repr(value):
        return ""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return repr(float(value)).removesuffix(".0")
    if isinstance(value, (list, tuple)):
        return f"({', '.join(map(_plain, value))})"
    return repr(value)


def _schedule(schedule: Any) -> str | None:
    if schedule is None:
        return None
    return _called(schedule) if isinstance(schedule, Configured) else "a function"


def _check_make(trainer: TrainerParts, saved: Mapping[str, Any], plugins: Mapping[str, Any]) -> None:
    for name, now in _made_of(trainer).items():
        if saved[name] != now:
            was, is_now = saved[name], now
            if isinstance(now, dict) and isinstance(saved[name], dict):
                key = next(key for key in {**saved[name], **now} if saved[name].get(key) != now.get(key))
                whole, name, was, is_now = name, f"{name} ({key})", saved[name].get(key), now.get(key)
                if key not in saved[whole] or key not in now:
                    has, lacks = "the checkpoint", "this trainer"
                    if key in now:
                        has, lacks = lacks, has
                    kind = whole if whole == "loss" else whole.removesuffix("s")
                    raise ConfigError(
                        f"{has} has {name}; {lacks} has no such {kind}. "
                        "Use the original network and trainer settings"
                    )
            raise ConfigError(
                f"the checkpoint was written with the {name} {shown(was)}; this trainer has {shown(is_now)}. "
                "Use the original network and trainer settings"
            )
    missing = sorted(set(plugins) - set(trainer._hooks.names))
    if missing:
        raise ConfigError(
            f"the checkpoint holds the state of {shown(missing[0])}, which is not among the callbacks: "
            f"{', '.join(trainer._hooks.names) or 'none'}"
        )


def _snapshot(trainer: TrainerParts) -> dict[str, Any]:
    return {
        "parameters": trainer.net.state_dict(),
        "frozen": list(trainer.net.frozen),
        "optimizer": trainer.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict() if isinstance(trainer.schedule, Schedule) else {},
        "strategies": {one.role: one.state_dict() for one in trainer.strategies},
    }


def _give(trainer: TrainerParts, record: Mapping[str, Any]) -> None:
    trainer.net.load_state_dict(record["parameters"])
    trainer.net._set_frozen(record.get("frozen", []))  # earlier releases could not freeze
    trainer.optimizer.load_state_dict(record["optimizer"])
    if isinstance(trainer.schedule, Schedule):
        trainer.schedule.load_state_dict(record["schedule"])
    for one in trainer.strategies:
        one.load_state_dict(record["strategies"][one.role])


def _state(record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a TrainingRun."""
    lesson = record["lesson"]
    return {
        "seed": record["seed"],
        "start_lr": record["start_lr"],
        "first": record["first"],
        "batches": record["batches"],
        "position": _made(Position, record["position"]),
        "totals": _made(Totals, record["totals"]),
        "lesson": None if lesson is None else _made(Lesson, lesson),
        "data": record["data"],
        "carried": record["carried"],
        "history": History(record["history"]),
    }


def _made(kind: type[Record], fields: Mapping[str, Any]) -> Record:
    """A record of plain fields, all of which must be present."""
    expected = {field.name for field in dataclasses.fields(kind)}
    if set(fields) != expected:
        raise FormatError(f"{kind.__name__} has {sorted(fields)}; expected {sorted(expected)}")
    return kind(**fields)
