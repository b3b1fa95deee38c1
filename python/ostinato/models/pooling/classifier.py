"""`SequenceClassifier`: a class for each sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.models import stored
from ostinato.models.base.loss_choice import check_classes
from ostinato.models.base.sequence_model import Examples, TrainingState
from ostinato.models.pooling.pooled import PooledModel, TargetRows
from ostinato.models.pooling.temperature import fit_temperature, mean_softmax
from ostinato.models.reading.labels import (
    check_known,
    classes_of,
    encode,
    labels_from,
    labels_state,
    read_classes,
    read_labels,
)
from ostinato.models.reading.weighing import class_weights, row_weights
from ostinato.models.stored import Widths
from ostinato.sequences.arrays import Array
from ostinato.signature import with_field_types

Self = TypeVar("Self", bound="SequenceClassifier")


class Classes:
    """What a classifier has learned of its labels."""

    classes_: Array
    """(C,), sorted."""
    temperature_: float
    """What logits are divided by."""


@with_field_types
@dataclass(kw_only=True, eq=False, repr=False)
class SequenceClassifier(PooledModel, Classes):
    """A class for each sequence: `SequenceClassifier().fit(X, y).predict(X)`.

    A bidirectional recurrent layer reads the sequence; the mean, the maximum and the last of its outputs go
    to a linear layer with one logit for each class.

    Args:
        loss: of the logits and the class numbers: a name, a Loss class or an instance.
        class_weight: a dict of weights by class, each 0 or from 1e-18 to 1e18, or "balanced": classes count
            alike, however rare.
        temperature: logits are divided by it, so that probabilities are calibrated: as high as the share of
            correct predictions. "auto" fits it on the held-out rows, if there are at least 50 (see
            early_stopping), else it is 1.

    The other arguments are those of `PooledModel` (the network) and `SequenceModel` (fitting).

    Attributes: classes_, temperature_, n_features_in_, n_iter_, loss_curve_, best_loss_, network_ (a Graph),
    trainer_.
    """

    loss: Any = "cross_entropy"
    class_weight: Any = None
    temperature: float | str = "auto"

    estimator_type = "classifier"
    chooses_rows: ClassVar[bool] = True
    read_anew: ClassVar[tuple[str, ...]] = ("class_weight", "temperature")

    def partial_fit(
        self: Self,
        X: Any,
        y: Any = None,
        classes: Any = None,
        sample_weight: Any = None,
        *,
        lengths: Any = None,
    ) -> Self:
        """One more epoch, on all of these rows: no row is held out.

        k calls with the same rows are bit-identical to a fit of k epochs with early_stopping=False.

        classes: all labels that later calls may have; by default the labels of the first call. The first call
        decides the scaling. Other arguments and errors are those of `fit`.
        """
        owner = type(self).__name__
        known = None if classes is None else read_labels(owner, "classes", classes)
        if known is not None and "_fitted" in vars(self):
            if not np.array_equal(classes_of(owner, known, "classes"), self.classes_):
                raise ConfigError(
                    f"{owner}: classes differ from those of the first call, {self.classes_.tolist()}"
                )
        return self._fit_part(X, y, known, sample_weight, lengths)

    def _read_answers(self, owner: str, y: Any, rows: int) -> Array:
        return read_classes(owner, y, rows)

    def _strata(self, answers: Array) -> Array:
        numbers: Array = np.unique(answers, return_inverse=True)[1]
        return numbers

    def _learn(self, owner: str, answers: Array, training: Array) -> dict[str, Any]:
        return {"classes_": classes_of(owner, answers), "temperature_": self._temperature() or 1.0}

    def _temperature(self) -> float | None:
        """The one that is given, or None. Raises ConfigError."""
        if isinstance(self.temperature, str) and self.temperature == "auto":
            return None
        if isinstance(self.temperature, str):
            raise ConfigError(
                f"{type(self).__name__}: temperature is {shown(self.temperature)}; expected a number "
                "above 0, or 'auto'"
            )
        return checks.number(type(self).__name__, "temperature", self.temperature, above=0)

    def _complete(self, fitting: TrainingState, held: Examples | None) -> None:
        """Fits the temperature on the rows that training held out; without such rows it is 1."""
        given = self._temperature()
        if given is not None or held is None:
            fitting.attributes["temperature_"] = given or 1.0
        else:
            targets, weights = (
                next(iter(one.values())) if isinstance(one, dict) else one
                for one in (held.targets, held.weights)
            )
            logits = self._predict(fitting.network, held.x)
            fitting.attributes["temperature_"] = fit_temperature(logits, targets, weights)

    def _encode(self, owner: str, answers: Array, attributes: dict[str, Any]) -> TargetRows:
        known = attributes["classes_"]
        instead = "loss='cross_entropy' or alike; for labels of steps use SequenceTagger(transitions='crf')"
        check_classes(owner, self.loss, len(known), len(known), instead)
        numbers = encode(owner, answers, known)
        weights = class_weights(owner, self.class_weight, known, numbers)
        return TargetRows(numbers, weights, len(known))

    def predict_proba(self, X: Any, *, lengths: Any = None) -> Array:
        """Probabilities (N, C) float64, in the order of `classes_`. A row does not depend on the others."""
        return self._answer(self._outputs("predict_proba", X, lengths))

    def _answer(self, outputs: list[Array]) -> Array:
        return mean_softmax(outputs, self.temperature_)

    def predict(self, X: Any, *, lengths: Any = None) -> Array:
        """The most likely class of each sequence, (N,)."""
        return self._labels("predict", X, lengths)

    def _labels(self, call: str, X: Any, lengths: Any) -> Array:
        places = self._answer(self._outputs(call, X, lengths)).argmax(-1)  # it says what is not fitted
        labels: Array = self.classes_[places]
        return labels

    def score(self, X: Any, y: Any = None, sample_weight: Any = None, *, lengths: Any = None) -> float:
        """The fraction of sequences whose class is predicted.

        Raises ConfigError if no label of y is a class, and the errors of `predict`.
        """
        self._check_fitted("score")
        owner = f"{type(self).__name__}.score"
        X, y = self._from_table(owner, X, y)
        found = self._labels("score", X, lengths)
        labels = read_classes(owner, y, len(found))
        check_known(owner, labels, self.classes_)
        weights = row_weights(owner, sample_weight, len(found))
        return float(np.average(found == labels, weights=weights))

    def _state(self) -> dict[str, Any]:
        return {
            **super()._state(),
            "classes": labels_state(self.classes_),
            "temperature": self.temperature_,
        }

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **super()._restore(state),
            "classes_": labels_from(state["classes"]),
            # not in files of earlier versions
            "temperature_": stored.number("temperature", state.get("temperature", 1.0), above=0),
        }

    def _widths(self, attributes: Mapping[str, Any]) -> Widths:
        return {"x": attributes["_scaling"].inputs}, len(attributes["classes_"])
