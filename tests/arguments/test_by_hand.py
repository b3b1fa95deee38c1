"""Cases chosen by hand: what people type that no table of wrong values has, and what they see of objects."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost

IDS = np.zeros((2, 3), int)


def writer() -> ost.Network:
    return ost.Sequential(ost.Embedding(9, 4), ost.LSTM(4, 5), ost.Dense(5, 9))


def decoded(begin: object) -> object:
    return writer().decode(begin=begin, end=None, max_length=2, prefix=[[1], [2]])  # type: ignore[arg-type]


def trained(**options: object) -> object:
    return ost.Trainer(writer(), loss="cross_entropy", **options)  # type: ignore[arg-type]


WRONG = {
    "a set of first ids": (lambda: decoded({0, 1}), "begin is {0, 1}; expected an id, or one for each row"),
    "first ids as they come": (lambda: decoded(iter([0, 1])), "begin is .*; expected an id, or one for each"),
    "first ids of no integer type": (lambda: decoded([10**30, 1]), "begin is .*; expected integers"),
    "as many digits as memory": (
        lambda: trained(accumulate=10**5000),
        "accumulate is an integer of about 5001",
    ),
    "a class of callbacks": (
        lambda: trained(callbacks=[ost.EarlyStopping]),
        r"callbacks\[0\] is the class EarlyStopping; expected EarlyStopping\(.*\), not the class",
    ),
    "a criterion without parameters": (lambda: ost.Criterion("mse", 3), "loss 'mse' has no parameters"),
    "axes that cannot draw": (
        lambda: ost.analysis.Alignment([np.ones((1, 1))]).plot(ax=[3]),
        r"ax is \[3\]; expected axes of matplotlib",
    ),
    "labels without a number": (
        lambda: ost.analysis.Alignment([np.ones((1, 1))]).plot(source=3),  # type: ignore[arg-type]
        "source is 3; expected 1 labels",
    ),
    "quantiles that do not end": (lambda: ost.losses.Pinball(quantiles=[10**400]), "quantiles"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_argument_is_named(name):
    call, message = WRONG[name]
    with pytest.raises(ost.OstinatoError, match=message):
        call()


SHOWN = {
    "what was decoded": (
        lambda: writer().decode(begin=[0, 1], end=None, max_length=3),
        "Decoded(2 rows, one hypothesis each)",
    ),
    "a batch": (lambda: ost.Batch(IDS, IDS), "Batch(int64 (2, 3), int64 (2, 3))"),
    "a stream": (
        lambda: writer().stream(2),
        "Stream(Sequential(Embedding(9, 4), LSTM(4, 5), Dense(5, 9)), batch=2)",
    ),
    "a penalty": (lambda: ost.Wu(0.2), "Wu(alpha=0.2, beta=0.0)"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_an_object_prints_as_one_short_line_and_compares_as_itself(name):
    make, text = SHOWN[name]
    one = make()
    assert repr(one) == text
    assert one == one
