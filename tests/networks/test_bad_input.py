"""The table of bad input: each line is refused with its error class, and the message names the argument."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.foreign.names import NETWORK as FOREIGN_NAMES
from tests.bad import Bad

NAN, INF = float("nan"), float("inf")


def lstm() -> ost.Network:
    return ost.LSTM(3, 4)


def tagger() -> ost.Network:
    return ost.Sequential(ost.Embedding(7, 3), ost.GRU(3, 4), ost.Dense(4, 5))


def zeros(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.zeros(shape, dtype)


X = zeros(2, 5, 3)
Y = zeros(2, 5, 4)
IDS = zeros(2, 5, dtype="int64")


class Nothing(ost.Cell):
    """A step with no states and no parameters that forgets to return them."""

    def step(self, x: Any, state: Any, p: Any) -> Any:
        return x


class Branching(ost.Cell):
    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = state.h if x[0] > 0 else -state.h
        return h, {"h": h}


def train(net: ost.Network | None = None, x: Any = X, targets: Any = Y, **more: Any) -> Any:
    return (net or lstm()).value_and_grad(x, targets, **{"loss": "mse", **more})


def backward(*arguments: Any, **more: Any) -> Any:
    return lstm().run(X, training=True).backward(*arguments, **more)


STATE = {"h": zeros(1, 2, 4), "c": zeros(1, 2, 4)}

TABLE = {
    # Making a layer.
    "unknown cell": Bad(
        lambda: ost.Recurrent("lstmm", 3, 4), ost.ConfigError, ("lstmm", "did you mean 'lstm'")
    ),
    "unknown cell of a package": Bad(lambda: ost.Recurrent("acme/x", 3, 4), ost.ConfigError, ("acme/x",)),
    "a cell that is none": Bad(lambda: ost.Recurrent(7, 3, 4), ost.DTypeError, ("cell is 7",)),
    "a class that is no cell": Bad(lambda: ost.Recurrent(dict, 3, 4), ost.DTypeError, ("cell", "dict")),
    "unknown option": Bad(lambda: ost.LSTM(3, 4, peephole=True), ost.ConfigError, ("peephole", "peepholes")),
    "argument misspelled": Bad(
        lambda: ost.LSTM(3, 4, batch_frist=True),
        ost.ConfigError,
        ("batch_frist", "did you mean 'batch_first'"),
    ),
    "option with an instance": Bad(
        lambda: ost.Recurrent(Branching(), 3, 4, rate=1), ost.ConfigError, ("rate", "instance")
    ),
    "input_size 0": Bad(lambda: ost.LSTM(0, 4), ost.ConfigError, ("input_size is 0",)),
    "hidden_size negative": Bad(lambda: ost.LSTM(3, -4), ost.ConfigError, ("hidden_size is -4",)),
    "hidden_size a float": Bad(lambda: ost.LSTM(3, 4.0), ost.ConfigError, ("hidden_size is 4.0",)),
    "hidden_size True": Bad(lambda: ost.LSTM(3, True), ost.ConfigError, ("hidden_size is True",)),
    "hidden_size enormous": Bad(lambda: ost.LSTM(3, 2**40), ost.ConfigError, ("hidden_size", "at most")),
    "num_layers 0": Bad(lambda: ost.GRU(3, 4, 0), ost.ConfigError, ("num_layers is 0",)),
    "num_layers a text": Bad(lambda: ost.GRU(3, 4, "2"), ost.ConfigError, ("num_layers is '2'",)),
    "bidirectional a number": Bad(
        lambda: ost.RNN(3, 4, bidirectional=2), ost.ConfigError, ("bidirectional is 2",)
    ),
    "batch_first None": Bad(
        lambda: ost.RNN(3, 4, batch_first=None), ost.ConfigError, ("batch_first is None",)
    ),
    "dtype of integers": Bad(lambda: ost.RNN(3, 4, dtype="int32"), ost.ConfigError, ("dtype is 'int32'",)),
    "dtype half": Bad(lambda: ost.RNN(3, 4, dtype=np.float16), ost.ConfigError, ("dtype", "float32")),
    "dtype unknown": Bad(lambda: ost.RNN(3, 4, dtype="float31"), ost.ConfigError, ("dtype is 'float31'",)),
    "dtype a list": Bad(lambda: ost.RNN(3, 4, dtype=[1]), ost.ConfigError, ("dtype is [1]",)),
    "dtype None": Bad(lambda: ost.RNN(3, 4, dtype=None), ost.ConfigError, ("dtype is None",)),
    "seed negative": Bad(lambda: ost.RNN(3, 4, seed=-1), ost.ConfigError, ("seed is -1",)),
    "seed a float": Bad(lambda: ost.RNN(3, 4, seed=0.5), ost.ConfigError, ("seed is 0.5",)),
    "nonlinearity unknown": Bad(
        lambda: ost.RNN(3, 4, nonlinearity="cube"), ost.ConfigError, ("nonlinearity", "cube")
    ),
    "reset unknown": Bad(lambda: ost.GRU(3, 4, reset="never"), ost.ConfigError, ("reset", "never")),
    "proj_size too large": Bad(lambda: ost.LSTM(3, 4, proj_size=4), ost.ConfigError, ("proj_size is 4",)),
    "dropout": Bad(lambda: ost.LSTM(3, 4, 2, dropout=0.5), ost.ConfigError, ("dropout is 0.5",)),
    "regularizers": Bad(lambda: ost.LSTM(3, 4, regularizers=["zonout"]), ost.ConfigError, ("zoneout",)),
    "init unknown": Bad(lambda: ost.LSTM(3, 4, init="xavier"), ost.ConfigError, ("xavier",)),
    "init for no parameter": Bad(
        lambda: ost.LSTM(3, 4, init={"w": "zeros"}), ost.ConfigError, ("init", "'w'")
    ),
    "init a number": Bad(lambda: ost.LSTM(3, 4, init=0.1), ost.ConfigError, ("init is 0.1",)),
    "init of another shape": Bad(
        lambda: ost.LSTM(3, 4, init=lambda shape, rng: np.zeros(3)),
        ost.ShapeError,
        ("initializer of weight_ih_l0",),
    ),
    "init not finite": Bad(
        lambda: ost.LSTM(3, 4, init=lambda shape, rng: np.full(shape, NAN)),
        ost.ConfigError,
        ("weight_ih_l0",),
    ),
    "residual of nothing": Bad(
        lambda: ost.LSTM(3, 4, residual=True), ost.ConfigError, ("residual", "input_size is 3")
    ),
    "a step that branches": Bad(
        lambda: ost.Recurrent(Branching, 3, 4), ost.TraceError, ("branching", "where")
    ),
    "a step that returns one thing": Bad(
        lambda: ost.Recurrent(Nothing, 3, 4), ost.TraceError, ("nothing", "return")
    ),
    "activation unknown": Bad(lambda: ost.Dense(3, 4, "rely"), ost.ConfigError, ("activation is 'rely'",)),
    "output_size 0": Bad(lambda: ost.Dense(3, 0), ost.ConfigError, ("output_size is 0",)),
    "num_embeddings 0": Bad(lambda: ost.Embedding(0, 4), ost.ConfigError, ("num_embeddings is 0",)),
    "embedding_dim a float": Bad(lambda: ost.Embedding(3, 1.5), ost.ConfigError, ("embedding_dim is 1.5",)),
    # Putting layers together.
    "no layers": Bad(lambda: ost.Sequential(), ost.ConfigError, ("no layers",)),
    "a layer that is none": Bad(
        lambda: ost.Sequential(ost.RNN(3, 4), 3), ost.DTypeError, ("'1'", "3; expected a name")
    ),
    "a layer by a name that there is not": Bad(
        lambda: ost.Sequential(ost.RNN(3, 4), "las"), ost.ConfigError, ("layer '1'", "'las'", "did you mean")
    ),
    "a layer by its name, with required options": Bad(
        lambda: ost.Sequential(ost.RNN(3, 4), "dense"),
        ost.ConfigError,
        ("'dense'", "ost.layers.Dense(input_size"),
    ),
    "a regularizer before ids": Bad(
        lambda: ost.Sequential(ost.Dropout(0.1), ost.Embedding(5, 4)),
        ost.ConfigError,
        ("Dropout", "takes ids", "put it after"),
    ),
    "regularizers alone": Bad(
        lambda: ost.Sequential(ost.Dropout(0.1), ost.Dropout(0.1)), ost.ConfigError, ("no width of its own",)
    ),
    "a regularizer of weights between layers": Bad(
        lambda: ost.Sequential(ost.RNN(3, 4), ost.L2(0.1)), ost.ConfigError, ("L2", "regularizers=[L2")
    ),
    "neighbours that do not fit": Bad(
        lambda: ost.Sequential(ost.RNN(3, 4), ost.Dense(5, 2)), ost.ShapeError, ("'1'", "takes 5", "gives 4")
    ),
    "an embedding in the middle": Bad(
        lambda: ost.Sequential(ost.RNN(3, 4), ost.Embedding(4, 2)), ost.ConfigError, ("'1'", "ids")
    ),
    "two dtypes": Bad(
        lambda: ost.Sequential(ost.RNN(3, 4), ost.Dense(4, 2, dtype="float64")),
        ost.ConfigError,
        ("dtype", "'1'"),
    ),
    "a name with a dot": Bad(lambda: ost.Sequential({"a.b": ost.RNN(3, 4)}), ost.ConfigError, ("a.b",)),
    "both ways around ids": Bad(
        lambda: ost.Bidirectional(ost.Embedding(3, 4)), ost.ConfigError, ("forward", "ids")
    ),
    "both ways around both ways": Bad(
        lambda: ost.Bidirectional(ost.RNN(3, 4, bidirectional=True)),
        ost.ConfigError,
        ("weight_ih_l0_reverse",),
    ),
    "both ways with another make": Bad(
        lambda: ost.Bidirectional(ost.RNN(3, 4), ost.GRU(3, 4)), ost.ConfigError, ("backward", "GRU")
    ),
    "forward that is no layer": Bad(lambda: ost.Bidirectional("rnn"), ost.DTypeError, ("forward", "str")),
    # Running.
    "x of rank 2": Bad(
        lambda: lstm().run(zeros(5, 3)), ost.ShapeError, ("x is (5, 3)", "(N, T, 3)", "x[None]")
    ),
    "x of rank 4": Bad(lambda: lstm().run(zeros(1, 2, 5, 3)), ost.ShapeError, ("x is", "(N, T, 3)")),
    "x of rank 0": Bad(lambda: lstm().run(1.0), ost.ShapeError, ("x is ()",)),
    "x too wide": Bad(lambda: lstm().run(zeros(2, 5, 4)), ost.ShapeError, ("x is (2, 5, 4)", "(N, T, 3)")),
    "x of no width": Bad(lambda: lstm().run(zeros(2, 5, 0)), ost.ShapeError, ("x is (2, 5, 0)",)),
    "x of integers": Bad(lambda: lstm().run(zeros(2, 5, 3, dtype="int64")), ost.DTypeError, ("x", "int64")),
    "x of booleans": Bad(lambda: lstm().run(zeros(2, 5, 3, dtype="bool")), ost.DTypeError, ("x", "bool")),
    "x complex": Bad(
        lambda: lstm().run(zeros(2, 5, 3, dtype="complex64")), ost.DTypeError, ("x", "complex64")
    ),
    "x of objects": Bad(lambda: lstm().run(zeros(2, 5, 3, dtype="object")), ost.DTypeError, ("x", "object")),
    "x of texts": Bad(lambda: lstm().run(np.array([[["a"]]])), ost.DTypeError, ("x", "<U1")),
    "x None": Bad(lambda: lstm().run(None), ost.DTypeError, ("x",)),
    "rows too wide": Bad(
        lambda: lstm().run([zeros(5, 3), zeros(2, 4)]), ost.ShapeError, ("x[1] is (2, 4)", "(T, 3)")
    ),
    "rows of integers": Bad(
        lambda: lstm().run([zeros(5, 3, dtype="int8")]), ost.DTypeError, ("x[0]", "int8")
    ),
    "a row that is ragged itself": Bad(lambda: lstm().run([[[1.0], [1.0, 2.0]]]), ost.ShapeError, ("x[0]",)),
    "rows and lengths": Bad(lambda: lstm().run([zeros(5, 3)], lengths=[5]), ost.ConfigError, ("lengths",)),
    "ids as floats": Bad(lambda: tagger().run(zeros(2, 5)), ost.DTypeError, ("x", "float32", "integers")),
    "ids of rank 3": Bad(
        lambda: tagger().run(zeros(2, 5, 1, dtype="int64")), ost.ShapeError, ("x is", "ids (N, T)")
    ),
    "id too large": Bad(
        lambda: tagger().run([[0, 1], [2, 7]]), ost.ConfigError, ("x", "id 7", "row 1, step 1", "6")
    ),
    "id negative": Bad(lambda: tagger().run(np.array([[-1]])), ost.ConfigError, ("x", "id -1", "0 to 6")),
    "id beyond int64": Bad(
        lambda: tagger().run(np.array([[2**63]], np.uint64)), ost.ConfigError, ("x", str(2**63))
    ),
    "lengths of rank 2": Bad(
        lambda: lstm().run(X, lengths=[[5, 5]]), ost.ShapeError, ("lengths is (1, 2)", "(2,)")
    ),
    "too few lengths": Bad(lambda: lstm().run(X, lengths=[5]), ost.ShapeError, ("lengths is (1,)", "(2,)")),
    "lengths of floats": Bad(
        lambda: lstm().run(X, lengths=[5.0, 5.0]), ost.DTypeError, ("lengths", "float64")
    ),
    "lengths of booleans": Bad(
        lambda: lstm().run(X, lengths=[True, True]), ost.DTypeError, ("lengths", "bool")
    ),
    "a length too large": Bad(
        lambda: lstm().run(X, lengths=[5, 6]), ost.ShapeError, ("lengths[1] is 6", "0 to 5")
    ),
    "a length negative": Bad(lambda: lstm().run(X, lengths=[-1, 5]), ost.ShapeError, ("lengths[0] is -1",)),
    "a length enormous": Bad(
        lambda: lstm().run(X, lengths=np.array([2**63, 1], np.uint64)), ost.ShapeError, ("lengths[0] is",)
    ),
    "a mask of other axes": Bad(
        lambda: lstm().run(X, mask=np.ones((5, 2), bool)),
        ost.ShapeError,
        ("mask is (5, 2)", "(2, 5)", "2 rows of 5 steps"),
    ),
    "a mask of features": Bad(
        lambda: lstm().run(X, mask=np.ones((2, 5, 3), bool)), ost.ShapeError, ("mask is (2, 5, 3)", "(2, 5)")
    ),
    "a mask of lengths": Bad(lambda: lstm().run(X, mask=[5, 3]), ost.DTypeError, ("mask", "int64", "bool")),
    "a mask of zeros and ones": Bad(
        lambda: lstm().run(X, mask=zeros(2, 5)), ost.DTypeError, ("mask", "float32", ".astype(bool)")
    ),
    "a mask of integers in rows": Bad(
        lambda: lstm().run([zeros(2, 3)], mask=[[1, 0]]), ost.DTypeError, ("mask[0]", ".astype(bool)")
    ),
    "a mask of other rows": Bad(
        lambda: lstm().run([zeros(2, 3)], mask=[[True]]),
        ost.ShapeError,
        ("mask[0] has 1 steps", "x[0] has 2"),
    ),
    "a mask of too few rows": Bad(
        lambda: lstm().run([zeros(2, 3)] * 2, mask=[[True] * 2]), ost.ShapeError, ("mask has 1 rows",)
    ),
    "a dict as mask": Bad(
        lambda: lstm().run(X, mask={"x": np.ones((2, 5), bool)}),
        ost.ConfigError,
        ("mask has the axis 'x'", "expected: time", "axes, not inputs"),
    ),
    "a mask in training": Bad(
        lambda: train(mask=np.ones((2, 4), bool)), ost.ShapeError, ("mask is (2, 4)", "(2, 5)")
    ),
    "a mask of a stream": Bad(
        lambda: lstm().stream(2).step(zeros(2, 3), mask=[True, False]), TypeError, ("mask",)
    ),
    "state no dict": Bad(lambda: lstm().run(X, state=zeros(1, 2, 4)), ost.DTypeError, ("state", "ndarray")),
    "state unknown": Bad(
        lambda: lstm().run(X, state={**STATE, "s": Y}), ost.ConfigError, ("state", "'s'", "'h', 'c'")
    ),
    "state missing": Bad(
        lambda: lstm().run(X, state={"h": STATE["h"]}), ost.ConfigError, ("state", "lacks 'c'")
    ),
    "state without layers": Bad(
        lambda: lstm().run(X, state={**STATE, "c": zeros(2, 4)}),
        ost.ShapeError,
        ("state['c'] is (2, 4)", "(1, 2, 4)"),
    ),
    "state of integers": Bad(
        lambda: lstm().run(X, state={**STATE, "h": zeros(1, 2, 4, dtype="int32")}),
        ost.DTypeError,
        ("state['h']",),
    ),
    "state where there is none": Bad(
        lambda: ost.Dense(3, 4).run(X, state={"h": Y}), ost.ConfigError, ("state", "'h'")
    ),
    "training a number": Bad(lambda: lstm().run(X, training=1), ost.ConfigError, ("training is 1",)),
    "a state by place": Bad(lambda: lstm().run(X, STATE), TypeError, ("positional argument",)),
    "a way through time of a run": Bad(
        lambda: lstm().run(X, through_time=ost.FullBPTT()), TypeError, ("through_time",)
    ),
    # Going back.
    "backward without training": Bad(
        lambda: lstm().run(X).backward(Y), ost.ConfigError, ("backward", "training=True")
    ),
    "d_outputs of another shape": Bad(
        lambda: backward(zeros(2, 5, 3)), ost.ShapeError, ("d_outputs", "(2, 5, 4)")
    ),
    "d_outputs of integers": Bad(
        lambda: backward(zeros(2, 5, 4, dtype="int8")), ost.DTypeError, ("d_outputs", "int8")
    ),
    "d_final_state unknown": Bad(lambda: backward(Y, {"s": Y}), ost.ConfigError, ("d_final_state", "'s'")),
    "d_final_state of another shape": Bad(
        lambda: backward(Y, {"h": Y}), ost.ShapeError, ("d_final_state['h']", "(1, 2, 4)")
    ),
    # Losses.
    "loss unknown": Bad(lambda: train(loss="mean"), ost.ConfigError, ("mean", "mse")),
    "loss that is none": Bad(lambda: train(loss=7), ost.DTypeError, ("loss is 7",)),
    "reduction unknown": Bad(lambda: train(reduction="max"), ost.ConfigError, ("reduction is 'max'",)),
    "targets of another shape": Bad(
        lambda: train(targets=X), ost.ShapeError, ("targets is (2, 5, 3)", "(2, 5, 4)")
    ),
    "targets of integers": Bad(
        lambda: train(targets=zeros(2, 5, 4, dtype="int64")), ost.DTypeError, ("targets", "int64")
    ),
    "target ids as floats": Bad(
        lambda: train(tagger(), IDS, zeros(2, 5), loss="cross_entropy"),
        ost.DTypeError,
        ("targets", "float32"),
    ),
    "target id too large": Bad(
        lambda: train(tagger(), IDS, IDS + 5, loss="cross_entropy"),
        ost.ConfigError,
        ("targets", "id 5", "0 to 4"),
    ),
    "target ids too short": Bad(
        lambda: train(tagger(), IDS, IDS[:, :4], loss="cross_entropy"), ost.ShapeError, ("targets is (2, 4)",)
    ),
    "target rows of other lengths": Bad(
        lambda: train(x=[zeros(5, 3), zeros(2, 3)], targets=[zeros(5, 4), zeros(3, 4)]),
        ost.ShapeError,
        ("targets[1] has 3 steps", "x[1] has 2"),
    ),
    "too few target rows": Bad(
        lambda: train(x=[zeros(5, 3), zeros(2, 3)], targets=[zeros(5, 4)]),
        ost.ShapeError,
        ("targets has 1 rows",),
    ),
    "weights of another shape": Bad(
        lambda: train(weights=zeros(2, 4)), ost.ShapeError, ("weights is (2, 4)",)
    ),
    "weights negative in a mean": Bad(
        lambda: train(weights=-np.ones((2, 5))), ost.ConfigError, ("weights holds a neg", 'reduction="sum"')
    ),
    "weights of booleans": Bad(
        lambda: train(weights=zeros(2, 5, dtype="bool")), ost.DTypeError, ("weights", "bool")
    ),
    "lengths in training": Bad(lambda: train(lengths=[9, 1]), ost.ShapeError, ("lengths[0] is 9",)),
    # Hyper-parameters.
    "learning rate NaN": Bad(lambda: ost.SGD(lr=NAN), ost.ConfigError, ("lr", "finite")),
    "learning rate infinite": Bad(lambda: ost.Adam(lr=INF), ost.ConfigError, ("lr", "finite")),
    "learning rate negative": Bad(lambda: ost.SGD(lr=-1.0), ost.ConfigError, ("lr", "at least 0")),
    "clip norm NaN": Bad(lambda: ost.clip_norm(zeros(3), NAN), ost.ConfigError, ("max_norm",)),
    "threads 0": Bad(lambda: ost.set_num_threads(0), ost.ConfigError, ("n is 0",)),
    "threads a float": Bad(lambda: ost.set_num_threads(1.5), ost.ConfigError, ("n is 1.5",)),
    # Parameters and files.
    "a state dict that is none": Bad(
        lambda: lstm().load_state_dict([1]), ost.DTypeError, ("state dict", "list")
    ),
    "a parameter of integers": Bad(
        lambda: ost.Dense(1, 1).load_state_dict({"weight": [[1]], "bias": [0.0]}),
        ost.DTypeError,
        ("weight", "int64"),
    ),
    "a parameter missing": Bad(
        lambda: ost.Dense(1, 1).load_state_dict({"bias": [0.0]}), ost.ConfigError, ("missing: weight",)
    ),
    "a parameter transposed": Bad(
        lambda: ost.Dense(3, 2).load_state_dict({"weight": zeros(3, 2), "bias": zeros(2)}),
        ost.ShapeError,
        ("weight is (3, 2)", "(2, 3)", ".T"),
    ),
    "a path that is none": Bad(lambda: ost.load(7), ost.DTypeError, ("path is 7",)),
    "a file that is not there": Bad(lambda: ost.load("no/such/file"), OSError, ("no/such/file",)),
    "explain of half a row": Bad(lambda: lstm().explain(rows=0.5), ost.ConfigError, ("rows is 0.5",)),
    "explain of too many rows": Bad(
        lambda: lstm().explain(rows=2**70), ost.ConfigError, ("rows is 1180", "at most 2147483647")
    ),
    "a stream of too many rows": Bad(
        lambda: lstm().stream(2**70), ost.ConfigError, ("batch is 1180", "at most")
    ),
    "too many threads": Bad(lambda: ost.set_num_threads(2**70), ost.ConfigError, ("n is 1180", "at most")),
    "a plan of too many steps": Bad(
        lambda: ost.CheckpointedBPTT("5%").plan(lstm(), 2, 2**70), ost.ConfigError, ("steps is 1180",)
    ),
    "a budget that one long row cannot keep": Bad(
        lambda: ost.CheckpointedBPTT("1%").plan(lstm(), 1, 1000), ost.ConfigError, ("% of what FullBPTT",)
    ),
    "nothing as x": Bad(lambda: lstm().run(None), ost.DTypeError, ("x is None; expected an array",)),
    "a text as x": Bad(lambda: lstm().run("text"), ost.DTypeError, ("x is 'text'; expected an array",)),
    "an array of texts as targets": Bad(
        lambda: train(targets=np.full((2, 5, 4), "a")), ost.DTypeError, ("targets is an array of <U1",)
    ),
    # Registering.
    "registering a built-in's name": Bad(
        lambda: ost.register(ost.CellSpec("lstm", Branching)), ost.ConfigError, ("lstm", "built in")
    ),
    "registering a number": Bad(lambda: ost.register(7), ost.ConfigError, ("register: item is 7",)),
}


@pytest.mark.parametrize("name", TABLE)
def test_bad_input_raises_a_typed_error_that_names_the_argument(name: str) -> None:
    TABLE[name].check()


@pytest.mark.parametrize("name", FOREIGN_NAMES)
def test_what_other_frameworks_call_it_leads_to_what_it_is_called_here(name: str) -> None:
    with pytest.raises(AttributeError, match=f"'LSTM' object has no attribute '{name}'; ") as caught:
        getattr(lstm(), name)
    assert FOREIGN_NAMES[name] in str(caught.value)


SETTINGS = {
    "trainable": (False, r"use net.freeze\(.0\.\*.\)"),
    "requires_grad": (False, r"use net.freeze\(.0\.\*.\)"),
    "training": (True, r"run\(x, training=True\)"),
    "weights": ([], r"use net.parameters\(\)"),
    "noise_call": (3, "did you mean 'noise_calls'"),
    "note": ("mine", "in the __init__ of a subclass"),
    "hidden_size": (8, "LSTM: 'hidden_size' is fixed at construction; make a new one"),
    "bidirectional": (True, "is fixed"),
    "dtype": (np.float64, "is fixed"),
    "batch_first": (False, "is fixed"),
    "seed": (1, "is fixed"),
}

MADE: dict[str, Callable[[ost.Network], Any]] = {
    "made": lambda net: net,
    "copied": copy.copy,
    "deeply copied": copy.deepcopy,
    "pickled": lambda net: pickle.loads(pickle.dumps(net)),
    "moved": lambda net: ost.Sequential(net)[0],
}


@pytest.mark.parametrize("how", MADE)
@pytest.mark.parametrize("name", SETTINGS)
def test_setting_what_nothing_reads_is_an_error_with_a_hint(name: str, how: str) -> None:
    net = MADE[how](lstm())
    value, words = SETTINGS[name]
    before = vars(net).copy()
    with pytest.raises(AttributeError, match=words):
        setattr(net, name, value)
    assert vars(net) == before


def test_a_loaded_network_takes_no_new_attributes_either(tmp_path: Path) -> None:
    ost.Sequential(lstm(), ost.Dense(4, 2)).save(tmp_path / "model")
    net = ost.load(tmp_path / "model")
    for one in (net, net[0]):
        with pytest.raises(AttributeError, match=r"use net\.freeze"):
            one.trainable = False
    with pytest.raises(AttributeError, match="'layers' is fixed"):
        net.layers = {}


def test_what_can_be_set_can_be_set() -> None:
    class Noted(ost.LSTM):
        def __init__(self, *sizes: int) -> None:
            self.early = 1
            super().__init__(*sizes)
            self.late = 2

    net = Noted(3, 4)
    net.early, net.late, net.noise_calls, net._mine = 3, 4, 5, 6
    again = pickle.loads(pickle.dumps(copy.copy(ost.LSTM(3, 4))))
    again.noise_calls, again._mine = 5, 6
    assert (net.early, net.late, net.noise_calls, again.noise_calls) == (3, 4, 5, 5)


def test_a_name_of_no_framework_gets_the_message_of_python() -> None:
    net = lstm()
    with pytest.raises(AttributeError, match=r"'LSTM' object has no attribute 'paramters'$"):
        _ = net.paramters
    assert not hasattr(net, "__array__")


def test_a_property_that_fails_says_why() -> None:
    class Mine(ost.LSTM):
        @property
        def summary(self) -> str:
            return self.settings.text

    with pytest.raises(AttributeError, match=r"'Mine' object has no attribute 'settings'$"):
        _ = Mine(2, 3).summary


def test_a_failed_call_leaves_the_network_as_it_was() -> None:
    net = lstm()
    before = net.run(X + 1).outputs
    for name in ("x too wide", "a length too large", "state missing"):
        with pytest.raises(ost.OstinatoError):
            TABLE[name].call()
    np.testing.assert_array_equal(net.run(X + 1).outputs, before)
