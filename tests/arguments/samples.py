"""Right values for the arguments of public entries: by entry and name, by name, or by type.

The first table that has the key decides; an argument with a default needs none.
"""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import ostinato as ost
from ostinato.entry_values import EntryValues

if TYPE_CHECKING:
    pass


KERAS: Final = Path(__file__).parents[1] / "golden" / "keras"


def x() -> Any:
    return np.ones((2, 3, 2), "f4")


def ids() -> Any:
    return np.array([[0, 1, 1], [1, 0, 1]])


def net() -> Any:
    return ost.RNN(2, 2)


def symbol() -> Any:
    return ost.Input("x", size=2)


def path() -> str:
    return os.path.join(tempfile.mkdtemp(dir=os.getcwd()), "file")


def saved() -> str:
    place = path()
    net().save(place)
    return place


def keras_net() -> Any:
    both = ost.Bidirectional(ost.GRU(2, 3, reset="before"))
    return ost.Sequential(both, ost.RNN(6, 2, bidirectional=True), ost.GRU(4, 4), ost.Dense(4, 3))


class Trial:
    """A trial of a search that never gives up."""

    def report(self, value: float, step: int) -> None:
        pass

    def should_prune(self) -> bool:
        return False


def checkpoint() -> str:
    place = path()
    ost.Trainer(net(), loss="mse").save(place)
    return place


def pieces() -> Any:
    return ost.Batch(x(), x())


def run_of(length: int = 4) -> Any:
    return ost.GRU(2, 3)(symbol())


class Plain(ost.Cell):
    """A cell without parameters."""

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.input)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        return x, {"h": x}


class Centered(ost.Loss):
    """A loss with a parameter."""

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {"center": ost.Param((size.output,), init="zeros")}

    def step(self, y: Any, target: Any, p: Any) -> Any:
        return ost.ops.sum(ost.ops.square(y - p.center - target))


METHODS: Final = ("fit", "partial_fit", "predict", "predict_proba", "score")
PAIRED: Final = (*METHODS, "error_rate", "log_prob", "alignment")

