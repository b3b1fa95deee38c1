"""The measurements of each epoch, and the reasons for missing ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ostinato.suggest import did_you_mean
from ostinato.training.columns import unvalidated, validated


@dataclass(frozen=True)
class Measured:
    """names: the columns of an epoch; losses, metrics: those of the trainer, without "val_".

    `validation` says whether `fit` is given validation data. better: what is better of the column of each
    metric, "lower" or "higher"; "" if its class does not say it. advice: what to do for a measurement of
    validation, if the caller can give neither the `metrics` of a trainer nor the `validation` of its `fit`.
    """

    names: tuple[str, ...] = ()
    losses: tuple[str, ...] = ("loss",)
    metrics: tuple[str, ...] = ()
    validation: bool = False
    better: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""

    def has(self, name: str) -> bool:
        """Whether it is measured; penalties, which are optional, count."""
        return name in (*self.names, "epoch", "step", "penalty")

    def knows(self, name: str) -> bool:
        """Whether it is a loss or a metric of the trainer, in training or in validation."""
        return unvalidated(name) in (*self.losses, *self.metrics)

    def absent(self, name: str, metrics: Mapping[str, float]) -> str:
        """What to do to measure `name`, which is not in what an epoch and the plugins have measured."""
        said = did_you_mean(name, metrics, "measured")
        return f"{said} ({self.advice or 'val_... needs validation='})" if self._validates(name) else said

    def missing(self, name: str) -> str:
        """What to do to measure `name`."""
        if self.advice:
            said = did_you_mean(name, self.names, "measured")
            return f"{said}; {self.advice}" if self._validates(name) else said
        if not self.knows(name):
            known = dict.fromkeys([*self.names, *map(validated, self.metrics)])
            more = "" if self.validation else ", and give fit validation="
            return (
                f"{did_you_mean(name, known, 'measured')}; a metric goes into metrics= of the Trainer{more}"
            )
        column = validated(unvalidated(name))
        more = "" if name == column else "; fit(..., training_metrics=True) measures it in training too"
        if self.validation:
            return f"it is measured on validation data only, as {column!r}{more}"
        other = "" if name == column else f", as {column!r}"
        return f"it is measured on validation data{other}; give fit validation=(x, targets){more}"

    def _validates(self, name: str) -> bool:
        """Whether `name` is of validation, and there is none."""
        return not self.validation and unvalidated(name) != name
