"""Attention against its formula in NumPy; gradients against differences; lengths, heads and the past."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from tests.slopes import RELATIVE, slope

N, T, S, Q, K = 3, 4, 6, 5, 8
LENGTHS = np.array([6, 3, 0])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def multi_head(q, k, p, place):
    return [
        (p["weight_q"][4 * h : 4 * h + 4] @ q) @ (p["weight_k"][4 * h : 4 * h + 4] @ k) / 2 for h in range(2)
    ]


def local(q, k, p, place):
    centre = (place["length"] - 1) * sigmoid(p["v"] @ np.tanh(p["weight_p"] @ q))
    return q @ p["weight"] @ k - (place["position"] - centre) ** 2 / 8


def location(q, k, p, place):
    seen = p["weight_f"] @ p["filter"] @ place["past"]
    return p["v"] @ np.tanh(p["weight_q"] @ q + p["weight_k"] @ k + seen + p["bias"])


# name, options, width of a query, score of one key
CASES = {
    "additive": ({"units": 7}, Q, lambda q, k, p, _: p["v"] @ np.tanh(p["weight_q"] @ q + p["weight_k"] @ k)),
    "multiplicative": ({}, Q, lambda q, k, p, _: q @ p["weight"] @ k),
    "dot": ({}, K, lambda q, k, p, _: q @ k),
    "scaled_dot": ({}, K, lambda q, k, p, _: q @ k / np.sqrt(8)),
    "multi_head": ({"heads": 2}, Q, multi_head),
    "local": ({"width": 2.0}, Q, local),
    "location": ({"past": 2, "filters": 3}, Q, location),
}


def made(name):
    options, width, _ = CASES[name]
    attention = ost.Attention(name, width, K, dtype="float64", seed=1, **options)
    rng = np.random.default_rng(2)
    return attention, rng.normal(size=(N, T, width)), rng.normal(size=(N, S, K))


def expected(name, attention, query, memory):
    """Weights (N, T, heads, S) and contexts, key by key."""
    score, past, heads = CASES[name][2], attention.past, attention.heads
    weights, contexts = np.zeros((N, T, heads, S)), np.zeros((N, T, K))
    for n in range(N):
        before = np.zeros(S)
        for t in range(T):
            padded = np.pad(before, past)
            scores = np.array(
                [
                    np.broadcast_to(
                        score(
                            query[n, t],
                            memory[n, s],
                            attention.parameters(),
                            {"position": s, "length": LENGTHS[n], "past": padded[s : s + 2 * past + 1]},
                        ),
                        heads,
                    )
                    for s in range(LENGTHS[n])
                ]
            ).reshape(-1, heads)
            powers = np.exp(scores)
            weights[n, t, :, : LENGTHS[n]] = (powers / powers.sum(0)).T
            parts = memory[n].reshape(S, heads, -1)
            contexts[n, t] = np.einsum("hs,shf->hf", weights[n, t], parts).ravel()
            before = weights[n, t, 0]
    return weights, contexts


@pytest.mark.parametrize("name", CASES)
def test_weights_and_contexts_are_those_of_the_formula(name):
    attention, query, memory = made(name)
    run = attention.run(query, memory, lengths=LENGTHS)
    weights, contexts = expected(name, attention, query, memory)
    # A few roundings of numbers about 1.
    np.testing.assert_allclose(run.weights, weights.reshape(run.weights.shape), rtol=0, atol=1e-13)
    np.testing.assert_allclose(run.context, contexts, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_those_of_central_differences(name):
    attention, query, memory = made(name)
    rng = np.random.default_rng(3)
    first = attention.run(query, memory, lengths=LENGTHS)
    d_context, d_weights = rng.normal(size=first.context.shape), rng.normal(size=first.weights.shape)

    def loss():
        run = attention.run(query, memory, lengths=LENGTHS)
        return np.sum(run.context * d_context) + np.sum(run.weights * d_weights)

    grads = first.backward(d_context, d_weights)
    checked = {**attention.parameters(), "query": query, "memory": memory}
    for key, values in checked.items():
        given = {"query": grads.query, "memory": grads.memory, **grads.params}[key]
        np.testing.assert_allclose(given, slope(loss, values), rtol=RELATIVE, atol=1e-8, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_what_lies_beyond_the_lengths_reaches_nothing(name):
    attention, query, memory = made(name)
    clean = attention.run(query, memory, lengths=LENGTHS)
    memory[np.arange(S) >= LENGTHS[:, None]] = np.nan
    run = attention.run(query, memory, lengths=LENGTHS)
    grads = run.backward(np.ones_like(run.context))
    assert np.array_equal(run.context, clean.context)
    assert not run.weights[2].any()
    assert not run.context[2].any()
    assert all(np.isfinite(one).all() for one in (grads.query, grads.memory, *grads.params.values()))


def test_one_query_a_row_needs_no_axis_of_time():
    attention, query, memory = made("additive")
    run, whole = attention.run(query[:, 0], memory), attention.run(query, memory)
    assert run.context.shape == (N, K)
    assert run.weights.shape == (N, S)
    np.testing.assert_allclose(run.context, whole.context[:, 0], rtol=1e-14)
    assert run.backward(np.ones((N, K))).query.shape == (N, Q)


@pytest.mark.parametrize("shape", [(0, 2, 4), (2, 0, 4), (2, 2, 0)])
@pytest.mark.parametrize("name", ["dot", "location"])
def test_nothing_to_attend_with_or_to_is_no_error(shape, name):
    rows, queries, keys = shape
    attention, _, _ = made(name)
    run = attention.run(np.ones((rows, queries, attention.query_size)), np.ones((rows, keys, K)))
    assert run.context.shape == (rows, queries, K)
    assert not run.context.any() or keys
    assert run.backward(np.ones_like(run.context)).memory.shape == (rows, keys, K)


def test_attention_learns_where_to_look():
    """The query names one of four keys; the context must become that key's payload."""
    rng = np.random.default_rng(0)
    attention = ost.Attention("multiplicative", 4, 8, seed=0)
    optimizer = ost.Adam(lr=0.05)
    for _ in range(150):
        wanted = rng.integers(0, 4, 16)
        order = np.stack([rng.permutation(4) for _ in range(16)])
        payload = rng.normal(size=(16, 4, 4))
        memory = np.concatenate([np.eye(4)[order], payload], axis=2).astype("float32")
        run = attention.run(np.eye(4, dtype="float32")[wanted], memory)
        target = payload[np.arange(16), np.argmax(order == wanted[:, None], axis=1)]
        d = np.zeros_like(run.context)
        d[:, 4:] = (run.context[:, 4:] - target) / 16
        optimizer.step(attention.parameters(), run.backward(d).params)
    assert np.mean(np.argmax(run.weights, axis=1) == np.argmax(order == wanted[:, None], axis=1)) == 1


