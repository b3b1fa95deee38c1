"""Networks: graphs of layers over sequences, and what running one takes and gives.

`network.py` is the class; beside it one noun a file. `graph.py` describes, `arena.py` holds parameters,
`batch.py`, `states.py` and `objective.py` read arguments, `run.py` holds results; `through_time.py` names
the ways back, `budget.py` and `checkpoint_plan.py` belong to one of them; `training_memory.py` tells the
peak. Layers live in `ostinato.layers`.
"""

from ostinato.network.checkpoint_plan import CheckpointPlan
from ostinato.network.network import Network
from ostinato.network.run import Gradients, Run
from ostinato.network.through_time import CheckpointedBPTT, FullBPTT, TruncatedBPTT
from ostinato.network.training_memory import TrainingMemory

__all__ = [
    "CheckpointPlan",
    "CheckpointedBPTT",
    "FullBPTT",
    "Gradients",
    "Network",
    "Run",
    "TrainingMemory",
    "TruncatedBPTT",
]
