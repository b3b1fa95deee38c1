"""The picture of `ostinato explain --plot`: what is visible of a model without data."""

from __future__ import annotations

from pathlib import Path

from ostinato.analysis import cost, spectral
from ostinato.errors import ConfigError
from ostinato.network import Network


def save_picture(net: Network, rows: int, steps: int, path: str) -> None:
    """Memory against T, and the eigenvalues of the recurrent weights if there are any.

    Raises ConfigError without matplotlib or for an ending that it cannot write, OSError.
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
    recurrent = bool(net.state_shapes)
    figure.set_size_inches(10.0 if recurrent else 5.0, 4.0)
    axes = figure.subplots(1, 2 if recurrent else 1, squeeze=False)[0]
    cost(net, rows, steps).plot(axes[0])
    if recurrent:
        spectral(net).plot(axes[1])
    figure.savefig(path)
