"""Tracing: the same step that computes on NumPy arrays, run once on stand-ins, becomes a program of the core.

`value.py` is the stand-in, `recorder.py` builds the program, `where.py` finds the author's line,
`programs.py` checks and puts it together. May use: _core, ops, dims, errors, cell.
"""

from ostinato.trace.programs import Shape, TracedCell, trace_cell, trace_loss, trace_step
from ostinato.trace.value import Traced

__all__ = ["Shape", "Traced", "TracedCell", "trace_cell", "trace_loss", "trace_step"]
