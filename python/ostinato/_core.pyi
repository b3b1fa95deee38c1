"""The engine, as Python sees it. `ostinato.trace` and `ostinato.network` are its friendly faces."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, final

from numpy import ndarray

__all__ = [
    "Budget",
    "DecodeMethod",
    "Given",
    "Losses",
    "Network",
    "OutputLoss",
    "PlannedStep",
    "Program",
    "ProgramBuilder",
    "Run",
    "Steps",
    "Stream",
    "ThroughTime",
    "Update",
    "__version__",
    "cache_sizes",
    "elementwise_op_names",
    "fma_peak_gflops",
    "get_num_threads",
    "instruction_set",
    "instruction_sets",
    "load_model",
    "op_names",
    "save_model",
    "set_eager",
    "set_memory_reserve",
    "set_num_threads",
    "square_sum",
    "token_log_probs",
]

__version__: str

_Array: TypeAlias = ndarray[Any, Any]
# lengths (N,) and masks (N, T) of booleans by axis of sequences; resets (N, T); what the first step counts as
_Extent: TypeAlias = tuple[Sequence[_Array | None], Sequence[_Array | None], _Array | None, int]
# parameter arena; the inputs in order, (N, T, F) or (N, F), ids (N, T) or (N,); extent;
# (N, size) or None per state slot
_Call: TypeAlias = tuple[_Array, Sequence[_Array], _Extent | None, Sequence[_Array | None]]

@final
class ProgramBuilder:
    """Records a program node by node; a node is named by its number.

    Dims are texts that are linear in the sizes: "hidden", "2*hidden+1", "7". Raises ShapeError.
    """

    def __new__(cls, name: str, sizes: Mapping[str, int]) -> ProgramBuilder: ...
    def input(self, name: str, shape: Sequence[str]) -> int: ...
    def index_input(self, name: str) -> int: ...
    def state(self, name: str, shape: Sequence[str]) -> int: ...
    def state_on(self, name: str, shape: Sequence[str], axis: int) -> int:
        """A state with one value for each entry of the entries axis `axis`."""
    def param(self, name: str, shape: Sequence[str]) -> int: ...
    def memory(self, name: str, shape: Sequence[str], axis: int) -> int:
        """A vector for each entry of the entries axis `axis`; a new axis has the next number."""
    def const(self, value: float) -> int: ...
    def add(
        self,
        op: str,
        args: Sequence[int],
        attrs: Mapping[str, float | Sequence[str]] | None = None,
        where: str | None = None,
    ) -> int:
        """One op. `where` (file, line, source) is added to the message of an error."""
    def name(self, node: int, name: str) -> None: ...
    def shape(self, node: int) -> list[tuple[int, str]]:
        """Value and text of each dim."""
    def is_index(self, node: int) -> bool: ...
    def entries(self, node: int) -> int | None:
        """The entries axis of a value on the entries of a memory."""
    def finish(self, outputs: Sequence[tuple[str, int]], updates: Sequence[tuple[str, int]]) -> Program: ...

@final
class Program:
    """The equations of one step: (inputs, states, parameters) -> (outputs, next states)."""

    def __new__(cls, text: str) -> Program:
        """Reads a canonical text; raises FormatError."""
    def __getnewargs__(self) -> tuple[str]: ...
    def to_json(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def hash(self) -> str:
        """SHA-256 of the equations, without the names of intermediate values."""
    @property
    def sizes(self) -> dict[str, int]: ...
    @property
    def inputs(self) -> list[tuple[str, list[int], bool]]:
        """Name, shape, whether it is an id."""
    @property
    def states(self) -> list[tuple[str, list[int]]]: ...
    @property
    def params(self) -> list[tuple[str, list[int]]]: ...
    @property
    def entry_states(self) -> list[tuple[str, list[int]]]:
        """The states on the entries of memories; `states` are those of the row."""
    @property
    def memories(self) -> list[tuple[str, list[int]]]: ...
    @property
    def outputs(self) -> list[tuple[str, list[int]]]: ...
    @property
    def calls(self) -> bool:
        """Whether it calls a function, which the text does not hold."""
    def tangent(self) -> Program:
        """Forward mode: whatever is called <name> gets a tangent `d_<name>` beside it; ids have none."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

