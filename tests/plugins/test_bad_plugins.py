"""Whatever is installed, the library imports and works, and the culprit is named with what to do.

Each row of `bad_plugins.py` is a distribution of its own in a folder of its own, and a process of its own
that lives with it (`living.py`).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest

import ostinato as ost
from tests.plugins.bad_plugins import INSTALLED, USED
from tests.plugins.distributions import good, install

LIVING = Path(__file__).with_name("living.py")
BAD = "ostinato-bad:"
Said: TypeAlias = dict[str, Any]
Live: TypeAlias = Callable[..., Said]


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """The output of a process with a folder on its path that holds a good plugin and the bad one."""
    command = [sys.executable, str(LIVING)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None and server.stdout is not None
        ask, answers = server.stdin, server.stdout

        def one(folder: Path, use: str | None = None) -> Said:
            install(folder, "ostinato-fine", good("fine"), module="fine_module")
            out = folder / "said.json"
            ask.write(json.dumps({"folder": str(folder), "use": use, "out": str(out)}) + "\n")
            ask.flush()
            assert answers.readline() == "0\n"
            said: Said = json.loads(out.read_text(encoding="utf-8"))
            assert said["before"] == said["after"]
            assert said["settings kept"]
            said["bad"] = {row["id"]: row for row in said["rows"] if row["id"].startswith(BAD)}
            fine = next(row for row in said["rows"] if row["id"].startswith("ostinato-fine:"))
            assert (fine["status"], fine["provides"]) == ("active", ["cell fine/fine"])
            return said

        yield one
        ask.close()


@pytest.fixture(scope="module")
def bits(live: Live, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The result of training a built-in network without a bad plugin."""
    said = live(tmp_path_factory.mktemp("good"))
    assert said["warnings"] == [] and said["bad"] == {}
    return str(said["before"])


def test_there_are_more_than_25_kinds() -> None:
    assert len(INSTALLED) + len(USED) >= 25


@pytest.mark.parametrize("name", INSTALLED)
def test_a_plugin_that_cannot_be_loaded_is_named_and_affects_nothing_else(
    name: str, tmp_path: Path, live: Live, bits: str
) -> None:
    bad = INSTALLED[name]
    bad.install(tmp_path)
    said = live(tmp_path)
    assert said["before"] == bits
    assert said["bad"], "it is not in the report"
    for row in said["bad"].values():
        assert row["status"] == bad.status
        assert bad.words in row["reason"]
        # One failure drops the plugin whole.
        assert row["provides"] == []
        (warning,) = said["warnings"]
        assert f"{row['id']} {row['version']} is {'in ' * (bad.status == 'conflict')}{bad.status}" in warning
        assert bad.words in warning
        assert "OSTINATO_PLUGINS=no:" in warning and "ostinato plugins" in warning


@pytest.mark.parametrize("name", USED)
def test_a_plugin_that_goes_wrong_in_use_is_named_and_affects_nothing_else(
    name: str, tmp_path: Path, live: Live, bits: str
) -> None:
    bad = USED[name]
    install(tmp_path, "ostinato-bad", bad.source, module="bad")
    if "two packages" in name:
        install(tmp_path, "ostinato-twin", bad.source, module="twin")
    said = live(tmp_path, bad.use)
    assert said["before"] == bits
    assert said["error"] is not None and bad.words in said["error"]
    assert said["warnings"] == []


# Faults without an effect on other code: the plugin works, and its side effects are undone.
HARMLESS = {
    "prints": "print('hello from a plugin')\n",
    "warns": "import warnings\nwarnings.warn('hello from a plugin')\n",
    "changes floating-point errors": "import numpy\nnumpy.seterr(all='raise')\n",
    "changes the filters of warnings": "import warnings\nwarnings.simplefilter('error')\n",
    "seeds the global generator": "import numpy\nnumpy.random.seed(7)\n",
    "leaves a thread behind": "import threading, time\n"
    "threading.Thread(target=time.sleep, args=(300,), daemon=True).start()\n",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_a_plugin_does_to_the_process_at_import_changes_nothing(
    name: str, tmp_path: Path, live: Live, bits: str
) -> None:
    install(tmp_path, "ostinato-bad", HARMLESS[name] + good("mine"), module="bad")
    said = live(tmp_path)
    assert said["before"] == bits
    assert said["warnings"] == []
    assert said["bad"]["ostinato-bad:plugin"]["status"] == "active"


def test_two_plugins_of_one_name_change_neither_the_built_in_nor_any_bit(
    tmp_path: Path, live: Live, bits: str
) -> None:
    install(tmp_path, "ostinato-bad", good("lstm"), module="bad")
    install(tmp_path, "ostinato-twin", good("lstm"), module="twin")
    assert live(tmp_path, "ost.Recurrent('bad/lstm', 3, 4)")["before"] == bits


def test_a_plugin_that_hangs_can_be_interrupted_and_is_named(tmp_path: Path) -> None:
    touch = tmp_path / "begun"
    install(
        tmp_path,
        "ostinato-bad",
        f"import pathlib, time\npathlib.Path({str(touch)!r}).touch()\ntime.sleep(300)",
        module="bad",
    )
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import ostinato as ost\n"
        "ost.LSTM(3, 4).run([[[0.0] * 3]])\n"
        "try:\n    ost.Recurrent('mine', 3, 4)\n"
        "except KeyboardInterrupt as error:\n    print(error)\n"
        "assert ost.LSTM(3, 4).output_size == 4\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        while not touch.exists() and process.poll() is None:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "while the plugin ostinato-bad:plugin was loaded from bad" in printed
    assert "OSTINATO_PLUGINS=no:ostinato-bad:plugin" in printed


def test_a_lifecycle_hook_that_raises_is_named() -> None:
    class Bad:
        @ost.hookimpl
        def ostinato_batch_end(self, step: int) -> None:
            raise ZeroDivisionError("as ever")

    x = np.zeros((4, 3, 2))
    net = ost.Dense(2, 2)
    trainer = ost.Trainer(net, loss="mse", callbacks=[Bad()])
    with pytest.raises(
        ost.PluginError, match="plugin 'Bad' failed in ostinato_batch_end at step 0"
    ) as failed:
        trainer.fit(x, x, epochs=1)
    assert (failed.value.plugin, failed.value.hook, failed.value.step) == ("Bad", "ostinato_batch_end", 0)
    # The library, and the network, work on.
    ost.Trainer(net, loss="mse").fit(x, x, epochs=1)
