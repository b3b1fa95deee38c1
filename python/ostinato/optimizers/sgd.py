"""Stochastic gradient descent."""

from __future__ import annotations

from ostinato.checks import flag, number
from ostinato.errors import ConfigError, shown
from ostinato.ops import Value
from ostinato.optimizers.decays import decayed
from ostinato.optimizers.groups import Groups
from ostinato.optimizers.optimizer import Optimizer, Scalars, Slots, Updated
from ostinato.optimizers.rate import rate


class SGD(Optimizer):
    """Gradient descent with momentum.

        g = grad + weight_decay * param
        v' = momentum * v + g
        d = v'                                          nesterov: g + momentum * v'
        param' = (1 - decoupled_decay) * param - lr * d

    Source: the formulas of torch.optim.SGD (without dampening); Nesterov form of Sutskever et al. 2013;
    decoupled decay of Loshchilov and Hutter 2019, not scaled by lr.
    """

    slots = ("velocity",)
    examples = (
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"lr": 0.1, "decoupled_decay": 0.01},
    )

    def __init__(
        self,
        lr: float,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decoupled_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        """Take `lr`, `momentum` and decays, all at least 0, options by group; or raise ConfigError."""
        owner = "optimizer 'sgd'"
        self.lr = rate(owner, lr)
        self.momentum = number(owner, "momentum", momentum, at_least=0)
        self.nesterov = flag(owner, "nesterov", nesterov)
        self.weight_decay = number(owner, "weight_decay", weight_decay, at_least=0)
        self.decoupled_decay = number(owner, "decoupled_decay", decoupled_decay, at_least=0, below=1)
        if self.nesterov and self.momentum == 0:
            raise ConfigError(f"{owner}: nesterov needs momentum above 0; got momentum {shown(momentum)}")
        super().__init__(groups)

    def update(self, param: Value, grad: Value, slots: Slots, s: Scalars) -> Updated:
        """Return the new parameter and velocity."""
        g, kept = decayed(self, param, grad)
        if self.momentum == 0:
            return kept - s.lr * g, {"velocity": slots.velocity}
        v = self.momentum * slots.velocity + g
        direction = g + self.momentum * v if self.nesterov else v
        return kept - s.lr * direction, {"velocity": v}
