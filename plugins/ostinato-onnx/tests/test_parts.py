"""An encoder and a decoder as two files give the outputs of the network, one step after the other."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="pip install -e 'plugins/ostinato-onnx[test]'")
pytest.importorskip("onnxruntime", reason="pip install -e 'plugins/ostinato-onnx[test]'")

import ostinato_onnx  # noqa: E402
from ostinato_onnx.checking import randomize  # noqa: E402
from ostinato_onnx.running import run_here  # noqa: E402

import ostinato as ost  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
from test_graphs import attentive, encoder_decoder, of  # noqa: E402


def with_a_row(new):
    """A decoder that reads a value of rows at each step, and an input of rows directly."""
    source, speaker = ost.Input("source", ids=8, axis="source"), ost.Input("speaker", size=2, axis="row")
    words = ost.Input("words", ids=9, axis="target")
    code = ost.last(new(ost.GRU, 4, 5)(new(ost.Embedding, 8, 4)(source)))
    step = ost.concat(new(ost.Embedding, 9, 4)(words), ost.repeat(code, words), ost.repeat(speaker, words))
    return ost.Graph(new(ost.LSTM, 11, 6)(step))


NETWORKS = {
    "attention": lambda new: attentive(new, "before", "additive"),
    "input feeding": lambda new: attentive(new, "after", "dot"),
    "initial states": encoder_decoder,
    "rows": with_a_row,
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("lengths", [True, False])
def test_two_files_step_by_step(name, lengths, tmp_path):
    net = NETWORKS[name](of("float32"))
    randomize(net)
    encoder, decoder = str(tmp_path / "encoder.onnx"), str(tmp_path / "decoder.onnx")
    ostinato_onnx.export(net, encoder, part="encoder", lengths=lengths)
    ostinato_onnx.export(net, decoder, part="decoder", lengths=lengths)
    for path in (encoder, decoder):
        onnx.checker.check_model(path)
    rng = np.random.default_rng(0)
    given = {"source": rng.integers(0, 8, (3, 6)), "words": rng.integers(0, 9, (3, 4))}
    if name == "rows":
        given["speaker"] = rng.normal(size=(3, 2)).astype("float32")
    own = np.array([6, 2, 0])

    def ports(path):
        return {one.name for one in onnx.load(path).graph.input}

    feed = {**given, "lengths.source": own}
    ((found,),) = run_here([encoder], [[{key: feed[key] for key in ports(encoder)}]])
    steps = []
    for t in range(4):
        feed |= {**found, "words": given["words"][:, t : t + 1]}
        ((made,),) = run_here([decoder], [[{key: feed[key] for key in ports(decoder)}]])
        steps.append(made["output"][:, 0])
        found |= {key.removesuffix(".next"): one for key, one in made.items() if key.endswith(".next")}
    expected = net(given, lengths={"source": own} if lengths else None)
    assert np.allclose(np.stack(steps, 1), expected, atol=2e-5)


def test_the_parameters_are_in_the_file_that_reads_them(tmp_path):
    net, path = attentive(of("float32"), "before", "additive"), tmp_path / "part.onnx"
    names = []
    for part in ("encoder", "decoder"):
        ostinato_onnx.export(net, path, part=part)
        names.append({one.name for one in onnx.load(path).graph.initializer if one.name[0] != "/"})
    assert names[0] | names[1] == set(net.parameters()) and not names[0] & names[1]


def test_what_has_no_parts_is_refused(tmp_path):
    path = tmp_path / "part.onnx"
    for net in (ost.GRU(3, 4), ost.Sequential(ost.GRU(3, 4), ost.Last())):
        with pytest.raises(ost.ConfigError, match="is no encoder and decoder"):
            ostinato_onnx.export(net, path, part="decoder")
    with pytest.raises(ost.ConfigError, match="part is 'half'"):
        ostinato_onnx.export(net, path, part="half")
    with pytest.raises(ost.ConfigError, match="states is True with a part"):
        ostinato_onnx.export(net, path, part="encoder", states=True)
    assert not path.exists()
