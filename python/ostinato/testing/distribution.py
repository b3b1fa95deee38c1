"""Small distributions, written to a folder as an installer would write them."""

from __future__ import annotations

from pathlib import Path


def install(
    folder: Path,
    distribution: str,
    source: str,
    *,
    module: str | None = None,
    entry: str = "plugin = {module}",
    requires: str = "",
    version: str = "1.5",
) -> None:
    """Write a module and its dist-info to `folder`, which the caller adds to the path.

    `source` is the module's text, `entry` the lines of the group `ostinato`, `requires` the requirements of
    the distribution. The module is called `module`, by default the name of the distribution plus `_module`.
    """
    module = module or distribution.replace("-", "_") + "_module"
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    info = folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n{needs}", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[ostinato]\n{entry.format(module=module)}\n", encoding="utf-8")
