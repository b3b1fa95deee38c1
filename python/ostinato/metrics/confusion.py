"""Precision, recall and F1, from the counts of classes."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt

from ostinato import checks
from ostinato.errors import ConfigError, shown
from ostinato.metrics.metric import Metric

AVERAGES: Final = ("macro", "micro", "binary")


class _Counts(Metric):
    """Counts of correct, predicted and true steps of each class. The largest of y (V,) is the prediction."""

    target: ClassVar[str] = "index"
    better: ClassVar[str] = "higher"
    examples = ({}, {"average": "micro"}, {"average": "binary", "positive": 2})

    def __init__(self, *, average: str = "macro", positive: int = 1) -> None:
        """Choose the average over classes, and the class of "binary"."""
        owner = f"metric {shown(self.name)}"
        self.average = checks.choice(owner, "average", average, AVERAGES)
        self.positive = checks.count(owner, "positive", positive, at_least=0)
        if average != "binary" and positive != 1:
            raise ConfigError(
                f"{owner}: positive is {positive}, which only average='binary' reads, and average is "
                f"{shown(average)}"
            )

    def row(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Any:
        """Return (3V,): the correct, the predicted and the true steps of each class."""
        classes = outputs.shape[1]
        if self.average == "binary" and self.positive >= classes:
            raise ConfigError(
                f"metric {shown(self.name)}: positive is {self.positive}; expected an id below {classes}"
            )
        predicted, targets = outputs.argmax(1), np.ravel(targets)
        correct = predicted[predicted == targets] if targets.size == predicted.size else _sizes(self.name)
        return np.concatenate([np.bincount(ids, minlength=classes) for ids in (correct, predicted, targets)])

    def finish(self, mean: Any) -> float:
        """Return the average over the classes that occur or are predicted."""
        correct, predicted, true = np.reshape(mean, (3, -1))
        if self.average == "micro":
            return self._of(correct.sum(), predicted.sum(), true.sum())
        if self.average == "binary":
            return self._of(correct[self.positive], predicted[self.positive], true[self.positive])
        used = np.flatnonzero(predicted + true)
        return float(np.mean([self._of(correct[one], predicted[one], true[one]) for one in used]))

    @abstractmethod
    def _of(self, correct: float, predicted: float, true: float) -> float:
        """The measure of one class; 0 where nothing is divided by nothing."""


def _sizes(name: str) -> Any:
    raise ConfigError(f"metric {shown(name)}: targets are of rows, outputs of steps; expected one id a step")


class Precision(_Counts):
    """The share 0..1 of predictions of a class that are right. y (V,) scores, target an id.

    average: "macro", the mean over classes; "micro", of all steps; "binary", of the class `positive` alone.
    A step with the weight 0 does not count, other weights count as 1. Raises ConfigError.
    """

    def _of(self, correct: float, predicted: float, true: float) -> float:
        return float(correct / predicted) if predicted else 0.0


class Recall(_Counts):
    """The share 0..1 of the steps of a class that are found. y (V,) scores, target an id.

    average: "macro", the mean over classes; "micro", of all steps; "binary", of the class `positive` alone.
    A step with the weight 0 does not count, other weights count as 1. Raises ConfigError.
    """

    def _of(self, correct: float, predicted: float, true: float) -> float:
        return float(correct / true) if true else 0.0


class F1(_Counts):
    """The harmonic mean 0..1 of precision and recall. y (V,) scores, target an id.

    average: "macro", the mean over classes; "micro", of all steps; "binary", of the class `positive` alone.
    A step with the weight 0 does not count, other weights count as 1. Raises ConfigError.
    """

    name = "f1"

    def _of(self, correct: float, predicted: float, true: float) -> float:
        return float(2 * correct / (predicted + true)) if predicted + true else 0.0
