"""Metrics, one per file or one family per file: equations of a step like losses, or NumPy of a row.

Every `Metric` defined in a file of this folder is registered under its `name`. May use: losses, ops, checks,
errors.
"""

from ostinato.metrics.accuracy import Accuracy
from ostinato.metrics.bits_per_character import BitsPerCharacter
from ostinato.metrics.bleu import BLEU
from ostinato.metrics.chunk_f1 import ChunkF1
from ostinato.metrics.confusion import F1, Precision, Recall
from ostinato.metrics.coverage import Coverage, coverage
from ostinato.metrics.edit_distance import EditDistance, edits
from ostinato.metrics.exact_match import ExactMatch
from ostinato.metrics.mae import MAE
from ostinato.metrics.mase import MASE, mase
from ostinato.metrics.metric import Metric
from ostinato.metrics.moments import R2, Correlation
from ostinato.metrics.perplexity import Perplexity
from ostinato.metrics.rmse import RMSE
from ostinato.metrics.smape import SMAPE, smape
from ostinato.metrics.wql import WQL

__all__ = [
    "BLEU",
    "F1",
    "MAE",
    "MASE",
    "R2",
    "RMSE",
    "SMAPE",
    "WQL",
    "Accuracy",
    "BitsPerCharacter",
    "ChunkF1",
    "Correlation",
    "Coverage",
    "EditDistance",
    "ExactMatch",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
    "coverage",
    "edits",
    "mase",
    "smape",
]
