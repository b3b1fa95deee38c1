"""The plugins of this folder: one row for each, with what the conformance kit is expected to find."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
DISTRIBUTIONS = tuple(sorted(path.parent for path in HERE.glob("*/pyproject.toml")))

# Tokens that are no code.
_BLANK = {"COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER"}


@dataclass(frozen=True)
class Row:
    """A plugin: what it is, its kind, its full name, its file, and the checks that fail for a reason."""

    what: str
    kind: str
    name: str
    file: str
    fails: tuple[str, ...] = ()
    note: str = ""

    @property
    def source(self) -> Path:
        """The file of the plugin."""
        package = f"ostinato-{self.name.partition('/')[0]}"
        return HERE / package / "src" / package.replace("-", "_") / f"{self.file}.py"

    @property
    def lines(self) -> int:
        """The lines of code in the file, without blank lines, comments and docstrings."""
        text = self.source.read_text(encoding="utf-8")
        used = {
            line
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if tokenize.tok_name[token.type] not in _BLANK
            for line in range(token.start[0], token.end[0] + 1)
        }
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                first = node.body[0]
                used -= set(range(first.lineno, (first.end_lineno or 0) + 1))
        return len(used)


def install(folder: Path) -> str:
    """Builds the distributions as pip does, installs them into a folder, and returns it."""
    site = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site)]
    command += ["--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run([*command, *map(str, DISTRIBUTIONS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(site)


def _cell(what: str, file: str, fails: tuple[str, ...] = (), note: str = "", name: str = "") -> Row:
    return Row(what, "cell", f"zoo-cells/{name or file}", file, fails, note)


def _measure(what: str, kind: str, name: str, file: str, fails: tuple[str, ...] = (), note: str = "") -> Row:
    return Row(what, kind, f"zoo-measures/{name}", file, fails, note)


def _training(what: str, kind: str, name: str, file: str = "", note: str = "") -> Row:
    return Row(what, kind, f"zoo-training/{name}", file or name, (), note)


MIXES = ("batch_company", "padding", "carried_state", "gradients", "nan", "eager")

ROWS = (
    _cell("coRNN", "cornn"),
    _cell("LEM", "lem"),
    _cell("CfC with elapsed time", "cfc"),
    _cell("mLSTM", "mlstm"),
    _cell("mixture of 4 GRUs", "moe_gru"),
    _cell("convolutional LSTM", "conv_lstm"),
    _cell("hard-sigmoid LSTM", "hard_lstm"),
    _cell("echo state network", "esn"),
    _cell("GRU of 4 bits", "quantised_gru", (), "straight-through by design"),
    _cell("batch statistics", "batch_rnn", MIXES, "rows must not see each other"),
    _cell("delay line", "delay_line"),
    _measure("focal loss", "loss", "focal", "focal"),
    _measure("label smoothing", "loss", "label_smoothing", "label_smoothing"),
    _measure("pinball loss", "loss", "pinball", "pinball"),
    _measure("3 quantiles of one target", "loss", "quantiles", "quantiles"),
    _measure("triplet loss", "loss", "triplet", "triplet", (), "the target is not read"),
    _measure("CTC", "loss", "ctc_loss", "ctc"),
    _measure("CRF", "loss", "crf_loss", "crf"),
    _measure("perplexity", "metric", "perplexity2", "perplexity"),
    _measure("token F1", "metric", "token_f1", "token_f1"),
    _measure("BLEU", "metric", "bleu2", "bleu"),
    Row("coverage-aware scorer", "scorer", "zoo-parts/coverage", "coverage"),
    Row("coverage, summed", "cell", "zoo-parts/coverage_cell", "coverage_cell"),
    Row("spectral norm", "regularizer", "zoo-parts/spectral", "spectral"),
    _training("Lion", "optimizer", "lion2", "lion"),
    _training("Lookahead with Adam", "optimizer", "lookahead_adam", "lookahead"),
    _training("LAMB", "optimizer", "lamb2", "lamb"),
    _training("Adafactor", "optimizer", "adafactor2", "adafactor"),
    _training("gradient noise", "callback", "gradient_noise"),
    _training("one-cycle", "schedule", "one_cycle"),
    _training("REINFORCE", "strategy", "reinforce2", "reinforce"),
    _training("self-paced curriculum", "strategy", "self_paced"),
    _training("gradient accumulation", "strategy", "accumulation"),
    _training("SAM", "strategy", "sam"),
    _training("two processes", "strategy", "two_processes"),
)
