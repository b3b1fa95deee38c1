"""Options that were renamed: the old name works, with a warning; both names are an error."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import ostinato as ost
from ostinato import Cell, Loss, Optimizer, Param, State, ops
from ostinato.plugins.index import discover
from ostinato.plugins.registry import registry
from tests.plugins.distributions import install

SOURCE = '''
from ostinato import Cell, CellSpec, Param, State, hookimpl, ops

class Fades(Cell):
    """A cell of a test."""
    {renamed}
    def __init__(self, {option}=0.5):
        self.rate = {option}
    def parameters(self, size):
        return {{"W": Param((size.hidden, size.input))}}
    def state(self, size):
        return {{"h": State(size.hidden)}}
    def step(self, x, state, p):
        h = p.W @ x + self.rate * state.h
        return h, {{"h": h}}

@hookimpl
def ostinato_cells():
    return [CellSpec("fades", Fades)]
'''


class Steps(Cell):
    """A cell whose option `dt` is called `time_step` now."""

    renamed: ClassVar[Mapping[str, Any]] = {"dt": "time_step", "g": ("gamma", "2.0")}

    def __init__(self, time_step: float = 0.1, gamma: float = 1.0) -> None:
        self.time_step, self.gamma = time_step, gamma

    def parameters(self, size: Any) -> dict[str, Param]:
        return {"W": Param((size.hidden, size.input))}

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = (1 - self.gamma * self.time_step) * state.h + self.time_step * ops.tanh(p.W @ x)
        return h, {"h": h}


def test_the_old_name_works_and_the_warning_names_the_new_one_and_the_line() -> None:
    with pytest.warns(
        DeprecationWarning, match="'dt' is called 'time_step' now; write time_step=0.5"
    ) as caught:
        made = Steps(dt=0.5)  # type: ignore[call-arg]
    assert made.options == {"time_step": 0.5, "gamma": 1.0}
    with pytest.warns(DeprecationWarning) as again:
        net = ost.Recurrent(Steps, 2, 3, dt=0.5)
    assert [one.filename for one in (*caught, *again)] == [__file__] * 2
    assert net.cell_options == {"time_step": 0.5} and "time_step=0.5" in repr(net)
    with pytest.warns(DeprecationWarning, match="'g' is still accepted, until release 2.0"):
        Steps(g=2.0)  # type: ignore[call-arg]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Steps(time_step=0.5)


def test_both_names_are_an_error_and_other_names_are_one_as_before() -> None:
    with pytest.raises(ost.ConfigError, match="both are given"):
        Steps(dt=0.5, time_step=0.5)  # type: ignore[call-arg]
    with pytest.raises(ost.ConfigError, match="both are given"):
        ost.Recurrent(Steps, 2, 3, dt=0.5, time_step=0.5)
    with pytest.raises(ost.ConfigError, match="no option 'dtt'"):
        ost.Recurrent(Steps, 2, 3, dtt=0.5)


def test_losses_optimizers_and_groups_have_old_names_too() -> None:
    class Scaled(Loss):
        renamed: ClassVar[Mapping[str, Any]] = {"factor": "scale"}

        def __init__(self, scale: float = 1.0) -> None:
            self.scale = scale

        def step(self, y: Any, target: Any) -> Any:
            return self.scale * ops.sum(ops.square(y - target))

    class Plain(Optimizer):
        renamed: ClassVar[Mapping[str, Any]] = {"rate": "lr"}

        def __init__(self, lr: float = 0.1, groups: Any = None) -> None:
            self.lr = lr
            super().__init__(groups)

        def update(self, param: Any, grad: Any, slots: Any, s: Any) -> Any:
            return param - s.lr * grad, {}

    with pytest.warns(DeprecationWarning, match="loss 'scaled': the option 'factor'"):
        assert Scaled(factor=2.0).options == {"scale": 2.0}  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="optimizer 'plain': the option 'rate'"):
        assert Plain(rate=0.5).lr == 0.5  # type: ignore[call-arg]


@pytest.mark.parametrize("renamed", ["dt", {"dt": 1}, {"dt": "rate", 1: "x"}, {"dt": ("a", "b", "c")}])
def test_a_declaration_of_another_form_is_named(renamed: Any) -> None:
    class Wrong(Steps):
        pass

    Wrong.renamed = renamed
    with pytest.raises(ost.ConfigError, match="expected a dict of new names by old name"):
        Wrong(dt=0.5)  # type: ignore[call-arg]


def test_the_release_is_named_and_old_files_load_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(version: str, option: str, renamed: str = "pass") -> None:
        folder = tmp_path / version
        folder.mkdir()
        source = SOURCE.format(option=option, renamed=renamed)
        install(folder, "ostinato-fading", source, module=f"renaming_{version[0]}", version=version)
        monkeypatch.syspath_prepend(str(folder))

    installed("1.0", "rate")
    x = np.ones((2, 3, 2), "f4")
    with registry.isolated(discover):
        net = ost.Recurrent("fading/fades", 2, 2, rate=0.25)
        net.save(tmp_path / "model")
    installed("2.0", "speed", 'renamed = {"rate": "speed"}')
    with registry.isolated(discover):
        with pytest.warns(DeprecationWarning, match="speed=0.25. ostinato-fading 2.0 still accepts 'rate'"):
            again = ost.Recurrent("fading/fades", 2, 2, rate=0.25)
        assert again.cell_options == {"speed": 0.25}
        # the plugin is loaded and has the same equations: nothing to warn of
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert (ost.load(tmp_path / "model")(x) == net(x)).all()
