"""Minimum risk training: the expected loss over a set of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Batch, Estimator
from ostinato.strategy import Core, Slopes
from ostinato_reinforce import options
from ostinato_reinforce.mixed import mixed
from ostinato_reinforce.rewards import reward_of, rewards
from ostinato_reinforce.rollouts import Floats, Rollouts


class MinimumRisk(Estimator):
    """The gradient of the risk over the distinct sequences that are drawn (Shen et al. 2016, eq. 8-10).

        Q(y) = p(y)^a / sum of p(y')^a over the set,    risk = sum of Q(y) * -reward(y)

    The loss is the mean risk over the rows. Its gradient is that of an ordinary update on the sequences with
    the weights -a Q(y) (-reward(y) - risk). Regularizers are off in it, as they are when sequences are drawn.

    Args:
        reward, end, max_length, likelihood: as in `Reinforce`. The reward is called once per batch, for the
            distinct sequences only.
        rollouts: the sequences drawn for each row, at most 10,000; equal ones count once.
        sharpness: a, above 0; a small one makes the distribution flat. With 1 and all sequences in the set,
            the risk is the expected loss.

    Raises ConfigError, DTypeError; NonFiniteError, ShapeError for what a reward returns.
    """

    name = "minimum_risk"
    samples = True

    examples = (
        {"end": 0, "max_length": 6, "rollouts": 8},
        {"end": 0, "max_length": 6, "sharpness": 1.0, "likelihood": 0.5},
    )

    def __init__(
        self,
        reward: Any = "edit",
        *,
        end: int | None,
        max_length: Any,
        rollouts: int = 20,
        sharpness: float = 5e-3,
        likelihood: float = 0.0,
    ) -> None:
        self.reward, self.end, self.max_length = reward, end, max_length
        self.rollouts, self.sharpness, self.likelihood = rollouts, sharpness, likelihood
        self._check()

    @property
    def uses_loss(self) -> bool:
        """Whether the loss of the targets has a weight."""
        return self.likelihood != 0

    def estimate(self, core: Core, batch: Batch) -> tuple[float, Slopes]:
        """Return the mean risk, plus the weighted loss of the targets; and gradients."""
        self._check()
        owner = f"estimator {self.name!r}"
        drawn = Rollouts.drawn(owner, core, batch, self.rollouts, self.end, self.max_length)
        if not drawn.rows:
            return core.value_and_grad(batch)
        first = drawn.first_of_equal()
        tokens = [drawn.hypotheses[row][place].tokens for row, place in np.argwhere(first)]
        targets = [drawn.targets[row] for row, _ in np.argwhere(first)]
        losses = np.zeros(first.shape)
        losses[first] = -rewards(owner, reward_of(owner, self.reward), tokens, targets)
        risks, weights = risk(np.where(first, drawn.log_probs, -np.inf), losses, self.sharpness)
        _, slopes = drawn.loss_and_slopes(owner, core, weights / drawn.rows)
        return mixed(core, batch, float(risks.mean()), slopes, self.likelihood)

    def _check(self) -> None:
        """The options are read at each update, and may be set in between. Raises ConfigError, DTypeError."""
        owner = f"estimator {self.name!r}"
        reward_of(owner, self.reward)
        options.whole(owner, "rollouts", self.rollouts, 2)
        options.number(owner, "sharpness", self.sharpness, above=0.0)
        options.number(owner, "likelihood", self.likelihood)


def risk(log_probs: Floats, losses: Floats, sharpness: float) -> tuple[Floats, Floats]:
    """(N,) the risk of each row, and (N, K) the weights of -log p whose gradient is that of the risk.

    log_probs, losses: (N, K); sequences with the log-probability -inf are not in the set.
    """
    scaled = sharpness * log_probs
    shares = np.exp(scaled - scaled.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    risks = (shares * losses).sum(1)
    return risks, -sharpness * shares * (losses - risks[:, None])
