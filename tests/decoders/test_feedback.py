"""`ost.feedback`: a step that reads its own output, for outputs that are no ids."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.any_threads import bits_with_any_threads
from tests.bad import Bad
from tests.slopes import RELATIVE, slope

OWN, OUT, HIDDEN = 2, 3, 4
N, T = 5, 6
LENGTHS = [6, 3, 0, 1, 5]
RNG = np.random.default_rng(0)


def made(through: bool = True, own: int = OWN, cell: Any = "gru", dtype: str = "float64") -> ost.Recurrent:
    stacked = ost.stack(cell, ost.Head(OUT))
    return ost.Recurrent(ost.feedback(stacked, through=through), own + OUT + 1, HIDDEN, dtype=dtype)


def inputs(code: Any, own: int = OWN, dtype: str = "float64") -> Any:
    """Own features, truth and code (N, T); NaN where the truth is not read, and beyond the lengths."""
    x = np.random.default_rng(1).normal(size=(N, T, own + OUT + 1))
    x[:, :, -1] = code
    x[:, :, own:-1][x[:, :, -1] == 0] = np.nan
    for row, length in enumerate(LENGTHS):
        x[row, length:] = np.nan
    return x.astype(dtype)


CODES = np.random.default_rng(2).integers(0, 2, size=(N, T))


def by_hand(net: ost.Recurrent, x: Any, own: int = OWN) -> Any:
    """A GRU and an affine map in a loop of PyTorch, with the gradients of the sum of d times the outputs."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; make parity installs it")
    p = {name: torch.tensor(np.asarray(v), requires_grad=True) for name, v in net.parameters().items()}
    given = torch.tensor(np.nan_to_num(x), requires_grad=True)
    rows = []
    for row, length in enumerate(LENGTHS):
        h, fed = torch.zeros(HIDDEN, dtype=torch.float64), torch.zeros(OUT, dtype=torch.float64)
        outputs = []
        for t in range(length):
            one = given[row, t]
            read = torch.cat([one[:own], one[own:-1] if x[row, t, -1] > 0.5 else fed])
            gates = p["step0_weight_ih_l0"] @ read + p["step0_bias_ih_l0"]
            hidden = p["step0_weight_hh_l0"] @ h + p["step0_bias_hh_l0"]
            (ir, iz, i_n), (hr, hz, hn) = gates.chunk(3), hidden.chunk(3)
            r, z = torch.sigmoid(ir + hr), torch.sigmoid(iz + hz)
            h = (1 - z) * torch.tanh(i_n + r * hn) + z * h
            y = p["step1_weight_l0"] @ h + p["step1_bias_l0"]
            fed = y if net.cell.through else y.detach()  # type: ignore[union-attr]
            outputs.append(y)
        outputs += [torch.zeros(OUT, dtype=torch.float64)] * (T - length)
        rows.append(torch.stack(outputs))
    return p, given, torch.stack(rows)


