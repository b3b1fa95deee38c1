"""The history is plain data, a table and a picture."""

from __future__ import annotations

import math

import pytest

import ostinato as ost


def history() -> ost.History:
    made = ost.History()
    made.append({"epoch": 0, "loss": 1.23456, "lr": 0.01})
    made.append({"epoch": 1, "loss": 1234567.0, "lr": 1e-9, "val_loss": 2.0})
    return made


def test_it_prints_as_a_table():
    assert repr(history()) == (
        "epoch       loss     lr  val_loss\n"
        "    0      1.235   0.01         -\n"
        "    1  1.235e+06  1e-09         2"
    )
    assert repr(ost.History()) == "History: no epoch yet"


def test_rows_columns_and_numbers():
    made = history()
    assert (len(made), made[-1]["val_loss"], made["loss"]) == (2, 2.0, [1.23456, 1234567.0])
    assert math.isnan(made["val_loss"][0])
    assert [row["epoch"] for row in made] == [0, 1]
    assert made.rows[0] == {"epoch": 0, "loss": 1.23456, "lr": 0.01}
    assert ost.History(made.rows) == made != ost.History()
    with pytest.raises(ost.ConfigError, match="did you mean 'val_loss'"):
        made["vall_loss"]


def test_it_draws_its_losses_or_what_is_named():
    axes = history().plot()
    assert [line.get_label() for line in axes.lines] == ["loss", "val_loss"]
    assert list(axes.lines[0].get_ydata()) == [1.23456, 1234567.0]
    assert [line.get_label() for line in history().plot(axes=axes, names=["lr"]).lines][-1] == "lr"
