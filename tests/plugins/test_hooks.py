"""Every hook has a docstring with an example that runs, and brings in what it is for."""

from __future__ import annotations

import argparse
import contextlib
import doctest
import io
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.plugins import Provider, Registry
from ostinato.plugins.hookspecs import Hooks
from ostinato.plugins.index import Found
from ostinato.plugins.lifecycle import LifecycleHooks
from ostinato.plugins.loader import collect
from ostinato.plugins.run_hooks import RunHooks
from ostinato.specs import SPECS

HOOKS = [name for name in vars(Hooks) if name.startswith("ostinato_")]
LIFECYCLE = [name for name in vars(LifecycleHooks) if name.startswith("ostinato_")]


def run_example(hook: str, home: type = Hooks) -> dict[str, Any]:
    """Run the example in a hook's docstring; its names afterwards."""
    examples = doctest.DocTestParser().get_doctest(getattr(home, hook).__doc__, {}, hook, None, None)
    assert examples.examples, f"{hook} has no example"
    runner = doctest.DocTestRunner(verbose=False)
    result = runner.run(examples, clear_globs=False)
    assert result.failed == 0
    return examples.globs


@pytest.mark.parametrize("hook", HOOKS)
def test_the_example_of_a_hook_is_a_plugin(hook: str) -> None:
    class Module:
        pass

    module = Module()
    setattr(module, hook, run_example(hook)[hook])
    _, (entry,) = collect(Provider("example:example", "example", "1.0"), module)
    assert SPECS[entry.kind].hook == hook
    assert entry.spec.doc
    MADE[entry.kind](entry.spec.factory)


def a_cell(make: Any) -> None:
    assert ost.Recurrent(make(), 3, 4).output_size == 4


def a_scorer(make: Any) -> None:
    assert make().step(np.ones(3), np.array([1.0, 1.0, 3.0]), None, None) == -4.0


def a_layer(make: Any) -> None:
    net = ost.Sequential(ost.Dense(3, 4), make(4), "last")
    assert net(np.zeros((2, 5, 3))).shape == (2, 4)


def a_regularizer(make: Any) -> None:
    net, x = ost.RNN(3, 4, regularizers=[make()]), [[[0.0, 1.0, 2.0]]]
    assert (net.run(x, training=True).outputs != net.run(x).outputs).any()


def a_loss(make: Any) -> None:
    value, _ = ost.Dense(2, 2).value_and_grad([[[0.0, 0.0]]], [[[1.0, -1.0]]], loss=make())
    # log cosh 1 = 0.4338 for each of the two features.
    assert value == pytest.approx(2 * 0.4337808304830271, rel=1e-6)


def an_optimizer(make: Any) -> None:
    assert isinstance(make(), ost.Optimizer)


def a_schedule(make: Any) -> None:
    assert [make()(2.0, ost.Moment(epoch=epoch)) for epoch in (0, 10, 20)] == [2.0, 1.0, 0.5]


def an_initializer(make: Any) -> None:
    assert make()((2, 3), None).shape == (2, 3)


def a_strategy(make: Any) -> None:
    assert make().lesson(ost.Moment(), np.array([3, 1, 2])).rows.tolist() == [1, 2, 0]


def a_metric(make: Any) -> None:
    net = ost.Dense(2, 2)
    for view in net.parameters().values():
        view[...] = 0.0
    trainer = ost.Trainer(net, loss="mse", metrics=[make()])
    x = np.zeros((1, 4, 2), "float32")
    targets = np.array([[[0.0, 0.0], [0.0, 9.0], [0.05, 0.05], [0.2, 0.0]]])
    assert trainer.evaluate(x, targets)["misses"] == 0.5


def a_callback(make: Any) -> None:
    x = np.ones((8, 3, 2), "float32")
    nets = [ost.Dense(2, 2) for _ in range(2)]
    for net, callbacks in zip(nets, ([], [make(width=0.5)]), strict=True):
        ost.Trainer(net, loss="mse", callbacks=callbacks).fit(x, x, epochs=3, progress=False)
    # Not the arenas: what lies between the parameters does not count.
    weights = [net.parameters()["weight"] for net in nets]
    assert (weights[0] != weights[1]).any()


def a_command(make: Any) -> None:
    parser = argparse.ArgumentParser()
    run = make(parser)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run(parser.parse_args(["world"]))
    assert printed.getvalue() == "hello, world\n"


# What the example of a kind must do.
MADE = {
    "cell": a_cell,
    "scorer": a_scorer,
    "layer": a_layer,
    "regularizer": a_regularizer,
    "loss": a_loss,
    "optimizer": an_optimizer,
    "schedule": a_schedule,
    "initializer": an_initializer,
    "strategy": a_strategy,
    "metric": a_metric,
    "callback": a_callback,
    "command": a_command,
}


def test_every_kind_of_name_has_a_hook_and_every_hook_a_kind() -> None:
    assert set(MADE) == set(SPECS)
    assert sorted(spec.hook for spec in SPECS.values()) == sorted(HOOKS)


@pytest.mark.parametrize("hook", LIFECYCLE)
def test_the_example_of_a_lifecycle_hook_can_be_enabled(hook: str) -> None:
    class Module:
        pass

    module = Module()
    setattr(module, hook, run_example(hook, LifecycleHooks)[hook])
    RunHooks({"example": module})


@pytest.mark.parametrize("kind", SPECS)
def test_a_name_of_every_kind_registers_lists_and_resolves(kind: str) -> None:
    def make() -> None:
        """Made by a test."""

    role = {"role": "feeding"} if kind == "strategy" else {}
    spec = SPECS[kind]("thing", make, **role)

    class Plugin:
        pass

    plugin = Plugin()
    setattr(plugin, spec.hook, ost.hookimpl(lambda: [spec]))
    names = Registry(lambda: [Found(Provider("ostinato-acme:x", "ostinato-acme", "1.0"), lambda: plugin)])
    assert "acme/thing" in names.names(kind)
    assert names.resolve(kind, "thing").spec is spec
    assert spec.doc == "Made by a test."
    names.register(SPECS[kind]("other", make, **role))
    assert names.resolve(kind, "local/other").spec.factory is make
