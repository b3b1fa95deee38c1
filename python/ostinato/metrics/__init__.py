"""Metrics, one per file: equations of one time step, like losses, averaged over the valid steps.

Every `Metric` defined in a file of this folder is registered under its `name`. May use: losses, ops, checks,
errors.
"""

from ostinato.metrics.accuracy import Accuracy
from ostinato.metrics.bits_per_character import BitsPerCharacter
from ostinato.metrics.mae import MAE
from ostinato.metrics.metric import Metric
from ostinato.metrics.perplexity import Perplexity
from ostinato.metrics.rmse import RMSE

__all__ = ["MAE", "RMSE", "Accuracy", "BitsPerCharacter", "Metric", "Perplexity"]
