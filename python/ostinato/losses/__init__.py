"""Losses as equations, one per file: `step(y, target)` of one row returns one number.

Every `Loss` defined in a file of this folder is registered under its `name`. May use: ops, cell, checks,
errors.
"""

from __future__ import annotations

from ostinato.losses.binary_cross_entropy import BinaryCrossEntropy
from ostinato.losses.crf import CRF
from ostinato.losses.cross_entropy import CrossEntropy
from ostinato.losses.ctc import CTC
from ostinato.losses.gaussian_nll import GaussianNLL
from ostinato.losses.huber import Huber
from ostinato.losses.loss import Loss
from ostinato.losses.mae import MAE
from ostinato.losses.mse import MSE
from ostinato.losses.pinball import Pinball

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
    "Pinball",
]
