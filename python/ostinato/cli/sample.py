"""Print characters sampled from a language model: of `ostinato train`, or a saved LanguageModel."""

from __future__ import annotations

import argparse
from pathlib import Path

import ostinato
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.text import alphabet_file
from ostinato.cli.text.language_model import sample
from ostinato.errors import ConfigError
from ostinato.models import LanguageModel
from ostinato.models.base.model_file import ModelFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato sample`."""
    parser.add_argument("model", type=Path, help="a model file, or a checkpoint")
    parser.add_argument(
        "--length", type=int, default=300, help="characters to draw, or words (default: %(default)s)"
    )
    parser.add_argument("--prompt", help="text to continue (default: the alphabet's first character)")
    parser.add_argument(
        "--temperature",
        type=float,
        default=0.8,
        help="0 takes the most likely character, above 1 is bolder (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: %(default)s)")
    add_flag(parser)


def run(options: argparse.Namespace) -> None:
    """Loads the model, samples, prints. Raises OstinatoError, OSError."""
    network = ostinato.load(options.model)
    if isinstance(network, ModelFile):
        _of_estimator(network, options)
        return
    alphabet = alphabet_file.get(network, options.model)
    if (network.input_size, network.output_size) != (len(alphabet), len(alphabet)):
        raise ConfigError(
            f"{options.model} maps {network.input_size} ids to {network.output_size} logits; expected "
            f"{len(alphabet)} and {len(alphabet)}, as its alphabet has"
        )
    text = sample(
        network,
        alphabet,
        options.length,
        # In code point order, a newline comes first if the text has lines.
        prompt=alphabet.characters[0] if options.prompt is None else options.prompt,
        temperature=options.temperature,
        seed=options.seed,
    )
    print(f"{options.prompt or ''}{text}")


def _of_estimator(model: ModelFile, options: argparse.Namespace) -> None:
    """Samples from a LanguageModel. Raises ConfigError for any other estimator."""
    if not isinstance(model, LanguageModel):
        raise ConfigError(
            f"{options.model} holds a {type(model).__name__}, from which no text is sampled; expected a file "
            "of `ostinato train`, or of LanguageModel.save"
        )
    # In code point order, as in the alphabet of `ostinato train`.
    prompt = min(model.symbols_, default="") if options.prompt is None else options.prompt
    likeliest = options.temperature == 0
    text = model.generate(
        prompt,
        options.length,
        temperature=1.0 if likeliest else options.temperature,
        top_k=1 if likeliest else None,
        seed=options.seed,
    )
    between = " " if model.level == "word" and options.prompt and text else ""
    print(f"{options.prompt or ''}{between}{text}")