ENTRIES: Final[dict[str, Callable[[], Any]]] = {
    "ost.Attention.scorer": lambda: "additive",
    "ost.Batch.listed.value": x,
    "ost.Batch.take.rows": lambda: np.array([0]),
    "ost.Batch.window.stop": lambda: 2,
    "ost.Batch.window.start": lambda: 0,
    "ost.Bidirectional.forward": net,
    "ost.CommandSpec.factory": lambda: print,
    "ost.Criterion.loss": Centered,
    "ost.Dense.activation": lambda: "tanh",
    "ost.Graph.outputs": run_of,
    "ost.Graph.__getitem__.name": lambda: 0,
    "ost.Sequential.__getitem__.name": lambda: 0,
    "ost.Sequential.layers": net,
    "ost.History.__getitem__.key": lambda: slice(0),
    "ost.Symbol.__getitem__.place": lambda: (..., slice(0, 1)),
    "ost.Trainer.load.path": checkpoint,
    "ost.load.path": saved,
    "ost.io.load_network.path": saved,
    "ost.io.read_tensors.path": saved,
    "ost.io.load_keras.net": keras_net,
    "ost.io.load_keras.path": lambda: str(KERAS / "branches.weights.h5"),
    "Tensors.__getitem__.name": lambda: "weight_ih_l0",
    "ost.Pruning.trial": Trial,
    "ost.Pruning.check_pruned.error": lambda: KeyError,
    "ost.Const.array": lambda: np.ones(2),
    "ost.ops.transpose.x": lambda: np.ones((3, 2)),
    "ost.fit_readout.net": lambda: ost.Sequential(ost.RNN(2, 2), ost.Dense(2, 2)),
    "ost.generate.net": lambda: ost.Sequential(ost.Embedding(3, 2), ost.Dense(2, 3)),
    **{f"ost.GRU.{name}.begin": lambda: 0 for name in ("decode", "log_prob")},
    "Decoded.__getitem__.row": lambda: 0,
    "ost.GRU.decode.end": lambda: None,
    "ost.GRU.decode.max_length": lambda: 3,
    "ost.GRU.log_prob.x": lambda: None,
    "ost.GRU.log_prob.tokens": lambda: [[0, 1]],
    "ost.generate.prompt": lambda: [0, 1],
    "ost.Recurrent.cell": lambda: "lstm",
    "ost.Decoder.cell": lambda: "gru",
    "ost.Bridge.encoder": lambda: {"h": [2]},
    "ost.Bridge.decoder": lambda: {"h": [2]},
    "ost.Head.size": lambda: 2,
    "ost.Bridge.__call__.x": lambda: np.ones((2, 2), "f4"),
    "ost.Bridge.__getitem__.name": lambda: 0,
    "ost.stack.cells": lambda: "gru",
    "ost.feedback.cell": lambda: ost.stack("gru", ost.Head(2)),
    "ost.State.shape_or_size": lambda: 2,
    "ost.apply.fn": lambda: ost.ops.tanh,
    "ost.attend.scores": lambda: ost.Dense(2, 1)(symbol()),
    "ost.data.Alphabet.characters": lambda: "abc",
    "ost.data.Alphabet.encode.text": lambda: "ab",
    "ost.data.Alphabet.decode.ids": lambda: [0, 1],
    "ost.data.Streams.ids": lambda: np.arange(9),
    "ost.data.split.data": lambda: "abcdefghij",
    "ost.data.unpack.packed": lambda: ost.data.pack(x()),
    "ost.eager.run.x": lambda: np.ones((3, 2), "f4"),
    "ost.final_state.y": run_of,
    "ost.final_state.name": lambda: "h",
    "ost.final_states.y": run_of,
    "ost.initializers.by_gate.init": lambda: "zeros",
    "ost.initializers.ByGate.blocks": lambda: (lambda shape, rng: np.zeros(shape),),
    "ost.Adam.slots_of.shape": lambda: (2, 3),
    "ost.Optimizer.slots_of.shape": lambda: (2, 3),
    "ost.SGD.slots_of.shape": lambda: (2, 3),
    "ost.initializers.get.name": lambda: "zeros",
    "ModelStream.step.x": lambda: np.zeros((1, 2)),
    "ost.repeat.row": lambda: ost.last(symbol()),
    "ost.repeat.like": symbol,
    "ost.register.item": lambda: type("Mine", (ost.Cell,), {"name": "mine"}),
    "ost.slice.start": lambda: 0,
    "ost.slice.stop": lambda: 1,
    "ost.weighted.scale": lambda: 2.0,
    **{f"ost.SequenceTagger.{name}.X": lambda: SENTENCES for name in METHODS},
    **{f"ost.SequenceTagger.{name}.y": lambda: TAGS for name in METHODS},
    **{f"ost.Seq2Seq.{name}.X": lambda: ["abb", "ba"] for name in PAIRED},
    **{f"ost.Seq2Seq.{name}.y": lambda: ["bba", "ab"] for name in PAIRED},
    **{f"ost.SequenceGenerator.{name}.X": lambda: ["calm", "stormy"] for name in (*PAIRED, "sample")},
    **{f"ost.SequenceGenerator.{name}.y": lambda: ["abb", "ba"] for name in PAIRED},
    "ost.Seq2Seq.plot_alignment.x": lambda: "ab",
    "ost.Seq2Seq.plot_alignment.y": lambda: "ba",
    **{f"ost.SequenceRegressor.{name}.y": lambda: [0.5, 2.0] for name in ("fit", "partial_fit", "score")},
    "ost.hookimpl.function": lambda: print,
    "ost.Spec.name": lambda: "x",
    "ost.plugins.Registry.plugins.name": lambda: "cells",
    "ost.plugins.Registry.choose.given": lambda: "lstm",
    "ost.plugins.Registry.make.given": lambda: "lstm",
    "ost.plugins.override.full": lambda: "cells/mgu",
    "ost.plugins.Registry.override.full": lambda: "cells/mgu",
    "ost.plugins.override.name": lambda: "mgu",
    "ost.plugins.Registry.override.name": lambda: "mgu",
    "ost.strategies.Truncated.k1": lambda: 2,
    "ost.testing.check.item": lambda: "rnn",
    "ost.testing.parametrize_checks.items": lambda: "rnn",
    "Symbol.__getitem__.place": lambda: (..., slice(0, 1)),
    "ost.Param.init": lambda: "zeros",
    "ost.eager.run.cell": lambda: Plain(),
    "ost.eager.run.params": lambda: {},
    "ost.ops.argmax.x": lambda: np.ones(2),
    "ost.ops.broadcast_to.x": lambda: np.ones(2),
    "ost.ops.reshape.x": lambda: np.ones(2),
    "ost.CellSpec.of.made": lambda: ost.Cell,
    "ost.CallbackSpec.of.made": lambda: ost.Callback,
    "ost.testing.check_callback.callback": lambda: ost.Callback,
    "ost.StrategySpec.of.made": lambda: ost.strategies.Full,
    "ost.StrategySpec.role": lambda: "estimator",
    "ost.Input.size": lambda: 2,
    "ost.concat.values": symbol,
    "Parameters.__getitem__.name": lambda: "weight_ih_l0",
    "ost.Run.backward.d_outputs": lambda: np.ones((2, 3, 2), "f4"),
    "Run.backward.d_outputs": lambda: np.ones((2, 3, 2), "f4"),
    "Stream.step.x": lambda: np.ones((1, 2), "f4"),
    "AttentionRun.backward.d_context": x,
    "ost.analysis.alignment.net": lambda: ost.Decoder("gru", 2, 2, 2),
    "ost.analysis.alignment.x": lambda: {"x": x(), "source": x()},
    "ost.analysis.gradient_flow.targets": x,
    "ost.analysis.gradient_flow.loss": lambda: "mse",
    "ost.analysis.lyapunov_spectrum.steps": lambda: 3,
    "ost.eager.run.hidden_size": lambda: 2,
    "ost.metrics.edits.found": lambda: [1, 2],
    "ost.metrics.edits.wanted": lambda: [1, 3, 2],
    **{
        f"ost.Forecaster.{name}": lambda: [[1.0, 2.0, 3.0]]
        for name in ("fit.y", "partial_fit.y", "backtest.y")
    },
    **{f"ost.{name}.update.id": lambda: 0 for name in ("Forecaster", "StateSpace")},
    **{f"ost.{name}.update.y": lambda: 1.0 for name in ("Forecaster", "StateSpace")},
    "ost.StateSpace.fit.y": lambda: [[1.0, 2.0, 3.0, 2.0, 1.0]],
    **{
        f"ost.Forecaster.{name}.series": lambda: [[1.0, 2.0, 3.0]]
        for name in ("predict", "predict_quantiles")
    },
    **{f"ost.models.{name}.series": lambda: [1.0, 2.0, 3.0] for name in ("naive", "seasonal_naive", "theta")},
    **{
        f"ost.metrics.{name}": lambda: [1.0, 2.0]
        for name in (
            *("coverage.low", "coverage.high", "coverage.truth", "mase.forecasts", "mase.truth"),
            *("mase.history", "smape.forecasts", "smape.truth"),
        )
    },
    "ost.initializers.by_gate.gates": lambda: 2,
    "ost.ops.split.parts": lambda: 2,
    "ost.plugins.Registry.provider_of.made": lambda: ost.LSTM,
    "ost.plugins.Registry.resolve.name": lambda: "lstm",
    "ost.CheckpointedBPTT.budget": lambda: "100%",
}
NAMES: Final[dict[str, Callable[[], Any]]] = {
    "axis": lambda: "time",
    "strategy": lambda: "full",
    "scorer": lambda: "dot",
    "schedule": lambda: "cosine",
    "regularizer": lambda: "dropout",
    "optimizer": lambda: "sgd",
    "metric": lambda: "mae",
    "layer": lambda: "last",
    "initializer": lambda: "zeros",
    "cell": ost.Cell,
    "change": lambda: lambda value, axis: value,
    "data": x,
    "epochs": lambda: 1,
    "grads": lambda: {"w": np.ones(2, "f4")},
    "index": lambda: 0,
    "kind": lambda: "cell",
    "lengths": lambda: np.array([3, 2]),
    "loss": lambda: "mse",
    "lr": lambda: 0.1,
    "patterns": lambda: "*",
    "memory": x,
    "net": net,
    "path": path,
    "params": lambda: {"w": np.ones(2, "f4")},
    "query": x,
    "rng": lambda: np.random.default_rng(0),
    "rows": lambda: 2,
    "steps": lambda: 3,
    "targets": x,
    "row": lambda: {"loss": 1.0},
    "x": x,
    "X": x,
    "text": lambda: "abba",
    "prompt": lambda: "ab",
    "length": lambda: 2,
    "y": lambda: ["calm", "stormy"],
}
TYPES: Final[dict[str, Callable[[], Any]]] = {
    "Spec": lambda: ost.CellSpec("x", ost.Cell),
    "Batch": pieces,
    "type[Made]": lambda: ost.Cell,
    "Report": lambda: ost.testing.check("mse", "quick", kind="loss"),
    "Sequence[int]": lambda: (2,),
    "Axis": lambda: "time",
    "Callable[..., Any]": lambda: ost.LSTM,
    "Network": net,
    "Symbol": symbol,
    "Value": lambda: np.ones(2),
    "bool": lambda: False,
    "float": lambda: 0.5,
    "int": lambda: 2,
    "str": lambda: "x",
    "tuple[int, ...]": lambda: (2, 2),
}
# Further arguments that a right call has.
NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "ost.Input": ("size",),
    "ost.Trainer.fit": ("targets",),
    "ost.analysis.gradient_flow": ("targets", "loss"),
    "ost.analysis.lyapunov_spectrum": ("steps",),
    "ost.eager.run": ("hidden_size",),
    "ost.initializers.by_gate": ("gates",),
    "ost.Trainer.evaluate": ("targets",),
    **{
        f"ost.{kind}.{name}": ("y",)
        for kind in ("SequenceClassifier", "SequenceRegressor", "SequenceTagger")
        for name in ("fit", "partial_fit", "score", "fit_transform", "importance")
    },
}
MAKERS: Final[dict[str, Callable[[], Any]]] = {"Run": lambda: net().run(x(), training=True)}
# Methods of networks that are fed ids.
OWNERS: Final[dict[str, Callable[[], Any]]] = dict.fromkeys(
    ("ost.GRU.decode", "ost.GRU.log_prob"), lambda: ost.Sequential(ost.Embedding(3, 2), ost.Dense(2, 3))
)
# Made by the package alone.
RESULTS: Final = (
    *(
        "Gradients",
        "Run",
        "Symbol",
        "TrainingRun",
        "Alignment",
        "Decoded",
        "Hypothesis",
        "Packed",
        "Padding",
        "Report",
        "Result",
        "ReportRow",
        "Entry",
    ),
    *(
        "Provider",
        "Cost",
        "FixedPoints",
        "Gates",
        "GradientFlow",
        "Jacobians",
        "LayerCost",
        "LyapunovSpectrum",
    ),
    *("MemoryLength", "Saturation", "Spectral", "SpectralBlock", "Moment", "History", "Layer"),
)
SLOW: Final = tuple(
    f"ost.testing.check{end}" for end in ("", "_callback", "_cell", "_layer", "_optimizer", "_strategy")
) + (() if find_spec("h5py") else ("ost.io.load_keras",))


