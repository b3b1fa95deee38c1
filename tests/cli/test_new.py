"""`ostinato new`: every kind is written, installed as its author would, and its tests are green."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias
from xml.etree import ElementTree

import pytest

import ostinato as ost
from ostinato.cli import main
from ostinato.cli.new import write
from ostinato.specs import SPECS

# The kinds that a package with a cell gets: the same once more, classes, functions, one with a role.
ADDED = ("cell", "metric", "schedule", "strategy", "command")

Results: TypeAlias = dict[str, list[str]]


@pytest.fixture(scope="module")
def results(once: Callable[[str, Callable[[Path], Results]], Results]) -> Results:
    """Kind -> what each test of the package of that kind came to: "passed", or what was said."""
    return once("new", made_and_tested)


def made_and_tested(folder: Path) -> Results:
    """Writes a package of every kind into a folder, installs all of them and runs their tests."""
    packages = [str(folder / f"ostinato-my-{kind}") for kind in SPECS]
    for kind in SPECS:
        assert main(["new", f"my-{kind}", "--kind", kind, "--into", str(folder)]) == 0
    grown = folder / "ostinato-grown"
    assert main(["new", "grown", "--into", str(folder)]) == 0
    for kind in ADDED:
        assert main(["new", f"my-own-{kind}", "--kind", kind, "--into", str(grown)]) == 0
    (grown / "tests" / "test_grown.py").unlink()  # as that of ostinato-my-cell
    packages.append(str(grown))
    # An environment of its own, which sees this one: what is installed here is gone with it.
    python = folder / "venv" / "bin" / "python"
    venv.create(folder / "venv", with_pip=False)
    (site,) = (folder / "venv" / "lib").glob("*/site-packages")
    here = Path(pytest.__file__).parents[1]
    (site / "here.pth").write_text(f"import site; site.addsitedir({str(here)!r})\n")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    install += ["--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check"]
    run([*install, *(part for package in packages for part in ("--editable", package))])
    # The tests of one package must not see the settings of this project.
    command = [str(python), "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "--import-mode=importlib"]
    command += ["--rootdir", str(folder), "--junit-xml", str(folder / "results.xml")]
    done = subprocess.run([*command, *packages], capture_output=True, text=True, check=False, cwd=folder)
    found: dict[str, list[str]] = {name: [] for name in (*SPECS, *(f"own_{kind}" for kind in ADDED))}
    for case in ElementTree.parse(folder / "results.xml").iter("testcase"):
        said = [f"{part.tag}: {part.get('message')}" for part in case]
        kind = (case.get("classname") or "").rpartition("test_my_")[2]
        found[kind].append(said[0] if said else "passed")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return found


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*SPECS, *(f"own_{kind}" for kind in ADDED)])
def test_a_new_package_installs_and_its_tests_are_green(kind: str, results: dict[str, list[str]]) -> None:
    said = results[kind]
    assert said.count("passed") >= 1
    # What a check of the kit does not apply to, it skips with a reason.
    assert [one for one in said if one != "passed" and not one.startswith("skipped")] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("7up", "letters, digits"),
        ("a b", "letters, digits"),
        ("class", "no word of Python"),
        ("ostinato", "one of your own"),
        ("", "letters, digits"),
        ("../up", "letters, digits"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(
    name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", name, "--into", str(tmp_path)]) == 1
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "Ostinato_Acme", "--into", str(tmp_path)]) == 0
    assert (tmp_path / "ostinato-acme" / "src" / "ostinato_acme" / "acme.py").is_file()
    assert main(["new", "acme", "--into", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err


def test_a_package_that_cannot_get_another_name_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write("acme", "cell", tmp_path)
    registry = folder / "src" / "ostinato_acme" / "__init__.py"
    text = registry.read_text()

    def refused(words: str, *arguments: str) -> None:
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        assert main(["new", *arguments, "--into", str(folder)]) == 1
        assert words in capsys.readouterr().err
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before

    refused("exists already", "acme")
    registry.write_text(text.replace("return [", "made = [") + "    return made\n")
    refused('write CellSpec("second", Second) into it', "second")
    registry.write_text("def broken(:\n")
    refused("line 1", "second")
    registry.unlink()
    refused("no src/ostinato_acme/__init__.py", "second")
    (folder / "pyproject.toml").write_text('[project]\nname = "acme"\n')
    refused("no entry point", "second")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "from ostinato import CellSpec, hookimpl\nfrom acme.fast import Fast\n"),
        ("import os  # ä\n", "import os  # ä\nfrom ostinato import CellSpec, hookimpl\n"),
        (
            "from ostinato import hookimpl as hook, Cell\n",
            "from ostinato import Cell, CellSpec, hookimpl, hookimpl as hook\n",
        ),
    ],
)
def test_a_package_in_another_form_gets_a_name_too(text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[project]\nname='acme'\n\n[project.entry-points.ostinato]\nnets = 'acme'\n"
    )
    (tmp_path / "acme").mkdir()
    registry = tmp_path / "acme" / "__init__.py"
    registry.write_text(text)
    assert main(["new", "fast", "--into", str(tmp_path)]) == 0
    written = registry.read_text()
    assert written.startswith(expected)
    compile(written, "__init__.py", "exec")
    assert 'return [CellSpec("fast", Fast)]' in written


def test_the_requirement_holds_this_release(tmp_path: Path) -> None:
    from ostinato.plugins.version import fits

    assert main(["new", "acme", "--into", str(tmp_path)]) == 0
    text = (tmp_path / "ostinato-acme" / "pyproject.toml").read_text()
    assert fits(ost.__version__, text.partition('dependencies = ["ostinato')[2].partition('"')[0])


@pytest.mark.slow
def test_the_source_and_the_tests_of_each_kind_pass_a_strict_type_check(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed; make test installs it")
    folders = [write(f"typed-{kind}", kind, tmp_path) for kind in SPECS]
    files = [str(file) for folder in folders for file in sorted(folder.rglob("*.py"))]
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(str(folder / "src") for folder in folders)}
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file=",
        f"--cache-dir={tmp_path / 'cache'}",
    ]
    done = subprocess.run(
        [*command, *files], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_metadata_of_a_new_package_is_complete(tmp_path: Path) -> None:
    """Built as for an index: license, author and address are in the wheel, tests in the sdist."""
    folder = write("acme", "schedule", tmp_path)
    (folder / ".venv").mkdir()
    (folder / ".venv" / "large").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,), (sdist,) = (folder / "dist").glob("*.whl"), (folder / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("METADATA"))
        text = archive.read(metadata).decode()
        names = archive.namelist()
    for line in (
        "Author: Your Name",
        "License-Expression: MIT",
        "License-File: LICENSE",
        "Keywords: ostinato",
    ):
        assert line in text
    assert "Project-URL: Source, https://" in text and text.count("Classifier: ") >= 5
    assert "ostinato_acme/py.typed" in names and any(name.endswith("licenses/LICENSE") for name in names)
    with tarfile.open(sdist) as source:
        inside = {name.partition("/")[2] for name in source.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "tests/test_acme.py", ".gitignore"} <= inside
    assert not any(name.startswith((".venv", "dist")) for name in inside)
