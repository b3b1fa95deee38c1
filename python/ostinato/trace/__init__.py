"""Tracing: the same step that computes on NumPy arrays, run once on stand-ins, becomes a program of the core.

`value.py` is the stand-in, `recorder.py` builds the program, `where.py` finds the author's line,
`rewrites.py` brings regularizers in, which draw with `noise.py`, `programs.py` checks and puts it together,
`updates.py` does so for optimizers.
May use: _core, ops, dims, errors, cell, regularizer.
"""

from ostinato.trace.noise import Noise, Per
from ostinato.trace.programs import Shape, TracedCell, trace_cell, trace_loss, trace_step
from ostinato.trace.updates import checked_update, trace_update
from ostinato.trace.value import Traced

__all__ = [
    "Noise",
    "Per",
    "Shape",
    "Traced",
    "TracedCell",
    "checked_update",
    "trace_cell",
    "trace_loss",
    "trace_step",
    "trace_update",
]