SENTENCES: Final = [["a", "dog"], ["a", "cat", "a"]]
TAGS: Final = [["D", "N"], ["D", "N", "D"]]
FITTING: Final[dict[str, Callable[[], tuple[Any, ...]]]] = {
    "Forecaster": lambda: ([[1.0, 2.0, 3.0, 2.0, 1.0]],),
    "StateSpace": lambda: ([[1.0, 2.0, 3.0, 2.0, 1.0]],),
    "SequenceClassifier": lambda: (x(), ["calm", "stormy"]),
    "SequenceRegressor": lambda: (x(), [0.5, 2.0]),
    "SequenceTagger": lambda: (SENTENCES, TAGS),
    "LanguageModel": lambda: ("abba abba",),
    "Seq2Seq": lambda: (["abb", "ba"], ["bba", "ab"]),
    "SequenceGenerator": lambda: (["calm", "stormy"], ["abb", "ba"]),
}


def fitting(kind: type) -> Callable[[], Callable[..., Any]]:
    """A constructor that calls `fit` too, where an estimator reads its parameters."""

    def fitted(**parameters: Any) -> Any:
        small = {"max_iter": 1, "hidden_size": 2, "random_state": 0}
        if issubclass(kind, (ost.SequenceClassifier, ost.SequenceRegressor)):
            small["bidirectional"] = False  # so that it has a stream
        if kind is ost.StateSpace:
            small = {"max_iter": 1}
        return kind(**{**small, **parameters}).fit(*FITTING[kind.__name__]())

    return lambda: fitted


def maker_of(kind: type) -> Callable[[], Any] | None:
    return MAKERS.get(kind.__name__)


def is_result(kind: type) -> bool:
    return kind.__name__ in RESULTS


def is_needed(entry: str, name: str) -> bool:
    return name in NEEDED.get(entry, ())


def sample(entry: str, one: inspect.Parameter, function: Callable[..., Any]) -> Any:
    if one.name == "state" and function.__name__ == "load_state_dict":
        return function.__self__.state_dict()  # type: ignore[attr-defined]
    if entry.startswith("ost.ops.entries.") and one.name == "v":
        return EntryValues("memory", np.ones((3, 2)))
    if one.name == "mapping":
        return function.__self__.state_dict()  # type: ignore[attr-defined]
    annotation = str(one.annotation)
    kind = annotation if annotation in ("Symbol", "Spec", "Batch") else ""
    for table, key in (
        (ENTRIES, f"{entry}.{one.name}"),
        (TYPES, kind),
        (NAMES, one.name),
        (TYPES, annotation),
    ):
        if key in table:
            value = table[key]()
            return [value] if one.kind is one.VAR_POSITIONAL else value
    if one.kind is one.VAR_POSITIONAL:
        return []
    raise LookupError(f"{entry}: no sample for {one}")
