"""`PairModel`: an answer that is itself a sequence: fitting pairs, and holding some of them out."""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

from ostinato import checks
from ostinato.decoding import Decoded, LengthNorm
from ostinato.errors import ConfigError, OstinatoError, ShapeError, shown
from ostinato.models.base.held_out import Divide, Parts
from ostinato.models.base.sequence_model import Examples, SequenceModel, TrainingState
from ostinato.models.writing.ids import END
from ostinato.plugins.registry import registry
from ostinato.signature import with_field_types
from ostinato.strategy import Estimator, Strategy

Self = TypeVar("Self", bound="PairModel")

LONGEST_ANSWER: Final = 100_000
"""Symbols or steps: a model that never writes an end takes seconds for them, and seems to hang for more."""

LARGEST_BEAM: Final = 1_000
"""Hypotheses: memory and time grow with them, and far fewer find the likeliest sequence."""

LARGEST_PENALTY: Final = 10.0
"""With it, length^length_penalty is finite for each length of a float64 below 10^30, and scores differ."""


class PairState:
    """What a fitted model knows."""

    _longest: int
    """The most symbols, or steps, of an answer of training."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class PairModel(SequenceModel, PairState):
    """Base of the estimators whose answers are sequences."""

    beam_size: int = 5
    length_penalty: float = 0.0
    max_length: Any = "auto"

    read_anew: ClassVar[tuple[str, ...]] = ("beam_size", "length_penalty", "max_length")

    def fit(self: Self, X: Any, y: Any, *, groups: Any = None) -> Self:
        """Trains on pairs of X and y, in the forms that the class describes.

        Args:
            X: what the sequences are written for.
            y: the sequences, one for each of X.
            groups: (N,) of anything: pairs of one group are held out together.

        Symbols that occur once are learned as unknown ones, which must not be all of them, unless a pointer
        copies. Raises ShapeError, DTypeError, ConfigError that name row and place; then nothing changes.
        """
        continued = self._continues()
        seed = self._seed_for(continued)
        examples, fitting, parts = self._begin(X, y, continued, seed, lambda n: self._parts(n, seed, groups))
        held = None
        if parts is not None:
            examples, held = (examples.take(places) for places in parts)
        epochs = checks.count(type(self).__name__, "max_iter", self.max_iter, at_least=1)
        return self._train(fitting, epochs, examples, held)

    def partial_fit(self: Self, X: Any, y: Any) -> Self:
        """One more epoch, on all of these pairs. The first call decides what symbols and labels there are.

        Arguments and errors are those of `fit`.
        """
        continued = self._latest("partial_fit")
        examples, fitting, _ = self._begin(X, y, continued, self._seed_for(continued), lambda _: None)
        return self._train(fitting, 1, examples, None)

    @abstractmethod
    def _begin(
        self, X: Any, y: Any, continued: TrainingState | None, seed: int, divide: Divide
    ) -> tuple[Examples, TrainingState, Parts]:
        """Pairs as the network takes them, the training to continue or a new one, and the parts.

        What is learned from the data is learned from the training part alone.
        """

    def _strategies(self, attributes: Mapping[str, Any]) -> list[Any]:
        most = self._most(attributes)
        made = [_with_known_options(one, most) for one in super()._strategies(attributes)]
        self._check_strategies(made)
        return made

    def _check_strategies(self, strategies: Sequence[Any]) -> None:
        """Raises ConfigError for strategies that do not fit the loss."""

    def _most(self, known: Mapping[str, Any]) -> int:
        """The most steps of an answer, the end included."""
        if isinstance(self.max_length, str) and self.max_length == "auto":
            return int(1.5 * known["_longest"]) + 6
        return 1 + checks.whole(
            type(self).__name__, "max_length", self.max_length, at_least=1, at_most=LONGEST_ANSWER
        )

    def _search_method(self, owner: str, beam_size: Any = None) -> dict[str, Any]:
        """What a search passes to `decode`. beam_size: None for the estimator's. Raises ConfigError."""
        given = self.beam_size if beam_size is None else beam_size
        beam = checks.whole(owner, "beam_size", given, at_least=1, at_most=LARGEST_BEAM)
        power = checks.number(owner, "length_penalty", self.length_penalty, at_least=0)
        if power > LARGEST_PENALTY:
            raise ConfigError(
                f"{owner}: length_penalty is {shown(self.length_penalty)}; expected at most "
                f"{LARGEST_PENALTY:g}"
            )
        return {"beam": beam, "penalty": LengthNorm(power) if beam > 1 else None}

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


def _with_known_options(given: Any, most: int) -> Any:
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
