"""Linear-chain conditional random fields: sequences of tags with scores of transitions."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from ostinato.cell import State
from ostinato.dims import Dim
from ostinato.errors import ConfigError, ShapeError
from ostinato.losses.loss import Loss
from ostinato.namespace import Names
from ostinato.ops import Value, concat, logsumexp, pick, reshape, sum, take, where
from ostinato.sequences.arrays import as_numbers
from ostinato.sequences.batch import read_lengths

MOST_TAGS: Final = 1024
"""The most numbers of a constant of a step."""


class CRF(Loss):
    """-log of the probability of the tags of a row, of which each step counts its own part.

    y are the scores of K tags and those of the transitions between them, (K + K * K,): after the scores of
    the tags, the score of tag j after tag i stands at K + j * K + i. The cell "crf_scores" makes them.
    Targets are the tags, ids below K, which is at most 1024. The probability of a sequence is proportional
    to e to the sum of its scores. The terms of the steps of a row sum to the -log of its probability; each
    alone may be negative.

    Source: Lafferty et al. 2001, "Conditional random fields", section 3, by the forward algorithm.
    """

    name = "crf"
    target: ClassVar[str] = "index"

    def classes(self, width: int) -> int:
        """The number of tags K for outputs of `width` features. Raises ConfigError if none fits."""
        tags = (math.isqrt(1 + 4 * width) - 1) // 2
        if tags < 1 or tags + tags * tags != width:
            more = tags + 1
            raise ConfigError(
                f"loss 'crf': the output has {width} features; expected K + K * K for K tags, such as "
                f"{more + more * more} for {more}, as the cell 'crf_scores' makes them"
            )
        if tags > MOST_TAGS:
            raise ConfigError(
                f"loss 'crf': the output has scores of {tags} tags; expected at most {MOST_TAGS}"
            )
        return tags

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return log-weights of the last tag, its target, and whether a step was read."""
        tags = self.classes(int(size.output))
        return {"alpha": State(tags), "before": State(1), "begun": State(1)}

    def step(self, y: Value, target: Value, state: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return how much the log of the sum over all sequences grows, and the score of the given one."""
        (tags,) = state.alpha.shape
        scores, transitions = y[:tags], reshape(y[tags:], (tags, tags))
        begun = state.begun > 0.5
        own = reshape(pick(np.arange(float(tags)), target), (1,))
        alpha = scores + where(begun, logsumexp(transitions + state.alpha), 0.0)
        grown = logsumexp(alpha)
        # the first step has no transition: it stands at no place, where `take` reads 0
        move = where(begun, int(tags) * (own + 1.0) + state.before, -1.0)
        given = sum(take(y, concat(own, move)))
        return grown - given, {"alpha": alpha - grown, "before": own, "begun": 0.0 * state.begun + 1.0}

    def decode(self, outputs: NDArray[Any], lengths: Any = None) -> list[NDArray[np.int64]]:
        """The most probable tags of each row, by the Viterbi algorithm.

        outputs: (N, T, K + K * K), rows first. lengths: (N,) valid steps, by default all. Raises ShapeError,
        DTypeError, ConfigError.
        """
        scores = as_numbers("decode: outputs", outputs)
        if scores.ndim != 3:
            raise ShapeError(f"decode: outputs is {scores.shape}; expected (N, T, K + K * K)")
        rows, steps, width = scores.shape
        tags = self.classes(width)
        read = read_lengths(lengths, rows, steps, "outputs", "decode: lengths")
        ends = np.full(rows, steps) if read is None else read
        return [
            _best(one[:end, :tags], one[:end, tags:].reshape(-1, tags, tags))
            for one, end in zip(scores, ends, strict=True)
        ]


def _best(scores: NDArray[np.float64], transitions: NDArray[np.float64]) -> NDArray[np.int64]:
    """The tags of one row: scores (T, K), transitions (T, K, K) to and from."""
    if not len(scores):
        return np.zeros(0, np.int64)
    best, origins = scores[0], []
    for one, moves in zip(scores[1:], transitions[1:], strict=True):
        paths = moves + best
        origins.append(paths.argmax(axis=1))
        best = one + paths.max(axis=1)
    tags = [int(best.argmax())]
    for origin in reversed(origins):
        tags.append(int(origin[tags[-1]]))
    return np.array(tags[::-1], np.int64)
