"""Arguments of other frameworks are a ConfigError that says what to write, and nothing changes."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.foreign.arguments import ARGUMENTS

TRAINER, FIT = ARGUMENTS["Trainer"].hints, ARGUMENTS["fit"].hints
EARLY_STOPPING = ARGUMENTS["EarlyStopping"].hints

X = np.zeros((4, 5, 2), dtype="float32")


def trainer(**options):
    return ost.Trainer(ost.RNN(2, 2), loss="mse", **options)


@pytest.mark.parametrize("name", TRAINER)
def test_an_argument_of_another_framework_for_a_trainer(name):
    with pytest.raises(ost.ConfigError) as caught:
        trainer(**{name: 1})
    assert str(caught.value) == f"Trainer has no argument {name!r}; {TRAINER[name]}"


@pytest.mark.parametrize("name", FIT)
def test_an_argument_of_another_framework_for_fit(name):
    made = trainer()
    before = made.net.arena.copy()
    with pytest.raises(ost.ConfigError) as caught:
        made.fit(X, X, epochs=1, **{name: 1})
    assert str(caught.value) == f"fit has no argument {name!r}; {FIT[name]}"
    assert made.run.epoch == 0 and np.array_equal(made.net.arena, before)


@pytest.mark.parametrize("name", EARLY_STOPPING)
def test_an_argument_of_another_framework_for_early_stopping(name):
    with pytest.raises(ost.ConfigError, match=f"EarlyStopping has no argument {name!r}; write"):
        ost.EarlyStopping(**{name: 1})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: trainer().fit(X, X), "fit: missing a required argument: 'epochs'; write fit"),
        (lambda: trainer().fit(X, X, 10), "fit: too many positional arguments; write fit"),
        (lambda: trainer().fit(X, X, epoch=10), "did you mean 'epochs'"),
        (lambda: ost.Trainer(ost.RNN(2, 2)), "Trainer: missing a required argument: 'loss'; write Trainer"),
        (lambda: ost.Trainer(ost.RNN(2, 2), "mse"), "Trainer: too many positional arguments; write Trainer"),
    ],
)
def test_a_call_that_does_not_fit_says_how_to_write_it(call, words):
    with pytest.raises(ost.ConfigError, match=words):
        call()
