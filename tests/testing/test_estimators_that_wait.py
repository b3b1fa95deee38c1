"""The kit takes an estimator that makes no update for some batches, and finds one that loses batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import testing


class EveryOther(ost.Estimator):
    """One update for two batches, with the sum of their gradients."""

    waits = True

    def __init__(self) -> None:
        self.kept: Any = None

    def estimate(self, core: Any, batch: Any) -> Any:
        loss, grads = core.value_and_grad(batch)
        if self.kept is None and not batch.is_last:
            self.kept = grads.arena.copy()
            return None
        if self.kept is not None:
            grads.arena[:] += self.kept
            self.kept = None
        return loss, grads

    def state_dict(self) -> Any:
        return {"kept": self.kept}

    def load_state_dict(self, state: Any) -> None:
        if set(state) != {"kept"}:
            raise ost.ConfigError(f"every_other: the state has {sorted(state)}; expected 'kept'")
        self.kept = None if state["kept"] is None else np.array(state["kept"])


class Forgetful(EveryOther):
    """It saves no state."""

    def state_dict(self) -> Any:
        return {"kept": None}


class Lost(EveryOther):
    """It makes no update at the end of an epoch."""

    def estimate(self, core: Any, batch: Any) -> Any:
        return None


class Undeclared(EveryOther):
    """It waits and does not say so."""

    waits = False


@pytest.mark.parametrize(
    ("estimator", "failed"),
    [(EveryOther, {}), (Forgetful, {"resume"}), (Lost, {"estimate"}), (Undeclared, {"estimate"})],
)
def test_the_kit_checks_estimators_that_wait(estimator: Any, failed: Any) -> None:
    report = testing.check_strategy(estimator, "quick")
    assert report.ok is not bool(failed), report
    assert set(failed) <= {one.id for one in report.failures}, report