@final
class Network:
    """A graph of layers over sequences; a sequence is named by its number.

    Arrays must be C-contiguous and of the network's dtype (float32 or float64); ids and lengths are int64.
    """

    def __new__(cls, dtype: str, input_gradient: bool = True, frozen: Sequence[int] = ...) -> Network:
        """Without `input_gradient` backward passes leave that of the inputs out.

        `frozen` are the offsets of parameters whose gradients they always leave out.
        """

    def input(self, name: str, along: str, width: int) -> int:
        """Features along an axis of sequences, (N, T, width), or along "row", (N, width)."""
    def index_input(self, name: str, along: str, limit: int) -> int: ...
    def layer(
        self,
        program: Program,
        inputs: Sequence[int],
        params: Sequence[int],
        inference: Program | None = None,
        function: tuple[Callable[[str, int, list[_Array]], _Array], str] | None = None,
        penalty: Program | None = None,
        initial: Sequence[tuple[str, int]] | None = None,
        memories: Sequence[int] = ...,
    ) -> int:
        """A program at every step, or once a row; `params` are the offsets of its parameters in the arena.

        `inference` has the same inputs, states, parameters and outputs, and runs in calls without training.
        `function(part, rows, operands)` is what a program with calls calls, with float64 arrays; the text
        beside it says why that is no equation. An output called "penalty", one number, is what a step adds to
        the loss of training; `penalty` is what the parameters, its inputs, add. `initial` are states
        that start from the value of a node, (N, size), by name. `memories` are sequences that stay the
        same at every step, in the order of the program. Returns the first output.
        """
    def final_state(self, node: int, name: str) -> int:
        """The state of the layer of `node` after the last step of each row, (N, size)."""

    def layer_output(self, node: int, name: str) -> int:
        """Another output of the layer whose first output is `node`."""
    def derive(self, kind: str, nodes: Sequence[int], columns: Sequence[tuple[int, int]] = ...) -> int:
        """Elements of other nodes: "add", "concat", "reverse", "repeat", "slice", or a reduction over time.

        columns: for each node the first column that is read, and the one after the last; () for all columns.
        """
    def finish(self, outputs: Sequence[tuple[str, int]]) -> None: ...
    def to_json(self) -> str:
        """The canonical text of the graph; ConfigError for a step in Python."""
    def run(self, call: _Call, training: bool, seed: int = 0) -> Run:
        """Every array of `call` is copied before the engine starts; the seed is that of the noise."""
    def value_and_grad(
        self, call: _Call, losses: Losses, through_time: ThroughTime, seed: int = 0, first_row: int = 0
    ) -> tuple[float, list[float], _Array, list[_Array | None], list[_Array | None], list[_Array], float]:
        """The loss, that of each output, and gradients.

        After the losses come the gradient arena, the gradient of each input (None for ids) and of each
        initial state (None where no backward pass runs), final states, and the part of the loss that
        penalties are. The noise counts rows from `first_row`.
        """
    def checkpoint_plan(
        self, rows: int, steps: int, budget: Budget, losses: Sequence[tuple[int, Program]]
    ) -> dict[str, Any]:
        """Steps of the "segments" of each row group, most "states" and "kept" segments, "bytes", repeats."""
    def training_memory(
        self, rows: int, steps: Sequence[int], losses: Sequence[tuple[int, Program]]
    ) -> dict[str, int]:
        """Bytes at the peak, by steps of each axis: "parameters", "batch", "row_group" times "threads"."""
    def loss_value(self, call: _Call, losses: Losses) -> tuple[list[float], list[_Array]]:
        """The loss of each output, and final states."""
    def steps(self, watch: str | None = None) -> Steps:
        """Divided at the input that is fed step by step; ConfigError where a step needs later ones.

        watch: the name of the numbers on entries that can be read after each step; "" for the only ones.
        """
    def explain(self, rows: int, steps: int) -> str: ...
    def plans(self) -> list[dict[str, Any]]:
        """Each layer's "name", and counts of its plan for "inference", "forward" and "backward".

        A layer that is divided has the same counts of what runs once per row under "once_per_row",
        of what runs once per id under "once_per_id", and of what runs once per entry of a memory, by its
        name, under "once_per_entry".
        """

