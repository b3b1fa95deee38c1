"""An update that overflows leaves the model, and everything else, as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from tests.failures.state import differing, whole_state
from tests.training.tasks import running_sum

X, TARGETS = running_sum()
HUGE = np.full_like(TARGETS, 1e4)


class Divides(ost.Optimizer):
    """An equation that is 0 / 0 where a gradient is 0, from its third step on."""

    def __init__(self, lr: float = 0.1) -> None:
        self.lr = lr
        super().__init__()

    def update(self, param, grad, slots, s):
        nothing = grad - grad
        return param - s.lr * grad - ops.where(s.count > 2.5, nothing / nothing, 0.0), {}


class Doubles(ost.Optimizer):
    """A slot that grows by a large factor at each step, and parameters that do not read it."""

    slots = ("size",)

    def __init__(self, lr: float = 0.1) -> None:
        self.lr = lr
        super().__init__()

    def update(self, param, grad, slots, s):
        return param - 0.0 * grad, {"size": 1e19 * grad * grad}


class Case(NamedTuple):
    """A trainer that fails in an update after `updates` whole ones, and what the message holds."""

    options: dict[str, Any]
    targets: Any
    updates: int
    says: str
    net: Callable[[], ost.Network] = lambda: ost.Dense(2, 2)


def rises(start: float, when: ost.Moment) -> float:
    """A learning rate that explodes in the second epoch."""
    return start if when.epoch == 0 else 3e38


CASES = {
    "a large rate": Case({"optimizer": ost.SGD(1e38)}, HUGE, 0, "the update made parameter 'weight' hold"),
    "momentum": Case({"optimizer": ost.SGD(1e38, momentum=0.9)}, HUGE, 0, "lower the learning rate"),
    "by groups": Case(
        {"optimizer": ost.SGD(1e-3, groups={"bias": {"lr": 1e38}})}, HUGE, 0, "parameter 'bias' hold"
    ),
    "a schedule": Case({"optimizer": ost.SGD(1e-3), "schedule": rises}, TARGETS, 3, "which is 3e[+]38"),
    "decay": Case(
        {"optimizer": ost.SGD(1.0, weight_decay=1e30)}, TARGETS, 1, "the update made parameter|the loss is"
    ),
    "an equation of one's own": Case({"optimizer": Divides()}, TARGETS, 2, "hold nan"),
    "the squares of Adam": Case(
        {"optimizer": ost.Adam(1e-3), "loss": ost.weighted("mse", 1e22)},
        TARGETS,
        0,
        "of optimizer 'adam' hold inf",
    ),
    "a slot that nothing reads": Case(
        {"optimizer": Doubles()},
        np.full_like(TARGETS, 1e16),
        0,
        "made 'size' of optimizer 'doubles' hold inf",
    ),
    "float64": Case(
        {"optimizer": ost.SGD(1e306)},
        HUGE.astype("float64"),
        0,
        "hold",
        lambda: ost.Dense(2, 2, dtype="float64"),
    ),
    "clipped": Case({"optimizer": ost.SGD(3e38), "clip_norm": 1e3}, HUGE, 0, "the update made parameter"),
    "with a frozen layer": Case(
        {"optimizer": ost.SGD(1e38)},
        HUGE,
        0,
        "parameter '1.",
        lambda: _frozen(ost.Sequential(ost.GRU(2, 3), ost.Dense(3, 2))),
    ),
}


def _frozen(net: ost.Network) -> ost.Network:
    net.freeze("0.*")
    return net


@pytest.mark.parametrize("name", CASES)
def test_an_update_that_overflows_changes_nothing(name):
    case = CASES[name]
    plain, made = (
        ost.Trainer(
            case.net(),
            **{"loss": "mse", "callbacks": [ost.EarlyStopping("loss")]}
            | {key: again(one) for key, one in case.options.items()},
        )
        for _ in range(2)
    )
    whole, rest = divmod(case.updates, 3)
    options = {"batch_size": 4}  # three updates an epoch
    if whole or not rest:
        plain.fit(X, case.targets, epochs=whole, **options)
    before = np.asarray(made.net.arena).copy()
    with pytest.raises(ost.NonFiniteError, match=case.says):
        made.fit(X, case.targets, epochs=2, **options)
    assert made.run.step == made.optimizer.steps == case.updates
    assert np.isfinite(made.net.arena).all()
    slots = made.optimizer.state_dict()["slots"].values()
    assert all(np.isfinite(one).all() for group in slots for one in group.values())
    if not case.updates:
        assert np.array_equal(made.net.arena, before)
        assert differing(_lasting(made), _lasting(plain)) == []
    elif not rest:
        assert np.array_equal(made.net.arena, plain.net.arena)


def again(one: Any) -> Any:
    """A new optimizer with the same options."""
    return type(one)(**one.options) if isinstance(one, ost.Optimizer) else one


def _lasting(trainer: ost.Trainer) -> Any:
    """The state of a trainer, without the goal of a `fit` without an epoch."""
    state = whole_state(trainer)
    return {name: one for name, one in state.items() if name not in ("run", "measured")}


def test_the_run_goes_on_with_a_smaller_rate():
    made = ost.Trainer(ost.Dense(2, 2), loss="mse", optimizer=ost.SGD(1e38))
    with pytest.raises(ost.NonFiniteError):
        made.fit(X, HUGE, epochs=1)
    made.optimizer.lr = 1e-3
    history = made.fit(X, TARGETS, epochs=3)
    plain = ost.Trainer(ost.Dense(2, 2), loss="mse", optimizer=ost.SGD(1e-3))
    assert history == plain.fit(X, TARGETS, epochs=3)
    assert np.array_equal(made.net.arena, plain.net.arena)


def test_a_checkpoint_of_an_update_that_overflows_is_not_written(tmp_path):
    path = tmp_path / "checkpoint"
    made = ost.Trainer(
        ost.Dense(2, 2), loss="mse", optimizer=ost.SGD(1e38), callbacks=[ost.Checkpoints(path, every_steps=1)]
    )
    with pytest.raises(ost.NonFiniteError):
        made.fit(X, HUGE, epochs=1)
    assert not path.exists()
