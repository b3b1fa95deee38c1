"""`SequenceClassifier`: a class for each sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ostinato.errors import ConfigError
from ostinato.models.labels import classes_of, encode, labels_from, labels_state, read_classes, read_labels
from ostinato.models.pooled import PooledModel, TargetRows
from ostinato.models.softmax import softmax
from ostinato.models.weighing import class_weights, row_weights
from ostinato.sequences.arrays import Array

Self = TypeVar("Self", bound="SequenceClassifier")


class Classes:
    """The labels that a classifier has seen."""

    classes_: Array
    """(C,), sorted."""


@dataclass(kw_only=True, eq=False, repr=False)
class SequenceClassifier(PooledModel, Classes):
    """A class for each sequence: `SequenceClassifier().fit(X, y).predict(X)`.

    A bidirectional recurrent layer reads the sequence; the mean, the maximum and the last of its outputs go
    to a linear layer with one logit for each class.

    Args:
        loss: of the logits and the class numbers: a name, a Loss class or an instance.
        class_weight: a dict of weights by class, or "balanced": classes count alike, however rare.

    The other arguments are those of `PooledModel` (the network) and `SequenceModel` (fitting).

    Attributes: classes_, n_features_in_, n_iter_, loss_curve_, best_loss_, network_ (a Graph), trainer_.
    """

    loss: Any = "cross_entropy"
    class_weight: Any = None

    estimator_type = "classifier"

    def partial_fit(
        self: Self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, *, lengths: Any = None
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

    def _learn(self, owner: str, answers: Array) -> dict[str, Any]:
        return {"classes_": classes_of(owner, answers)}

    def _encode(self, owner: str, answers: Array, attributes: Mapping[str, Any]) -> TargetRows:
        known = attributes["classes_"]
        numbers = encode(owner, answers, known)
        weights = class_weights(owner, self.class_weight, known, numbers)
        return TargetRows(numbers, weights, numbers, len(known))

    def predict_proba(self, X: Any, *, lengths: Any = None) -> Array:
        """Probabilities (N, C) float64, in the order of `classes_`. A row does not depend on the others."""
        return softmax(self._outputs("predict_proba", X, lengths))

    def predict(self, X: Any, *, lengths: Any = None) -> Array:
        """The most likely class of each sequence, (N,)."""
        logits = self._outputs("predict", X, lengths)
        best: Array = self.classes_[logits.argmax(-1)]
        return best

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, lengths: Any = None) -> float:
        """The fraction of sequences whose class is predicted."""
        owner = f"{type(self).__name__}.score"
        found = self.predict(X, lengths=lengths)
        labels = read_classes(owner, y, len(found))
        weights = row_weights(owner, sample_weight, len(found))
        return float(np.average(found == labels, weights=weights))

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "classes": labels_state(self.classes_)}

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return {**super()._restore(state), "classes_": labels_from(state["classes"])}
