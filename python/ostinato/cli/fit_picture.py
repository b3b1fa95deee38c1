"""The picture of `ostinato fit`: the losses of each epoch, and the predictions of the sequences held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ostinato.models.base.sequence_model import SequenceModel
from ostinato.sequences.arrays import Array

MOST_CLASSES: Final = 12
"""Classes whose names and counts are written; with more, the matrix is colors alone."""


def draw_fit(
    figure: Any, model: SequenceModel, truth: Any, found: Any, title: str, targets: Sequence[str]
) -> None:
    """Left the losses; right what was predicted: counts of classes, or numbers over the true ones.

    targets: the names of the numbers.
    """
    figure.set_size_inches(9.0, 4.0)
    left, right = figure.subplots(1, 2)
    model.trainer_.history.plot(left)
    left.set(ylabel="loss", title="training")
    if hasattr(model, "classes_"):
        flat = isinstance(truth, np.ndarray)
        parts = (truth, found) if flat else (np.concatenate(truth), np.concatenate(found))
        _draw_counts(right, model.classes_, *parts)
    else:
        _draw_numbers(right, truth, found, targets)
    right.set_title(title)


def _draw_counts(axes: Any, classes: Array, truth: Array, found: Array) -> None:
    """The confusion matrix: how often each true class was predicted as each other."""
    places = [np.searchsorted(classes, one) for one in (truth, found)]
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, tuple(places), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true")
    if len(classes) > MOST_CLASSES:
        return
    ticks = range(len(classes))
    axes.set(xticks=ticks, yticks=ticks, xticklabels=classes, yticklabels=classes)
    axes.tick_params(axis="x", rotation=45 if len(classes) > 4 else 0)
    for row, column in np.ndindex(counts.shape):
        color = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, counts[row, column], ha="center", va="center", color=color)


def _draw_numbers(axes: Any, truth: Array, found: Array, targets: Sequence[str]) -> None:
    """Predicted over true numbers; each column of several gets its own color."""
    columns = (one.reshape(len(one), -1).T for one in (truth, found))
    for name, true, predicted in zip(targets, *columns, strict=True):
        axes.plot(true, predicted, ".", label=name)
    axes.legend(frameon=False)
    low, high = float(np.min(truth)), float(np.max(truth))
    axes.plot([low, high], [low, high], color="black", linewidth=0.8)
    axes.set(xlabel="true", ylabel="predicted")
