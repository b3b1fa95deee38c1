"""The two decays of parameters that several optimizers have."""

from __future__ import annotations

from typing import Protocol

from ostinato.ops import Value


class HasDecays(Protocol):
    """An optimizer with both decays as options."""

    weight_decay: float
    decoupled_decay: float


def decayed(optimizer: HasDecays, param: Value, grad: Value) -> tuple[Value, Value]:
    """The gradient plus weight_decay * param, and the parameter times 1 - decoupled_decay."""
    # Nothing is added without decay: 0 * inf would be a NaN.
    g = grad + optimizer.weight_decay * param if optimizer.weight_decay else grad
    kept = (1 - optimizer.decoupled_decay) * param if optimizer.decoupled_decay else param
    return g, kept
