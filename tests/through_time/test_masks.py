"""Rows with a mask: they give what their valid steps give, one after the other, bit for bit."""

import numpy as np
import pytest

import ostinato as ost
from tests.masks import compressed, mask_of, poisoned, scattered, valid_of
from tests.through_time.problems import BOTH_WAYS, NETWORKS, differing, parts, problem

ROWS, STEPS = 6, 13
WAYS = [ost.FullBPTT(), ost.TruncatedBPTT(2, 5), ost.TruncatedBPTT(4, 4), ost.CheckpointedBPTT("sqrt")]
SOME = [
    "lstm, 2 layers",
    "embedding, lstm, gru, dense",
    "lstm, both ways, 2 layers",
    "diagonal_ssm, 2 layers",
]


def both(case, mask, way, resets=None, **other):
    """value_and_grad with the mask, and of the compressed rows; nothing valid is in the other steps."""
    valid = valid_of(mask, case.lengths)
    arrays = {"x": case.x, "targets": case.targets, "weights": case.weights}
    given = {name: poisoned(array, valid) for name, array in arrays.items()}
    by_hand = {name: compressed(array, valid) for name, array in arrays.items()}
    moved = None if resets is None else np.stack([at_next(*row) for row in zip(resets, valid, strict=True)])
    masked = parts(case.grad(way, mask=mask, resets=resets, **given, **other))
    other |= by_hand
    expected = parts(case.grad(way, lengths=valid.sum(1), resets=moved, **other))
    if "inputs" in expected:
        expected["inputs"] = scattered(expected["inputs"], valid)
    return masked, expected


def at_next(resets, valid):
    """The resets of a row, each at the next valid step, compressed."""
    made = np.zeros_like(resets)
    for t in np.flatnonzero(resets):
        made[valid[:t].sum()] |= valid[t:].any()
    return made


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("name", [*NETWORKS, *BOTH_WAYS])
def test_a_row_with_a_mask_equals_its_valid_steps(name, way):
    masked, expected = both(problem(name, ROWS, STEPS), mask_of(ROWS, STEPS), way)
    assert differing(masked, expected) == []


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("name", SOME)
def test_many_rows_on_any_number_of_threads(name, way, dtype, threads):
    rows = 37  # three groups
    case, mask = problem(name, rows, STEPS, dtype, ragged=False), mask_of(rows, STEPS)
    before = ost.get_num_threads()
    ost.set_num_threads(threads)
    try:
        masked, expected = both(case, mask, way)
    finally:
        ost.set_num_threads(before)
    assert differing(masked, expected) == []


@pytest.mark.parametrize("seed", range(12))
def test_random_masks_lengths_and_sizes(seed):
    rng = np.random.default_rng(seed)
    rows, steps = int(rng.integers(0, 20)), int(rng.integers(0, 9))
    case = problem(SOME[seed % len(SOME)], max(rows, 2), max(steps, 1), ragged=bool(seed % 3))
    mask = rng.random(case.x.shape[:2]) < rng.random()
    masked, expected = both(case, mask, WAYS[seed % len(WAYS)])
    assert differing(masked, expected) == []


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("name", [*NETWORKS, *BOTH_WAYS])
def test_a_mask_of_true_changes_no_bit(name, way):
    case = problem(name, ROWS, STEPS)
    whole = parts(case.grad(way))
    assert differing(parts(case.grad(way, mask=np.ones((ROWS, STEPS), bool))), whole) == []


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("name", SOME)
def test_a_masked_row_is_a_row_of_length_0(name, way):
    case = problem(name, ROWS, STEPS, ragged=False)
    mask = np.ones((ROWS, STEPS), bool)
    mask[2] = False
    masked = parts(case.grad(way, mask=mask))
    lengths = np.where(mask.any(1), STEPS, 0)
    assert differing(masked, parts(case.grad(way, lengths=lengths))) == []
    for key, value in case.state.items():
        assert (masked[f"final_state.{key}"][:, 2] == value[:, 2]).all()


