"""Loss and metrics over data, without training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato import _core
from ostinato.errors import ConfigError, shown
from ostinato.metrics import Metric
from ostinato.network import Network
from ostinato.network.losses import Losses
from ostinato.network.objective import Objective
from ostinato.network.states import from_slots
from ostinato.sequences.axis import ROW
from ostinato.strategy import Batch
from ostinato.trace import trace_loss, trace_metric
from ostinato.training.row_metrics import RowMetrics
from ostinato.training.source import Rows, Source, named
from ostinato.training.terms import Term, Terms

Sums = dict[str, float]
"""The sum of each equation of an output, by the hash of its program."""


@dataclass(frozen=True)
class Equations:
    """The distinct equations of one term: its loss, and its metrics.

    Several metrics often share one equation (perplexity and bits are both cross-entropy): each equation runs
    once, and a metric with the loss's own equation costs nothing extra.
    """

    term: Term
    number: int
    """Of the output."""
    loss: str
    keys: Mapping[str, tuple[str, ...]]
    """The equation of each number of a metric of steps."""
    vectors: frozenset[str]
    """The metrics whose step returns a vector."""
    rows: Mapping[str, Metric]
    """The metrics that read whole rows."""
    programs: Mapping[str, _core.Program]
    core: _core.Network
    """A network without layers: its input is the output of a run, and its loss is the equation."""

    @classmethod
    def of(cls, net: Network, term: Term) -> Equations:
        """Traces the metrics. Raises ConfigError if their targets are of another kind than the loss's."""
        node = net._ports.outputs[term.output]
        loss = _key(term.loss, node.width)
        keys: dict[str, tuple[str, ...]] = {}
        vectors: set[str] = set()
        rows: dict[str, Metric] = {}
        programs = {loss: term.objective.program}
        for name, metric in term.metrics.items():
            if metric.target != term.loss.target:
                raise ConfigError(
                    f"metric {shown(term.column(name))} takes targets of kind {shown(metric.target)}, loss "
                    f"{shown(term.loss.name)} of kind {shown(term.loss.target)}; they are given the same"
                )
            if metric.target == "output" and metric.target_size(node.width) != term.objective.target_width:
                raise ConfigError(
                    f"metric {shown(term.column(name))} takes targets of "
                    f"{shown(metric.target_size(node.width))} numbers for outputs of {node.width} features, "
                    f"loss {shown(term.loss.name)} of {term.objective.target_width}; they are given the same"
                )
            if metric.of_rows:
                rows[name] = metric
                continue
            found, vector = trace_metric(metric, node.width)
            hashed, _ = trace_metric(metric, node.width, name="equation")
            keys[name] = tuple(program.hash for program in hashed)
            if vector:
                vectors.add(name)
            for key, program in zip(keys[name], found, strict=True):
                programs.setdefault(key, program)
        core = _core.Network(net.dtype.name)
        core.finish([("y", core.input("y", node.axis, node.width))])
        number = list(net._ports.outputs).index(term.output)
        return cls(term, number, loss, keys, frozenset(vectors), rows, programs, core)

    def figures(self, means: Mapping[str, float], rows: Mapping[str, Any]) -> dict[str, float]:
        """The columns of metrics; without those that have no mean.

        means: of each equation of steps; rows: of each metric of rows.
        """
        found = dict(rows)
        for name, keys in self.keys.items():
            if all(key in means for key in keys):
                values = [means[key] for key in keys]
                found[name] = np.array(values) if name in self.vectors else values[0]
        return {
            self.term.column(name): _number(name, metric.finish(found[name]))
            for name, metric in self.term.metrics.items()
            if name in found
        }


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ConfigError(f"metric {shown(name)}: finish returns {shown(value)}; expected a number") from None


