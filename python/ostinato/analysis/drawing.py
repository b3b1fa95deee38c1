"""Axes to draw on. matplotlib is imported here and nowhere else, when a plot is asked for."""

from __future__ import annotations

from typing import Any

from ostinato.errors import ConfigError


def axes(ax: Any = None, **settings: Any) -> Any:
    """`ax`, or the axes of a new figure; `settings` are those of `Axes.set`.

    Raises ConfigError where matplotlib is missing.
    """
    if ax is None:
        try:
            # Figure itself, not pyplot: nothing global is chosen, and no window is opened.
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ConfigError("plot needs matplotlib: pip install 'ostinato[plot]'") from error
        ax = Figure(figsize=(6.4, 4.0), layout="constrained").add_subplot()
    ax.set(**settings)
    return ax
