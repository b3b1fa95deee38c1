"""Checks of metrics: equations like losses, averaged over the valid steps, then finished by `finish`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ostinato.direction import BETTER, goal_of
from ostinato.losses import Loss
from ostinato.metrics import Metric
from ostinato.ops import Value
from ostinato.specs import Spec
from ostinato.testing import loss, subject
from ostinato.testing.arrays import Array
from ostinato.testing.loss_case import LossSubject
from ostinato.testing.runner import Failed, Kind, Level, check
from ostinato.trace import trace_metric


class Measured(Loss):
    """A metric's step as a loss, so that the engine runs it like a loss; errors call it a metric.

    A vector becomes one number, in which each place has a factor of its own.
    """

    kind = "metric"

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.target, self.name = metric.target, metric.name  # type: ignore[misc]

    def target_size(self, width: int) -> int:
        """The metric's own."""
        return self.metric.target_size(width)

    def step(self, y: Value, target: Value) -> Value:
        """Return the value that the metric averages."""
        found = self.metric.step(y, target)
        if len(getattr(found, "shape", ())) != 1:
            return found
        return sum((found[k] / (k + 1.0) for k in range(1, len(found))), start=found[0])


class MetricSubject(LossSubject):
    """A metric; every case makes a new one."""

    base = Metric
    noun = "metric"

    def __init__(self, spec: Spec, options: Mapping[str, Any], level: Level) -> None:
        self.spec, self.options, self.level = spec, options, level
        made = self.make()
        if made.better not in BETTER and goal_of(made.better) is None:
            raise Failed(f"better is {made.better!r}; expected 'lower', 'higher' or 'nearest to 0.8'")
        self.of_rows = made.of_rows
        if not self.of_rows:
            trace_metric(made, self.width(4))
            self.case(2, 2)

    def loss(self) -> Loss:
        """A new metric, as a loss."""
        return Measured(self.make())

    def refusal(self, width: int) -> str | None:
        """Why outputs of this width are not supported; a metric of rows takes all."""
        return None if self.of_rows else super().refusal(width)

    def _trace(self, width: int) -> None:
        trace_metric(self.make(), width)

    def meaning(self, made: Any) -> str:
        """Its programs; for a metric of rows, what it makes of a row."""
        if not self.of_rows:
            return " ".join(program.to_json() for program in trace_metric(made, self.width(4))[0])
        return repr(np.asarray(made.row(*self.row(0))).tolist())

    def row(self, draw: int) -> tuple[Array, Array]:
        """Random outputs and targets of a row of 1 to 6 steps."""
        rng = np.random.default_rng([6, draw])
        steps, width = 1 + draw % 6, self.widths[0] if self.declared else 5
        y = rng.standard_normal((steps, width))
        kind = self.make().target
        if kind == "labels":
            return y, rng.integers(1, width, rng.integers(0, steps + 1))
        if kind == "index":
            return y, rng.integers(0, width, steps)
        return y, rng.standard_normal((steps, self.make().target_size(width)))

    def mean(self) -> Any:
        """A mean that `finish` gets."""
        made = self.make()
        if self.of_rows:
            found = np.mean([made.row(*self.row(draw)) for draw in range(12)], axis=0)
            return found if np.ndim(found) else float(found)
        case = self.case(5, 6, self.width(4))
        programs, vector = trace_metric(made, case.y.shape[-1])
        means = [
            case.network.loss_value(case.y, case.targets, loss=_Only(made, k if vector else None))[0]
            for k in range(len(programs))
        ]
        return np.array(means) if vector else means[0]


class _Only(Measured):
    """One place of a metric's vector."""

    def __init__(self, metric: Metric, place: int | None) -> None:
        super().__init__(metric)
        self.place = place

    def step(self, y: Value, target: Value) -> Value:
        """Return the number at the place."""
        found = self.metric.step(y, target)
        return found if self.place is None else found[self.place]


def _of_steps(one: Any) -> str | None:
    return "reads whole rows" if one.of_rows else None


def _of_rows(one: MetricSubject) -> str | None:
    return None if one.of_rows else "reads one step"


@check("row", applies=_of_rows)
def row(one: MetricSubject) -> None:
    """`row` returns a number or a vector, of one shape and without NaN; repeating gives the same."""
    shapes = set()
    for draw in range(12):
        y, target = one.row(draw)
        found, again = (np.asarray(one.make().row(y.copy(), target.copy()), np.float64) for _ in range(2))
        if found.ndim > 1 or np.isnan(found).any():
            raise Failed(f"row returns {found!r} for a row of {len(y)} steps; expected a number or a vector")
        if not np.array_equal(found, again):
            raise Failed(f"row returns {found!r}, then {again!r}, for the same row")
        shapes.add(found.shape)
    if len(shapes) > 1:
        raise Failed(f"row returns shapes {sorted(shapes)}; expected one shape for all rows")


@check("finish")
def finish(one: MetricSubject) -> None:
    """`finish` returns a float for the engine's mean, the same one on each call, and no NaN."""
    mean = one.mean()
    finished = one.make().finish(mean)
    if not isinstance(finished, float) or np.isnan(finished):
        raise Failed(f"finish returns {finished!r} for the mean {mean}; expected a float")
    if finished != one.make().finish(mean):
        raise Failed(f"finish returns {finished!r} for {mean}, then {one.make().finish(mean)!r}")
    if not np.ndim(mean) and np.isnan(one.make().finish(1e9)):
        raise Failed("finish returns NaN for a mean of 1e9")


METRIC: Kind[MetricSubject] = Kind(
    "metric",
    (
        *subject.CHECKS,
        *(
            replace(one, applies=_of_steps)
            for one in (
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
            )
        ),
        row,
        finish,
    ),
    MetricSubject,
)
