"""ONNX Runtime's side: its LSTM and GRU operators, inference only."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

OPERATOR = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
# Our blocks in the order of ONNX: i o f c for the LSTM, z r h for the GRU.
BLOCKS = {"lstm": [0, 3, 1, 2], "gru": [1, 0, 2], "rnn": [0]}
# IR version 10 and operator set 21 are read by every release since 1.18.
OPSET, IR = 21, 10


class Rival:
    """One layer in ONNX Runtime. `params` are named as in our state dict; x is (N, T, I)."""

    def __init__(self, kind: str, params: dict[str, np.ndarray], x: np.ndarray, threads: int) -> None:
        self.kind, self.rows = kind, x.shape[0]
        self.hidden = params["weight_hh_l0"].shape[1]

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
            hidden_size=self.hidden,
            **extra,
        )
        graph = helper.make_graph(
            [node],
            kind,
            [
                helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", "N", x.shape[2]]),
                *(helper.make_tensor_value_info(s, TensorProto.FLOAT, [1, "N", self.hidden]) for s in states),
            ],
            [
                helper.make_tensor_value_info("Y", TensorProto.FLOAT, ["T", 1, "N", self.hidden]),
                *(
                    helper.make_tensor_value_info(f"{s}_next", TensorProto.FLOAT, [1, "N", self.hidden])
                    for s in states
                ),
            ],
            [numpy_helper.from_array(value, name) for name, value in weights.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.feed = {"X": np.ascontiguousarray(x.swapaxes(0, 1))}
        self.feed |= {state: np.zeros((1, self.rows, self.hidden), np.float32) for state in states}
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
