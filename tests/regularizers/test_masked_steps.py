"""Regularizers on rows with a mask: noise and penalties are those of the valid steps."""

import numpy as np
import pytest

from tests.masks import compressed, mask_of, poisoned, scattered, valid_of
from tests.regularizers.table import IDS, PAIRS, REGULARIZERS, network

ROWS, STEPS = 21, 9


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both ways"])
@pytest.mark.parametrize(("cell", "regularizer"), PAIRS, ids=IDS)
def test_a_row_with_a_mask_draws_what_its_valid_steps_draw(cell, regularizer, bidirectional):
    net = network(cell, REGULARIZERS[regularizer], 4, 5, bidirectional=bidirectional)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((ROWS, STEPS, 4)).astype("float32")
    targets = rng.standard_normal((ROWS, STEPS, net.output_size)).astype("float32")
    lengths = rng.integers(0, STEPS + 1, ROWS)
    mask = mask_of(ROWS, STEPS)
    valid = valid_of(mask, lengths)

    def results(change, given):
        run = net.run(change(x), training=True, seed=4, **given)
        loss, grads = net.value_and_grad(change(x), change(targets), loss="mse", seed=4, **given)
        finals = {f"final {name}": value for name, value in run.final_state.items()}
        numbers = {
            "loss": np.array([loss, grads.penalty, run.penalty or 0.0]),
            "arena": grads.arena,
            **finals,
        }
        return numbers, {"outputs": run.outputs, "inputs": grads.inputs}

    ours, steps = results(lambda array: poisoned(array, valid), {"lengths": lengths, "mask": mask})
    expected, by_hand = results(lambda array: compressed(array, valid), {"lengths": valid.sum(1)})
    for name, value in expected.items():
        assert ours[name].tobytes() == value.tobytes(), name
    for name, value in by_hand.items():
        assert steps[name].tobytes() == scattered(value, valid).tobytes(), name
