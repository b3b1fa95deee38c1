"""Models: estimators in the manner of scikit-learn, each with a network, a loss and a `Trainer`.

A folder for each kind of answer: `pooling` (one for each sequence), `tagging` (one for each step), `writing`
(a sequence), `forecasting` (the next values). They do not import each other. They use `reading` (a caller's
data) and `base` (parameters, model files, training), which do not import each other either. `loading` opens a
model file. May use every folder but `cli`.
"""

from ostinato.models.forecasting.forecaster import Forecaster
from ostinato.models.forecasting.linear.state_space import StateSpace
from ostinato.models.forecasting.quality.rivals import RIVALS, naive, seasonal_naive, theta
from ostinato.models.pooling.classifier import SequenceClassifier
from ostinato.models.pooling.regressor import SequenceRegressor
from ostinato.models.tagging.tagger import SequenceTagger
from ostinato.models.writing.language_model import LanguageModel
from ostinato.models.writing.seq2seq import Seq2Seq
from ostinato.models.writing.sequence_generator import SequenceGenerator

__all__ = [
    "RIVALS",
    "Forecaster",
    "LanguageModel",
    "Seq2Seq",
    "SequenceClassifier",
    "SequenceGenerator",
    "SequenceRegressor",
    "SequenceTagger",
    "StateSpace",
    "naive",
    "seasonal_naive",
    "theta",
]
