"""Penalties: how hypotheses of different lengths are compared."""

from __future__ import annotations

from typing import ClassVar

from ostinato import checks


class Penalty:
    """How the log-probability of a hypothesis and its length make its score. The length counts the end.

    `LengthNorm`, `Wu` and `TokenReward` are penalties. With each of them a search is exact: it ends when no
    hypothesis that goes on can still reach the best ones.
    """

    kind: ClassVar[str]
    """The name of the penalty in the core."""
    coverage: float = 0.0
    """The factor of the coverage of the memory's entries."""

    def __init__(self, argument: str, value: float, *, low: float | None = None) -> None:
        self._argument = argument
        self.value = checks.number(type(self).__name__, argument, value, at_least=low)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._argument}={self.value})"


class LengthNorm(Penalty):
    """score = log-probability / length^power: with power 1, the mean of the log-probabilities.

    power: 0 does not change the order; a larger one favors longer hypotheses. Raises ConfigError.
    """

    kind = "length"

    def __init__(self, power: float = 1.0) -> None:
        super().__init__("power", power)


class Wu(Penalty):
    """score = log-probability / ((5 + length) / 6)^alpha + beta * coverage (Wu et al. 2016, eq. 14).

    The coverage is the sum of log(min(a_s, 1)) over the entries s of the row's memory, where a_s is the sum
    of the weights of entry s over all tokens: it is 0 if every entry got attention, and smaller otherwise. An
    entry whose weights are exactly 0 gives -inf. The weights are those of `decode(alignments=...)`.

    alpha: usually 0.6 to 1. beta: usually 0 to 0.4, at least 0. Raises ConfigError.
    """

    kind = "wu"

    def __init__(self, alpha: float = 0.6, beta: float = 0.0) -> None:
        super().__init__("alpha", alpha)
        self.coverage = checks.number("Wu", "beta", beta, at_least=0)

    def __repr__(self) -> str:
        return f"Wu(alpha={self.value}, beta={self.coverage})"


class TokenReward(Penalty):
    """score = log-probability + each * length (He et al. 2016, the word reward).

    each: a reward for each token; negative ones favor short hypotheses. Raises ConfigError.
    """

    kind = "reward"

    def __init__(self, each: float) -> None:
        super().__init__("each", each)
