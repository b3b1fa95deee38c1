"""What a trainer does as one of several processes that train together; in one process, nothing."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ostinato import _core
from ostinato.errors import RankError
from ostinato.training.made_of import TrainerParts, made_of

R = TypeVar("R")


class Processes:
    """The processes of a trainer's execution."""

    def __init__(self, trainer: TrainerParts) -> None:
        self._trainer = trainer
        self._execution = trainer.strategies.execution

    @property
    def several(self) -> bool:
        """Whether there are others."""
        return self._execution.processes > 1

    @contextmanager
    def ending(self) -> Iterator[None]:
        """An error inside ends the other processes too, unless all raise it."""
        try:
            yield
        except BaseException as error:
            self._execution.failed(error)
            raise

    def begin(self, seen: Mapping[str, Any], goal: Mapping[str, Any]) -> None:
        """Compare the program, the settings and the data. Raises ConfigError, naming what differs."""
        if self.several:
            facts = {
                "version of ostinato": _core.__version__,
                "instruction set": _core.instruction_set(),
                **goal,
                **made_of(self._trainer),
                "callbacks": list(self._trainer._hooks.names),
                "the data": dict(seen),
            }
            self._execution.begin(facts)

    def started(self) -> None:
        """Compare the state from which the training goes on. Raises ConfigError."""
        if self.several:
            run = self._trainer.run
            facts = {
                "the place in the training": dataclasses.asdict(run.position),
                "the parameters": _checksum(self._trainer.net.arena),
                "frozen parameters": list(self._trainer.net.frozen),
                "the state of the optimizer": _checksum(self._trainer.optimizer.state_dict()),
            }
            self._execution.started(facts)
            run.whole = False

    def finished(self) -> None:
        """Wait for the others, compare parameters, and collect the carried state. Raises RankError."""
        if self.several:
            run = self._trainer.run
            place = dataclasses.asdict(run.position)
            parameters = _checksum(self._trainer.net.arena)
            self._execution.finished({"the place in the training": place, "the parameters": parameters})
            if run.carried is not None:
                self.gather()
            run.whole = True

    def undone(self, error: BaseException) -> None:
        """Collect the carried state after an error that was undone, if all processes raise it.

        So one process alone may write a checkpoint then, as after a whole `fit`.
        """
        if self.several:
            run = self._trainer.run
            place = {"the place in the training": dataclasses.asdict(run.position)}
            found = self._execution.whole_after(error, place, run.carried or {})
            if found is not None:
                run.carried = None if run.carried is None else found
                run.whole = True

    def read(self, path: str | os.PathLike[str], use: Callable[[str | os.PathLike[str]], R]) -> R:
        """`use(path)` of a file that only the chief needs to have; elsewhere, the path of a copy."""
        if not self.several:
            return use(path)
        content: bytes | Exception | None = None
        if self._execution.chief:
            try:
                content = Path(path).read_bytes()
            except OSError as error:
                content = error
        found = self._execution.file(content)
        if self._execution.chief:
            return use(path)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / Path(path).name
            copy.write_bytes(found)
            return use(copy)

    def gather(self) -> None:
        """Collect the carried state, of which each process has its own rows, for a checkpoint of a run."""
        run = self._trainer.run
        if not run.whole:
            run.carried = self._execution.whole(run.carried)

    def check_whole(self) -> None:
        """Raises RankError if a checkpoint outside of a run would lack rows of the carried state."""
        run = self._trainer.run
        if not run.whole and run.carried:
            raise RankError(
                "save: the last fit ended with an error that left the ranks at different places of the "
                "training, so the rows of the state that is carried over cannot be collected; load a "
                "checkpoint on all ranks, trainer.load(path), or save the network alone, "
                "trainer.net.save(path)"
            )


def _checksum(value: Any) -> int:
    """Of arrays in dicts and lists, and of plain values."""
    if isinstance(value, Mapping):
        return zlib.crc32(repr([(name, _checksum(one)) for name, one in sorted(value.items())]).encode())
    if isinstance(value, (list, tuple)):
        return zlib.crc32(repr([_checksum(one) for one in value]).encode())
    if isinstance(value, np.ndarray):
        return zlib.crc32(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
    return zlib.crc32(repr(value).encode())
