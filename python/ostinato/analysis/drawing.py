"""Axes to draw on. matplotlib is imported only here, when a plot is requested."""

from __future__ import annotations

from typing import Any

from ostinato.errors import ConfigError, DTypeError, shown


def axes(ax: Any = None, **settings: Any) -> Any:
    """`ax`, or the axes of a new figure; `settings` are those of `Axes.set`.

    Raises ConfigError if matplotlib is missing, DTypeError for other things than axes.
    """
    if ax is not None and not callable(getattr(ax, "imshow", None)):
        raise DTypeError(f"plot: ax is {shown(ax)}; expected axes of matplotlib")
    if ax is None:
        try:
            # Figure itself, not pyplot: no global state changes, and no window opens.
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ConfigError("plot needs matplotlib: pip install 'ostinato[plot]'") from error
        ax = Figure(figsize=(6.4, 4.0), layout="constrained").add_subplot()
    ax.set(**settings)
    return ax
