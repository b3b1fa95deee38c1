"""RMSprop."""

from __future__ import annotations

from ostinato.checks import flag, number
from ostinato.ops import Value, sqrt, square
from ostinato.optimizers.decays import decayed
from ostinato.optimizers.groups import Groups
from ostinato.optimizers.optimizer import Optimizer, Scalars, Slots, Updated
from ostinato.optimizers.rate import rate


class RMSprop(Optimizer):
    """Steps scaled by a running mean of the square of the gradient.

        g = grad + weight_decay * param
        v' = alpha * v + (1 - alpha) * g^2
        d = g / (sqrt(v') + eps)
        b' = momentum * b + d
        param' = (1 - decoupled_decay) * param - lr * b'

    With `centered`, v is the running variance, v' = alpha * (v + (1 - alpha) * (g - m)^2), with the running
    mean m' = alpha * m + (1 - alpha) * g. This is the mean square less m'^2, computed without cancellation.

    Source: Tieleman and Hinton 2012, lecture 6e; the formulas of torch.optim.RMSprop. Decoupled decay
    of Loshchilov and Hutter 2019, not scaled by lr.
    """

    slots = ("mean_square", "mean", "velocity")
    examples = (
        {},
        {"lr": 0.1, "alpha": 0.5, "eps": 0.1, "momentum": 0.9},
        {"centered": True, "weight_decay": 0.1, "decoupled_decay": 0.01},
    )

    def __init__(
        self,
        lr: float = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
        decoupled_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        """Take `lr`, `eps`, `momentum` and decays from 0, `alpha` in 0..1; or raise ConfigError."""
        owner = "optimizer 'rmsprop'"
        self.lr = rate(owner, lr)
        self.alpha = number(owner, "alpha", alpha, at_least=0, below=1)
        self.eps = number(owner, "eps", eps, at_least=0)
        self.momentum = number(owner, "momentum", momentum, at_least=0)
        self.centered = flag(owner, "centered", centered)
        self.weight_decay = number(owner, "weight_decay", weight_decay, at_least=0)
        self.decoupled_decay = number(owner, "decoupled_decay", decoupled_decay, at_least=0, below=1)
        super().__init__(groups)

    def update(self, param: Value, grad: Value, slots: Slots, s: Scalars) -> Updated:
        """Return the new parameter and running values."""
        g, kept = decayed(self, param, grad)
        v, m, b = slots.mean_square, slots.mean, slots.velocity
        if self.centered:
            v = self.alpha * (v + (1 - self.alpha) * square(g - m))
            m = self.alpha * m + (1 - self.alpha) * g
        else:
            v = self.alpha * v + (1 - self.alpha) * square(g)
        step = g / (sqrt(v) + self.eps)
        if self.momentum > 0:
            step = b = self.momentum * b + step
        return kept - s.lr * step, {"mean_square": v, "mean": m, "velocity": b}
