"""The arrays of a layer of Keras as those of a network: axes exchanged, gates in our order.

| Keras | here |
|---|---|
| kernel (I, G*H), G gates | weight_ih (G*H, I) |
| recurrent_kernel (H, G*H) | weight_hh (G*H, H) |
| bias (G*H,) | bias_ih (G*H,), and bias_hh = 0 |
| bias (2, G*H), of a GRU with reset_after | bias_ih, bias_hh |
| kernel (I, O), bias (O,) of Dense | weight (O, I), bias (O,) |
| embeddings (V, D) | weight (V, D) |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from ostinato.cells.gates import GRU_GATES, KERAS_GRU_GATES, KERAS_LSTM_GATES, LSTM_GATES
from ostinato.sequences.arrays import Array

BLOCKS: Final = {
    "SimpleRNN": [0],
    "LSTM": [KERAS_LSTM_GATES.index(gate) for gate in LSTM_GATES],
    "GRU": [KERAS_GRU_GATES.index(gate) for gate in GRU_GATES],
}
"""The place in Keras of each of our gates."""


def ours(kind: str, arrays: Sequence[Array]) -> list[Array]:
    """The arrays of one direction in our form and order. The shapes are checked before."""
    if kind == "Embedding":
        return list(arrays)
    if kind == "Dense":
        return [arrays[0].T, *arrays[1:]]
    made = [_rows(kind, one.T) for one in arrays[:2]]
    for bias in arrays[2:]:
        first, *second = bias if bias.ndim == 2 else [bias]
        made += [_rows(kind, first), *(_rows(kind, one) for one in second or [np.zeros_like(first)])]
    return made


def _rows(kind: str, array: Array) -> Array:
    """Blocks of rows, one for each gate, in our order."""
    parts = np.split(array, len(BLOCKS[kind]))
    return np.concatenate([parts[place] for place in BLOCKS[kind]])
