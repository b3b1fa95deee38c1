"""Labels that a model predicts: which there are, how many are right, and a picture of the confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from ostinato.sequences.arrays import Array

MOST_CLASSES: Final = 12
"""Classes whose names and counts are written; with more, the matrix is colors alone."""


def counted(labels: Array) -> str:
    """How often each label is there, as the end of a line."""
    names, counts = np.unique(labels, return_counts=True)
    shown = ", ".join(f"{name} ({n})" for name, n in zip(names[:8], counts, strict=False))
    return f"; {len(names)} classes: {shown}{', ...' if len(names) > 8 else ''}"


def accuracy(found: Array, truth: Array, learned: Array | None, what: str) -> str:
    """The share of labels that are right. learned: those of training. what: has a label each."""
    right = found == truth
    text = f"accuracy {right.mean():.3f} ({right.sum()} of {len(truth)} {what})"
    if learned is None:
        return text
    names, counts = np.unique(learned, return_counts=True)
    most = names[counts.argmax()]
    return f"{text}; {str(most)!r} for all: {(truth == most).mean():.3f}"


def of_known(text: str, truth: Array, classes: list[Any], lines: Sequence[int]) -> str:
    """A score, and which labels the model cannot predict. lines: of the file, one for each label."""
    unknown = [(one, line) for one, line in zip(truth.tolist(), lines, strict=True) if one not in classes]
    if not unknown:
        return text
    shown = ", ".join(map(str, classes[:8])) + (", ..." if len(classes) > 8 else "")
    first = f"{str(unknown[0][0])!r}, line {unknown[0][1]}"
    one = len(unknown) == 1
    what = f"1 label ({first}) is" if one else f"{len(unknown)} labels (the first: {first}) are"
    return f"{text}; {what} no class of the model ({shown})"


def draw_counts(axes: Any, classes: Array, truth: Array, found: Array) -> None:
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