class Measure:
    """The loss and the metrics of one network."""

    def __init__(self, net: Network, terms: Terms) -> None:
        self._net = net
        self._terms = terms
        self._equations = {term.output: Equations.of(net, term) for term in terms.terms}
        # A sum over batches is divided by the count of all of them, and scaled at the end.
        objectives: dict[str, Objective] = {
            term.output: replace(term.objective, reduction="sum", scale=1.0) for term in terms.terms
        }
        self._losses = Losses(objectives, net._ports)
        self._alone = all(len(one.programs) == 1 and not one.rows for one in self._equations.values())

    def while_training(self, losses: Mapping[str, float]) -> dict[str, float]:
        """The metrics that are computed from the mean loss of each output, which has its scale."""
        figures: dict[str, float] = {}
        for output, one in self._equations.items():
            scale = one.term.objective.scale
            if scale and output in losses:  # A loss that is scaled to 0 says nothing.
                figures |= one.figures({one.loss: losses[output] / scale}, {})
        return figures

    def losses(self, losses: Mapping[str, float]) -> dict[str, float]:
        """The columns of losses by output; none for a network with one output."""
        if not self._terms.several:
            return {}
        return {one.term.column("loss"): losses.get(output, 0.0) for output, one in self._equations.items()}

    def equations(self) -> Iterator[tuple[str, Any]]:
        """Each loss and metric, with its name in errors."""
        for one in self._equations.values():
            of = f" of output {one.term.output!r}" if one.term.several else ""
            yield f"loss {one.term.loss.name!r}{of}", one.term.loss
            for name, metric in one.term.metrics.items():
                yield f"metric {name!r}{of}", metric

    def hashes(self) -> Iterator[tuple[str, str]]:
        """The hash of each program, in the order of `equations`."""
        found = [
            key
            for one in self._equations.values()
            for key in (one.loss, *(" ".join(one.keys.get(name, ())) for name in one.term.metrics))
        ]
        yield from ((what, key) for (what, _), key in zip(self.equations(), found, strict=True))

    def check(self, source: Source, owner: str) -> None:
        """Raises the errors of `over` for rows in memory that can be found without running the network.

        An iterable is not touched: it may count its passes.
        """
        if isinstance(source, Rows):
            counts = dict.fromkeys(self._equations, 0.0)
            for part in source.parts():
                with named(owner):
                    self._read(part)
                    for output in counts:
                        counts[output] += part.counts[output]
            self.check_counts(counts, owner)

    def check_counts(self, counts: Mapping[str, float], owner: str) -> None:
        """Raises ConfigError for an output without a valid step: a loss of 0 would be a perfect score."""
        for output in self._equations:
            if not counts.get(output):
                of = f" of output {output!r}" if self._terms.several else ""
                raise ConfigError(
                    f"{owner}: the data has no valid step{of}; expected rows, lengths and weights above 0"
                )

    def over(self, source: Source, owner: str) -> dict[str, float]:
        """The loss per valid step, that of each output, and each metric over all of `source`.

        Raises the errors of the network, naming `owner`; ConfigError if no step of an output is valid: that
        would look like a perfect score.
        """
        sums: dict[str, Sums] = {
            output: dict.fromkeys(one.programs, 0.0) for output, one in self._equations.items()
        }
        rows = {output: RowMetrics(one.rows) for output, one in self._equations.items()}
        counts = dict.fromkeys(self._equations, 0.0)
        state = None
        for batch in source.every():
            with named(owner):
                state = self._add(sums, rows, batch.replace(state=state if batch.carries else batch.state))
                for output in counts:
                    counts[output] += batch.counts[output]
        self.check_counts(counts, owner)
        losses: dict[str, float] = {}
        figures: dict[str, float] = {}
        for output, one in self._equations.items():
            means = {key: value / counts[output] for key, value in sums[output].items()}
            losses[output] = one.term.objective.scale * means[one.loss]
            figures |= one.figures(means, rows[output].figures())
        return {"loss": sum(losses.values(), 0.0), **self.losses(losses), **figures}

    def of_rows(self, source: Rows, owner: str) -> NDArray[np.float64]:
        """(N,) the loss of each row per valid step, in the order of the data; NaN for one without a step.

        Raises the errors of the network, naming `owner`.
        """
        found = []
        for batch in source.parts():
            with named(owner):
                found.append(self._of_rows(batch))
        return np.concatenate(found) if found else np.zeros(0)

    def _of_rows(self, batch: Batch) -> NDArray[np.float64]:
        net = self._net
        call, read, losses = self._read(batch)
        run = net._core().run(call, False, 0)
        total = np.zeros(batch.rows)
        known = np.zeros(batch.rows, bool)
        for (output, one), given in zip(self._equations.items(), losses.outputs, strict=True):
            axis = net._ports.outputs[output].axis
            along = read.of(axis)
            outputs, scale = run.outputs[given.output], one.term.objective.scale
            program = one.programs[one.loss]
            for n in range(batch.rows):
                row = slice(n, n + 1)
                lengths = None if along.lengths is None else along.lengths[row]
                mask = None if along.mask is None else along.mask[row]
                extent: Any = ([], [], None, 0) if axis == ROW else ([lengths], [mask], None, 0)
                again: Any = (np.zeros(0, net.dtype), [outputs[row]], extent, [])
                weights = None if given.weights is None else given.weights[row]
                params = given.params if program.params else []
                targets = given.targets[row]
                equation = _core.OutputLoss(0, program, targets, weights, 1.0, given.last, params)
                loss = one.core.loss_value(again, _core.Losses([equation], "sum"))[0][0]
                count = batch.take(row).counts[output]
                if count:
                    total[n] += scale * loss / count
                    known[n] = True
        return np.where(known, total, np.nan)

    def _read(self, batch: Batch) -> tuple[Any, Any, _core.Losses]:
        """The core's form of a call and of the losses, and the rows and steps."""
        net = self._net
        call, read = net._call("evaluate", batch.x, batch.lengths, batch.mask, batch.state, batch.resets, 0)
        return call, read, self._losses.arguments(read, batch.targets, batch.weights, net._graph, net._arena)

    def _add(self, sums: dict[str, Sums], rows: Mapping[str, RowMetrics], batch: Batch) -> Any:
        """Add a batch to the sum of each equation; returns the final state."""
        net = self._net
        call, read, losses = self._read(batch)
        if self._alone:
            values, final = net._core().loss_value(call, losses)
            for one in self._equations.values():
                sums[one.term.output][one.loss] += values[one.number]
            return from_slots(final, net._graph, batch.rows)
        run = net._core().run(call, False, 0)
        for (output, one), given in zip(self._equations.items(), losses.outputs, strict=True):
            axis = net._ports.outputs[output].axis
            along = read.of(axis)
            extent: Any = ([], [], None, 0) if axis == ROW else ([along.lengths], [along.mask], None, 0)
            again: Any = (np.zeros(0, net.dtype), [run.outputs[given.output]], extent, [])
            for key, program in one.programs.items():
                params = given.params if program.params else []
                equation = _core.OutputLoss(0, program, given.targets, given.weights, 1.0, given.last, params)
                sums[output][key] += one.core.loss_value(again, _core.Losses([equation], "sum"))[0][0]
            if one.rows:
                _add_rows(rows[output], one.term.objective, along, axis, run.outputs[given.output], given)
        return from_slots(run.final_state, net._graph, batch.rows)


def _add_rows(
    rows: RowMetrics, objective: Objective, along: Any, axis: str, outputs: Any, given: _core.OutputLoss
) -> None:
    """Adds the rows of a batch, as the core has them: (N, T, F), or (N, F) with one value for each row."""
    targets, weights = given.targets, given.weights
    if axis == ROW:
        outputs, targets = outputs[:, None], targets[:, None]
        used = np.ones((len(outputs), 1), bool) if weights is None else weights[:, None] != 0
    else:
        valid = along.valid
        used = np.ones(outputs.shape[:2], bool) if valid is None else valid.copy()
        if weights is not None:
            used &= weights != 0
    # the core has the target of a row at each of its steps
    whole = objective.per_row
    if whole and not targets.shape[1]:
        return
    rows.add(outputs, targets[:, 0] if whole else targets, used, whole, bool(objective.labels))


def _key(loss: Any, width: int) -> str:
    """Equal for two losses or metrics with the same equation, whatever their names."""
    return trace_loss(loss, width, name="equation").hash
