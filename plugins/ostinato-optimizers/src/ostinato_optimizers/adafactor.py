"""Adafactor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ostinato import ConfigError, Optimizer
from ostinato.ops import Value, column, maximum, minimum, row, sqrt, square, whole
from ostinato_optimizers.numbers import number, pair


class Adafactor(Optimizer):
    """Steps scaled by mean squares of which a matrix has one for each row and column, not for each number.

        w = t^beta2_decay
        r' = r + w * (mean of grad^2 over a row - r)                a vector: v' = v + w * (grad^2 - v)
        c' = c + w * (mean of grad^2 over a column - c)
        d = grad / max(sqrt(r' * c' / mean(r')), eps[0])
        param' = (1 - decoupled_decay) * param
                 - min(lr, t^-0.5) * max(eps[1], rms(param)) / max(1, rms(d) / d_max) * d

    lr, eps: at least 0. beta2_decay: at most 0. d_max: at least 1; no step has a larger rms, before it is
    scaled. decoupled_decay: in 0..1, not scaled by lr: it is torch.optim.Adafactor's at lr * weight_decay.
    The last axis of a parameter counts its columns, all others its rows. Source: Shazeer and Stern 2018,
    "Adafactor: adaptive learning rates with sublinear memory cost", algorithms 4 and 5, as in
    torch.optim.Adafactor.
    """

    name = "adafactor"
    examples = (
        {},
        {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-3, 0.1), "d_max": 2.0, "decoupled_decay": 0.01},
    )

    def __init__(
        self,
        lr: float = 1e-2,
        *,
        beta2_decay: float = -0.8,
        eps: Sequence[float] = (2.0**-23, 1e-3),
        d_max: float = 1.0,
        decoupled_decay: float = 0.0,
        groups: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.lr = number("adafactor", "lr", lr)
        if number("adafactor", "beta2_decay", beta2_decay, least=-1e6) > 0:
            raise ConfigError(f"optimizer 'adafactor': beta2_decay is {beta2_decay!r}; expected at most 0")
        self.beta2_decay = float(beta2_decay)
        self.eps = pair("adafactor", "eps", eps)
        self.d_max = number("adafactor", "d_max", d_max, least=1)
        self.decoupled_decay = number("adafactor", "decoupled_decay", decoupled_decay, below=1)
        super().__init__(groups)

    def slots_of(self, shape: tuple[int, ...]) -> Mapping[str, str]:
        """Mean squares of rows and columns, or of the numbers of a vector."""
        if len(shape) > 1:
            return {"row": "row", "column": "column"}
        return {"mean_square": "zeros"}

    def update(self, param: Value, grad: Value, slots: Any, s: Any) -> tuple[Value, dict[str, Value]]:
        """Return the new parameter and mean squares."""
        smallest, least = self.eps
        w = s.count**self.beta2_decay
        new: dict[str, Value]
        if "row" in slots:
            r = slots.row + w * (square(row.rms(grad)) - slots.row)
            c = slots.column + w * (square(column.rms(grad)) - slots.column)
            # Roots first: in float32, a square may be infinite where its root is not.
            scale = sqrt(r / maximum(whole.mean(r), smallest)) * sqrt(c)
            new = {"row": r, "column": c}
        else:
            v = slots.mean_square + w * (square(grad) - slots.mean_square)
            scale, new = sqrt(v), {"mean_square": v}
        direction = grad / maximum(scale, smallest)
        kept = (1 - self.decoupled_decay) * param if self.decoupled_decay else param
        rate = minimum(s.lr, s.count**-0.5) * maximum(whole.rms(param), least)
        return kept - rate / maximum(whole.rms(direction) / self.d_max, 1.0) * direction, new
