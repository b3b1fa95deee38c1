"""Weights of an attention at each token: of the returned text, cropped to the row's own entries (S27)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import analysis, eager
from ostinato.entry_values import EntryValues
from tests.any_threads import bits_with_any_threads
from tests.decoding.makes import (
    BEGIN,
    COVERED,
    END,
    FORMS,
    IDS,
    MOST,
    SEARCHES,
    bits,
    covered_net,
    decoder_net,
    everything,
    language_net,
    memories,
    sources,
)
from tests.entries.cells import Remembers
from tests.entries.test_decoders import ENTRIES, HIDDEN, STEPS, lengths, made, ragged
from tests.entries.test_scorers import SCORERS
from tests.entries.test_scorers import Decoder as AnyScorer

ASKED: dict[str, dict[str, Any]] = {
    **SEARCHES,
    "blocked": {"beam": 3, "n_best": 3, "no_repeat_ngram": 1, "ban": [2]},
}


def _decode(net: ost.Network, rows: Any, **given: Any) -> ost.Decoded:
    return net.decode(rows, begin=BEGIN, end=END, max_length=MOST, **given)


@contextmanager
def recorded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The results of each softmax over entries in an eager run, in their order."""
    found: list[Any] = []
    record = EntryValues.record

    def remember(self: Any, row: Any, operands: Any, attrs: Any) -> Any:
        result = record(self, row, operands, attrs)
        if row.name == "entries_softmax":
            found.append(result.values)
        return result

    with monkeypatch.context() as patched:
        patched.setattr(EntryValues, "record", remember)
        yield found


NETS: dict[str, Any] = {
    **{
        f"coverage {kind}": lambda kind=kind: ost.Recurrent(Remembers, 3, HIDDEN, kind=kind, dtype="float64")
        for kind in COVERED
    },
    **{
        f"scorer {name}": lambda name=name: ost.Recurrent(
            AnyScorer(scorer=SCORERS[name]), 3, 4, dtype="float64"
        )
        for name in SCORERS
    },
    **{f"gru {name}": lambda name=name: made(name) for name in ("additive", "dot")},
}


@pytest.mark.parametrize("name", NETS)
def test_weights_are_those_of_the_eager_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = NETS[name](), ragged(STEPS, ENTRIES)
    if name.startswith("scorer"):
        x["source"] = np.ascontiguousarray(x["source"][:, :, :4])
    found = analysis.alignment(net, x, lengths=lengths(STEPS, ENTRIES)).weights
    values = {key.removesuffix("_l0"): value for key, value in net.parameters().items()}
    for row, (step, entry) in enumerate(zip(STEPS, ENTRIES, strict=True)):
        read = {"source": x["source"][row, :entry]}
        with recorded(monkeypatch) as wanted:
            eager.run(net.cell, values, x["x"][row, :step], hidden_size=HIDDEN, memories=read)
        assert found[row].shape == (step, entry)
        wanted = wanted if step else []  # without steps, the eager run still calls the step for a width
        for mine, one in zip(found[row], wanted, strict=True):
            heads = one.reshape(entry, -1).mean(axis=1) if entry else np.zeros(0)
            np.testing.assert_allclose(mine, heads, rtol=0, atol=1e-13)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("search", ASKED)
def test_the_alignments_of_a_search_are_those_of_teacher_forcing(form: str, search: str) -> None:
    for dtype in ("float64", "float32"):
        net = decoder_net(form, 3, dtype)
        rows = sources(9, 3)
        found = _decode(net, rows, **ASKED[search], alignments=True)
        for place in range(min(map(len, found))):
            texts = [row[place] for row in found]
            forced = analysis.alignment(net, rows, [one.tokens for one in texts], begin=BEGIN).weights
            for source, one, weights in zip(rows, texts, forced, strict=True):
                assert one.alignment is not None
                assert one.alignment.shape == (len(one), len(source)) and one.alignment.dtype == np.float64
                assert one.alignment.tobytes() == weights.astype(np.float64).tobytes()
                if len(source):
                    np.testing.assert_allclose(one.alignment.sum(axis=1), 1.0, rtol=0, atol=1e-6)
        assert found.alignments is not None
        assert all(one is row[0].alignment for one, row in zip(found.alignments, found, strict=True))


