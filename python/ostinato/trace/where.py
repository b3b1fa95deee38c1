"""The location of a node in the author's code: file, line and the text of the line."""

from __future__ import annotations

import linecache
import os
import sys
from functools import lru_cache
from types import FrameType

from ostinato.errors import ConfigError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# Frames of these files are between the author's line and the tracer; cells and losses count as authors.
_MACHINERY = tuple(
    os.path.join(_PACKAGE, name) for name in ("trace" + os.sep, "ops" + os.sep, "dims.py", "namespace.py")
)
_REGULARIZERS = os.path.join(_PACKAGE, "regularizers" + os.sep)


def author_frame() -> FrameType | None:
    """Return the nearest frame outside the tracing machinery and outside NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_machinery(frame):
        frame = frame.f_back
    return frame


def describe_frame(frame: FrameType | None) -> str:
    """Format the location of a frame as "lstm.py:41: z, a = split(...)", or "<unknown>" if there is none."""
    return "<unknown>" if frame is None else _describe(frame, frame.f_lineno)


def author_line(error: BaseException) -> str:
    """Return the location of the innermost author's line of an error, or "" if there is none.

    A built-in regularizer's error about its options is not the fault of an equation: such an error has no
    location. Nor has one that an equation of the library raises itself: its words say what is wrong.
    """
    place, trace = "", error.__traceback__
    while trace is not None:
        if isinstance(error, ConfigError) and trace.tb_frame.f_code.co_filename.startswith(_REGULARIZERS):
            return ""
        if not _is_machinery(trace.tb_frame) and not _is_raised_by_library(trace.tb_frame, trace.tb_lineno):
            place = _describe(trace.tb_frame, trace.tb_lineno)
        trace = trace.tb_next
    return place


def _is_raised_by_library(frame: FrameType, line: int) -> bool:
    path = frame.f_code.co_filename
    source = linecache.getline(path, line, frame.f_globals)
    return path.startswith(_PACKAGE + os.sep) and source.lstrip().startswith("raise ")


def _describe(frame: FrameType, line: int) -> str:
    path = frame.f_code.co_filename
    source = linecache.getline(path, line, frame.f_globals).strip()
    place = f"{os.path.basename(path)}:{line}"
    return f"{place}: {source}" if source else place


def _is_machinery(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    return _is_of_machinery(module if isinstance(module, str) else "", frame.f_code.co_filename)


@lru_cache(maxsize=1024)
def _is_of_machinery(module: str, file: str) -> bool:
    return module.split(".")[0] == "numpy" or file.startswith(_MACHINERY)
