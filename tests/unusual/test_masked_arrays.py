"""Masked arrays: what is masked is never read as if it were not. An array that masks nothing is an array."""

import numpy as np
import pytest

import ostinato as ost

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 6, 2)).astype("float32")
Y = np.arange(12) % 2
SERIES = 50 + np.cumsum(RNG.normal(size=(3, 30)), axis=1)
SMALL = {"hidden_size": 4, "max_iter": 1}


def trained(x=X, targets=X, weights=None):
    ost.Trainer(ost.GRU(2, 2), loss="mse").fit(x, targets, weights=weights, epochs=1, progress=False)


def forecaster():
    return ost.Forecaster(horizon=2, season=1, **SMALL)


# What is done with an array, and that array.
CASES = {
    "run": (lambda x: ost.GRU(2, 2).run(x), X),
    "rows": (lambda x: ost.GRU(2, 2).run(list(x)), X),
    "lengths": (lambda n: ost.GRU(2, 2).run(X, lengths=n), np.full(12, 5)),
    "mask": (lambda mask: ost.GRU(2, 2).run(X, mask=mask), np.ones((12, 6), bool)),
    "state": (lambda h: ost.GRU(2, 2).run(X, state={"h": h}), np.zeros((1, 12, 2), "float32")),
    "a stream": (lambda x: ost.GRU(2, 2).stream(batch=12).step(x), X[:, 0].copy()),
    "ids of a stream": (lambda x: ost.Embedding(3, 2).stream(batch=12).step(x), Y),
    "targets": (lambda y: ost.GRU(2, 2).value_and_grad(X, y, loss="mse"), X),
    "class ids": (
        lambda y: ost.GRU(2, 2).value_and_grad(X, y, loss="cross_entropy"),
        np.zeros((12, 6), int),
    ),
    "fit x": (trained, X),
    "fit targets": (lambda y: trained(targets=y), X),
    "fit weights": (lambda w: trained(weights=w), np.ones((12, 6))),
    "state_dict": (
        lambda bias: ost.RNN(2, 2).load_state_dict({"bias_ih_l0": bias}, strict=False),
        np.ones(2),
    ),
    "classifier X": (lambda x: ost.SequenceClassifier(**SMALL).fit(x, Y), X),
    "classifier flat X": (lambda x: ost.SequenceClassifier(**SMALL).fit(x, Y), X[:, :, 0]),
    "classifier y": (lambda y: ost.SequenceClassifier(**SMALL).fit(X, y), Y),
    "sample_weight": (lambda w: ost.SequenceClassifier(**SMALL).fit(X, Y, sample_weight=w), np.ones(12)),
    "regressor y": (lambda y: ost.SequenceRegressor(**SMALL).fit(X, y), Y * 1.0),
    "tagger": (lambda x: ost.SequenceTagger(**SMALL).fit(list(x), [list("ababab")] * 12), X),
    "contexts": (lambda x: ost.SequenceGenerator(**SMALL).fit(x, ["ab"] * 12), X[:, 0]),
    "sequences": (lambda x: ost.SequenceGenerator(**SMALL).fit(None, list(x)), X),
    "sources": (lambda x: ost.Seq2Seq(embedding_size=2, **SMALL).fit(list(x), ["ab"] * 12), X),
    "series": (lambda y: forecaster().fit(y), SERIES),
    "a list of series": (lambda y: forecaster().fit(list(y)), SERIES),
    "new values": (lambda y: forecaster().fit(SERIES).update(0, y), SERIES[0, :6]),
    "covariates": (lambda z: forecaster().fit(SERIES, past=z), SERIES),
    "a metric": (lambda f: ost.metrics.smape(f, SERIES), SERIES),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_masked_is_refused_with_what_to_do(name):
    call, array = CASES[name]
    mask = np.zeros(array.shape, bool)
    mask.flat[1::5] = True
    with pytest.raises(ost.OstinatoError, match=r"masked array with \d+ masked values.*numpy\.ma\.filled"):
        call(np.ma.masked_array(array, mask))


@pytest.mark.parametrize("name", CASES)
def test_an_array_that_masks_nothing_is_an_array(name):
    call, array = CASES[name]
    call(np.ma.masked_array(array, False))
