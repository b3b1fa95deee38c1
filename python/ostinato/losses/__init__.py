"""Losses as equations, one per file: `step(y, target)` of one row returns one number.

Every `Loss` defined in a file of this folder is registered under its `name`. May use: ops, cell, checks,
sequences, errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ostinato.losses.cross_entropy import CrossEntropy
from ostinato.losses.loss import Loss
from ostinato.losses.mse import MSE

if TYPE_CHECKING:
    from ostinato.losses.binary_cross_entropy import BinaryCrossEntropy
    from ostinato.losses.crf import CRF
    from ostinato.losses.ctc import CTC
    from ostinato.losses.gaussian_nll import GaussianNLL
    from ostinato.losses.huber import Huber
    from ostinato.losses.mae import MAE
    from ostinato.losses.negative_binomial_nll import NegativeBinomialNLL
    from ostinato.losses.pinball import Pinball
    from ostinato.losses.student_t_nll import StudentTNLL

__all__ = [
    "CRF",
    "CTC",
    "MAE",
    "MSE",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "GaussianNLL",
    "Huber",
    "Loss",
    "NegativeBinomialNLL",
    "Pinball",
    "StudentTNLL",
]


def __getattr__(name: str) -> Any:
    """Import a loss at its first use: most programs use one."""
    from ostinato.discover import leaves

    if name in __all__:
        globals().update({one.__name__: one for one in leaves(__name__, Loss).values()})
        return globals()[name]
    from ostinato.errors import shown

    raise AttributeError(f"module {shown(__name__)} has no attribute {shown(name)}")


def __dir__() -> list[str]:
    """List the losses, also those that are not imported yet."""
    return sorted({*globals(), *__all__})
