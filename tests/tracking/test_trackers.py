"""Trackers: what they write is what the run measured, and what fails in them stops nothing."""

import csv
import os
import warnings

import numpy as np
import pytest

import ostinato as ost

X = np.random.default_rng(0).normal(size=(32, 6, 2)).astype("float32")


def trainer(*callbacks, **options):
    return ost.Trainer(ost.GRU(2, 2), loss="mse", callbacks=list(callbacks), **options)


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_numbers(rows):
    return [{name: float(value) for name, value in row.items() if value} for row in rows]


def test_a_csv_log_is_the_history(tmp_path):
    path = tmp_path / "run.csv"
    made = trainer(ost.CSVLog(path))
    made.fit(X, X, epochs=3, batch_size=8, progress=False)
    assert as_numbers(rows_of(path)) == made.history.rows


def test_a_csv_log_takes_new_columns_and_columns_of_other_callbacks(tmp_path):
    class Late:
        @ost.hookimpl
        def ostinato_epoch_end(self, epoch, metrics):
            if epoch:
                metrics["late"] = 7.0 + epoch

    path = tmp_path / "run.csv"
    made = trainer(ost.CSVLog(path), Late())
    made.fit(X, X, epochs=2, batch_size=8, progress=False)
    made.fit(X, X, epochs=1, batch_size=8, validation=(X, X), progress=False)
    found = rows_of(path)
    assert [row["late"] for row in found] == ["", "8.0", "9.0"]
    assert as_numbers(found) == made.history.rows


def test_a_resumed_run_has_its_earlier_epochs_once(tmp_path):
    path, checkpoint = tmp_path / "run.csv", tmp_path / "checkpoint"
    first = trainer(ost.CSVLog(path), ost.Checkpoints(checkpoint, every_steps=6))
    first.fit(
        X, X, epochs=3, batch_size=8, progress=False
    )  # the checkpoint is of epoch 2, batch 2 or earlier
    second = trainer(ost.CSVLog(path), ost.Checkpoints(checkpoint, every_steps=6))
    second.fit(X, X, epochs=3, batch_size=8, progress=False, resume=checkpoint)
    assert second.history == first.history
    assert as_numbers(rows_of(path)) == first.history.rows


class Third(ost.Tracker):
    """Fails on every third call."""

    def __init__(self):
        self._calls = 0

    def _count(self):
        self._calls += 1
        if self._calls % 3 == 0:
            raise ConnectionError("no route to host")

    def update(self, run, step, metrics):
        self._count()

    def epoch(self, run, epoch, metrics):
        self._count()

    def end(self, run):
        self._count()


def test_a_tracker_that_fails_warns_once_in_a_run_and_changes_nothing():
    plain = trainer()
    plain.fit(X, X, epochs=3, batch_size=8, progress=False)
    tracked = trainer(Third())
    for _ in range(2):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            tracked.fit(X, X, epochs=3, batch_size=8, progress=False)
        assert [str(one.message) for one in caught if one.category is RuntimeWarning] == [
            "Third.update failed: ConnectionError: no route to host; the training continues, and further "
            "failures of this run are not reported"
        ]
        if len(tracked.history) == 3:
            assert np.array_equal(tracked.net.arena, plain.net.arena)
    assert len(tracked.history) == 6


def test_a_tracker_ends_with_a_run_that_fails():
    class Ends(ost.Tracker):
        def __init__(self):
            self._ends = 0

        def end(self, run):
            self._ends += 1

    class Stop(Exception):
        pass

    class Fails:
        @ost.hookimpl
        def ostinato_epoch_end(self):
            raise Stop

    tracker = Ends()
    with pytest.raises(ost.PluginError):
        trainer(tracker, Fails()).fit(X, X, epochs=1, progress=False)
    assert tracker._ends == 1


def test_a_tracker_gets_updates_and_not_the_batches_that_wait_for_one():
    class Steps(ost.Tracker):
        def __init__(self):
            self._steps = []

        def update(self, run, step, metrics):
            self._steps.append((step, "grad_norm" in metrics))

    steps = Steps()
    trainer(steps, accumulate=2).fit(X, X, epochs=1, batch_size=8, progress=False)
    assert steps._steps == [(0, True), (1, True)]


@pytest.mark.parametrize("made", [ost.CSVLog, ost.TensorBoard], ids=["CSVLog", "TensorBoard"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_trained(made, tmp_path):
    (tmp_path / "file").write_text("a file is no folder")
    tracked = trainer(made(tmp_path / "file" / "place"))
    before = tracked.net.arena.copy()
    with pytest.raises(ost.ConfigError, match="expected a place that can be written"):
        tracked.fit(X, X, epochs=1, progress=False)
    assert np.array_equal(tracked.net.arena, before)
    assert tracked.run.step == 0


def test_a_misspelled_measurement_is_refused_at_the_start_next_to_a_tracker(tmp_path):
    tracked = trainer(ost.CSVLog(tmp_path / "a.csv"), ost.EarlyStopping("los"))
    with pytest.raises(ost.ConfigError, match="'los' is not measured"):
        tracked.fit(X, X, epochs=1, progress=False)
    assert tracked.run.step == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_a_full_disk_is_a_warning():
    made = trainer(ost.CSVLog("/dev/full"))
    with pytest.warns(RuntimeWarning, match="No space left"):
        made.fit(X, X, epochs=2, progress=False)
    assert len(made.history) == 2


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"hyper_parameters": {"a": [1]}}, "hyper_parameters"),
        ({"hyper_parameters": {"a": float("nan")}}, "hyper_parameters"),
        ({"hyper_parameters": {1: 1}}, "hyper_parameters"),
        ({"hyper_parameters": 3}, "hyper_parameters"),
        ({"update_every": -1}, "update_every"),
        ({"histogram_every": 1.5}, "histogram_every"),
        ({"log_dir": 3}, "log_dir"),
    ],
)
def test_wrong_options_are_named(given, name):
    with pytest.raises(ost.OstinatoError, match=name):
        ost.TensorBoard(**given)


def test_a_tracker_reads_measurements_and_changes_none():
    class Careless(ost.Tracker):
        name = "careless"

        def epoch(self, run, epoch, metrics):
            metrics["loss"] *= 100

    class Clears(ost.Tracker):
        name = "clears"

        def epoch(self, run, epoch, metrics):
            metrics.clear()

    plain = trainer()
    plain.fit(X, X, epochs=1, batch_size=8, progress=False)
    for kind in (Careless, Clears):
        made = trainer(kind())
        with pytest.warns(RuntimeWarning, match=f"{kind.__name__}.epoch failed"):
            made.fit(X, X, epochs=1, batch_size=8, progress=False)
        assert made.history.rows == plain.history.rows


@pytest.mark.parametrize("text", ["name,price\na,1\n", "precious", "\n\n"])
def test_a_csv_log_replaces_no_file_that_is_no_log(tmp_path, text):
    path = tmp_path / "precious.csv"
    path.write_text(text)
    with pytest.raises(ost.ConfigError, match="a file that is no log"):
        trainer(ost.CSVLog(path)).fit(X, X, epochs=1, batch_size=8, progress=False)
    assert path.read_text() == text


def test_classes_of_callbacks_are_errors_with_the_call(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind, call in ((ost.CSVLog, r"CSVLog\(path\)"), (ost.EarlyStopping, r"EarlyStopping\(.*\)")):
        with pytest.raises(ost.ConfigError, match=rf"callbacks\[0\] is the class .* expected {call}, not"):
            trainer(kind)
    assert not os.listdir(tmp_path)
