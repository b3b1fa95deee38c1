"""The role that decides where gradients are computed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato.errors import ConfigError, shown
from ostinato.strategy.core import Core
from ostinato.strategy.strategy import Strategy


class Execution(Strategy):
    """Where gradients are computed. Derive from it and write `core`.

    An execution with several processes returns a core that gives each process its share of the rows and sums
    the gradients: `DataParallel`, for which an engine writes only a `Communicator`. In one process, the
    other methods do nothing.
    """

    role: ClassVar[str] = "execution"
    # Whether results depend on the package by whose name it was made; False for a class to which packages
    # give only what changes no result.
    _provider_matters: ClassVar[bool] = True

    @property
    def processes(self) -> int:
        """How many processes train together."""
        return 1

    @property
    def chief(self) -> bool:
        """Whether this process writes checkpoints and prints: one of all processes does."""
        return True

    def core(self, local: Core) -> Core:
        """Return the core for estimators, based on the core of this process."""
        raise ConfigError(f"execution {shown(self.name)} has no core; write core(self, local)")

    def begin(self, facts: Mapping[str, Any]) -> None:
        """A `fit` starts; `facts` say what is trained, on which data, and how.

        Raises ConfigError for processes that differ.
        """

    def started(self, facts: Mapping[str, Any]) -> None:
        """The training starts, or resumes; `facts` say where, and have a checksum of the parameters.

        Raises ConfigError for processes that differ.
        """

    def file(self, content: bytes | Exception | None) -> bytes:
        """The content of a file that the chief has read, or the error that it raised; None elsewhere."""
        if isinstance(content, Exception):
            raise content
        assert content is not None, "the chief gives it"
        return content

    def whole(self, state: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The state that is carried over, of all rows; called in every process before a checkpoint."""
        return state

    def whole_after(
        self, error: BaseException, facts: Mapping[str, Any], state: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """The state that is carried over, of all rows, after an error that `fit` has undone; None if unknown.

        `facts` say where the training is now. The processes may exchange messages only if all of them raise
        an error at the same place.
        """
        return None

    def finished(self, facts: Mapping[str, Any]) -> None:
        """A `fit` ends, in every process. Raises RankError for processes that differ."""

    def failed(self, error: BaseException) -> None:
        """A `fit` ends with an error in this process."""
