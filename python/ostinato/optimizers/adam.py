"""Adam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ostinato.checks import number
from ostinato.errors import ConfigError, shown
from ostinato.ops import Value, sqrt, square
from ostinato.optimizers.decays import decayed
from ostinato.optimizers.groups import Groups
from ostinato.optimizers.optimizer import Optimizer, Scalars, Slots, Updated
from ostinato.optimizers.rate import rate
from ostinato.optimizers.slots import SlotForms


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square.

        g = grad + weight_decay * param
        m' = beta1 * m + (1 - beta1) * g
        v' = beta2 * v + (1 - beta2) * g^2
        d = m' / (1 - beta1^t) / (sqrt(v' / (1 - beta2^t)) + eps)
        param' = (1 - decoupled_decay) * param - lr * d

    Source: Kingma and Ba 2015, algorithm 1; weight decay is added to the gradient, as in torch.optim.Adam.
    Decoupled decay (Loshchilov and Hutter 2019) is not scaled by lr: it is torch.optim.AdamW's at lr *
    weight_decay.
    """

    slots: ClassVar[Sequence[str] | SlotForms] = ("mean", "mean_square")
    examples: ClassVar[Sequence[Mapping[str, Any]]] = (
        {},
        {"lr": 0.1, "betas": (0.5, 0.75), "eps": 0.1},
        {"weight_decay": 0.1, "decoupled_decay": 0.01},
    )

    def __init__(
        self,
        lr: float = 1e-3,
        *,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        """Take `lr`, `eps`, decays of at least 0, `betas` in 0..1, options by group; or raise ConfigError."""
        owner = f"optimizer {shown(self.name)}"
        self.lr = rate(owner, lr)
        if not isinstance(betas, Sequence) or len(betas) != 2:
            raise ConfigError(f"{owner}: betas is {shown(betas)}; expected two numbers")
        self.betas = tuple(
            number(owner, f"betas[{i}]", one, at_least=0, below=1) for i, one in enumerate(betas)
        )
        self.eps = number(owner, "eps", eps, at_least=0)
        self.weight_decay = number(owner, "weight_decay", weight_decay, at_least=0)
        self.decoupled_decay = number(owner, "decoupled_decay", decoupled_decay, at_least=0, below=1)
        super().__init__(groups)

    def update(self, param: Value, grad: Value, slots: Slots, s: Scalars) -> Updated:
        """Return the new parameter and running means."""
        g, kept = decayed(self, param, grad)
        return self._stepped(kept, g, slots, s)

    def _stepped(self, kept: Value, g: Value, slots: Slots, s: Scalars) -> Updated:
        """The update without decays."""
        beta1, beta2 = self.betas
        m = beta1 * slots.mean + (1 - beta1) * g
        v = beta2 * slots.mean_square + (1 - beta2) * square(g)
        scale = sqrt(v) * (1 - beta2**s.count) ** -0.5 + self.eps
        return kept - s.lr / (1 - beta1**s.count) * m / scale, {"mean": m, "mean_square": v}
