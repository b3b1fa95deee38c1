"""The classification of gradient flow, with usual remedies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ostinato.sequences.arrays import Array

# Beyond a factor of a thousand, either only the first steps learn, or all but the first.
FACTOR: Final = 1e3

REMEDIES: Final = {
    "vanishing": (
        "a gated cell: LSTM (its forget bias starts at 1) or GRU",
        "an orthogonal or identity start of the recurrent weights: init={'weight_hh_l*': 'orthogonal'}",
        "relu or identity in place of tanh in a plain RNN, with the recurrent weights near the identity",
        "residual=True in a deep stack; that helps through layers, not through time",
    ),
    "exploding": (
        "clip the norm of the gradient: ost.clip_norm, with max_norm from 1 to 5",
        "a smaller gain of the recurrent weights; see ost.analysis.spectral",
        "a lower learning rate, and weight decay on the recurrent weights",
    ),
    "steady": (),
    "unknown": (),
}


@dataclass(frozen=True)
class Verdict:
    """`word` is vanishing, exploding, steady or unknown; `text` is the whole sentence."""

    word: str
    ratio: float
    """The norm at the first step divided by the norm at the last step that has a gradient."""
    steps: int
    """Steps between the two."""
    text: str
    remedies: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.text, *(f"  - {remedy}" for remedy in self.remedies)])


def judge(norms: Array, last_only: bool) -> Verdict:
    """The verdict on norms (T,) by step. `last_only`: the loss depends on the last step only."""
    hint = (
        ""
        if last_only
        else " (each step has its own loss; d_outputs at the last alone shows how far that reaches)"
    )
    if not np.isfinite(norms).all():
        text = f"exploding: not finite within {len(norms)} steps{hint}"
        return Verdict("exploding", float("inf"), len(norms) - 1, text, REMEDIES["exploding"])
    present = np.flatnonzero(norms)
    steps = int(present[-1]) if present.size else 0
    if steps == 0:
        text = "unknown: no state has a gradient in two steps"
        return Verdict("unknown", float("nan"), 0, text, REMEDIES["unknown"])
    ratio = float(norms[0] / norms[steps])
    word = "vanishing" if ratio < 1 / FACTOR else "exploding" if ratio > FACTOR else "steady"
    return Verdict(word, ratio, steps, f"{word}: {_short(ratio)} after {steps} steps{hint}", REMEDIES[word])


def _short(ratio: float) -> str:
    """`0.35`, or `1e-9` if that is shorter."""
    if 0.01 <= ratio < 100:
        return f"{ratio:.2g}"
    digit, _, exponent = f"{ratio:.0e}".partition("e")
    return f"{digit}e{int(exponent)}"
