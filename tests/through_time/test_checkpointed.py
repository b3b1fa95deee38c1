"""Checkpointed BPTT: bit-identical to full BPTT at any budget; the plan of a budget."""

import re

import numpy as np
import pytest

import ostinato as ost
from tests.through_time.problems import BOTH_WAYS, NETWORKS, differing, parts, problem

# 16 rows make units of 8, whose blocks of time have 32 steps: 13 segments at most, the last one half as long
ROWS, STEPS = 16, 400


def least(case):
    """The least budget, out of the message that names it."""
    with pytest.raises(ost.ConfigError, match=r"too small .* at least \d+ bytes") as caught:
        case.grad(ost.CheckpointedBPTT(1))
    return int(re.search(r"at least (\d+)", str(caught.value))[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*NETWORKS, *BOTH_WAYS])
def test_checkpointed_equals_full_at_budgets_from_the_least_to_unlimited(name, dtype):
    case = problem(name, ROWS, STEPS, dtype)
    full = parts(case.grad(reduction="mean"))
    smallest = least(case)
    for budget in (smallest, smallest * 5 // 4, smallest * 2, smallest * 4, "1GB", "sqrt"):
        cut = parts(case.grad(ost.CheckpointedBPTT(budget), reduction="mean"))
        assert differing(full, cut) == [], f"budget {budget}"


@pytest.mark.parametrize("rows", [1, 3, 8, 33])
def test_any_number_of_rows_has_the_bits_of_full_bptt(rows):
    case = problem("embedding, lstm, gru, dense", max(rows, 2), 1500, "float32", ragged=rows > 1)
    assert differing(parts(case.grad()), parts(case.grad(ost.CheckpointedBPTT(least(case))))) == []


def test_less_than_the_least_budget_is_refused_and_the_least_is_taken():
    case = problem("lstm", ROWS, STEPS)
    smallest = least(case)
    case.grad(ost.CheckpointedBPTT(smallest))
    with pytest.raises(ost.ConfigError, match=f"at least {smallest} bytes"):
        case.grad(ost.CheckpointedBPTT(smallest - 1))


def test_any_number_of_threads_gives_the_same_bits(threads):
    case = problem("lstm, 2 layers", 61, STEPS, "float32")
    full = parts(case.grad())
    for count in (1, 2, 3, 4):
        threads(count)
        for budget in ("sqrt", least(case)):
            assert differing(full, parts(case.grad(ost.CheckpointedBPTT(budget)))) == [], f"{count} threads"


@pytest.mark.parametrize("rows, steps", [(0, 4), (3, 0), (0, 0)])
def test_nothing_has_gradients_of_zero(rows, steps):
    net = ost.LSTM(3, 4)
    x, y = np.zeros((rows, steps, 3), "float32"), np.zeros((rows, steps, 4), "float32")
    for budget in ("sqrt", "1kB"):
        loss, grads = net.value_and_grad(x, y, loss="mse", through_time=ost.CheckpointedBPTT(budget))
        assert loss == 0 and not grads.arena.any() and grads.inputs.shape == x.shape


def test_a_plan_says_what_a_budget_buys(threads):
    threads(1)
    net = ost.LSTM(64, 64)
    full = ost.CheckpointedBPTT("10GB").plan(net, 8, 1000, "mse")
    assert (full.segments, full.recomputed, full.memory) == ((1000, 1000), 0.0, full.full_memory)
    tight = ost.CheckpointedBPTT(full.full_memory // 10).plan(net, 8, 1000, "mse")
    assert tight.memory <= full.full_memory // 10
    assert 0.85 < tight.recomputed < 1 and 1.25 < tight.factor < 4 / 3
    assert "steps run forwards 1." in str(tight)
    assert ost.CheckpointedBPTT("10%").plan(net, 8, 1000, "mse") == tight
    root = ost.CheckpointedBPTT("sqrt").plan(net, 8, 1000)
    assert (root.segments, root.states, root.kept) == ((64, 64), 14, 0) and root.memory < full.full_memory / 5


def test_more_memory_means_fewer_steps_that_run_again(threads):
    threads(1)
    net = ost.LSTM(64, 64)
    shares = (4, 10, 25, 50, 75, 90)
    again = [ost.CheckpointedBPTT(f"{share}%").plan(net, 8, 2000).recomputed for share in shares]
    assert again == sorted(again, reverse=True) and again[0] > again[1] > again[2] > again[3]
    # gradients between layers are those of one chunk at a time: nothing runs again well below 100 %
    assert again[3] < 0.5 and again[4] < 0.1 and again[5] == 0


def test_a_network_that_reads_from_the_end_goes_layer_by_layer(threads):
    threads(1)
    net = ost.LSTM(32, 32, 2, bidirectional=True)
    full = ost.CheckpointedBPTT("100%").plan(net, 8, 1000, "mse")
    tight = ost.CheckpointedBPTT("50%").plan(net, 8, 1000, "mse")
    assert (full.recomputed, tight.recomputed, tight.kept) == (0, 1, 0)
    # outputs of four layers and gradients of sequences stay; what the steps save does not
    assert tight.memory < full.memory / 2


def test_a_long_sequence_in_little_memory_runs_few_times(threads):
    threads(1)
    # 391 blocks of time: too many for a table, and for a state at every border
    case = ost.LSTM(8, 8)
    with pytest.raises(ost.ConfigError, match=r"at least \d+ bytes") as caught:
        ost.CheckpointedBPTT(1).plan(case, 1, 100_000)
    smallest = int(re.search(r"at least (\d+)", str(caught.value))[1])
    plan = ost.CheckpointedBPTT(smallest).plan(case, 1, 100_000)
    assert plan.memory <= smallest < plan.full_memory / 100
    assert 1 < plan.recomputed < 8


def test_more_threads_share_a_budget(threads):
    net = ost.LSTM(64, 64)
    for count, row_groups in [(1, 1), (2, 2), (4, 2)]:
        threads(count)
        plan = ost.CheckpointedBPTT("10GB").plan(net, 16, 1000)
        assert plan.row_groups == row_groups
    # the least is that of one unit: the others wait
    smallest = least(problem("lstm", ROWS, STEPS))
    threads(1)
    assert least(problem("lstm", ROWS, STEPS)) == smallest
