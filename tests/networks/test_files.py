"""What can be saved can be loaded, under any name; only files are replaced; nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost

UNIX = pytest.mark.skipif(os.name != "posix", reason="names are bytes and pipes are files on Unix")


def nested(depth: int) -> ost.Network:
    net: ost.Network = ost.Dense(2, 2)
    for _ in range(depth - 1):
        net = ost.Sequential(net)
    return net


class Options(ost.Cell):
    """Takes any option, and ignores it."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def parameters(self, size: Any) -> Any:
        return {"W": ost.Param((size.hidden, size.input))}

    def state(self, size: Any) -> Any:
        return {}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        return p.W @ x, {}


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


STORED = {
    "64 networks within each other": lambda: nested(64),
    "the most ids": lambda: ost.Embedding(2**24, 1),
    "options 8 lists deep": lambda: ost.Recurrent(Options(deep(8)), 2, 2),
    "options 9 lists deep": lambda: ost.Recurrent(Options(deep(9)), 2, 2),
    "options 200 lists deep": lambda: ost.Recurrent(Options(deep(200)), 2, 2),
    "NaN": lambda: ost.Recurrent(Options(float("nan")), 2, 2),
    "a set": lambda: ost.Recurrent(Options({1, 2}), 2, 2),
    "a function": lambda: ost.Recurrent(Options(len), 2, 2),
    "an array": lambda: ost.Recurrent(Options(np.ones(3)), 2, 2),
    "int keys": lambda: ost.Recurrent(Options({1: 2, "1": 3}), 2, 2),
    "a tuple": lambda: ost.Recurrent(Options((1, (2,))), 2, 2),
    "a large int": lambda: ost.Recurrent(Options(10**4000), 2, 2),
    "odd names": lambda: ost.Sequential({name: ost.Dense(2, 2) for name in ("a b", "ä\n\"'\\", "\0")}),
    "a large seed": lambda: ost.Dense(2, 2, seed=2**64 - 1),
    "no hidden layers": lambda: ost.Sequential(ost.Last()),
}  # fmt: skip


@pytest.mark.parametrize("case", STORED)
def test_what_can_be_saved_can_be_loaded(case, tmp_path):
    path = tmp_path / "m"
    try:
        net = STORED[case]()
        net.save(path)
    except (ost.ConfigError, ost.FormatError):
        assert case in ("no hidden layers", "odd names")
        return
    loaded = ost.load(path)
    assert loaded.arena.tobytes() == net.arena.tobytes()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


