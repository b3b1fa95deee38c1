"""A path that cannot be written is refused by its cause, before any work; each writer checks this."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.checks import path, path_to_write
from ostinato.cli.main import main

X = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
CAUSES: dict[str, str] = {
    "": "expected the name of a file",
    "a\0b": "expected the name of a file",
    "\ud800": "which no file can be called: .* expected other characters",
    "new/": "the name of a folder; expected that of a file in it",
    "folder": "which is a folder; expected the name of a file in it",
    "folder/": "the name of a folder",
    "folder/..": "which is a folder",
    "none/file": "but there is no folder 'none'; expected a folder that exists",
    "none/../file": "but there is no folder 'none/..'; expected a folder that exists",
    "file/file": "but there is no folder 'file'",
    "n" * 256: "a name of 256 bytes; expected at most 255",
    "ä" * 128: "a name of 256 bytes",
    "pipe": "which is a pipe, a socket or a device; expected the name of a file",
    "dangling": "a link to 'nowhere', which is not there; expected another name",
}
FINE = ("file", "linked", "other", "folder/new", "folder/../new")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "linked").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_cause_has_its_message(here: Path):
    before = sorted(here.rglob("*"))
    for name, words in CAUSES.items():
        with pytest.raises(ost.ConfigError, match=f"^out is .*{words}"):
            path_to_write("out", name)
    for name in FINE:
        assert path_to_write("out", Path(name)) == str(Path(name))
    assert path_to_write("out", "pipe", replaced=False) == "pipe"
    assert sorted(here.rglob("*")) == before
    with pytest.raises(ost.DTypeError, match="out is 3; expected a text or a Path"):
        path_to_write("out", 3)
    with pytest.raises(ost.ConfigError, match="expected the name of a file"):
        path_to_write("out", type("Bytes", (os.PathLike,), {"__fspath__": lambda self: b"file"})())


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="only Linux has a folder that root cannot write")
def test_a_folder_that_cannot_be_written():
    with pytest.raises(ost.ConfigError, match=r"its folder cannot be written: .*; expected another folder"):
        path_to_write("out", "/proc/file")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="only Linux has a folder that root cannot write")
def test_a_file_that_is_replaced_is_written_in_the_folder_of_the_target_of_its_link(here: Path):
    (here / "away").symlink_to("/proc/self/comm")
    with pytest.raises(ost.ConfigError, match=r"but the folder of its target cannot be written: .* anothe"):
        path_to_write("out", "away")
    assert path_to_write("out", "away", replaced=False) == "away"


@contextmanager
def without_rights() -> Iterator[None]:
    """As a user whom modes of files concern."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_file_that_is_opened_needs_no_folder_that_can_be_written_and_one_that_is_not_replaced_does(
    here: Path,
):
    for name, mode in (("open", 0o666), ("closed", 0o444)):
        (here / "folder" / name).write_text("")
        (here / "folder" / name).chmod(mode)
    here.chmod(0o755)
    (here / "folder").chmod(0o555)
    with without_rights():
        assert path_to_write("out", "folder/open", replaced=False) == "folder/open"
        with pytest.raises(
            ost.ConfigError, match="out is 'folder/closed', which cannot be written; expected"
        ):
            path_to_write("out", "folder/closed", replaced=False)
        for replaced, name in ((True, "open"), (False, "new")):
            with pytest.raises(ost.ConfigError, match="its folder cannot be written"):
                path_to_write("out", f"folder/{name}", replaced=replaced)
    (here / "folder").chmod(0o755)


def trainer(**given: Any) -> ost.Trainer:
    return ost.Trainer(ost.GRU(2, 2), loss="mse", **given)


BEFORE_WORK: dict[str, Callable[[str], Any]] = {
    "Checkpoints": lambda name: trainer(callbacks=[ost.Checkpoints(name)]).fit(
        X, X, epochs=1, progress=False
    ),
    "checkpoint=": lambda name: ost.SequenceClassifier(
        checkpoint=name, random_state=0, max_iter=1, hidden_size=2
    ).fit(X, [0, 1, 0, 1]),
}


@cache
def fitted() -> Any:
    return ost.SequenceRegressor(hidden_size=2, max_iter=1).fit(X, np.arange(4.0))


@pytest.mark.parametrize("writer", BEFORE_WORK)
def test_what_trains_long_refuses_before_it_trains(writer: str):
    for name, words in CAUSES.items():
        with pytest.raises(ost.ConfigError, match=words):
            BEFORE_WORK[writer](name)


SAVES: dict[str, Callable[[str], Any]] = {
    "network": lambda name: ost.GRU(2, 2).save(name),
    "estimator": lambda name: fitted().save(name),
    "trainer": lambda name: trainer().save(name),
}


@pytest.mark.parametrize("writer", SAVES)
def test_save_does_not_write_another_file(writer: str, here: Path):
    before = sorted(here.rglob("*"))
    for name in CAUSES:
        with pytest.raises((ost.ConfigError, OSError)):
            SAVES[writer](name)
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("writer", SAVES)
def test_a_link_to_nothing_is_refused_by_save_as_by_what_checks_before_work(writer: str, here: Path):
    with pytest.raises(ost.ConfigError, match=CAUSES["dangling"]):
        SAVES[writer]("dangling")
    assert (here / "dangling").is_symlink()
    (here / "nowhere").write_text("")
    SAVES[writer]("dangling")
    assert (here / "dangling").is_symlink() and (here / "nowhere").stat().st_size


@pytest.mark.parametrize("read", [ost.load, ost.io.load_network, ost.io.read_tensors])
def test_a_name_that_no_file_can_have_is_refused_by_readers(read: Any):
    with pytest.raises(ost.ConfigError, match="which no file can be called"):
        read("\ud800")
    with pytest.raises(ost.ConfigError, match=r"path is '.ud800', which no file"):
        path("path", "\ud800")


@pytest.mark.parametrize("name", ["\ud800", "", "a\0b"])
def test_a_checkpoint_is_loaded_from_the_names_that_resume_takes(name: str):
    made = trainer()
    with pytest.raises(ost.ConfigError, match=r"load: path is .*; expected"):
        made.load(name)
    with pytest.raises(ost.ConfigError, match=r"fit: resume is .*; expected"):
        made.fit(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)), epochs=1, resume=name, progress=False)
    with pytest.raises(ost.DTypeError, match="load: path is 3; expected a text or a Path"):
        made.load(3)  # type: ignore[arg-type]


COMMANDS: dict[str, tuple[list[str], bool]] = {
    "fit": (["fit", "classifier", "no.csv", "--target", "y", "--save"], True),
    "forecast": (["forecast", "no.csv", "--horizon", "2", "--save"], True),
    "predict": (["predict", "no.safetensors", "no.csv", "--output"], False),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_refuse_before_they_read(command: str, capsys: pytest.CaptureFixture[str]):
    arguments, replaced = COMMANDS[command]
    for name in ("new/", "folder", "none/../file", "n" * 256, "dangling", *(["pipe"] if replaced else [])):
        assert main([*arguments, name]) == 1
        assert f"{arguments[-1]} is '{name[:50]}" in capsys.readouterr().err
