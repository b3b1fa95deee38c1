"""The command line: what it writes, prints and refuses."""

import json
import signal
import sys

import numpy as np
import pytest

import ostinato as ost
from ostinato.cli import main, train
from ostinato.cli.text.compressors import COMPRESSORS, bits_per_character
from ostinato.plugins.index import discover
from ostinato.plugins.registry import registry

TEXT = "In the beginning God created the heaven and the earth. " * 60


@pytest.fixture
def trained(tmp_path, monkeypatch, capfd):
    """A folder with a tiny trained model, and what training printed."""
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    out = tmp_path / "out"
    flags = ["--steps", "6", "--hidden", "9", "--embedding", "5", "--rows", "4", "--window", "7"]
    assert main(["train", *flags, "--cell", "gru", "--out", str(out)]) == 0
    return out, capfd.readouterr().out


def test_train_writes_a_model_and_a_curve_compares_and_samples_in_a_new_process(trained):
    out, printed = trained
    assert (out / "curve.png").read_bytes().startswith(b"\x89PNG")
    for name in ("this model (gru, 9 units)", "xz", "bzip2", "PPMd"):
        assert name in printed
    sampled = printed.partition("from the file:\n")[2]
    assert len(sampled.rstrip("\n")) >= 290
    assert set(sampled) <= set(TEXT) | {"\n"}


def test_a_text_of_ones_own_is_learned_and_sampled(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "song.txt").write_text("La la lö. " * 100, encoding="utf-8")
    flags = ["--steps", "3", "--hidden", "4", "--embedding", "3", "--rows", "2", "--window", "5"]
    assert main(["train", "--text", "song.txt", *flags]) == 0
    printed = capfd.readouterr().out
    assert "PPMd" not in printed
    assert set(printed.partition("from the file:\n")[2]) <= set("La lö.\n")
    assert (tmp_path / "out" / "song-lstm" / "model.safetensors").exists()


