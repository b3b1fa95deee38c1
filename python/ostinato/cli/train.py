"""Train a character language model on a text, by default King James', and measure it on its last tenth.

Writes to --out: the model file, the alphabet next to it, the learning curve as a PNG. Then a new process
loads the file and samples from it.
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
from ostinato.cli.curve import draw_curve, needs_matplotlib
from ostinato.cli.language_model import Clock, Plan, bits_per_character, build, trainer
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.watch import Watch
from ostinato.data import Alphabet, Streams, king_james, split
from ostinato.errors import ConfigError
from ostinato.training import Progress

# How often the held-out text is measured during training, and on how many windows (16,000 characters).
LOOKS = 12
PIECES = 2

# A shorter text has no tenth to measure on.
SHORTEST = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato train`."""
    plan = Plan()
    add = parser.add_argument
    add("--text", type=Path, help="a text file in UTF-8 to learn from (default: the King James text)")
    add("--cell", default="lstm", help='any registered cell, such as "gru" or "ligru" (default: %(default)s)')
    add_flag(parser)
    add("--hidden", type=int, default=256, help="units of the cell (default: %(default)s)")
    add("--embedding", type=int, default=32, help="features of a character (default: %(default)s)")
    add("--rows", type=int, default=plan.rows, help="streams read in parallel (default: %(default)s)")
    add("--window", type=int, default=plan.window, help="characters a step (default: %(default)s)")
    add("--steps", type=int, default=plan.steps, help="most windows to train on (default: %(default)s)")
    minutes = plan.seconds / 60
    add("--minutes", type=float, default=minutes, help=f"longest training time (default: {minutes:.1f})")
    add("--learning-rate", type=float, default=plan.learning_rate, help="of Adam (default: %(default)s)")
    add("--seed", type=int, default=0, help="of parameters and samples (default: %(default)s)")
    add(
        "--out",
        type=Path,
        help="folder to write to (default: out/TEXT-CELL; TEXT is kjv without --text)",
    )


def run(options: argparse.Namespace) -> int:
    """Trains, measures, compares, saves, samples; returns the exit code of the sampling.

    Raises OstinatoError, OSError. Ctrl-C ends the training early; the model so far is measured and saved.
    """
    needs_matplotlib()
    text, name = (king_james(), "kjv") if options.text is None else (_read(options.text), options.text.stem)
    known, unseen = split(text)
    alphabet = Alphabet(text)
    network = build(
        options.cell, len(alphabet), hidden=options.hidden, embedding=options.embedding, seed=options.seed
    )
    print(network)
    print(f"{len(known):,} characters to learn from, {len(unseen):,} held out, {len(alphabet)} kinds")
    plan = Plan(options.rows, options.window, options.steps, 60 * options.minutes, options.learning_rate)
    folder = options.out or Path("out") / f"{name}-{options.cell.replace('/', '-')}"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"out is {folder}, which is a file; expected a folder to write to")
    ids, held_out_ids = alphabet.encode(known), alphabet.encode(unseen)

    clock = Clock(plan)
    watch = Watch(clock, lambda: bits_per_character(model, held_out_ids, PIECES), LOOKS)
    progress = Progress(watch.figures, lambda run: clock.done)
    model = trainer(network, plan, clock, [watch, progress], options.seed)
    start = time.monotonic()
    try:
        # The clock ends it earlier.
        model.fit(Streams(ids, min(plan.rows, len(ids) - 1), plan.window), epochs=plan.steps)
    except KeyboardInterrupt:
        if not watch.learned:
            raise
    seen = watch.learned[-1][0]
    print(f"trained on {seen:,} characters in {time.monotonic() - start:.0f} s")

    bits = bits_per_character(model, held_out_ids)
    rivals = {one: compressed_bits(compress, known, unseen) for one, compress in COMPRESSORS.items()}
    if options.text is None:
        rivals["PPMd"] = PPMD_KING_JAMES
    _print_table({f"this model ({options.cell}, {options.hidden} units)": bits, **rivals})

    file, picture = folder / "model.safetensors", folder / "curve.png"
    folder.mkdir(parents=True, exist_ok=True)
    network.save(file)
    alphabet_file.write(file, alphabet)
    watch.looks[-1] = (seen, bits)
    title = "King James text" if options.text is None else options.text.name
    draw_curve(
        picture, watch.learned, watch.looks, rivals, f"{title}, {options.cell}, {options.hidden} units"
    )
    print(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB) and {picture}\n")

    print("300 characters sampled by a new process from the file:", flush=True)
    command = ["sample", str(file), "--length", "300", "--seed", str(options.seed)]
    command += [part for path in options.plugin_files for part in ("--plugin", str(path))]
    # The new process reports its own errors; the model is saved.
    return subprocess.run([sys.executable, "-m", "ostinato", *command], check=False).returncode


def _read(path: Path) -> str:
    """The text of a file. Raises OSError; ConfigError if it is no text, or too short."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"--text {path} is not UTF-8: {error}; convert it first") from error
    if len(text) < SHORTEST:
        raise ConfigError(f"--text {path} has {len(text)} characters; expected at least {SHORTEST}")
    return text


def _print_table(bits: dict[str, float]) -> None:
    width = max(map(len, bits))
    print(f"\n{'bits per held-out character':{width}}")
    for name, value in sorted(bits.items(), key=lambda item: item[1]):
        print(f"{name:{width}}  {value:.3f}")
    print()
