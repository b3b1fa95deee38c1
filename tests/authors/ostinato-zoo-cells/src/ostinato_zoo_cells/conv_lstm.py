"""A convolutional LSTM over places in a line."""

from __future__ import annotations

from typing import Any

from ostinato import Cell, ConfigError, Param, State
from ostinato.ops import concat, sigmoid, split, tanh


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
            "b": Param((4 * size.kept,), init="zeros"),
        }

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden), "c": State(size.hidden)}

    def windows(self, v: Any) -> list[Any]:
        """Each place with its neighbors, zeros beyond the ends: (3 * channels,) each."""
        channels = len(v) // self.places
        padded = concat(0.0 * v[:channels], v, 0.0 * v[:channels])
        return [padded[n * channels : (n + 3) * channels] for n in range(self.places)]

    def step(self, x: Any, state: Any, p: Any) -> tuple[Any, dict[str, Any]]:
        pairs = zip(self.windows(x), self.windows(state.h), strict=True)
        places = [split(p.W @ seen + p.U @ kept + p.b, 4) for seen, kept in pairs]
        i, f, g, o = (concat(*parts) for parts in zip(*places, strict=True))
        c = sigmoid(f) * state.c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return h, {"h": h, "c": c}
