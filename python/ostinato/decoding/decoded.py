"""What a search finds: hypotheses of each row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt

from ostinato.errors import DTypeError, UnknownItemError, shown

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """Tokens that a network may write.

    `tokens` is (L,) ids, the end included if there is one. `log_prob` is their log-probability, the sum of
    `log_probs` (L,). `score` is what hypotheses are compared by; of a sample, the log-probability of its
    draws. `finished` says whether the last token is the end; others were cut at `max_length`, or had no
    allowed continuation. `alignment` are the weights on the S entries of the row's memory at each token,
    (L, S): those of the step that predicts it. None unless `decode` was called with `alignments`.
    """

    tokens: Ids
    score: float
    log_prob: float
    log_probs: Floats
    finished: bool
    alignment: Floats | None = None

    def __len__(self) -> int:
        return len(self.tokens)


class Decoded(Sequence[list[Hypothesis]]):
    """The hypotheses of each row, the best first; samples in their order.

    It is a sequence of lists: `decoded[n]` has the hypotheses of row n. `tokens`, `scores`, `log_probs`,
    `finished` and `alignments` are those of the first one of each row.
    """

    def __init__(self, rows: Sequence[list[Hypothesis]], with_alignments: bool = False) -> None:
        self._rows = list(rows)
        self._with_alignments = with_alignments

    @property
    def tokens(self) -> list[Ids]:
        """The tokens of each row."""
        return [row[0].tokens for row in self._rows]

    @property
    def scores(self) -> Floats:
        """The score of each row, (N,)."""
        return np.array([row[0].score for row in self._rows], np.float64)

    @property
    def log_probs(self) -> Floats:
        """The log-probability of the tokens of each row, (N,)."""
        return np.array([row[0].log_prob for row in self._rows], np.float64)

    @property
    def finished(self) -> npt.NDArray[np.bool_]:
        """Whether the tokens of each row end with the end, (N,)."""
        return np.array([row[0].finished for row in self._rows], np.bool_)

    @property
    def alignments(self) -> list[Floats] | None:
        """The weights of each row at each of its tokens, (L, S); None if `alignments` was not given."""
        if not self._with_alignments:
            return None
        return [row[0].alignment for row in self._rows if row[0].alignment is not None]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, row: Any) -> Any:
        if isinstance(row, bool) or not isinstance(row, (Integral, slice)):
            raise DTypeError(f"Decoded: row is {shown(row)}; expected an integer or a slice")
        if isinstance(row, Integral) and not -len(self) <= int(row) < len(self):
            raise UnknownItemError(f"Decoded: row is {shown(row)}; there are {len(self)} rows")
        return self._rows[row]

    def __iter__(self) -> Iterator[list[Hypothesis]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        most = max((len(row) for row in self._rows), default=0)
        each = "one hypothesis each" if most == 1 else f"up to {most} hypotheses each"
        return f"Decoded({len(self._rows)} rows, {each})"


def decoded(found: Sequence[Any], with_alignments: bool) -> Decoded:
    """From the arrays of the core."""
    counts, lengths, finished, scores, log_probs, tokens, each, weights = found
    made, stop = [], 0
    facts = zip(
        lengths.tolist(), scores.tolist(), log_probs.tolist(), finished.tolist(),
        _alignments(lengths, weights) if with_alignments else repeat(None), strict=False,
    )  # fmt: skip
    for length, score, log_prob, is_finished, alignment in facts:
        start, stop = stop, stop + length
        made.append(Hypothesis(tokens[start:stop], score, log_prob, each[start:stop], is_finished, alignment))
    of_rows = accumulate(counts.tolist())
    rows = [made[end - count : end] for count, end in zip(counts.tolist(), of_rows, strict=True)]
    return Decoded(rows, with_alignments)


def _alignments(lengths: Ids, weights: tuple[Ids, Floats]) -> Iterator[Floats]:
    """The weights of each hypothesis, (L, S)."""
    entries, values = weights
    stop = 0
    for shape in zip(lengths.tolist(), entries.tolist(), strict=True):
        start, stop = stop, stop + shape[0] * shape[1]
        yield values[start:stop].reshape(shape)
