"""Hooks around validation: with other parameters for its time, whatever fails."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost

X = np.random.default_rng(0).normal(size=(12, 5, 2)).astype("float32")


class Averaged(ost.Callback):
    """Validates with an exponential mean of the parameters."""

    name = "averaged"

    def __init__(self, decay=0.9):
        self.decay = decay
        self._mean = self._own = None

    @ost.hookimpl
    def ostinato_batch_end(self, run):
        arena = run.net.arena
        self._mean = (
            arena.copy() if self._mean is None else self.decay * self._mean + (1 - self.decay) * arena
        )

    @ost.hookimpl
    def ostinato_validation_start(self, run):
        self._own = run.net.arena.copy()
        run.net.arena[...] = self._mean

    @ost.hookimpl
    def ostinato_validation_end(self, run):
        run.net.arena[...] = self._own

    @ost.hookimpl
    def ostinato_save(self):
        return {"mean": self._mean}

    @ost.hookimpl
    def ostinato_load(self, state):
        self._mean = None if state["mean"] is None else np.array(state["mean"])


def trainer(*callbacks):
    net = ost.Sequential(ost.GRU(2, 4), ost.Dense(4, 2))
    return ost.Trainer(net, loss="mse", optimizer=ost.Adam(0.01), callbacks=callbacks, seed=1)


def fit(one, epochs=3, **more):
    return one.fit(X, X, epochs=epochs, batch_size=4, validation=(X, X), progress=False, **more)


def test_the_validation_sees_the_mean_and_the_training_goes_on_with_its_own():
    plain, averaged = trainer(), trainer(Averaged())
    one, other = fit(plain), fit(averaged)
    assert one["loss"] == other["loss"]
    assert plain.net.arena.tobytes() == averaged.net.arena.tobytes()
    assert all(a < b for a, b in zip(one["val_loss"], other["val_loss"], strict=True))


def test_what_is_measured_is_told_and_cannot_be_changed():
    seen = []

    class Reads:
        @ost.hookimpl
        def ostinato_validation_start(self, epoch):
            seen.append(epoch)

        @ost.hookimpl
        def ostinato_validation_end(self, epoch, metrics):
            seen.append((epoch, dict(metrics)))
            with pytest.raises(TypeError):
                metrics["val_loss"] = 0.0

    history = fit(trainer(Reads()), epochs=1)
    assert seen == [0, (0, {"val_loss": history["val_loss"][0]})]


def test_without_validation_they_are_not_called():
    class Never:
        @ost.hookimpl
        def ostinato_validation_start(self):
            raise AssertionError

    trainer(Never()).fit(X, X, epochs=1, progress=False)


class Fails:
    """Raises in one hook of one epoch, once."""

    def __init__(self, where):
        self.where = where

    def _at(self, where, epoch):
        if self.where == where and epoch == 1:
            self.where = None
            raise ArithmeticError("on purpose")

    @ost.hookimpl
    def ostinato_validation_start(self, epoch):
        self._at("start", epoch)

    @ost.hookimpl
    def ostinato_validation_end(self, epoch):
        self._at("end", epoch)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("where", ["start", "end"])
def test_a_hook_that_fails_leaves_the_parameters_of_the_training(where, order):
    whole = trainer(Averaged())
    history = fit(whole)
    pair = [Averaged(), Fails(where)]
    one = trainer(*(pair if order else reversed(pair)))
    with pytest.raises(ost.PluginError, match="on purpose"):
        fit(one)
    assert one.run.epoch == 1
    assert fit(one, resume=True).rows == history.rows
    assert one.net.arena.tobytes() == whole.net.arena.tobytes()


def test_a_validation_that_fails_leaves_the_parameters_of_the_training():
    class Once:
        """Batches that fail in the second validation."""

        calls = 0

        def __iter__(self):
            self.calls += 1
            if self.calls == 2:
                raise ArithmeticError("on purpose")
            yield X, X

    whole, one = trainer(Averaged()), trainer(Averaged())
    history = whole.fit(X, X, epochs=3, batch_size=4, validation=[(X, X)], progress=False)
    data = {"epochs": 3, "batch_size": 4, "validation": Once(), "progress": False}
    with pytest.raises(Exception, match="on purpose"):
        one.fit(X, X, **data)
    assert one.fit(X, X, resume=True, **data).rows == history.rows
    assert one.net.arena.tobytes() == whole.net.arena.tobytes()
