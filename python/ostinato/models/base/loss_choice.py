"""The loss of an estimator: its targets are of the kind that the estimator has."""

from __future__ import annotations

from typing import Any, Final

from ostinato.errors import ConfigError, shown
from ostinato.losses import Loss
from ostinato.models.base.owner import errors_of
from ostinato.plugins.registry import registry

KINDS: Final = {"index": "classes", "output": "numbers", "labels": "lists of labels"}
HINTS: Final = {
    "index": "a loss of classes, such as 'cross_entropy'; for numbers use SequenceRegressor",
    "output": "a loss of numbers, such as 'mse', 'mae' or 'huber'; for classes use SequenceClassifier",
}


def check_classes(owner: str, loss: Any, outputs: int, classes: int, instead: str) -> None:
    """`check_targets` for ids of classes. Raises ConfigError for a loss that reads other outputs of a step.

    instead: what to do then.
    """
    check_targets(owner, loss, "index")
    made = registry.make("loss", loss, Loss)
    ignored = getattr(made, "ignore", None)
    if ignored is not None:
        raise ConfigError(
            f"{owner}: loss is {shown(loss)}, but each label of y is a class, so none is to be ignored; "
            "expected ignore=None"
        )
    try:
        found = made.classes(outputs)
    except ConfigError:  # no number of classes has these outputs
        found = 0
    if found != classes:
        raise ConfigError(
            f"{owner}: loss is {shown(loss)}, which does not read {outputs} outputs as {classes} classes; "
            f"expected {instead}"
        )


def check_targets(owner: str, loss: Any, target: str) -> None:
    """Raises ConfigError for a loss of other targets, and the errors of `Trainer` for what is no loss."""
    with errors_of(owner):
        made = registry.make("loss", loss, Loss)
    if made.target != target or made.per == "row":
        kind = KINDS.get(made.target, made.target)
        what = "whole sequences" if made.per == "row" else kind
        raise ConfigError(
            f"{owner}: loss is {shown(loss)}, a loss of {what}; this estimator has {KINDS[target]}: expected "
            f"{HINTS[target]}"
        )
