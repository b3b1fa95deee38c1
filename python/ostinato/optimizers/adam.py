"""Adam."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ostinato.checks import number
from ostinato.errors import ConfigError
from ostinato.ops import Value, sqrt, square
from ostinato.optimizers.optimizer import Optimizer, Slots


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

        g = grad + weight_decay * param
        m' = beta1 * m + (1 - beta1) * g
        v' = beta2 * v + (1 - beta2) * g^2
        param' = param - lr / (1 - beta1^t) * m' / (sqrt(v') / sqrt(1 - beta2^t) + eps)

    Source: Kingma and Ba 2015, algorithm 1; weight decay is added to the gradient, as in torch.optim.Adam.
    """

    slots = ("mean", "mean_square")

    def __init__(
        self,
        lr: float = 1e-3,
        *,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        """Take `lr`, `eps`, `weight_decay` of at least 0, `betas` in 0..1; else raise ConfigError."""
        owner = "optimizer 'adam'"
        self.lr = number(owner, "lr", lr, at_least=0)
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise ConfigError(f"{owner}: betas is {betas!r}; expected two numbers")
        self.betas = tuple(
            number(owner, f"betas[{i}]", one, at_least=0, below=1) for i, one in enumerate(betas)
        )
        self.eps = number(owner, "eps", eps, at_least=0)
        self.weight_decay = number(owner, "weight_decay", weight_decay, at_least=0)

    def update(self, param: Value, grad: Value, slots: Slots, count: int) -> tuple[Value, Slots]:
        """Return the new parameter and running means."""
        beta1, beta2 = self.betas
        # Nothing is added without decay: 0 * inf would be a NaN.
        g = grad + self.weight_decay * param if self.weight_decay else grad
        m = beta1 * slots["mean"] + (1 - beta1) * g
        v = beta2 * slots["mean_square"] + (1 - beta2) * square(g)
        scale = sqrt(v) / math.sqrt(1 - beta2**count) + self.eps
        return param - self.lr / (1 - beta1**count) * m / scale, {"mean": m, "mean_square": v}
