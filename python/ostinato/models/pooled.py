"""`PooledModel`: one answer for each sequence, from a recurrent layer and reductions over its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.layers import Dense, Graph, Input, Recurrent, concat, first, last, max, mean, sum
from ostinato.models.intake import Intake, read_sequences
from ostinato.models.scaling import Scaler
from ostinato.models.sequence_model import SequenceModel
from ostinato.models.threads import jobs
from ostinato.network import Network
from ostinato.regularizers import Dropout
from ostinato.sequences.arrays import Array


class Seen:
    """What a fitted model knows of its training data."""

    _scaling: Scaler
    _flat: bool
    n_features_in_: int
    feature_names_in_: Array


REDUCTIONS: Final = {"mean": mean, "max": max, "last": last, "first": first, "sum": sum}


@dataclass(kw_only=True, eq=False, repr=False)
class PooledModel(SequenceModel, Seen):
    """Base of the estimators with one answer for each sequence.

    Args:
        cell: of the recurrent layer: a name, a Cell class or an instance.
        cell_options: options of the cell, a dict by name.
        hidden_size: its units.
        num_layers: recurrent layers on top of each other.
        bidirectional: each layer also reads the sequence backwards.
        pooling: what the answer is computed from: "mean", "max" and "last" (in reading order) over the steps,
            also "first" and "sum".
        dropout: the fraction of the layer's inputs and outputs that is dropped in training.
        regularizers: further regularizers of the recurrent layer, or their names.
        scale: every feature gets the mean 0 and the deviation 1 over the training steps.
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
        return Scaler.of(intake.rows) if scaled else Scaler.none(intake.width)

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
        names, fitted = intake.names, vars(self).get("feature_names_in_")
        if names is not None and fitted is not None and list(names) != list(fitted):
            raise ConfigError(_other_names(list(fitted), list(names)))

    def _outputs(self, call: str, x: Any, lengths: Any) -> Array:
        """The outputs of the network (N, K)."""
        rows = self._read(call, x, lengths)
        with jobs(type(self).__name__, self.n_jobs):
            found: Array = self.network_.predict(rows)
        return found

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

    def _attributes(self, intake: Intake, scaler: Scaler) -> dict[str, Any]:
        """The fitted attributes that come of X."""
        return _seen(scaler, intake.flat, intake.columns, intake.names)


def _seen(scaler: Scaler, flat: bool, columns: int, names: Sequence[str] | None) -> dict[str, Any]:
    made: dict[str, Any] = {"_scaling": scaler, "_flat": flat, "n_features_in_": columns}
    if names is not None:
        made["feature_names_in_"] = np.array(names, dtype=object)
    return made


def _other_names(fitted: list[str], names: list[str]) -> str:
    told = ["The feature names should match those that were passed during fit."]
    unseen, missing = [n for n in names if n not in fitted], [n for n in fitted if n not in names]
    if unseen:
        told += ["Feature names unseen at fit time:", *(f"- {one}" for one in sorted(unseen)[:5])]
    if missing:
        told += [
            "Feature names seen at fit time, yet now missing:",
            *(f"- {one}" for one in sorted(missing)[:5]),
        ]
    if not unseen and not missing:
        told.append("Feature names must be in the same order as they were in fit.")
    return "\n".join(told) + "\n"
