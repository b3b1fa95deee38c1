"""Batches of nothing, containers, and model files that were tampered with."""

import json

import numpy as np
import pytest

import ostinato as ost
from ostinato import _core
from ostinato.io.model import KEY
from tests.regularizers.table import REGULARIZERS


def matrices(net):
    return [view for view in net.parameters().values() if view.ndim == 2]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize(("rows", "steps"), [(0, 4), (4, 0), (0, 0)])
def test_no_rows_and_no_steps_are_defined(cell, rows, steps):
    net = ost.Recurrent(cell, 3, 4, 2, regularizers=REGULARIZERS["all"])
    run = net.run(np.zeros((rows, steps, 3)), training=True)
    assert run.outputs.shape == (rows, steps, 4)
    assert run.penalty == pytest.approx(0.1 * sum(float((w.astype(float) ** 2).sum()) for w in matrices(net)))
    assert all((one == 0).all() for one in run.backward(None, d_penalty=0.0).params.values())


def test_containers_draw_from_a_series_of_their_own():
    def make():
        layer = ost.GRU(3, 4, regularizers=["zoneout", "dropout"], seed=1)
        return ost.Sequential(ost.Bidirectional(layer), ost.Dense(8, 2))

    x, targets = np.ones((3, 5, 3)), np.zeros((3, 5, 2))
    first, again = make(), make()
    losses = [net.value_and_grad(x, targets, loss="mse")[0] for net in (first, again, first, again)]
    assert losses[:2] != losses[2:]
    assert losses[0] == losses[1]
    assert losses[2] == losses[3]


EDITS = {
    "a program that is not there": lambda unit, layer: unit.update(inference=9),
    "a program of another layer": lambda unit, layer: unit.update(inference=2),
    "no number": lambda unit, layer: unit.update(inference="1"),
    "regularizers a text": lambda unit, layer: layer.update(regularizers="zoneout"),
    "regularizers of numbers": lambda unit, layer: layer.update(regularizers=[1]),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_description_that_save_would_not_write_is_a_format_error(name, tmp_path):
    path = tmp_path / "model"
    ost.Sequential(ost.GRU(3, 4, regularizers=["zoneout"]), ost.Dense(4, 5)).save(path)
    metadata, tensors = _core.load_model(str(path))
    description = json.loads(metadata[KEY])
    layer = description["network"]["layers"][0][1]
    assert layer["layers"][0][0]["inference"] == 1
    EDITS[name](layer["layers"][0][0], layer)
    _core.save_model(str(path), {KEY: json.dumps(description)}, list(tensors.items()))
    with pytest.raises(ost.FormatError, match="model"):
        ost.load(path)


def test_a_network_without_regularizers_is_described_as_before(tmp_path):
    ost.GRU(3, 4).save(tmp_path / "model")
    layer = json.loads(_core.load_model(str(tmp_path / "model"))[0][KEY])["network"]
    assert "regularizers" not in layer
    assert set(layer["layers"][0][0]) == {"program", "init"}
