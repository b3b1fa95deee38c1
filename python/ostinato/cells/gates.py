"""Gate orders: the gate of each block of a stacked weight. Only this file defines them.

| gate order            | LSTM                      | GRU                                            |
|-----------------------|---------------------------|------------------------------------------------|
| here, PyTorch, Equinox| i f g o                   | r z n                                          |
| Keras                 | i f c o                   | z r h                                          |
| ONNX                  | i o f c (peepholes i o f) | z r h (linear_before_reset=1 is reset="after") |

(Keras and ONNX write c for the LSTM's g and h for the GRU's n.)
"""

LSTM_GATES = ("i", "f", "g", "o")
"""Input gate, forget gate, candidate, output gate."""

GRU_GATES = ("r", "z", "n")
"""Reset gate, update gate (1 keeps the old state), candidate."""

KERAS_LSTM_GATES = ("i", "f", "g", "o")
KERAS_GRU_GATES = ("z", "r", "n")
"""The orders of Keras, in our letters."""
