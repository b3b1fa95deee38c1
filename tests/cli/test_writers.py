"""`ostinato predict` with models that write sequences, and with a StateSpace."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli.main import main

SMALL: dict[str, Any] = {"max_iter": 2, "hidden_size": 4, "embedding_size": 2, "random_state": 0}
TEXTS = ["ab", "ba", "aab"] * 4
WORDS = [list(one) for one in TEXTS]
NUMBERS = [[1 + "ab".index(s) for s in one] for one in TEXTS]


@pytest.fixture
def predicted(tmp_path, capsys):
    """Saves a model, predicts a file, and gives the lines of the output and what is on standard error."""

    def predict(model, text: str | None, *flags: str) -> tuple[list[list[str]], str]:
        path, data = str(tmp_path / "m.safetensors"), tmp_path / "d.csv"
        model.save(path)
        if text is not None:
            data.write_text(text)
        capsys.readouterr()
        code = main(["predict", path, *([] if text is None else [str(data)]), *flags])
        printed = capsys.readouterr()
        assert (code == 0) == bool(printed.out)
        return list(csv.reader(io.StringIO(printed.out))), printed.err

    return predict


@pytest.mark.parametrize("X", [TEXTS, WORDS, NUMBERS], ids=["texts", "words", "numbers"])
def test_a_line_is_a_sequence_of_the_form_of_training(X, predicted):
    model = ost.Seq2Seq(**SMALL).fit(X, WORDS)
    printed = model.predict(X[:3])
    cells = [one if isinstance(one, str) else " ".join(map(str, one)) for one in X[:3]]
    text = "n,source,wanted\n" + "".join(f"{n},{one},a b\n" for n, one in enumerate(cells))
    lines, errors = predicted(model, text, "--target", "wanted", "--ignore", "n")
    assert lines == [["line", "predicted"], *([str(n + 2), " ".join(one)] for n, one in enumerate(printed))]
    right = sum(one == ["a", "b"] for one in printed)
    assert errors == f"without an error {right / 3:.3f} ({right} of 3 sequences)\n"


@pytest.mark.parametrize("X", [WORDS, NUMBERS], ids=["words", "numbers"])
def test_a_line_is_a_symbol_of_a_sequence(X, predicted):
    model = ost.Seq2Seq(**SMALL).fit(X, TEXTS)
    text = "id,symbol\n" + "".join(f"s{n},{one}\n" for n, row in enumerate(X[:3]) for one in row)
    lines, _ = predicted(model, text, "--id", "id")
    assert lines == [["id", "predicted"], *([f"s{n}", one] for n, one in enumerate(model.predict(X[:3])))]


def test_features_are_read_as_by_a_classifier(predicted):
    X = [np.arange(n, dtype=float) for n in (2, 3, 4)] * 4
    model = ost.Seq2Seq(**SMALL).fit(X, TEXTS)
    lines, _ = predicted(model, "a,b,c,d\n0,1,,\n0,1,2,\n")
    assert [row[1] for row in lines[1:]] == model.predict(X[:2])


@pytest.mark.parametrize("X", [["k", "l"] * 6, [[1.0, 2.0], [3.0, 4.0]] * 6], ids=["labels", "numbers"])
@pytest.mark.parametrize("y", [TEXTS, [np.ones((2, 2)), np.zeros((1, 2))] * 6], ids=["texts", "steps"])
def test_a_line_is_a_context(X, y, predicted):
    model = ost.SequenceGenerator(**SMALL).fit(X, y)
    found = model.predict(X[:2])
    labels = isinstance(X[0], str)
    lines, _ = predicted(model, "c\nk\nl\n" if labels else "c,d\n1,2\n3,4\n")
    if isinstance(y[0], str):
        assert lines == [["line", "predicted"], ["2", found[0]], ["3", found[1]]]
    else:
        assert lines[0] == ["line", "step", "predicted 1", "predicted 2"]
        np.testing.assert_allclose(
            np.array(lines[1:], float)[:, 2:],
            np.concatenate(found),
            rtol=1e-5,  # six digits are written
        )


def test_a_generator_without_contexts_needs_no_file(predicted):
    model = ost.SequenceGenerator(**SMALL).fit(None, TEXTS)
    assert predicted(model, None)[0] == [["sequence", "predicted"], ["1", *model.predict(1)]]
    assert "fitted without contexts; omit the file" in predicted(model, "a\n1\n")[1]


def seq2seq(X):
    return lambda: ost.Seq2Seq(**SMALL).fit(X, TEXTS)


def generator(X):
    return lambda: ost.SequenceGenerator(**SMALL).fit(X, TEXTS)


REFUSED = [
    (seq2seq(TEXTS), "a,b\nx,y\n", [], "reads one column, but the columns are a, b; leave the others out"),
    (seq2seq(TEXTS), "a\nx\n\n \n", [], "the column 'a' has no value at line 4"),
    (seq2seq(TEXTS), "i,a\n1,x\n", ["--id", "i"], "reads a text in a cell of each line; omit --id"),
    (seq2seq(NUMBERS), "a\n1 2\n1 b\n", [], "line 3 has 'b'; the model reads whole numbers"),
    (seq2seq(TEXTS), None, [], "holds a Seq2Seq; give a CSV file of sequences too"),
    (seq2seq(TEXTS), "a\nx\n", ["--horizon", "3"], "--horizon is given, but"),
    (generator(["k", "l"] * 6), "a\nk\nm\n", [], "line 3 has 'm', which is no label of the fit: k, l"),
    (generator([[1.0], [2.0]] * 6), "a,b\n1,2\n", [], "the columns are a, b; the model reads 1 of numbers"),
    (generator(["k", "l"] * 6), "i,a\n1,k\n", ["--id", "i"], "is a context; omit it"),
]


@pytest.mark.parametrize(("made", "text", "flags", "words"), REFUSED)
def test_what_a_model_cannot_read_is_an_error_that_says_what_to_do(made, text, flags, words, predicted):
    lines, errors = predicted(made(), text, *flags)
    assert not lines and words in errors


def test_a_state_space_is_fitted_measured_and_forecasts(tmp_path, capsys):
    data, path = tmp_path / "d.csv", str(tmp_path / "m.safetensors")
    y = 5 + np.sin(np.arange(40.0) * np.pi / 2) + 0.01 * np.arange(40)
    data.write_text("a\n" + "".join(f"{one:.4f}\n" for one in y))
    flags = ["--horizon", "4", "--season", "4", "--save", path]
    assert main(["fit", "state-space", str(data), *flags]) == 0
    printed = capsys.readouterr().out
    assert (
        "trained on 1 series in" in printed
        and "iterations, season 4" in printed
        and "held-out MASE" in printed
    )
    values = np.array([float(f"{one:.4f}") for one in y])
    same = ost.StateSpace(horizon=4, season=4).fit({"a": values[:-4]})
    same.update("a", values[-4:])
    assert main(["predict", path]) == 0
    lines = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert [row[3] for row in lines[1:]] == [f"{one:.6g}" for one in same.predict()[0]]


def test_a_fitted_model_says_what_it_reads_and_writes(tmp_path):
    for X, form in ((TEXTS, "texts"), (WORDS, "lists of texts"), (NUMBERS, "lists of whole numbers")):
        model = ost.Seq2Seq(**SMALL).fit(X, NUMBERS)
        assert (model.x_form_, model.y_form_) == (form, "lists of whole numbers")
    assert ost.Seq2Seq(**SMALL).fit([[1.0, 2.0], [3.0]] * 6, TEXTS).x_form_ == "arrays of numbers"
    generators = [(None, "", None, None), (["k", "l"] * 6, "labels", ["k", "l"], None)]
    for X, form, labels, size in [*generators, ([[1.0, 2.0]] * 12, "numbers", None, 2)]:
        ost.SequenceGenerator(**SMALL).fit(X, TEXTS).save(tmp_path / "m")
        model = ost.load(tmp_path / "m")
        known = model.context_labels_
        assert (model.context_form_, None if known is None else known.tolist()) == (form, labels)
        assert model.context_size_ == size
    assert ost.LanguageModel(**SMALL).fit("abcab" * 9).symbols_ == ("a", "b", "c")
    for model, name in ((ost.Seq2Seq(), "x_form_"), (ost.SequenceGenerator(), "context_form_")):
        with pytest.raises(AttributeError, match="is not fitted"):
            getattr(model, name)
