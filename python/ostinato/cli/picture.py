"""Pictures: their files, and `ostinato explain --plot`: what is visible of a model without data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ostinato.analysis import cost, spectral
from ostinato.checks import path_to_write
from ostinato.errors import ConfigError
from ostinato.network import Network


def new_figure(path: str) -> Any:
    """An empty figure that can be saved as `path`.

    Raises ConfigError without matplotlib, for an ending that it cannot write, or a file that cannot be
    written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError("--plot needs matplotlib: pip install 'ostinato[plot]'") from error
    figure = Figure(layout="constrained")
    known = sorted(figure.canvas.get_supported_filetypes())
    ending = Path(path).suffix.removeprefix(".").lower()
    if ending not in known:
        raise ConfigError(f"--plot is {path!r}; expected a name that ends in one of {', '.join(known)}")
    path_to_write("--plot", path, replaced=False)
    return figure


def save_picture(net: Network, rows: int, steps: int, path: str) -> None:
    """Memory against T, and the eigenvalues of the recurrent weights if there are any.

    Raises the errors of `new_figure`, OSError.
    """
    figure = new_figure(path)
    recurrent = bool(net.state_shapes)
    figure.set_size_inches(10.0 if recurrent else 5.0, 4.0)
    axes = figure.subplots(1, 2 if recurrent else 1, squeeze=False)[0]
    cost(net, rows, steps).plot(axes[0])
    if recurrent:
        spectral(net).plot(axes[1])
    figure.savefig(path)
