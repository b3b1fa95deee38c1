"""Ostinato: write one step; ostinato repeats it through time, forwards, backwards, fast.

A cell is a few equations, `(input, state, parameters) -> (output, state)`, in the step language (`Cell`,
`Param`, `State`, `ops`). `Recurrent` and the other layers trace it to a program, and the engine
differentiates, plans and unrolls it over sequences. Importing this package imports no plugin.
"""

from typing import TYPE_CHECKING, Any

from ostinato import initializers, ops, plugins
from ostinato._core import __version__
from ostinato.callback import Callback
from ostinato.cell import Cell, Const, Memory, Param, State
from ostinato.errors import (
    CallError,
    ConcurrentUseError,
    ConfigError,
    DTypeError,
    FormatError,
    InternalError,
    NonFiniteError,
    OstinatoError,
    PluginError,
    RankError,
    ShapeError,
    TraceError,
    UnknownItemError,
)
from ostinato.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    DiagonalSSM,
    EchoState,
    Embedding,
    First,
    Graph,
    IndRNN,
    Input,
    Last,
    Layer,
    LinearSSM,
    Max,
    Mean,
    MinGRU,
    MinLSTM,
    Recurrent,
    Sequential,
    Sum,
    Symbol,
    add,
    apply,
    attend,
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
from ostinato.losses import MSE, CrossEntropy, Loss
from ostinato.network import (
    CheckpointedBPTT,
    FullBPTT,
    Gradients,
    Network,
    Run,
    ThroughTime,
    TruncatedBPTT,
    weighted,
)
from ostinato.plugins import register
from ostinato.plugins.registry import UnknownName
from ostinato.scorer import Scorer
from ostinato.specs import (
    CallbackSpec,
    CellSpec,
    CommandSpec,
    InitializerSpec,
    LayerSpec,
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
    from ostinato import analysis, data, eager, io, metrics, models, schedules, strategies, testing
    from ostinato.decoding import Decoded, Hypothesis, LengthNorm, Sample, TokenReward, Wu
    from ostinato.layers.attention import Attention
    from ostinato.layers.bridge import Bridge
    from ostinato.layers.criterion import Criterion
    from ostinato.layers.decoder import Decoder
    from ostinato.layers.feedback import feedback
    from ostinato.layers.head import Head
    from ostinato.layers.stack import stack
    from ostinato.layers.step_attention import StepAttention
    from ostinato.metrics import Metric
    from ostinato.models import (
        Forecaster,
        LanguageModel,
        Seq2Seq,
        SequenceClassifier,
        SequenceGenerator,
        SequenceRegressor,
        SequenceTagger,
        StateSpace,
    )
    from ostinato.models.loading import load
    from ostinato.network.generate import generate
    from ostinato.optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop, clip_norm
    from ostinato.parallel import Communicator, OneProcess
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
    from ostinato.schedules import Schedule
    from ostinato.strategies.data_parallel import DataParallel
    from ostinato.strategy import Axes, Batch, Curriculum, Estimator, Execution, Feeding, Lesson, Moment
    from ostinato.tracking import CSVLog, TensorBoard, Tracker
    from ostinato.training import Checkpoints, EarlyStopping, History, Progress, Pruning, Trainer, TrainingRun
    from ostinato.training.readout import fit_readout

__all__ = [
    "GRU",
    "L2",
    "LSTM",
    "MSE",
    "RNN",
    "SGD",
    "ActivationPenalty",
    "Adagrad",
    "Adam",
    "AdamW",
    "Attention",
    "Axes",
    "Batch",
    "Bidirectional",
    "Bridge",
    "CSVLog",
    "CallError",
    "Callback",
    "CallbackSpec",
    "Cell",
    "CellSpec",
    "CheckpointedBPTT",
    "Checkpoints",
    "CommandSpec",
    "Communicator",
    "ConcurrentUseError",
    "ConfigError",
    "Const",
    "Criterion",
    "CrossEntropy",
    "Curriculum",
    "DTypeError",
    "DataParallel",
    "Decoded",
    "Decoder",
    "Dense",
    "DiagonalSSM",
    "Dropout",
    "EarlyStopping",
    "EchoState",
    "Embedding",
    "Estimator",
    "Execution",
    "Feeding",
    "First",
    "Forecaster",
    "FormatError",
    "FullBPTT",
    "Gradients",
    "Graph",
    "Head",
    "History",
    "Hypothesis",
    "IndRNN",
    "InitializerSpec",
    "Input",
    "InternalError",
    "LanguageModel",
    "Last",
    "Layer",
    "LayerNorm",
    "LayerSpec",
    "LengthNorm",
    "Lesson",
    "LinearSSM",
    "Loss",
    "LossSpec",
    "Max",
    "Mean",
    "Memory",
    "Metric",
    "MetricSpec",
    "MinGRU",
    "MinLSTM",
    "Moment",
    "Network",
    "NonFiniteError",
    "OneProcess",
    "Optimizer",
    "OptimizerSpec",
    "OstinatoError",
    "Param",
    "PluginError",
    "Progress",
    "Pruning",
    "RMSprop",
    "RankError",
    "Recurrent",
    "RecurrentDropout",
    "Regularizer",
    "RegularizerSpec",
    "Run",
    "Sample",
    "Schedule",
    "ScheduleSpec",
    "Scorer",
    "ScorerSpec",
    "Seq2Seq",
    "SequenceClassifier",
    "SequenceGenerator",
    "SequenceRegressor",
    "SequenceTagger",
    "Sequential",
    "ShapeError",
    "SkipConnection",
    "State",
    "StateSpace",
    "StepAttention",
    "StrategySpec",
    "Sum",
    "Symbol",
    "TemporalActivationPenalty",
    "TensorBoard",
    "ThroughTime",
    "TokenReward",
    "TraceError",
    "Tracker",
    "Trainer",
    "TrainingRun",
    "TruncatedBPTT",
    "UnknownItemError",
    "UnknownName",
    "VariationalDropout",
    "WeightDrop",
    "Wu",
    "Zoneout",
    "__version__",
    "add",
    "analysis",
    "apply",
    "attend",
    "clip_norm",
    "concat",
    "data",
    "eager",
    "feedback",
    "final_state",
    "final_states",
    "first",
    "fit_readout",
    "generate",
    "get_num_threads",
    "hookimpl",
    "initializers",
    "io",
    "last",
    "load",
    "max",
    "mean",
    "metrics",
    "models",
    "ops",
    "plugins",
    "register",
    "repeat",
    "reverse",
    "schedules",
    "set_num_threads",
    "slice",
    "stack",
    "strategies",
    "sum",
    "testing",
    "weighted",
]


# Imported at first use: most programs need few of them, and importing takes time.
_ROOMS = (
    *("analysis", "data", "eager", "io", "metrics", "models", "schedules", "strategies", "testing"),
    "tracking",
)
_HOMES = {
    "models": (
        "Forecaster",
        "LanguageModel",
        "Seq2Seq",
        "SequenceClassifier",
        "SequenceGenerator",
        "SequenceRegressor",
        "SequenceTagger",
        "StateSpace",
    ),
    "models.loading": ("load",),
    "layers.attention": ("Attention",),
    "decoding": ("Decoded", "Hypothesis", "LengthNorm", "Sample", "TokenReward", "Wu"),
    "layers.bridge": ("Bridge",),
    "layers.criterion": ("Criterion",),
    "layers.decoder": ("Decoder",),
    "layers.feedback": ("feedback",),
    "layers.head": ("Head",),
    "layers.stack": ("stack",),
    "layers.step_attention": ("StepAttention",),
    "network.generate": ("generate",),
    "metrics": ("Metric",),
    "optimizers": ("SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_norm"),
    "regularizers": (
        "L2",
        "ActivationPenalty",
        "Dropout",
        "LayerNorm",
        "RecurrentDropout",
        "Regularizer",
        "SkipConnection",
        "TemporalActivationPenalty",
        "ThroughTime",
        "VariationalDropout",
        "WeightDrop",
        "Zoneout",
    ),
    "schedules": ("Schedule",),
    "strategies.data_parallel": ("DataParallel",),
    "strategy": ("Axes", "Batch", "Curriculum", "Estimator", "Execution", "Feeding", "Lesson", "Moment"),
    "parallel": ("Communicator", "OneProcess"),
    "tracking": ("CSVLog", "TensorBoard", "Tracker"),
    "training.readout": ("fit_readout",),
    "training": ("Checkpoints", "EarlyStopping", "History", "Progress", "Pruning", "Trainer", "TrainingRun"),
}


def __getattr__(name: str) -> Any:
    """Import a module or a class at its first use."""
    import importlib

    if name in _ROOMS or name in _HOMES:
        return importlib.import_module(f"ostinato.{name}")
    for room, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(f"ostinato.{room}"), name)
            globals()[name] = value
            return value
    from ostinato.foreign.names import ROOT, no_attribute

    raise no_attribute(__name__, name, __all__, ROOT)


def __dir__() -> list[str]:
    """List the public names, also those that are not imported yet, without the rooms behind them."""
    dunders = [name for name in globals() if name.startswith("__")]
    return sorted({*dunders, *__all__, "losses", "optimizers"})
