"""`fit` prints a line for each epoch, and says why it ended early."""

from __future__ import annotations

import re

import pytest

import ostinato as ost
from tests.training.tasks import running_sum

X, TARGETS = running_sum()


def fitted(capsys, epochs=3, callbacks=(), **options):
    trainer = ost.Trainer(ost.RNN(2, 2), loss="mse", metrics=["mae"], callbacks=callbacks)
    trainer.fit(X, TARGETS, epochs=epochs, batch_size=5, **options)
    printed = capsys.readouterr()
    assert printed.out == ""  # the program's own
    return trainer, printed.err.splitlines()


def test_each_epoch_has_a_line_with_the_numbers_of_the_history(capsys):
    trainer, lines = fitted(capsys, validation=(X, TARGETS))
    assert len(lines) == 3
    for row, line in zip(trainer.history.rows, lines, strict=True):
        assert line.startswith(f"epoch {row['epoch']}  loss {row['loss']:.4g}  ")
        assert f"val_mae {row['val_mae']:.4g}" in line and re.search(r"\d s$", line)


def test_no_line_without_progress(capsys):
    _, lines = fitted(capsys, progress=False, callbacks=[ost.EarlyStopping("loss", patience=1, min_delta=9)])
    assert lines == []
    with pytest.raises(ost.ConfigError, match="progress is 1; expected True or False"):
        fitted(capsys, progress=1)


def test_the_reason_of_early_stopping_is_printed(capsys):
    stopping = ost.EarlyStopping("val_mae", patience=2, min_delta=1e3)
    trainer, lines = fitted(capsys, 9, [stopping], validation=(X, TARGETS))
    assert len(lines) == 4
    assert lines[-1].startswith(
        "stopped in epoch 2: EarlyStopping: val_mae did not improve for 2 epochs; the best was "
    )
    assert lines[-1].endswith(f"{stopping.best:.4g} in epoch 0, whose parameters are restored")
    assert f"stopped in epoch 2: {trainer.run.stopped}" == lines[-1]


@pytest.mark.parametrize(
    ("answer", "message"), [(True, "ostinato_should_stop"), ("the loss is low", "the loss is low")]
)
def test_a_hook_ends_a_run_with_or_without_a_reason(answer, message, capsys):
    class Stops:
        @ost.hookimpl
        def ostinato_should_stop(self, epoch):
            return answer if epoch == 1 else None

    trainer, lines = fitted(capsys, 9, [Stops()])
    assert lines[-1] == f"stopped in epoch 1: {message}" and trainer.run.stopped == message
    assert len(trainer.history) == 2


def test_a_stop_within_an_epoch_says_where(capsys):
    class Stops:
        @ost.hookimpl
        def ostinato_batch_end(self, run, step):
            if step == 2:
                run.stop("enough")

    _, lines = fitted(capsys, 9, [Stops()])
    assert lines[-1] == "stopped in epoch 1, batch 0: enough"


def test_the_best_parameters_are_restored_whoever_stops_after_an_epoch(capsys):
    class Stops:
        @ost.hookimpl(tryfirst=True)
        def ostinato_should_stop(self, epoch):
            return "the time is over" if epoch == 3 else None

    stopping = ost.EarlyStopping("loss", patience=50, min_delta=1e3)
    trainer, _ = fitted(capsys, 9, [Stops(), stopping])
    assert (trainer.net.arena == stopping._parameters).all()
