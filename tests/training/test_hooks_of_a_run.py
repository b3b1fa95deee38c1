"""Every lifecycle hook is called when it should be, in order; a failing one stops the run and is named."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.plugins.lifecycle import LifecycleHooks
from tests.plugins.distributions import install
from tests.training.tasks import network, running_sum, trainer

X, TARGETS = running_sum()
HOOKS = [name for name in vars(LifecycleHooks) if name.startswith("ostinato_")]


class Everything:
    """Notes each call of each hook with its plain arguments."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    @ost.hookimpl
    def ostinato_run_start(self, run):
        self.calls.append(("run_start", run.epoch, run.step))

    @ost.hookimpl
    def ostinato_epoch_start(self, run, epoch):
        self.calls.append(("epoch_start", epoch))

    @ost.hookimpl
    def ostinato_batch_start(self, run, step, batch):
        self.calls.append(("batch_start", step, batch.rows))

    @ost.hookimpl(wrapper=True)
    def ostinato_train_step(self, run, step, batch):
        self.calls.append(("train_step", step))
        result = yield
        self.calls.append(("train_step done", step, sorted(result)))
        return result

    @ost.hookimpl
    def ostinato_after_backward(self, run, step, grads):
        self.calls.append(("after_backward", step, sorted(grads.params)[0]))

    @ost.hookimpl
    def ostinato_batch_end(self, run, step, metrics):
        self.calls.append(("batch_end", step, run.step, sorted(metrics)))

    @ost.hookimpl
    def ostinato_epoch_end(self, run, epoch, metrics):
        self.calls.append(("epoch_end", epoch, run.epoch, sorted(metrics)))

    @ost.hookimpl
    def ostinato_should_stop(self, run, epoch, metrics):
        self.calls.append(("should_stop", epoch))
        return True if epoch == 1 else None

    @ost.hookimpl
    def ostinato_run_end(self, run):
        self.calls.append(("run_end", run.stopped))


def test_all_hooks_are_called_in_their_order():
    heard = Everything()
    trainer(callbacks=[heard]).fit(X, TARGETS, epochs=5, batch_size=10, validation=(X, TARGETS))
    measured = ["grad_norm", "loss", "lr"]

    def epoch(n: int) -> list[Any]:
        return [
            ("epoch_start", n),
            ("batch_start", n, 10),
            ("train_step", n),
            ("after_backward", n, "0.bias_hh_l0"),
            ("train_step done", n, measured),
            ("batch_end", n, n + 1, measured),
            ("epoch_end", n, n + 1, [*measured, "val_loss"]),
            ("should_stop", n),
        ]

    assert heard.calls == [
        ("run_start", 0, 0),
        *epoch(0),
        *epoch(1),
        ("run_end", "ostinato_should_stop"),
    ]


def test_plugins_are_called_in_the_order_in_which_the_run_names_them():
    calls: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        @ost.hookimpl
        def ostinato_epoch_start(self):
            calls.append(self.name)

    trainer(callbacks=[Named("a"), Named("b"), Named("c")]).fit(X, TARGETS, epochs=1)
    assert calls == ["a", "b", "c"]


def test_after_backward_may_change_the_gradients():
    class Freeze:
        @ost.hookimpl
        def ostinato_after_backward(self, grads):
            for name, grad in grads.params.items():
                if name.startswith("0."):
                    grad[...] = 0.0

    net = network()
    before = net.state_dict()
    trainer(net, callbacks=[Freeze()]).fit(X, TARGETS, epochs=1)
    moved = {name for name, value in net.parameters().items() if not np.array_equal(value, before[name])}
    assert moved == {"1.weight", "1.bias"}


def failing(hook: str) -> Any:
    """A plugin whose implementation of `hook` raises; it takes no argument."""

    class Plugin:
        pass

    def fail() -> None:
        raise RuntimeError("not today")

    def fail_around() -> Any:
        raise RuntimeError("not today")
        yield

    plugin = Plugin()
    wrapper = hook == "ostinato_train_step"
    setattr(plugin, hook, ost.hookimpl(wrapper=wrapper)(fail_around if wrapper else fail))
    return plugin


STEPS = {"batch_start": 0, "train_step": 0, "after_backward": 0, "batch_end": 0}


@pytest.mark.parametrize(
    "hook", [h for h in HOOKS if h.removeprefix("ostinato_") not in ("save", "load", "run_error")]
)
def test_a_failing_hook_stops_the_run_and_is_named(hook):
    made = trainer(callbacks=[failing(hook)])
    with pytest.raises(ost.PluginError, match="not today") as caught:
        made.fit(X, TARGETS, epochs=2, validation=(X, TARGETS))
    error = caught.value
    assert (error.plugin, error.hook) == ("Plugin", hook)
    assert error.step == STEPS.get(hook.removeprefix("ostinato_"))
    assert isinstance(error.__cause__, RuntimeError)
    # The trainer is free again, and its network is that of a whole number of updates.
    assert made.optimizer.steps == made.run.step


def test_a_failing_save_or_load_is_named(tmp_path):
    made = trainer(callbacks=[failing("ostinato_save")])
    with pytest.raises(ost.PluginError, match="ostinato_save"):
        made.save(tmp_path / "a")
    assert not (tmp_path / "a").exists()

    class Keeps:
        @ost.hookimpl
        def ostinato_save(self):
            return {"a": 1}

        @ost.hookimpl
        def ostinato_load(self, state):
            raise RuntimeError("not today")

    made = trainer(callbacks=[Keeps()])
    made.save(tmp_path / "a")
    with pytest.raises(ost.PluginError, match="ostinato_load"):
        trainer(callbacks=[Keeps()]).fit(X, TARGETS, epochs=1, resume=tmp_path / "a")


