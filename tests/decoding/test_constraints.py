"""The constraints of a search, and what a search refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.bad import Bad
from tests.decoding.makes import BEGIN, END, IDS, MOST, decoder_net, everything, language_net, sources

ROWS = sources(5, 3)


def _decode(net: ost.Network, **search: Any) -> ost.Decoded:
    return net.decode(ROWS, **{"begin": BEGIN, "end": END, "max_length": MOST, **search})


@pytest.mark.parametrize("search", [{"beam": IDS**MOST, "n_best": 30}, {"sample": ost.Sample(50, 2.0)}])
def test_the_fewest_tokens_are_kept(search: dict[str, Any]) -> None:
    net = decoder_net("before", 1)
    for fewest in range(MOST + 2):
        for row in _decode(net, min_length=fewest, **search):
            assert all(len(one) >= fewest for one in row if one.finished)
            assert row


def test_banned_ids_are_left_out_and_the_others_keep_their_probability() -> None:
    net = decoder_net("after", 2)
    right = {one.tokens: one.log_prob for one in everything(net, ROWS[2])}
    allowed = sorted(
        (-log_prob, tokens) for tokens, log_prob in right.items() if 1 not in tokens and 2 not in tokens
    )
    found = net.decode(
        [ROWS[2]], begin=BEGIN, end=END, max_length=MOST, beam=IDS**MOST, n_best=len(allowed), ban=[2, 1, 1]
    )[0]
    assert [tuple(one.tokens) for one in found] == [tokens for _, tokens in allowed]
    assert all(abs(one.log_prob - right[tuple(one.tokens.tolist())]) < 1e-12 for one in found)


@pytest.mark.parametrize("search", [{"beam": IDS**MOST, "n_best": 60}, {"sample": ost.Sample(80, 2.0)}])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_no_sequence_of_ids_occurs_twice(length: int, search: dict[str, Any]) -> None:
    net = decoder_net("between", 4)
    for row in net.decode(ROWS, begin=BEGIN, end=None, max_length=7, no_repeat_ngram=length, **search):
        assert row
        for one in row:
            parts = [tuple(one.tokens[at : at + length]) for at in range(len(one) - length + 1)]
            assert len(parts) == len(set(parts))
            if length == 1:  # only 4 ids: nothing may follow
                assert len(one) == 4 and not one.finished


def test_a_prefix_is_written_first_and_counts() -> None:
    net = decoder_net("before", 5)
    prefix = [[1, 2], [], [0], [2, -1, 2], [1, 0, 1, 2]]
    for search in ({"beam": 3, "n_best": 2}, {"sample": ost.Sample(2)}):
        found = _decode(net, end=None, prefix=prefix, **search)
        for ids, row in zip(prefix, found, strict=True):
            for one in row:
                assert all(id_ in (-1, token) for id_, token in zip(ids, one.tokens, strict=False))
        for place in range(2):
            tokens = [row[place].tokens for row in found]
            reported = [row[place].log_prob for row in found]
            assert net.log_prob(ROWS, tokens, begin=BEGIN).tolist() == reported


def test_the_network_chooses_where_the_prefix_says_so() -> None:
    """-1 at random places: the fed ids are the given ones there, and the most likely ones elsewhere."""
    net = decoder_net("after", 6)
    rng = np.random.default_rng(1)
    truth = rng.integers(0, IDS, size=(5, 9))
    coin = rng.random((5, 9)) < 0.5
    found = net.decode(
        ROWS, begin=BEGIN, end=None, max_length=9, beam=1, prefix=np.where(coin, truth, -1)
    ).tokens
    fed = np.concatenate([np.full((5, 1), BEGIN), np.array(found)[:, :-1]], axis=1)
    own = net.run({"source": ROWS, "words": fed}).outputs.argmax(axis=-1)
    assert np.array_equal(np.array(found), np.where(coin, truth, own))


def test_each_row_has_its_own_most_tokens() -> None:
    net = decoder_net("before", 7)
    lengths = [len(row) for row in ROWS]
    by_function = net.decode(ROWS, begin=BEGIN, end=None, max_length=lambda length: length + 2)
    by_list = net.decode(ROWS, begin=BEGIN, end=None, max_length=[length + 2 for length in lengths])
    assert [len(tokens) for tokens in by_function.tokens] == [length + 2 for length in lengths]
    assert [x.tolist() for x in by_function.tokens] == [x.tolist() for x in by_list.tokens]
    none = net.decode(ROWS, begin=BEGIN, end=END, max_length=[0, 3, 0, 1, 2])
    assert [len(tokens) for tokens in none.tokens][0::2] == [0, 0, len(none.tokens[4])]
    assert none.log_probs[0] == 0 and not none.finished[0]


def test_a_cut_text_is_not_charged_an_end() -> None:
    net = language_net(3)
    right = {one.tokens: one for one in everything(net, None)}
    for one in net.decode(begin=BEGIN, end=END, max_length=MOST, beam=50, n_best=50)[0]:
        other = right[tuple(one.tokens.tolist())]
        assert one.finished == other.finished and abs(one.log_prob - other.log_prob) < 1e-12


def test_no_rows_give_no_rows() -> None:
    net = decoder_net()
    found = net.decode([], begin=BEGIN, end=END, max_length=3)
    assert len(found) == 0 and found.tokens == [] and found.scores.shape == (0,)
    assert net.log_prob([], [], begin=BEGIN).shape == (0,)
    assert net.log_prob(ROWS, [[]] * 5, begin=BEGIN).tolist() == [0.0] * 5


def test_a_decoder_of_features_has_no_ids() -> None:
    assert "(5 rows, up to 3 hypotheses each)" in repr(_decode(decoder_net(), n_best=3))


FED = ost.Graph(ost.GRU(3, 4)(ost.Input("x", size=3)))
NET = decoder_net()


def wide() -> ost.Network:
    return ost.Sequential(ost.Embedding(3, 2), ost.Dense(2, 5))


def infinite() -> ost.Network:
    net = decoder_net()
    net.arena[...] = np.nan
    return net


@pytest.mark.parametrize("search", [{"beam": 1}, {"beam": 3, "n_best": 3}, {"sample": ost.Sample(2)}])
def test_each_row_has_its_own_first_id(search: dict[str, Any]) -> None:
    net, begins = decoder_net("after", 2), np.array([1, 0, 3, 1, 2])
    found = _decode(net, begin=begins, **search)
    assert found.log_probs.tolist() == _decode(net, begin=begins.tolist(), **search).log_probs.tolist()
    differs = []
    for row, begin in enumerate(begins):
        own = {**search, "row_ids": [row]} if "sample" in search else search
        alone = net.decode([ROWS[row]], begin=int(begin), end=END, max_length=MOST, **own)
        assert [(one.tokens.tolist(), one.log_prob) for one in alone[0]] == [
            (one.tokens.tolist(), one.log_prob) for one in found[row]
        ]
        differs.append(_decode(net, **search)[row][0].log_prob != found[row][0].log_prob)
    assert any(differs)
    first = [row[0] for row in found]
    given = net.log_prob(ROWS, [one.tokens for one in first], begin=begins)
    assert given.tolist() == [one.log_prob for one in first]


def test_first_ids_say_how_many_rows_there_are() -> None:
    net = language_net()
    found = net.decode(begin=[0, 2, 1], end=END, max_length=MOST, beam=2)
    alone = [net.decode(begin=id, end=END, max_length=MOST, beam=2).log_probs[0] for id in (0, 2, 1)]
    assert found.log_probs.tolist() == alone
    assert len(net.decode(begin=[], end=END, max_length=MOST)) == 0


BAD = {
    "features": Bad(
        lambda: FED.decode(begin=0, end=1, max_length=3), ost.ConfigError, ("fed features", "'x'", "ids")
    ),
    "more logits than ids": Bad(
        lambda: wide().decode(begin=0, end=1, max_length=3),
        ost.ConfigError,
        ("predicts 5 ids", "ids below 3"),
    ),
    "a bidirectional network": Bad(
        lambda: ost.Sequential(
            ost.Embedding(4, 2), ost.GRU(2, 2, bidirectional=True), ost.Dense(4, 4)
        ).decode(begin=0, end=1, max_length=3),
        ost.ConfigError,
        ("bidirectional", "step by step"),
    ),
    "no memory": Bad(
        lambda: NET.decode(begin=0, end=1, max_length=3), ost.ConfigError, ("x is missing", "'source'")
    ),
    "another input": Bad(
        lambda: NET.decode({"words": ROWS}, begin=0, end=1, max_length=3),
        ost.ConfigError,
        ("'words'", "source"),
    ),
    "an input of a language model": Bad(
        lambda: language_net().decode(ROWS, begin=0, end=1, max_length=3), ost.ConfigError, ("x is given",)
    ),
    "begin": Bad(lambda: _decode(NET, begin=4), ost.ConfigError, ("begin is 4", "0 to 3")),
    "begin of a row": Bad(
        lambda: _decode(NET, begin=[0, 1, 4, 0, 0]), ost.ConfigError, ("begin has the id 4", "0 to 3")
    ),
    "begin of other rows": Bad(
        lambda: _decode(NET, begin=[0, 1]), ost.ShapeError, ("begin has 2 ids", "each of 5 rows")
    ),
    "a text as begin": Bad(lambda: _decode(NET, begin="ab"), ost.DTypeError, ("begin",)),
    "begins of fed tokens": Bad(
        lambda: NET.log_prob(ROWS, [[1]] * 5, begin=[0]), ost.ShapeError, ("begin has 1 ids", "each of 5")
    ),
    "end": Bad(lambda: _decode(NET, end=-1), ost.ConfigError, ("end is -1",)),
    "all ids banned": Bad(lambda: _decode(NET, ban=range(4)), ost.ConfigError, ("ban has all 4 ids",)),
    "another id banned": Bad(lambda: _decode(NET, ban=[9]), ost.ConfigError, ("ban is 9", "0 to 3")),
    "no beam": Bad(lambda: _decode(NET, beam=0), ost.ConfigError, ("beam is 0", "at least 1")),
    "more results than beams": Bad(
        lambda: _decode(NET, beam=2, n_best=3), ost.ConfigError, ("n_best is 3 and beam is 2",)
    ),
    "a long prefix": Bad(
        lambda: _decode(NET, prefix=[[1] * 9, [], [], [], []]),
        ost.ConfigError,
        ("prefix[0] has 9 ids", "max_length is 5"),
    ),
    "a prefix of other rows": Bad(
        lambda: _decode(NET, prefix=[[1]]), ost.ShapeError, ("prefix has 1 rows", "expected 5")
    ),
    "a prefix of other ids": Bad(
        lambda: _decode(NET, prefix=[[4]] * 5), ost.ConfigError, ("prefix has the id 4", "-1 where")
    ),
    "a prefix of floats": Bad(lambda: _decode(NET, prefix=[[0.5]] * 5), ost.DTypeError, ("prefix",)),
    "a penalty": Bad(lambda: _decode(NET, penalty=0.6), ost.DTypeError, ("penalty", "ost.LengthNorm()")),
    "a beam of samples": Bad(
        lambda: _decode(NET, beam=3, sample=ost.Sample()), ost.ConfigError, ("beam is 3 with sample", "count")
    ),
    "a sample that is none": Bad(
        lambda: _decode(NET, sample=True), ost.DTypeError, ("sample", "ost.Sample(")
    ),
    "row ids of a search": Bad(
        lambda: _decode(NET, row_ids=range(5)), ost.ConfigError, ("row_ids", "sample")
    ),
    "row ids of other rows": Bad(
        lambda: _decode(NET, sample=ost.Sample(), row_ids=[1]), ost.ShapeError, ("row_ids is (1,)", "(5,)")
    ),
    "max_length": Bad(lambda: _decode(NET, max_length=-1), ost.ConfigError, ("max_length is -1",)),
    "max_length of other rows": Bad(
        lambda: _decode(NET, max_length=[1, 2]), ost.ShapeError, ("max_length has the shape (2,)", "5 rows")
    ),
    "a function of nothing": Bad(
        lambda: _decode(NET, max_length=lambda length: None), ost.ConfigError, ("max_length is None",)
    ),
    "NaN": Bad(lambda: _decode(infinite()), ost.NonFiniteError, ("row 0", "NaN")),
    "tokens of other rows": Bad(
        lambda: NET.log_prob(ROWS, [[1]], begin=0), ost.ShapeError, ("source has 5 rows", "as words has")
    ),
    "tokens of other ids": Bad(
        lambda: NET.log_prob(ROWS, [[7]] * 5, begin=0), ost.ConfigError, ("tokens[0] has the id 7", "0 to 3")
    ),
    "a text as tokens": Bad(lambda: NET.log_prob(ROWS, "abc", begin=0), ost.DTypeError, ("tokens",)),
    "no temperature": Bad(lambda: ost.Sample(temperature=-1), ost.ConfigError, ("temperature is -1",)),
    "no mass": Bad(lambda: ost.Sample(top_p=0), ost.ConfigError, ("top_p is 0", "above 0")),
    "an infinite penalty": Bad(lambda: ost.LengthNorm(np.inf), ost.ConfigError, ("power",)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_raises_a_typed_error_that_says_what_to_do(name: str) -> None:
    BAD[name].check()
