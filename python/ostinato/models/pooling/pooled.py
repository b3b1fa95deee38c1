"""`PooledModel`: one answer for each sequence, from a recurrent layer and reductions over its steps."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

import numpy as np

from ostinato import checks
from ostinato.analysis import LyapunovSpectrum, MemoryLength
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers import Dense, Graph, Input, Recurrent, concat, first, last, max, mean, sum
from ostinato.layers.cell_choice import choose_cell
from ostinato.models import stored
from ostinato.models.base.held_out import Parts
from ostinato.models.base.seeds import seed_of
from ostinato.models.base.sequence_model import Examples, SequenceModel, TrainingState
from ostinato.models.base.threads import with_jobs
from ostinato.models.pooling.dynamics import exponents_of, memory_of
from ostinato.models.pooling.importance import Importance, permutation_importance
from ostinato.models.pooling.model_stream import ModelStream
from ostinato.models.reading.feature_names import as_names, check_names
from ostinato.models.reading.input_scaling import InputScaling
from ostinato.models.reading.intake import Intake, read_sequences
from ostinato.models.reading.long_rows import LongForm, rows_of_table, state_of
from ostinato.models.reading.weighing import product, row_weights
from ostinato.network import Network
from ostinato.regularizers import Dropout
from ostinato.sequences.arrays import Array
from ostinato.signature import of_init, with_field_types

Self = TypeVar("Self", bound="PooledModel")


class PooledState:
    """What a fitted model knows of its training data."""

    _scaling: InputScaling
    _flat: bool
    _long: LongForm | None
    n_features_in_: int
    feature_names_in_: Array


MOST: Final = 1000
"""Members."""
SCALES: Final = {"features": False, "rows": True}
"""Values of `scale`: whether features are relative to their row."""
OF_LAYER: Final = ("init", "residual")
"""Arguments of the layer that `cell_options` may have too; the estimator sets the others."""

REDUCTIONS: Final = {"mean": mean, "max": max, "last": last, "first": first, "sum": sum}


class TargetRows(NamedTuple):
    """Answers as a trainer takes them.

    targets (N,) or (N, K), weights (N,) or None, outputs: of the network.
    """

    targets: Array
    weights: Array | None
    outputs: int


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class PooledModel(SequenceModel, PooledState):
    """Base of the estimators with one answer for each sequence.

    Args:
        cell: of the recurrent layer: a name, a Cell class or an instance.
        cell_options: options of the cell, a dict by name; also `init` and `residual` of `ost.Recurrent`.
        hidden_size: units of each layer and direction.
        num_layers: recurrent layers on top of each other.
        bidirectional: each layer also reads the sequence backwards.
        pooling: what the answer is computed from: "mean", "max" and "last" (in reading order) over the steps,
            also "first" and "sum".
        dropout: the fraction of the outputs of each recurrent layer that is dropped in training.
        regularizers: further regularizers of the recurrent layer, or their names.
        scale: "features": every feature gets the mean 0 and the deviation 1 over the training steps; a
            feature with heavy tails is first compressed by arcsinh (`Scaler`). "rows": three further inputs
            for each feature are its shape, with the mean 0 and the deviation 1 over the steps of each row,
            and the size and the level of the row (`InputScaling`). True is "features"; in a bidirectional
            classifier it is "rows" for features that vary in most rows, with deviations that differ by a
            factor of 100 between rows (the 90th percentile by the 10th). False changes nothing.
        n_members: networks with other initial parameters, whose answers are averaged. They are trained
            together, as one network with the same batches: the loss is the sum of their losses, and
            `clip_norm` limits the norm of all their gradients.
    """

    cell: Any = "gru"
    cell_options: Mapping[str, Any] | None = None
    hidden_size: int = 64
    num_layers: int = 1
    bidirectional: bool = True
    pooling: Sequence[str] = ("mean", "max", "last")
    dropout: float = 0.2
    regularizers: Sequence[Any] = ()
    scale: bool | str = True
    n_members: int = 1

    dtype: ClassVar[str] = "float32"
    chooses_rows: ClassVar[bool] = False
    """Whether scale=True may be "rows"."""

    def _build(self, width: int, outputs: int, seed: int) -> Network:
        """The network: x (N, T, width) -> (N, outputs), with several members a dict of them.

        Raises ConfigError.
        """
        count = checks.whole(type(self).__name__, "n_members", self.n_members, at_least=1, at_most=MOST)
        x = Input("x", size=width)
        if count == 1:
            return Graph(self._member(x, width, outputs), seed=seed)
        return Graph({f"member {n}": self._member(x, width, outputs) for n in range(count)}, seed=seed)

    def _member(self, x: Any, width: int, outputs: int) -> Any:
        owner = type(self).__name__
        share = self._dropout()
        regularizers = self._copies("regularizers")
        if share:
            regularizers.append(Dropout(share, where="output"))
        layer = Recurrent(
            self._copy("cell"),
            width,
            self._size("hidden_size"),
            self._size("num_layers"),
            bidirectional=checks.flag(owner, "bidirectional", self.bidirectional),
            regularizers=regularizers,
            dtype=self.dtype,
            **self._cell_options(),
        )
        names = self._reductions()
        return Dense(len(names) * layer.output_size, outputs, dtype=self.dtype)(_pooled(layer(x), names))

    def _cell_options(self) -> Mapping[str, Any]:
        given = self.cell_options
        if given is None:
            return {}
        checks.mapping(type(self).__name__, "cell_options", given, "a dict of options by name, or None")
        if not all(isinstance(name, str) for name in given):
            raise ConfigError(
                f"{type(self).__name__}: cell_options is {shown(given)}; expected texts as keys"
            )
        for name in given:
            if name in of_init(Recurrent).parameters and name not in OF_LAYER:
                instead = f"use the argument {name}=" if name in self._names() else "omit it"
                raise ConfigError(
                    f"{type(self).__name__}: cell_options has {shown(name)}, which the estimator sets; "
                    f"{instead}"
                )
        of_cell = {name: one for name, one in given.items() if name not in OF_LAYER}
        if of_cell:  # here, because the layer would list its own arguments too
            choose_cell(self._copy("cell"), of_cell, OF_LAYER)
        return dict(given)

    def _reductions(self) -> list[str]:
        given = self.pooling
        names = [given] if isinstance(given, str) else list(given) if isinstance(given, Sequence) else []
        if not names or any(not isinstance(one, str) or one not in REDUCTIONS for one in names):
            raise ConfigError(
                f"{type(self).__name__}: pooling is {shown(given)}; expected some of {', '.join(REDUCTIONS)}"
            )
        return names

    def _scaler(self, rows: Sequence[Array], width: int) -> InputScaling:
        if isinstance(self.scale, str) and self.scale in SCALES:
            return InputScaling.of(rows, SCALES[self.scale])
        if not isinstance(self.scale, bool):
            raise ConfigError(
                f"{type(self).__name__}: scale is {shown(self.scale)}; expected True, False, 'features' or "
                "'rows'"
            )
        if not self.scale:
            return InputScaling.none(width)
        bidirectional = checks.flag(type(self).__name__, "bidirectional", self.bidirectional)
        return InputScaling.of(rows, None if bidirectional and self.chooses_rows else False)

    def _read(self, call: str, x: Any, lengths: Any) -> list[Array]:
        """Scaled rows for a fitted model."""
        self._check_fitted(call)
        owner = f"{type(self).__name__}.{call}"
        x = self._from_table(owner, x, None)[0]
        intake = read_sequences(owner, x, lengths, width=self._scaling.width)
        self._check_columns(owner, intake)
        return self._scaling.apply(owner, intake.rows, self.dtype)

    def _from_table(self, owner: str, x: Any, y: Any) -> tuple[Any, Any]:
        """The rows of a long table and its answers, if the model was fitted to such a table."""
        form = vars(self).get("_long")
        return rows_of_table(owner, x, form, y)[:2] if form is not None and form.fits(x) else (x, y)

    def _check_columns(self, owner: str, intake: Intake) -> None:
        """Raises ShapeError, ConfigError if the columns of 2-D data differ from those of fit."""
        if intake.flat and self._flat and intake.columns != self.n_features_in_:
            raise ShapeError(
                f"X has {intake.columns} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input. {owner}: for other lengths give a list of arrays"
            )
        check_names(intake.names, vars(self).get("feature_names_in_"))

    def _outputs(self, call: str, x: Any, lengths: Any) -> list[Array]:
        """The outputs (N, K) of the members of the network."""
        rows = self._read(call, x, lengths)
        return self._predict(self.network_, rows)

    def _predict(self, net: Network, rows: list[Array]) -> list[Array]:
        found = with_jobs(type(self).__name__, self.n_jobs, lambda: net.predict(rows))
        return list(found.values()) if isinstance(found, dict) else [found]

    # What a fitted model says about itself.

    def _members(self) -> tuple[list[Recurrent], list[Dense]]:
        """Copies of the recurrent layer and the linear layer of each member."""
        layers = [copy.copy(one) for one in self.network_.layers.values()]
        return (
            [one for one in layers if isinstance(one, Recurrent)],
            [one for one in layers if isinstance(one, Dense)],
        )

    def _states(self) -> list[Network]:
        """The networks from x to the states (N, T, H) of each member."""
        x = Input("x", size=self._scaling.inputs)
        return [Graph(layer(x)) for layer in self._members()[0]]

    def transform(self, X: Any, *, lengths: Any = None) -> Array:
        """The features that the linear layer reads: reductions of the states over the steps, (N, P).

        `pooling` names the reductions; with "last" alone, the features are the last states. A row does not
        depend on the others. Raises the errors of `predict`.
        """
        rows = self._read("transform", X, lengths)
        x = Input("x", size=self._scaling.inputs)
        names = self._reductions()
        parts = [_pooled(layer(x), names) for layer in self._members()[0]]
        return self._predict(Graph(concat(*parts) if len(parts) > 1 else parts[0]), rows)[0]

    def fit_transform(
        self, X: Any, y: Any = None, sample_weight: Any = None, *, lengths: Any = None
    ) -> Array:
        """`fit(X, y, ...)`, then `transform(X)`: for a Pipeline. Raises the errors of `fit`."""
        self.fit(X, y, sample_weight, lengths=lengths)
        return self.transform(X, lengths=lengths)

    def get_feature_names_out(self, input_features: Any = None) -> Array:
        """The names (P,) of the features of `transform`: "mean_0", "mean_1", ..., of members "0_mean_0".

        input_features: for scikit-learn; the names do not depend on it.
        """
        self._check_fitted("get_feature_names_out")
        if input_features is not None and not (
            isinstance(input_features, (Sequence, np.ndarray))
            and getattr(input_features, "ndim", 1) > 0
            and len(input_features) == self.n_features_in_
        ):
            raise ConfigError(
                f"{type(self).__name__}.get_feature_names_out: input_features is {shown(input_features)}; "
                f"expected {self.n_features_in_} names"
            )
        layers = self._members()[0]
        return np.array(
            [
                f"{f'{n}_' if len(layers) > 1 else ''}{name}_{unit}"
                for n, layer in enumerate(layers)
                for name in self._reductions()
                for unit in range(layer.output_size)
            ],
            dtype=object,
        )

    def stream(self, batch: int = 1) -> ModelStream:
        """A stream, which returns the answers after each step: `stream().step(x)`.

        batch: sequences that are read together. The model must have been fitted with bidirectional=False,
        because a network that also reads backwards needs the end of a sequence, and without scale="rows",
        which needs the whole sequence too. Raises ConfigError.
        """
        self._check_fitted("stream")
        owner = f"{type(self).__name__}.stream"
        count = checks.count(owner, "batch", batch, at_least=1)
        layers, heads = self._members()
        if any(layer.bidirectional for layer in layers):
            raise ConfigError(
                f"{owner}: the network is bidirectional, so it needs the whole sequence; expected a model "
                "fitted with bidirectional=False"
            )
        if self._scaling.relative.any():
            raise ConfigError(
                f"{owner}: features are scaled by the whole sequence; expected a model fitted "
                "with scale='features' or scale=True"
            )
        names = None if self._flat else vars(self).get("feature_names_in_")  # of a 2-D array: of its steps
        return ModelStream(
            self._states(), heads, self._reductions(), self._scaling, self._answer, count, names
        )

    def memory_length(self, X: Any, *, threshold: float = 0.01, lengths: Any = None) -> MemoryLength:
        """How many steps back the states at the end of sequences still depend on their inputs.

        threshold: the fraction of the greatest influence that counts as memory. Rows are aligned at their
        ends. In a bidirectional network, the state at the end depends on earlier inputs by the forward
        direction alone. Raises ConfigError, and the errors of `predict`.
        """
        rows = self._read("memory_length", X, lengths)
        found = [memory_of(net, rows, threshold) for net in self._states()]
        return sorted(found, key=lambda one: one.length)[-1]

    def lyapunov(self, X: Any, *, count: int | None = 1, lengths: Any = None) -> LyapunovSpectrum:
        """The Lyapunov exponents of the states along X, one row after the other, per step.

        Below 0, states forget how they began; above 0, small differences grow (chaos). count: how many, the
        largest first; None for all. The model must have been fitted with bidirectional=False. With several
        members, the first one is measured. Raises ConfigError, and the errors of `predict`.
        """
        rows = self._read("lyapunov", X, lengths)
        owner, net = f"{type(self).__name__}.lyapunov", self._states()[0]
        if any(layer.bidirectional for layer in self._members()[0]):
            raise ConfigError(
                f"{owner}: the network is bidirectional, so its states do not follow each other in one "
                "direction; expected a model fitted with bidirectional=False"
            )
        return exponents_of(owner, net, np.concatenate(rows), count)

    def importance(
        self, X: Any, y: Any = None, *, n_repeats: int = 5, random_state: Any = 0, lengths: Any = None
    ) -> Importance:
        """Permutation importance: the score that is lost when a feature comes from other sequences.

        X, y: data that training did not have, as in `score`. Raises ConfigError, and the errors of `score`.
        """
        self._check_fitted("importance")
        owner = f"{type(self).__name__}.importance"
        X, y = self._from_table(owner, X, y)
        intake = read_sequences(owner, X, lengths, width=self._scaling.width)
        self._check_columns(owner, intake)
        self._read_answers(owner, y, len(intake.rows))
        repeats = checks.count(owner, "n_repeats", n_repeats, at_least=1)
        known = None if intake.flat else vars(self).get("feature_names_in_")
        names = [f"x{n}" for n in range(intake.width)] if known is None else list(known)
        seed = seed_of(owner, random_state)
        return permutation_importance(intake.rows, lambda rows: self.score(rows, y), names, repeats, seed)

    # What an estimator adds.

    @abstractmethod
    def _read_answers(self, owner: str, y: Any, rows: int) -> Array:
        """y as an array, one answer for each row. Raises ShapeError, DTypeError, ConfigError."""

    @abstractmethod
    def _learn(self, owner: str, answers: Array, training: Array) -> dict[str, Any]:
        """The fitted attributes that come of the answers of the first fit, and those of its training part."""

    def _name_answers(self, y: Any, attributes: dict[str, Any]) -> None:
        """Keeps the names of the columns of y, or compares them with those of the first fit.

        Raises ConfigError.
        """

    def _strata(self, answers: Array) -> Array | None:
        """Numbers (N,) from 0: rows of one number have their share of the held-out rows."""
        return None

    def _complete(self, fitting: TrainingState, held: Examples | None) -> None:
        """Sets attributes that need the trained network. held: the rows that training held out."""

    @abstractmethod
    def _answer(self, outputs: list[Array]) -> Array:
        """The outputs (N, K) of the members as the answer to each row."""

    @abstractmethod
    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, lengths: Any = None) -> float:
        """How well y is predicted; higher is better."""

    @abstractmethod
    def _encode(self, owner: str, answers: Array, attributes: dict[str, Any]) -> TargetRows:
        """The answers as targets of the network, with fitted attributes, which may learn of them.

        Raises ConfigError.
        """

    loss: Any

    # Fitting.

    def fit(
        self: Self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        lengths: Any = None,
        groups: Any = None,
        id: str | None = None,
        time: str | None = None,
        target: str | None = None,
    ) -> Self:
        """Trains on sequences and one answer for each.

        Args:
            X: a list of arrays (T, F) or (T,); an array (N, T, F), with lengths if rows are padded; (n, T): n
                univariate sequences; or an array of objects that are arrays.
            y: one answer for each sequence: of a classifier (N,) labels (texts, whole numbers or booleans, at
                least two classes); of a regressor numbers (N,) or (N, K).
            sample_weight: (N,) numbers from 0 to 1e18: how much each row counts.
            lengths: (N,) steps of each row of an array.
            groups: (N,) of anything: rows of one group are held out together.
            id: if X is a long table, a DataFrame or a dict of columns with one row for each sequence and
                step: the column with the names of sequences. Sequences are in the order of their first rows.
                Other methods then read such tables too.
            time: the column of times, which rise within a sequence. Without it, rows are in order.
            target: the column of answers, which is in place of y: one value for each sequence.

        Raises ShapeError, DTypeError, ConfigError that name row and column; then nothing changes.
        """
        owner = type(self).__name__
        continued = self._continues()
        form = LongForm.of(owner, X, id, time, target)
        if form is not None:
            X, y, form = rows_of_table(owner, X, form, y)
        intake, answers = self._read_both(owner, X, y, lengths)
        if form is not None:
            intake = replace(intake, names=form.features)
        seed = self._seed_for(continued)
        parts = self._parts(len(answers), seed, groups, self._strata(answers))
        encoded, fitting = self._begin(intake, answers, None, sample_weight, continued, seed, parts)
        fitting.attributes["_long"] = form
        self._name_answers(y, fitting.attributes)
        examples, held = self._examples(intake, fitting, encoded), None
        if parts is not None:
            examples, held = (examples.take(places) for places in parts)
            _check_weights(owner, parts, encoded.weights)
        epochs = checks.count(owner, "max_iter", self.max_iter, at_least=1)
        return self._train(fitting, epochs, examples, held, lambda found: self._complete(found, held))

    def _fit_part(self: Self, X: Any, y: Any, learned: Any, sample_weight: Any, lengths: Any) -> Self:
        """One more epoch on all of these rows. learned: the answers of which `_learn` learns, or None."""
        owner = type(self).__name__
        X, y = self._from_table(owner, X, y)
        intake, answers = self._read_both(owner, X, y, lengths)
        continued = self._latest("partial_fit")
        seed = self._seed_for(continued)
        encoded, fitting = self._begin(intake, answers, learned, sample_weight, continued, seed, None)
        self._name_answers(y, fitting.attributes)
        examples = self._examples(intake, fitting, encoded)
        return self._train(fitting, 1, examples, None, lambda found: self._complete(found, None))

    def _read_both(self, owner: str, X: Any, y: Any, lengths: Any) -> tuple[Intake, Array]:
        """Sequences and one answer for each. Raises ShapeError, DTypeError, ConfigError."""
        intake = read_sequences(owner, X, lengths)
        try:
            return intake, self._read_answers(owner, y, len(intake.rows))
        except ShapeError as error:
            if not intake.flat or np.ndim(y) == 0 or len(y) == len(intake.rows):
                raise
            raise ShapeError(
                f"{error}. X is {(len(intake.rows), intake.columns)}, which is read as {len(intake.rows)} "
                "sequences of one feature; for one sequence write [X]"
            ) from error

    def _examples(self, intake: Intake, fitting: TrainingState, encoded: TargetRows) -> Examples:
        """Scaled rows with the targets and weights of each output of the network."""
        names = fitting.network.graph().outputs

        def each(values: Array | None) -> Any:
            return values if len(names) == 1 or values is None else dict.fromkeys(names, values)

        rows = fitting.attributes["_scaling"].apply(type(self).__name__, intake.rows, self.dtype)
        return Examples(rows, each(encoded.targets), each(encoded.weights))

    def _begin(
        self,
        intake: Intake,
        answers: Array,
        learned: Any,
        sample_weight: Any,
        continued: TrainingState | None,
        seed: int,
        parts: Parts,
    ) -> tuple[TargetRows, TrainingState]:
        """The targets, and the fitting to continue, or a new one.

        Scales are those of the training part. Held-out answers decide only whether an answer that is constant
        in the training part is a constant of the model (`Scaler.varied`).
        """
        owner = type(self).__name__
        given = row_weights(owner, sample_weight, len(answers))
        if continued is None:
            training = slice(None) if parts is None else parts[0]
            rows = intake.rows if parts is None else [intake.rows[n] for n in parts[0]]
            seen = _seen(self._scaler(rows, intake.width), intake.flat, intake.columns, intake.names)
            known = answers if learned is None else learned
            attributes = {**seen, **self._learn(owner, known, answers[training])}
        else:
            attributes = continued.attributes
            read_sequences(owner, intake.rows, width=attributes["_scaling"].width)
            self._check_columns(owner, intake)
        encoded = self._encode(owner, answers, attributes)
        encoded = encoded._replace(weights=product(owner, given, encoded.weights))
        if continued is None:
            outputs = encoded.outputs
            inputs = attributes["_scaling"].inputs
            continued = self._new(
                lambda seed: self._build(inputs, outputs, seed),
                parts is not None,
                attributes,
                seed,
            )
        return encoded, continued

    def _trainer_loss(self, attributes: Mapping[str, Any]) -> Any:
        count = checks.whole(type(self).__name__, "n_members", self.n_members, at_least=1, at_most=MOST)
        return self.loss if count == 1 else {f"member {n}": self._copy("loss") for n in range(count)}

    # What a fitted model holds.

    def _state(self) -> dict[str, Any]:
        names = vars(self).get("feature_names_in_")
        return {
            "scaling": self._scaling.state(),
            "flat": self._flat,
            "long": state_of(vars(self).get("_long")),
            "n_features_in": self.n_features_in_,
            "feature_names_in": None if names is None else list(names),
        }

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__(state)
        if "_scaling" in vars(self):
            given: Any = vars(self)["_scaling"]
            if not isinstance(given, InputScaling):  # of an earlier version, which no fit continues
                self._fitted = None
            self._scaling = InputScaling.from_pickle(given)

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        scaling, flat = InputScaling.from_state(state["scaling"]), stored.flag("flat", state["flat"])
        columns = stored.whole("n_features_in", state["n_features_in"], at_least=1)
        if not flat and columns != scaling.width:
            raise stored.wrong("n_features_in", columns, f"the {scaling.width} features of its scaling")
        names = as_names(state["feature_names_in"])
        if names is not None and len(names) != columns:
            raise stored.wrong("feature_names_in", names, f"{columns} names")
        found = _seen(scaling, flat, columns, names)
        return {**found, "_long": LongForm.from_state(state.get("long"))}  # not in files of earlier versions


def _check_weights(owner: str, parts: Sequence[Array], weights: Array | None) -> None:
    """Raises ConfigError for a part whose rows all have the weight 0: nothing is learned or measured."""
    for part, places in zip(("rows that train", "held-out rows"), parts, strict=True):
        if weights is not None and not weights[places].any():
            raise ConfigError(
                f"{owner}: all {len(places)} {part} have the weight 0; expected sample_weight and "
                "class_weight above 0 for more rows, or early_stopping=False"
            )


def _pooled(states: Any, names: Sequence[str]) -> Any:
    parts = [REDUCTIONS[name](states) for name in names]
    return concat(*parts) if len(parts) > 1 else parts[0]


def _seen(scaler: InputScaling, flat: bool, columns: int, names: Sequence[str] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"_scaling": scaler, "_flat": flat, "n_features_in_": columns}
    if names is not None:
        made["feature_names_in_"] = np.array(names, dtype=object)
    return made
