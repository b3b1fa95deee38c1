"""`RNN`, `LSTM`, `GRU` and so on: Recurrent with a built-in cell; the equations are in `cells`.

The classes use the full name of the cell, so that an override of the bare name does not change them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ostinato.layers.recurrent import Recurrent
from ostinato.layers.recurrent_options import (
    BiasOptions,
    CellSignature,
    DiagonalSSMOptions,
    EchoStateOptions,
    GRUOptions,
    LSTMOptions,
    RecurrentOptions,
    RNNOptions,
)
from ostinato.signature import Unpack


class _BuiltIn(Recurrent):
    if not TYPE_CHECKING:
        __signature__ = CellSignature()


class RNN(_BuiltIn):
    """Elman's network, `h' = f(W_h h + W_x x + b)`; `nonlinearity=` tanh, relu, sigmoid or identity.

    The other arguments, shapes and errors are those of `Recurrent`.
    """

    kind = "rnn"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[RNNOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)


class LSTM(_BuiltIn):
    """Long short-term memory, states `h` and `c`, gate order i f g o.

    The other arguments, shapes and errors are those of `Recurrent`, the options those of the cell `lstm`.
    """

    kind = "lstm"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[LSTMOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)


class GRU(_BuiltIn):
    """Gated recurrent unit, gate order r z n; `reset="after"` as PyTorch has it (default) or `"before"`.

    The other arguments, shapes and errors are those of `Recurrent`.
    """

    kind = "gru"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[GRUOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)


class IndRNN(_BuiltIn):
    """Independently recurrent network, `h' = relu(W x + u * h + b)`: units are independent.

    The other arguments, shapes and errors are those of `Recurrent`.
    """

    kind = "indrnn"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[RecurrentOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)


class EchoState(_BuiltIn):
    """Echo state network with leak: recurrent weights that are drawn once and not learned.

    `fit_readout` trains the layer that reads its output. The other arguments, shapes and errors are those of
    `Recurrent`.
    """

    kind = "echo_state"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[EchoStateOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)


class MinGRU(_BuiltIn):
    """Minimal gated recurrent unit, linear in its state: a scan along time.

    The other arguments, shapes and errors are those of `Recurrent`.
    """

    kind = "min_gru"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[BiasOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)


class MinLSTM(_BuiltIn):
    """Minimal long short-term memory, linear in its state `h`: a scan along time.

    The other arguments, shapes and errors are those of `Recurrent`.
    """

    kind = "min_lstm"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[BiasOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)


class LinearSSM(_BuiltIn):
    """Linear state space with dense matrices, `h' = A h + B x`, `y = C h' + D x`.

    The other arguments, shapes and errors are those of `Recurrent`.
    """

    kind = "linear_ssm"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[RecurrentOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)


class DiagonalSSM(_BuiltIn):
    """Linear state space of complex modes, states `re` and `im`, stable by construction: a scan along time.

    The other arguments, shapes and errors are those of `Recurrent`, the options those of `diagonal_ssm`.
    """

    kind = "diagonal_ssm"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Unpack[DiagonalSSMOptions]
    ) -> None:
        super().__init__(f"ostinato/{self.kind}", input_size, hidden_size, num_layers, **options)
