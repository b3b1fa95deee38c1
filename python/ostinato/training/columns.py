"""The names of measurements: `val_loss`, and `mood.val_loss` for one output of several."""

from __future__ import annotations


def validated(name: str) -> str:
    """The name of a measurement on validation data: `mood.loss` -> `mood.val_loss`."""
    output, dot, base = name.rpartition(".")
    return f"{output}{dot}val_{base}"


def unvalidated(name: str) -> str:
    """The name without "val_": `mood.val_loss` -> `mood.loss`."""
    output, dot, base = name.rpartition(".")
    return f"{output}{dot}{base.removeprefix('val_')}"
