"""Layers: networks of one layer, and networks made of others. One class per file.

No layer is privileged: each adds step programs, in the language of cells, to a graph. `Attention`, which is
not a network, `Criterion` and `Decoder` are imported at first use.
"""

from ostinato.layers.attend import attend
from ostinato.layers.bidirectional import Bidirectional
from ostinato.layers.builtin_rnn import (
    GRU,
    LSTM,
    RNN,
    DiagonalSSM,
    EchoState,
    IndRNN,
    LinearSSM,
    MinGRU,
    MinLSTM,
)
from ostinato.layers.dense import Dense
from ostinato.layers.embedding import Embedding
from ostinato.layers.functional import Graph
from ostinato.layers.functions import (
    Input,
    add,
    concat,
    final_state,
    final_states,
    first,
    last,
    max,
    mean,
    repeat,
    reverse,
    slice,
    sum,
)
from ostinato.layers.layer import Layer
from ostinato.layers.recurrent import Recurrent
from ostinato.layers.reductions import First, Last, Max, Mean, Sum
from ostinato.layers.sequential import Sequential
from ostinato.network.kinds import register_later
from ostinato.network.network import Network
from ostinato.network.symbol import Symbol, apply

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Bidirectional",
    "Dense",
    "DiagonalSSM",
    "EchoState",
    "Embedding",
    "First",
    "Graph",
    "IndRNN",
    "Input",
    "Last",
    "Layer",
    "LinearSSM",
    "Max",
    "Mean",
    "MinGRU",
    "MinLSTM",
    "Recurrent",
    "Sequential",
    "Sum",
    "Symbol",
    "add",
    "apply",
    "attend",
    "concat",
    "final_state",
    "final_states",
    "first",
    "last",
    "max",
    "mean",
    "repeat",
    "reverse",
    "slice",
    "sum",
]


def _criterion() -> type[Network]:
    from ostinato.layers.criterion import Criterion

    return Criterion


def _decoder() -> type[Network]:
    from ostinato.layers.decoder import Decoder

    return Decoder


register_later("criterion", _criterion)
register_later("decoder", _decoder)