def test_observers_of_an_error_hear_it_and_cannot_replace_it():
    heard: list[BaseException] = []

    class Observer:
        @ost.hookimpl
        def ostinato_run_error(self, error):
            heard.append(error)

    made = trainer(callbacks=[failing("ostinato_run_error"), Observer(), failing("ostinato_epoch_end")])
    with (
        pytest.warns(UserWarning, match="ostinato_run_error"),
        pytest.raises(ost.PluginError, match="ostinato_epoch_end") as caught,
    ):
        made.fit(X, TARGETS, epochs=1)
    assert heard == [caught.value]


def test_the_trainers_own_errors_blame_no_plugin():
    class Around:
        @ost.hookimpl(wrapper=True)
        def ostinato_train_step(self):
            return (yield)

    bad = X.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(ost.NonFiniteError):
        trainer(callbacks=[Around()]).fit(bad, TARGETS, epochs=1)


def test_a_hook_may_stop_the_run_after_its_batch():
    class Stop:
        @ost.hookimpl
        def ostinato_batch_end(self, run, step):
            if step == 4:
                run.stop("enough")

    made = trainer(callbacks=[Stop()])
    history = made.fit(X, TARGETS, epochs=9, batch_size=4)
    assert (made.run.step, made.run.stopped, len(history)) == (5, "enough", 1)
    # The rest of that epoch is left behind, unless it is resumed.
    assert made.fit(X, TARGETS, epochs=0)["epoch"] == [0]
    assert made.run.epoch == 2


def test_installed_is_not_active_and_a_name_enables(tmp_path):
    source = """
from ostinato import hookimpl
@hookimpl
def ostinato_after_backward(grads):
    grads.arena[:] *= 0.5
"""
    install(tmp_path, "ostinato-halves", source, module="halves_plugin")
    program = f"""
import sys
import numpy as np
sys.path[:0] = [{str(tmp_path)!r}]
import ostinato as ost
x = np.random.default_rng(0).normal(size=(4, 5, 2)).astype("float32")
def weights(callbacks):
    net = ost.Dense(2, 2)
    ost.Trainer(net, loss="mse", optimizer=ost.SGD(0.1), callbacks=callbacks).fit(x, x, epochs=1)
    return net.arena.copy()
plain = weights([])
assert "halves_plugin" not in sys.modules
halved = weights(["halves"])
assert not np.array_equal(plain, halved)
assert np.array_equal(plain, weights([]))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_early_stopping_ends_the_run_and_restores_the_best():
    class Measures:
        """A validation loss that is best in epoch 2."""

        @ost.hookimpl(tryfirst=True)
        def ostinato_epoch_end(self, run, epoch, metrics):
            metrics["val_loss"] = abs(epoch - 2.0)
            kept.append(run.net.arena.copy())

    for restore in (True, False):
        kept: list[Any] = []
        stopping = ost.EarlyStopping(patience=3, restore_best=restore)
        made = trainer(callbacks=[Measures(), stopping])
        made.fit(X, TARGETS, epochs=50)
        assert made.run.epoch == 6
        assert stopping.best_epoch == 2
        assert np.array_equal(made.net.arena, kept[2 if restore else 5])


def test_early_stopping_names_a_metric_that_is_not_measured():
    for metric, words in (("val_loss", "validation="), ("val_rmsd", "metrics="), ("mae", "validation=")):
        made = trainer(callbacks=[ost.EarlyStopping(metric)], metrics=["mae"])
        with pytest.raises(ost.ConfigError, match=f"{metric!r} is not measured.*{words}"):
            made.fit(X, TARGETS, epochs=1)
        assert made.run.step == 0


def test_a_metric_is_suggested_by_the_name_of_its_column():
    made = trainer(callbacks=[ost.EarlyStopping("val_may")], metrics=["mae"])
    with pytest.raises(ost.ConfigError, match=r"did you mean 'val_mae'\?.*validation="):
        made.fit(X, TARGETS, epochs=1)
    made = trainer(callbacks=[ost.EarlyStopping("val_mae")], metrics=["mae"])
    with pytest.raises(ost.ConfigError, match=r"it is measured on validation data; give fit validation="):
        made.fit(X, TARGETS, epochs=1)


def test_plateau_is_refused_before_the_run_when_its_metric_is_not_measured():
    for schedule in ("plateau", ost.schedules.WarmUp(2, then=ost.schedules.Plateau())):
        made = trainer(schedule=schedule)
        with pytest.raises(ost.ConfigError, match=r"watches 'val_loss', which is not measured.*validation="):
            made.fit(X, TARGETS, epochs=1)
        assert made.run.step == 0


def test_a_history_says_how_a_metric_of_validation_comes_into_it():
    history = trainer(metrics=["mae"]).fit(X, TARGETS, epochs=1)
    with pytest.raises(ost.ConfigError, match=r"history has no 'mae'; .*validation="):
        history["mae"]


def test_progress_prints_lines_where_there_is_no_terminal(capsys):
    trainer(callbacks=[ost.Progress()]).fit(X, TARGETS, epochs=2, batch_size=5)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("100.0%  epoch 2  step 4  loss ")
