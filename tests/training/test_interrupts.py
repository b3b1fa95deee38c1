"""Ctrl-C at any time leaves the parameters of a whole number of updates, and the run can go on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.training.interrupts import Interrupts
from tests.training.tasks import network, running_sum, trainer

pytestmark = pytest.mark.serial

X, TARGETS = running_sum()


class CtrlC(ost.SGD):
    """An optimizer whose third step is interrupted by Ctrl-C in the middle."""

    name = "ctrl_c"

    def step(self, params: Any, grads: Any, **options: Any) -> Any:
        if self.steps == 2:
            before = {name: one.copy() for name, one in params.items()}
            signal.raise_signal(signal.SIGINT)
            assert all(np.array_equal(one, before[name]) for name, one in params.items())
        return super().step(params, grads, **options)


def test_an_interrupt_in_the_middle_of_an_update_waits_for_its_end():
    heard: list[Any] = []

    class Observer:
        @ost.hookimpl
        def ostinato_run_error(self, error):
            heard.append(type(error))

    nets = network(), network()
    trainer(nets[1], optimizer=ost.SGD(0.1)).fit(X, TARGETS, epochs=1, batch_size=4)
    made = trainer(nets[0], optimizer=CtrlC(0.1), callbacks=[Observer()])
    with pytest.raises(KeyboardInterrupt):
        made.fit(X, TARGETS, epochs=1, batch_size=4)
    assert (made.run.step, made.optimizer.steps) == (3, 3)
    assert heard == [KeyboardInterrupt]
    assert np.array_equal(nets[0].arena, nets[1].arena)
    made.fit(X, TARGETS, epochs=1, batch_size=4, resume=True)
    assert (made.run.step, made.run.epoch) == (3, 1)


@pytest.mark.parametrize(
    "hook", ["run_start", "epoch_start", "batch_start", "after_backward", "batch_end", "epoch_end"]
)
def test_an_interrupt_anywhere_else_is_raised_directly_and_the_run_continues_as_if_there_was_none(hook):
    calls: list[str] = []

    def press() -> None:
        """Presses Ctrl-C when it is called for the second time; what is called once a run, for the first."""
        calls.append(hook)
        if len(calls) == (1 if hook == "run_start" else 2):
            signal.raise_signal(signal.SIGINT)

    plugin = SimpleNamespace(**{f"ostinato_{hook}": ost.hookimpl(press)})
    made = trainer(callbacks=[plugin])
    with pytest.raises(KeyboardInterrupt):
        made.fit(X, TARGETS, epochs=3, batch_size=4)
    assert made.optimizer.steps == made.run.step < 9
    made.fit(X, TARGETS, epochs=3, batch_size=4, resume=True)
    plain = trainer()
    plain.fit(X, TARGETS, epochs=3, batch_size=4)
    assert np.array_equal(made.net.arena, plain.net.arena)
    assert made.history == plain.history


def test_the_handler_of_before_is_put_back_and_is_heard():
    heard: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        trainer(optimizer=CtrlC(0.1)).fit(X, TARGETS, epochs=1, batch_size=4)
        assert heard == [signal.SIGINT]
        signal.raise_signal(signal.SIGINT)
        assert len(heard) == 2
    finally:
        signal.signal(signal.SIGINT, previous)


def test_an_ignored_interrupt_stays_ignored():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        interrupts = Interrupts()

        def work() -> None:
            interrupts.hold()
            signal.raise_signal(signal.SIGINT)
            interrupts.release()
            signal.raise_signal(signal.SIGINT)

        interrupts.during(work)
    finally:
        signal.signal(signal.SIGINT, previous)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_ignores_comes_again():
    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)  # what is raised here is printed and forgotten

    class Ending:
        @ost.hookimpl
        def ostinato_batch_end(self, step):
            if step == 2:
                Dying()

    made = trainer(callbacks=[Ending()])
    with pytest.raises(KeyboardInterrupt):
        made.fit(X, TARGETS, epochs=3, batch_size=4)
    assert made.optimizer.steps == made.run.step < 4
    made.fit(X, TARGETS, epochs=3, batch_size=4, resume=True)
    plain = trainer()
    plain.fit(X, TARGETS, epochs=3, batch_size=4)
    assert np.array_equal(made.net.arena, plain.net.arena)


def test_a_process_that_is_interrupted_from_outside_saves_a_consistent_model(tmp_path):
    program = f"""
import numpy as np, ostinato as ost
from tests.training.tasks import network, running_sum, trainer
class Ready:
    @ost.hookimpl
    def ostinato_batch_end(self, step):
        if step == 3:
            print("ready", flush=True)
made = trainer(callbacks=[Ready()])
x, targets = running_sum(rows=64, steps=50)
try:
    made.fit(x, targets, epochs=10**6, batch_size=8)
except KeyboardInterrupt:
    made.save({str(tmp_path / "checkpoint")!r})
    assert made.optimizer.steps == made.run.step
    print(made.run.step)
"""
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    resumed = trainer()
    resumed.load(tmp_path / "checkpoint")
    # An update whose hooks were interrupted is undone: the fourth may be.
    assert resumed.run.step == int(out) >= 3
