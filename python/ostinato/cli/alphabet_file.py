"""The alphabet of a language model, as JSON next to its file: model.safetensors -> model.alphabet.json."""

from __future__ import annotations

import json
from pathlib import Path

from ostinato.data import Alphabet
from ostinato.errors import FormatError


def alphabet_path(model: Path) -> Path:
    """The path of a model file's alphabet."""
    return model.with_suffix(".alphabet.json")


def write(model: Path, alphabet: Alphabet) -> None:
    """Writes the alphabet next to the model. Raises OSError."""
    alphabet_path(model).write_text(json.dumps({"characters": alphabet.characters}) + "\n", encoding="utf-8")


def read(model: Path) -> Alphabet:
    """Reads the alphabet next to the model. Raises OSError, and FormatError for anything else."""
    path = alphabet_path(model)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(f"{path} is not JSON: {error}") from error
    characters = content.get("characters") if isinstance(content, dict) else None
    if not isinstance(characters, str) or not characters:
        raise FormatError(f'{path} holds no alphabet; expected {{"characters": "..."}}')
    return Alphabet(characters)
