"""PyTorch's side of `decoders.py`: an encoder-decoder as a careful user writes it.

A loop runs over the decoder's steps. The keys and the products with the embedded words are outside the loop,
products of one operand are one product, the readout and the head follow the loop where no step reads them.
Rows of different lengths are packed for the encoder. Hypotheses of a sentence share its memory.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

Arrays = dict[str, np.ndarray]
Steps = list[torch.Tensor]


class Memory:
    """What the steps read of the source: (N, S, M), the keys (N, S, A), and a mask (N, S) of ragged rows."""

    def __init__(self, values: torch.Tensor, keys: torch.Tensor, lengths: torch.Tensor | None) -> None:
        self.values, self.keys = values, keys
        self.mask: torch.Tensor | None = None
        if lengths is not None:
            beyond = torch.arange(values.shape[1])[None] >= lengths[:, None]
            self.mask = torch.zeros(beyond.shape, dtype=values.dtype).masked_fill(beyond, -torch.inf)

    def attend(self, query: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """(R, A) -> (R, M), with R = N hypotheses, or as many of each sentence in turn."""
        rows, width = self.keys.shape[0], self.keys.shape[2]
        of_each = query.view(rows, -1, 1, width)
        scores = torch.tanh(of_each + self.keys[:, None]) @ v  # (N, K, S)
        if self.mask is not None:
            scores = scores + self.mask[:, None]
        return torch.bmm(torch.softmax(scores, -1), self.values).view(-1, self.values.shape[-1])


class Rival(torch.nn.Module):
    """The networks of `decoders.py` with additive attention, with the parameters of ours.

    `query` is that of ost.Decoder. `attends` is False for a decoder without attention: a GRU and a head.
    `activated` says whether the readout ends with tanh.
    """

    def __init__(
        self, params: Arrays, dtype: torch.dtype, query: str = "before", *, attends: bool = True,
        activated: bool = True, feeding: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.query, self.attends, self.activated, self.feeding = query, attends, activated, feeding
        # without names of layers: those differ from graph to graph, and PyTorch's names have no dots
        self.ours = {name.replace(".", "_"): name for name in params}
        for name, ours in self.ours.items():
            value = torch.from_numpy(params[ours]).to(dtype, copy=True)
            self.register_parameter(name, torch.nn.Parameter(value))
        width, half = params["1.weight"].shape[1], params["2.weight_hh_l0"].shape[1]
        self.encoder = torch.nn.GRU(width, half, batch_first=True, bidirectional=True, dtype=dtype)
        for name, _ in list(self.encoder.named_parameters()):
            setattr(self.encoder, name, getattr(self, f"2_{name}"))

    def gradients(self) -> Arrays:
        """By our names."""
        found = {ours: getattr(self, name).grad for name, ours in self.ours.items()}
        return {name: value.numpy() for name, value in found.items() if value is not None}

    def p(self, name: str) -> torch.Tensor:
        """A parameter of the decoder or its readout."""
        found: torch.Tensor = getattr(self, f"4_{name}")
        return found

    def encode(self, source: torch.Tensor, lengths: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Ids (N, S) -> the memory (N, S, M), and the first state (N, H)."""
        embedded = functional.embedding(source, getattr(self, "1_weight"))
        if lengths is None:
            memory, last = self.encoder(embedded)
        else:
            packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
            memory, last = self.encoder(packed)
            memory, _ = pad_packed_sequence(memory, batch_first=True, total_length=source.shape[1])
        final = torch.cat([last[0], last[1]], -1)
        start = torch.tanh(functional.linear(final, getattr(self, "3_0_weight"), getattr(self, "3_0_bias")))
        return memory, start

    def head(self, values: torch.Tensor) -> torch.Tensor:
        """Logits."""
        return functional.linear(values, getattr(self, "5_weight"), getattr(self, "5_bias"))

    def readout(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Of the output and the context, and the embedded word where it is wide enough."""
        weight, bias = self.p("readout_weight"), self.p("readout_bias")
        width = sum(part.shape[-1] for part in parts)
        used = parts if weight.shape[1] == width else parts[:-1]
        value = functional.linear(torch.cat(list(used), -1), weight, bias)
        return torch.tanh(value) if self.activated else value


class Loop:
    """The steps of a decoder for one call: what does not change from step to step is computed once."""

    def __init__(self, of: Rival, memory: torch.Tensor, lengths: torch.Tensor | None) -> None:
        self.of = of
        weight_ih, self.weight_hh, self.bias_hh = (
            of.p(name) for name in ("weight_ih_l0", "weight_hh_l0", "bias_hh_l0")
        )
        self.hidden = self.weight_hh.shape[1]
        self.words: torch.Tensor = getattr(of, "0_weight")
        inputs = self.words.shape[1]
        self.weight_x, self.weight_fed = weight_ih[:, :inputs], weight_ih[:, inputs:]
        self.bias_ih = of.p("bias_ih_l0")
        self.memory: Memory | None = None
        if not of.attends:
            return
        self.memory = Memory(memory, memory @ of.p("attend_weight_k").T, lengths)
        self.v, self.weight_q = of.p("attend_v"), of.p("attend_weight_q")
        if of.query == "before":
            # the query and the gates read the same state
            self.weight_hh = torch.cat([self.weight_hh, self.weight_q])
            self.bias_hh = torch.cat([self.bias_hh, self.bias_hh.new_zeros(self.weight_q.shape[0])])
        elif of.query == "between":
            self.weight_hh2 = torch.cat([of.p("weight_hh_l0_context"), self.weight_q])
            zeros = self.bias_hh.new_zeros(self.weight_q.shape[0])
            self.bias_hh2 = torch.cat([of.p("bias_hh_l0_context"), zeros])
            self.weight_fed, self.bias_ih2 = of.p("weight_ih_l0_context"), of.p("bias_ih_l0_context")

    def gates(self, inner: torch.Tensor, outer: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """GRU with reset="after": both affine maps (R, 3H) -> the next state (R, H)."""
        two = 2 * self.hidden
        r, z = torch.sigmoid(inner[:, :two] + outer[:, :two]).chunk(2, 1)
        n = torch.tanh(inner[:, two:] + r * outer[:, two : 3 * self.hidden])
        return torch.lerp(n, h, z)

    def step(
        self, x: torch.Tensor, h: torch.Tensor, fed: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The state and the context (or None) after a step, whose product with the word is x (R, 3H)."""
        gates = 3 * self.hidden
        outer = functional.linear(h, self.weight_hh, self.bias_hh)
        if self.memory is None:
            return self.gates(x, outer, h), None
        if self.of.query == "before":
            context = self.memory.attend(outer[:, gates:], self.v)
            inner = torch.addmm(x, context, self.weight_fed.T) if self.of.feeding else x
            return self.gates(inner, outer, h), context
        if self.of.query == "after":
            inner = x if fed is None else torch.addmm(x, fed, self.weight_fed.T)
            h = self.gates(inner, outer, h)
            return h, self.memory.attend(h @ self.weight_q.T, self.v)
        h = self.gates(x, outer, h)
        outer = functional.linear(h, self.weight_hh2, self.bias_hh2)
        context = self.memory.attend(outer[:, gates:], self.v)
        inner = functional.linear(context, self.weight_fed, self.bias_ih2)
        return self.gates(inner, outer[:, :gates], h), context

    def forced(self, words: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """Logits (N, T, V) of true words (N, T)."""
        embedded = functional.embedding(words, self.words)
        inner = functional.linear(embedded, self.weight_x, self.bias_ih).unbind(1)
        if self.memory is not None and not self.of.feeding:
            return self._attending_late(embedded, inner, h)
        fed: torch.Tensor | None = None
        states: Steps = []
        contexts: Steps = []
        for x in inner:
            h, context = self.step(x, h, fed)
            if self.of.query == "after" and context is not None:
                fed = self.of.readout([h, context, h])
                states.append(fed)
                continue
            states.append(h)
            if context is not None:
                contexts.append(context)
        out = torch.stack(states, 1)
        if contexts:
            out = self.of.readout([out, torch.stack(contexts, 1), embedded])
        return self.of.head(out)

    def _attending_late(
        self, embedded: torch.Tensor, inner: tuple[torch.Tensor, ...], h: torch.Tensor
    ) -> torch.Tensor:
        """Without input feeding: all queries together, after the loop over the cell."""
        weight, bias = self.weight_hh[: 3 * self.hidden], self.bias_hh[: 3 * self.hidden]
        states = [h]
        for x in inner:
            states.append(self.gates(x, functional.linear(states[-1], weight, bias), states[-1]))
        memory = self.memory
        if memory is None:
            raise TypeError("a decoder without a memory has nothing to attend to")
        rows, steps = len(h), len(inner)
        query = torch.stack(states[:-1], 1) @ self.weight_q.T
        context = memory.attend(query.reshape(rows * steps, -1), self.v).view(rows, steps, -1)
        return self.of.head(self.of.readout([torch.stack(states[1:], 1), context, embedded]))

    def logits(
        self, ids: torch.Tensor, h: torch.Tensor, fed: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Logits, the state, and what is fed, after one step of ids (R,)."""
        embedded = functional.embedding(ids, self.words)
        x = functional.linear(embedded, self.weight_x, self.bias_ih)
        h, context = self.step(x, h, fed)
        if context is None:
            return self.of.head(h), h, None
        out = self.of.readout([h, context, embedded])
        return self.of.head(out), h, out if self.of.query == "after" else None


class Work:
    """The calls that are timed, of one batch: `lengths` is None for rows of one length."""

    def __init__(
        self, rival: Rival, source: np.ndarray, lengths: np.ndarray | None,
        words: np.ndarray | None = None, targets: np.ndarray | None = None, valid: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.rival = rival
        self.source = torch.from_numpy(source)
        self.lengths = None if lengths is None else torch.from_numpy(lengths)
        self.words = None if words is None else torch.from_numpy(words)
        self.targets = None if targets is None else torch.from_numpy(targets)
        self.valid = None if valid is None else torch.from_numpy(valid)

    def _loop(self) -> tuple[Loop, torch.Tensor]:
        memory, h = self.rival.encode(self.source, self.lengths)
        return Loop(self.rival, memory, self.lengths), h

    def loss(self) -> torch.Tensor:
        """The mean cross-entropy of the valid targets."""
        if self.words is None or self.targets is None:
            raise TypeError("no targets were given")
        loop, h = self._loop()
        logits, targets = loop.forced(self.words, h), self.targets
        if self.valid is not None:
            logits, targets = logits[self.valid], targets[self.valid]
        return functional.cross_entropy(logits.flatten(0, -2), targets.flatten())

    def train(self) -> float:
        """Forward, loss, backward."""
        self.rival.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        return float(loss.detach())

    @contextlib.contextmanager
    def _started(self) -> Iterator[tuple[Loop, torch.Tensor]]:
        with torch.inference_mode():
            yield self._loop()

    def greedy(self, begin: int, steps: int) -> torch.Tensor:
        """The most likely ids (N, steps)."""
        with self._started() as (loop, h):
            ids, fed = torch.full((len(h),), begin), None
            found = []
            for _ in range(steps):
                logits, h, fed = loop.logits(ids, h, fed)
                ids = logits.argmax(-1)
                found.append(ids)
            return torch.stack(found, 1)

    def beam(self, begin: int, steps: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The best ids (N, steps) of a search, and their log-probabilities (N,)."""
        with self._started() as (loop, h):
            rows = len(h)
            logits, h, fed = loop.logits(torch.full((rows,), begin), h, None)
            total, ids = functional.log_softmax(logits, -1).topk(width, -1)  # (N, K)
            h = h.repeat_interleave(width, 0)
            fed = None if fed is None else fed.repeat_interleave(width, 0)
            chosen, parents = [ids], []
            first = width * torch.arange(rows)[:, None]
            for _ in range(steps - 1):
                logits, h, fed = loop.logits(ids.reshape(-1), h, fed)
                vocabulary = logits.shape[-1]
                each = functional.log_softmax(logits, -1).view(rows, width, vocabulary) + total[..., None]
                total, flat = each.view(rows, -1).topk(width, -1)
                parent, ids = flat // vocabulary, flat % vocabulary
                at = (first + parent).view(-1)
                h = h.index_select(0, at)
                fed = None if fed is None else fed.index_select(0, at)
                chosen.append(ids)
                parents.append(parent)
            best = torch.zeros(rows, 1, dtype=torch.int64)
            found = [chosen[-1].gather(1, best)]
            for ids, parent in zip(chosen[-2::-1], reversed(parents), strict=True):
                best = parent.gather(1, best)
                found.append(ids.gather(1, best))
            return torch.cat(found[::-1], 1), total[:, 0]