REFUSED = {
    "65 networks within each other": (
        lambda: nested(65),
        "65 networks within each other; expected at most 64",
    ),
    "more ids": (
        lambda: ost.Embedding(2**24 + 1, 1),
        "num_embeddings is 16777217; expected at most 16777216",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_file_holds_is_refused_when_it_is_made(case):
    make, message = REFUSED[case]
    with pytest.raises(ost.ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: ost.Dense(2, 2, seed=10**5000),
        lambda: ost.Sequential({"\udcff": ost.Dense(2, 2)}),
        lambda: ost.Recurrent(Options("\udcff"), 2, 2),
    ],
    ids=["a seed of 5001 digits", "a name", "an option"],
)
def test_texts_and_numbers_that_json_does_not_hold_are_a_typed_error(make, tmp_path):
    with pytest.raises((ost.ConfigError, ost.ShapeError)):
        make().save(tmp_path / "m")
    assert os.listdir(tmp_path) == []


@UNIX
@pytest.mark.parametrize(
    "name", [b"m\xff", b"\xe4\xf6\xfc.safetensors", b"\x80", "日本".encode("euc-jp"), b"a\xff\nb"]
)
def test_a_name_that_is_no_utf_8_is_a_name(name, tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
    net = ost.Dense(2, 2)
    net.save(path)
    assert ost.load(path).arena.tobytes() == net.arena.tobytes()
    assert os.listdir(os.fsencode(tmp_path)) == [name]
    trainer = ost.Trainer(net, loss="mse", callbacks=[ost.Checkpoints(Path(path))])
    x = np.ones((2, 3, 2), "f4")
    trainer.fit(x, x, epochs=1)
    trainer.fit(x, x, epochs=1, resume=path)
    Path(path).write_bytes(b"no model")
    with pytest.raises(ost.FormatError):
        ost.load(path)
    with pytest.raises(FileNotFoundError) as error:
        ost.load(path + "x")
    assert error.value.filename == path + "x"


@UNIX
@pytest.mark.parametrize("kind", ["pipe", "socket", "link to a pipe", "device"])
def test_a_pipe_a_socket_and_a_device_are_not_replaced(kind, tmp_path):
    path = tmp_path / "special"
    if kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(os.path.relpath(path))
    elif kind == "device":
        try:  # a node of its own: never one of the machine
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except OSError:
            pytest.skip("only the superuser makes devices")
    else:
        os.mkfifo(path)
    target = path
    if kind == "link to a pipe":
        target = tmp_path / "link"
        target.symlink_to(path)
    before = path.stat()
    trainer = ost.Trainer(ost.Dense(2, 2), loss="mse")
    for save in (trainer.net.save, trainer.save):
        with pytest.raises(OSError, match=only_once(target, "it is a pipe, a socket or a device; expected")):
            save(target)
    with pytest.raises(OSError, match=only_once(target, "it is not a regular file")):
        ost.load(target)
    after = path.stat()
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def only_once(path: Path, text: str) -> str:
    """A pattern of a message that begins with the path, and continues with the text."""
    return f"^{re.escape(str(path))}: {re.escape(text)}"


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    expected = only_once(tmp_path / "folder", "it is a folder; expected a file or a new name")
    with pytest.raises(OSError, match=expected):
        ost.Dense(2, 2).save(tmp_path / "folder")
    assert os.listdir(tmp_path) == ["folder"] and os.listdir(tmp_path / "folder") == []


WRITES = """
import sys, time
import numpy as np, ostinato as ost
net = ost.Dense(2000, 2000)
print("begins", flush=True)
while True:
    net.save(sys.argv[1])
"""


def half_written(folder: Path) -> list[str]:
    """The temporary files in a folder."""
    return [name for name in os.listdir(folder) if name.endswith(".tmp")]


@UNIX
@pytest.mark.parametrize("what", ["a model of another name", "a checkpoint"])
def test_the_temporary_file_of_a_killed_process_goes_with_the_next_save_in_the_folder(what, tmp_path):
    command = [sys.executable, "-c", WRITES, str(tmp_path / "epoch-7")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        # It saves without a pause: a temporary file soon exists. A stopped process does not finish it.
        for _ in range(1000):
            while not half_written(tmp_path) and process.poll() is None:
                time.sleep(0.001)
            process.send_signal(signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            if half_written(tmp_path):
                break
            process.send_signal(signal.SIGCONT)
        process.kill()
    assert half_written(tmp_path)
    (tmp_path / ".ostinato-of-mine.tmp").write_text("keep")
    net = ost.Dense(2, 2)
    if what == "a checkpoint":
        ost.Trainer(net, loss="mse").save(tmp_path / "epoch-8")
    else:
        net.save(tmp_path / "epoch-8")
    assert half_written(tmp_path) == [".ostinato-of-mine.tmp"]


def test_a_process_that_only_imported_the_package_loads_every_layer(tmp_path):
    """Some layers are imported at first use, and a file is often the first use."""
    source, words = ost.Input("source", size=3, axis="source"), ost.Input("words", size=2, axis="target")
    encoder, decoder = ost.GRU(3, 2, bidirectional=True), ost.Decoder("gru", 2, 3, 4)
    memory = encoder(source)
    decoded = decoder(words, source=memory, initial_state=ost.Bridge(encoder, decoder)(memory))
    stacked = ost.Recurrent(ost.stack("gru", "lstm"), 3, 2)(decoded)
    attended = ost.Attention("additive", 2, 4)(stacked, memory)
    nets = [
        ost.Graph(ost.Dropout(0.1)(attended)),
        decoder,
        ost.Recurrent(ost.stack("gru", ost.Head(3)), 2, 2),
    ]
    for place, net in enumerate(nets):
        net.save(tmp_path / str(place))
    code = f"import ostinato\nfor place in range(3):\n    print(type(ostinato.load(f'{tmp_path}/{{place}}')))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.splitlines() == [str(type(net)) for net in nets], found.stderr


def test_every_kind_of_a_layer_is_found_by_a_process_that_only_imported_the_package():
    kinds = sorted(
        {
            value.kind
            for name in ost.__all__
            if hasattr(value := getattr(ost, name), "kind") and hasattr(value, "_restore")
        }
    )
    code = (
        f"from ostinato.network.kinds import class_of\nprint(*[one for one in {kinds} if not class_of(one)])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "decoder" in kinds and found.stdout == "\n", found.stdout + found.stderr
