"""Tracing: a step that computes on NumPy arrays, run once on symbolic values, becomes a program.

`value.py` is the symbolic value, `recorder.py` builds the program, `where.py` finds the author's line,
`rewrites.py` applies regularizers, which draw with `noise.py`, `programs.py` checks and assembles the
program, `updates.py` does the same for optimizers.
May use: _core, ops, dims, errors, cell, regularizer.
"""

from ostinato.trace.noise import Noise, Per
from ostinato.trace.programs import Shape, TracedCell, trace_cell, trace_loss, trace_metric, trace_step
from ostinato.trace.updates import TracedUpdate, checked_update, trace_update
from ostinato.trace.value import Traced

__all__ = [
    "Noise",
    "Per",
    "Shape",
    "Traced",
    "TracedCell",
    "TracedUpdate",
    "checked_update",
    "trace_cell",
    "trace_loss",
    "trace_metric",
    "trace_step",
    "trace_update",
]
