"""Writes the pages of results/machines/ with their plots, docs/benchmarks.md and the table in README.md.

`python benches/report.py` writes all of them; `--root FOLDER` writes them there instead. A page leaves out
what was not measured, and names it.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "machines"
MARKS = ("<!-- table of benches/report.py -->", "<!-- end of table -->")

Row = dict[str, Any]


def mean(ratios: Iterable[float]) -> float:
    """The geometric mean."""
    logs = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logs) / len(logs))


def means(rows: list[Row]) -> list[str]:
    """One line per cell, work and number of threads; doubtful rows are left out, and the line counts them."""

    def key(row: Row) -> tuple[str, str, int]:
        return row["cell"], row["work"], row["threads"]

    lines = []
    for (cell, work, threads), group in groupby(sorted(rows, key=key), key):
        every = list(group)
        valid = [row["ratio"] for row in every if not row["doubtful"]]
        ratio = f"{mean(valid):.2f} x torch" if valid else "no valid ratio"
        left = (
            f" ({len(every) - len(valid)} of {len(every)} doubtful, left out)"
            if len(valid) < len(every)
            else ""
        )
        lines.append(f"{cell:16} {work:6}{threads}t  {ratio}{left}")
    return lines


def summary(content: dict[str, Any]) -> list[str]:
    """Geometric means with one thread over the shapes, and the worst shape, cell by cell."""
    facts = content["machine"]
    head = [
        "| one thread | training, mean (worst) | share of FMA peak | inference, mean (worst) "
        "| compared with |",
        "|---|---|---|---|---|",
    ]
    lines: list[str] = []
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
            columns.append(f"{mean(ratios):.2f}x ({min(ratios):.2f}x)" if ratios else "")
            if work == "train":
                shares = [row["share_of_fma_peak"] for row in chosen]
                columns.append(f"{min(shares):.0%} to {max(shares):.0%}" if shares else "")
        if rows:
            lines.append(f"| {cell} | {' | '.join(columns)} | {rival} {facts['torch'].partition('+')[0]} |")
    return [*head, *lines, ""] if lines else lines


def heading(content: dict[str, Any]) -> str:
    """The machine of a result, in words."""
    facts, peak = content["machine"], content["fma_peak_gflops_one_core"]["median"]
    return f"{facts['processor']}, {facts['instruction_set']}, {peak:.0f} GFLOP/s per core"


def losses_in_words(content: dict[str, Any]) -> str:
    """How many rows a rival wins, and the worst of them."""
    lost = sorted((row for row in content["rows"] if is_lost(row)), key=lambda row: row["ratio"])
    if not lost:
        return "No rival is faster in any row that was measured."
    worst = lost[0]
    return (
        f"A rival is faster in {len(lost)} of {sum('ratio' in row for row in content['rows'])} rows, at most "
        f"in {worst['what']} with {worst['threads']} thread(s): {worst['ratio']:.2f} ({worst['rival']})."
    )


def readme_table(contents: dict[str, dict[str, Any]]) -> str:
    """The summary of each machine."""
    lines: list[str] = []
    for slug, content in contents.items():
        lines += [f"{heading(content)} ([all rows](docs/benchmarks/{slug}.md)):", "", *summary(content)]
        for row in content["rows"]:
            if row["part"] == "demo":
                lines += [f"{demo_line(row)}.", ""]
        lines += [losses_in_words(content), ""]
    lines.append(
        f"float32. Above 1x, Ostinato is faster. {restricted(contents)}[How to read the pages]"
        "(docs/benchmarks.md): `make bench`."
    )
    return "\n".join(lines)


def restricted(contents: dict[str, dict[str, Any]]) -> str:
    """A sentence about AVX2, if it was measured."""
    if not any(one["machine"]["instruction_set"] == "avx2" for one in contents.values()):
        return ""
    return "With `avx2`, both sides are restricted to AVX2 (`OSTINATO_ISA=avx2 make bench`). "


def index(contents: dict[str, dict[str, Any]]) -> str:
    """docs/benchmarks.md."""
    lines = [
        "# Benchmarks",
        "",
        "`make bench` measures the machine at hand and writes its page and this one; do not edit them. "
        "[How it is measured](../benches/README.md). There is a page for each machine and instruction set:",
        "",
    ]
    for slug, content in contents.items():
        lines += [f"## [{heading(content)}](benchmarks/{slug}.md)", "", *summary(content)]
        lines += [losses_in_words(content), ""]
    lines.append(
        "The ratio is the rival's time divided by Ostinato's: above 1 Ostinato is faster. "
        f"{restricted(contents)}"
    )
    return "\n".join(lines).rstrip() + "\n"


def demo_line(row: Row) -> str:
    """Characters per second of one row of the demo."""
    threads = "one thread" if row["threads"] == 1 else f"{row['threads']} threads"
    return (
        f"With {threads}, the model of `make demo` learns from {row['ours_per_second']:,.0f} characters per "
        f"second; the same model in PyTorch learns from {row['theirs_per_second']:,.0f}"
    )


TITLES = {
    "fused": "RNN, LSTM and GRU against PyTorch's own kernels",
    "threads": "Two threads over one",
    "user": "Cells that PyTorch lacks",
    "compiled-ligru": "A light GRU against torch.compile",
    "compiled-layer_norm_lstm": "A layer-norm LSTM against torch.compile",
    "plugins": "The other cells of ostinato-cells",
    "decoders": "Encoder-decoders with attention: training",
    "decoding": "Encoder-decoders with attention: decoding",
    "inference": "Batched inference against ONNX Runtime",
    "rust": "Batched inference against rten, a Rust crate",
    "streaming": "One step per call, one row (times of 100 calls)",
    "products": "Matrix products of a training step",
    "pointwise": "An LSTM fused by hand",
    "groups": "Row groups",
    "traffic": "One call, or run and backward",
    "ragged": "Rows of different lengths",
    "optimizer": "An optimizer's step",
    "demo": "The model of `make demo`",
}
WORDS = {
    "fused": "Training is forward pass, mean squared error, backward pass. Neither side computes the "
    "gradient of the input, and the share of the peak does not count it.",
    "threads": "Ostinato with two threads is compared with Ostinato with one thread (the rival), so 2 is "
    "ideal. Below 1, the call is slower with two threads.",
    "user": "PyTorch runs the same equations in a loop, with the input products outside the loop; JAX runs "
    "them in `lax.scan`, with one thread.",
    "plugins": "PyTorch runs the same equations in a loop.",
    "decoders": "A bidirectional GRU, additive attention of the memory's width, a GRU; N=32, S=T=20, H=A=M, "
    "42 ids embedded in 64 features. PyTorch runs the same equations in a loop over the decoder's steps; the "
    "keys and the products with the words are outside the loop, the encoder is packed where lengths differ. "
    "The share of the peak counts matrix products, scores and contexts, but no tanh. It counts the products "
    "with the words at every step, as PyTorch computes them; Ostinato computes them once per id.",
    "decoding": "Words of 8 letters and 8 predicted ids, H=A=M=128, random parameters, unless the row has "
    "another shape. No hypothesis ends before the last step on either side. The hypotheses of a word share "
    "its memory on both sides; PyTorch runs in `inference_mode`.",
    "rust": "rten runs the same ONNX models as ONNX Runtime, in a separate process, with packed weights, and "
    "measures its own time.",
    "products": "The shapes of an LSTM of H units with H features: `hoisted` (the products with the inputs "
    "of a block of time), `loop` (with the state), `back` (the gradient of the state), `input` (of the "
    "inputs) and `weights` (of the weights). Ostinato's weights are packed, as in a training step. "
    "PyTorch's are not, and a call of it takes about a microsecond before it computes. The time is of one "
    "call.",
    "pointwise": "The rival is an LSTM written by hand, with Ostinato's matrix products and one AVX-512 loop "
    "for all other operations. Ostinato runs the equations op by op, as for any cell. 1 - ratio is the cost "
    "of this generality.",
    "groups": "The engine cuts a batch into row groups of up to 16 rows, or 32 or 64 if the weights exceed "
    "the second cache. This table compares `value_and_grad` of an LSTM with row groups of other sizes and "
    "with the whole batch. Above 1, the engine's size is faster. Smaller row groups need less memory, "
    "because fewer values are kept for the backward pass; larger ones read the weights less often.",
    "traffic": "`value_and_grad` finishes one row group before it starts the next. The rival calls `run`, "
    "computes the loss in NumPy, and calls `backward`: it keeps the saved values of all rows, returns the "
    "outputs and reads their gradients.",
    "ragged": "`time over share` is Ostinato's time relative to a batch without padding, divided by the "
    "share of valid steps. 1 is ideal.",
    "optimizer": "Adam reads four arrays and writes three. The bandwidth is measured in the same run, with a "
    "copy and with `a += b`; the higher value is used.",
    "demo": "The time of one window of 32 x 64 characters: forward, loss, backward, clip, Adam. Windows of "
    "`ostinato train` alternate with windows of PyTorch's LSTM with fused Adam.",
}
# The parts in which a ratio below 1 is a loss, except in rows with `own`: these rows and the other parts
# compare Ostinato with itself.
RIVALS = (
    "fused", "user", "compiled-ligru", "compiled-layer_norm_lstm", "plugins", "decoders", "decoding",
    "inference", "rust", "streaming", "products", "optimizer", "demo",
)  # fmt: skip


def shown_ratio(row: Row) -> str:
    """Bold if the rival is faster, with a question mark if the measurement is unreliable."""
    ratio = f"{row['ratio']:.2f}" + ("?" if row["doubtful"] or row["unsteady"] else "")
    return f"**{ratio}**" if row["ratio"] < 1 and not row.get("own", False) else ratio


def is_lost(row: Row) -> bool:
    """Whether a rival is faster."""
    return row["part"] in RIVALS and not row.get("own", False) and row.get("ratio", 1) < 1


def losses(content: dict[str, Any]) -> list[str]:
    """Every row in which a rival is faster, the worst first."""
    lost = [row for row in content["rows"] if is_lost(row)]
    lines = ["", "## Where Ostinato loses", ""]
    if not lost:
        return [*lines, "Nowhere in what was measured."]
    lines += ["| | rival | threads | ratio | 95 % interval | share of peak |", "|---|---|---|---|---|---|"]
    for row in sorted(lost, key=lambda row: row["ratio"]):
        low, high = row["interval"]
        share = f"{row['share_of_fma_peak']:.0%}" if "share_of_fma_peak" in row else ""
        lines.append(
            f"| {row['what']} | {row['rival']} | {row['threads']} | {shown_ratio(row)} "
            f"| {low:.2f} to {high:.2f} | {share} |"
        )
    return lines


def page(slug: str, content: dict[str, Any]) -> str:
    """The page of a machine."""
    facts = content["machine"]
    peak = content["fma_peak_gflops_one_core"]
    missing = [title for part, title in TITLES.items() if part not in content["parts"]]
    lines = [
        f"# Benchmarks: {slug}",
        "",
        f"`make bench` writes this page from [{slug}.json](../../benches/results/machines/{slug}.json); do "
        "not edit it. [How it is measured](../../benches/README.md); [other machines](../benchmarks.md).",
        "",
        f"{facts['processor']}, {facts['cores']} cores, {facts['instruction_set']}; FMA peak of one core "
        f"{peak['median']:.0f} GFLOP/s ({peak['least']:.0f} to {peak['most']:.0f} during the measurements). "
        + ", ".join(f"{name} {facts[name]}" for name in ("torch", "jax", "onnxruntime") if name in facts)
        + f"; ostinato {facts['ostinato']} at {facts['commit']}, {content['time']}.",
        "",
        "The ratio is the rival's time divided by Ostinato's: above 1 Ostinato is faster; **a ratio below 1 "
        "is bold**. A share of the peak is the speed divided by the FMA peak of all threads. The peak is "
        "measured just before and just after each measurement.",
        "",
        "A `?` marks an unreliable measurement. Either Ostinato or the rival was slower with two threads "
        "than with one, or the machine was not steady in three attempts: the FMA peak changed by more than "
        "5 %, or two threads did not have two cores.",
    ]
    if missing:
        lines += ["", f"Not measured: {', '.join(missing)}."]
    if bars(content):
        lines += ["", f"![Share of the FMA peak in training](../pictures/bench-share-{slug}.png)"]
        lines += ["", f"![Ratio to PyTorch](../pictures/bench-ratio-{slug}.png)"]
    lines += losses(content)
    for part, title in TITLES.items():
        rows = [row for row in content["rows"] if row["part"] == part]
        if not rows:
            continue
        lines += ["", f"## {title}", ""]
        lines += [WORDS[part], ""] if part in WORDS else []
        timed = [row for row in rows if "ratio" in row]
        extra = {
            "ragged": "time over share", "optimizer": "share of bandwidth", "streaming": "", "demo": "",
        }.get(part, "share of peak")  # fmt: skip
        lines.append(
            "| | threads | Ostinato, ms | rival, ms | rival | ratio |" + (f" {extra} |" if extra else "")
        )
        lines.append("|---|---|---|---|---|---|" + ("---|" if extra else ""))
        for row in timed:
            values = [
                row["what"],
                row["threads"],
                f"{row['ours_ms']:.3g}",
                f"{row['theirs_ms']:.3g}",
                row["rival"],
                shown_ratio(row),
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
        lines += [f"- {demo_line(row)}." for row in rows if part == "demo"]
        lines += [
            f"- {row['what']}, {row['threads']} thread(s): {row['note']}" for row in rows if "note" in row
        ]
    lines += machine_lines(content)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def machine_lines(content: dict[str, Any]) -> list[str]:
    """The measurements of the machine at the end of each part, with their time."""
    lines = ["", "## The machine during the measurements", ""]
    lines += [
        "The load is the number of programs that ran or waited for a core, on average of five minutes. With "
        "more than one per core, times are too long, rows of two threads are unreliable, and ratios can be "
        "trusted to some 20 %.",
        "",
    ]
    lines += [
        "| part | commit | time | FMA peak of a core | memory, 1 and 2 threads | second cache "
        "| a second thread costs | load |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part, one in content["parts"].items():
        peak = one["fma_peak_gflops_one_core"]
        span = f"{peak['least']:.0f} to {peak['most']:.0f} GFLOP/s" if peak else ""
        memory = f"{one['memory_gb_per_second_1t']:.0f} and {one['memory_gb_per_second_2t']:.0f} GB/s"
        lines.append(
            f"| {part} | {one['commit']} | {one['time']} | {span} | {memory} "
            f"| {one['cache_gb_per_second']:.0f} GB/s | {one['sharing_us']:.1f} us "
            f"| {'' if one.get('load') is None else round(one['load'], 1)} |"
        )
    return lines


def bars(content: dict[str, Any]) -> list[Row]:
    """The rows of the pictures."""
    return [
        row for row in content["rows"]
        if row["part"] == "fused" and row["threads"] == 1 and row["work"] == "train"
    ]  # fmt: skip


def draw(slug: str, content: dict[str, Any], folder: Path) -> None:
    """The two pictures of the page of a machine."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    rows = bars(content)
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
            axes.bar(at, [found.get(shape, 0.0) for shape in shapes], 0.24, label=cell)
        if line is not None:
            axes.axhline(line, color="black", linewidth=0.8)
        axes.set_xticks(range(len(shapes)), labels)
        axes.set_title(title)
        axes.legend(frameon=False, ncols=len(cells))
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(folder / f"{name}-{slug}.png", dpi=110, metadata={"Software": None})
        plt.close(figure)


def with_table(text: str, table: str) -> str:
    """README's text with the table between its marks."""
    start, end = (text.index(mark) for mark in MARKS)
    return f"{text[: start + len(MARKS[0])]}\n{table}\n{text[end:]}"


def main() -> None:
    """Writes the pages, the pictures and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="where docs/ and README.md are to be")
    options = parser.parse_args()
    files = sorted(RESULTS.glob("*.json"), key=lambda path: (-path.stat().st_size, path.name))
    contents = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}
    pictures, pages = options.root / "docs" / "pictures", options.root / "docs" / "benchmarks"
    for folder in (pictures, pages):
        folder.mkdir(parents=True, exist_ok=True)
    for slug, content in contents.items():
        (pages / f"{slug}.md").write_text(page(slug, content), encoding="utf-8")
        if bars(content):
            draw(slug, content, pictures)
    (options.root / "docs" / "benchmarks.md").write_text(index(contents), encoding="utf-8")
    readme = with_table((ROOT / "README.md").read_text(encoding="utf-8"), readme_table(contents))
    (options.root / "README.md").write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