@pytest.mark.parametrize("kind", COVERED)
def test_states_on_entries_are_alignments_by_their_name(kind: str) -> None:
    net, rows = covered_net(kind, 1, ids=6), memories(8, 1)
    given = {"begin": 0, "end": 5, "max_length": 6, "beam": 4, "n_best": 4}
    found = net.decode(rows, **given, alignments=True)
    for place in range(min(map(len, found))):
        tokens = [row[place].tokens for row in found]
        for row, weights in zip(found, analysis.alignment(net, rows, tokens, begin=0).weights, strict=True):
            assert row[place].alignment.tobytes() == weights.tobytes()
    if kind in ("coverage", "both"):  # a sum of the weights so far, and it moves with its hypothesis
        sums = net.decode(rows, **given, alignments="s")
        for row, other in zip(found, sums, strict=True):
            for one, total in zip(row, other, strict=True):
                np.testing.assert_allclose(np.cumsum(one.alignment, axis=0), total.alignment, atol=1e-12)


@pytest.mark.parametrize("search", ASKED)
@pytest.mark.parametrize("form", FORMS)
def test_asking_for_alignments_changes_no_bit(form: str, search: str) -> None:
    for dtype in ("float64", "float32"):
        net, rows = decoder_net(form, 4, dtype), sources(20, 4)
        plain, given = (_decode(net, rows, **ASKED[search], alignments=one) for one in (False, True))
        assert plain.alignments is None and plain[0][0].alignment is None
        for row, other in zip(plain, given, strict=True):
            assert [bits(one) for one in row] == [bits(one) for one in other]


def test_a_row_alone_and_any_number_of_threads_give_the_same_bits() -> None:
    net, rows = decoder_net("after", 5, "float32"), sources(40, 5, longest=9)

    def weights(some: Any) -> list[bytes]:
        return [one.tobytes() for one in _decode(net, some, beam=3, alignments=True).alignments or []]

    first, *others = bits_with_any_threads(lambda: weights(rows))
    assert all(other == first for other in others)
    assert [weights([row])[0] for row in rows] == first


class Twice(ost.Cell):
    """Two attentions to one memory, and one to another."""

    def memories(self, size: Any) -> dict[str, ost.Memory]:
        return {"source": ost.Memory(2), "other": ost.Memory(2)}

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {"W": ost.Param((size.hidden, size.input)), "Q": ost.Param((2, size.hidden))}

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden), "weights": ost.State((), on="other")}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        ops: Any = ost.ops
        query, scores = p.Q @ state.h, []
        for factor in (1.0, 3.0):
            scores.append(ops.entries.softmax(factor * ops.dot(query, memory.source)))
        other = ops.entries.softmax(ops.dot(query, memory.other) + state.weights)
        context = sum(ops.entries.sum(one * memory.source) for one in scores)
        context = context + ops.entries.sum(other * memory.other)
        h = ops.tanh(p.W @ x + ops.concat([context, context]))
        return h, {"h": h, "weights": state.weights * 0.5 + other}


def test_one_of_several_attentions_is_chosen_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    net = ost.Recurrent(Twice, 3, 4, dtype="float64")
    rng = np.random.default_rng(0)
    x = {
        "x": rng.normal(size=(1, 4, 3)),
        "source": rng.normal(size=(1, 3, 2)),
        "other": rng.normal(size=(1, 5, 2)),
    }
    values = {key.removesuffix("_l0"): value for key, value in net.parameters().items()}
    with recorded(monkeypatch) as wanted:
        read = {"source": x["source"][0], "other": x["other"][0]}
        eager.run(net.cell, values, x["x"][0], hidden_size=4, memories=read)
    for place, name in enumerate(("source", "source_1", "other")):
        (weights,) = analysis.alignment(net, x, of=name).weights
        np.testing.assert_allclose(weights, np.stack(wanted[place::3]), rtol=0, atol=1e-13)
    total = np.zeros(5)
    (sums,) = analysis.alignment(net, x, of="weights").weights
    for mine, one in zip(sums, wanted[2::3], strict=True):
        total = total * 0.5 + one
        np.testing.assert_allclose(mine, total, rtol=0, atol=1e-13)
    with pytest.raises(
        ost.ConfigError, match=r'has several; expected the name of one of "source", "source_1", "other"'
    ):
        analysis.alignment(net, x)
    with pytest.raises(ost.ConfigError, match=r'no "sourc"; expected one of "source"'):
        analysis.alignment(net, x, of="sourc")


@pytest.mark.parametrize("regularized", [False, True])
def test_a_loaded_and_a_regularized_network_have_the_same_weights(regularized: bool, tmp_path: Path) -> None:
    options = {"regularizers": [ost.VariationalDropout(0.5)]} if regularized else {}
    nets = [ost.Decoder("gru", 3, 4, 5, dtype="float64", **one) for one in ({}, options)]
    nets[1].arena[...] = nets[0].arena
    x = ragged(STEPS, ENTRIES)
    nets[1].save(tmp_path / "net")
    first, *others = (
        [one.tobytes() for one in analysis.alignment(net, x, lengths=lengths(STEPS, ENTRIES)).weights]
        for net in (*nets, ost.load(tmp_path / "net"))
    )
    assert all(other == first for other in others)


