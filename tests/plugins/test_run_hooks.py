"""The hooks of a run: who is called, in which order, with what, and who is named when it fails."""

from __future__ import annotations

from typing import Any

import pytest

import ostinato as ost
from ostinato.plugins.run_hooks import RunHooks


class Loud:
    """Notes each call in `heard`; raises in the batch `bad`."""

    def __init__(self, name: str, heard: list[str], bad: int | None = None) -> None:
        self.name, self.heard, self.bad = name, heard, bad

    @ost.hookimpl
    def ostinato_batch_end(self, step: int, metrics: dict[str, float]) -> None:
        self.heard.append(f"{self.name} {step} {metrics['loss']}")
        if step == self.bad:
            raise ValueError("no such batch")

    @ost.hookimpl
    def ostinato_save(self) -> dict[str, Any]:
        return {"heard": len(self.heard)}

    @ost.hookimpl
    def ostinato_load(self, state: dict[str, Any]) -> None:
        self.heard.append(f"{self.name} had {state['heard']}")


def test_plugins_are_called_in_the_order_given_with_what_they_ask_for() -> None:
    heard: list[str] = []
    hooks = RunHooks({"one": Loud("one", heard), "two": Loud("two", heard)})
    hooks.call("ostinato_batch_end", run=None, step=3, metrics={"loss": 0.5})
    assert heard == ["one 3 0.5", "two 3 0.5"]


def test_a_failing_hook_stops_with_plugin_hook_and_step() -> None:
    heard: list[str] = []
    # Two of one class: the code is the same, the culprit is not.
    hooks = RunHooks(
        {"one": Loud("one", heard), "two": Loud("two", heard, bad=3), "three": Loud("three", heard)}
    )
    with pytest.raises(ost.PluginError, match="'two' failed in ostinato_batch_end at step 3") as failed:
        hooks.call("ostinato_batch_end", run=None, step=3, metrics={"loss": 0.5})
    assert (failed.value.plugin, failed.value.hook, failed.value.step) == ("two", "ostinato_batch_end", 3)
    assert isinstance(failed.value.__cause__, ValueError)
    assert len(heard) == 2


class Step:
    """The step of the run itself."""

    @ost.hookimpl(trylast=True)
    def ostinato_train_step(self, step: int) -> float:
        if step == 9:
            raise ost.NonFiniteError("loss is nan")
        return float(step)


class Twice:
    """Doubles what the step gives; fails itself at 5."""

    @ost.hookimpl(wrapper=True)
    def ostinato_train_step(self, step: int) -> Any:
        result = yield
        if step == 5:
            raise KeyError("five")
        return 2 * result


def test_a_wrapper_stands_around_the_step_and_the_one_that_raises_is_named() -> None:
    hooks = RunHooks({"twice": Twice(), "inner": Step()})
    assert hooks.call("ostinato_train_step", run=None, step=4, batch=None) == 8.0
    with pytest.raises(ost.PluginError) as failed:
        hooks.call("ostinato_train_step", run=None, step=5, batch=None)
    assert failed.value.plugin == "twice"
    with pytest.raises(ost.PluginError) as failed:
        hooks.call("ostinato_train_step", run=None, step=9, batch=None)
    assert failed.value.plugin == "inner"


def test_an_error_of_the_run_itself_stays_as_it_is() -> None:
    hooks = RunHooks({"twice": Twice()}, own=Step())
    assert hooks.call("ostinato_train_step", run=None, step=4, batch=None) == 8.0
    with pytest.raises(ost.NonFiniteError):
        hooks.call("ostinato_train_step", run=None, step=9, batch=None)


def test_the_first_answer_of_should_stop_counts() -> None:
    class Says:
        def __init__(self, answer: bool | None) -> None:
            self.answer = answer

        @ost.hookimpl
        def ostinato_should_stop(self) -> bool | None:
            return self.answer

    hooks = RunHooks({"a": Says(None), "b": Says(True), "c": Says(False)})
    assert hooks.call("ostinato_should_stop", run=None, epoch=0, metrics={}) is True


def test_each_plugin_finds_its_own_state_again() -> None:
    heard: list[str] = ["x"]
    hooks = RunHooks({"one": Loud("one", heard), "quiet": Step()})
    states = hooks.save(run=None)
    assert states == {"one": {"heard": 1}}
    hooks.load(run=None, states={**states, "gone": {}})
    assert heard[-1] == "one had 1"


def test_an_observer_of_the_error_cannot_harm() -> None:
    class Worse:
        @ost.hookimpl
        def ostinato_run_error(self, run: Any, error: BaseException) -> None:
            raise RuntimeError("worse")

    seen = []

    class Notes:
        @ost.hookimpl
        def ostinato_run_error(self, error: BaseException) -> None:
            seen.append(error)

    first = ValueError("first")
    with pytest.warns(UserWarning, match="'worse' failed in ostinato_run_error"):
        RunHooks({"notes": Notes(), "worse": Worse()}).tell_error(run=None, error=first)
    assert seen == [first]


class Mistyped:
    """A hook that does not exist."""

    @ost.hookimpl
    def ostinato_batch_ends(self) -> None: ...


class Unknown:
    """An argument that the hook has not."""

    @ost.hookimpl
    def ostinato_batch_end(self, network: Any) -> None: ...


class Default:
    """An argument that would always be its default."""

    @ost.hookimpl
    def ostinato_batch_end(self, step: int = 0) -> None: ...


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        (Mistyped(), "did you mean 'ostinato_batch_end'"),
        (Unknown(), "network"),
        (Default(), "'step' with a default"),
    ],
)
def test_a_plugin_that_cannot_work_is_refused_by_name(plugin: Any, words: str) -> None:
    with pytest.raises(ost.PluginError, match=f"(?s)'mine' cannot be enabled.*{words}"):
        RunHooks({"mine": plugin})
