"""A convolutional LSTM over places in a line."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, ConfigError, Param, State
from ostinato.ops import concat, reshape, sigmoid, split, tanh, transpose


class ConvLSTM(Cell):
    """An LSTM in which each place reads itself and its two neighbors, with one kernel for all places.

    x and h hold `places` groups of channels. Source: Shi et al. 2015, "Convolutional LSTM network", eq. 3.
    """

    name = "conv_lstm"
    examples = ({"places": 3}, {"places": 4})

    def __init__(self, places: int = 3) -> None:
        self.places = places

    def sizes(self, size: Any) -> dict[str, int]:
        if size.input % self.places or size.hidden % self.places:
            raise ConfigError(f"cell 'conv_lstm': expected inputs and units in {self.places} equal groups")
        return {"seen": int(size.input) // self.places, "kept": int(size.hidden) // self.places}

    def parameters(self, size: Any) -> dict[str, Param]:
        return {
            "W": Param((4 * size.kept, 3 * size.seen)),
            "U": Param((4 * size.kept, 3 * size.kept)),
            "b": Param((4 * size.kept, 1), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def windows(self, v: Any) -> Any:
        """(places, 3 * channels): each place with its neighbors, zeros beyond the ends."""
        channels = len(v) // self.places
        padded = concat(0.0 * v[:channels], v, 0.0 * v[:channels])
        parts = [padded[n * channels : (n + 3) * channels] for n in range(self.places)]
        return reshape(concat(*parts), (self.places, 3 * channels))

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        gates = p.W @ transpose(self.windows(x)) + p.U @ transpose(self.windows(state.h))
        i, f, g, o = (reshape(transpose(one), state.h.shape) for one in split(gates + p.b, 4))
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return h, {"h": h, "c": c}
