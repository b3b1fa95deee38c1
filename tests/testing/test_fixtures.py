"""The fixtures for authors: isolated names, packages for the time of a test, a scripted core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.plugins import Registry, ReportRow
from ostinato.testing import Failed, ScriptedCore
from tests.plugins.distributions import good

pytest_plugins = ["ostinato.testing.fixtures"]


def test_the_isolated_manager_knows_the_built_ins_alone(ostinato_pm: Registry) -> None:
    assert "lstm" in ost.plugins.list("cell")
    assert not any("/" in name for name in ost.plugins.list())
    with pytest.raises(ost.ConfigError):
        ost.Recurrent("ligru", 3, 4)

    @ost.register
    class Passing(ost.Cell):
        """Gone after the test."""

        def step(self, x: Any, state: Any, p: Any) -> Any:
            return x, {}

    assert ostinato_pm.resolve("cell", "passing").full == "local/passing"


def test_what_the_test_before_registered_is_gone() -> None:
    assert "local/passing" not in ost.plugins.list("cell")


def test_a_package_is_installed_for_the_time_of_a_test(ostinato_tmp_plugin: Callable[..., ReportRow]) -> None:
    row = ostinato_tmp_plugin(good("mine"))
    assert (row.status, row.provides) == ("active", ("cell tmp/mine",))
    assert ost.Recurrent("mine", 3, 4).output_size == 4
    ostinato_tmp_plugin(good("mine"), "ostinato-other")
    with pytest.raises(ost.plugins.AmbiguousName, match=r"other/mine.*tmp/mine"):
        ost.Recurrent("mine", 3, 4)


def test_a_broken_package_is_reported(ostinato_tmp_plugin: Callable[..., ReportRow]) -> None:
    with pytest.warns(UserWarning, match="ostinato-tmp:plugin"):
        row = ostinato_tmp_plugin("1 / 0")
    assert row.status == "broken" and "ZeroDivisionError" in row.traceback


def test_the_fake_core_returns_the_results_of_its_script(ostinato_fake_core: type[ScriptedCore]) -> None:
    core = ostinato_fake_core(0.5, 0.25, shapes={"w": (2, 3), "b": (3,)}, final_state={"h": np.zeros(2)})
    batch = ost.Batch(np.zeros((1, 2, 3)), np.zeros((1, 2, 3)))
    loss, grads = core.value_and_grad(batch)
    assert (loss, grads.arena.tolist()) == (0.5, [1.0] * 9)
    loss, grads = core.value_and_grad(batch, ost.FullBPTT())
    assert (loss, set(grads.params["w"].ravel()), grads.params["b"].shape) == (0.25, {2.0}, (3,))
    grads.arena[:] = 7.0
    assert (grads.params["w"] == 7.0).all()
    assert [way for _, way in core.calls] == [None, ost.FullBPTT()]
    with pytest.raises(Failed, match="call 3 of the core, but the script has 2 losses"):
        core.value_and_grad(batch)
