"""The measurements of each epoch, and the reasons for missing ones."""

from __future__ import annotations

from dataclasses import dataclass

from ostinato.suggest import did_you_mean


@dataclass(frozen=True)
class Measured:
    """names: the columns of an epoch; metrics: the trainer's; validated: whether validation is given."""

    names: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    validated: bool = False

    def has(self, name: str) -> bool:
        """Whether it is measured; penalties, which are optional, count."""
        return name in (*self.names, "epoch", "step", "penalty")

    def missing(self, name: str) -> str:
        """What to do to measure `name`."""
        base = name.removeprefix("val_")
        if base != "loss" and base not in self.metrics:
            known = [*self.names, *self.metrics]
            more = "" if self.validated else ", and give fit validation="
            return (
                f"{did_you_mean(name, known, 'measured')}; a metric goes into metrics= of the Trainer{more}"
            )
        if self.validated:
            return f"it is measured on validation data only, as 'val_{base}'"
        return f"it is measured as 'val_{base}' when fit is given validation=, which it was not"
