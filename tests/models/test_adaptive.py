"""The learning rates of schedule="auto"."""

from __future__ import annotations

import pytest

from ostinato.models.base.adaptive import Adaptive
from ostinato.models.base.best import Best
from ostinato.models.writing.halving import Halving
from ostinato.strategy import Moment


def test_the_rate_rises_and_is_halved_after_five_epochs_without_progress():
    best = Best("loss", 100, 0.0, False)
    rate = Adaptive(best)
    assert rate(1.0, Moment(step=0)) == pytest.approx(1 / 20)
    late = Moment(step=30)
    rates = []
    for loss in (3.0, *[4.0] * 5, 2.0, *[2.5] * 10):
        best.ostinato_epoch_end(run=None, epoch=0, metrics={"loss": loss})  # type: ignore[arg-type]
        rates.append(rate(1.0, late))
    assert rates == [1.0] * 5 + [0.5] * 6 + [0.25] * 5 + [0.125]


def test_the_rate_of_pairs_is_halved_in_epochs_or_in_updates_whatever_takes_longer():
    rate = Halving()
    assert rate(1.0, Moment(step=0, epoch=0)) == pytest.approx(1 / 50)
    few, many = (Moment(step=1200, epoch=6), Moment(step=4000, epoch=5))  # updates decide; epochs decide
    assert (rate(1.0, few), rate(1.0, many)) == (0.5, 0.25)
