"""What a wheel holds: every source file, the compiled module, the types; and no more than it should weigh."""

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST = 5_000_000  # bytes


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
