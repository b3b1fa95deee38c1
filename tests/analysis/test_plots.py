"""Every result draws itself, on axes of the caller or its own; without matplotlib it says what is missing."""

import sys

import numpy as np
import pytest

import ostinato as ost
from ostinato import analysis

X = np.random.default_rng(0).standard_normal((2, 8, 3))


def aligned(net):
    """The alignment of a decoder; the other instruments are shown a network without attention."""
    return analysis.alignment(ost.Decoder("gru", 3, 4, 2), {"x": X, "source": X[:, :5, :2]})


RESULTS = {
    "alignment": aligned,
    "cost": lambda net: analysis.cost(net),
    "fixed_points": lambda net: analysis.fixed_points(net, starts=4),
    "gates": lambda net: analysis.gates(net, X),
    "gradient_flow": lambda net: analysis.gradient_flow(net, X, d_outputs=np.ones((2, 8, 4))),
    "jacobians": lambda net: analysis.jacobians(net, X),
    "lyapunov_spectrum": lambda net: analysis.lyapunov_spectrum(net, steps=20),
    "memory_length": lambda net: analysis.memory_length(net, X),
    "saturation": lambda net: analysis.saturation(net, X),
    "spectral": lambda net: analysis.spectral(net),
}


def test_the_table_has_every_instrument():
    assert set(RESULTS) == {name for name in analysis.__all__ if name.islower()}


@pytest.mark.parametrize("name", RESULTS)
def test_plot_draws_and_saves(name, tmp_path):
    figure = pytest.importorskip("matplotlib.figure", reason="make test installs the extra [plot]")
    result = RESULTS[name](ost.LSTM(3, 4))
    ax = result.plot()
    assert ax.get_title() and ax.get_xlabel() and ax.get_ylabel() and (ax.lines or ax.images)
    ax.figure.savefig(tmp_path / "plot.png")
    own = figure.Figure().add_subplot()
    assert result.plot(ax=own) is own


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_frozen(name):
    result = RESULTS[name](ost.GRU(3, 4))
    with pytest.raises(AttributeError):
        result.anything = 1


def test_without_matplotlib_only_the_plot_is_refused(monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    result = analysis.spectral(ost.GRU(3, 4))
    with pytest.raises(ost.ConfigError, match=r"pip install 'ostinato\[plot\]'"):
        result.plot()
