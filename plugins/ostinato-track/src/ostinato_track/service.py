"""`ServiceTracker`: what trackers of a service share."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import ostinato as ost
from ostinato import ConfigError, TrainingRun, hookimpl


class ServiceTracker(ost.Tracker, ABC):
    """Logs curves to a run of a service: `update/...` every `update_every` updates, `epoch/...` each epoch.

    The run of the service begins with the first point, and its id is in the checkpoint: a resumed training,
    or a further `fit`, appends to it. A service that fails is one warning; the training continues, and
    nothing more is sent in this `fit`. Of several processes, only `run.chief` logs.

    A subclass writes `_open`, `_log` and `_close`.

    Raises ConfigError if the library is not installed, and for options out of range.
    """

    package: ClassVar[str]
    """The library, and the extra of this package that installs it."""

    def __init__(self, update_every: int, config: Mapping[str, Any] | None) -> None:
        owner = type(self).__name__
        try:
            self._library: Any = importlib.import_module(self.package)
        except ImportError as error:
            raise ConfigError(
                f"{owner} needs {self.package}: pip install 'ostinato-track[{self.package}]'"
            ) from error
        if isinstance(update_every, bool) or not isinstance(update_every, int) or update_every < 0:
            raise ConfigError(f"{owner}: update_every is {update_every!r}; expected a whole number from 0")
        if config is not None and not isinstance(config, Mapping):
            raise ConfigError(f"{owner}: config is {config!r}; expected a dict of values by name")
        self.update_every, self.config = update_every, config
        self._id = ""
        self._is_open = self._gave_up = self._has_error = False

    def __deepcopy__(self, memo: dict[int, object]) -> ServiceTracker:
        """A copy that makes a run of its own."""
        return type(self)(**self._options)

    @abstractmethod
    def _open(self, run_id: str, config: Mapping[str, Any]) -> str:
        """Opens the run of this id, or a new one for ""; returns its id."""

    @abstractmethod
    def _log(self, values: Mapping[str, float], step: int) -> None:
        """Sends values of update `step`."""

    @abstractmethod
    def _close(self, has_error: bool) -> None:
        """Ends the run of the service."""

    def begin(self, run: TrainingRun) -> None:
        """Forget the run of the service if the training is new. Its id comes later if it is resumed."""
        if run.step == 0:
            self._id = ""
        self._is_open = self._gave_up = self._has_error = False

    def update(self, run: TrainingRun, step: int, metrics: Mapping[str, float]) -> None:
        """Log a point, every `update_every` updates."""
        if self.update_every and step % self.update_every == 0:
            self._send(run, "update", metrics, step)

    def epoch(self, run: TrainingRun, epoch: int, metrics: Mapping[str, float]) -> None:
        """Log the columns of the history, at the last update."""
        self._send(run, "epoch", metrics, max(run.step - 1, 0))

    def end(self, run: TrainingRun) -> None:
        """End the run of the service."""
        if self._is_open:
            self._is_open = False
            self._close(self._has_error)

    def _send(self, run: TrainingRun, group: str, metrics: Mapping[str, float], step: int) -> None:
        if self._gave_up:
            return
        try:
            if not self._is_open:
                self._id = self._open(self._id, self._known(run))
                self._is_open = True
            self._log({f"{group}/{name}": float(value) for name, value in metrics.items()}, step)
        except Exception:
            self._gave_up = True  # each try may wait for a server
            raise

    def _known(self, run: TrainingRun) -> dict[str, Any]:
        """What the service shows as the configuration of the run: options that are no number as texts."""
        optimizer = run.optimizer
        own = {
            name: one if isinstance(one, (int, float)) else str(one)
            for name, one in optimizer.options.items()
            if one is not None
        }
        return {"optimizer": optimizer.name, **own, "seed": run.seed, **(self.config or {})}

    @hookimpl
    def ostinato_run_error(self, run: TrainingRun) -> None:
        """End after an error."""
        self._has_error = True
        super().ostinato_run_error(run)

    @hookimpl
    def ostinato_save(self) -> dict[str, Any]:
        """The id of the run."""
        return {"id": self._id}

    @hookimpl
    def ostinato_load(self, state: Mapping[str, Any]) -> None:
        """Append to the run of this id."""
        self._id = str(state["id"])
