"""Connectionist temporal classification: labels of a row without their places in time."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from ostinato import checks
from ostinato.cell import State
from ostinato.dims import Dim
from ostinato.errors import ConfigError, ShapeError
from ostinato.losses.loss import Loss
from ostinato.namespace import Names
from ostinato.ops import Value, concat, equal, less, log_softmax, logaddexp, reshape, sum, take, where
from ostinato.sequences.arrays import as_numbers
from ostinato.sequences.batch import read_lengths

FAR: Final = -1e30
"""The logarithm of a probability of 0, finite so that no gradient is NaN."""
IMPOSSIBLE: Final = -1e29
"""A log-probability below it is made of `FAR`."""


class CTC(Loss):
    """-log of the probability of a row's labels, summed over their alignments with its steps.

    y (V,) are logits of the labels and of the blank, which stands for no label at a step. Targets are ids
    (N, labels), filled up with -1; a row has at most `labels` of them. In an alignment each step has a label
    or the blank; equal labels that follow each other count once, so two equal labels need a blank between
    them. The loss of a row counts at its last step: the mean is over rows. A row with more labels than its
    steps can hold has a loss of 0 and no gradient.

    blank: the id of the blank, below V; targets do not have it. V is at most 1024. Raises ConfigError.
    Source: Graves et al. 2006, "Connectionist temporal classification", eq. 5-8 and 14.
    """

    name = "ctc"
    target: ClassVar[str] = "labels"
    per: ClassVar[str] = "row"
    examples = ({"labels": 4}, {"labels": 1, "blank": 2})

    def __init__(self, *, labels: int = 32, blank: int = 0) -> None:
        """Choose the most labels of a row, and the id of the blank."""
        self.labels = checks.count("loss 'ctc'", "labels", labels, at_least=1)
        self.blank = checks.count("loss 'ctc'", "blank", blank, at_least=0)

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return log-probabilities of a blank after j labels and of label j; and whether steps were read."""
        return {"blank": State(size.labels + 1), "label": State(size.labels), "begun": State(1)}

    def step(self, y: Value, target: Value, state: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return the loss of the steps so far, at least 0 up to rounding."""
        (classes,), (count,) = y.shape, target.shape
        if self.blank >= classes:
            raise ConfigError(f"loss 'ctc': blank is {self.blank}; expected an id below {int(classes)}")
        p = log_softmax(y)
        # 0 behind the labels of the row, which no alignment of its labels reaches
        own = take(p, target)
        # before the first step: no label yet, with probability 1
        begun = state.begun > 0.5
        blank = where(begun, state.blank, np.array([0.0] + [FAR] * int(count)))
        label = where(begun, state.label, FAR)
        either = logaddexp(blank, concat(np.array([FAR]), label))
        new_blank = p[self.blank] + either
        before = either[:-1]
        if count > 1:
            # only a blank may be between two equal labels
            repeated = concat(np.zeros(1), equal(target[1:], target[:-1]))
            before = where(repeated, blank[:-1], before)
        new_label = own + logaddexp(label, before)
        total = self._total(target, new_blank, new_label)
        loss = where(less(total, IMPOSSIBLE), 0.0, -total)
        return loss, {"blank": new_blank, "label": new_label, "begun": 0.0 * state.begun + 1.0}

    def _total(self, target: Value, blank: Value, label: Value) -> Value:
        """The log-probability of all labels of the row, with a blank at the end or without one."""
        count = reshape(sum(where(less(target, 0.0), 0.0, 1.0)), (1,))
        last = where(less(count, 0.5), FAR, take(label, count - 1.0))
        return reshape(logaddexp(take(blank, count), last), ())

    def decode(self, outputs: NDArray[Any], lengths: Any = None) -> list[NDArray[np.int64]]:
        """The labels of the most probable alignment of each row.

        outputs: (N, T, V) logits or probabilities, rows first. lengths: (N,) valid steps, by default all.
        Raises ShapeError, DTypeError, ConfigError.
        """
        scores = as_numbers("decode: outputs", outputs)
        if scores.ndim != 3:
            raise ShapeError(f"decode: outputs is {scores.shape}; expected (N, T, V)")
        rows, steps, classes = scores.shape
        if self.blank >= classes:
            raise ConfigError(f"loss 'ctc': blank is {self.blank}; expected an id below {classes}")
        read = read_lengths(lengths, rows, steps, "outputs", "decode: lengths")
        ends = np.full(rows, steps) if read is None else read
        found = []
        for best, end in zip(scores.argmax(axis=2), ends, strict=True):
            kept = best[:end]
            starts = np.concatenate([kept[:1] == kept[:1], kept[1:] != kept[:-1]])
            found.append(kept[starts & (kept != self.blank)].astype(np.int64))
        return found
