"""Adafactor."""

from __future__ import annotations

from typing import Any

from ostinato import Optimizer
from ostinato.ops import clip, column, maximum, row, sqrt, whole


class Adafactor(Optimizer):
    """Steps relative to the parameter, scaled by the means of squares of rows and of columns.

    Source: Shazeer and Stern 2018, "Adafactor", algorithms 4 and 6, without momentum.
    """

    name = "adafactor2"

    def __init__(self, lr: float = 1e-2, clip: float = 1.0) -> None:
        self.lr, self.clip = lr, clip

    def slots_of(self, shape: Any) -> dict[str, str]:
        return {"row": "row", "column": "column"} if len(shape) == 2 else {"square": "zeros"}

    def update(self, param: Any, grad: Any, slots: Any, s: Any) -> tuple[Any, dict[str, Any]]:
        grad = clip(grad, -1e15, 1e15)  # so that its square is finite in float32
        kept, square = 1 - s.count**-0.8, grad * grad + 1e-30
        if "row" in slots:
            r = kept * slots.row + (1 - kept) * row.mean(square)
            c = kept * slots.column + (1 - kept) * column.mean(square)
            size, new = sqrt(r / whole.mean(r)) * sqrt(c), {"row": r, "column": c}
        else:
            v = kept * slots.square + (1 - kept) * square
            size, new = sqrt(v), {"square": v}
        step = grad / size
        step = step / maximum(1.0, whole.rms(step) / self.clip)
        return param - s.lr * maximum(1e-3, whole.rms(param)) * step, new
