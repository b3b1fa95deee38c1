"""`python -m tests.oracle.mutants`: break the planner in one place after another.

The oracle must see each within a minute. A mutant is the source with one piece of text exchanged. It is built
apart from the checkout (`target/mutants`), and the search of `tests.oracle` runs on it. See `make mutants`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / "target" / "mutants"
CORE = "rust/core/src"
SECONDS = 60
MEMORY = 8_000_000
"""kB of address space of a search: a planner that does not come to an end is stopped."""
CONTROL = 20
"""Seconds of the search on the right engine, which has to pass."""


@dataclass(frozen=True)
class Mutant:
    """What is broken, and the text that stands for the right one."""

    name: str
    file: str
    right: str
    wrong: str

    def source(self) -> str:
        """The broken file. Raises ValueError where the right text is not there exactly once."""
        text = (ROOT / CORE / self.file).read_text()
        if text.count(self.right) != 1:
            raise ValueError(f"{self.name}: {self.file} has {text.count(self.right)} times {self.right!r}")
        return text.replace(self.right, self.wrong)


MUTANTS = [
    Mutant(
        "a product of values side by side reads the columns of the first one",
        "plan/concatenated.rs",
        "        start = stop;\n",
        "        start = stop - width;\n",
    ),
    Mutant(
        "noise of a step is drawn once per row",
        "plan/dependence.rs",
        "(Run::Noise, _) if !node.folded => Dependence::Step,",
        "(Run::Noise, _) if !node.folded => Dependence::Parameters,",
    ),
    Mutant(
        "the old value of a scanned state is taken for a place of its own",
        "plan/task.rs",
        "!is_view && !given[id] && !in_history[id]",
        "!is_view && !given[id]",
    ),
    Mutant(
        "the backward pass reads the state one step late",
        "plan/layer.rs",
        "known.insert(state, Given { class: Class::HistoryPrev(index), width, col: 0 });",
        "known.insert(state, Given { class: Class::History(index), width, col: 0 });",
    ),
    Mutant(
        "a scan has the factors of the neighbouring state",
        "plan/storage.rs",
        "scan.factor[position].iter()",
        "scan.factor[scan.states.len() - 1 - position].iter()",
    ),
    Mutant(
        "a delay line moves elements that end",
        "plan/linear.rs",
        "(moved != 0 && line == inside).then",
        "(moved != 0).then",
    ),
    Mutant(
        "a delay line overwrites what it still has to move",
        "time/scan.rs",
        "match moved > 0 {",
        "match moved < 0 {",
    ),
    Mutant(
        "a delay line forgets what was added to it",
        "plan/linear.rs",
        "for &term in line.terms.iter().rev() {",
        "for &term in line.terms.iter().skip(1) {",
    ),
    Mutant(
        "a scan forgets what was added to its state",
        "plan/storage.rs",
        "shift: scan.shift[position].map(|id| self.reference(id)),",
        "shift: scan.shift[position].filter(|_| false).map(|id| self.reference(id)),",
    ),
    Mutant(
        "a value is hoisted whose second operand depends on the state",
        "plan/phase.rs",
        "on_state[id] = self.nodes[id].args.iter().any(|&arg| on_state[arg]);",
        "on_state[id] = self.nodes[id].args.iter().take(1).any(|&arg| on_state[arg]);",
    ),
    Mutant(
        "a square of a state counts as linear",
        "plan/linear.rs",
        '"mul" | "product" | "outer" => depends(node.args[0]) != depends(node.args[1]),',
        '"mul" | "product" | "outer" => true,',
    ),
    Mutant(
        "a choice by the state counts as linear",
        "plan/linear.rs",
        '"where" => !depends(node.args[0]),',
        '"where" => true,',
    ),
    Mutant(
        "a scan amidst the loop is taken out of it",
        "plan/task.rs",
        "task.scans.iter().map(|scan| !loops(scan)).collect();",
        "task.scans.iter().map(|scan| !loops(scan) || true).collect();",
    ),
    Mutant(
        "any c - a becomes 1 - a in an interpolation",
        "plan/merge.rs",
        "if *x == 1.0);",
        "if *x != 0.0);",
    ),
    Mutant(
        "an op writes over an operand that is read again",
        "plan/row_ops.rs",
        "&& last_read.get(&part.buffer) == Some(&position)\n",
        "&& last_read.contains_key(&part.buffer)\n",
    ),
    Mutant(
        "readers behind the loop see the carry of its last step",
        "plan/storage.rs",
        "Class::CarryIn(state) if self.late =>",
        "Class::CarryIn(state) if self.late && whole.col > 0 =>",
    ),
    Mutant(
        "what is read behind the loop is kept for one step",
        "plan/levels.rs",
        "Some(&(Phase::Loop, ..)) if reader.0 == Phase::Loop => Level::Step,",
        "Some(&(Phase::Loop, ..)) => Level::Step,",
    ),
    Mutant(
        "two states share the memory of one update",
        "plan/task.rs",
        "&& !placed.contains(&update);",
        "&& placed.len() < task.nodes.len();",
    ),
    Mutant(
        "one part stands in two places of a concatenation",
        "plan/row_ops.rs",
        "if part != place {",
        "if part.buffer != place.buffer {",
    ),
    Mutant(
        "where rows end, the first step of a block reads the state of the step before",
        "time/runner.rs",
        "base.add(geometry.previous(t) * stride),\n                    geometry.alive(t)",
        "base.add(geometry.previous(t - usize::from(t == from && t > 0)) * stride), geometry.alive(t)",
    ),
    Mutant(
        "a state that is carried is final after the longest row, for all rows",
        "time/runner.rs",
        "(false, false) => length,",
        "(false, false) => self.geometry.steps(),",
    ),
]


def prepared() -> Path:
    """A copy of the sources, and of the Python package without its engine."""
    shutil.rmtree(WORK / "source", ignore_errors=True)  # files that have since been deleted too
    for name in ("Cargo.toml", "Cargo.lock", "rust"):
        place = WORK / "source" / name
        if (ROOT / name).is_dir():
            # with the time of now, by which cargo sees what an earlier run left broken
            shutil.copytree(ROOT / name, place, copy_function=shutil.copy, dirs_exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place)
    package = WORK / "python" / "ostinato"
    shutil.rmtree(package, ignore_errors=True)
    skipped = shutil.ignore_patterns("_core*.so", "__pycache__")
    shutil.copytree(ROOT / "python" / "ostinato", package, ignore=skipped)
    return WORK / "source"


def build(source: Path) -> None:
    """Builds the engine of the copy, and puts it into the copied package."""
    command = ["cargo", "build", "--quiet", "--package", "ostinato-py", "--target-dir", str(WORK / "target")]
    subprocess.run(command, cwd=source, check=True)
    shutil.copy2(WORK / "target" / "debug" / "lib_core.so", WORK / "python" / "ostinato" / "_core.abi3.so")


def is_caught(seed: int, seconds: int = SECONDS) -> tuple[bool, str]:
    """Whether the search fails on what was built within so many seconds, and what it says."""
    environment = {**os.environ, "PYTHONPATH": f"{WORK / 'python'}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "tests.oracle", "--programs", "1000000"]
    command += ["--seconds", str(seconds), "--seed", str(seed), "--as-found"]
    command = ["bash", "-c", f'ulimit -v {MEMORY}; exec "$@"', "bash", *command]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    output = [line for line in done.stdout.splitlines() if line] or done.stderr.splitlines()[-1:]
    return done.returncode != 0, output[-1] if output else f"exit {done.returncode}"


def main() -> int:
    """Runs the mutants; 1 where one is not caught, or where the right engine fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the first program (0)")
    given = parser.parse_args()
    source = prepared()
    build(source)
    caught, output = is_caught(given.seed, CONTROL)
    if caught:
        print(f"the right engine fails: {output}")
        return 1
    missed = 0
    for mutant in (one for one in MUTANTS if given.only in one.name):
        place = source / CORE / mutant.file
        right = place.read_text()
        try:
            place.write_text(mutant.source())
            build(source)
            begin = time.monotonic()
            caught, output = is_caught(given.seed)
            missed += not caught
            verdict = "caught" if caught else "MISSED"
            print(f"{verdict} after {time.monotonic() - begin:4.1f} s: {mutant.name}: {output}", flush=True)
        finally:
            place.write_text(right)
    print(f"{missed} of {len(MUTANTS)} missed")
    return bool(missed)


if __name__ == "__main__":
    sys.exit(main())
