"""What is audited: each call with its result, and each object with the attributes that may be set.

A row is needed only where no simple number shows the use of an argument. Arguments come from signatures: one
that nothing shows the use of is a failure.
"""

from __future__ import annotations

from tests.audit.form import Call
from tests.audit.subjects.attributes import things
from tests.audit.subjects.batch import BATCH
from tests.audit.subjects.callbacks import CALLBACKS, OTHER
from tests.audit.subjects.data import DATA
from tests.audit.subjects.forecasts import FORECASTS
from tests.audit.subjects.layers import LAYERS
from tests.audit.subjects.models import MODELS
from tests.audit.subjects.named import kinds
from tests.audit.subjects.network import NETWORK
from tests.audit.subjects.pairs import PAIRS
from tests.audit.subjects.shared import history, net
from tests.audit.subjects.trainer import TRAINER, pair

__all__ = ["calls", "history", "net", "pair", "things"]


def calls() -> list[Call]:
    """Everything with arguments."""
    return [
        *TRAINER,
        *BATCH,
        *NETWORK,
        *LAYERS,
        *DATA,
        *CALLBACKS,
        *OTHER,
        *MODELS,
        *PAIRS,
        *FORECASTS,
        *kinds(),
    ]
