"""Lookahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato import SGD, Adam, ConfigError, Optimizer
from ostinato.ops import Value, equal, where
from ostinato_optimizers.adafactor import Adafactor
from ostinato_optimizers.lamb import LAMB
from ostinato_optimizers.lars import LARS
from ostinato_optimizers.lion import Lion
from ostinato_optimizers.numbers import number


class Lookahead(Optimizer):
    """Another optimizer, which every k steps goes back to a slow copy of the parameters and moves that.

        fast = param after a step of the other optimizer
        every k steps: slow' = slow + alpha * (fast - slow); param' = slow'
        else: slow' = slow; param' = fast

    The slow copy starts at the parameters before the first step. lr: the other optimizer's, at least 0. base:
    its name, a key of `bases`; base_options: its options. k: a whole number from 1. alpha: in 0..1. For an
    optimizer of your own, derive a class with other `bases`; its equation may use `lr` and `count` of s.
    Source: Zhang et al. 2019, "Lookahead optimizer: k steps forward, 1 step back", algorithm 1.
    """

    name = "lookahead"
    bases: ClassVar[Mapping[str, type[Optimizer]]] = {
        "adam": Adam,
        "sgd": SGD,
        "lion": Lion,
        "lamb": LAMB,
        "lars": LARS,
        "adafactor": Adafactor,
    }
    examples = (
        {},
        {"lr": 0.1, "base": "sgd", "base_options": {"momentum": 0.9}, "k": 2, "alpha": 0.8},
        {"lr": 0.1, "base": "adafactor", "k": 2},
    )

    def __init__(
        self,
        lr: float = 1e-3,
        *,
        base: str = "adam",
        base_options: Mapping[str, Any] | None = None,
        k: int = 5,
        alpha: float = 0.5,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.lr = number("lookahead", "lr", lr)
        if not isinstance(base, str) or base not in self.bases:
            raise ConfigError(
                f"optimizer 'lookahead': base is {base!r}; expected one of {', '.join(self.bases)}"
            )
        if base_options is not None and not isinstance(base_options, Mapping):
            raise ConfigError(
                f"optimizer 'lookahead': base_options is {base_options!r}; expected a dict of {base!r}'s"
            )
        for option in ("lr", "groups"):
            if base_options and option in base_options:
                raise ConfigError(
                    f"optimizer 'lookahead': base_options has {option!r}; give {option}= to lookahead"
                )
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ConfigError(f"optimizer 'lookahead': k is {k!r}; expected a whole number from 1")
        self.base, self.base_options, self.k = base, dict(base_options or {}), k
        self.alpha = number("lookahead", "alpha", alpha, most=1)
        if tuple(self.inner.scalars) != ("lr",):
            raise ConfigError(
                f"optimizer 'lookahead': {base!r} has the scalars {', '.join(self.inner.scalars)}; expected "
                "lr alone"
            )
        super().__init__(groups)

    @property
    def inner(self) -> Optimizer:
        """The other optimizer. Its learning rate is the one of this."""
        made: tuple[Any, Optimizer] | None = self.__dict__.get("_inner")
        chosen = self.base, self.base_options
        if made is None or made[0] != chosen:
            base: Any = self.bases[self.base]
            made = chosen, base(lr=self.lr, **self.base_options)
            self.__dict__["_inner"] = made
        return made[1]

    def slots_of(self, shape: tuple[int, ...]) -> Mapping[str, str]:
        """Those of the other optimizer, and the slow copy."""
        return {**self.inner.slots_of(shape), "slow": "param"}

    def update(self, param: Value, grad: Value, slots: Any, s: Any) -> tuple[Value, dict[str, Value]]:
        """Return the new parameter, the other optimizer's slots and the slow copy."""
        fast, new = self.inner.update(param, grad, slots, s)
        turn = equal(s.count % self.k, 0.0)
        slow = where(turn, slots.slow + self.alpha * (fast - slots.slow), slots.slow)
        return where(turn, slow, fast), {**new, "slow": slow}
