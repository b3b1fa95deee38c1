"""What a trainer minimizes and measures: one loss term for each output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ostinato.errors import ConfigError, shown
from ostinato.losses import Loss
from ostinato.metrics import Metric
from ostinato.network import Network
from ostinato.network.objective import Objective, Weighted
from ostinato.plugins.registry import registry
from ostinato.training.choices import choose_metrics
from ostinato.training.columns import validated


@dataclass(frozen=True)
class Term:
    """The loss of one output as it enters the sum, and the metrics of that output."""

    output: str
    loss: Loss
    objective: Objective
    metrics: Mapping[str, Metric]
    several: bool
    """Whether the network has other outputs, so that names of measurements need the output's."""

    def column(self, name: str) -> str:
        """What the history calls a measurement of this output."""
        return f"{self.output}.{name}" if self.several else name

    @property
    def given(self) -> Loss | Weighted:
        """The loss with its scale."""
        scale = self.objective.scale
        return self.loss if scale == 1.0 else Weighted(self.loss, scale)


@dataclass(frozen=True)
class Terms:
    """The terms of a network, in the order of its outputs; an output may have none."""

    terms: tuple[Term, ...]
    several: bool

    @classmethod
    def of(cls, net: Network, loss: Any, metrics: Any, reduction: Any) -> Terms:
        """A loss and a list of metrics, or dicts of those by output.

        Raises ConfigError and DTypeError that name the argument and the output.
        """
        ports = net._ports
        several = len(ports.outputs) > 1
        losses = ports.by_name("loss", loss, ports.outputs, plain=not several, partial=True)
        made = {name: _resolved(one) for name, one in losses.items()}
        objectives = net._losses(made, reduction).objectives
        measured = _metrics(net, metrics, made, several)
        terms = [
            Term(
                name,
                _bare(made[name]),
                objectives[name],
                choose_metrics(measured.get(name, ()), f"metrics[{name!r}]" if several else "metrics"),
                several,
            )
            for name in ports.outputs
            if name in made
        ]
        return cls(tuple(terms), several)

    @property
    def loss(self) -> Any:
        """The loss, or a dict of losses by output."""
        found = {term.output: term.given for term in self.terms}
        return found if self.several else self.terms[0].given

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics by name, or a dict of those by output."""
        if self.several:
            return {term.output: dict(term.metrics) for term in self.terms if term.metrics}
        return dict(self.terms[0].metrics)

    @property
    def objectives(self) -> dict[str, Objective]:
        """The traced losses by output."""
        return {term.output: term.objective for term in self.terms}

    @property
    def losses(self) -> tuple[str, ...]:
        """The columns of losses: the total, and each output's if there are several."""
        return ("loss", *(term.column("loss") for term in self.terms if self.several))

    @property
    def better(self) -> dict[str, str]:
        """What is better of each column of a metric, in training and validation; "" if unknown."""
        return {
            column: metric.better
            for term in self.terms
            for name, metric in term.metrics.items()
            for column in (term.column(name), validated(term.column(name)))
        }

    @property
    def measured(self) -> tuple[str, ...]:
        """The columns of metrics."""
        return tuple(term.column(name) for term in self.terms for name in term.metrics)


def _resolved(given: Any) -> Loss | Weighted:
    if isinstance(given, Weighted):
        return Weighted(registry.make("loss", given.loss, Loss), given.scale)
    return registry.make("loss", given, Loss)


def _bare(loss: Loss | Weighted) -> Loss:
    if isinstance(loss, Weighted):
        made: Loss = loss.loss
        return made
    return loss


def _metrics(net: Network, given: Any, losses: Mapping[str, Any], several: bool) -> Mapping[str, Any]:
    """Lists of metrics by output."""
    ports = net._ports
    names = ", ".join(map(repr, ports.outputs))
    if not isinstance(given, Mapping):
        if several and given != () and given != []:
            raise ConfigError(
                f"metrics is {shown(given)}, but this network has several outputs; expected a dict of "
                "lists by "
                f"output ({names}), such as metrics={{{shown(next(iter(losses)))}: {shown(given)}}}"
            )
        return {} if several else {next(iter(ports.outputs)): given}
    found = ports.by_name("metrics", given, ports.outputs, plain=False, partial=True)
    for name in found:
        if name not in losses:
            raise ConfigError(
                f"metrics has {shown(name)}, an output without a loss, so it is given no targets; give "
                f"loss[{shown(name)}] (ost.weighted(loss, 0) to measure without training), or leave it out"
            )
    return found
