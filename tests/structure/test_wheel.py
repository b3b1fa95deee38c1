"""What a wheel holds: every source file, the compiled module, the types; and no more than it should weigh."""

import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST = 5_000_000  # bytes


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if find_spec("maturin") is None:
        pytest.skip("maturin is not installed; make test installs it")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "maturin", "build", "--release", "--quiet", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = out.glob("*.whl")
    return path


@pytest.mark.timeout(600)
def test_a_wheel_holds_every_source_file_and_the_compiled_module(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(ROOT / "python").as_posix()
        for pattern in ("*.py", "*.pyi", "py.typed")
        for path in (ROOT / "python").rglob(pattern)
    }
    assert sources <= names
    assert "ostinato/py.typed" in names
    assert any(name.startswith("ostinato/_core.") and name.endswith((".so", ".pyd")) for name in names)
    assert any(name.endswith("LICENSE") for name in names)


@pytest.mark.timeout(600)
def test_a_wheel_serves_every_python_from_3_10_and_is_light(wheel):
    assert "-cp310-abi3-" in wheel.name
    assert wheel.stat().st_size <= LARGEST
