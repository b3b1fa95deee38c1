"""`SequenceClassifier`: a class for each sequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError
from ostinato.models.held_out import split
from ostinato.models.intake import Intake, read_sequences
from ostinato.models.labels import classes_of, encode, labels_from, labels_state, read_column, read_labels
from ostinato.models.pooled import PooledModel
from ostinato.models.sequence_model import Examples
from ostinato.models.weighing import class_weights, product, row_weights
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

    def fit(
        self: Self, X: Any, y: Any, sample_weight: Any = None, *, lengths: Any = None, groups: Any = None
    ) -> Self:
        """Trains on sequences and one label for each.

        Args:
            X: a list of arrays (T, F) or (T,); an array (N, T, F), with lengths if rows are padded; (n, T): n
                univariate sequences; or an array of objects that are arrays.
            y: (N,) labels: texts, whole numbers or booleans, at least two classes.
            sample_weight: (N,) numbers from 0: how much each row counts.
            lengths: (N,) steps of each row of an array.
            groups: (N,) of anything: rows of one group are held out together.

        Raises ShapeError, DTypeError, ConfigError that name row and column; then nothing changes.
        """
        owner = type(self).__name__
        continued = self._continues()
        intake = read_sequences(owner, X, lengths)
        labels = read_column(owner, y, len(intake.rows))
        examples, numbers, fitting = self._prepared(intake, labels, sample_weight, continued, None)
        held = None
        if self._holds_out(len(numbers)):
            training, places = split(
                owner, len(numbers), self.validation_fraction, fitting.seed, numbers, groups
            )
            examples, held = examples.take(training), examples.take(places)
        epochs = checks.count(owner, "max_iter", self.max_iter, at_least=1)
        return self._train(fitting, epochs, examples, held)

    def partial_fit(
        self: Self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, *, lengths: Any = None
    ) -> Self:
        """One more epoch, on all of these rows. k calls with the same rows equal a fit of k epochs.

        classes: all labels that later calls may have; by default the labels of the first call. The first call
        decides the scaling. Other arguments and errors are those of `fit`.
        """
        owner = type(self).__name__
        intake = read_sequences(owner, X, lengths)
        labels = read_column(owner, y, len(intake.rows))
        continued = self._latest("partial_fit")
        examples, _, fitting = self._prepared(intake, labels, sample_weight, continued, classes)
        return self._train(fitting, 1, examples, None)

    def _prepared(
        self, intake: Intake, labels: Array, sample_weight: Any, continued: Any, classes: Any
    ) -> tuple[Examples, Array, Any]:
        """Rows for the trainer, their class numbers, and the fitting to continue or to begin."""
        owner = type(self).__name__
        given = row_weights(owner, sample_weight, len(labels))
        if continued is None:
            known = classes_of(owner, labels if classes is None else read_labels(owner, "classes", classes))
            scaler = self._scaler(intake)
        else:
            known, scaler = self.classes_, self._scaling
            read_sequences(owner, intake.rows, width=len(scaler.mean))
            self._check_columns(owner, intake)
            if classes is not None and not np.array_equal(
                classes_of(owner, read_labels(owner, "classes", classes), "classes"), known
            ):
                raise ConfigError(f"{owner}: classes differ from those of the first call, {known.tolist()}")
        numbers = encode(owner, labels, known)
        weights = product(given, class_weights(owner, self.class_weight, known, numbers))
        if continued is None:
            attributes = {**self._attributes(intake, scaler), "classes_": known}
            holds = classes is None and self._holds_out(len(labels))
            continued = self._new(
                lambda seed: self._build(intake.width, len(known), seed), self.loss, holds, attributes
            )
        return Examples(self._scaled(intake, scaler), numbers, weights), numbers, continued

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
        labels = read_column(owner, y, len(found))
        weights = row_weights(owner, sample_weight, len(found))
        return float(np.average(found == labels, weights=weights))

    def _state(self) -> dict[str, Any]:
        return {**super()._state(), "classes": labels_state(self.classes_)}

    def _restore(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return {**super()._restore(state), "classes_": labels_from(state["classes"])}


def softmax(logits: Array) -> Array:
    """Probabilities of logits (N, C), in float64."""
    scores = np.ascontiguousarray(logits, dtype=np.float64)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: Array = powers / powers.sum(axis=-1, keepdims=True)
    return probabilities
