"""results/full.json as people want it: docs/benchmarks.md with its plots, and the table in README.md.

`python benches/report.py` writes all of them, once the results have every part.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "full.json"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
PICTURES = ROOT / "docs" / "pictures"
MARKS = ("<!-- table of benches/report.py -->", "<!-- end of table -->")

Row = dict[str, Any]


def mean(ratios: Iterable[float]) -> float:
    """The geometric mean."""
    logs = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logs) / len(logs))


def means(rows: list[Row]) -> list[str]:
    """One line per cell, work and number of threads; doubtful rows are counted out, and said to be."""

    def key(row: Row) -> tuple[str, str, int]:
        return row["cell"], row["work"], row["threads"]

    lines = []
    for (cell, work, threads), group in groupby(sorted(rows, key=key), key):
        every = list(group)
        valid = [row["ratio"] for row in every if not row["doubtful"]]
        told = f"{mean(valid):.2f} x torch" if valid else "no valid ratio"
        left = (
            f" ({len(every) - len(valid)} of {len(every)} doubtful, left out)"
            if len(valid) < len(every)
            else ""
        )
        lines.append(f"{cell:16} {work:6}{threads}t  {told}{left}")
    return lines


def readme_table(content: dict[str, Any]) -> str:
    """Geometric means with one thread over the shapes, and the worst shape, cell by cell."""
    peak = content["fma_peak_gflops_one_core"]["before"]
    told = content["machine"]
    lines = [
        "| one thread | training, mean (worst) | share of FMA peak | inference, mean (worst) | beside |",
        "|---|---|---|---|---|",
    ]
    groups = [("fused", "torch", cell) for cell in ("lstm", "gru", "rnn")]
    groups += [("user", "torch eager", cell) for cell in ("ligru", "layer_norm_lstm")]
    for part, rival, cell in groups:
        rows = [
            row for row in content["rows"]
            if (row["part"], row.get("rival"), row.get("cell"), row.get("threads")) == (part, rival, cell, 1)
        ]  # fmt: skip
        columns = []
        for work in ("train", "infer"):
            chosen = [row for row in rows if row["work"] == work]
            ratios = [row["ratio"] for row in chosen]
            columns.append(f"{mean(ratios):.2f}x ({min(ratios):.2f}x)")
            if work == "train":
                shares = [row["share_of_fma_peak"] for row in chosen]
                columns.append(f"{min(shares):.0%} to {max(shares):.0%}")
        lines.append(f"| {cell} | {' | '.join(columns)} | {rival} {told['torch'].partition('+')[0]} |")
    lines.append("")
    lines.append(
        f"float32; {told['processor']}, {told['instruction_set']}, {peak:.0f} GFLOP/s a core; above 1x we "
        "are faster. [All shapes, two threads, other rivals, our losses](docs/benchmarks.md): `make bench`."
    )
    return "\n".join(lines)


TITLES = {
    "fused": "RNN, LSTM and GRU beside PyTorch's own kernels",
    "user": "Cells that PyTorch lacks",
    "plugins": "The other cells of ostinato-cells",
    "inference": "Batched inference beside ONNX Runtime",
    "streaming": "A step a call, one row (times are of 100 calls)",
    "traffic": "What going depth first gives",
    "ragged": "Rows of different lengths",
    "optimizer": "An optimizer's step",
}
WORDS = {
    "user": "PyTorch runs the same equations in a loop, input products taken out of it; JAX in `lax.scan`, "
    "with one thread.",
    "plugins": "The same equations, looped in PyTorch.",
    "traffic": "`value_and_grad` finishes a group of rows before it begins the next; `run` and `backward` "
    "keep the saved values of all rows, and move them through memory.",
    "ragged": "`time over share` is our time divided by what the share of steps would give: 1 is ideal.",
    "optimizer": "Adam reads four arrays and writes three; the bandwidth is that of adding two arrays into a "
    "third, in the same run.",
}


def page(content: dict[str, Any]) -> str:
    """docs/benchmarks.md."""
    told = content["machine"]
    before, after = content["fma_peak_gflops_one_core"].values()
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` from [results/full.json](../benches/results/full.json); not edited by hand. "
        "[How it is measured](../benches/README.md).",
        "",
        f"{told['processor']}, {told['cores']} cores, {told['instruction_set']}; FMA peak of one core "
        f"{before:.0f} GFLOP/s before and {after:.0f} after. "
        + ", ".join(f"{name} {told[name]}" for name in ("torch", "jax", "onnxruntime") if name in told)
        + f"; ostinato {told['ostinato']} at {told['commit']}, {content['time']}.",
        "",
        "The ratio is the rival's time over ours: above 1 we are faster; **where we lose it is bold**. A "
        "`?` marks rows in which a side was slower with two threads than with one, whose ratio says little.",
        "",
        "![Share of the FMA peak in training](pictures/bench-share.png)",
        "",
        "![Ratio to PyTorch](pictures/bench-ratio.png)",
    ]
    for part, title in TITLES.items():
        rows = [row for row in content["rows"] if row["part"] == part]
        if not rows:
            continue
        lines += ["", f"## {title}", ""]
        lines += [WORDS[part], ""] if part in WORDS else []
        timed = [row for row in rows if "ratio" in row]
        extra = {
            "ragged": "time over share", "optimizer": "share of bandwidth", "streaming": "",
        }.get(part, "share of peak")  # fmt: skip
        lines.append(
            "| | threads | ours, ms | rival, ms | rival | ratio |" + (f" {extra} |" if extra else "")
        )
        lines.append("|---|---|---|---|---|---|" + ("---|" if extra else ""))
        for row in timed:
            ratio = f"{row['ratio']:.2f}" + ("?" if row["doubtful"] else "")
            ratio = f"**{ratio}**" if row["ratio"] < 1 else ratio
            values = [
                row["what"],
                row["threads"],
                f"{row['ours_ms']:.3g}",
                f"{row['theirs_ms']:.3g}",
                row["rival"],
                ratio,
            ]
            keys = ("share_of_fma_peak", "time_over_share", "share_of_bandwidth")
            shown = next((row[key] for key in keys if row.get(key) is not None), None)
            if extra:
                values.append("" if shown is None else f"{shown:.2f}" if part == "ragged" else f"{shown:.0%}")
            lines.append(f"| {' | '.join(map(str, values))} |")
        lines += [""] + [f"- {row['what']}: {row['ready_ms']:.1f} ms" for row in rows if "ready_ms" in row]
        lines += [
            f"- torch.compile of {row['cell']} took {row['their_compile_seconds']:.0f} s"
            for row in rows
            if "their_compile_seconds" in row
        ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def draw(content: dict[str, Any]) -> None:
    """The two pictures of the page."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    rows = [
        row for row in content["rows"]
        if row["part"] == "fused" and row["threads"] == 1 and row["work"] == "train"
    ]  # fmt: skip
    shapes = list(dict.fromkeys((row["T"], row["N"], row["H"]) for row in rows))
    cells = list(dict.fromkeys(row["cell"] for row in rows))
    labels = [f"T={t}\nN={n}\nH={h}" for t, n, h in shapes]
    for name, key, title, line in (
        ("bench-share", "share_of_fma_peak", "Training, one thread: share of the FMA peak", None),
        ("bench-ratio", "ratio", "Training, one thread: PyTorch's time over ours", 1.0),
    ):
        figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
        for place, cell in enumerate(cells):
            found = {(row["T"], row["N"], row["H"]): row[key] for row in rows if row["cell"] == cell}
            at = [k + (place - (len(cells) - 1) / 2) * 0.26 for k in range(len(shapes))]
            axes.bar(at, [found[shape] for shape in shapes], 0.24, label=cell)
        if line is not None:
            axes.axhline(line, color="black", linewidth=0.8)
        axes.set_xticks(range(len(shapes)), labels)
        axes.set_title(title)
        axes.legend(frameon=False, ncols=len(cells))
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(PICTURES / f"{name}.png", dpi=110, metadata={"Software": None})
        plt.close(figure)


def with_table(text: str, table: str) -> str:
    """README's text with the table between its marks."""
    start, end = (text.index(mark) for mark in MARKS)
    return f"{text[: start + len(MARKS[0])]}\n{table}\n{text[end:]}"


def main() -> None:
    """Writes the page, the pictures and the table; exits with a message where the results lack a part."""
    content = json.loads(RESULT.read_text(encoding="utf-8"))
    missing = TITLES.keys() - {row["part"] for row in content["rows"]}
    if missing:
        sys.exit(
            f"{RESULT.name} lacks the parts {', '.join(sorted(missing))}; measure them with `make bench`"
        )
    PAGE.write_text(page(content), encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8"), readme_table(content)), encoding="utf-8")
    draw(content)


if __name__ == "__main__":
    main()
