"""Calls with batches."""

from __future__ import annotations

from typing import Any

import numpy as np

import ostinato as ost
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import MASK, RESETS, STATE, N, X, Y, history, net
from tests.audit.subjects.trainer import OF_DATA, pair, trained


def batch(**fields: Any) -> Any:
    """A training on one batch after another that it may carry on; and what `evaluate` says of it."""
    first = ost.Batch(X, Y)
    one = ost.Batch(**{"x": X, "targets": Y, **fields})
    made = ost.Trainer(net(), loss="mse")
    measured = made.evaluate([first, one])
    made.fit([first, one], epochs=1)
    return measured, history(made)


PLACES = np.arange(N) + 50  # names of rows in messages
BAD = X.copy()
BAD[2, 1, 1] = np.nan


BATCH = [
    Call(
        "Batch",
        ost.Batch,
        batch,
        {
            **OF_DATA,
            "carries": pair("carries", False, True),
            "resets": pair("resets", None, RESETS),
            "state": pair("state", None, STATE),
            "truth": Refused(MASK, "only a strategy of the role 'feeding'"),
            "sample": Refused(ost.Sample(), "only a strategy of the role 'feeding'"),
            "is_last": Refused(True, "which the trainer sets"),
            "seed": Refused(3, "write Trainer(net, seed=...)"),
            "batch_first": Refused(False, "the network takes (N, T, ...)"),
            "places": Refused({"places": PLACES, "x": BAD}, "row 52"),
            "axes": Refused(ost.Axes(outputs={"output": "row"}), "omit axes"),
        },
    ),
    Call(
        "Batch, state and carries",
        lambda state: None,
        lambda state: batch(state=state, carries=True),
        {"state": Refused({"state": STATE}, "omit state to continue")},
    ),
    Call(
        "Lesson",
        ost.Lesson,
        lambda **fields: trained(strategies=[_Gives(ost.Lesson(**fields))]),
        {
            "rows": pair("rows", None, np.array([1, 0, 2])),
            "steps": pair("steps", None, 2),
        },
    ),
]


class _Gives(ost.Curriculum):
    """One lesson always."""

    def __init__(self, one: Any = None) -> None:
        self.one = one

    def lesson(self, when: Any, lengths: Any) -> Any:
        return self.one