def test_a_query_at_every_step_of_a_graph_has_alignments() -> None:
    given = ost.Input("given", size=4, axis="target")
    text = ost.Input("text", size=3, axis="source")
    graph = ost.Graph(
        ost.Attention("dot", 4, 4, dtype="float64")(given, ost.Dense(3, 4, dtype="float64")(text))
    )
    rng = np.random.default_rng(1)
    x = {"given": rng.normal(size=(2, 5, 4)), "text": rng.normal(size=(2, 3, 3))}
    found = analysis.alignment(graph, x).weights
    names = dict(graph.parameters())
    weight, bias = (next(v for k, v in names.items() if k.endswith(end)) for end in ("weight", "bias"))
    keys = x["text"] @ weight.T + bias
    scores = np.einsum("ntk,nsk->nts", x["given"], keys)
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    for mine, one in zip(found, scores / scores.sum(axis=-1, keepdims=True), strict=True):
        np.testing.assert_allclose(mine, one, rtol=0, atol=1e-13)


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "no attention": (
        lambda: _decode(language_net(), None, alignments=True),
        ost.ConfigError,
        "decode: alignments: the steps of this network have no weights",
    ),
    "coverage without attention": (
        lambda: _decode(language_net(), None, penalty=ost.Wu(0.6, 0.2)),
        ost.ConfigError,
        "the coverage of the penalty ost.Wu needs weights: the steps of this network have no",
    ),
    "unknown": (
        lambda: _decode(decoder_net(), sources(2), alignments="target"),
        ost.ConfigError,
        'alignments: the network has no "target"; expected one of "source"',
    ),
    "no name": (
        lambda: _decode(decoder_net(), sources(2), alignments=1),
        ost.DTypeError,
        "alignments is 1; expected True, False",
    ),
    "empty": (lambda: _decode(decoder_net(), sources(2), alignments=""), ost.DTypeError, "alignments is ''"),
    "beta": (lambda: ost.Wu(0.6, -0.1), ost.ConfigError, "beta"),
    "beta nan": (lambda: ost.Wu(0.6, np.nan), ost.ConfigError, "beta"),
    "no begin": (
        lambda: analysis.alignment(decoder_net(), sources(2), [[1], [2]]),
        ost.ConfigError,
        "begin is missing",
    ),
    "no targets": (
        lambda: analysis.alignment(decoder_net(), sources(2), begin=0),
        ost.ConfigError,
        "targets is missing",
    ),
    "a target": (
        lambda: analysis.alignment(decoder_net(), sources(2), [[1], [9]], begin=0),
        ost.ConfigError,
        r"targets\[1\] has the id 9",
    ),
    "no network": (lambda: analysis.alignment(3, sources(2)), ost.DTypeError, "net is an int"),
    "no attention in steps": (
        lambda: analysis.alignment(ost.GRU(2, 3), np.ones((1, 2, 2))),
        ost.ConfigError,
        "alignment: of: the steps of this network have no weights",
    ),
    "of": (lambda: analysis.alignment(decoder_net(), {}, of=3), ost.ConfigError, "of is 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_refused(name: str) -> None:
    call, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        call()


def test_a_picture_has_a_label_for_each_entry_and_step() -> None:
    pytest.importorskip("matplotlib.figure", reason="make test installs the extra [plot]")
    net, rows = decoder_net(), sources(3)
    found = analysis.alignment(net, rows, [[1], [1, 2], [0, 1, 3]], begin=BEGIN)
    ax = found.plot(row=2, source=list("abcdef")[: len(rows[2])], target=["x", "y", "z"])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["x", "y", "z"]
    assert ax.images[0].get_array().shape == (3, len(rows[2]))
    with pytest.raises(ost.UnknownItemError, match="row is 3"):
        found.plot(row=3)
    with pytest.raises(ost.ShapeError, match="target has 1 labels; expected 3"):
        found.plot(row=2, target=["x"])


def _coverage(alignment: Any) -> float:
    with np.errstate(divide="ignore"):
        return float(np.log(np.minimum(alignment.sum(axis=0), 1.0)).sum())


ALPHAS = (0.0, 0.8, -1.0)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("seed", range(6))
def test_a_beam_that_holds_everything_finds_the_best_covering_texts(alpha: float, seed: int) -> None:
    net = decoder_net(list(FORMS)[seed % len(FORMS)], seed)
    source = sources(2, seed)[1]
    texts = everything(net, source)
    forced = analysis.alignment(
        net, [source] * len(texts), [one.tokens for one in texts], begin=BEGIN
    ).weights
    scores = {
        one.tokens: one.log_prob / ((5 + len(one.tokens)) / 6) ** alpha + 0.7 * _coverage(weights)
        for one, weights in zip(texts, forced, strict=True)
    }
    right = sorted(scores, key=lambda text: (-scores[text], len(text), text))
    for beam, best in ((IDS**MOST, 40), (8, 8)):
        (found,) = _decode(net, [source], beam=beam, n_best=best, penalty=ost.Wu(alpha, 0.7))
        for one in found:
            assert abs(one.score - scores[tuple(one.tokens)]) < 1e-12
        if beam == IDS**MOST:
            assert [tuple(one.tokens) for one in found] == right[:40]
    fewer = [_decode(net, [source], beam=8, n_best=n, penalty=ost.Wu(alpha, 0.7))[0] for n in range(1, 9)]
    assert all(
        [tuple(a.tokens) for a in some] == [tuple(a.tokens) for a in fewer[-1]][: len(some)] for some in fewer
    )


class Chosen(ost.Cell):
    """Logits and weights that the state decides: a table of scores for each fed id."""

    def memories(self, size: Any) -> dict[str, ost.Memory]:
        return {"source": ost.Memory(3)}

    def parameters(self, size: Any) -> dict[str, ost.Param]:
        return {"logits": ost.Param((3, size.input)), "scores": ost.Param((3, size.input))}

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"n": ost.State(1)}

    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        ops: Any = ost.ops
        weights = ops.entries.softmax(ops.dot(p.scores @ x, memory.source))
        nothing = 0.0 * ops.entries.sum(weights)
        return p.logits @ x + nothing, {"n": state.n}


