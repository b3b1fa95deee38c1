//! A pass: one direction (forward or backward) of one layer, ready to run.

use crate::kernel::{Binary, NormGrad, Reduce, RowMap, Ternary, Unary};
use crate::step::rows::{Across, Part};

use super::function::Function;

/// Where a value is stored, and so which of its rows a phase reads. Rows are packed by time: the rows alive at step t are a
/// prefix, and step t starts at row `offset[t]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// One row for all rows and times, computed from parameters: a slot of the fold table.
    Fold(usize),
    /// Scratch for one tile of rows within one run of row ops.
    Tile,
    /// Scratch for all entries of one row, within one run of ops over entries.
    RowEntries,
    /// The rows of one step.
    Step,
    /// The rows of one block of time.
    Block,
    /// All rows at all times.
    Full,
    /// The next value of a state at every step, after its initial value.
    History(usize),
    /// The same memory one step earlier: the state that the step reads.
    HistoryPrev(usize),
    /// A state of which only the last value is required: the copy that the step reads, and the copy that it writes.
    CarryIn(usize),
    CarryOut(usize),
    /// A state that is a matrix, at the start of each block of time: its other values are computed again.
    Marks(usize),
    /// The same in the forward pass that belongs to this backward pass.
    SavedMarks(usize),
    /// The value of `CarryIn` at each step of a block, for readers outside the loop.
    CarryLog(usize),
    /// Input `k` of the program, from outside.
    Input(usize),
    /// Gradient of output `k`, from outside.
    OutputGradient(usize),
    /// Buffer of the forward pass, stored for the backward pass.
    Saved(usize),
    /// Memory `k` of the program, from outside: the entries of every row.
    Memory(usize),
    /// The gradient of memory `k`, summed over the steps.
    MemoryGradient(usize),
}

#[derive(Debug, Clone)]
pub struct Buffer {
    pub class: Class,
    /// Elements of one row.
    pub width: usize,
    /// For `Tile`: offset of its slot, in elements of one row.
    pub slot: usize,
    /// The entries axis, if it holds a value for each entry of a row. `width` then counts the elements of one entry.
    pub entries: Option<usize>,
}

/// Part of the rows of a buffer: `numel` elements starting at column `col`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ref {
    pub buffer: usize,
    pub col: usize,
    pub numel: usize,
}

/// The least number of packed rows in a block of time, so that the products for weight gradients are long.
const BLOCK_ROWS: usize = 256;

/// Steps of a block of time of `rows` sequences: a power of two, the same for every pass.
///
/// Weight gradients are summed over rows block by block, so a pass over a piece of time gives the same sums as a pass over
/// all of it, if the piece starts at a block boundary. Hence no block is longer than its products need.
pub fn block_steps(rows: usize) -> usize {
    BLOCK_ROWS.div_ceil(rows.max(1)).next_power_of_two()
}

/// The most values of a state of class `Marks`, for `rows` sequences with `total` steps in all.
pub fn marks(rows: usize, total: usize) -> usize {
    rows + total.div_ceil(block_steps(rows))
}

/// How often new noise is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// For each row and step.
    Step,
    /// For each row: the same at all steps.
    Sequence,
    /// Once per call.
    Weights,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RowRun {
    Unary(Unary, f64),
    Binary(Binary),
    Ternary(Ternary),
    Reduce(Reduce, f64),
    RowMap(RowMap, f64),
    NormGrad(NormGrad),
    /// `(a, b), (b) -> (a)`: logarithms of the products of each line with a vector, from their logarithms.
    LogProduct,
    /// `(a, b), (b), (a), (a) -> (a, b)`: the gradient of the matrix.
    LogProductGrad,
    /// One row of a table (a fold value) by id.
    Lookup,
    Pick,
    /// Elements of the first operand at the places of the second; 0 beyond its end.
    Take,
    /// Adds the elements of the first operand at the places of the second.
    AddAt,
    /// The same, added to what is there.
    AddAtTo,
    OneHot,
    /// `(b) -> (a, b)`: the row repeated `a` times.
    Repeat,
    /// `(a, b) -> (b)`: the sum over the first axis.
    SumRows,
    /// `(a, b), (b) -> (a)`: the scalar product of each line with the vector.
    Dots,
    /// `(m, k), (k, n) -> (m, n)`: each line is a sum of the lines of the second operand.
    Combine {
        inner: usize,
    },
    Outer,
    Transpose,
    /// Uniform numbers of a stream.
    Noise {
        stream: u16,
        per: Per,
    },
    /// The layer's function.
    Call(Part),
    /// Adds the sum over the entries of a tile to the value of the row.
    SumEntries,
    /// The sum of the product of two values, without storing the product: see `fused`.
    ProductSum,
    /// `SumEntries` of the product of two values.
    WeightedSum,
}

