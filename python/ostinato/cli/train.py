"""Train a character language model on a text, by default King James', and measure it on its last tenth.

Writes to --out: a checkpoint during training, from which --resume continues; the model file, with the best
weights and the alphabet inside; the learning curve as a PNG. Then a new process loads the file and samples
from it.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from pathlib import Path

from ostinato.checks import path_to_write
from ostinato.cli.paths import Named, check_distinct, read_files
from ostinato.cli.plugin_files import add_flag
from ostinato.cli.text import alphabet_file
from ostinato.cli.text.compressors import COMPRESSORS, PPMD_KING_JAMES
from ostinato.cli.text.compressors import bits_per_character as compressed_bits
from ostinato.cli.text.curve import draw_curve, needs_matplotlib
from ostinato.cli.text.language_model import Clock, Plan, bits_per_character, build, trainer
from ostinato.cli.text.watch import Watch
from ostinato.data import Alphabet, Streams, king_james, split
from ostinato.errors import ConfigError
from ostinato.training import Progress

# How often the held-out text is measured during training, and on how many windows (16,000 characters).
LOOKS = 12
PIECES = 2

# Minutes, if no other limit is given.
MINUTES = 3.75

# The files in --out.
CHECKPOINT, MODEL, PICTURE = "train.checkpoint", "model.safetensors", "curve.png"

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
    add("--layers", type=int, default=1, help="layers of the cell (default: %(default)s)")
    add("--dropout", type=float, default=0.0, help="of the input of each layer (default: %(default)s)")
    add("--embedding", type=int, default=32, help="features of a character (default: %(default)s)")
    add("--rows", type=int, default=plan.rows, help="streams read in parallel (default: %(default)s)")
    add("--window", type=int, default=plan.window, help="characters a step (default: %(default)s)")
    add("--epochs", type=float, help="most passes over the text (default: no limit)")
    add("--steps", type=int, help=f"most windows to train on (default: {plan.steps}, or --epochs)")
    minutes = "longest training time, also of a resumed run as a whole"
    add("--minutes", type=float, help=f"{minutes} (default: {MINUTES:g}, or no limit with --epochs)")
    add("--learning-rate", type=float, default=plan.learning_rate, help="of Adam (default: %(default)s)")
    add("--seed", type=int, default=0, help="of parameters and samples (default: %(default)s)")
    add("--temperature", type=float, default=0.8, help="of the sample at the end (default: %(default)s)")
    add("--resume", action="store_true", help="continue the training whose checkpoint is in --out")
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
        options.cell,
        len(alphabet),
        hidden=options.hidden,
        embedding=options.embedding,
        seed=options.seed,
        layers=options.layers,
        dropout=options.dropout,
    )
    alphabet_file.put(network, alphabet)
    print(network)
    print(f"{len(known):,} characters to learn from, {len(unseen):,} held out, {len(alphabet)} kinds")
    folder = options.out or Path("out") / f"{name}-{options.cell.replace('/', '-')}"
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"out is {folder}, which is a file; expected a folder to write to")
    written = [folder / one for one in (CHECKPOINT, MODEL, PICTURE)]
    check_distinct([*read_files(options), *(Named(f"the {one.name} of --out", one, True) for one in written)])
    ids, held_out_ids = alphabet.encode(known), alphabet.encode(unseen)
    streams = Streams(ids, min(options.rows, len(ids) - 1), options.window)
    plan = _plan(options, len(streams))
    saved = folder / CHECKPOINT
    if options.resume and not saved.exists():
        raise ConfigError(f"--resume: there is no {saved}; train without --resume first, or give its --out")

    clock = Clock(plan)
    watch = Watch(clock, lambda: bits_per_character(model, held_out_ids, PIECES), LOOKS, saved)
    progress = Progress(watch.figures, lambda run: clock.done)
    model = trainer(network, plan, clock, [watch, progress], options.seed)
    folder.mkdir(parents=True, exist_ok=True)
    for one in written:
        path_to_write(f"the {one.name} of --out", one)
    try:
        # The clock ends it earlier.
        resume = saved if options.resume else False
        model.fit(streams, epochs=plan.steps, resume=resume, progress=False)
    except KeyboardInterrupt:
        if not watch.learned:
            raise
    print(f"trained on {clock.characters:,} characters in {clock.seconds:.0f} s")
    if not watch.looks or watch.looks[-1][0] != clock.characters:
        watch.look(network)
    model.save(saved)
    if watch.best_seen != clock.characters:
        print(
            f"held out: {watch.looks[-1][1]:.3f} bits per character at the end, {watch.best_bits:.3f} after "
            f"{watch.best_seen:,} characters; the weights of then are kept"
        )
        network.arena[...] = watch.best

    bits = bits_per_character(model, held_out_ids)
    rivals = {one: compressed_bits(compress, known, unseen) for one, compress in COMPRESSORS.items()}
    if options.text is None:
        rivals["PPMd"] = PPMD_KING_JAMES
    _print_table({f"this model ({options.cell}, {options.hidden} units)": bits, **rivals})

    file, picture = folder / MODEL, folder / PICTURE
    network.save(file)
    title = "King James text" if options.text is None else options.text.name
    draw_curve(
        picture, watch.learned, watch.looks, rivals, f"{title}, {options.cell}, {options.hidden} units"
    )
    print(f"wrote {file} ({file.stat().st_size / 1e6:.1f} MB) and {picture}\n")

    print("300 characters sampled by a new process from the file:", flush=True)
    command = ["sample", str(file), "--length", "300", "--seed", str(options.seed)]
    command += ["--temperature", str(options.temperature)]
    command += [part for path in options.plugin_files for part in ("--plugin", str(path))]
    # The new process reports its own errors; the model is saved.
    return subprocess.run([sys.executable, "-m", "ostinato", *command], check=False).returncode


def _plan(options: argparse.Namespace, windows: int) -> Plan:
    """The limits of a training whose text has so many windows. Raises ConfigError."""
    steps, minutes = options.steps, options.minutes
    if options.epochs is not None:
        if not 0 < options.epochs < math.inf:
            raise ConfigError(f"epochs is {options.epochs:g}; expected above 0")
        passes = max(round(options.epochs * windows), 1)
        steps = passes if steps is None else min(steps, passes)
        minutes = math.inf if minutes is None else minutes
    return Plan(
        options.rows,
        options.window,
        Plan.steps if steps is None else steps,
        60 * (MINUTES if minutes is None else minutes),
        options.learning_rate,
    )


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
