"""Noise is addressed by the step of the whole sequence: every way through time draws the same masks."""

import numpy as np
import pytest

import ostinato as ost

MASKS = [ost.VariationalDropout(0.3), ost.Zoneout(0.2), ost.WeightDrop(0.4), ost.Dropout(0.3)]
WAYS = [ost.CheckpointedBPTT("sqrt"), ost.CheckpointedBPTT("4MB"), ost.TruncatedBPTT(100, 1000)]


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_masks_are_those_of_full_bptt_to_the_bit(cell, way, both):
    net = ost.Recurrent(cell, 5, 4 if both else 8, num_layers=2, bidirectional=both, regularizers=MASKS)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(9, 600, 5)), rng.normal(size=(9, 600, 8))
    batch = {"loss": "mse", "lengths": [600, 600, 450, 0, 512, 33, 600, 1, 580], "seed": 7}
    loss, full = net.value_and_grad(x, y, **batch)
    again, other = net.value_and_grad(x, y, through_time=way, **batch)
    assert loss == again
    np.testing.assert_array_equal(full.arena, other.arena)
    np.testing.assert_array_equal(full.inputs, other.inputs)
    plain = ost.Recurrent(cell, 5, 4 if both else 8, num_layers=2, bidirectional=both)
    assert plain.value_and_grad(x, y, loss="mse")[0] != loss
