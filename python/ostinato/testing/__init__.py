"""The conformance kit: the requirements on cells, losses, optimizers, ..., as checks for everyone.

`check_cell("lstm")` runs every check of the kind and returns a `Report`; `parametrize_checks` turns each
check into a pytest test. One file per kind lists its checks; `runner.py` runs them. Needs NumPy only, and
pytest for `parametrize_checks`. Built-ins and plugins go through the same checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostinato.testing.kinds import KINDS
from ostinato.testing.marks import parametrize_checks
from ostinato.testing.report import ConformanceError, Report, Result, render
from ostinato.testing.runner import Failed, Level, run
from ostinato.testing.scripted_core import ScriptedCore
from ostinato.testing.subject import check_arguments, find

__all__ = [
    "KINDS",
    "ConformanceError",
    "Failed",
    "Report",
    "Result",
    "ScriptedCore",
    "check",
    "check_callback",
    "check_cell",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_metric",
    "check_optimizer",
    "check_regularizer",
    "check_schedule",
    "check_scorer",
    "check_strategy",
    "parametrize_checks",
    "render",
]


def check(
    item: Any,
    level: Level = "standard",
    *,
    kind: str | None = None,
    options: Sequence[Mapping[str, Any]] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Report:
    """Run all checks of the kind of `item`: a registered name, a descriptor, a class or an instance.

    Args:
        item: what to check; every check makes a new one and never changes it.
        level: "quick" (a second or two), "standard" or "thorough": the same checks at more sizes.
        kind: "cell", "loss", ...; needed only for a name that several kinds have.
        options: the options to check it with, each a dict; by default the examples of the item itself.
        expected_failures: check id -> reason, in addition to the `expected_failures` of the class. Such a
            check is reported as expected when it fails, and as failed when it passes with all options.

    Raises ConfigError for an unknown name, level or check id, DTypeError for an item of no known kind.
    """
    check_arguments(kind, options, expected_failures)
    found = find(item, kind)
    examples = found.examples if options is None else tuple(options)
    expected = {**found.expected_failures, **(expected_failures or {})}
    return run(KINDS[found.kind], found.name, found.spec, examples, level, expected)


def check_cell(cell: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a cell: its name, a CellSpec, a Cell subclass or an instance."""
    return check(cell, level, kind="cell", **more)


def check_regularizer(regularizer: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a regularizer: its name, a RegularizerSpec, a Regularizer subclass or an instance."""
    return check(regularizer, level, kind="regularizer", **more)


def check_loss(loss: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a loss: its name, a LossSpec, a Loss subclass or an instance."""
    return check(loss, level, kind="loss", **more)


def check_optimizer(optimizer: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for an optimizer: its name, an OptimizerSpec, an Optimizer subclass or an instance."""
    return check(optimizer, level, kind="optimizer", **more)


def check_initializer(initializer: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for an initializer: its name, an InitializerSpec, an Initializer subclass or an instance."""
    return check(initializer, level, kind="initializer", **more)


def check_scorer(scorer: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a scorer: its name, a ScorerSpec, a Scorer subclass or an instance."""
    return check(scorer, level, kind="scorer", **more)


def check_layer(layer: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a layer: its name, a LayerSpec, a Layer subclass or an instance."""
    return check(layer, level, kind="layer", **more)


def check_schedule(schedule: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a schedule: its name, a ScheduleSpec, a Schedule subclass or an instance."""
    return check(schedule, level, kind="schedule", **more)


def check_strategy(strategy: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a strategy: its name, a StrategySpec, a Strategy subclass or an instance."""
    return check(strategy, level, kind="strategy", **more)


def check_metric(metric: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a metric: its name, a MetricSpec, a Metric subclass or an instance."""
    return check(metric, level, kind="metric", **more)


def check_callback(callback: Any, level: Level = "standard", **more: Any) -> Report:
    """`check` for a callback: its name, a CallbackSpec, a Callback subclass or an instance."""
    return check(callback, level, kind="callback", **more)
