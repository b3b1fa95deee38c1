"""The best sequence of tags: by step, or with scores and rules of transitions."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np

from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.losses.crf import CRF
from ostinato.models.reading.labels import read_labels
from ostinato.sequences.arrays import Array

FORBIDDEN: Final = -1e6
"""The score of a transition that is not allowed."""


def read_tags(owner: str, y: Any, lengths: list[int]) -> list[Array]:
    """One array of labels for each sequence, as long as it. Raises ShapeError, ConfigError."""
    if y is None:
        raise ConfigError(
            f"{owner} requires y to be passed, but the target y is None: the labels of each step"
        )
    try:
        rows = list(y)
    except TypeError as error:
        raise ShapeError(f"{owner}: y is {shown(y)}; expected a list of arrays of labels") from error
    if len(rows) != len(lengths):
        raise ShapeError(f"{owner}: X has {len(lengths)} sequences, y has {len(rows)}")
    made = []
    for n, (row, steps) in enumerate(zip(rows, lengths, strict=True)):
        if isinstance(row, str) or np.ndim(row) != 1:
            raise ShapeError(
                f"{owner}: y[{n}] is {shown(row)}; expected the labels of the steps of X[{n}], ({steps},)"
            )
        tags = read_labels(owner, f"y[{n}]", row)
        if len(tags) != steps:
            raise ShapeError(f"{owner}: y[{n}] has {len(tags)} labels; X[{n}] has {steps} steps")
        made.append(tags)
    return made


def iob2_rules(owner: str, classes: Array) -> tuple[Array, Array]:
    """Scores (K,) of first tags and (K, K) of tag j after tag i: 0, or FORBIDDEN for an I- out of its chunk.

    Raises ConfigError for a tag of another form.
    """
    names = classes.tolist()
    for one in names:
        if not isinstance(one, str) or not (one == "O" or (one[:2] in ("B-", "I-") and len(one) > 2)):
            raise ConfigError(
                f"{owner}: transitions is 'iob2', but y has the tag {shown(one)}; "
                "expected 'O', 'B-x' or 'I-x'"
            )
    first = np.array([FORBIDDEN if one[0] == "I" else 0.0 for one in names])
    after = np.zeros((len(names), len(names)))
    for j, one in enumerate(names):
        if one[0] == "I":
            for i, before in enumerate(names):
                if before not in (f"B-{one[2:]}", one):
                    after[j, i] = FORBIDDEN
    return first, after


def check_iob2(owner: str, tags: list[Array]) -> None:
    """Warns of tags I- that no chunk comes before, which are never predicted: such as those of IOB1."""
    found, first = 0, ""
    for n, row in enumerate(tags):
        before = "O"
        for step, one in enumerate(row.tolist()):
            if one[0] == "I" and before[1:] != one[1:]:
                found += 1
                place = shown(before) if step else "the start"
                first = first or f"y[{n}][{step}] is {shown(one)} after {place}"
            before = one
    if found:
        warnings.warn(
            f"{owner}: {first}, one of {found} tags that begin a chunk with I-, which transitions='iob2' "
            "never predicts. Write B- for the first tag of each chunk, or take transitions='crf'",
            stacklevel=5,
        )


def best_tags(outputs: list[Array], rules: tuple[Array, Array] | None) -> list[Array]:
    """The most probable tags of each row by the Viterbi algorithm; outputs (T, K + K * K) of "crf_scores"."""
    loss, made = CRF(), []
    for row in outputs:
        scores = row.astype(np.float64)
        if rules is not None:
            first, after = rules
            scores[0, : len(first)] += first
            scores[:, len(first) :] += after.reshape(-1)
        made += loss.decode(scores[None])
    return made
