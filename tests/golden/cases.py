"""Random configurations of the recurrent networks that PyTorch has too. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Arrays = dict[str, np.ndarray]

# kind -> (PyTorch's class, gates, states, nonlinearity)
KINDS = {
    "rnn_tanh": ("RNN", 1, ("h",)),
    "rnn_relu": ("RNN", 1, ("h",)),
    "lstm": ("LSTM", 4, ("h", "c")),
    "lstm_projected": ("LSTM", 4, ("h", "c")),
    "gru": ("GRU", 3, ("h",)),
}

# Every kind with 1, 2, 3 layers in one and two directions, twice, and some more.
COUNT = 66

# H next to the vector widths (4, 8, 16 lanes), on them, and past them.
HIDDEN = (1, 3, 5, 7, 8, 9, 11, 13, 15, 16, 17, 19, 33)

# Gradients do not compress; this keeps the file near a megabyte.
MOST_PARAMETERS = 4_000


@dataclass
class Case:
    """One configuration with all that is given to it.

    x (N, T, I), d_outputs (N, T, D * output_size), lengths (N,) or None,
    state and d_final_state: name -> (L * D, N, size).
    """

    kind: str
    input_size: int
    hidden_size: int
    proj_size: int
    num_layers: int
    bidirectional: bool
    x: np.ndarray
    lengths: np.ndarray | None
    state: Arrays | None
    params: Arrays
    d_outputs: np.ndarray
    d_final_state: Arrays

    @property
    def valid(self) -> np.ndarray:
        """Whether row n is alive at step t, (N, T)."""
        rows, steps = self.x.shape[:2]
        lengths = np.full(rows, steps) if self.lengths is None else self.lengths
        return np.arange(steps)[None, :] < lengths[:, None]

    def __str__(self) -> str:
        rows, steps, _ = self.x.shape
        parts = [self.kind, f"I{self.input_size}", f"H{self.hidden_size}", f"L{self.num_layers}"]
        parts += [f"P{self.proj_size}"] if self.proj_size else []
        parts += ["bi"] if self.bidirectional else []
        parts += [f"N{rows}", f"T{steps}"]
        parts += ["ragged"] if self.lengths is not None else []
        parts += ["state"] if self.state is not None else []
        return "-".join(parts)


def draw(index: int, rng: np.random.Generator) -> Case:
    """Configuration number `index` of an endless list that walks through kinds, layers and directions."""
    kind = list(KINDS)[index % 5]
    num_layers = 1 + index // 5 % 3
    directions = 1 + index // 15 % 2
    while True:
        input_size, hidden = int(rng.integers(1, 10)), int(rng.choice(HIDDEN))
        if kind == "lstm_projected" and hidden == 1:
            continue  # PyTorch wants proj_size < hidden_size
        proj = int(rng.integers(1, hidden)) if kind == "lstm_projected" else 0
        shapes = _parameter_shapes(kind, input_size, hidden, proj, num_layers, directions)
        if sum(int(np.prod(shape)) for shape in shapes.values()) <= MOST_PARAMETERS:
            break
    rows, steps = int(rng.integers(1, 7)), int(rng.integers(1, 10))
    lengths = None
    if rng.random() < 0.75:
        lengths = rng.integers(0, steps + 1, size=rows)
        if rng.random() < 0.5:
            lengths[rng.integers(rows)] = 0
    states = {
        name: (num_layers * directions, rows, proj if proj and name == "h" else hidden)
        for name in KINDS[kind][2]
    }
    case = Case(
        kind=kind,
        input_size=input_size,
        hidden_size=hidden,
        proj_size=proj,
        num_layers=num_layers,
        bidirectional=directions == 2,
        x=_grid(rng.standard_normal((rows, steps, input_size))),
        lengths=lengths,
        state=_normal(states, rng) if rng.random() < 0.7 else None,
        params={name: _grid(rng.uniform(-1, 1, shape) / np.sqrt(hidden)) for name, shape in shapes.items()},
        d_outputs=_grid(rng.standard_normal((rows, steps, directions * (proj or hidden)))),
        d_final_state=_normal(states, rng),
    )
    case.x[~case.valid] = np.nan
    case.d_outputs[~case.valid] = np.nan
    return case


def _normal(shapes: dict[str, tuple[int, ...]], rng: np.random.Generator) -> Arrays:
    return {name: _grid(rng.standard_normal(shape)) for name, shape in shapes.items()}


def _grid(values: np.ndarray) -> np.ndarray:
    """Round to multiples of 1/256: short in the archive, and exact in float32."""
    return np.round(np.asarray(values) * 256) / 256


def _parameter_shapes(
    kind: str, inputs: int, hidden: int, proj: int, layers: int, directions: int
) -> dict[str, tuple[int, ...]]:
    """Shapes under PyTorch's names, in PyTorch's order."""
    gates, output = KINDS[kind][1] * hidden, proj or hidden
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(layers):
        width = inputs if layer == 0 else directions * output
        for suffix in (f"_l{layer}", f"_l{layer}_reverse")[:directions]:
            shapes["weight_ih" + suffix] = (gates, width)
            shapes["weight_hh" + suffix] = (gates, output)
            shapes["bias_ih" + suffix] = shapes["bias_hh" + suffix] = (gates,)
            if proj:
                shapes["weight_hr" + suffix] = (proj, hidden)
    return shapes
