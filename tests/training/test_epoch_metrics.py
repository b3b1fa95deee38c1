"""What plugins may do with the measurements of an epoch: add numbers, and no more."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.training.epoch_metrics import EpochMetrics

CHANGES: list[Any] = [
    lambda metrics: metrics.__setitem__("loss", 0.0),
    lambda metrics: metrics.__delitem__("loss"),
    lambda metrics: metrics.update(loss=0.0),
    lambda metrics: metrics.update([("own", 1.0), ("loss", 0.0)]),
    lambda metrics: metrics.__ior__({"loss": 0.0}),
    lambda metrics: metrics.pop("loss"),
    lambda metrics: metrics.popitem(),
    lambda metrics: metrics.clear(),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_plugin_cannot_change_what_was_measured(change: Any):
    class Cheats:
        @ost.hookimpl
        def ostinato_epoch_end(self, metrics: Any) -> None:
            change(metrics)

    x = np.ones((2, 3, 2), np.float32)
    made = ost.Trainer(ost.GRU(2, 2), loss="mse", callbacks=[Cheats()])
    message = "plugin 'Cheats' failed in ostinato_epoch_end: .*was measured"
    with pytest.raises(ost.PluginError, match=message):
        made.fit(x, x, epochs=1, progress=False)


def test_what_a_plugin_added_may_change():
    metrics = EpochMetrics({"loss": 1.0})
    metrics["own"] = 2.0
    metrics.update(own=3.0, other=4.0)
    metrics |= {"own": 5.0}
    assert metrics.setdefault("loss", 9.0) == 1.0 and metrics.setdefault("third", 6.0) == 6.0
    del metrics["other"]
    assert metrics.pop("third") == 6.0 and metrics.pop("fourth", None) is None
    assert metrics == {"loss": 1.0, "own": 5.0} and json.loads(json.dumps(metrics)) == metrics
    for one in (copy.deepcopy(metrics), pickle.loads(pickle.dumps(metrics))):
        assert type(one) is dict and one == metrics
