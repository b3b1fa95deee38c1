"""Checks of metrics: equations like losses, averaged over the valid steps, then finished by `finish`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ostinato.losses import Loss
from ostinato.metrics import Metric
from ostinato.ops import Value
from ostinato.specs import Spec
from ostinato.testing import loss, subject
from ostinato.testing.runner import Failed, Kind, Level, check


class Measured(Loss):
    """A metric's step as a loss, so that the engine runs it like a loss; errors call it a metric."""

    kind = "metric"

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.target, self.name = metric.target, metric.name  # type: ignore[misc]

    def step(self, y: Value, target: Value) -> Value:
        """Return the value that the metric averages."""
        return self.metric.step(y, target)


class MetricSubject(loss.LossSubject):
    """A metric; every case makes a new one."""

    base = Metric
    noun = "metric"

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        super().__init__(spec, options, level)
        if self.make().better not in ("lower", "higher"):
            raise Failed(f"better is {self.make().better!r}; expected 'lower' or 'higher'")

    def loss(self) -> Loss:
        """A new metric, as a loss."""
        return Measured(self.make())


@check("finish")
def finish(one: MetricSubject) -> None:
    """`finish` returns a float for the engine's mean, the same one on each call, and no NaN."""
    metric = one.make()
    for width in (one.width(4), one.width(9)):
        mean = one.case(5, 6, width).value(reduction="mean")
        told = metric.finish(mean)
        if not isinstance(told, float) or np.isnan(told):
            raise Failed(f"finish returns {told!r} for the mean {mean:.6g}; expected a float")
        if told != one.make().finish(mean):
            raise Failed(f"finish returns {told!r} for {mean:.6g}, then {one.make().finish(mean)!r}")
    large = metric.finish(1e9)
    if np.isnan(large):
        raise Failed("finish returns NaN for a mean of 1e9")


METRIC: Kind[MetricSubject] = Kind(
    "metric",
    (
        *subject.CHECKS,
        loss.shapes,
        loss.eager,
        loss.target,
        loss.inputs_unchanged,
        loss.layouts,
        loss.repeatable,
        loss.engine_threads,
        loss.batch_company,
        loss.padding,
        loss.unread,
        loss.reduction,
        loss.rows,
        loss.float32,
        loss.extremes,
        loss.empty,
        loss.bad_input,
        finish,
    ),
    MetricSubject,
)
