"""The checkpoint of a training: everything on which its continuation depends."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from ostinato import checks
from ostinato.errors import FormatError, OstinatoError, described
from ostinato.io.tree import CHECKPOINT, load_tree, save_tree
from ostinato.network.model_file import MODEL_KEYS, describe
from ostinato.schedules import Schedule
from ostinato.training import same_data
from ostinato.training.checkpoint_form import read_record
from ostinato.training.made_of import FILE, TrainerParts, check_same, made_of


def save(path: str | os.PathLike[str], trainer: TrainerParts, plugins: Mapping[str, Any]) -> None:
    """Writes the checkpoint completely or not at all. Raises OSError; ConfigError for unsupported values."""
    record = record_of(trainer, plugins)
    checks.file_name("path", path)
    save_tree(path, CHECKPOINT, record, describe(trainer.net))


def record_of(trainer: TrainerParts, plugins: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a checkpoint, a tree (`network.tree`); its parameters are views of the network."""
    run, lesson = trainer.run, trainer.run.lesson
    return {
        "made_of": made_of(trainer),
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
        "seen": run.seen,
        "batch": same_data.of_current(run),
        "gathered": None if run.gathered is None else vars(run.gathered),
        "carried": None if run.carried is None else dict(run.carried),
        "history": run.history.rows,
        "plugins": dict(plugins),
    }


def load(
    path: str | os.PathLike[str], trainer: TrainerParts, seen: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Restores the trainer from the file of `save`, and returns the states of plugins.

    seen: what identifies the data with which the run will go on, if it is known. Nothing changes if the file
    is damaged (FormatError), or the trainer or the data differ from those of the file (ConfigError).
    """
    record, where = load_tree(path, CHECKPOINT, MODEL_KEYS), os.fspath(path)
    return restore(f"{where}: {FILE}", record, trainer, seen)


def restore(
    where: str,
    record: Mapping[str, Any],
    trainer: TrainerParts,
    seen: Mapping[str, Any] | None = None,
    what: str = FILE,
) -> dict[str, Any]:
    """The same with the result of `record_of`. where and what name it in errors."""
    with _contradictions(where):
        check_same(trainer, record["made_of"], record["plugins"], what)
        state = read_record(record, trainer)
        if seen is not None:
            same_data.check_seen(state["seen"], seen)
    before = _snapshot(trainer)
    try:
        with _contradictions(where, typed=True):
            _give(trainer, record)
    except BaseException:
        _give(trainer, before)
        raise
    for name, value in state.items():
        setattr(trainer.run, name, value)
    trainer.run.scheduled = trainer.optimizer.lr
    plugins: dict[str, Any] = record["plugins"]
    return plugins


class _contradictions:
    """A context in which errors of the file's content become a FormatError.

    typed: also the errors of ostinato's own checks, as the settings of the file are those of the trainer.
    """

    def __init__(self, where: str, typed: bool = False) -> None:
        self._where, self._typed = where, typed

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OstinatoError) and not self._typed:
            return
        if isinstance(error, Exception) and not isinstance(error, (FormatError, OSError, MemoryError)):
            raise FormatError(f"{self._where} contradicts itself: {described(error)}") from error


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