/// One op over a tile of rows. `outer` x `cols` is the shape of a feature in the kernel: reductions and row maps process
/// `cols` elements, `outer` times.
#[derive(Debug, Clone)]
pub struct RowOp {
    pub run: RowRun,
    pub dst: Ref,
    pub src: Vec<Ref>,
    pub outer: usize,
    pub cols: usize,
    /// Operands and results in memory of all times that no earlier op of the run names: while one tile is processed, the
    /// next rows are prefetched.
    pub far: Vec<Ref>,
    /// Cost in multiplications per row; for `explain`.
    pub cost: f32,
}

/// The initial value of a product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    Zero,
    /// A value of the same rows.
    Value(Ref),
    /// The bias vector of the pack.
    Bias,
}

/// `C = init + A B` with packed weights `B`; the parts are several products of one operand.
#[derive(Debug, Clone)]
pub struct Gemm {
    pub pack: usize,
    pub a: Ref,
    pub c: Ref,
    pub init: Init,
    /// The vectors of one row: `a` and `c` are so many lines.
    pub lines: usize,
    /// Names of the fused products, for `explain`.
    pub what: String,
}

/// Weights of a fused product: matrices stacked along the outputs, and for each an optional bias (a fold slot).
#[derive(Debug, Clone)]
pub struct Pack {
    pub k: usize,
    pub n: usize,
    /// (fold slot of the matrix, its rows and columns, transposed, fold slot of its bias)
    pub parts: Vec<PackPart>,
}

#[derive(Debug, Clone)]
pub struct PackPart {
    pub slot: usize,
    pub rows: usize,
    pub columns: usize,
    pub transpose: bool,
    pub bias: Option<usize>,
}

impl PackPart {
    /// Number of output features of the product.
    pub fn width(&self) -> usize {
        if self.transpose { self.columns } else { self.rows }
    }
}

/// One state of a scan. Its class in the pass decides where it is stored.
#[derive(Debug, Clone)]
pub struct ScanState {
    pub state: usize,
    /// Added to the state before anything else.
    pub shift: Option<Ref>,
    /// Where the shifted state of every step is stored, if anything reads it.
    pub seen: Option<Ref>,
    /// For each state of the scan, its factor in the next value of this state; None is 0.
    pub factors: Vec<Option<Ref>>,
    pub rest: Option<Ref>,
    /// Where the next value of every step is stored, if anything reads it.
    pub update: Option<Ref>,
}

/// States with a linear recurrence, computed along a whole block of time:
/// `s'[i] = sum over j of factors[i][j] * (s[j] + shift[j]) + rest[i]`.
#[derive(Debug, Clone)]
pub struct Scan {
    pub states: Vec<ScanState>,
    /// Of a delay line, the elements by which it moves: `s'[c] = (s + shift)[c - moved] + rest[c]`; 0 for other states.
    pub moved: isize,
    /// Names of the states, for `explain`.
    pub what: String,
}

