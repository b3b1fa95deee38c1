"""R6: the number of threads changes no bit."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

import ostinato as ost
from tests.reliability.row import Row

THREADS = (1, 2, 3, 4, 8)


def digest(net: ost.Network, x: Any, y: Any, lengths: Any, updates: int) -> str:
    """Outputs, gradients, and parameters after some updates."""
    seen = hashlib.sha256(np.ascontiguousarray(net.run(x, lengths=lengths).outputs).tobytes())
    optimizer = ost.Adam(lr=1e-2)
    for _ in range(updates):
        loss, gradients = net.value_and_grad(x, y, loss="mse", lengths=lengths)
        seen.update(np.float64(loss).tobytes() + gradients.arena.tobytes() + gradients.inputs.tobytes())
        optimizer.step(net.arena, gradients.arena)
    return seen.hexdigest() + hashlib.sha256(net.arena.tobytes()).hexdigest()


def measure(long: bool) -> Row:
    """Random shapes of each cell, one in ten with 100 updates, the others with two."""
    shapes, wrong, compared = (200 if long else 3), [], 0
    cells = ost.plugins.list("cell")
    for number, cell in enumerate(cells):
        draw = np.random.default_rng([6, number])
        for shape in range(shapes):
            rows, steps, inputs, hidden = (int(draw.integers(1, top)) for top in (70, 40, 20, 40))
            updates = 100 if long and shape % 10 == 0 else 2
            x = draw.normal(size=(rows, steps, inputs)).astype(np.float32)
            y = draw.normal(size=(rows, steps, 2)).astype(np.float32)
            lengths = draw.integers(0, steps + 1, size=rows)
            found = set()
            for threads in THREADS:
                ost.set_num_threads(threads)
                layer = ost.Recurrent(cell, inputs, hidden)
                net = ost.Sequential(layer, ost.Dense(layer.output_size, 2))
                found.add(digest(net, x, y, lengths, updates))
            compared += 1
            if len(found) > 1:
                wrong.append(f"{cell} N={rows} T={steps} I={inputs} H={hidden}")
    figure = (
        f"{compared:,} shapes of {len(cells)} cells with {THREADS} threads: {len(wrong)} differ"
        + "".join(f"; {one}" for one in wrong[:1])
    )
    promise = "outputs, gradients and trained parameters have the same bits with any number of threads"
    return Row("R6", promise, figure, not wrong)
