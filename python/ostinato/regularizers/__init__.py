"""Built-in regularizers, one per file, with no privileges over plugins.

Every `Regularizer` defined in a file of this folder is registered under its `name`. May use: ops, trace,
regularizer, checks, errors; never layers or networks.
"""

from ostinato.regularizer import Regularizer
from ostinato.regularizers.activation_penalty import ActivationPenalty
from ostinato.regularizers.dropout import Dropout
from ostinato.regularizers.l2 import L2
from ostinato.regularizers.layer_norm import LayerNorm
from ostinato.regularizers.recurrent_dropout import RecurrentDropout
from ostinato.regularizers.skip_connection import SkipConnection
from ostinato.regularizers.temporal_activation_penalty import TemporalActivationPenalty
from ostinato.regularizers.variational_dropout import VariationalDropout
from ostinato.regularizers.weight_drop import WeightDrop
from ostinato.regularizers.zoneout import Zoneout

__all__ = [
    "L2",
    "ActivationPenalty",
    "Dropout",
    "LayerNorm",
    "RecurrentDropout",
    "Regularizer",
    "SkipConnection",
    "TemporalActivationPenalty",
    "VariationalDropout",
    "WeightDrop",
    "Zoneout",
]
