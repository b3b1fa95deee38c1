"""What the examples of encoder-decoders share: the network, its training, its errors, and their command line.

An example has a `Task`: rows of ids and settings. Settings were chosen by the development rows (`--dev`); the
test rows are read once, after a training with the chosen settings.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

import ostinato as ost
from ostinato import analysis
from ostinato.data import ByLength
from ostinato.errors import ConfigError
from ostinato.metrics import edits

Ids = npt.NDArray[np.int64]
WIDTH = 5
"""The hypotheses of a beam search."""


@dataclass(frozen=True)
class Pairs:
    """Rows of source ids, and what is right for each: ids without an end. The first one is learned."""

    sources: Sequence[Ids]
    right: Sequence[Sequence[Ids]]

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, places: Any) -> Pairs:
        """Some rows, by their places."""
        return Pairs([self.sources[n] for n in places], [self.right[n] for n in places])


@dataclass(frozen=True)
class Parts:
    """The rows of a task. `names` are those of the ids of sources, and of targets."""

    train: Pairs
    dev: Pairs
    test: Pairs
    names: tuple[Sequence[str], Sequence[str]]

    @property
    def longest(self) -> int:
        """The most ids of a target."""
        every = (self.train, self.dev, self.test)
        return max(len(one) for part in every for right in part.right for one in right)


@dataclass(frozen=True)
class Settings:
    """Of a network and its training.

    `attention` is the name of a scorer, or "none"; `layers` are those of the decoder. `dropout` is of
    what the decoder returns, `embedding_dropout` of what both read, `memory_dropout` of what each layer of
    the encoder returns, `recurrent_dropout` of the states in all layers, with one mask for a row.
    `smoothing` is of labels.
    """

    attention: str = "additive"
    query: str = "before"
    cell: str = "gru"
    embedding: int = 16
    hidden: int = 64
    layers: int = 1
    encoder_layers: int = 1
    dropout: float = 0.0
    embedding_dropout: float = 0.0
    memory_dropout: float = 0.0
    recurrent_dropout: float = 0.0
    smoothing: float = 0.0
    lr: float = 5e-3
    batch: int = 64
    epochs: int = 6


@dataclass(frozen=True)
class Task:
    """Rows, by a seed and whether they are for a short run; the settings of a long and of a short run."""

    name: str
    rows: Callable[[int, bool], Parts]
    long: Settings
    short: Settings


@dataclass(frozen=True)
class Errors:
    """Shares of rows that are not right, and of ids: edits, divided by the ids of the targets."""

    rows: float
    ids: float

    def __str__(self) -> str:
        return f"{self.rows:.2%} of rows, {self.ids:.2%} of ids"


@dataclass(frozen=True)
class Result:
    """What a training came to. `seconds` are CPU seconds of the training."""

    name: str
    seed: int
    settings: Settings
    greedy: Errors
    beam: Errors
    seconds: float
    model: Model

    def __str__(self) -> str:
        given = self.settings
        return (
            f"{self.name}, seed {self.seed}, {given.attention} attention, query {given.query!r}: wrong are "
            f"{self.greedy} (greedy), {self.beam} (beam {WIDTH}); trained in {self.seconds:.0f} s of CPU"
        )


@dataclass(frozen=True)
class Model:
    """A network that reads `source` and `words`, and predicts targets. `end` is the id after the last one."""

    net: ost.Graph
    end: int
    longest: int

    @classmethod
    def new(cls, parts: Parts, given: Settings, seed: int) -> Model:
        """A row begins with the end, as an input."""
        sources, targets = map(len, parts.names)
        wide, most, rate = given.embedding, given.hidden, given.recurrent_dropout
        masks = [ost.VariationalDropout(rate)] if rate else []
        memory = _embedded("source", sources, given)
        for layer in range(given.encoder_layers):
            width = most if layer else wide
            encoder = ost.Recurrent(given.cell, width, most // 2, bidirectional=True, regularizers=masks)
            encoded = encoder(memory)
            memory = _dropped(given.memory_dropout, encoded)
        words = _embedded("words", targets + 1, given)
        more: dict[str, Any] = {"num_layers": given.layers, "regularizers": masks}
        if given.attention == "none":
            decoder: Any = ost.Recurrent(given.cell, wide, most, **more)
            decoded = decoder(words, initial_state=ost.Bridge(encoder, decoder)(encoded))
        else:
            decoder = ost.Decoder(given.cell, wide, most, most, given.attention, query=given.query, **more)
            start = ost.Bridge(encoder, decoder)(encoded)
            decoded = decoder(words, source=memory, initial_state=start)
        decoded = _dropped(given.dropout, decoded)
        return cls(ost.Graph(ost.Dense(most, targets + 1)(decoded), seed=seed), targets, parts.longest)

    def fed(self, pairs: Pairs) -> tuple[dict[str, Any], list[Ids]]:
        """Inputs and targets of teacher forcing: targets end with the end, words begin with it."""
        learned = [right[0] for right in pairs.right]
        words = [np.concatenate([[self.end], row]) for row in learned]
        targets = [np.concatenate([row, [self.end]]) for row in learned]
        return {"source": list(pairs.sources), "words": words}, targets

    def train(self, pairs: Pairs, given: Settings, seed: int, strategies: Sequence[Any] = ()) -> float:
        """Cross-entropy with teacher forcing, or a strategy. Returns the CPU seconds of the process."""
        began = time.process_time()
        trainer = ost.Trainer(
            self.net,
            loss=ost.CrossEntropy(label_smoothing=given.smoothing),
            optimizer=ost.Adam(lr=given.lr),
            schedule=ost.schedules.Cosine(),
            clip_norm=1.0,
            strategies=strategies,
            seed=seed,
        )
        x, targets = self.fed(pairs)
        trainer.fit(x, targets, epochs=given.epochs, batch_size=ByLength(given.batch))
        return time.process_time() - began

    def write(self, sources: Sequence[Ids], beam: int = 1) -> list[list[int]]:
        """The best ids for each source, without the end."""
        found = self.net.decode(
            {"source": list(sources)},
            begin=self.end,
            end=self.end,
            max_length=self.longest + 1,
            beam=beam,
        )
        return [
            row[:-1].tolist() if finished else row.tolist()
            for row, finished in zip(found.tokens, found.finished, strict=True)
        ]

    def errors(self, pairs: Pairs, beam: int = 1) -> Errors:
        """Of what is written freely. Of several right rows, the nearest one counts."""
        wrong, edited, length = 0, 0, 0
        for row, right in zip(self.write(pairs.sources, beam), pairs.right, strict=True):
            apart, ids = min((edits(row, one), len(one)) for one in right)
            wrong, edited, length = wrong + (apart > 0), edited + apart, length + ids
        return Errors(wrong / len(pairs), edited / length)


def _embedded(name: str, ids: int, given: Settings) -> Any:
    read = ost.Embedding(ids, given.embedding)(
        ost.Input(name, ids=ids, axis="source" if name == "source" else "target")
    )
    return _dropped(given.embedding_dropout, read)


def _dropped(rate: float, value: Any) -> Any:
    return ost.Dropout(rate)(value) if rate else value


def draw(path: str, model: Model, parts: Parts) -> None:
    """Where the decoder attends while it writes the first test row; needs ostinato[plot]."""
    source, names = parts.test.sources[0], parts.names
    (written,) = model.write([source])
    found = analysis.alignment(model.net, {"source": [source]}, [[*written, model.end]], begin=model.end)
    ax = found.plot(
        source=[names[0][one] for one in source], target=[*(names[1][one] for one in written), "end"]
    )
    ax.set(xlabel="read", ylabel="written")
    ax.figure.savefig(path, dpi=60)


def parser_of(task: Task, description: str | None) -> argparse.ArgumentParser:
    """The options of every example: one for each setting, and those of the run."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a run of seconds, with few rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="so many runs, from --seed on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--picture", metavar="FILE", help="the alignment of one test row")
    parser.add_argument("--load", metavar="FILE", help="start from the network of a model file")
    parser.add_argument("--save", metavar="FILE", help="a model file for the network")
    parser.add_argument("--dev", action="store_true", help="measure the development rows, not the test rows")
    for field in fields(Settings):
        default = getattr(task.long, field.name)
        parser.add_argument(
            f"--{field.name}",
            type=type(default),
            help=f"{default} unless --short: {getattr(task.short, field.name)}",
        )
    return parser


def run(task: Task, given: argparse.Namespace) -> list[Result]:
    """Trains, prints and returns the results."""
    ost.set_num_threads(given.threads)
    chosen = {field.name: getattr(given, field.name) for field in fields(Settings)}
    settings = replace(
        task.short if given.short else task.long,
        **{name: value for name, value in chosen.items() if value is not None},
    )
    if given.picture and settings.attention == "none":
        raise ConfigError("--picture draws an attention, and --attention is none; omit one of them")
    results = []
    for seed in range(given.seed, given.seed + given.seeds):
        parts = task.rows(seed, given.short)
        model = Model.new(parts, settings, seed)
        if given.load:
            model = replace(model, net=ost.load(given.load))
        seconds = model.train(parts.train, settings, seed)
        if given.save:
            model.net.save(given.save)
        if given.picture:
            draw(given.picture, model, parts)
        measured = parts.dev if given.dev else parts.test
        errors = [model.errors(measured, beam) for beam in (1, WIDTH)]
        name = f"{task.name} (dev)" if given.dev else task.name
        results.append(Result(name, seed, settings, *errors, seconds, model))
        print(results[-1], flush=True)
    return results