@final
class ThroughTime:
    """How a gradient is propagated through time."""

    @staticmethod
    def full() -> ThroughTime: ...
    @staticmethod
    def truncated(k1: int, k2: int) -> ThroughTime:
        """Every k1 steps, through at most k2 steps."""
    @staticmethod
    def checkpointed(budget: Budget) -> ThroughTime: ...

@final
class Budget:
    """The memory of checkpointed BPTT."""

    @staticmethod
    def bytes(count: int) -> Budget: ...
    @staticmethod
    def share(millionths: int) -> Budget:
        """Millionths of the memory of full BPTT."""
    @staticmethod
    def square_root() -> Budget:
        """The memory of segments of about sqrt(T) steps."""

@final
class OutputLoss:
    """The loss of an output, by its number; its targets and weights; what the loss is multiplied with.

    `last`: only the last step of each row counts. `params`: the offset in the arena and the values (n,) of
    each parameter, in the order of the program.
    """

    def __new__(
        cls,
        output: int,
        program: Program,
        targets: _Array,
        weights: _Array | None = None,
        scale: float = 1.0,
        last: bool = ...,
        params: Sequence[tuple[int, _Array]] = ...,
    ) -> OutputLoss: ...
    @property
    def params(self) -> list[tuple[int, _Array]]: ...
    @property
    def output(self) -> int: ...
    @property
    def program(self) -> Program: ...
    @property
    def targets(self) -> _Array: ...
    @property
    def weights(self) -> _Array | None: ...
    @property
    def scale(self) -> float: ...
    @property
    def last(self) -> bool: ...

@final
class Losses:
    """The losses of all outputs that have one; `reduction` is "mean" or "sum", else ConfigError.

    `share`: the factors of penalties, where rows are a part of a larger batch: those of steps by axis, and
    that of parameters.
    """

    def __new__(
        cls, outputs: Sequence[OutputLoss], reduction: str, share: tuple[Sequence[float], float] | None = None
    ) -> Losses: ...
    @property
    def outputs(self) -> list[OutputLoss]: ...
    @property
    def reduction(self) -> str: ...

@final
class Run:
    """A run over a batch."""

    @property
    def outputs(self) -> list[_Array]:
        """By output: (N, T, width), zeros where no step is valid; or (N, width) along rows."""
    @property
    def final_state(self) -> list[_Array]:
        """(N, size) per state slot."""
    @property
    def penalty(self) -> float | None:
        """What is added to a loss that is a mean; None where nothing is, or without training."""
    def backward(
        self,
        d_outputs: Sequence[_Array | None],
        d_final_state: Sequence[_Array | None] | None,
        d_penalty: float = 0.0,
    ) -> tuple[_Array, list[_Array | None], list[_Array]]: ...

# begin, end, the most ids by row, the fewest, banned by id, the length of what may not repeat, forced ids.
_Asked: TypeAlias = tuple[Sequence[int], int | None, Sequence[int], int, Sequence[bool], int, _Array | None]
# Hypotheses by row; ids, ended, score, log-probability by hypothesis; all ids, the log-probability of each;
# the number of entries by hypothesis and all weights, where they are read.
_Hypotheses: TypeAlias = tuple[
    _Array, _Array, _Array, _Array, _Array, _Array, _Array, tuple[_Array, _Array] | None
]

@final
class DecodeMethod:
    """How hypotheses are found and scored."""

    @staticmethod
    def beam(width: int, best: int, penalty: tuple[str, float, float]) -> DecodeMethod:
        """A penalty is "none", "length", "wu" or "reward", with its number; "wu" has one for coverage too."""
    @staticmethod
    def sampling(
        count: int, temperature: float, top_k: int, top_p: float, seed: int, rows: Sequence[int]
    ) -> DecodeMethod:
        """`count` draws of each row; `rows` are the numbers of the rows in the addresses of their noise."""

def token_log_probs(logits: _Array, ids: _Array) -> _Array:
    """The log-probability of one id by row: logits (N, K), ids (N,), as a search computes it; 0 below 0."""

@final
class Given:
    """What the steps of some rows are given before the first one, such as the memories of a decoder."""

