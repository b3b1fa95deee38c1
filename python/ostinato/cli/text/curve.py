"""The learning curve as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ostinato.errors import ConfigError

Points = Sequence[tuple[int, float]]


def needs_matplotlib() -> Any:
    """matplotlib's Figure, imported before work that ends in a picture.

    Raises ConfigError without the extra [plot].
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "drawing needs matplotlib; it comes with the extra: pip install 'ostinato[plot]'"
        ) from error
    return Figure


def draw_curve(
    path: Path, learned: Points, held_out: Points, rivals: Mapping[str, float], title: str
) -> None:
    """Writes a PNG: bits per character over characters seen.

    learned, held_out: (characters seen, bits per character) on the text in training and on held-out text.
    rivals: name -> bits per character, each a horizontal line. Raises ConfigError without the extra [plot].
    """
    # A Figure of its own: no global state, no display, usable from any thread.
    figure = needs_matplotlib()(figsize=(8.0, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(*_columns(learned), color="#9db4c8", linewidth=1.0, label="training text")
    axes.plot(*_columns(held_out), color="#14477a", marker="o", markersize=4, label="held-out text")
    for name, bits in rivals.items():
        axes.axhline(bits, color="#b5651d", linewidth=0.8, linestyle="--")
        # Outside the axes, where no curve runs.
        style: dict[str, Any] = {"va": "center", "fontsize": 8, "color": "#b5651d"}
        axes.text(1.01, bits, f"{name} {bits:.2f}", transform=axes.get_yaxis_transform(), **style)
    lowest = min([bits for _, bits in [*learned, *held_out]] + list(rivals.values()))
    axes.set(xlabel="characters seen (millions)", ylabel="bits per character", title=title)
    axes.set_ylim(lowest - 0.15, lowest + 2.0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1e6:g}")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def _columns(points: Points) -> tuple[list[int], list[float]]:
    return [seen for seen, _ in points], [bits for _, bits in points]
