"""`ostinato plugins`, commands of plugins, `--plugin`, and the exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ostinato.cli import main
from ostinato.plugins.hookspecs import Hooks
from ostinato.plugins.lifecycle import LifecycleHooks
from tests.plugins.distributions import good, install

GREET = """
from ostinato import CommandSpec, ConfigError, hookimpl

def greet(parser):
    '''Print a greeting.'''
    parser.add_argument("whom")
    def run(options):
        if options.whom == "absent":
            raise ConfigError("whom is absent")
        if options.whom == "chaos":
            raise ZeroDivisionError("as you wish")
        print("hello,", options.whom)
        return 7 if options.whom == "seven" else None
    return run

@hookimpl
def ostinato_commands():
    return [CommandSpec("greet", greet), CommandSpec("info", greet), CommandSpec("bad", lambda parser: None)]
"""


def test_everything_is_listed_while_plugins_hang_crash_and_print(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    install(folder, "ostinato-hang", "import time\ntime.sleep(600)", module="cli_hang")
    install(folder, "ostinato-crash", "import os\nos._exit(3)", module="cli_crash")
    install(folder, "ostinato-abort", "import os\nos.abort()", module="cli_abort")
    install(folder, "ostinato-talk", "print('{\"rows\": []}')\n" + good("talk"), module="cli_talk")
    assert main(["plugins", "--json", "--timeout", "1"]) == 0
    printed = json.loads(capfd.readouterr().out)
    rows = {row["id"]: row for row in printed["plugins"]}
    assert rows["ostinato:builtin"]["status"] == "active"
    assert "command plugins" in rows["ostinato:builtin"]["provides"]
    assert rows["ostinato-talk:plugin"]["provides"] == ["cell talk/talk"]
    for name, reason in (
        ("hang", "did not end within 1 s"),
        ("crash", "ended the process with exit code 3"),
        ("abort", "ended the process by signal 6"),
    ):
        row = rows[f"ostinato-{name}:plugin"]
        assert row["status"] == "broken"
        assert reason in row["reason"]
        assert f"OSTINATO_PLUGINS=no:ostinato-{name}:plugin disables it" in row["reason"]
    assert not any(name.startswith("cli_") for name in sys.modules)


def test_info_shows_a_plugin_and_the_traceback_of_a_broken_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(folder, "ostinato-aaa", "1 / 0", module="cli_info")
    assert main(["plugins", "info", "aaa"]) == 0
    printed = capsys.readouterr().out
    assert "ostinato-aaa:plugin 1.5  broken: ZeroDivisionError: division by zero" in printed
    assert "cli_info.py" in printed
    assert str(folder) in printed
    assert main(["plugins", "info", "aaa", "--json"]) == 0
    assert "cli_info.py" in json.loads(capsys.readouterr().out)[0]["traceback"]


def test_why_says_what_a_name_means(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(folder, "ostinato-aaa", good("lstm"), module="cli_why_a")
    install(
        folder,
        "ostinato-bbb",
        good("lstm") + good("mine").replace("def ostinato_cells", "def other"),
        module="cli_why_b",
    )
    install(folder, "ostinato-ccc", good("mine"), module="cli_why_c")
    assert main(["plugins", "why", "lstm", "--json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    assert (printed["kind"], printed["means"]) == ("cell", "lstm")
    assert [one["name"] for one in printed["providers"]] == ["lstm", "aaa/lstm"]
    assert main(["plugins", "why", "mine"]) == 0
    assert "means ccc/mine: it has one provider" in capsys.readouterr().out
    assert main(["plugins", "why", "aaa/lstm"]) == 0
    assert "means aaa/lstm: it is the full name" in capsys.readouterr().out
    # bbb has a hook under another name than a hook's, so it is broken, and under suspicion.
    assert main(["plugins", "why", "minne"]) == 1
    error = capsys.readouterr().err
    assert "did you mean 'ccc/mine'" in error
    assert "ostinato-bbb:plugin is broken and may provide it" in error


def test_hooks_lists_every_hook_and_who_implements_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(folder, "ostinato-aaa", good("lstm"), module="cli_hooks")
    assert main(["plugins", "hooks", "--json"]) == 0
    printed = {row["hook"]: row for row in json.loads(capsys.readouterr().out)}
    assert set(printed) == {
        name for home in (Hooks, LifecycleHooks) for name in vars(home) if name.startswith("ostinato_")
    }
    assert "ostinato-aaa:plugin" in printed["ostinato_cells"]["implemented_by"]
    assert printed["ostinato_cells"]["doc"] and printed["ostinato_epoch_end"]["when"] == "run"
    assert main(["plugins", "hooks"]) == 0
    assert "ostinato_cells (registration)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["info"], "needs a name"),
        (["list", "lstm"], "takes no name"),
        (["info", "absent"], "there is no plugin 'absent'"),
        (["--timeout", "0"], "timeout is 0"),
    ],
)
def test_a_wrong_question_is_an_error(
    flags: list[str], words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugins", *flags]) == 1
    assert words in capsys.readouterr().err


def test_a_wrong_selection_is_reported_unchanged(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSTINATO_PLUGINS", "foo")
    assert main(["plugins", "list"]) == 1
    expected = "OSTINATO_PLUGINS is 'foo'; expected none, only:NAME,NAME or no:NAME,NAME"
    assert capsys.readouterr().err == f"ostinato plugins: {expected}\n"


def test_a_command_of_a_plugin_is_a_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(folder, "ostinato-acme", GREET, module="cli_greet")
    assert main(["greet", "world"]) == 0
    assert capsys.readouterr().out == "hello, world\n"
    assert main(["acme/greet", "seven"]) == 7
    assert main(["greet", "absent"]) == 1
    assert "ostinato greet: whom is absent" in capsys.readouterr().err
    # A name of the package's own stays its own; the plugin's is there under the full name.
    assert main(["info", "nothing.safetensors"]) == 1
    assert main(["acme/info", "world"]) == 0


def test_a_command_that_fails_names_its_plugin(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(folder, "ostinato-acme", GREET, module="cli_failing")
    assert main(["greet", "chaos"]) == 1
    assert (
        "'acme/greet' of ostinato-acme 1.5 failed: ZeroDivisionError: as you wish" in capsys.readouterr().err
    )
    assert main(["bad"]) == 1
    assert "its factory returns None" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin"]) == 2
    assert "did you mean 'plugins'" in capsys.readouterr().err


def test_the_flag_plugin_gives_a_name_to_a_command(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ostinato.cli import train

    monkeypatch.setattr(
        train, "king_james", lambda: "In the beginning God created the heaven and the earth. " * 60
    )
    (folder / "mine.py").write_text(good("written"))
    (folder / "broken.py").write_text("1 / 0")
    flags = ["--steps", "2", "--hidden", "4", "--embedding", "3", "--rows", "2", "--window", "3"]
    out = ["--out", str(folder / "out")]
    assert main(["train", *flags, *out, "--cell", "written", "--plugin", str(folder / "mine.py")]) == 0
    assert "local/written" in capsys.readouterr().out
    assert main(["train", *flags, "--plugin", str(folder / "broken.py")]) == 1
    assert "broken.py: ZeroDivisionError" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    program = [sys.executable, "-m", "ostinato", "plugins", "hooks"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 141
