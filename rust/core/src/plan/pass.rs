//! A pass: one direction (forwards or backwards) of one layer, ready to run.

use crate::kernel::{Binary, NormGrad, Reduce, RowMap, Ternary, Unary};
use crate::step::rows::Part;

use super::function::Function;

/// Where a value lives, and so which of its rows a phase sees. Rows are packed by time: at step t the rows alive are a
/// prefix, and step t begins at row `offset[t]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// One row for all rows and times, made from parameters: a slot of the fold table.
    Fold(usize),
    /// Scratch of one row tile inside one tape.
    Tile,
    /// The rows of one step.
    Step,
    /// The rows of one block of time.
    Block,
    /// All rows of all times.
    Full,
    /// The next value of a state at every step, after its initial value.
    History(usize),
    /// The same memory one step earlier: the state that the step reads.
    HistoryPrev(usize),
    /// A state of which only the last value is wanted: what the step reads, and what it writes.
    CarryIn(usize),
    CarryOut(usize),
    /// What `CarryIn` was at each step of a block; for readers outside the loop.
    CarryLog(usize),
    /// Input `k` of the program, from outside.
    Input(usize),
    /// Gradient of output `k`, from outside.
    OutputGradient(usize),
    /// Buffer of the forward pass, kept for the way back.
    Saved(usize),
}

#[derive(Debug, Clone)]
pub struct Buffer {
    pub class: Class,
    /// Elements of one row.
    pub width: usize,
    /// For `Tile`: offset of its slot, in elements of one row.
    pub slot: usize,
}

/// Part of the rows of a buffer: `numel` elements from column `col`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ref {
    pub buffer: usize,
    pub col: usize,
    pub numel: usize,
}

/// How often noise is drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// For each row and step.
    Step,
    /// For each row: the same at all steps.
    Sequence,
    /// Once a call.
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
    /// One row of a table (a fold value) by id.
    Lookup,
    Pick,
    OneHot,
    /// `(b) -> (a, b)`: the row repeated `a` times.
    Repeat,
    /// `(a, b) -> (b)`: the sum over the first axis.
    SumRows,
    /// Uniform numbers of a stream.
    Noise {
        stream: u16,
        per: Per,
    },
    /// The function of the layer.
    Call(Part),
}

/// One op over a tile of rows. `outer` x `cols` is the feature as the kernel sees it: reductions and row maps work on
/// `cols` elements, `outer` times.
#[derive(Debug, Clone)]
pub struct RowOp {
    pub run: RowRun,
    pub dst: Ref,
    pub src: Vec<Ref>,
    pub outer: usize,
    pub cols: usize,
    /// Operands and results that lie in memory of all times and that no earlier op of the tape names: while a tile is
    /// worked on, the rows that come next are fetched.
    pub far: Vec<Ref>,
    /// Cost in multiplications per row; for `explain`.
    pub cost: f32,
}

/// What a product starts from.
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
    /// Names of the products that were fused, for people.
    pub what: String,
}

/// Weights of a fused product: matrices side by side, and a bias for each where it has one (a fold slot).
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
    /// Features that come out of the product.
    pub fn width(&self) -> usize {
        if self.transpose { self.columns } else { self.rows }
    }
}

/// One state of a scan. Where it lives is its class in the pass.
#[derive(Debug, Clone)]
pub struct ScanState {
    pub state: usize,
    /// Added to the state before anything else.
    pub shift: Option<Ref>,
    /// Where the shifted state of every step goes, if anything reads it.
    pub seen: Option<Ref>,
    /// Of each state of the scan in the next value of this one; none for 0.
    pub factors: Vec<Option<Ref>>,
    pub rest: Option<Ref>,
    /// Where the next value of every step goes, if anything reads it.
    pub update: Option<Ref>,
}

/// States that are linear in themselves, along a whole block of time:
/// `s'[i] = sum over j of factors[i][j] * (s[j] + shift[j]) + rest[i]`.
#[derive(Debug, Clone)]
pub struct Scan {
    pub states: Vec<ScanState>,
    /// Names of the states, for people.
    pub what: String,
}

#[derive(Debug, Clone)]
pub enum PhaseOp {
    Rows(Vec<RowOp>),
    Gemm(Gemm),
    Scan(Scan),
}

/// Multiplications that the ops of a tape cost per row, about.
pub fn row_work(ops: &[RowOp]) -> usize {
    ops.iter().map(|op| op.cost).sum::<f32>() as usize
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkRun {
    /// Gradient matrix += left^T right.
    Outer { left: Ref, right: Ref },
    /// Gradient vector += column sums.
    Sum(Ref),
    /// Gradient table row `id` += d.
    Scatter { id: Ref, d: Ref },
    /// What the layer's function says of its parameters `p`.
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
    /// For a block of time at once, or a piece of it, before its loop.
    pub before: Vec<PhaseOp>,
    /// Step by step.
    pub body: Vec<PhaseOp>,
    /// For the same, after its loop.
    pub after: Vec<PhaseOp>,
    pub sinks: Vec<SinkOp>,
    pub packs: Vec<Pack>,
    /// Where each output lies.
    pub outputs: Vec<Ref>,
    /// The class of each state, `History` or `CarryIn`.
    pub states: Vec<(Class, usize)>,
    /// Some state needs the loop; the others are scanned.
    pub stepwise: bool,
    /// Rows of a tile, and elements of scratch that one row of it needs.
    pub tile_rows: usize,
    pub tile_width: usize,
    /// From the last step to the first.
    pub reversed: bool,
    /// What the ops `Call` call.
    pub function: Option<Function>,
}

impl Pass {
    /// Elements of one row in all buffers of a class.
    pub fn width_of(&self, class: Class) -> usize {
        self.buffers.iter().filter(|b| b.class == class).map(|b| b.width).sum()
    }

    /// Whether some op calls the layer's function.
    pub fn calls(&self) -> bool {
        let is_call = |op: &RowOp| matches!(op.run, RowRun::Call(_));
        self.ops().any(|op| matches!(op, PhaseOp::Rows(ops) if ops.iter().any(is_call)))
    }

    /// Whether a scan runs the state.
    pub fn is_scanned(&self, state: usize) -> bool {
        let scanned = |scan: &Scan| scan.states.iter().any(|one| one.state == state);
        self.ops().any(|op| matches!(op, PhaseOp::Scan(scan) if scanned(scan)))
    }

    /// Multiplications per row and step, about: what its products and row ops cost, and how much of it remains where only
    /// those ops of a step count that `counts` (so many multiplications per row).
    pub fn work(&self, counts: impl Fn(usize) -> bool) -> [usize; 2] {
        let of = |op: &PhaseOp| match op {
            PhaseOp::Rows(ops) => row_work(ops),
            PhaseOp::Gemm(gemm) => self.packs[gemm.pack].k * self.packs[gemm.pack].n,
            PhaseOp::Scan(_) => 0,
        };
        let sinks = self.sinks.iter().map(|sink| match sink.run {
            SinkRun::Outer { left, right } => left.numel * right.numel,
            _ => 0,
        });
        let outside: usize = self.before.iter().chain(&self.after).map(of).chain(sinks).sum();
        let steps = || self.body.iter().map(of);
        [outside + steps().sum::<usize>(), outside + steps().filter(|&work| counts(work)).sum::<usize>()]
    }

    pub fn ops(&self) -> impl Iterator<Item = &PhaseOp> {
        self.before.iter().chain(&self.body).chain(&self.after)
    }
}
