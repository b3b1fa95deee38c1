"""Callbacks by name, class and instance, with options; the names are those of hooks."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from ostinato.plugins import Provider
from ostinato.plugins.index import Found
from ostinato.plugins.registry import registry

X = np.ones((8, 3, 2), "float32")


class Counts(ost.Callback):
    """Counts epochs."""

    name = "counts"
    examples = ({}, {"start": 3})

    def __init__(self, start=0):
        self.start = start
        self._found = start

    @ost.hookimpl
    def ostinato_epoch_end(self, metrics):
        self._found += 1
        metrics["found"] = self._found

    @ost.hookimpl
    def ostinato_save(self):
        return {"found": self._found}

    @ost.hookimpl
    def ostinato_load(self, state):
        self._found = state["found"]


class Package:
    """A package with a callback."""

    @ost.hookimpl
    def ostinato_callbacks(self):
        return [ost.CallbackSpec("counts", Counts)]


@pytest.fixture
def names():
    provider = Provider("acme:callbacks", "ostinato-acme", "1.0")
    with registry.isolated(lambda: [Found(provider, Package)]):
        yield


def found(*callbacks):
    trainer = ost.Trainer(ost.Dense(2, 2), loss="mse", callbacks=list(callbacks))
    return trainer.fit(X, X, epochs=2, progress=False)["found"]


@pytest.mark.parametrize("name", ["counts", "acme/counts"])
def test_a_name_makes_a_callback_for_each_run(names, name):
    assert found(name) == [1, 2]
    assert found(name) == [1, 2]


def test_an_instance(names):
    assert found(Counts(start=3)) == [4, 5]


def test_a_class_is_refused(names):
    with pytest.raises(
        ost.ConfigError, match=r"callbacks\[0\] is the class Counts; expected Counts\(start\)"
    ):
        found(Counts)


def test_an_unknown_name_says_both_kinds_of_names(names):
    with pytest.raises(ost.UnknownName, match=r"no callback 'count'; .*counts.*; nor is it an active"):
        ost.Trainer(ost.Dense(2, 2), loss="mse", callbacks=["count"])


def test_a_callback_is_registered_for_this_process():
    with registry.isolated(list):
        ost.register(Counts)
        assert found("counts") == [1, 2]


def test_a_wrong_option_and_a_factory_of_something_else_are_named(names):
    with pytest.raises(ost.ConfigError, match="callback 'counts' has no option 'star'; did you mean 'start'"):
        Counts(star=1)
    with registry.isolated(list):
        ost.register(ost.CallbackSpec("odd", dict))
        with pytest.raises(ost.ConfigError, match="makes a dict; expected a Callback"):
            found("odd")


def test_two_of_a_name_keep_a_state_each(names, tmp_path):
    trainer = ost.Trainer(ost.Dense(2, 2), loss="mse", callbacks=[Counts(), Counts(start=5)])
    trainer.fit(X, X, epochs=1, progress=False)
    trainer.save(tmp_path / "two.ckpt")
    again = ost.Trainer(ost.Dense(2, 2), loss="mse", callbacks=[Counts(), Counts(start=5)])
    history = again.fit(X, X, epochs=2, progress=False, resume=tmp_path / "two.ckpt")
    assert history["found"] == [6, 7]
