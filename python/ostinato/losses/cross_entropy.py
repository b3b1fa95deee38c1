"""Cross-entropy of logits with an id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, ShapeError, shown
from ostinato.losses.loss import Loss
from ostinato.ops import Value, dot, logsumexp, mean, pick


class CrossEntropy(Loss):
    """-log softmax(y)[target], in nats: logsumexp(y) - y[target].

    y (V,) are logits, target is an id from 0 to V - 1. It is -sum_i t_i log p_i with t one-hot.

    label_smoothing: s from 0, below 1. t is then 1 - s for the id plus s / V for every id, so that no logit
    has to grow without bound. class_weight: V numbers, 0 or 1e-18 to 1e18, at most 1024 of
    them, not all 0; the term of class i is multiplied by class_weight[i]. A mean is over the steps, and not
    divided by these weights. ignore: an id, such as -100, that stands for no target: such a step has the
    weight 0, and is not read.
    Raises ConfigError; ShapeError for another number of weights than of logits.
    Source: Szegedy et al. 2016, "Rethinking the inception architecture for computer vision", section 7.
    """

    name = "cross_entropy"
    target: ClassVar[str] = "index"
    examples = ({}, {"label_smoothing": 0.1}, {"ignore": -100})

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        class_weight: Sequence[float] | None = None,
        ignore: int | None = None,
    ) -> None:
        """Choose the share of the target that all ids have, the weights of ids, and the id of no target."""
        owner = "loss 'cross_entropy'"
        self.label_smoothing = checks.number(owner, "label_smoothing", label_smoothing, at_least=0, below=1)
        self.class_weight = None if class_weight is None else _weights(owner, class_weight)
        self.ignore = None if ignore is None else checks.whole(owner, "ignore", ignore, at_least=-(2**31))

    def step(self, y: Value, target: Value) -> Value:
        """Return the loss of one step, at least 0."""
        share, given = self.label_smoothing, self.class_weight
        loss = logsumexp(y) - pick(y, target)
        if given is None:
            return loss if not share else logsumexp(y) - (1 - share) * pick(y, target) - share * mean(y)
        if y.shape != (len(given),):
            raise ShapeError(
                f"loss 'cross_entropy': class_weight has {len(given)} weights; the output has {y.shape[0]} "
                "logits"
            )
        weights = np.array(given)
        loss = pick(weights, target) * loss
        if not share:
            return loss
        every = float(weights.sum()) * logsumexp(y) - dot(weights, y)
        return (1 - share) * loss + share / len(given) * every


def _weights(owner: str, given: object) -> tuple[float, ...]:
    """Weights of classes. Raises ConfigError."""
    if not isinstance(given, (Sequence, np.ndarray)) or isinstance(given, (str, bytes, bytearray)):
        raise ConfigError(f"{owner}: class_weight is {shown(given)}; expected a number for each class")
    if getattr(given, "ndim", 1) == 0 or not len(given):
        raise ConfigError(f"{owner}: class_weight is {shown(given)}; expected a number for each class")
    made = tuple(checks.weight(owner, f"class_weight[{n}]", one) for n, one in enumerate(given))
    if not any(made):
        raise ConfigError(
            f"{owner}: class_weight is {shown(given)}, so each step has the weight 0; expected a "
            "number above 0"
        )
    return made
