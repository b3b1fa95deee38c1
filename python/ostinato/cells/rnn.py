"""The simple recurrent cell."""

from __future__ import annotations

from ostinato.cell import Cell, Param, State
from ostinato.checks import choice, flag
from ostinato.dims import Dim
from ostinato.namespace import Names
from ostinato.ops import Value, relu, sigmoid, tanh


def _identity(x: Value) -> Value:
    return x


_NONLINEARITIES = {"tanh": tanh, "relu": relu, "sigmoid": sigmoid, "identity": _identity}


class RNN(Cell):
    """Simple recurrent cell: h' = f(W_ih x + b_ih + W_hh h + b_hh).

    `nonlinearity` f is "tanh", "relu", "sigmoid" or "identity". Both biases exist, as in PyTorch, so that
    weights can be copied; `bias=False` omits both. x (input,), h and output (hidden,). Source: Elman 1990;
    parameter names and layout of torch.nn.RNN.
    """

    examples = (
        {},
        {"nonlinearity": "relu"},
        {"nonlinearity": "sigmoid"},
        {"nonlinearity": "identity"},
        {"bias": False},
    )

    def __init__(self, *, nonlinearity: str = "tanh", bias: bool = True) -> None:
        """Choose the nonlinearity, and whether there are biases."""
        self.nonlinearity = choice("cell 'rnn'", "nonlinearity", nonlinearity, tuple(_NONLINEARITIES))
        self.bias = flag("cell 'rnn'", "bias", bias)

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return weight_ih (H, I), weight_hh (H, H), bias_ih and bias_hh (H,)."""
        params = {
            "weight_ih": Param((size.hidden, size.input), init="xavier_uniform"),
            "weight_hh": Param((size.hidden, size.hidden), init="orthogonal"),
        }
        if self.bias:
            params["bias_ih"] = Param((size.hidden,), init="zeros")
            params["bias_hh"] = Param((size.hidden,), init="zeros")
        return params

    def state(self, size: Names[Dim]) -> dict[str, State]:
        """Return h (H,)."""
        return {"h": State(size.hidden)}

    def step(self, x: Value, state: Names[Value], p: Names[Value]) -> tuple[Value, dict[str, Value]]:
        """Return h' as output and state."""
        a = p.weight_ih @ x + p.weight_hh @ state.h
        if self.bias:
            a = a + p.bias_ih + p.bias_hh
        h = _NONLINEARITIES[self.nonlinearity](a)
        return h, {"h": h}
