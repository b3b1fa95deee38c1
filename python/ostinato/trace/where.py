"""Where in the author's code a node was written: file, line and the text of the line."""

from __future__ import annotations

import linecache
import os
import sys
from types import FrameType

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Frames of these files stand between the author's line and the tracer; cells and losses are authors.
_MACHINERY = tuple(os.path.join(_PACKAGE, name) for name in ("trace" + os.sep, "ops" + os.sep, "dims.py"))


def author_frame() -> FrameType | None:
    """Return the nearest frame outside the tracing machinery and outside NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_MACHINERY) and not _in_numpy(frame):
            return frame
        frame = frame.f_back
    return None


def describe_frame(frame: FrameType | None) -> str:
    """Write a frame's place as "lstm.py:41: z, a = split(...)", or "<unknown>" where there is none."""
    if frame is None:
        return "<unknown>"
    path, line = frame.f_code.co_filename, frame.f_lineno
    source = linecache.getline(path, line, frame.f_globals).strip()
    place = f"{os.path.basename(path)}:{line}"
    return f"{place}: {source}" if source else place


def author_line() -> str:
    """Return the place of the author's line that is running now."""
    return describe_frame(author_frame())


def _in_numpy(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    return isinstance(module, str) and module.split(".")[0] == "numpy"