def test_scores_with_coverage_are_those_of_a_table_by_hand() -> None:
    """Three ids (2 ends); entries 0 and 1. The weights depend on the fed id alone."""
    words = ost.Input("words", ids=3, axis="target")
    source = ost.Input("source", size=3, axis="source")
    table = ost.Embedding(3, 3, dtype="float64")
    cell = ost.Recurrent(Chosen, 3, 3, dtype="float64")
    net = ost.Graph(cell(table(words), source=source))
    parameters = dict(net.parameters())
    for name, value in parameters.items():
        if name.endswith("logits_l0"):
            value[...] = 0.0  # every id has the probability 1/3
        elif name.endswith("scores_l0"):
            # fed 0: 3/4 and 1/4; fed 1: 1/2 and 1/2; fed 2, the first step: 1/10 and 9/10
            value[...] = np.log([[3.0, 1.0, 1.0], [1.0, 1.0, 9.0], [1.0, 1.0, 1.0]])
        else:
            value[...] = np.eye(3)
    x = {"source": [np.eye(3)[:2]]}
    # ids -> the sums of the weights over its steps, the first of which is fed 2
    by_hand = {
        (2,): (0.1, 0.9),
        (0, 2): (0.85, 1.15),
        (1, 2): (0.6, 1.4),
        (0, 0): (0.85, 1.15),
        (0, 1): (0.85, 1.15),
        (1, 0): (0.6, 1.4),
        (1, 1): (0.6, 1.4),
    }
    given: dict[str, Any] = {"begin": 2, "end": 2, "max_length": 2, "penalty": ost.Wu(1.0, 0.5)}
    (found,) = net.decode(x, **given, beam=16, n_best=16, alignments=True)
    assert {tuple(one.tokens) for one in found} == set(by_hand)
    for one in found:
        length, sums = len(one), by_hand[tuple(one.tokens)]
        wanted = length * np.log(1 / 3) / ((5 + length) / 6) + 0.5 * sum(np.log(min(s, 1.0)) for s in sums)
        assert abs(one.score - wanted) < 1e-12
        np.testing.assert_allclose(one.alignment.sum(axis=0), sums, rtol=0, atol=1e-12)
    # an entry that never has any weight is minus infinity, and the search still ends with its texts (S17)
    next(v for k, v in parameters.items() if k.endswith("scores_l0"))[0] = -1e6
    (found,) = net.decode(x, **given, beam=4)
    assert found[0].score == -np.inf and np.isfinite(found[0].log_prob)


def test_an_empty_memory_has_no_coverage_to_lose() -> None:
    net = decoder_net("before", 2)
    plain, covering = (_decode(net, [np.zeros(0, int)], penalty=ost.Wu(0.6, beta)) for beta in (0.0, 3.0))
    assert [bits(one) for one in plain[0]] == [bits(one) for one in covering[0]]


def test_no_tokens_have_an_alignment_of_no_steps() -> None:
    found = decoder_net().decode(sources(3), begin=BEGIN, end=END, max_length=0, alignments=True)
    assert [one.shape for one in found.alignments or []] == [(0, len(row)) for row in sources(3)]
