"""`RNN`, `LSTM`, `GRU`: Recurrent with the cell filled in. The equations are in `ostinato.cells`."""

from __future__ import annotations

from typing import Any

from ostinato.layers.recurrent import Recurrent


class RNN(Recurrent):
    """Elman's network, `h' = f(W_h h + W_x x + b)`; `nonlinearity=` tanh, relu, sigmoid or identity.

    The other arguments, shapes and errors are those of `Recurrent`.
    """

    kind = "rnn"

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Any) -> None:
        super().__init__(self.kind, input_size, hidden_size, num_layers, **options)


class LSTM(Recurrent):
    """Long short-term memory, states `h` and `c`, gate order i f g o.

    The other arguments, shapes and errors are those of `Recurrent`, the options those of the cell `lstm`.
    """

    kind = "lstm"

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Any) -> None:
        super().__init__(self.kind, input_size, hidden_size, num_layers, **options)


class GRU(Recurrent):
    """Gated recurrent unit, gate order r z n; `reset="after"` as PyTorch has it (default) or `"before"`.

    The other arguments, shapes and errors are those of `Recurrent`.
    """

    kind = "gru"

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Any) -> None:
        super().__init__(self.kind, input_size, hidden_size, num_layers, **options)
