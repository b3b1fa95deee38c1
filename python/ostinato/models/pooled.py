"""`PooledModel`: one answer for each sequence, from a recurrent layer and reductions over its steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers import Dense, Graph, Input, Recurrent, concat, first, last, max, mean, sum
from ostinato.models.held_out import split
from ostinato.models.intake import Intake, check_names, read_sequences
from ostinato.models.scaling import Scaler
from ostinato.models.sequence_model import Examples, SequenceModel, TrainingState
from ostinato.models.threads import with_jobs
from ostinato.models.weighing import product, row_weights
from ostinato.network import Network
from ostinato.regularizers import Dropout
from ostinato.sequences.arrays import Array

Self = TypeVar("Self", bound="PooledModel")


class PooledState:
    """What a fitted model knows of its training data."""

    _scaling: Scaler
    _flat: bool
    n_features_in_: int
    feature_names_in_: Array


REDUCTIONS: Final = {"mean": mean, "max": max, "last": last, "first": first, "sum": sum}


class TargetRows(NamedTuple):
    """Answers as a trainer takes them.

    targets (N,) or (N, K), weights (N,) or None, strata (N,) class numbers or None, outputs: of the network.
    """

    targets: Array
    weights: Array | None
    strata: Array | None
    outputs: int


@dataclass(kw_only=True, eq=False, repr=False)
class PooledModel(SequenceModel, PooledState):
    """Base of the estimators with one answer for each sequence.

    Args:
        cell: of the recurrent layer: a name, a Cell class or an instance.
        cell_options: options of the cell, a dict by name.
        hidden_size: units of each layer and direction.
        num_layers: recurrent layers on top of each other.
        bidirectional: each layer also reads the sequence backwards.
        pooling: what the answer is computed from: "mean", "max" and "last" (in reading order) over the steps,
            also "first" and "sum".
        dropout: the fraction of the outputs of each recurrent layer that is dropped in training.
        regularizers: further regularizers of the recurrent layer, or their names.
        scale: every feature gets the mean 0 and the deviation 1 over the training steps; a feature with heavy
            tails is first compressed by arcsinh (`Scaler`).
    """

    cell: Any = "gru"
    cell_options: Mapping[str, Any] | None = None
    hidden_size: int = 64
    num_layers: int = 1
    bidirectional: bool = True
    pooling: Sequence[str] = ("mean", "max", "last")
    dropout: float = 0.2
    regularizers: Sequence[Any] = ()
    scale: bool = True

    dtype: ClassVar[str] = "float32"

    def _build(self, width: int, outputs: int, seed: int) -> Network:
        """The network: x (N, T, width) -> (N, outputs). Raises ConfigError."""
        owner = type(self).__name__
        share = checks.number(owner, "dropout", self.dropout, at_least=0, below=1)
        regularizers = self._copies("regularizers")
        if share:
            regularizers.append(Dropout(share, where="output"))
        x = Input("x", size=width)
        layer = Recurrent(
            self._copy("cell"),
            width,
            self.hidden_size,
            self.num_layers,
            bidirectional=checks.flag(owner, "bidirectional", self.bidirectional),
            regularizers=regularizers,
            dtype=self.dtype,
            **self._cell_options(),
        )
        states = layer(x)
        names = self._reductions()
        parts = [REDUCTIONS[name](states) for name in names]
        pooled = concat(*parts) if len(parts) > 1 else parts[0]
        return Graph(Dense(len(names) * layer.output_size, outputs, dtype=self.dtype)(pooled), seed=seed)

    def _cell_options(self) -> Mapping[str, Any]:
        given = self.cell_options
        if given is None:
            return {}
        checks.mapping(type(self).__name__, "cell_options", given, "a dict of options by name, or None")
        if not all(isinstance(name, str) for name in given):
            raise ConfigError(
                f"{type(self).__name__}: cell_options is {shown(given)}; expected texts as keys"
            )
        return dict(given)

    def _reductions(self) -> list[str]:
        given = self.pooling
        names = [given] if isinstance(given, str) else list(given) if isinstance(given, Sequence) else []
        if not names or any(not isinstance(one, str) or one not in REDUCTIONS for one in names):
            raise ConfigError(
                f"{type(self).__name__}: pooling is {shown(given)}; expected some of {', '.join(REDUCTIONS)}"
            )
        return names

    def _scaler(self, intake: Intake) -> Scaler:
        scaled = checks.flag(type(self).__name__, "scale", self.scale)
        return Scaler.of(intake.rows, compress=True) if scaled else Scaler.none(intake.width)

    def _scaled(self, intake: Intake, scaler: Scaler) -> list[Array]:
        return scaler.apply(intake.rows, self.dtype)

    def _read(self, call: str, x: Any, lengths: Any) -> list[Array]:
        """Scaled rows for a fitted model."""
        self._check_fitted(call)
        owner = f"{type(self).__name__}.{call}"
        intake = read_sequences(owner, x, lengths, width=len(self._scaling.mean))
        self._check_columns(owner, intake)
        return self._scaled(intake, self._scaling)

    def _check_columns(self, owner: str, intake: Intake) -> None:
        """Raises ShapeError, ConfigError if the columns of 2-D data differ from those of fit."""
        if intake.flat and self._flat and intake.columns != self.n_features_in_:
            raise ShapeError(
                f"X has {intake.columns} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input. {owner}: for other lengths give a list of arrays"
            )
        check_names(intake.names, vars(self).get("feature_names_in_"))

    def _outputs(self, call: str, x: Any, lengths: Any) -> Array:
        """The outputs of the network (N, K)."""
        rows = self._read(call, x, lengths)
        found: Array = with_jobs(type(self).__name__, self.n_jobs, lambda: self.network_.predict(rows))
        return found

    # What an estimator adds.

    @abstractmethod
    def _read_answers(self, owner: str, y: Any, rows: int) -> Array:
        """y as an array, one answer for each row. Raises ShapeError, DTypeError, ConfigError."""

    @abstractmethod
    def _learn(self, owner: str, answers: Array) -> dict[str, Any]:
        """The fitted attributes that come of the answers of the first fit."""

    @abstractmethod
    def _encode(self, owner: str, answers: Array, attributes: Mapping[str, Any]) -> TargetRows:
        """The answers as targets of the network, with fitted attributes. Raises ConfigError."""

    loss: Any

    # Fitting.

    def fit(
        self: Self, X: Any, y: Any, sample_weight: Any = None, *, lengths: Any = None, groups: Any = None
    ) -> Self:
        """Trains on sequences and one answer for each.

        Args:
            X: a list of arrays (T, F) or (T,); an array (N, T, F), with lengths if rows are padded; (n, T): n
                univariate sequences; or an array of objects that are arrays.
            y: one answer for each sequence: of a classifier (N,) labels (texts, whole numbers or booleans, at
                least two classes); of a regressor numbers (N,) or (N, K).
            sample_weight: (N,) numbers from 0: how much each row counts.
            lengths: (N,) steps of each row of an array.
            groups: (N,) of anything: rows of one group are held out together.

        Raises ShapeError, DTypeError, ConfigError that name row and column; then nothing changes.
        """
        owner = type(self).__name__
        continued = self._continues()
        intake = read_sequences(owner, X, lengths)
        answers = self._read_answers(owner, y, len(intake.rows))
        holds = self._holds_out(len(answers))
        if groups is not None and not holds:
            raise ConfigError(
                f"{owner}: groups is given, but no rows are held out of {len(answers)}; expected "
                "early_stopping=True, or groups=None"
            )
        encoded, fitting = self._begin(intake, answers, None, sample_weight, continued, holds)
        examples, held = Examples(self._scaled(intake, fitting.attributes["_scaling"]), *encoded[:2]), None
        if holds:
            training, places = split(
                owner, len(answers), self.validation_fraction, fitting.seed, encoded.strata, groups
            )
            examples, held = examples.take(training), examples.take(places)
        epochs = checks.count(owner, "max_iter", self.max_iter, at_least=1)
        return self._train(fitting, epochs, examples, held)

    def _fit_part(self: Self, X: Any, y: Any, learned: Any, sample_weight: Any, lengths: Any) -> Self:
        """One more epoch on all of these rows. learned: the answers of which `_learn` learns, or None."""
        owner = type(self).__name__
        intake = read_sequences(owner, X, lengths)
        answers = self._read_answers(owner, y, len(intake.rows))
        continued = self._latest("partial_fit")
        encoded, fitting = self._begin(intake, answers, learned, sample_weight, continued, False)
        examples = Examples(self._scaled(intake, fitting.attributes["_scaling"]), *encoded[:2])
        return self._train(fitting, 1, examples, None)

    def _begin(
        self,
        intake: Intake,
        answers: Array,
        learned: Any,
        sample_weight: Any,
        continued: TrainingState | None,
        holds: bool,
    ) -> tuple[TargetRows, TrainingState]:
        """The targets, and the fitting to continue, or a new one."""
        owner = type(self).__name__
        given = row_weights(owner, sample_weight, len(answers))
        if continued is None:
            seen = _seen(self._scaler(intake), intake.flat, intake.columns, intake.names)
            attributes = {**seen, **self._learn(owner, answers if learned is None else learned)}
        else:
            attributes = continued.attributes
            read_sequences(owner, intake.rows, width=len(attributes["_scaling"].mean))
            self._check_columns(owner, intake)
        encoded = self._encode(owner, answers, attributes)
        encoded = encoded._replace(weights=product(given, encoded.weights))
        if continued is None:
            outputs = encoded.outputs
            continued = self._new(
                lambda seed: self._build(intake.width, outputs, seed), self.loss, holds, attributes
            )
        return encoded, continued

    # What a fitted model holds.

    def _state(self) -> dict[str, Any]:
        names = vars(self).get("feature_names_in_")
        return {
            "scaling": self._scaling.state(),
            "flat": self._flat,
            "n_features_in": self.n_features_in_,
            "feature_names_in": None if names is None else list(names),
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return _seen(
            Scaler.from_state(state["scaling"]),
            state["flat"],
            state["n_features_in"],
            state["feature_names_in"],
        )


def _seen(scaler: Scaler, flat: bool, columns: int, names: Sequence[str] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"_scaling": scaler, "_flat": flat, "n_features_in_": columns}
    if names is not None:
        made["feature_names_in_"] = np.array(names, dtype=object)
    return made
