"""Ways through time that cannot be gone are refused, with a word on what to do."""

import numpy as np
import pytest

import ostinato as ost

X, Y = np.zeros((2, 5, 3), "float32"), np.zeros((2, 5, 4), "float32")


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: ost.TruncatedBPTT(0, 4), ("k1 is 0",)),
        (lambda: ost.TruncatedBPTT(2.5, 4), ("k1 is 2.5",)),
        (lambda: ost.TruncatedBPTT(True, 4), ("k1 is True",)),
        (lambda: ost.TruncatedBPTT(4, 3), ("k2 is 3", "at least k1 = 4")),
        (lambda: ost.CheckpointedBPTT(0), ("budget is 0",)),
        (lambda: ost.CheckpointedBPTT(True), ("budget is True",)),
        (lambda: ost.CheckpointedBPTT(1.5), ("budget is 1.5",)),
        (lambda: ost.CheckpointedBPTT("64 parsecs"), ("'64 parsecs'", '"64MB"')),
        (lambda: ost.CheckpointedBPTT("0MB"), ("'0MB'",)),
        (lambda: ost.CheckpointedBPTT("-1MB"), ("'-1MB'",)),
        (lambda: ost.CheckpointedBPTT("nanMB"), ("'nanMB'",)),
        (lambda: ost.CheckpointedBPTT("0%"), ("'0%'",)),
        (lambda: ost.CheckpointedBPTT("101%"), ("'101%'", '"5%"')),
        (lambda: ost.CheckpointedBPTT("1MB").plan(ost.LSTM(3, 4), -1, 5), ("rows is -1",)),
        (lambda: ost.CheckpointedBPTT("1MB").plan(ost.LSTM(3, 4), 2**30, 2**30), ("1073741824 rows",)),
    ],
)
def test_settings_that_mean_nothing_are_named(make, words):
    with pytest.raises(ost.ConfigError) as caught:
        make()
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    "budget, core",
    [
        ("64MB", "Budget.bytes(64000000)"),
        ("64MiB", "Budget.bytes(67108864)"),
        ("1.5 kB", "Budget.bytes(1500)"),
        (7, "Budget.bytes(7)"),
        ("5%", "Budget.share(50000)"),
        ("sqrt", "Budget.square_root()"),
    ],
)
def test_budgets_are_read_as_people_write_them(budget, core):
    assert repr(ost.CheckpointedBPTT(budget).mode(1, 1)) == f"ThroughTime.checkpointed({core})"


def test_other_things_are_no_way_through_time():
    with pytest.raises(ost.ConfigError, match=r"through_time is 'sqrt'; expected FullBPTT\(\)"):
        ost.LSTM(3, 4).value_and_grad(X, Y, loss="mse", through_time="sqrt")
