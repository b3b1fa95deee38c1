"""Trees of plain values and arrays (`ostinato.network.tree`) in the container of model files: checkpoints.

Reading a file never imports or runs code that the file names.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from ostinato import _core
from ostinato.errors import DTypeError, FormatError, shown
from ostinato.network.record import parse
from ostinato.network.tree import deep, flat, json_text

FORMAT_VERSION: Final = 1
"""Increased by every change that an older reader would misunderstand; old files stay readable."""

CHECKPOINT: Final = "ostinato.checkpoint"
"""The metadata key of a checkpoint."""


def save_tree(
    path: str | os.PathLike[str], kind: str, tree: Mapping[str, Any], more: Mapping[str, str] | None = None
) -> None:
    """Writes `tree` to `path` under the metadata key `kind`, completely or not at all.

    more: further metadata.

    Raises OSError; ConfigError, naming the place, for a value that a tree cannot hold.
    """
    text, tensors = tree_parts(tree)
    _core.save_model(os.fspath(Path(path)), {**(more or {}), kind: text}, tensors)


def tree_parts(tree: Mapping[str, Any], owner: str = "the checkpoint") -> tuple[str, list[tuple[str, Any]]]:
    """A tree as a text and tensors, which `read_tree` reads. owner: names it in a ConfigError."""
    tensors: list[tuple[str, Any]] = []

    def store(place: str, array: Any) -> str:
        # The number distinguishes {"a/b": ...} from {"a": {"b": ...}}.
        name = f"{len(tensors)}:{place}"
        tensors.append((name, array))
        return name

    record = {"format_version": FORMAT_VERSION, "tree": flat(tree, "", owner, store)}
    return json_text(record, owner), tensors


def load_tree(path: str | os.PathLike[str], kind: str, more: Collection[str] = ()) -> dict[str, Any]:
    """The tree that `save_tree` wrote; metadata keys in `more` may be there. Raises OSError, FormatError."""
    if not isinstance(path, (str, os.PathLike)):
        raise DTypeError(f"path is {shown(path)}; expected a text or a Path")
    metadata, tensors = _core.load_model(os.fspath(Path(path)))
    if not {kind} <= set(metadata) <= {kind, *more}:
        raise FormatError(f"{path}: the metadata keys are {sorted(metadata)}; expected {shown(kind)}")
    return read_tree(path, metadata[kind], tensors)


def read_tree(path: Any, text: str, tensors: dict[str, Any]) -> dict[str, Any]:
    """The tree of a text and its tensors, which are removed from `tensors`. Raises FormatError."""
    record = parse(text)
    if not isinstance(record, dict) or set(record) != {"format_version", "tree"}:
        raise FormatError(f"{path}: expected an object with format_version and tree")
    if record["format_version"] != FORMAT_VERSION:
        raise FormatError(
            f"{path}: format_version is {shown(record['format_version'])}; this release reads "
            f"{FORMAT_VERSION}"
        )

    def fetch(name: Any) -> Any:
        if not isinstance(name, str) or name not in tensors:
            raise FormatError(f"the tree names the tensor {shown(name)}, which is not there, or twice")
        return tensors.pop(name)

    tree = deep(record["tree"], fetch)
    if not isinstance(tree, dict) or tensors:
        raise FormatError(f"{path}: the tree does not account for the tensors {sorted(tensors)[:3]}")
    return tree
