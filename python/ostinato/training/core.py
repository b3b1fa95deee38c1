"""The network with its loss, as estimators use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ostinato.decoding import Decoded
from ostinato.network import Gradients, Network, Run
from ostinato.network.objective import Objective
from ostinato.network.stream import Stream
from ostinato.strategy import Batch
from ostinato.strategy.axes import by_name
from ostinato.training import own_output


class NetworkCore:
    """A `Core` of this process: each call is one call of the network, after `fed`.

    objective: the traced loss; of a network with several outputs a dict by output.
    """

    def __init__(self, net: Network, objective: Objective | Mapping[str, Objective]) -> None:
        self.net = net
        self.objective = objective
        self._summed = _summed(objective)

    def value_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, Gradients]:
        """The loss over `batch` and its gradients, without the gradient of `batch.x`.

        Raises ShapeError, DTypeError, ConfigError.
        """
        return self._call(self.objective, batch, through_time, {"seed": batch.seed})

    def part_and_grad(self, batch: Batch, rows: slice, through_time: Any = None) -> tuple[float, Gradients]:
        """The part that some rows have in `value_and_grad`. See `Core.part_and_grad`."""
        if batch.places is None:
            batch = batch.replace(places=np.arange(batch.rows))
        part = self.fed(batch.take(rows))
        whole, own = self._counts(batch), self._counts(part)
        objectives = self.objective if isinstance(self.objective, Mapping) else {"": self.objective}
        scaled = {}
        for name, one in objectives.items():
            of = name or next(iter(whole))
            share = _ratio(own[of], whole[of]) if one.reduction == "mean" else 1.0
            scaled[name] = replace(one, scale=one.scale * share)
        means = next(iter(objectives.values())).reduction == "mean"
        # in the order of the network, which the axes of a batch need not have
        known = self.net._ports.axes
        axes = known if len(known) > 1 else list(batch.axes.sequences)
        steps = [_ratio(_valid(part, axis), _valid(batch, axis)) if means else 1.0 for axis in axes]
        first = rows.start == 0 and (rows.stop > 0 or batch.rows == 0)
        return self.net._part_and_grad(
            (rows.start, (steps, 1.0 if first else 0.0)),
            part.x,
            part.targets,
            loss=scaled if isinstance(self.objective, Mapping) else scaled[""],
            lengths=part.lengths,
            mask=part.mask,
            state=part.state,
            resets=part.resets,
            weights=part.weights,
            seed=part.seed,
            through_time=through_time,
        )

    def _counts(self, batch: Batch) -> dict[str, float]:
        """What a mean is divided by, by output. A loss of the last step counts no row without a step."""
        objectives = self.objective if isinstance(self.objective, Mapping) else {"": self.objective}
        found = dict(batch.counts)
        for name, one in objectives.items():
            of = name or next(iter(found))
            if one.per_row:
                axis = one.axis if one.axis in batch.axes.sequences else next(iter(batch.axes.sequences))
                valid = batch.valid_of(axis).any(axis=1)
                weights = by_name(batch.weights, batch.axes.outputs).get(of)
                found[of] = float(valid.sum() if weights is None else np.asarray(weights, float)[valid].sum())
        return found

    def sum_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, Gradients]:
        """The same as a sum, without regularizers. Raises ShapeError, DTypeError, ConfigError."""
        return self._call(self._summed, batch, through_time, {"regularize": False})

    def run(self, batch: Batch, training: bool = True) -> Run:
        """The outputs for a batch. See `Core.run`."""
        one = self.fed(batch)
        return self.net.run(
            one.x,
            lengths=one.lengths,
            mask=one.mask,
            state=one.state,
            resets=one.resets,
            seed=one.seed if training else None,
            training=training,
        )

    def stream(self, rows: int | None = None, **options: Any) -> Stream:
        """The network step by step. See `Core.stream`."""
        return self.net.stream(rows, **options)

    def fed(self, batch: Batch) -> Batch:
        """The batch with predictions where `batch.truth` is False. See `Core.fed`."""
        return own_output.fed(self.net, batch)

    def decode(self, batch: Batch, **options: Any) -> Decoded:
        """What the network writes for each row. See `Core.decode`."""
        return own_output.decoded(self.net, batch, options)

    def _call(
        self, objective: Any, given: Batch, through_time: Any, options: dict[str, Any]
    ) -> tuple[float, Gradients]:
        batch = self.fed(given)
        return self.net.value_and_grad(
            batch.x,
            batch.targets,
            loss=objective,
            lengths=batch.lengths,
            mask=batch.mask,
            state=batch.state,
            resets=batch.resets,
            weights=batch.weights,
            through_time=through_time,
            input_gradient=False,
            **options,
        )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _valid(batch: Batch, axis: str) -> float:
    return float(batch.valid_of(axis).sum() if axis in batch.masks else batch.lengths_of(axis).sum())


def _summed(objective: Any) -> Any:
    if isinstance(objective, Mapping):
        return {name: _summed(one) for name, one in objective.items()}
    return replace(objective, reduction="sum")
