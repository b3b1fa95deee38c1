"""Networks: graphs of layers over sequences, and what running one takes and gives.

`network.py` is the class; every other file holds one noun and stands below it. `graph.py` describes the
layers, `arena.py` holds the parameters, `batch.py`, `states.py` and `objective.py` read arguments, `run.py`
holds results. `through_time.py` holds the variants of BPTT, `budget.py` and `checkpoint_plan.py` belong
to one of them; `training_memory.py` says what a training step takes. `kinds.py` registers the classes that a
model file may name, `record.py` and `programs.py` read and write its JSON, `model_file.py` writes the file.
`port.py` describes an input or an output.
`symbol.py` is a value of a graph that is being written, `steps.py` makes steps of functions and regularizers.
`facts.py` is what files below `network.py` may ask of a network. Layers live in `ostinato.layers`.
"""

from ostinato.network.checkpoint_plan import CheckpointPlan
from ostinato.network.network import Network
from ostinato.network.objective import weighted
from ostinato.network.port import Port
from ostinato.network.run import Gradients, Run
from ostinato.network.through_time import CheckpointedBPTT, FullBPTT, ThroughTime, TruncatedBPTT
from ostinato.network.training_memory import TrainingMemory

__all__ = [
    "CheckpointPlan",
    "CheckpointedBPTT",
    "FullBPTT",
    "Gradients",
    "Network",
    "Port",
    "Run",
    "ThroughTime",
    "TrainingMemory",
    "TruncatedBPTT",
    "weighted",
]
