"""`PairModel`: an answer that is itself a sequence: held-out pairs, and training that continues otherwise."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

from ostinato import checks
from ostinato.decoding import Decoded
from ostinato.errors import ConfigError, OstinatoError, ShapeError
from ostinato.models.held_out import split
from ostinato.models.sequence_model import Examples, SequenceModel, TrainingState
from ostinato.network import Network
from ostinato.plugins.registry import registry
from ostinato.strategy import Estimator, Strategy

Self = TypeVar("Self", bound="PairModel")

END: Final = 0
"""The id that ends a sequence, and with which it begins as an input."""
UNKNOWN: Final = 1
"""The id of symbols that training did not have. The ids of a vocabulary follow the end."""


class PairState:
    """What a fitted model knows."""

    _longest: int
    """The most symbols, or steps, of an answer of training."""


@dataclass(kw_only=True, eq=False, repr=False)
class PairModel(SequenceModel, PairState):
    """Base of the estimators whose answers are sequences."""

    max_length: Any = "auto"

    read_anew: ClassVar[tuple[str, ...]] = ("beam_size", "max_length")

    def _fit_pairs(self: Self, examples: Examples, fitting: TrainingState, groups: Any) -> Self:
        """Trains until the end, with held-out pairs if there are enough."""
        owner = type(self).__name__
        count = len(examples.targets)
        held = None
        if self._holds_out(count):
            parts = split(owner, count, self.validation_fraction, fitting.seed, None, groups)
            examples, held = (examples.take(one) for one in parts)
        elif groups is not None:
            raise ConfigError(
                f"{owner}: groups is given, but no sequence is held out; expected early_stopping=True"
            )
        epochs = checks.count(owner, "max_iter", self.max_iter, at_least=1)
        return self._train(fitting, epochs, examples, held)

    def _fitting(
        self,
        continued: TrainingState | None,
        build: Callable[[int], Network],
        loss: Any,
        held_out: bool,
        attributes: dict[str, Any],
    ) -> TrainingState:
        """The fitting to continue, or a new one."""
        self._most(attributes)
        return continued or self._new(build, loss, held_out, attributes)

    def _strategies(self, attributes: Mapping[str, Any]) -> list[Any]:
        most = self._most(attributes)
        made = [_completed(one, most) for one in super()._strategies(attributes)]
        self._check_strategies(made)
        return made

    def _check_strategies(self, strategies: Sequence[Any]) -> None:
        """Raises ConfigError for strategies that do not fit the loss."""

    def _most(self, known: Mapping[str, Any]) -> int:
        """The most steps of an answer, the end included."""
        if isinstance(self.max_length, str) and self.max_length == "auto":
            return int(1.5 * known["_longest"]) + 6
        return 1 + checks.count(type(self).__name__, "max_length", self.max_length, at_least=1)

    def _without_end(self, found: Decoded) -> list[list[int]]:
        """The ids of each row without an end; of a row that was cut, no more than `max_length`."""
        most = self._most(vars(self)) - 1
        return [[one for one in row.tolist() if one != END][:most] for row in found.tokens]


def samples(strategy: Any) -> bool:
    """Whether a strategy learns from what the network writes, by a reward."""
    return isinstance(strategy, Estimator) and strategy.samples


def same_count(owner: str, rows: int, wanted: int) -> None:
    """Raises ShapeError unless there are as many answers as sequences."""
    if rows != wanted:
        raise ShapeError(f"{owner}: X has {rows} sequences, y has {wanted}; expected as many")


def _completed(given: Any, most: int) -> Any:
    """A strategy that is given by its name or class, with the arguments that this estimator knows.

    `end` and `max_length` are those of decoding; `longer` is "wait", because a pair cannot be cut.
    """
    factory: Callable[..., Any]
    if isinstance(given, str):
        try:
            factory = registry.resolve("strategy", given).spec.factory
        except OstinatoError:
            return given  # the trainer says what is wrong
    elif isinstance(given, type) and issubclass(given, Strategy):
        factory = given
    else:
        return given
    options = {"end": END, "max_length": most, "longer": "wait"}
    names = inspect.signature(factory).parameters
    known = {name: value for name, value in options.items() if name in names}
    return registry.make("strategy", given, Strategy, known) if known else given