@pytest.mark.parametrize("through", [True, False])
@pytest.mark.parametrize("own", [OWN, 0])
@pytest.mark.parametrize("codes", ["drawn", "truth", "free"])
def test_a_loop_of_pytorch_gives_the_same_outputs_and_gradients(through: bool, own: int, codes: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; make parity installs it")
    net = made(through, own)
    x = inputs({"drawn": CODES, "truth": 1, "free": 0}[codes], own)
    d = np.random.default_rng(3).normal(size=(N, T, OUT))
    d[np.arange(T) >= np.asarray(LENGTHS)[:, None]] = 0
    run = net.run(x, lengths=LENGTHS, training=True)
    grads = run.backward(d)
    p, given, outputs = by_hand(net, x, own)
    (outputs * torch.tensor(d)).sum().backward()
    np.testing.assert_allclose(run.outputs, outputs.detach(), rtol=0, atol=1e-10)
    for name, value in p.items():
        wanted = np.zeros(value.shape) if value.grad is None else value.grad
        np.testing.assert_allclose(grads.params[name], wanted, rtol=0, atol=1e-10)
    np.testing.assert_allclose(grads.inputs, given.grad, rtol=0, atol=1e-10)


@pytest.mark.parametrize("cell", ["lstm", "rnn"])
def test_every_gradient_is_the_central_difference(cell: str) -> None:
    net, x = made(cell=cell), inputs(CODES)
    d = np.random.default_rng(4).normal(size=(N, T, OUT))
    d[np.arange(T) >= np.asarray(LENGTHS)[:, None]] = 0
    grads = net.run(x, lengths=LENGTHS, training=True).backward(d)

    def loss() -> float:
        return float((net(x, lengths=LENGTHS) * d).sum())

    for name, value in net.parameters().items():
        np.testing.assert_allclose(grads.params[name], slope(loss, value), rtol=RELATIVE, atol=1e-8)


def test_codes_of_truth_give_what_ordinary_teacher_forcing_gives() -> None:
    """Up to the order of sums: the fed part of a product is added in the loop, that of truth before it."""
    for own in (OWN, 0):
        net, x = made(own=own), inputs(1, own)
        plain = ost.Recurrent(ost.stack("gru", ost.Head(OUT)), own + OUT, HIDDEN, dtype="float64")
        plain.arena[...] = net.arena
        np.testing.assert_allclose(
            net(x, lengths=LENGTHS), plain(x[:, :, :-1], lengths=LENGTHS), rtol=0, atol=1e-13
        )
    # what is fed in the loop has the same bits whether it is called truth or own
    own_outputs = net(inputs(0, 0), lengths=LENGTHS)
    forced = inputs(1, 0)
    forced[:, 0, :-1] = 0.0
    forced[:, 1:, :-1] = own_outputs[:, :-1]
    assert net(forced, lengths=LENGTHS).tobytes() == own_outputs.tobytes()


def test_a_sequence_is_generated_from_one_value() -> None:
    net = made(own=0)
    start = RNG.normal(size=(2, OUT))
    x = np.zeros((2, 8, OUT + 1))
    x[:, 0, :-1], x[:, 0, -1], x[:, 1:, :-1] = start, 1, np.nan
    whole = net(x)
    stream, step = net.stream(2), np.zeros((2, OUT + 1))
    step[:, :-1], step[:, -1] = start, 1
    for t in range(8):
        assert stream.step(step).tobytes() == np.ascontiguousarray(whole[:, t]).tobytes()
        step[:, -1] = 0
    # by hand, one run of one step after the other
    state, y = None, start
    for t in range(8):
        one = np.concatenate([y, np.ones((2, 1))], axis=1)[:, None]
        run = net.run(one, state=state)
        state, y = run.final_state, run.outputs[:, 0]
        np.testing.assert_allclose(y, whole[:, t], rtol=0, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_checkpoints_threads_and_company_change_no_bit(dtype: str) -> None:
    net = made(dtype=dtype)
    lengths = [400, 33, 0, 1, 64]
    x = np.random.default_rng(5).normal(size=(N, 400, OWN + OUT + 1)).astype(dtype)
    x[:, :, -1] = np.random.default_rng(6).integers(0, 2, size=(N, 400))
    targets = np.zeros((N, 400, OUT), dtype)

    def bits(through_time: Any) -> list[bytes]:
        loss, grads = net.value_and_grad(x, targets, loss="mse", lengths=lengths, through_time=through_time)
        return [np.float64(loss).tobytes(), grads.arena.tobytes(), grads.inputs.tobytes()]

    full = bits(None)
    assert bits(ost.CheckpointedBPTT("60%")) == full
    for other in bits_with_any_threads(lambda: bits(None)):
        assert other == full
    together = net(x, lengths=lengths)
    for row, length in enumerate(lengths):
        assert net(x[row : row + 1, :length]).tobytes() == together[row : row + 1, :length].tobytes()


def test_truncated_bptt_carries_what_is_fed() -> None:
    net, x = made(), inputs(CODES)
    targets = np.zeros((N, T, OUT))
    full, _ = net.value_and_grad(x, targets, loss="mse", lengths=LENGTHS)
    loss, _ = net.value_and_grad(
        x, targets, loss="mse", lengths=LENGTHS, through_time=ost.TruncatedBPTT(2, 2)
    )
    assert abs(loss - full) < 1e-13


def test_a_trainer_learns_to_go_on_by_itself() -> None:
    """A sine from its first value and its step: free running with gradients through what is fed."""
    net = ost.Recurrent(ost.feedback(ost.stack("gru", ost.Head(1))), 3, 16)
    speed = np.random.default_rng(0).uniform(0.3, 0.6, size=(64, 1, 1)).astype("f4")
    wave = np.sin(speed * np.arange(13)[:, None], dtype="f4")
    x = np.concatenate([np.repeat(speed, 12, 1), wave[:, :-1], np.zeros((64, 12, 1), "f4")], axis=2)
    x[:, :2, 2] = 1
    trainer = ost.Trainer(net, loss="mse", optimizer=ost.Adam(lr=2e-2))
    before = trainer.evaluate(x, wave[:, 1:])["loss"]
    trainer.fit(x, wave[:, 1:], epochs=40, batch_size=16, progress=False)
    assert trainer.evaluate(x, wave[:, 1:])["loss"] < before / 20


def test_a_decoder_feeds_what_it_returns() -> None:
    decoder = ost.Decoder("gru", OUT, HIDDEN, 2, dtype="float64")
    fed = ost.feedback(ost.stack(decoder.cell, ost.Head(OUT)))  # type: ignore[arg-type]
    net = ost.Recurrent(fed, OUT + 1, HIDDEN, dtype="float64")
    x = {"x": np.zeros((2, 5, OUT + 1)), "source": RNG.normal(size=(2, 4, 2))}
    assert net(x).shape == (2, 5, OUT)
    (weights, _) = ost.analysis.alignment(net, x).weights
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=0, atol=1e-12)


def test_files_copies_and_pickles_hold_what_is_fed(tmp_path: Path) -> None:
    net, x = made(), inputs(CODES)
    net.save(tmp_path / "model")
    for other in (ost.load(tmp_path / "model"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert np.array_equal(other(x, lengths=LENGTHS), net(x, lengths=LENGTHS))
        assert np.isfinite(other.value_and_grad(x, np.zeros((N, T, OUT)), loss="mse", lengths=LENGTHS)[0])


class Feeds(ost.Cell):
    """A cell with a state of the name that is taken."""

    def state(self, size: Any) -> dict[str, ost.State]:
        return {"fed": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        return state.fed, {"fed": state.fed}


BAD = {
    "an unknown name": Bad(lambda: ost.feedback("gur"), ost.ConfigError, ("feedback: cell", "no cell 'gur'")),
    "through": Bad(lambda: ost.feedback("gru", through=1), ost.ConfigError, ("through",)),  # type: ignore[arg-type]
    "no room": Bad(
        lambda: ost.Recurrent(ost.feedback("gru"), 4, 4), ost.ShapeError, ("input_size is 4", "at least 5")
    ),
    "one input": Bad(lambda: ost.Recurrent(ost.feedback("gru"), 1, 4), ost.ShapeError, ("input_size is 1",)),
    "a taken name": Bad(
        lambda: ost.Recurrent(ost.feedback(Feeds), 6, 4), ost.ConfigError, ("a state 'fed'", "another name")
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_with_a_typed_error(name: str) -> None:
    BAD[name].check()
