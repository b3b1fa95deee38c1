"""What a class declares for the conformance kit: sizes, targets, and checks that fail by design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

import ostinato as ost
from ostinato import Cell, ConfigError, Param, State, ops, testing
from ostinato.cli import main
from ostinato.testing.cell import CellModel
from tests.testing.faults import cells, numpy_cells


class Tied(Cell):
    """A cell of twice as many inputs as units."""

    def sizes(self, size: Any) -> dict[str, int]:
        if size.input != 2 * size.hidden:
            raise ConfigError("cell 'tied': expected twice as many inputs as units")
        return {}

    def parameters(self, size: Any) -> dict[str, Param]:
        return {"W": Param((size.hidden, size.input))}

    def state(self, size: Any) -> dict[str, State]:
        return {"h": State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = ops.tanh(p.W @ x + 0.5 * state.h)
        return h, {"h": h}


class Grouped(Tied):
    """A cell of whole groups of inputs."""

    def sizes(self, size: Any) -> dict[str, int]:
        if size.input % 7:
            raise ConfigError("cell 'grouped': expected groups of 7 inputs")
        return {}


class OnlyDeclared(Tied):
    """A cell of one size, far from those that the kit tries."""

    check_sizes: ClassVar[Sequence[Any]] = [(20, 4)]

    def sizes(self, size: Any) -> dict[str, int]:
        if (size.input, size.hidden) != (20, 4):
            raise ConfigError("cell 'only': expected 20 inputs and 4 units")
        return {}


class Undeclared(OnlyDeclared):
    check_sizes: ClassVar[Sequence[Any]] = ()


class Three(ost.Loss):
    """A loss of three outputs."""

    def step(self, y: Any, target: Any) -> Any:
        if len(y) != 3:
            raise ConfigError("loss 'three': expected 3 outputs")
        return ops.sum(ops.square(y - target) * np.array([1.0, 2.0, 3.0]))


class Wide(Three):
    """A loss of 65 outputs."""

    check_sizes: ClassVar[Sequence[Any]] = [65]

    def step(self, y: Any, target: Any) -> Any:
        if len(y) != 65:
            raise ConfigError("loss 'wide': expected 65 outputs")
        return ops.sum(ops.square(y - target))


class Learned(ost.Loss):
    """A loss with a parameter."""

    def parameters(self, size: Any) -> dict[str, Param]:
        return {"scale": Param((size.output,), init="ones")}

    def step(self, y: Any, target: Any, p: Any) -> Any:
        return ops.sum(ops.square(y - p.scale * target))


class Classes(ost.Estimator):
    """An estimator that reads its targets as ids, and the places of rows."""

    target = "index"

    def estimate(self, core: Any, batch: Any) -> Any:
        assert np.eye(5)[batch.targets].shape == (*batch.targets.shape, 5) and batch.places.shape == (4,)
        return core.value_and_grad(batch)


class Stopped(cells.Right):
    """A cell that fails a check by design."""

    expected_failures: ClassVar[Mapping[str, str]] = {"gradients": "stopped by design"}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        output, new = super().step(x, state, p)
        return output, {name: ops.stop_gradient(one) for name, one in new.items()}


class NotStopped(cells.Right):
    expected_failures: ClassVar[Mapping[str, str]] = {"gradients": "stopped by design"}


class MixesRows(numpy_cells.RightForManyRows):
    """A cell whose rows see each other."""

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = np.tanh(x @ p.W.T - (x @ p.W.T).mean(0) + state.h @ p.U.T)
        return h, {"h": h}


@pytest.mark.parametrize("item", [Tied, Grouped, OnlyDeclared, Three, Wide, Learned, Classes])
def test_what_takes_few_sizes_or_other_targets_is_checked_whole(item: Any) -> None:
    report = testing.check(item, "quick")
    report.raise_if_failed()
    assert report.counts["passed"] == report.required > 5


def test_the_sizes_are_those_that_the_class_takes() -> None:
    model = CellModel(ost.CellSpec.of(Tied), {}, "quick")
    assert model.sizes(3, 5) == (4, 2)
    assert CellModel(ost.CellSpec.of(OnlyDeclared), {}, "quick").sizes(3, 5) == (20, 4)
    # more units first, as before
    assert CellModel(ost.CellSpec.of(cells.Right), {}, "quick").sizes(3, 5) == (3, 5)


def test_what_takes_no_size_says_why_and_what_to_declare() -> None:
    report = testing.check(Undeclared, "quick")
    assert not report.ok
    assert "expected 20 inputs and 4 units" in str(report) and "check_sizes = [(inputs, hidden)" in str(
        report
    )


def test_sizes_of_another_form_are_named() -> None:
    class Wrong(Tied):
        check_sizes: ClassVar[Sequence[Any]] = [4]

    class WrongLoss(Three):
        check_sizes: ClassVar[Sequence[Any]] = ["3"]

    assert "check_sizes is [4]; expected pairs (inputs, hidden)" in str(testing.check(Wrong, "quick"))
    assert "check_sizes is ['3']; expected widths of outputs" in str(testing.check(WrongLoss, "quick"))


def test_an_expected_failure_of_the_class_is_shown_and_one_that_passes_is_named() -> None:
    report = testing.check(Stopped, "quick")
    assert report.ok and report.counts["expected"] == 1
    assert "expected gradients" in str(report) and "stopped by design (" in str(report)
    report = testing.check(NotStopped, "quick")
    assert [one.id for one in report.failures] == ["gradients"]
    assert "passes, though it is expected to fail (stopped by design)" in str(report)
    # in tests: strict xfails
    mark: Any = testing.parametrize_checks(Stopped)
    (marked,) = (one for one in mark.args[1] if one.marks)
    assert marked.id.endswith("-gradients") and marked.marks[0].kwargs["strict"]


def test_expected_failures_of_another_form_are_refused() -> None:
    class Wrong(cells.Right):
        expected_failures: ClassVar[Any] = ["gradients"]

    with pytest.raises(ost.DTypeError, match="expected_failures is \\['gradients'\\]; expected a dict"):
        testing.check(Wrong, "quick")


def test_rows_that_see_each_other_are_named() -> None:
    found = {one.id: one.reason for one in testing.check(MixesRows, "quick").failures}
    assert "rows see each other" in found["batch_company"] and "rows see each other" in found["nan"]
    assert "rows see" not in str(testing.check(numpy_cells.WeightDoubled, "quick"))


def test_the_command_line_expects_failures_too(capsys: pytest.CaptureFixture[str]) -> None:
    what = f"{NotStopped.__module__}:Sloped"
    globals()["Sloped"] = type("Sloped", (Stopped,), {"expected_failures": {}})
    assert main(["check", what, "--level", "quick"]) == 1
    assert main(["check", what, "--level", "quick", "--expect", "gradients=stopped by design"]) == 0
    assert "stopped by design (" in capsys.readouterr().out
    assert main(["check", what, "--expect", "gradients"]) == 1
    assert "--expect is 'gradients'; expected CHECK=REASON" in capsys.readouterr().err
