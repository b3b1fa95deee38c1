"""Networks: graphs of layers over sequences, and what running one takes and gives.

`network.py` is the class; beside it one noun a file. `graph.py` describes, `arena.py` holds parameters,
`batch.py`, `states.py` and `objective.py` read arguments, `run.py` holds results. Layers live in
`ostinato.layers`.
"""

from ostinato.network.network import Network
from ostinato.network.run import Gradients, Run
from ostinato.network.through_time import FullBPTT

__all__ = ["FullBPTT", "Gradients", "Network", "Run"]
