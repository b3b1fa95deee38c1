"""An RNN with the statistics of a batch, which a cell must not have."""

from __future__ import annotations

from typing import Any

import numpy as np

from ostinato import Cell, Param, State


class BatchRNN(Cell):
    """h' = tanh(W x - mean over rows of W x + U h): its rows see each other, and the kit says so."""

    name = "batch_rnn"
    batched = True

    def parameters(self, size: Any) -> dict[str, Param]:
        return {"W": Param((size.hidden, size.input)), "U": Param((size.hidden, size.hidden))}

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        a = np.asarray(x @ p.W.T, dtype=float)
        h = np.tanh(a - a.mean(0) + state.h @ p.U.T)
        return h, {"h": h}

    def vjp(self, x: Any, state: Any, p: Any, d_output: Any, d_state: Any) -> tuple[Any, Any, Any]:
        d = (d_output + d_state.h) * (1 - self.step(x, state, p)[0] ** 2)
        da = d - d.mean(0)
        return da @ p.W, {"h": d @ p.U}, {"W": da.T @ x, "U": d.T @ state.h}
