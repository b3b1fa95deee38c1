"""`CanStep`: networks that run step by step: streams, and those that are fed what they predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from ostinato import _core, checks
from ostinato.network.calls import Calls
from ostinato.signature import later

if TYPE_CHECKING:  # Most programs run no steps.
    from ostinato.decoding import Decoded, Penalty, Sample
    from ostinato.network.facts import NetworkFacts
    from ostinato.network.stepwise import Stepwise, StepwiseNetwork
    from ostinato.network.stream import Stream
else:
    Decoded, Penalty, Sample = (later("ostinato.decoding", one) for one in ("Decoded", "Penalty", "Sample"))
    Stream = later("ostinato.network.stream", "Stream")

Ids: TypeAlias = int | Sequence[int] | NDArray[np.int64]
MaxLength: TypeAlias = Ids | Callable[[int], int]


class CanStep(Calls):
    """Runs a network one step per call, or feeds it the ids that it predicts."""

    _divided: tuple[_core.Network, dict[str | None, Any]] | None
    """The network that was divided, and a `Stepwise` by what it watches; None before that.

    Its module is loaded with the first one, so it is no name of this annotation.
    """

    def stream(
        self,
        batch: int | None = None,
        *,
        rows: Mapping[str, Any] | None = None,
        memory: Any = None,
        lengths: Any = None,
    ) -> Stream:
        """A network that runs one step per call, for `batch` rows.

        It is fed the input on the axis of its output. What depends on other inputs alone, such as an encoder
        and the keys of an attention, runs once, when the stream is made.

        Args:
            batch: the number of rows; None for the rows of `memory`, or one.
            rows: of a graph that reads values of rows, such as static features, a dict of them by name:
                (batch, size) floats, or (batch,) ids.
            memory: of a graph or a layer that reads sequences besides the one that it is fed, a dict of them
                by name: (batch, S, size) floats, (batch, S) ids, or a list of rows. What is no dict is the
                only one.
            lengths: (batch,) integers 0..S of the memory; a dict by axis if there are several axes.

        It copies the current parameters; `Stream.refresh` copies them again. Raises ConfigError for a network
        that reads the fed sequence backwards or as a whole, or that has several outputs or several inputs on
        one axis with its output; ShapeError, DTypeError for other values.
        """
        from ostinato.network.stream import Stream

        count = None if batch is None else checks.count("stream", "batch", batch, at_least=1)
        steps = self._stepwise()
        return Stream(cast("NetworkFacts", self), steps, steps.before("stream", count, rows, memory, lengths))

    def _stepwise(self, watch: str | None = None) -> Stepwise:
        """The parts of this network that run before the steps and at each step, made when first wanted.

        watch: the name of the numbers on entries that can be read after each step, "" for the only ones.
        """
        from ostinato.network.stepwise import Stepwise

        core = self._core()
        with self._lock:
            if self._divided is None or self._divided[0] is not core:
                self._divided = (core, {})
            made: dict[str | None, Stepwise] = self._divided[1]
            if watch not in made:
                steps = core.steps(watch)
                made[watch] = Stepwise(
                    steps, self._graph, self._ports, self._dtype_name, self.batch_first is not False
                )
            return made[watch]

    def decode(
        self,
        x: Any = None,
        *,
        begin: Ids,
        end: int | None,
        max_length: MaxLength,
        lengths: Any = None,
        beam: int | None = None,
        n_best: int = 1,
        penalty: Penalty | None = None,
        sample: Sample | None = None,
        min_length: int = 0,
        prefix: Any = None,
        ban: Sequence[int] = (),
        no_repeat_ngram: int = 0,
        row_ids: Any = None,
        alignments: bool | str = False,
    ) -> Decoded:
        """The ids that the network predicts when it is fed its own predictions: a beam search, or samples.

        The network is fed the ids on the axis of its output, and its output is a logit for each id. What does
        not depend on these ids, such as an encoder, runs once. Each row is searched alone: the other rows and
        the number of threads do not change its bits.

        Args:
            x: the other inputs, as in `run`: a dict by name, or the only one. None if there are none.
            begin: the id that is fed at the first step: an integer, or one for each row.
            end: the id that ends a hypothesis; it is one of its tokens. None: every hypothesis has
                `max_length` tokens.
            max_length: the most tokens, the end included: an integer, one for each row, or a function of the
                length of the row's own memory, such as `lambda length: 2 * length + 5`.
            lengths: as in `run`, of the other inputs.
            beam: the hypotheses that go on at each step; 1 takes the most likely id at each step. None: 5.
            n_best: hypotheses in the result, at most `beam`; fewer if there are no more.
            penalty: how hypotheses of different lengths are compared: `ost.LengthNorm`, `ost.Wu`,
                `ost.TokenReward`; None for the log-probability. A row ends when no hypothesis that goes on
                can reach the best ones any more. `ost.Wu(beta=...)` reads the weights of `alignments`.
            sample: `ost.Sample(...)` draws ids instead.
            min_length: the fewest tokens of a hypothesis that ends.
            prefix: ids that are not chosen: (N, P), or a list of rows; -1 where the network chooses. They
                count in the log-probability.
            ban: ids that are never chosen. The probabilities of the others stay as they are.
            no_repeat_ngram: no sequence of this many ids occurs twice in a hypothesis; 0 allows all.
            row_ids: with `sample`, the number of each row in the address of its draws; by default its place.
            alignments: True returns the weights of the attention at each token (`Decoded.alignments`); the
                mean of several heads. A name chooses among several: that of a memory ("source", and
                "source_1" for the second attention to it), or of a state with one number for each entry.

        Raises ConfigError, ShapeError or DTypeError, naming the argument; ConfigError for a network that
        cannot be fed its output, and for `alignments` of one without attention; NonFiniteError for logits
        that are not finite.
        """
        from ostinato.network.decode import decode

        return decode(
            cast("StepwiseNetwork", self),
            x,
            begin,
            end,
            max_length,
            lengths,
            beam,
            n_best,
            penalty,
            sample,
            min_length,
            prefix,
            ban,
            no_repeat_ngram,
            row_ids,
            alignments,
        )

    def log_prob(self, x: Any, tokens: Any, *, begin: Ids, lengths: Any = None) -> NDArray[np.float64]:
        """The log-probability of given tokens, (N,) float64: what `decode` reports when it finds them.

        Args:
            x: the other inputs, as in `decode`; None if there are none.
            tokens: ids (N, T), or a list of rows, the end included.
            begin: the id that is fed at the first step: an integer, or one for each row.
            lengths: as in `run`, of the other inputs.

        Raises ConfigError, ShapeError, DTypeError, NonFiniteError, as `decode` does.
        """
        from ostinato.network.decode import log_prob

        return log_prob(cast("StepwiseNetwork", self), x, tokens, begin, lengths)