@final
class Steps:
    """A network that runs step by step: what comes before the steps, and the steps."""

    @property
    def fed(self) -> int:
        """The number of the fed input."""
    @property
    def states(self) -> list[int]:
        """The state slots of the steps, by their number in the network."""
    @property
    def reads(self) -> bool:
        """Whether the steps read anything but the fed input and their states."""
    def given(self, call: _Call) -> Given:
        """Runs what comes before the steps, with all inputs but the fed one."""
    def nothing(self, rows: int) -> Given:
        """For steps that read nothing else."""
    def decode(self, arena: _Array, given: Given, asked: _Asked, method: DecodeMethod) -> _Hypotheses:
        """The hypotheses of every row that is given. Raises NonFiniteError for logits that are not finite."""
    def stream(self, arena: _Array, given: Given) -> Stream:
        """Step by step with the parameters as they are now."""

@final
class Stream:
    """A network that waits for the next step. ConcurrentUseError where another thread is stepping it."""

    def step(self, x: _Array, resets: _Array | None = None, out: _Array | None = None) -> _Array | None:
        """x (N, F) or ids (N,) -> out (N, width), a new array if none is given.

        resets: (N,) bool. None, with nothing done, where an array is not C-contiguous or of another dtype or
        shape.
        """
    def refresh(self, arena: _Array, given: Given) -> None:
        """Takes other parameters, and what the steps are given with them; the states stay."""
    def state(self) -> list[_Array]:
        """(N, size) per state slot."""
    def weights(self) -> list[_Array]:
        """By row, (S,): the numbers on entries that are watched, after the last step; empty if none are."""
    def set_state(self, states: Sequence[_Array]) -> None: ...
    def reset(self) -> None:
        """Starts all rows: states are zeros, or values of rows."""
    def start(self, given: Given) -> None:
        """Starts all rows anew, from what is given."""

@final
class Update:
    """An optimizer's equation for one dtype: inputs and states of single numbers, one output.

    slots: the form of each; reductions: what is computed ("sum", "mean", "norm", "rms") and over what
    ("whole", "row", "column"), in the order of the program's outputs.
    """

    def __new__(
        cls,
        program: Program,
        dtype: str,
        slots: Sequence[str] | None = None,
        reductions: Sequence[tuple[str, str]] = ...,
    ) -> Update: ...
    def plan(self, arrays: Sequence[Sequence[_Array]], scalars: Sequence[float]) -> PlannedStep:
        """A step. For each parameter: itself, the other inputs, the states; C-contiguous arrays."""

@final
class PlannedStep:
    """A step of some arrays that can be checked, and then taken once.

    Both raise ConcurrentUseError where an array is in use elsewhere, or given twice.
    """

    @property
    def is_taken(self) -> bool:
        """Whether the arrays have the new values."""
    def check(self) -> tuple[int, int, int, float] | None:
        """(parameter, array, element) of the first number that would not be finite, and the number.

        Changes nothing.
        """
    def take(self) -> None:
        """Takes the step in place. Once it is taken, this does nothing."""

def save_model(path: str, metadata: Mapping[str, str], tensors: Sequence[tuple[str, _Array]]) -> None: ...
def load_model(path: str) -> tuple[dict[str, str], dict[str, _Array]]: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def set_memory_reserve(bytes: int) -> int:
    """Bytes of the reserve for small pieces when memory runs out: for tests. What was set before."""

def set_eager(eager: bool) -> bool:
    """Whether threads share even work that is faster on one. What was set before."""

def instruction_set() -> str:
    """The instruction set in use: the best of the machine, or the one that OSTINATO_ISA names."""

def instruction_sets() -> list[str]: ...
def cache_sizes() -> tuple[int, int, int]:
    """Bytes of the three caches of a core: of the machine, or those that OSTINATO_CACHE names."""

def fma_peak_gflops() -> float:
    """Billions of float32 operations per second of one thread in fused multiply-adds held in registers."""

def op_names() -> list[str]: ...
def elementwise_op_names() -> list[str]:
    """The ops of an update: those that compute each element from the elements in its place."""

def square_sum(values: _Array) -> float:
    """The sum of squares of a C-contiguous array, in float64 and in an order that its length decides."""