def test_train_says_before_it_trains_that_its_picture_needs_matplotlib(tmp_path, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # as where it is not installed
    text = tmp_path / "song.txt"
    text.write_text("La la lö. " * 100, encoding="utf-8")
    assert main(["train", "--text", str(text), "--steps", "3"]) != 0
    streams = capfd.readouterr()
    assert "pip install 'ostinato[plot]'" in streams.err
    assert "bits per character" not in streams.out


CALLED = """
import numpy as np
from ostinato import Cell, Param, State

class Sum(Cell):
    '''h' = h / 2 + W x, in Python.'''
    def parameters(self, size):
        return {"W": Param((size.hidden, size.input))}
    def state(self, size):
        return {"h": State(size.hidden)}
    def step(self, x, state, p):
        h = np.asarray(state.h, float) / 2 + p.W @ x
        return h, {"h": h}
    def vjp(self, x, state, p, d_output, d_state):
        d = d_output + d_state.h
        return p.W.T @ d, {"h": d / 2}, {"W": np.outer(d, x)}
"""


def test_a_model_whose_cell_is_a_file_needs_the_file_again(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    file, out = tmp_path / "called.py", tmp_path / "out"
    file.write_text(CALLED)
    flags = ["--steps", "2", "--hidden", "4", "--embedding", "3", "--rows", "2", "--window", "5"]
    with registry.isolated(discover):
        command = ["train", *flags, "--cell", "sum", "--plugin", str(file), "--out", str(out)]
        assert main(command) == 0
        assert len(capfd.readouterr().out.partition("from the file:\n")[2]) >= 290
    with registry.isolated(discover):
        for command in ("sample", "explain", "info"):
            assert main([command, str(out / "model.safetensors")]) == 1
            assert "give its file (--plugin FILE" in capfd.readouterr().err
    for command in ("sample", "explain", "info"):
        with registry.isolated(discover):
            assert main([command, str(out / "model.safetensors"), "--plugin", str(file)]) == 0


@pytest.mark.parametrize(("content", "message"), [(b"\xff" * 200, "not UTF-8"), (b"short", "5 characters")])
def test_a_file_that_is_no_text_or_a_short_one_is_refused(content, message, tmp_path, capsys):
    (tmp_path / "text").write_bytes(content)
    assert main(["train", "--text", str(tmp_path / "text")]) == 1
    assert message in capsys.readouterr().err


def test_an_interrupted_training_is_measured_and_saved(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    watched = train.Watch.ostinato_batch_end

    def press(self, run, step, metrics):
        watched(self, run, step, metrics)
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(train.Watch, "ostinato_batch_end", ost.hookimpl(press))
    flags = ["--hidden", "4", "--embedding", "3", "--rows", "2", "--window", "5"]
    assert main(["train", *flags, "--out", str(tmp_path)]) == 0
    # The interrupt waits for the end of the update.
    assert "trained on 30 characters" in capfd.readouterr().out
    assert (tmp_path / "model.safetensors").exists()


def test_sampling_repeats_with_its_seed(trained, capfd):
    model = str(trained[0] / "model.safetensors")
    drawn = []
    for seed in ("1", "1", "2"):
        assert main(["sample", model, "--length", "40", "--seed", seed, "--prompt", "the "]) == 0
        drawn.append(capfd.readouterr().out)
    assert drawn[0] == drawn[1] != drawn[2]


def test_explain_and_info_print_the_plan_and_the_equations(trained, capfd):
    model = str(trained[0] / "model.safetensors")
    assert main(["explain", model, "--rows", "4", "--steps", "7"]) == 0
    assert capfd.readouterr().out.strip()
    assert main(["info", model]) == 0
    assert "weight_hh_l0" in capfd.readouterr().out


def test_explain_draws_a_picture_or_says_why_not(trained, capfd, tmp_path):
    model = str(trained[0] / "model.safetensors")
    picture = tmp_path / "plan.png"
    assert main(["explain", model, "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert main(["explain", model, "--plot", str(tmp_path / "plan.xyz")]) == 1
    assert "expected a name that ends in" in capfd.readouterr().err
    assert main(["explain", model, "--plot", str(tmp_path / "nowhere" / "plan.png")]) == 1


def test_plugins_lists_the_built_ins(capsys):
    assert main(["plugins"]) == 0
    assert "cell" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--cell", "lstn"], "lstn"),
        (["--hidden", "0"], "hidden_size"),
        (["--rows", "0"], "rows"),
        (["--learning-rate", "nan"], "lr"),
        (["--steps", "0"], "steps"),
        (["--minutes", "-1"], "seconds"),
        (["--text", "no such file"], "no such file"),
    ],
)
def test_a_bad_argument_is_an_error_that_names_it(flags, named, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    assert main(["train", "--steps", "1", "--out", str(tmp_path / "out"), *flags]) == 1
    assert named in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_missing_or_foreign_file_is_an_error(tmp_path, capsys):
    assert main(["info", str(tmp_path / "none.safetensors")]) == 1
    foreign = tmp_path / "foreign.safetensors"
    foreign.write_bytes(b"\0" * 64)
    assert main(["info", str(foreign)]) == 1
    assert "foreign.safetensors" in capsys.readouterr().err


def test_a_model_file_has_its_alphabet_inside(trained, tmp_path, capfd):
    out, _ = trained
    assert sorted(path.name for path in out.iterdir()) == [
        "curve.png",
        "model.safetensors",
        "train.checkpoint",
    ]
    moved = tmp_path / "elsewhere"
    moved.write_bytes((out / "model.safetensors").read_bytes())
    assert main(["sample", str(moved), "--length", "3"]) == 0
    assert main(["sample", str(out / "train.checkpoint"), "--length", "3"]) == 0
    assert ost.load(moved).metadata["characters"] == "".join(sorted(set(TEXT)))
    capfd.readouterr()
    assert main(["info", str(moved)]) == 0
    streams = capfd.readouterr().out
    assert "characters" in streams and f"written by ostinato {ost.__version__}" in streams


def own_model(tmp_path, **metadata):
    """A model made in Python, whose ids are the characters a, b and c."""
    net = ost.Sequential(ost.Embedding(3, 4), ost.GRU(4, 4), ost.Dense(4, 3))
    net.metadata = metadata
    net.save(tmp_path / "own.safetensors")
    return tmp_path / "own.safetensors"


def test_a_model_of_ones_own_is_sampled_with_its_alphabet(tmp_path, capfd):
    model = own_model(tmp_path, characters="abc")
    assert main(["sample", str(model), "--prompt", "abc", "--length", "5"]) == 0
    drawn = capfd.readouterr().out
    assert drawn.startswith("abc") and len(drawn) == 9 and set(drawn) <= set("abc\n")


def test_a_model_without_an_alphabet_says_how_to_give_it_one(tmp_path, capfd):
    model = own_model(tmp_path)
    assert main(["sample", str(model)]) == 1
    assert 'net.metadata["characters"] = alphabet.characters' in capfd.readouterr().err
    # An earlier release wrote the alphabet next to the model.
    (tmp_path / "own.alphabet.json").write_text(json.dumps({"characters": "abc"}))
    assert main(["sample", str(model), "--length", "2"]) == 0


@pytest.mark.parametrize("characters", ["", "ba", "aab", 3, ["a", "b", "c"], "ab", "abcd"])
def test_a_damaged_alphabet_is_an_error(characters, tmp_path, capfd):
    assert main(["sample", str(own_model(tmp_path, characters=characters))]) == 1
    assert "alphabet" in capfd.readouterr().err
    for content in ("{", "[]", json.dumps({"characters": ""}), json.dumps({"characters": "ab"})):
        model = own_model(tmp_path)
        (tmp_path / "own.alphabet.json").write_text(content)
        assert main(["sample", str(model)]) == 1
        assert "alphabet" in capfd.readouterr().err


def test_a_sample_needs_a_prompt_and_a_temperature(trained, capfd):
    model = str(trained[0] / "model.safetensors")
    for flags, named in (
        (["--prompt", ""], "prompt"),
        (["--temperature", "-1"], "temperature"),
        (["--temperature", "nan"], "temperature"),
        (["--temperature", "1e9"], "temperature"),
    ):
        assert main(["sample", model, *flags]) == 1
        assert named in capfd.readouterr().err


def test_a_sample_begins_with_its_prompt_and_temperature_0_takes_the_likeliest(trained, capfd):
    model = str(trained[0] / "model.safetensors")
    drawn = []
    for seed in ("1", "2"):
        flags = ["--prompt", "God", "--temperature", "0", "--seed", seed, "--length", "12"]
        assert main(["sample", model, *flags]) == 0
        drawn.append(capfd.readouterr().out)
    assert drawn[0] == drawn[1] and drawn[0].startswith("God") and len(drawn[0]) == 16


SMALL = ["--hidden", "6", "--embedding", "3", "--rows", "2", "--window", "5", "--seed", "3"]


def test_train_takes_layers_dropout_and_epochs(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    out = tmp_path / "out"
    flags = ["--layers", "2", "--dropout", "0.2", "--epochs", "0.1", "--temperature", "0.3"]
    assert main(["train", *SMALL, *flags, "--out", str(out)]) == 0
    net = ost.load(out / "model.safetensors")
    assert net.layers["1"].num_layers == 2 and "Dropout(p=0.2, where='input')" in repr(net)
    characters = int(len(TEXT) * 0.9) * 0.1
    printed = capfd.readouterr().out
    seen = int(printed.partition("trained on ")[2].partition(" characters")[0])
    assert abs(seen - characters) <= 10


@pytest.mark.parametrize(
    "flags", [["--epochs", "0"], ["--epochs", "nan"], ["--layers", "0"], ["--dropout", "1"], ["--rows", "0"]]
)
def test_a_bad_limit_is_named_and_writes_nothing(flags, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    assert main(["train", "--steps", "1", "--out", str(tmp_path / "out"), *flags]) == 1
    streams = capsys.readouterr().err
    assert {"--layers": "num_layers", "--dropout": " p is"}.get(flags[0], flags[0][2:]) in streams
    assert not (tmp_path / "out").exists()


def test_a_training_is_resumed_to_the_same_weights(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    # A learning rate that depends on the clock is never twice the same.
    monkeypatch.setattr(train.Clock, "done", property(lambda self: min(self._steps / 40, 1.0)))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(["train", *SMALL, "--steps", "40", "--out", str(whole)]) == 0
    watched = train.Watch.ostinato_batch_end

    def press(self, run, step, metrics):
        watched(self, run, step, metrics)
        if step == 17:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(train.Watch, "ostinato_batch_end", ost.hookimpl(press))
        assert main(["train", *SMALL, "--steps", "40", "--out", str(parts)]) == 0
    capfd.readouterr()
    assert main(["train", *SMALL, "--steps", "40", "--out", str(parts), "--resume"]) == 0
    assert "trained on 400 characters" in capfd.readouterr().out
    assert (
        ost.load(parts / "train.checkpoint").arena.tobytes()
        == ost.load(whole / "train.checkpoint").arena.tobytes()
    )
    assert main(["train", *SMALL, "--hidden", "7", "--steps", "40", "--out", str(parts), "--resume"]) == 1
    assert "Use the original network and trainer settings" in capfd.readouterr().err


def test_there_must_be_something_to_resume(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    assert main(["train", *SMALL, "--out", str(tmp_path / "out"), "--resume"]) == 1
    assert "train without --resume first" in capfd.readouterr().err


def test_the_best_weights_are_kept_and_the_held_out_loss_is_printed(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(train, "king_james", lambda: TEXT)
    monkeypatch.setattr(train, "LOOKS", 8)
    from ostinato.training import progress

    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    out = tmp_path / "out"
    measured = iter([3.5, 2.125, *np.linspace(2.5, 4.0, 40)])  # it overfits after the second measurement
    monkeypatch.setattr(train, "bits_per_character", lambda model, ids, pieces=None: next(measured))
    assert main(["train", *SMALL, "--steps", "24", "--out", str(out)]) == 0
    printed = capfd.readouterr().out
    assert "held out 3.500" in printed and "held out 2.500 (best 2.125)" in printed
    assert "2.125 after " in printed and "the weights of then are kept" in printed
    kept, last = (ost.load(out / name).arena for name in ("model.safetensors", "train.checkpoint"))
    assert (kept != last).any()


@pytest.mark.parametrize(
    ("given", "program"),
    [
        (["train", "--layer-count", "2"], "usage: ostinato train"),
        (["sample"], "usage: ostinato sample"),
        (["sample", "m", "--bogus"], "usage: ostinato sample"),
        (["--bogus"], "usage: ostinato "),
        (["train", "--steps", "x"], "usage: ostinato train"),
    ],
)
def test_a_wrong_flag_prints_the_usage_of_its_command(given, program, capsys):
    with pytest.raises(SystemExit) as done:
        main(given)
    assert done.value.code == 2
    assert program in " ".join(capsys.readouterr().err.split())


def test_compressed_bits_of_a_repetition_are_few_and_of_noise_are_many():
    noise = "".join(np.random.default_rng(0).choice(list("abcdefgh"), 4000))
    for compress in COMPRESSORS.values():
        assert bits_per_character(compress, TEXT, TEXT) < 0.2
        assert 2.5 < bits_per_character(compress, TEXT, noise) < 4.0


def test_the_version_is_printed(capsys):
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert done.value.code == 0
    assert ost.__version__ in capsys.readouterr().out


@pytest.mark.parametrize("command", ["sample", "info", "explain"])
def test_a_text_and_a_folder_in_place_of_a_model_are_named(command, tmp_path, capsys):
    text = tmp_path / "song.txt"
    text.write_text(TEXT, encoding="utf-8")
    for path, why in (
        (text, "It is damaged, cut short, or no model"),
        (tmp_path, "it is not a regular file"),
    ):
        assert main([command, str(path)]) == 1
        streams = capsys.readouterr().err
        assert (
            streams.startswith(f"ostinato {command}: {path}: ")
            and why in streams
            and "Traceback" not in streams
        )
