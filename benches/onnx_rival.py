"""ONNX Runtime's side: its LSTM and GRU operators, inference only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

OPERATOR = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
# Our blocks in the order of ONNX: i o f c for the LSTM, z r h for the GRU.
BLOCKS = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2], "rnn": [0]}
# IR version 10 and operator set 21 are read by every release since 1.18.
OPSET, IR = 21, 10


def layer(kind: str, params: dict[str, np.ndarray], width: int) -> tuple[bytes, list[str]]:
    """A model of one layer, and the names of its states. Inputs: X (T, N, `width`), states (1, N, H)."""
    hidden = params["weight_hh_l0"].shape[1]

    def blocks(name: str) -> np.ndarray:
        parts = np.split(params[name], len(BLOCKS[kind]))
        return np.concatenate([parts[at] for at in BLOCKS[kind]])

    bias = np.concatenate([blocks("bias_ih_l0"), blocks("bias_hh_l0")])
    weights = {"W": blocks("weight_ih_l0")[None], "R": blocks("weight_hh_l0")[None], "B": bias[None]}
    states = ["h", "c"] if kind == "lstm" else ["h"]
    extra = {"linear_before_reset": 1} if kind == "gru" else {}
    node = helper.make_node(
        OPERATOR[kind],
        ["X", "W", "R", "B", "", *states],
        ["Y", *(f"{state}_next" for state in states)],
        hidden_size=hidden,
        **extra,
    )

    def value(name: str, shape: list[Any]) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        [node],
        kind,
        [value("X", ["T", "N", width]), *(value(state, [1, "N", hidden]) for state in states)],
        [
            value("Y", ["T", 1, "N", hidden]),
            *(value(f"{state}_next", [1, "N", hidden]) for state in states),
        ],
        [numpy_helper.from_array(one, name) for name, one in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    return model.SerializeToString(), states


class Rival:
    """One layer in ONNX Runtime. `params` are named as in our state dict; x is (N, T, I)."""

    def __init__(self, kind: str, params: dict[str, np.ndarray], x: np.ndarray, threads: int) -> None:
        model, states = layer(kind, params, x.shape[2])
        rows, hidden = x.shape[0], params["weight_hh_l0"].shape[1]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.feed = {"X": np.ascontiguousarray(x.swapaxes(0, 1))}
        self.feed |= {state: np.zeros((1, rows, hidden), np.float32) for state in states}
        self.states = states

    def infer(self) -> list[np.ndarray]:
        """Outputs and states."""
        return self.session.run(None, self.feed)

    def step(self) -> None:
        """One step of a stream: the states that come out go in again. X must be one step."""
        results = self.session.run(None, self.feed)
        for state, value in zip(self.states, results[1:], strict=True):
            self.feed[state] = value

    def work(self, training: bool) -> Callable[[], object]:
        """What is timed. Raises ValueError for training, which ONNX Runtime does not do here."""
        if training:
            raise ValueError("ONNX Runtime is measured in inference only")
        return self.infer

    def outputs(self) -> np.ndarray:
        """(N, T, H)."""
        return self.infer()[0][:, 0].swapaxes(0, 1)
