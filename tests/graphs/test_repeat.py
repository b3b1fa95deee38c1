"""A value of rows repeated along a sequence that nothing else reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import ostinato as ost


def test_the_sequence_that_a_row_is_repeated_along_is_an_input_of_the_graph(tmp_path: Path) -> None:
    row, clock = ost.Input("row", size=2, axis="row"), ost.Input("clock", ids=3)
    net = ost.Graph(ost.GRU(2, 4)(ost.repeat(row, ost.Embedding(3, 1)(clock))))
    x = {"row": np.ones((3, 2), "float32"), "clock": np.zeros((3, 5), int)}
    outputs = net(x, lengths=[5, 2, 0])
    assert outputs.shape == (3, 5, 4)
    assert outputs[1, :2].all()
    assert not outputs[1, 2:].any()
    alone = ost.GRU(2, 4)
    alone.load_state_dict({name[2:]: array for name, array in net.state_dict().items()})
    np.testing.assert_array_equal(outputs[0], alone(np.ones((1, 5, 2), "float32"))[0])
    net.save(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(ost.load(tmp_path / "net.safetensors")(x, lengths=[5, 2, 0]), outputs)
