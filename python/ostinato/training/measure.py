"""Loss and metrics over data, without training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ostinato import _core
from ostinato.errors import ConfigError, DTypeError, ShapeError
from ostinato.metrics import Metric
from ostinato.network import Network
from ostinato.network.objective import Objective
from ostinato.network.ports import Ports
from ostinato.strategy import Batch, Lesson
from ostinato.trace import trace_loss
from ostinato.training.source import Rows, Source


class Measure:
    """The loss and the metrics of one network.

    Several metrics often share one equation (perplexity and bits are both cross-entropy): each equation runs
    once, and a metric with the loss's own equation costs nothing extra.
    """

    def __init__(self, net: Network, loss: Any, objective: Objective, metrics: Mapping[str, Metric]) -> None:
        self._net = net
        self._metrics = metrics
        self._loss = _key(loss, net.output_size)
        self._objectives = {self._loss: dataclasses.replace(objective, reduction="sum")}
        self._keys: dict[str, str] = {}
        for name, metric in metrics.items():
            if metric.target != loss.target:
                raise ConfigError(
                    f"metric {name!r} takes targets of kind {metric.target!r}, loss {loss.name!r} of kind "
                    f"{loss.target!r}; they are given the same"
                )
            key = self._keys[name] = _key(metric, net.output_size)
            if key not in self._objectives:
                program = trace_loss(metric, net.output_size)
                self._objectives[key] = dataclasses.replace(objective, reduction="sum", program=program)
        # A network without layers: its inputs are the outputs of a run, and its loss is the metric.
        self._nothing = _core.Network(net.dtype.name)
        self._nothing.finish([("y", self._nothing.input("y", net._ports.output.axis, net.output_size))])

    def while_training(self, mean_loss: float) -> dict[str, float]:
        """The metrics that are computed from the mean loss per step."""
        return {
            name: float(metric.finish(mean_loss))
            for name, metric in self._metrics.items()
            if self._keys[name] == self._loss
        }

    def check(self, source: Source, owner: str) -> None:
        """Raises the errors of `over` for the first of the rows in memory, before an epoch is spent.

        An iterable is not touched: it may count its passes.
        """
        if isinstance(source, Rows):
            if not len(source.lengths):
                raise _no_step(owner)
            with _named(owner):
                self._add(dict.fromkeys(self._objectives, 0.0), source.first_row())

    def over(self, source: Source, owner: str) -> dict[str, float]:
        """The loss per valid step and each metric over all of `source`, in inference mode.

        Raises the errors of the network, naming `owner`; ConfigError if no step is valid: that would look
        like a perfect score.
        """
        sums = dict.fromkeys(self._objectives, 0.0)
        count, state = 0.0, None
        for batch in source.batches(Lesson()):
            with _named(owner):
                state = self._add(sums, batch.replace(state=state if batch.carries else None))
                count += batch.count
        if not count:
            raise _no_step(owner)
        means = {key: value / count for key, value in sums.items()}
        told = {name: float(metric.finish(means[self._keys[name]])) for name, metric in self._metrics.items()}
        return {"loss": means[self._loss], **told}

    def _add(self, sums: dict[str, float], batch: Batch) -> Any:
        """Add a batch to the sum of each equation; returns the final state."""
        net = self._net
        if len(self._objectives) == 1:
            value, final = net.loss_value(
                batch.x,
                batch.targets,
                loss=self._objectives[self._loss],
                lengths=batch.lengths,
                state=batch.state,
                resets=batch.resets,
                weights=batch.weights,
                reduction="sum",
            )
            sums[self._loss] += value
            return final
        run = net.run(batch.x, state=batch.state, lengths=batch.lengths, resets=batch.resets)
        outputs: Any = run.outputs
        if batch.ragged and batch.per == "step":
            outputs = [row[: len(x)] for row, x in zip(outputs, batch.x, strict=True)]
        # Read like an input, so that targets are checked against it: axes, lengths, rows of a list.
        ports = Ports({"y": net._ports.output}, net._ports.outputs, True)
        lengths = batch.lengths if batch.per == "step" else None
        arrays, read = ports.read(outputs, lengths, net.dtype.name, net.batch_first is not False)
        call: Any = (np.zeros(0, net.dtype), arrays, read.extent, [])
        for key, objective in self._objectives.items():
            losses = ([objective.argument(read, batch.targets, batch.weights)], objective.reduction)
            sums[key] += self._nothing.loss_value(call, losses)[0][0]
        return run.final_state


@contextmanager
def _named(owner: str) -> Iterator[None]:
    """Adds the owner of the data to an error."""
    try:
        yield
    except (ShapeError, DTypeError, ConfigError) as error:
        kinds = (ShapeError, DTypeError, ConfigError)
        raise next(kind for kind in kinds if isinstance(error, kind))(f"{owner}: {error}") from error


def _no_step(owner: str) -> ConfigError:
    return ConfigError(f"{owner}: the data has no valid step; expected rows, lengths and weights above 0")


def _key(loss: Any, width: int) -> str:
    """Equal for two losses or metrics with the same equation, whatever their names."""
    return trace_loss(loss, width, name="equation").hash


def prefixed(prefix: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Names with `prefix` before them."""
    return {f"{prefix}{name}": value for name, value in metrics.items()}
