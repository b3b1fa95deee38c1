"""Rows in the containers that people have: the same numbers, or an error that says what to write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost

LENGTHS = (3, 1, 4)
ROWS = [np.random.default_rng(n).normal(size=(n, 2)).astype("f4") for n in LENGTHS]
IDS = [np.arange(n) % 3 for n in LENGTHS]


def objects(rows: list[Any]) -> Any:
    made = np.empty(len(rows), object)
    made[:] = rows
    return made


def same(container: Any) -> bool:
    net = ost.GRU(2, 3)
    return bool(np.array_equal(net.run(container).outputs, net.run(ROWS).outputs))


def test_an_array_of_objects_is_a_list_of_rows():
    assert same(objects(ROWS))
    made = ost.Trainer(ost.GRU(2, 2), loss="mse")
    other = ost.Trainer(ost.GRU(2, 2), loss="mse")
    first = made.fit(objects(ROWS), objects(ROWS), weights=objects([np.ones(n) for n in LENGTHS]), epochs=1)
    assert first["loss"] == other.fit(ROWS, ROWS, epochs=1)["loss"]
    assert np.array_equal(ost.data.pack(objects(ROWS)).data, ost.data.pack(ROWS).data)
    assert len(ost.data.Batches(objects(ROWS), objects(ROWS)).lengths) == 3


def test_an_array_of_objects_as_ids_targets_and_mask():
    net = ost.Sequential(ost.Embedding(3, 2), ost.GRU(2, 3))
    mask = [np.ones(n, bool) for n in LENGTHS]
    plain = net.value_and_grad(IDS, IDS, loss="cross_entropy", mask=mask)[0]
    assert (
        net.value_and_grad(objects(IDS), objects(IDS), loss="cross_entropy", mask=objects(mask))[0] == plain
    )


def test_an_array_of_objects_that_are_no_rows_is_refused():
    with pytest.raises(
        ost.DTypeError, match="x is an array of object; for rows of different lengths give a list"
    ):
        ost.GRU(2, 3).run(objects([1, None]))


@pytest.mark.parametrize(
    "make", [iter, lambda rows: (row for row in rows), lambda rows: map(np.asarray, rows)]
)
def test_a_generator_of_rows_says_to_make_a_list(make: Any):
    for call in (ost.GRU(2, 3).run, ost.data.pack, ost.data.Batches):
        with pytest.raises(ost.DTypeError, match=r"x is a \w+, which is used up after one pass; write list"):
            call(make(ROWS))
    with pytest.raises(ost.DTypeError, match="used up"):
        ost.Trainer(ost.GRU(2, 3), loss="mse").fit(make(ROWS), ROWS, epochs=1)


def test_the_values_of_a_dict_say_to_make_a_list():
    with pytest.raises(ost.DTypeError, match=r"write list\(x\)"):
        ost.GRU(2, 3).run(dict(enumerate(ROWS)).values())


class TestTables:
    """Frames and Series of pandas."""

    @pytest.fixture
    def pandas(self) -> Any:
        return pytest.importorskip("pandas", reason="pandas is not installed; the extra [test] has it")

    def test_frames_in_a_list_a_series_and_a_tuple(self, pandas: Any):
        frames = [pandas.DataFrame(row, columns=["a", "b"], index=range(5, 5 + len(row))) for row in ROWS]
        assert same(frames) and same(tuple(frames)) and same(objects(frames))
        assert same(pandas.Series(ROWS)) and same(pandas.Series(frames, index=[7, 8, 9]))

    def test_groups_of_a_long_table(self, pandas: Any):
        table = pandas.concat([pandas.DataFrame(row).assign(row=n) for n, row in enumerate(ROWS)])
        assert same([one[[0, 1]] for _, one in table.groupby("row")])
        with pytest.raises(ost.ShapeError, match=r"x is \(8, 2\).*groupby"):
            ost.GRU(2, 3).run(table[[0, 1]])

    def test_a_series_as_labels_of_rows_and_as_lengths(self, pandas: Any):
        net = ost.Sequential(ost.GRU(2, 3), ost.Last())
        labels = pandas.Series([0, 2, 1], index=[4, 9, 1])
        x = np.ones((3, 4, 2), "f4")
        plain = net.value_and_grad(x, [0, 2, 1], loss="cross_entropy", lengths=LENGTHS)[0]
        given = net.value_and_grad(x, labels, loss="cross_entropy", lengths=pandas.Series(LENGTHS))[0]
        assert given == plain

    def test_a_column_without_numbers_is_named(self, pandas: Any):
        for column, dtype in (("x", "object|str"), (pandas.Timestamp(0), "datetime64"), ([1], "object")):
            frame = pandas.DataFrame({"a": [1.0, 2.0], "when": [column, column]})
            with pytest.raises(ost.DTypeError, match=rf"x\[0\]: the column 'when' has dtype ({dtype})"):
                ost.GRU(2, 3).run([frame])

    def test_a_nullable_column_has_nan_where_a_value_is_missing(self, pandas: Any):
        frame = pandas.DataFrame({"a": pandas.array([0.5, None], "Float64"), "b": [1.0, 2.0]})
        mask = [np.array([True, False])]
        net = ost.GRU(2, 3)
        plain = net.run([np.array([[0.5, 1.0], [9.0, 9.0]], "f4")], mask=mask)
        assert np.array_equal(net.run([frame], mask=mask).outputs, plain.outputs)

    def test_a_table_of_whole_numbers_says_to_convert_it(self, pandas: Any):
        with pytest.raises(ost.DTypeError, match=r"x\[0\] has dtype int64; expected float32"):
            ost.GRU(2, 3).run([pandas.DataFrame({"a": [1, 2], "b": [3, 4]})])


X = np.random.default_rng(3).normal(size=(4, 3, 2)).astype("f4")


def history(data: Any, *more: Any) -> list[float]:
    made = ost.Trainer(ost.GRU(2, 2), loss="mse", optimizer=ost.SGD(0.1))
    return [*made.fit(data, *more, epochs=2)["loss"], float(made.net.arena.sum())]


class Places:
    """Batches by their places, without `__iter__`."""

    def __getitem__(self, place: int) -> Any:
        if place >= 2:
            raise IndexError
        return X[2 * place : 2 * place + 2], X[2 * place : 2 * place + 2]


class Counted(Places):
    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize("data", [[[X[:2], X[:2]], [X[2:], X[2:]]], Places(), Counted()])
def test_batches_as_lists_and_by_places(data: Any):
    assert history(data) == history([(X[:2], X[:2]), (X[2:], X[2:])])


def test_what_is_no_batch_says_what_a_batch_is():
    for item in ({"x": X, "y": X}, [X], "x", (X,) * 5):
        with pytest.raises(
            ost.DTypeError, match=r"as batch 0; expected ost.Batch\(x, targets\), or a tuple or list"
        ):
            history([item])


def test_functions_and_arrays_alone_say_what_is_missing():
    with pytest.raises(ost.ConfigError, match=r"data is the function .*list\(data\(\)\)"):
        history(lambda: iter([(X, X)]))
    with pytest.raises(ost.ConfigError, match="targets is missing, and data is an array of float32"):
        history(X)
    with pytest.raises(ost.ConfigError, match="data is an iterator, which is used up after one pass"):
        history(iter([(X, X)]))


class TestTorch:
    """An array as PyTorch passes it."""

    @pytest.fixture
    def torch(self) -> Any:
        return pytest.importorskip("torch", reason="PyTorch is not installed; make parity installs it")

    def test_a_data_loader_and_a_padding_collate_function(self, torch: Any):
        from torch.utils.data import DataLoader, TensorDataset

        t = torch.from_numpy(X)
        loader = DataLoader(TensorDataset(t, t), batch_size=2)
        assert history(loader) == history([(X[:2], X[:2]), (X[2:], X[2:])])

        def collate(pairs: list[Any]) -> Any:
            lengths = torch.tensor([len(x) for x, _ in pairs])
            pad = torch.nn.utils.rnn.pad_sequence
            return pad([x for x, _ in pairs], True), pad([y for _, y in pairs], True), lengths

        rows = [torch.from_numpy(row) for row in ROWS]
        ragged = DataLoader(list(zip(rows, rows, strict=True)), batch_size=3, collate_fn=collate)
        assert history(ragged) == history([(ROWS, ROWS)])

    def test_tensors_as_lengths_weights_mask_and_ids(self, torch: Any):
        lengths, weights = torch.tensor([3, 1, 2, 3]), torch.ones(4, 3)
        assert history([(X, X, lengths)]) == history([(X, X, [3, 1, 2, 3])])
        assert history([(X, X, lengths, weights)]) == history([(X, X, [3, 1, 2, 3])])
        net = ost.Sequential(ost.Embedding(3, 2), ost.GRU(2, 3))
        ids = torch.tensor([[0, 1, 2]])
        assert np.array_equal(net(ids), net([[0, 1, 2]]))
        assert np.array_equal(net(ids, mask=torch.tensor([[True, False, True]]))[0, 1], np.zeros(3))

    def test_a_tensor_that_requires_a_gradient_says_so(self, torch: Any):
        with pytest.raises(ost.DTypeError, match="requires grad"):
            ost.GRU(2, 2).run(torch.ones(4, 3, 2, requires_grad=True))

    def test_a_data_set_of_single_rows_says_what_is_expected(self, torch: Any):
        data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(X))
        with pytest.raises(ost.ShapeError, match=r"x is \(3, 2\)"):
            history(data)
