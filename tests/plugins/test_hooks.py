"""Every hook has a docstring with an example that runs, and brings in what it is for."""

from __future__ import annotations

import doctest
from typing import Any

import pytest

import ostinato as ost
from ostinato.plugins.entry import Provider
from ostinato.plugins.hookspecs import KINDS, Hooks
from ostinato.plugins.loader import collect

HOOKS = [name for name in vars(Hooks) if name.startswith("ostinato_")]


def run_example(hook: str) -> dict[str, Any]:
    """Run the example in a hook's docstring; its names afterwards."""
    examples = doctest.DocTestParser().get_doctest(getattr(Hooks, hook).__doc__, {}, hook, None, None)
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
    (entry,) = collect(Provider("example:example", "example", "1.0"), module)
    assert KINDS[entry.kind][0] == hook
    assert entry.spec.doc
    thing = entry.spec.factory()
    if entry.kind == "cell":
        assert ost.Recurrent(thing, 3, 4).output_size == 4
    elif entry.kind == "regularizer":
        net, x = ost.RNN(3, 4, regularizers=[thing]), [[[0.0, 1.0, 2.0]]]
        assert (net.run(x, training=True).outputs != net.run(x).outputs).any()
    elif entry.kind == "loss":
        value, _ = ost.Dense(2, 2).value_and_grad([[[0.0, 0.0]]], [[[1.0, -1.0]]], loss=thing)
        # log cosh 1 = 0.4338 for each of the two features.
        assert value == pytest.approx(2 * 0.4337808304830271, rel=1e-6)
    elif entry.kind == "optimizer":
        assert isinstance(thing, ost.Optimizer)
    else:
        assert thing((2, 3), None).shape == (2, 3)


def test_every_kind_of_name_has_a_hook_and_every_hook_a_kind() -> None:
    assert sorted(hook for hook, _ in KINDS.values()) == sorted(HOOKS)
