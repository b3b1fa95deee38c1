"""Stochastic gradient descent."""

from __future__ import annotations

from ostinato.checks import flag, number
from ostinato.errors import ConfigError
from ostinato.ops import Value
from ostinato.optimizers.optimizer import Optimizer, Slots


class SGD(Optimizer):
    """Gradient descent with momentum.

        g = grad + weight_decay * param
        v' = momentum * v + g
        param' = param - lr * v'                       nesterov: param - lr * (g + momentum * v')

    Source: the formulas of torch.optim.SGD (without dampening); Nesterov form of Sutskever et al. 2013.
    """

    slots = ("velocity",)

    def __init__(
        self, lr: float, *, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
    ) -> None:
        """Take `lr`, `momentum` and `weight_decay`, all at least 0; raise ConfigError otherwise."""
        owner = "optimizer 'sgd'"
        self.lr = number(owner, "lr", lr, at_least=0)
        self.momentum = number(owner, "momentum", momentum, at_least=0)
        self.nesterov = flag(owner, "nesterov", nesterov)
        self.weight_decay = number(owner, "weight_decay", weight_decay, at_least=0)
        if self.nesterov and self.momentum == 0:
            raise ConfigError(f"{owner}: nesterov needs momentum above 0; got momentum {momentum!r}")

    def update(self, param: Value, grad: Value, slots: Slots, count: int) -> tuple[Value, Slots]:
        """Return the new parameter and velocity."""
        # Nothing is added without decay: 0 * inf would be a NaN.
        g = grad + self.weight_decay * param if self.weight_decay else grad
        v = self.momentum * slots["velocity"] + g
        direction = g + self.momentum * v if self.nesterov else v
        return param - self.lr * direction, {"velocity": v}
