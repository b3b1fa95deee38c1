"""What a network draws for the rows of a batch, and the update that weights it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ostinato import Batch, ConfigError, Hypothesis, Sample
from ostinato.strategy import Core, Slopes

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

# The loss of float32 networks is a sum of some thousand rounded terms: far below this share of their sizes.
ROUNDING = 1e-3


@dataclass(frozen=True, eq=False)
class Rollouts:
    """K sequences that the network drew for each of N rows.

    batch: the rows, those without a step left out. hypotheses: N lists of K. targets: the true ids of each
    row.
    """

    batch: Batch
    hypotheses: list[list[Hypothesis]]
    targets: list[Ids]

    @classmethod
    def drawn(
        cls, owner: str, core: Core, batch: Batch, count: int, end: int | None, max_length: Any
    ) -> Rollouts:
        """Draw `count` sequences for each row, by the probabilities of the network. The seed is the batch's.

        Raises ConfigError for a batch with weights, or of a network that is not fed its output.
        """
        if batch.weights is not None:
            raise ConfigError(
                f"{owner}: weights are those of steps of the targets, and a drawn sequence has others; "
                "omit them"
            )
        batch_rows, _ = batch.fed_shape
        assert batch.axes.fed is not None
        axis = batch.axes.inputs[batch.axes.fed]
        places = np.arange(batch_rows) if batch.places is None else batch.places
        (rows,) = np.nonzero(batch.lengths_of(axis))
        part = batch.replace(places=places, truth=None, sample=None).take(rows)
        if not len(rows):
            return cls(part, [], [])
        found = core.decode(part, end=end, max_length=max_length, sample=Sample(count, seed=batch.seed or 0))
        return cls(
            part, list(found), [one.astype(np.int64) for one in part.listed(_only(part.targets), axis)]
        )

    @property
    def rows(self) -> int:
        """N."""
        return len(self.hypotheses)

    @property
    def log_probs(self) -> Floats:
        """(N, K) the log-probability of each sequence."""
        return np.array([[one.log_prob for one in row] for row in self.hypotheses], np.float64)

    def first_of_equal(self) -> NDArray[np.bool_]:
        """(N, K) False for a sequence that an earlier one of its row equals."""
        found = np.zeros((self.rows, len(self.hypotheses[0])), bool)
        for row, own in enumerate(self.hypotheses):
            seen: set[bytes] = set()
            for place, one in enumerate(own):
                key = one.tokens.tobytes()
                found[row, place] = key not in seen
                seen.add(key)
        return found

    def loss_and_slopes(self, owner: str, core: Core, weights: Floats) -> tuple[float, Slopes]:
        """`sum w * -log p` over the sequences, weights (N, K), and its gradients: one ordinary update.

        Sequences with the weight 0 are left out. Raises ConfigError for a loss that is not -log p.
        """
        chosen = [
            (row, one, weight)
            for row, (own, factors) in enumerate(zip(self.hypotheses, weights, strict=True))
            for one, weight in zip(own, factors, strict=True)
            if weight and len(one)
        ]
        batch = _taught(self.batch, chosen)
        value, slopes = core.sum_and_grad(batch)
        each = np.array([-weight * one.log_prob for _, one, weight in chosen], np.float64)
        if abs(value - each.sum()) > ROUNDING * max(np.abs(each).sum(), ROUNDING):
            raise ConfigError(
                f"{owner}: the loss of the drawn sequences is {value:.6g}, and minus their weighted "
                f"log-probability {each.sum():.6g}; expected Trainer(..., loss='cross_entropy')"
            )
        return value, slopes


def _only(value: Any) -> Any:
    """The part of the only output."""
    return next(iter(value.values())) if isinstance(value, dict) else value


def _taught(batch: Batch, chosen: Sequence[tuple[int, Hypothesis, float]]) -> Batch:
    """The batch of teacher forcing whose targets are the sequences, each step with its weight."""
    name = batch.axes.fed
    assert name is not None
    axis = batch.axes.inputs[name]
    several = isinstance(batch.x, dict)
    firsts = [row[0] for row in batch.listed(batch.x[name] if several else batch.x, axis)]
    (rows_of, written, factors) = zip(*chosen, strict=True) if chosen else ((), (), ())
    steps = np.array([len(one) for one in written], np.int64)
    used = np.arange(steps.max(initial=0)) < steps[:, None]
    inputs, targets = np.zeros(used.shape, np.int64), np.zeros(used.shape, np.int64)
    targets[used] = np.concatenate([np.zeros(0, np.int64), *(one.tokens for one in written)])
    inputs[:, :1] = np.array([firsts[row] for row in rows_of], np.int64)[:, None]
    inputs[:, 1:] = targets[:, :-1]
    weights = used * np.array(factors, np.float64)[:, None]
    rows = batch.take(np.array(rows_of, np.int64))

    def laid(array: Any) -> Any:
        return array if batch.batch_first else array.T

    x = {**rows.x, name: laid(inputs)} if several else laid(inputs)
    lengths: Any = steps
    if len(batch.axes.sequences) > 1:
        lengths = {**(rows.lengths or {}), axis: steps}
    return rows.replace(x=x, targets=laid(targets), weights=laid(weights), lengths=lengths)