/// A state that is a matrix, along a whole block of time: `C' = factor C + (write + rate (C vectors[0])) key^T`.
#[derive(Debug, Clone)]
pub struct MatrixOp {
    pub state: usize,
    pub lines: usize,
    pub cols: usize,
    pub factor: Ref,
    pub write: Ref,
    pub key: Ref,
    pub rate: Option<Ref>,
    /// The vectors that multiply C, then those that multiply C'.
    pub vectors: Vec<Ref>,
    pub before: usize,
    /// The products with the vectors; their gradients in a backward pass.
    pub reads: Ref,
    /// In a backward pass: the gradients of factor, write, key, rate and vectors.
    pub gradients: Option<Ref>,
    /// The buffer of `Marks` or `SavedMarks`.
    pub marks: Option<usize>,
    /// The name of the state, for `explain`.
    pub what: String,
}

impl MatrixOp {
    /// The approximate multiplications per row and step.
    pub fn work(&self) -> usize {
        let passes = 2 + self.vectors.len();
        self.lines * self.cols * if self.gradients.is_some() { 3 * passes } else { passes }
    }
}

/// An op over all entries of a row at once.
#[derive(Debug, Clone)]
pub struct WholeOp {
    pub run: Across,
    /// For `Shift`: the distance.
    pub by: isize,
    pub dst: Ref,
    pub src: Option<Ref>,
}

/// Ops over the entries of a row that need no result of a sum over entries, then ops over all its entries at once.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Run over tiles of entries; a value of the row is the same at each of them.
    pub ops: Vec<RowOp>,
    pub whole: Vec<WholeOp>,
}

/// Ops over the entries of a memory: for each row, all stages over its own entries.
#[derive(Debug, Clone)]
pub struct EntriesOp {
    pub axis: usize,
    pub stages: Vec<Stage>,
    /// Sums over entries; they start from zeros.
    pub sums: Vec<Ref>,
}

#[derive(Debug, Clone)]
pub enum PhaseOp {
    Rows(Vec<RowOp>),
    Entries(EntriesOp),
    Gemm(Gemm),
    Scan(Scan),
    Matrix(MatrixOp),
}

/// A guess at the number of entries of a row, for costs.
pub const USUAL_ENTRIES: usize = 16;

impl EntriesOp {
    /// The approximate cost in multiplications per entry.
    pub fn work(&self) -> usize {
        self.stages.iter().map(|stage| row_work(&stage.ops) + 20 * stage.whole.len()).sum()
    }

    /// All ops over tiles of entries.
    pub fn ops(&self) -> impl Iterator<Item = &RowOp> {
        self.stages.iter().flat_map(|stage| &stage.ops)
    }
}

