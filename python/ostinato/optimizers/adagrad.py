"""Adagrad."""

from __future__ import annotations

from ostinato.checks import number
from ostinato.ops import Value, sqrt, square
from ostinato.optimizers.decays import decayed
from ostinato.optimizers.groups import Groups
from ostinato.optimizers.optimizer import Optimizer, Scalars, Slots, Updated
from ostinato.optimizers.rate import rate


class Adagrad(Optimizer):
    """Steps scaled by the root of the sum of all squares of the gradient.

        g = grad + weight_decay * param
        v' = v + g^2
        param' = (1 - decoupled_decay) * param - lr / (1 + (count - 1) * lr_decay) * g / (sqrt(v') + eps)

    Source: Duchi et al. 2011, "Adaptive subgradient methods"; the formulas of torch.optim.Adagrad. Decoupled
    decay of Loshchilov and Hutter 2019, not scaled by lr.
    """

    slots = ("square_sum",)
    examples = (
        {},
        {"lr": 0.1, "lr_decay": 0.5, "eps": 0.1},
        {"weight_decay": 0.1, "decoupled_decay": 0.01},
    )

    def __init__(
        self,
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        decoupled_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        """Take `lr`, `lr_decay`, `eps` and decays, all at least 0, options by group; or raise ConfigError."""
        owner = "optimizer 'adagrad'"
        self.lr = rate(owner, lr)
        self.lr_decay = number(owner, "lr_decay", lr_decay, at_least=0)
        self.eps = number(owner, "eps", eps, at_least=0)
        self.weight_decay = number(owner, "weight_decay", weight_decay, at_least=0)
        self.decoupled_decay = number(owner, "decoupled_decay", decoupled_decay, at_least=0, below=1)
        super().__init__(groups)

    def update(self, param: Value, grad: Value, slots: Slots, s: Scalars) -> Updated:
        """Return the new parameter and the sum of squares."""
        g, kept = decayed(self, param, grad)
        v = slots.square_sum + square(g)
        lr = s.lr / (1 + (s.count - 1) * self.lr_decay)
        return kept - lr * g / (sqrt(v) + self.eps), {"square_sum": v}
