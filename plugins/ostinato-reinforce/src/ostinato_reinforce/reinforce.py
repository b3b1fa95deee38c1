"""REINFORCE: the gradient of an expected reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ostinato import Batch, ConfigError, Estimator
from ostinato.strategy import Core, Slopes
from ostinato_reinforce import options
from ostinato_reinforce.mixed import mixed
from ostinato_reinforce.rewards import reward_of, rewards
from ostinato_reinforce.rollouts import Floats, Rollouts

BASELINES = ("leave_one_out", "greedy", "running", "none")


class Reinforce(Estimator):
    """The gradient of the expected reward of what the network writes (Williams 1992).

        grad J = E[(R(y) - b) grad log p(y)],    y drawn K times for each row

    The loss is -J, the mean over the rows; the gradient is that of an ordinary update whose targets are the
    drawn sequences, weighted with the advantage R - b. Regularizers are off in it, as they are when sequences
    are drawn.

    Args:
        reward: "edit" (minus the edit distance to the target, per token of the target), "exact" (1 for the
            target, else 0), or a function (ids, lengths, targets) -> (M,) numbers, called once per batch: ids
            (M, L) int64, the end included and -1 after it; lengths (M,); targets, a list of M arrays of ids.
        end: the id that ends a sequence; None for sequences of `max_length` ids.
        max_length: of the drawn sequences: as in `Network.decode`.
        rollouts: K, the sequences drawn for each row, at most 10,000.
        baseline: b. "leave_one_out", the mean reward of the row's other sequences (Kool et al. 2019);
            "greedy", the reward of the row's most likely ids, step by step (self-critical training, Rennie et
            al. 2017); "running", a mean of earlier batches; "none". None of them depends on y, so all have
            the same mean gradient.
        entropy: beta, the weight of an entropy bonus: R(y) - beta log p(y) in the place of R(y).
        likelihood: alpha, the weight of the trainer's own loss in the sum (Wu et al. 2016, eq. 9); it has the
            regularizers.
        momentum: of the running baseline: b = momentum * b + (1 - momentum) * mean reward.

    Raises ConfigError, DTypeError; NonFiniteError, ShapeError for what a reward returns. An error leaves the
    baseline as it was.
    """

    name = "reinforce"
    samples = True

    examples = (
        {"end": 0, "max_length": 6},
        {"end": 0, "max_length": 6, "baseline": "greedy", "entropy": 0.1},
        {"reward": "exact", "end": None, "max_length": 1, "baseline": "running", "likelihood": 0.5},
        {"end": 0, "max_length": 4, "baseline": "none", "rollouts": 1},
    )

    def __init__(
        self,
        reward: Any = "edit",
        *,
        end: int | None,
        max_length: Any,
        rollouts: int = 5,
        baseline: str = "leave_one_out",
        entropy: float = 0.0,
        likelihood: float = 0.0,
        momentum: float = 0.9,
    ) -> None:
        self.reward, self.end, self.max_length = reward, end, max_length
        self.rollouts, self.baseline = rollouts, baseline
        self.entropy, self.likelihood, self.momentum = entropy, likelihood, momentum
        self._mean: float | None = None
        self._check()

    @property
    def uses_loss(self) -> bool:
        """Whether the loss of the targets has a weight."""
        return self.likelihood != 0

    def estimate(self, core: Core, batch: Batch) -> tuple[float, Slopes]:
        """Return minus the mean reward, plus the weighted loss of the targets; and gradients."""
        self._check()
        owner = self._owner
        drawn = Rollouts.drawn(owner, core, batch, self.rollouts, self.end, self.max_length)
        if not drawn.rows:
            return core.value_and_grad(batch)
        rewarded, greedy = self._rewards(core, drawn)
        advantage = rewarded - self._baselines(rewarded, greedy)
        weights = advantage / advantage.size
        _, slopes = drawn.loss_and_slopes(owner, core, weights)
        mean = float(rewarded.mean())
        found = mixed(core, batch, -mean, slopes, self.likelihood)
        if self.baseline == "running":
            self._mean = (
                mean if self._mean is None else self.momentum * self._mean + (1 - self.momentum) * mean
            )
        return found

    def state_dict(self) -> dict[str, Any]:
        """The running baseline, if there is one."""
        return {} if self._mean is None else {"mean": self._mean}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the running baseline. Raises ConfigError."""
        if not state:
            self._mean = None
        elif self.baseline != "running" or list(state) != ["mean"] or not options.is_number(state["mean"]):
            raise ConfigError(f"{self._owner} keeps no such state; got {dict(state)!r}")
        else:
            self._mean = float(state["mean"])

    def _rewards(self, core: Core, drawn: Rollouts) -> tuple[Floats, Floats | None]:
        """(N, K) rewards of the drawn sequences, and (N,) of the greedy ones, by one call of the reward."""
        found = [one for row in drawn.hypotheses for one in row]
        targets = [target for target in drawn.targets for _ in range(self.rollouts)]
        if self.baseline == "greedy":
            best = core.decode(drawn.batch, end=self.end, max_length=self.max_length, beam=1)
            found += [row[0] for row in best]
            targets += drawn.targets
        given = rewards(
            self._owner, reward_of(self._owner, self.reward), [one.tokens for one in found], targets
        )
        if self.entropy:
            given = given - self.entropy * np.array([one.log_prob for one in found])
        count = drawn.rows * self.rollouts
        own = given[:count].reshape(drawn.rows, self.rollouts)
        return own, given[count:] if self.baseline == "greedy" else None

    def _baselines(self, rewarded: Floats, greedy: Floats | None) -> Any:
        if greedy is not None:
            return greedy[:, None]
        if self.baseline == "leave_one_out":
            return (rewarded.sum(1, keepdims=True) - rewarded) / (self.rollouts - 1)
        return 0.0 if self._mean is None else self._mean

    @property
    def _owner(self) -> str:
        return f"estimator {self.name!r}"

    def _check(self) -> None:
        """The options are read at each update, and may be set in between. Raises ConfigError, DTypeError."""
        owner = self._owner
        reward_of(owner, self.reward)
        least = 2 if self.baseline == "leave_one_out" else 1
        options.whole(
            owner, "rollouts", self.rollouts, least, " with baseline='leave_one_out'" * (least == 2)
        )
        if self.baseline not in BASELINES:
            raise ConfigError(
                f"{owner}: baseline is {self.baseline!r}; expected one of {', '.join(map(repr, BASELINES))}"
            )
        for name in ("entropy", "likelihood"):
            options.number(owner, name, getattr(self, name))
        options.number(owner, "momentum", self.momentum, below=1.0)
        if self.momentum != 0.9 and self.baseline != "running":
            raise ConfigError(f"{owner}: momentum is {self.momentum!r} without baseline='running'; omit it")
