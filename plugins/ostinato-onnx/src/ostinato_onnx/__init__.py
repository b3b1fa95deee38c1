"""ONNX: networks of ostinato as files for ONNX Runtime; nodes RNN, GRU and LSTM of other files as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ostinato import CommandSpec, hookimpl
from ostinato_onnx.command import export_command

if TYPE_CHECKING:
    from ostinato_onnx.checking import check
    from ostinato_onnx.exporting import export
    from ostinato_onnx.loading import load

__all__ = ["check", "export", "load"]

_MODULES = {
    "check": "ostinato_onnx.checking",
    "export": "ostinato_onnx.exporting",
    "load": "ostinato_onnx.loading",
}


@hookimpl
def ostinato_commands() -> list[CommandSpec]:
    """The command `ostinato export`."""
    return [CommandSpec("export", export_command)]


def __getattr__(name: str) -> Any:
    # the package onnx takes a while to import, and other commands look here for their names
    if name in _MODULES:
        import importlib

        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'ostinato_onnx' has no attribute {name!r}")
