"""Models: estimators in the manner of scikit-learn, each a network, a loss and a `Trainer`, all reachable.

One file for each estimator. The shared parts: `sequence_model` (fitting), `model_file` (saving), `loading`,
`pooled` (one answer for each sequence), `parameters` (get_params, set_params), `best` and `adaptive` (early
stopping, the learning rate); `intake`, `series`, `tokens`, `labels`, `numbers`, `long_table`, `times`, `tags`
and `weighing` read a caller's data. Of StateSpace: `kalman` and `per_row`.
Of the Forecaster: `observations`, `covariates`, `history` and `standing` (its series), `smoothing`, `season`
and `transform`, `head`, `forecast_loss`, `distributions` and `roll_out` (its outputs), `forecasts` (what it
does when fitted), `windows`, `levels`, `conformal`, `skill` and `rivals`. scikit-learn is imported only
by methods that scikit-learn itself calls. May use every room but `cli`.
"""

from ostinato.models.classifier import SequenceClassifier
from ostinato.models.forecaster import Forecaster
from ostinato.models.language_model import LanguageModel
from ostinato.models.regressor import SequenceRegressor
from ostinato.models.rivals import RIVALS, naive, seasonal_naive, theta
from ostinato.models.seq2seq import Seq2Seq
from ostinato.models.sequence_generator import SequenceGenerator
from ostinato.models.state_space import StateSpace
from ostinato.models.tagger import SequenceTagger

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
