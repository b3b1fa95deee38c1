"""The tutorials work as written: an empty folder, the wheel, and the commands of the pages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(sh|py|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def author(wheel: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of a user who has installed the wheel in a new virtual environment."""
    venv.create(tmp_path / "venv", with_pip=False)
    scripts = tmp_path / "venv" / "bin"
    (site,) = (tmp_path / "venv" / "lib").glob("*/site-packages")
    # What pip would download is taken from here; ostinato is the wheel's, which comes first.
    here = Path(pytest.__file__).parents[1]
    (site / "here.pth").write_text(f"import site; site.addsitedir({str(here)!r})\n")
    (scripts / "pip").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m pip --python {scripts / "python"} "$@"\n'
    )
    (scripts / "pytest").write_text(f'#!/bin/sh\nexec {scripts / "python"} -m pytest "$@"\n')
    for script in ("pip", "pytest"):
        (scripts / script).chmod(0o755)
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "OSTINATO"))
    }
    environment |= {"PATH": f"{scripts}:{os.environ['PATH']}", "PIP_NO_INDEX": "1", "PIP_QUIET": "1"}
    # "false" turns the isolation of builds off; hatchling is taken from here too.
    environment |= {"PIP_NO_BUILD_ISOLATION": "false", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    run("pip install --force-reinstall --no-deps " + str(wheel), tmp_path, environment)
    where = run("python -c 'import ostinato; print(ostinato.__file__)'", tmp_path, environment)
    assert where.startswith(str(site)), where
    return environment


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        ["sh", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_new_author_gets_from_an_empty_folder_to_a_trained_cell(
    author: dict[str, str], tmp_path: Path
) -> None:
    folder = followed("new-cell.md", author, tmp_path / "empty")
    assert (folder / "ugrnn.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_author_gets_from_an_empty_folder_to_files_that_install_elsewhere(
    author: dict[str, str], tmp_path: Path
) -> None:
    # The clean environment has the plugin alone; ostinato and what it needs come from here, no index.
    (site,) = (tmp_path / "venv" / "lib").glob("*/site-packages")
    paths = os.pathsep.join((str(site), str(Path(pytest.__file__).parents[1])))
    given = {"PIP_NO_DEPS": "1", "PYTHONPATH": paths, "OSTINATO_PLUGINS": "only:pace"}
    clean = followed("publish-your-plugin.md", {**author, **given}, tmp_path / "empty")
    assert list(clean.glob("lib/*/site-packages/ostinato_pace-0.1.0.dist-info"))
    assert (clean.parent / "src" / "ostinato_pace" / "near.py").is_file()


def followed(page: str, author: dict[str, str], empty: Path) -> Path:
    """Writes the files and runs the commands of a page in order; the folder in which they end."""
    empty.mkdir()
    folder, printed = empty, ""
    for fence in FENCE.finditer((DOCS / page).read_text(encoding="utf-8")):
        language, body = fence[1], fence[2]
        if language == "py":
            # The first line says which file it is.
            path = folder / body.partition("\n")[0].removeprefix("# ")
            path.write_text(body.partition("\n")[2], encoding="utf-8")
        elif language == "sh":
            printed = run(body + "\npwd", folder, author)
            *lines, where = printed.rstrip("\n").split("\n")
            folder, printed = Path(where), "\n".join(lines)
        else:
            assert body.rstrip() in printed
    return folder