class NoNumber(ost.Scorer):
    def step(self, query, key, p, place):
        return ops.reshape(query, (1, 5))


WRONG = {
    "query of another width": (
        lambda a: a.run(np.ones((3, 4, 6)), np.ones((3, 6, 8))),
        ost.ShapeError,
        "query",
    ),
    "memory of other rows": (
        lambda a: a.run(np.ones((3, 4, 5)), np.ones((2, 6, 8))),
        ost.ShapeError,
        "memory",
    ),
    "whole numbers": (lambda a: a.run(np.ones((3, 4, 5), int), np.ones((3, 6, 8))), ost.DTypeError, "query"),
    "lengths too long": (
        lambda a: a.run(np.ones((3, 4, 5)), np.ones((3, 6, 8)), lengths=[7, 1, 1]),
        ost.ShapeError,
        "0 to 6",
    ),
    "gradient of another shape": (
        lambda a: a.run(np.ones((3, 4, 5)), np.ones((3, 6, 8))).backward(np.ones((3, 4, 7))),
        ost.ShapeError,
        "d_context",
    ),
    "unknown scorer": (lambda a: ost.Attention("addditive", 5, 8), ost.ConfigError, "additive"),
    "unknown option": (lambda a: ost.Attention("dot", 8, 8, units=3), ost.ConfigError, "units"),
    "no scorer": (lambda a: ost.Attention(3, 5, 8), ost.DTypeError, "scorer is 3"),
    "a score that is a matrix": (lambda a: ost.Attention(NoNumber, 5, 8), ost.ShapeError, "one number"),
    "heads that do not divide": (
        lambda a: ost.Attention("multi_head", 5, 8, heads=3),
        ost.ConfigError,
        "multiple of the 3 heads",
    ),
    "widths that differ": (lambda a: ost.Attention("dot", 5, 8), ost.ShapeError, "scorer 'dot'|dot"),
}


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_mistakes_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call(made("additive")[0])
