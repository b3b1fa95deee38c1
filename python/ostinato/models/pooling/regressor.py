"""`SequenceRegressor`: one number, or several, for each sequence."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ostinato.errors import ConfigError, shown
from ostinato.losses import Loss
from ostinato.models import stored
from ostinato.models.base.loss_choice import check_targets
from ostinato.models.pooling.pooled import PooledModel, TargetRows
from ostinato.models.reading.feature_names import Names, as_names, check_names, feature_names
from ostinato.models.reading.numbers import check_width, determination, read_numbers
from ostinato.models.reading.scaling import Scaler
from ostinato.models.reading.weighing import row_weights
from ostinato.models.stored import Widths
from ostinato.plugins.registry import registry
from ostinato.sequences.arrays import Array
from ostinato.signature import with_field_types

Self = TypeVar("Self", bound="SequenceRegressor")


class Targets:
    """What a regressor has learned of its targets."""

    _target_scaling: Scaler
    _one: bool
    """Whether y was (N,)."""
    _target_names: Names
    """Of the columns of y."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class SequenceRegressor(PooledModel, Targets):
    """One number for each sequence, or several: `SequenceRegressor().fit(X, y).predict(X)`.

    The network is that of `SequenceClassifier`, with one output for each target. With scale=True, the targets
    are scaled too, so that 1000 y is learned like y.

    Args:
        loss: of the outputs and the scaled targets: a name, a Loss class or an instance. For
            "binary_cross_entropy" the scaled targets must be from 0 to 1.

    The other arguments are those of `PooledModel` (the network) and `SequenceModel` (fitting).

    Attributes: n_features_in_, n_iter_, loss_curve_, best_loss_, network_ (a Graph), trainer_.
    """

    loss: Any = "mse"

    estimator_type = "regressor"

    def partial_fit(
        self: Self, X: Any, y: Any = None, sample_weight: Any = None, *, lengths: Any = None
    ) -> Self:
        """One more epoch, on all of these rows: no row is held out.

        k calls with the same rows are bit-identical to a fit of k epochs with early_stopping=False.

        The first call decides the scaling. Arguments and errors are those of `fit`.
        """
        return self._fit_part(X, y, None, sample_weight, lengths)

    def _read_answers(self, owner: str, y: Any, rows: int) -> Array:
        return read_numbers(owner, y, rows)

    def _learn(self, owner: str, answers: Array, training: Array) -> dict[str, Any]:
        columns = training.reshape(len(training), -1)
        scaler = Scaler.of([columns]) if self.scale else Scaler.none(columns.shape[1])
        return {"_target_scaling": scaler, "_one": answers.ndim == 1}

    def _name_answers(self, y: Any, attributes: dict[str, Any]) -> None:
        names = feature_names(y)
        check_names(names, attributes.setdefault("_target_names", names), "y")

    def _encode(self, owner: str, answers: Array, attributes: dict[str, Any]) -> TargetRows:
        check_targets(owner, self.loss, "output")
        scaler, columns = attributes["_target_scaling"], answers.reshape(len(answers), -1)
        check_width(owner, columns.shape[1], len(scaler.mean))
        scaler = attributes["_target_scaling"] = scaler.varied([columns])
        (targets,) = scaler.apply(owner, [columns], self.dtype, "y[{1}]")
        self._check_targets(owner, answers, targets)
        return TargetRows(targets, None, columns.shape[1])

    def _check_targets(self, owner: str, answers: Array, targets: Array) -> None:
        """Raises ConfigError for targets outside the range of the loss."""
        span = registry.make("loss", self.loss, Loss).target_range()
        wrong = np.argwhere((targets < span[0]) | (targets > span[1])) if span else np.zeros((0, 2))
        if span is None or not wrong.size:
            return
        place = tuple(int(one) for one in wrong[0])[: answers.ndim]
        scaled = f", scaled to {targets[tuple(int(one) for one in wrong[0])]:g}" if self.scale else ""
        hint = f"{'scale=False and ' if self.scale else ''}y from {span[0]:g} to {span[1]:g}"
        raise ConfigError(
            f"{owner}: loss is {shown(self.loss)}, but y{list(place)} is {answers[place]:g}{scaled}; "
            f"expected {hint}; for classes use SequenceClassifier"
        )

    def predict(self, X: Any, *, lengths: Any = None) -> Array:
        """The numbers of each sequence, float64 (N,), or (N, K) if y had columns."""
        return self._answer(self._outputs("predict", X, lengths))

    def _answer(self, outputs: list[Array]) -> Array:
        mean: Array = outputs[0] if len(outputs) == 1 else np.mean(np.array(outputs, np.float64), axis=0)
        made = self._target_scaling.undo(mean)
        return made[:, 0] if self._one else made

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, lengths: Any = None) -> float:
        """The coefficient of determination R^2 of the predictions; the mean over the columns of y.

        Of one row it is NaN, with a warning.
        """
        self._check_fitted("score")
        owner = f"{type(self).__name__}.score"
        X, y = self._from_table(owner, X, y)
        found = self._answer(self._outputs("score", X, lengths))
        wanted = read_numbers(owner, y, len(found))
        check_width(owner, wanted.reshape(len(wanted), -1).shape[1], len(self._target_scaling.mean))
        check_names(feature_names(y), self._target_names, "y")
        if len(found) < 2:
            warnings.warn(
                f"{owner}: R^2 of 1 row is not defined, so it is NaN; expected at least 2 rows", stacklevel=3
            )  # whoever calls score
        return determination(found, wanted, row_weights(owner, sample_weight, len(found)))

    def _state(self) -> dict[str, Any]:
        names = self._target_names
        return {
            **super()._state(),
            "targets": self._target_scaling.state(),
            "one": self._one,
            "target_names": None if names is None else list(names),
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        scaler = Scaler.from_state(state["targets"])
        return {
            **super()._restore(state),
            "_target_scaling": scaler,
            "_one": stored.flag("one", state["one"]),
            "_target_names": as_names(state.get("target_names")),  # not in files of earlier versions
        }

    def _widths(self, attributes: Mapping[str, Any]) -> Widths:
        return {"x": attributes["_scaling"].inputs}, len(attributes["_target_scaling"].mean)
