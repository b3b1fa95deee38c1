"""Gradient accumulation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import ConfigError, Estimator


class Accumulation(Estimator):
    """One update for `batches` batches, or for what is left of an epoch: as if they were one batch.

    Source: Ott et al. 2018, "Scaling neural machine translation", section 3.2.
    """

    name = "accumulation"
    waits = True

    def __init__(self, batches: int = 2) -> None:
        self.batches = batches
        self.held: dict[str, Any] = {"batches": 0, "count": 0, "loss": 0.0, "sum": np.zeros(0)}

    def estimate(self, core: Any, batch: Any) -> tuple[float, Any] | None:
        loss, slopes = core.value_and_grad(batch)
        if len(batch.counts) > 1:  # each output has a mean of its own
            return loss, slopes
        held, total = self.held, slopes.arena * batch.count
        held["sum"] = total if held["batches"] == 0 else held["sum"] + total
        held["loss"] += loss * batch.count
        held["count"] += batch.count
        held["batches"] += 1
        if held["batches"] < self.batches and not batch.is_last:
            return None
        count = max(held["count"], 1)
        slopes.arena[...] = held["sum"] / count
        loss = held["loss"] / count
        self.held = {"batches": 0, "count": 0, "loss": 0.0, "sum": np.zeros(0)}
        return loss, slopes

    def state_dict(self) -> dict[str, Any]:
        return dict(self.held)

    def load_state_dict(self, state: Any) -> None:
        if set(state) != set(self.held):
            raise ConfigError(f"accumulation: the state has {sorted(state)}; expected {sorted(self.held)}")
        self.held = dict(state)
