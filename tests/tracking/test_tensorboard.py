"""What `TensorBoard` writes, read by TensorBoard itself."""

import copy

import numpy as np
import pytest

import ostinato as ost
from ostinato.tracking.event_file import crc32c

X = np.random.default_rng(0).normal(size=(32, 6, 2)).astype("float32")


def read(folder):
    """The accumulator of TensorBoard, with all points."""
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard is not installed"
    )
    made = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0, "histograms": 0})
    made.Reload()
    return made


def trainer(*callbacks):
    return ost.Trainer(ost.GRU(2, 2), loss="mse", optimizer=ost.Adam(2e-3), callbacks=list(callbacks), seed=5)


def test_checksums_are_those_of_the_standard():
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, appendix B.4
    assert crc32c(bytes(range(32))) == 0x46DD794E


def test_scalars_are_the_measurements(tmp_path):
    folder = tmp_path / "runs" / "one"
    made = trainer(ost.TensorBoard(folder, update_every=3))
    made.fit(X, X, epochs=3, batch_size=8, validation=(X, X), progress=False)
    found = read(folder)
    assert set(found.Tags()["scalars"]) == {
        *(f"update/{name}" for name in ("loss", "grad_norm", "lr")),
        *(f"epoch/{name}" for name in ("loss", "grad_norm", "lr", "val_loss")),
    }
    assert [one.step for one in found.Scalars("update/loss")] == [0, 3, 6, 9]
    for name in ("loss", "val_loss"):
        points = found.Scalars(f"epoch/{name}")
        assert [one.step for one in points] == [3, 7, 11]
        np.testing.assert_array_equal(
            np.float32([one.value for one in points]), np.float32(made.history[name])
        )


def test_histograms_count_every_number_of_a_parameter(tmp_path):
    made = trainer(ost.TensorBoard(tmp_path, update_every=0, histogram_every=2))
    made.fit(X, X, epochs=3, progress=False)
    found = read(tmp_path)
    parameters = made.net.state_dict()
    assert set(found.Tags()["histograms"]) == {f"parameters/{name}" for name in parameters}
    assert not any(tag.startswith("update/") for tag in found.Tags()["scalars"])
    for name, values in parameters.items():
        first, last = (one.histogram_value for one in found.Histograms(f"parameters/{name}"))
        assert first.num == sum(first.bucket) == values.size
        exact = np.asarray(values, np.float64)
        assert (last.min, last.max) == (exact.min(), exact.max())
        np.testing.assert_allclose([last.sum, last.sum_squares], [exact.sum(), np.square(exact).sum()])


def test_hyper_parameters_are_on_the_page_of_hyper_parameters(tmp_path):
    given = {"units": 2, "cell": "gru", "deep": False, "share": np.float32(0.5)}
    trainer(ost.TensorBoard(tmp_path, hyper_parameters=given)).fit(X, X, epochs=1, progress=False)
    found = read(tmp_path)
    from tensorboard.plugins.hparams import plugin_data_pb2

    content = found.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    session = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    values = {name: getattr(one, one.WhichOneof("kind")) for name, one in session.hparams.items()}
    assert {name: values[name] for name in given} == {"units": 2, "cell": "gru", "deep": False, "share": 0.5}
    assert (values["optimizer"], values["lr"], values["seed"]) == ("adam", 2e-3, 5)


def test_a_resumed_run_replaces_what_came_after(tmp_path):
    folder, checkpoint = tmp_path / "run", tmp_path / "checkpoint"
    whole = trainer(ost.TensorBoard(folder, update_every=1), ost.Checkpoints(checkpoint, every_steps=6))
    whole.fit(X, X, epochs=2, batch_size=8, progress=False)
    again = trainer(ost.TensorBoard(folder, update_every=1), ost.Checkpoints(checkpoint, every_steps=6))
    again.fit(X, X, epochs=2, batch_size=8, progress=False, resume=checkpoint)
    found = read(folder)
    assert [one.step for one in found.Scalars("update/loss")] == list(range(8))
    assert [one.step for one in found.Scalars("epoch/loss")] == [3, 7]


def test_numbers_beyond_float32_and_nan_are_written(tmp_path):
    class Odd:
        @ost.hookimpl
        def ostinato_epoch_end(self, metrics):
            metrics |= {"huge": 1e300, "nan": float("nan"), "whole": 3}

    trainer(ost.TensorBoard(tmp_path), Odd()).fit(X, X, epochs=1, progress=False)
    found = read(tmp_path)
    values = {name: found.Scalars(f"epoch/{name}")[0].value for name in ("huge", "nan", "whole")}
    assert (values["huge"], values["whole"]) == (float("inf"), 3.0)
    assert np.isnan(values["nan"])


def test_a_copy_writes_a_file_of_its_own(tmp_path):
    tracker = ost.TensorBoard(tmp_path)
    trainer(tracker).fit(X, X, epochs=1, progress=False)
    trainer(copy.deepcopy(tracker)).fit(X, X, epochs=1, progress=False)
    assert len(list(tmp_path.iterdir())) == 2
