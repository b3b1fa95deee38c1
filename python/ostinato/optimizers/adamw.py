"""Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ostinato.checks import number
from ostinato.ops import Value
from ostinato.optimizers.adam import Adam
from ostinato.optimizers.groups import Groups
from ostinato.optimizers.optimizer import Scalars, Slots, Updated


class AdamW(Adam):
    """Adam, and a decay of the parameters that is scaled by lr and not by the gradients.

        param' = param - lr * weight_decay * param - lr * d          d as in Adam, without its decays

    Source: Loshchilov and Hutter 2019, algorithm 2; it is torch.optim.AdamW.
    """

    name = "adamw"
    examples: ClassVar[Sequence[Mapping[str, Any]]] = (
        {},
        {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1, "weight_decay": 0.3},
        {"weight_decay": 0.0},
    )

    def __init__(
        self,
        lr: float = 1e-3,
        *,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        groups: Groups | None = None,
    ) -> None:
        """Take `lr`, `eps`, `weight_decay` from 0, `betas` in 0..1, or raise ConfigError."""
        super().__init__(lr, betas=betas, eps=eps, groups=groups)
        self.weight_decay = number("optimizer 'adamw'", "weight_decay", weight_decay, at_least=0)

    def update(self, param: Value, grad: Value, slots: Slots, s: Scalars) -> Updated:
        """Return the new parameter and running means."""
        # Nothing is multiplied without decay: 0 * inf would be a NaN.
        kept = param - s.lr * self.weight_decay * param if self.weight_decay else param
        return self._stepped(kept, grad, slots, s)
