"""The alphabet of a character model: `characters` in the metadata of its file.

Files of earlier releases have it next to them: model.safetensors, model.alphabet.json.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from ostinato.data import Alphabet
from ostinato.errors import ConfigError, FormatError
from ostinato.network import Network

KEY: Final = "characters"
"""The key in the metadata: a text of all characters, in the order of their ids."""


def put(network: Network, alphabet: Alphabet) -> None:
    """Puts the alphabet into the network's metadata, so that its file has it."""
    network.metadata = {**network.metadata, KEY: alphabet.characters}


def get(network: Network, model: Path) -> Alphabet:
    """The alphabet of a network that was loaded from `model`.

    Raises ConfigError if there is none, FormatError if it is none, OSError.
    """
    beside = model.with_suffix(".alphabet.json")
    place = f'{model}: metadata["{KEY}"]'
    characters = network.metadata.get(KEY)
    if characters is None and beside.exists():
        place = str(beside)
        try:
            content = json.loads(beside.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FormatError(f"{beside} is not JSON: {error}") from error
        characters = content.get(KEY) if isinstance(content, dict) else ""
    if characters is None:
        raise ConfigError(
            f"{model} has no alphabet. Give it the characters in the order of their ids, before it is saved: "
            f'net.metadata["{KEY}"] = alphabet.characters'
        )
    if not isinstance(characters, str) or not characters or list(characters) != sorted(set(characters)):
        raise FormatError(
            f"{place} is no alphabet; expected a text of different characters in code point order, "
            "such as Alphabet(text).characters"
        )
    return Alphabet(characters)
