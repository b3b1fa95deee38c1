"""Train a character language model on the King James text and measure it on the last tenth.

Writes to --out: the model file, the alphabet beside it, the learning curve as a PNG. Then a new process loads
the file and samples from it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from ostinato.cli import alphabet_file
from ostinato.cli.compressors import COMPRESSORS, PPMD_KING_JAMES
from ostinato.cli.compressors import bits_per_character as compressed_bits
from ostinato.cli.curve import draw_curve
from ostinato.cli.language_model import Plan, Step, bits_per_character, build, train
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.progress import Progress
from ostinato.data import Alphabet, king_james, split
from ostinato.errors import ConfigError

# Share of one window in the running mean that is shown: about the last 50 windows.
SMOOTHING = 0.02

# The held-out text is looked at this often on the way, and only so many pieces of it (16,000 characters).
LOOKS = 12
PIECES = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato train`."""
    plan = Plan()
    add = parser.add_argument
    add("--cell", default="lstm", help='any registered cell, such as "gru" or "ligru" (default: %(default)s)')
    add_flag(parser)
    add("--hidden", type=int, default=256, help="units of the cell (default: %(default)s)")
    add("--embedding", type=int, default=32, help="features of a character (default: %(default)s)")
    add("--rows", type=int, default=plan.rows, help="streams read at once (default: %(default)s)")
    add("--window", type=int, default=plan.window, help="characters a step (default: %(default)s)")
    add("--steps", type=int, default=plan.steps, help="most windows to train on (default: %(default)s)")
    minutes = plan.seconds / 60
    add("--minutes", type=float, default=minutes, help=f"longest training time (default: {minutes:.1f})")
    add("--learning-rate", type=float, default=plan.learning_rate, help="of Adam (default: %(default)s)")
    add("--seed", type=int, default=0, help="of parameters and samples (default: %(default)s)")
    add("--out", type=Path, help="folder to write to (default: out/kjv-CELL)")


def run(options: argparse.Namespace) -> None:
    """Trains, measures, compares, saves, samples. Raises OstinatoError, OSError.

    Ctrl-C ends the training early; the model so far is measured and saved.
    """
    text = king_james()
    known, unseen = split(text)
    alphabet = Alphabet(text)
    network = build(
        options.cell, len(alphabet), hidden=options.hidden, embedding=options.embedding, seed=options.seed
    )
    print(network)
    print(f"{len(known):,} characters to learn from, {len(unseen):,} held out, {len(alphabet)} kinds")
    plan = Plan(options.rows, options.window, options.steps, 60 * options.minutes, options.learning_rate)
    folder = options.out or Path("out") / f"kjv-{options.cell.replace('/', '-')}"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"out is {folder}, which is a file; expected a folder to write to")
    ids, held_out_ids = alphabet.encode(known), alphabet.encode(unseen)

    learned: list[tuple[int, float]] = []
    looks: list[tuple[int, float]] = []
    start = time.monotonic()
    with Progress() as progress:

        def told(step: Step) -> None:
            before = learned[-1][1] if learned else step.bits
            smooth = before + max(SMOOTHING, 1.0 / step.number) * (step.bits - before)
            learned.append((step.characters, smooth))
            progress.update(step.done, smooth, step.characters)
            if step.done >= len(looks) / LOOKS:
                looks.append((step.characters, bits_per_character(network, held_out_ids, PIECES)))

        try:
            train(network, ids, plan, told)
        except KeyboardInterrupt:
            if not learned:
                raise
    print(f"trained on {learned[-1][0]:,} characters in {time.monotonic() - start:.0f} s")

    bits = bits_per_character(network, held_out_ids)
    rivals = {name: compressed_bits(compress, known, unseen) for name, compress in COMPRESSORS.items()}
    rivals["PPMd"] = PPMD_KING_JAMES
    _print_table({f"this model ({options.cell}, {options.hidden} units)": bits, **rivals})

    model, picture = folder / "model.safetensors", folder / "curve.png"
    folder.mkdir(parents=True, exist_ok=True)
    network.save(model)
    alphabet_file.write(model, alphabet)
    looks[-1] = (learned[-1][0], bits)
    draw_curve(picture, learned, looks, rivals, f"King James text, {options.cell}, {options.hidden} units")
    print(f"wrote {model} ({model.stat().st_size / 1e6:.1f} MB) and {picture}\n")

    print("300 characters sampled by a new process from the file:", flush=True)
    command = ["sample", str(model), "--length", "300", "--seed", str(options.seed)]
    subprocess.run([sys.executable, "-m", "ostinato", *command], check=True)


def _print_table(bits: dict[str, float]) -> None:
    width = max(map(len, bits))
    print(f"\n{'bits per held-out character':{width}}")
    for name, value in sorted(bits.items(), key=lambda item: item[1]):
        print(f"{name:{width}}  {value:.3f}")
    print()
