"""`alignment`: which entries of a memory a decoder attends to at each step of given texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ostinato import checks
from ostinato.analysis.drawing import axes
from ostinato.errors import ConfigError, DTypeError, ShapeError, UnknownItemError, a_type, shown
from ostinato.network import Network
from ostinato.network.decode import fed_with, watching
from ostinato.network.stepwise import Before, Stepwise
from ostinato.sequences.arrays import Array


@dataclass(frozen=True, eq=False)
class Alignment:
    """The weights of an attention at each step of some rows, in the dtype of the network."""

    weights: list[Array]
    """By row: the weights on its own S entries at each of its own T steps, (T, S).

    Each step of a row with entries sums to 1.
    """

    def plot(
        self,
        ax: Any = None,
        *,
        row: int = 0,
        source: Sequence[Any] | None = None,
        target: Sequence[Any] | None = None,
    ) -> Any:
        """The weights of one row as a picture, steps from top to bottom; returns the axes.

        row: which one. source: a label for each of its entries; target: one for each of its steps; None for
        their numbers. Raises UnknownItemError for a row that does not exist, ShapeError for another number of
        labels.
        """
        if checks.whole("plot", "row", row, at_least=0) >= len(self.weights):
            raise UnknownItemError(f"plot: row is {shown(row)}; there are {len(self.weights)} rows")
        weights = self.weights[row]
        ax = axes(ax, xlabel="entry of the memory", ylabel="step", title="Alignment")
        ax.imshow(weights, cmap="gray_r", vmin=0.0, vmax=1.0, aspect="auto", interpolation="nearest")
        for name, labels, count in (
            ("target", target, weights.shape[0]),
            ("source", source, weights.shape[1]),
        ):
            if labels is None:
                continue
            if not hasattr(labels, "__getitem__") or not hasattr(labels, "__len__"):
                raise DTypeError(f"plot: {name} is {shown(labels)}; expected {count} labels")
            if len(labels) != count:
                raise ShapeError(f"plot: {name} has {len(labels)} labels; expected {count}")
            settle = ax.set_yticks if name == "target" else ax.set_xticks
            settle(range(count), [str(label) for label in labels])
        return ax


def alignment(
    net: Any,
    x: Any,
    targets: Any = None,
    *,
    begin: int | Sequence[int] | Array | None = None,
    lengths: Any = None,
    of: str | None = None,
) -> Alignment:
    """The weights of the attention in the steps of a network, while it reads given texts (teacher forcing).

    `net.decode(..., alignments=True)` returns the same weights, to the bit, for the texts that it finds.

    Args:
        net: a network whose steps hold an attention, such as one with an `ost.Decoder`.
        x: all inputs, as in `net.run`. With `targets`: the other inputs, as in `net.decode`.
        targets: ids (N, T) or a list of rows, the end included, which the network is fed shifted by one step.
        begin: with `targets`, the id that is fed at the first step: an integer, or one for each row.
        lengths: as in `net.run`.
        of: which weights, if the network has several: see `alignments` of `net.decode`.

    Raises DTypeError, ShapeError or ConfigError that names the argument; ConfigError for a network without an
    attention in its steps.
    """
    if not isinstance(net, Network):
        raise DTypeError(f"net is {a_type(net)}; expected a network such as ost.Graph")
    if of is not None:
        checks.text("alignment", "of", of)
    steps = watching(net, "alignment", "of", of or "")
    if (targets is None) != (begin is None):
        missing = "begin" if begin is None else "targets"
        raise ConfigError(
            f"alignment: {missing} is missing; expected both targets and begin, or neither, with all inputs "
            "in x"
        )
    if targets is not None:
        x, lengths, _ = fed_with("alignment", steps, x, targets, begin, lengths, net.output_size)
    arrays, batch = net._ports.read(x, lengths, net.dtype.name, net.batch_first is not False)
    fed = arrays.pop(steps.core.fed)
    first, *others = (batch.of(axis) for axis in steps.others.axes)
    before = Before(batch.rows, arrays, replace(first, others=tuple(others)))
    along = batch.of(steps.fed.axis)
    counts = np.full(batch.rows, along.steps) if along.lengths is None else along.lengths
    return Alignment(_weights(net, steps, before, fed, counts))


def _weights(net: Network, steps: Stepwise, before: Before, fed: Array, counts: Array) -> list[Array]:
    arena = net.arena
    stream = steps.core.stream(arena, steps.given(before, arena))
    found = [
        np.zeros((count, len(row)), net.dtype) for count, row in zip(counts, stream.weights(), strict=True)
    ]
    for step in range(int(counts.max(initial=0))):
        stream.step(np.ascontiguousarray(fed[:, step]))
        for made, row in zip(found, stream.weights(), strict=True):
            if step < len(made):
                made[step] = row
    return found
