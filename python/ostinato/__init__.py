"""Ostinato: write one step, and it is repeated through time, forwards, backwards, fast.

A cell is a few equations, `(input, state, parameters) -> (output, state)`, in the step language (`Cell`,
`Param`, `State`, `ops`). `Recurrent` and the other layers trace it to a program, and the engine
differentiates, plans and unrolls it over sequences. Importing this package imports no plugin.
"""

from typing import TYPE_CHECKING, Any

from ostinato import initializers, ops, plugins
from ostinato._core import __version__
from ostinato.cell import Cell, Param, State
from ostinato.errors import (
    ConcurrentUseError,
    ConfigError,
    DTypeError,
    FormatError,
    InternalError,
    NonFiniteError,
    OstinatoError,
    PluginError,
    ShapeError,
    TraceError,
)
from ostinato.io import load
from ostinato.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    DiagonalSSM,
    Embedding,
    IndRNN,
    LinearSSM,
    MinGRU,
    MinLSTM,
    Recurrent,
    Sequential,
)
from ostinato.losses import MSE, CrossEntropy, Loss
from ostinato.network import CheckpointedBPTT, FullBPTT, Gradients, Network, Run, TruncatedBPTT
from ostinato.optimizers import SGD, Adam, Optimizer, clip_norm
from ostinato.plugins import register
from ostinato.regularizers import (
    L2,
    ActivationPenalty,
    Dropout,
    LayerNorm,
    RecurrentDropout,
    Regularizer,
    SkipConnection,
    TemporalActivationPenalty,
    VariationalDropout,
    WeightDrop,
    Zoneout,
)
from ostinato.specs import (
    CellSpec,
    CommandSpec,
    InitializerSpec,
    LossSpec,
    MetricSpec,
    OptimizerSpec,
    RegularizerSpec,
    ScheduleSpec,
    ScorerSpec,
    StrategySpec,
    hookimpl,
)
from ostinato.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from ostinato import analysis, testing

__all__ = [
    "GRU",
    "L2",
    "LSTM",
    "MSE",
    "RNN",
    "SGD",
    "ActivationPenalty",
    "Adam",
    "Bidirectional",
    "Cell",
    "CellSpec",
    "CheckpointedBPTT",
    "CommandSpec",
    "ConcurrentUseError",
    "ConfigError",
    "CrossEntropy",
    "DTypeError",
    "Dense",
    "DiagonalSSM",
    "Dropout",
    "Embedding",
    "FormatError",
    "FullBPTT",
    "Gradients",
    "IndRNN",
    "InitializerSpec",
    "InternalError",
    "LayerNorm",
    "LinearSSM",
    "Loss",
    "LossSpec",
    "MetricSpec",
    "MinGRU",
    "MinLSTM",
    "Network",
    "NonFiniteError",
    "Optimizer",
    "OptimizerSpec",
    "OstinatoError",
    "Param",
    "PluginError",
    "Recurrent",
    "RecurrentDropout",
    "Regularizer",
    "RegularizerSpec",
    "Run",
    "ScheduleSpec",
    "ScorerSpec",
    "Sequential",
    "ShapeError",
    "SkipConnection",
    "State",
    "StrategySpec",
    "TemporalActivationPenalty",
    "TraceError",
    "TruncatedBPTT",
    "VariationalDropout",
    "WeightDrop",
    "Zoneout",
    "__version__",
    "analysis",
    "clip_norm",
    "get_num_threads",
    "hookimpl",
    "initializers",
    "load",
    "ops",
    "plugins",
    "register",
    "set_num_threads",
    "testing",
]


def __getattr__(name: str) -> Any:
    """Import `analysis` and `testing` when they are first asked for: most programs never do."""
    if name in ("analysis", "testing"):
        import importlib

        return importlib.import_module(f"ostinato.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
