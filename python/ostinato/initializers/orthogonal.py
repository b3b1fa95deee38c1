"""Orthogonal initializer."""

from __future__ import annotations

from typing import Final

import numpy as np

from ostinato.buffers import buffered
from ostinato.checks import number
from ostinato.initializers.initializer import Floats, Initializer, fans
from ostinato.interruptible import interruptible

LARGE: Final = 1 << 16
"""From this many elements, a decomposition takes longer than a new thread."""


class Orthogonal(Initializer):
    """A random orthogonal matrix times gain: all singular values are gain, and so is the spectral radius.

    If the matrix is not square, its rows or its columns, whichever are fewer, are orthonormal times gain.
    Source: Saxe et al. 2014; Haar-distributed by the sign rule of Mezzadri 2007, eq. 1.21.
    """

    name = "orthogonal"

    examples = ({}, {"gain": 0.9})

    def __init__(self, *, gain: float = 1.0) -> None:
        """Scale the matrix by `gain`, at least 0."""
        self.gain = number("initializer 'orthogonal'", "gain", gain, at_least=0)

    def __call__(self, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
        """Return a matrix (rows, columns)."""
        columns, rows = fans(self.name, shape)
        tall = rng.normal(size=(max(rows, columns), min(rows, columns)))
        q, r = interruptible(_qr, tall) if tall.size >= LARGE else _qr(tall)
        # The signs of QR depend on the library; a positive diagonal of R makes the result uniform.
        signs = np.where(np.diagonal(r) < 0, -1.0, 1.0)
        q = buffered(lambda: self.gain * (q * signs), results=3 * q.nbytes)
        return np.ascontiguousarray(q if rows >= columns else q.T)


def _qr(matrix: Floats) -> tuple[Floats, Floats]:
    return buffered(lambda: np.linalg.qr(matrix), results=6 * matrix.nbytes)
