"""Graphs are the same in ONNX Runtime: pooling, rows, axes, attention, decoders, states on entries."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="pip install -e 'plugins/ostinato-onnx[test]'")
pytest.importorskip("onnxruntime", reason="pip install -e 'plugins/ostinato-onnx[test]'")

import ostinato_onnx  # noqa: E402
from ostinato_onnx.checking import randomize, verify  # noqa: E402
from ostinato_onnx.running import run_here  # noqa: E402

import ostinato as ost  # noqa: E402
from ostinato import Input, ops  # noqa: E402

POOLS = ("mean", "max", "last", "first", "sum")


class Coverage(ost.Cell):
    """Attention whose scores read the weights of all steps before: a state with a value for each entry."""

    def memories(self, size):
        return {"source": ost.Memory(3)}

    def parameters(self, size):
        return {"w": ost.Param((size.hidden, size.input)), "u": ost.Param((size.hidden, 3)),
                "v": ost.Param((size.hidden,), init="zeros")}  # fmt: skip

    def state(self, size):
        return {"h": ost.State(size.hidden), "sum": ost.State((), on="source")}

    def step(self, x, state, p, memory):
        m = memory.source
        near = ops.entries.window(state.sum, 1)
        place = ops.entries.position(m) / ops.maximum(ops.entries.count(m), 1.0)
        scores = ops.dot(p.v, ops.tanh(p.u @ m + p.w @ x + state.h)) - state.sum + 0.1 * ops.sum(near) + place
        weights = ops.entries.softmax(scores)
        context = ops.entries.sum(weights * m)
        spread = ops.entries.logsumexp(scores) + ops.entries.argmax(scores)
        bounded = ops.where(spread > -1e9, spread, 0.0)  # -inf without entries
        h = ops.tanh(p.u @ context + p.w @ x + ops.entries.mean(scores) + ops.entries.max(scores) * 0.1)
        return h + 0.01 * bounded, {"h": h, "sum": state.sum + weights}


class Matrix(ost.Cell):
    """A state that is a matrix, and a number as another state."""

    def parameters(self, size):
        return {"w": ost.Param((size.hidden, size.input))}

    def state(self, size):
        return {"m": ost.State((size.hidden, size.hidden)), "n": ost.State(())}

    def step(self, x, state, p):
        v = ops.tanh(p.w @ x)
        m = 0.5 * state.m + ops.outer(v, v)
        n = 0.9 * state.n + ops.sum(v)
        return m @ v + n, {"m": m, "n": n}


def of(dtype):
    """The layers of a dtype."""
    return lambda layer, *sizes, **options: layer(*sizes, dtype=dtype, **options)


def two_outputs(new):
    text, speaker = Input("text", ids=20), Input("speaker", size=3, axis="row")
    h = new(ost.GRU, 8, 6, bidirectional=True)(new(ost.Embedding, 20, 8)(text))
    mood = new(ost.Dense, 15, 2)(ost.concat(ost.last(h), speaker))
    return ost.Graph(outputs={"tags": new(ost.Dense, 12, 5)(h), "mood": mood})


def pooled(new, bidirectional):
    h = new(ost.LSTM, 4, 5, bidirectional=bidirectional)(Input("x", size=4))
    return ost.Graph(outputs={name: getattr(ost, name)(h) for name in POOLS})


def repeated(new):
    x, site = Input("x", size=4), Input("site", ids=10, axis="row")
    static = new(ost.Embedding, 10, 3)(site)
    hidden = new(ost.LSTM, 7, 6)(ost.concat(x, ost.repeat(static, x)))
    return ost.Graph(outputs={"y": new(ost.Dense, 6, 1)(hidden), "again": ost.repeat(static, x)})


def repeated_alone(new):
    code, clock = Input("code", size=6, axis="row"), Input("clock", size=1)
    h = new(ost.Recurrent, "indrnn", 6, 5, bidirectional=True)(ost.repeat(code, clock))
    return ost.Graph(outputs={"h": h, "mean": ost.mean(ost.repeat(code, clock))})


def turned(new):
    x = Input("x", size=4)
    back = ost.reverse(x)
    return ost.Graph(outputs={
        "x": back, "gru": new(ost.GRU, 4, 4)(back), "add": ost.add(x, back), "first": ost.first(back),
        "last": ost.last(back), "concat": ost.concat(back[..., 1:3], x), "twice": ost.reverse(back),
        "apply": ost.apply(lambda a, b: a * b, x, back),
    })  # fmt: skip


def functions(new):
    x, scale = Input("signal", size=3), Input("scale", size=3, axis="row")
    gated = ost.apply(lambda a, s: a * ops.sigmoid(s) + ops.mean(a), x, scale)
    scores = new(ost.Dense, 3, 1)(x)
    return ost.Graph(outputs={"gated": gated, "scaled": 2 * x * scale - 1, "pool": ost.attend(scores, x)})


def two_axes(new):
    left, right = Input("left", size=3, axis="left"), Input("right", size=3, axis="right")
    encoder = new(ost.GRU, 3, 8)
    return ost.Graph(new(ost.Dense, 16, 2)(ost.concat(ost.last(encoder(left)), ost.last(encoder(right)))))


def encoder_decoder(new):
    source, words = Input("source", ids=8, axis="source"), Input("words", ids=9, axis="target")
    both = new(ost.GRU, 4, 5, bidirectional=True)(new(ost.Embedding, 8, 4)(source))
    start = new(ost.Dense, 10, 6, "tanh")(ost.concat(ost.final_states(both)["h"]))
    return ost.Graph(new(ost.LSTM, 4, 6)(new(ost.Embedding, 9, 4)(words), initial_state={"h": start}))


def attentive(new, query, scorer):
    source, words = Input("source", ids=8, axis="source"), Input("words", ids=9, axis="target")
    encoder = new(ost.GRU, 4, 5, bidirectional=True)
    decoder = new(ost.Decoder, "gru", 4, 10, 10, scorer, query=query)
    encoded = encoder(new(ost.Embedding, 8, 4)(source))
    start = ost.Bridge(encoder, decoder)(encoded)
    decoded = decoder(new(ost.Embedding, 9, 4)(words), source=encoded, initial_state=start)
    return ost.Graph(new(ost.Dense, 10, 9)(decoded))


def decoder_step(new):
    """The decoder alone, on what an encoder computed before: with T = 1, one step of decoding."""
    memory, words = Input("memory", size=6, axis="source"), Input("words", ids=9, axis="target")
    decoded = new(ost.Decoder, "gru", 4, 8, 6)(new(ost.Embedding, 9, 4)(words), source=memory)
    return ost.Graph(new(ost.Dense, 8, 9)(decoded))


def covered(new):
    memory, x = Input("memory", size=3, axis="source"), Input("x", size=4, axis="target")
    return ost.Graph(new(ost.Recurrent, Coverage, 4, 5)(x, source=memory))


def repeated_memory(new):
    """A value of rows as a memory, repeated along an axis."""
    code, clock = Input("code", size=3, axis="row"), Input("clock", size=1, axis="source")
    x = Input("x", size=4, axis="target")
    return ost.Graph(new(ost.Recurrent, Coverage, 4, 5)(x, source=ost.repeat(code, clock)))


def tied(new):
    table = new(ost.Embedding, 20, 8)
    return ost.Sequential(table, new(ost.GRU, 8, 8), new(ost.Dense, 8, 20, tied_to=table, bias=False))


def regularized(new):
    options = [ost.Dropout(0.3), ost.RecurrentDropout(0.2), ost.Zoneout(0.1)]
    return new(ost.Recurrent, "lstm", 4, 5, regularizers=options)


GRAPHS = {
    "two outputs": two_outputs,
    "pooling": lambda new: pooled(new, False),
    "pooling of both directions": lambda new: pooled(new, True),
    "repeat": repeated,
    "repeat alone": repeated_alone,
    "reverse": turned,
    "functions": functions,
    "two axes": two_axes,
    "initial states": encoder_decoder,
    "before additive": lambda new: attentive(new, "before", "additive"),
    "between multiplicative": lambda new: attentive(new, "between", "multiplicative"),
    "after dot": lambda new: attentive(new, "after", "dot"),
    "before scaled_dot": lambda new: attentive(new, "before", "scaled_dot"),
    "a decoder's step": decoder_step,
    "a state on entries": covered,
    "states of other shapes": lambda new: new(ost.Recurrent, Matrix, 4, 5, bidirectional=True),
    "a repeated memory": repeated_memory,
    "tied": tied,
    "residual": lambda new: new(ost.Recurrent, "gru", 5, 5, num_layers=3, residual=True),
    "regularizers": regularized,
    "dense alone": lambda new: ost.Sequential(new(ost.Dense, 4, 5, "gelu"), new(ost.Dense, 5, 5, "softplus")),
}


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_graph(name, dtype, tmp_path):
    net = GRAPHS[name](of(dtype))
    randomize(net)
    path = tmp_path / "model.onnx"
    more = [{"lengths": False, "cells": "scan"}] if dtype == "float32" else []
    for options in ({"states": name not in ("a state on entries", "a repeated memory")}, *more):
        ostinato_onnx.export(net, path, **options)
        onnx.checker.check_model(str(path))
        verify(net, path, run_here)


@pytest.mark.parametrize("scorer", ["location", "local", "multi_head", "additive"])
def test_attention_as_a_layer_with_the_scorers_of_ostinato_attention(scorer, tmp_path):
    attention = pytest.importorskip("ostinato_attention", reason="pip install -e plugins/ostinato-attention")
    known = {spec.name: spec.factory for spec in attention.ostinato_scorers()}
    query, memory = Input("query", size=4, axis="target"), Input("memory", size=8, axis="source")
    net = ost.Graph(ost.Attention(known.get(scorer, scorer), 4, 8)(query, memory))
    x = Input("x", size=4)
    pools = {"pool": attention.Pooling(4, 3)(x), "self": ost.Attention("dot", 4, 4)(x, x)}
    path = tmp_path / "model.onnx"
    for one in (net, ost.Graph(outputs=pools)):
        ostinato_onnx.export(one, path)
        verify(one, path, run_here)


def test_what_lies_in_the_padding_reaches_no_result(tmp_path):
    net, path = two_outputs(of("float32")), tmp_path / "model.onnx"
    floats = pooled(of("float32"), True)
    for cells in ("auto", "scan"):
        ostinato_onnx.export(floats, path, cells=cells)
        x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
        lengths = np.array([5, 2, 0])
        x[np.arange(5) >= lengths[:, None]] = np.nan
        ((found,),) = run_here([str(path)], [[{"x": x, "lengths": lengths}]])
        expected = floats(x, lengths=lengths)
        for name in POOLS:
            assert np.allclose(found[name], expected[name], atol=2e-5)
    assert net.outputs.keys() == {"tags", "mood"}


def test_a_file_with_states_is_a_stream(tmp_path):
    net, path = decoder_step(of("float32")), tmp_path / "model.onnx"
    ostinato_onnx.export(net, path, states=True)
    rng = np.random.default_rng(0)
    memory, words = rng.normal(size=(2, 7, 6)).astype("float32"), rng.integers(0, 9, (2, 5))
    rows = {"memory": memory, "lengths.source": np.array([7, 4]), "lengths.target": np.array([1, 1])}
    (name,) = net.run({"memory": memory, "words": words}).final_state
    state = np.zeros((1, 2, 8), "float32")
    steps = []
    for t in range(5):
        ((found,),) = run_here([str(path)], [[{**rows, "words": words[:, t : t + 1], name: state}]])
        state = found[f"{name}.next"]
        steps.append(found["output"][:, 0])
    expected = net({"memory": memory, "words": words}, lengths={"source": [7, 4]})
    assert np.allclose(np.stack(steps, 1), expected, atol=2e-5)
