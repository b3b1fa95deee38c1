"""F1 of chunks: runs of tags such as names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ostinato.errors import ConfigError, shown
from ostinato.metrics.metric import Metric


class ChunkF1(Metric):
    """F1 0..1 of chunks in tags of the form IOB2. y (V,) scores of tags, target the id of a tag.

    "B-x" begins a chunk of the kind x, "I-x" continues it, and "O" is outside. An "I-x" that does not follow
    a tag of its kind begins a chunk, as in the script of CoNLL-2000. A chunk is correct if its kind, its
    first and its last step are. A step with the weight 0 does not count, other weights count as 1.

    tags: the tags in the order of their ids, each "O", "B-..." or "I-...". Raises ConfigError.
    Source: Tjong Kim Sang and Buchholz 2000, "Introduction to the CoNLL-2000 shared task: chunking".
    """

    name = "chunk_f1"
    target: ClassVar[str] = "index"
    better: ClassVar[str] = "higher"
    examples = ({}, {"tags": ("I-a", "O", "B-b")})
    check_sizes = (3,)

    def __init__(self, *, tags: Sequence[str] = ("O", "B-chunk", "I-chunk")) -> None:
        """Choose the names of the ids."""
        if isinstance(tags, str) or not isinstance(tags, Sequence) or not tags:
            raise ConfigError(
                f"metric 'chunk_f1': tags is {shown(tags)}; expected a list such as ['O', 'B-x']"
            )
        for place, tag in enumerate(tags):
            if not isinstance(tag, str) or not (tag == "O" or (tag[:2] in ("B-", "I-") and len(tag) > 2)):
                raise ConfigError(
                    f"metric 'chunk_f1': tags[{place}] is {shown(tag)}; expected 'O', 'B-...' or 'I-...'"
                )
        self.tags = tuple(tags)

    def row(self, outputs: npt.NDArray[Any], targets: npt.NDArray[Any]) -> Any:
        """Return the correct, the predicted and the true chunks."""
        found, wanted = (self._chunks(ids) for ids in (outputs.argmax(1), np.ravel(targets)))
        return np.array([len(found & wanted), len(found), len(wanted)], np.float64)

    def finish(self, mean: Any) -> float:
        """Return F1; without any chunk 1, as nothing is wrong."""
        correct, found, wanted = map(float, mean)
        return 2 * correct / (found + wanted) if found + wanted else 1.0

    def _chunks(self, ids: npt.NDArray[Any]) -> set[tuple[str, int, int]]:
        """The kind, the first and the last step of each chunk. Raises ConfigError for an id without a tag."""
        chunks, kind, start = set(), "", 0
        names = [self._tag(int(one)) for one in ids]
        for step, tag in enumerate([*names, "O"]):
            if kind and tag != f"I-{kind}":
                chunks.add((kind, start, step - 1))
                kind = ""
            if tag != "O" and not kind:
                kind, start = tag[2:], step
        return chunks

    def _tag(self, one: int) -> str:
        if not 0 <= one < len(self.tags):
            raise ConfigError(
                f"metric 'chunk_f1': the id {one} has no tag; expected tags= with a name for each output, "
                f"got {len(self.tags)}"
            )
        return self.tags[one]