@pytest.mark.parametrize("way", WAYS, ids=str)
@pytest.mark.parametrize("name", SOME)
def test_a_reset_at_a_masked_step_begins_a_sequence_at_the_next_valid_step(name, way):
    case = problem(name, ROWS, STEPS)
    rng = np.random.default_rng(8)
    resets, mask = rng.random((ROWS, STEPS)) < 0.3, mask_of(ROWS, STEPS)
    valid = valid_of(mask, case.lengths)
    # resets after the last valid step have no place among the compressed rows: see the next test
    for row in range(ROWS):
        resets[row, valid[row].nonzero()[0].max(initial=-1) + 1 :] = False
    assert (resets & ~valid).any()
    masked, expected = both(case, mask, way, resets)
    assert differing(masked, expected) == []


@pytest.mark.parametrize("name", ["lstm, 2 layers", "embedding, lstm, gru, dense", "dense"])
def test_windows_with_carried_states_equal_the_whole_wherever_a_reset_is(name):
    case = problem(name, ROWS, STEPS)
    rng = np.random.default_rng(9)
    resets, mask = rng.random((ROWS, STEPS)) < 0.3, mask_of(ROWS, STEPS)
    whole = case.net.run(case.x, lengths=case.lengths, mask=mask, resets=resets, state=case.state)
    state, outputs = case.state, []
    for t in range(STEPS):
        within = np.clip(case.lengths - t, 0, 1)
        now = slice(t, t + 1)
        run = case.net.run(
            case.x[:, now], lengths=within, mask=mask[:, now], resets=resets[:, now], state=state
        )
        state, outputs = run.final_state, [*outputs, run.outputs]
    assert np.concatenate(outputs, axis=1).tobytes() == whole.outputs.tobytes()
    for key, value in whole.final_state.items():
        assert value.tobytes() == state[key].tobytes()


@pytest.mark.parametrize("name", SOME)
def test_the_backward_pass_of_a_run_reads_nothing_at_masked_steps(name):
    case, mask = problem(name, ROWS, STEPS), mask_of(ROWS, STEPS)
    valid = valid_of(mask, case.lengths)
    run = case.net.run(
        poisoned(case.x, valid), lengths=case.lengths, mask=mask, state=case.state, training=True
    )
    by_hand = case.net.run(compressed(case.x, valid), lengths=valid.sum(1), state=case.state, training=True)
    assert run.outputs.tobytes() == scattered(by_hand.outputs, valid).tobytes()
    rng = np.random.default_rng(2)
    d_outputs = rng.normal(size=run.outputs.shape)
    d_final = {key: rng.normal(size=value.shape) for key, value in run.final_state.items()}
    masked = parts((0.0, run.backward(poisoned(d_outputs, valid), d_final)))
    expected = parts((0.0, by_hand.backward(compressed(d_outputs, valid), d_final)))
    if "inputs" in expected:
        expected["inputs"] = scattered(expected["inputs"], valid)
    assert differing(masked, expected) == []


@pytest.mark.parametrize("name", SOME)
def test_the_value_of_a_loss_is_that_of_the_gradients(name):
    case, mask = problem(name, ROWS, STEPS), mask_of(ROWS, STEPS)
    valid = valid_of(mask, case.lengths)
    loss = "cross_entropy" if case.targets.ndim == 2 else "mse"
    given = {"loss": loss, "lengths": case.lengths, "mask": mask, "state": case.state}
    x, targets = poisoned(case.x, valid), poisoned(case.targets, valid)
    value, final = case.net.loss_value(x, targets, **given)
    expected, grads = case.net.value_and_grad(x, targets, **given)
    assert value == pytest.approx(expected, rel=1e-14)  # sums in another order
    assert all((grads.final_state[key] == state).all() for key, state in final.items())
    counted = case.net.loss_value(x, targets, **given, reduction="sum")[0] / valid.sum()
    assert value == pytest.approx(counted, rel=1e-14)


def test_a_reset_after_the_last_valid_step_leaves_zeros_as_final_state():
    case = problem("lstm, 2 layers", 3, 5, ragged=False)
    mask, resets = np.ones((3, 5), bool), np.zeros((3, 5), bool)
    mask[:2, 3:] = False  # row 1 has masked steps and no reset
    resets[0, 4] = True
    mask[2], resets[2, 2] = False, True
    masked = parts(case.grad(mask=mask, resets=resets))
    for key, value in case.state.items():
        final = masked[f"final_state.{key}"]
        assert not final[:, [0, 2]].any()
        assert final[:, 1].any()
        assert not masked[f"initial_state.{key}"][:, 2].any()
        assert value[:, 2].any()