/// The approximate cost of row ops, in multiplications per row.
pub fn row_work(ops: &[RowOp]) -> usize {
    ops.iter().map(|op| op.cost).sum::<f32>() as usize
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkRun {
    /// Gradient matrix += left^T right, of one vector of each row, or of the lines of a matrix.
    Outer { left: Ref, right: Ref, lines: usize },
    /// Gradient vector += column sums.
    Sum(Ref),
    /// Gradient table row `id` += d.
    Scatter { id: Ref, d: Ref },
    /// The parameter gradient of the layer's function, whose parameters are `p`.
    Called { p: Ref, x: Ref, s: Ref, d: Ref },
}

/// A contribution to the gradient of a fold slot, once per block of time.
#[derive(Debug, Clone)]
pub struct SinkOp {
    pub slot: usize,
    pub run: SinkRun,
}

#[derive(Debug, Clone, Default)]
pub struct Pass {
    pub buffers: Vec<Buffer>,
    /// Before the loop, for a whole block of time, or a piece of it.
    pub before: Vec<PhaseOp>,
    /// The loop, step by step.
    pub body: Vec<PhaseOp>,
    /// After the loop, for the same steps as `before`.
    pub after: Vec<PhaseOp>,
    pub sinks: Vec<SinkOp>,
    pub packs: Vec<Pack>,
    /// Where each output is stored.
    pub outputs: Vec<Ref>,
    /// The class of each state, `History` or `CarryIn`.
    pub states: Vec<(Class, usize)>,
    /// The entries axis of each state; those of the row come first.
    pub state_entries: Vec<Option<usize>>,
    /// Whether some state needs the loop; the other states are scanned.
    pub stepwise: bool,
    /// Rows of a tile, and elements of scratch per row of it.
    pub tile_rows: usize,
    pub tile_width: usize,
    /// Whether the pass runs from the last step to the first.
    pub reversed: bool,
    /// The function that the ops `Call` call.
    pub function: Option<Function>,
}

impl Pass {
    /// Elements of one row in all buffers of a class.
    pub fn width_of(&self, class: Class) -> usize {
        self.buffers.iter().filter(|b| b.class == class && b.entries.is_none()).map(|b| b.width).sum()
    }

    /// The number of states of the row.
    pub fn row_states(&self) -> usize {
        self.state_entries.iter().filter(|entries| entries.is_none()).count()
    }

    /// The entries axis of a value.
    pub fn entries_of(&self, place: Ref) -> Option<usize> {
        self.buffers[place.buffer].entries
    }

    /// Whether some op calls the layer's function.
    pub fn calls(&self) -> bool {
        let is_call = |op: &RowOp| matches!(op.run, RowRun::Call(_));
        self.ops().any(|op| matches!(op, PhaseOp::Rows(ops) if ops.iter().any(is_call)))
    }

    /// Whether a scan, or an op of matrices, computes the state along time.
    pub fn is_scanned(&self, state: usize) -> bool {
        let scanned = |scan: &Scan| scan.states.iter().any(|one| one.state == state);
        self.ops().any(|op| match op {
            PhaseOp::Scan(scan) => scanned(scan),
            PhaseOp::Matrix(matrix) => matrix.state == state,
            _ => false,
        })
    }

    /// Whether a state is a matrix that runs along time.
    pub fn has_matrices(&self) -> bool {
        self.ops().any(|op| matches!(op, PhaseOp::Matrix(_)))
    }

    /// Whether values of the state are stored at the start of each block of time.
    pub fn has_marks(&self, state: usize) -> bool {
        self.buffers.iter().any(|buffer| buffer.class == Class::Marks(state))
    }

    /// Elements of one row of all states of which values are stored at the start of each block of time.
    pub fn marked_width(&self) -> usize {
        let marked = self.buffers.iter().filter(|buffer| matches!(buffer.class, Class::Marks(_)));
        marked.map(|buffer| buffer.width).sum()
    }

    /// The approximate multiplications per row and step of products and row ops: of all of them, and without the operations
    /// of the loop for whose cost per row `counts` is false.
    pub fn work(&self, counts: impl Fn(usize) -> bool) -> [usize; 2] {
        let of = |op: &PhaseOp| match op {
            PhaseOp::Rows(ops) => row_work(ops),
            PhaseOp::Entries(op) => USUAL_ENTRIES * op.work(),
            PhaseOp::Gemm(gemm) => {
                self.entries_of(gemm.c).map_or(gemm.lines, |_| USUAL_ENTRIES)
                    * self.packs[gemm.pack].k
                    * self.packs[gemm.pack].n
            }
            PhaseOp::Scan(_) => 0,
            PhaseOp::Matrix(op) => op.work(),
        };
        let sinks = self.sinks.iter().map(|sink| match sink.run {
            SinkRun::Outer { left, right, lines } => left.numel * right.numel / lines,
            _ => 0,
        });
        let outside: usize = self.before.iter().chain(&self.after).map(of).chain(sinks).sum();
        let steps = || self.body.iter().map(of);
        [outside + steps().sum::<usize>(), outside + steps().filter(|&work| counts(work)).sum::<usize>()]
    }

    /// Elements of the packed weights that each step of the loop reads.
    pub fn loop_weights(&self) -> usize {
        let read = |op: &PhaseOp| match op {
            PhaseOp::Gemm(gemm) => self.packs[gemm.pack].k * self.packs[gemm.pack].n,
            _ => 0,
        };
        self.body.iter().map(read).sum()
    }

    pub fn ops(&self) -> impl Iterator<Item = &PhaseOp> {
        self.before.iter().chain(&self.body).chain(&self.after)
    }
}
