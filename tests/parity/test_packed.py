"""Packed rows are PyTorch's, field by field, and run as they are."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import pack, unpack


def test_the_form_is_pytorchs():
    torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((length, 2)).astype("float32") for length in (3, 7, 1, 7, 4)]
    theirs = torch.nn.utils.rnn.pack_sequence([torch.from_numpy(row) for row in x], enforce_sorted=False)
    array, lengths = unpack(theirs)
    ours, counts = unpack(pack(x))
    np.testing.assert_array_equal(array, ours)
    np.testing.assert_array_equal(lengths, counts)
    np.testing.assert_array_equal(theirs.data.numpy(), pack(x).data)
    np.testing.assert_array_equal(ost.GRU(2, 3).run(theirs).outputs, ost.GRU(2, 3).run(x).outputs)
