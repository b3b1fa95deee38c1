//! The operands of kernels, and the names of the operations.

/// An operand that is read: element (r, c) lies at `ptr + r * row + c * col`.
///
/// `col` is 1, or 0 for one value per row that stands for all its columns; `row` may be 0, one row for all.
#[derive(Copy, Clone, Debug)]
pub struct Src<T> {
    pub ptr: *const T,
    pub row: usize,
    pub col: usize,
}

/// An operand that is written: element (r, c) lies at `ptr + r * row + c`.
#[derive(Copy, Clone, Debug)]
pub struct Dst<T> {
    pub ptr: *mut T,
    pub row: usize,
}

/// A value along time: element (t, r, c) lies at `ptr + t * step + r * row + c`. A null pointer stands for zeros where it
/// is read, and is not written to.
#[derive(Copy, Clone, Debug)]
pub struct Along<T> {
    pub ptr: *const T,
    pub step: isize,
    pub row: usize,
}

/// One state of a scan, `s'[i] = sum over j of factors[i][j] * (s[j] + shift[j]) + rest[i]`.
#[derive(Copy, Clone, Debug)]
pub struct ScanState<T> {
    /// Before the first step: element (r, c) lies at `start + r * start_row + c`.
    pub start: *const T,
    pub start_row: usize,
    /// The place for the state after the last step, with rows like `start`; null if it is not stored.
    pub end: *mut T,
    pub shift: Along<T>,
    pub factors: [Along<T>; 2],
    pub rest: Along<T>,
    /// Written: s + shift of every step.
    pub seen: Along<T>,
    /// Written: s' of every step.
    pub update: Along<T>,
}

/// A value of one sequence along time: packed row r lies at `ptr + r * row`; `row` may be 0, one value for all steps.
#[derive(Copy, Clone, Debug)]
pub struct Track<T> {
    pub ptr: *const T,
    pub row: usize,
}

impl<T> Track<T> {
    #[inline(always)]
    pub(super) fn at(&self, row: usize) -> *const T {
        self.ptr.wrapping_add(row * self.row)
    }
}

/// The most vectors with which a matrix is multiplied in a step.
pub const MOST_READS: usize = 4;

/// The steps of a sequence whose state is a matrix C (lines, cols): `C' = factor C + (write + rate (C a)) key^T`, where `a` is
/// the first of the vectors. It reads C with the first `before` of them, and C' with the other `after` ones.
#[derive(Copy, Clone, Debug)]
pub struct MatrixSteps<'a, T> {
    pub lines: usize,
    pub cols: usize,
    /// The packed row of each step, and the packed row at which the tracks begin.
    pub rows: &'a [usize],
    pub first_row: usize,
    /// One number, or one for each line.
    pub factor: Track<T>,
    pub factor_by_line: bool,
    /// (lines)
    pub write: Track<T>,
    /// (cols)
    pub key: Track<T>,
    /// One number, or one for each line, if there is a rate.
    pub rate: Track<T>,
    pub rate_by_line: bool,
    pub has_rate: bool,
    /// (cols) each.
    pub vectors: [Track<T>; MOST_READS],
    pub before: usize,
    pub after: usize,
    /// Written by the forward kernel: the products with the vectors, (lines) each.
    pub reads: Track<T>,
}

/// Where the gradient of each operand begins in the gradients of a step.
pub(super) struct MatrixPlaces {
    pub factor: usize,
    pub write: usize,
    pub key: usize,
    pub rate: usize,
    pub vectors: usize,
}

impl<T> MatrixSteps<'_, T> {
    #[inline(always)]
    pub(super) fn row(&self, t: usize) -> usize {
        self.rows[t] - self.first_row
    }

    #[inline(always)]
    pub(super) fn places(&self) -> MatrixPlaces {
        let of = |by_line: bool| if by_line { self.lines } else { 1 };
        let write = of(self.factor_by_line);
        let key = write + self.lines;
        let rate = key + self.cols;
        let vectors = rate + if self.has_rate { of(self.rate_by_line) } else { 0 };
        MatrixPlaces { factor: 0, write, key, rate, vectors }
    }
}

/// What the backward kernel of `MatrixSteps` reads and writes besides them.
#[derive(Copy, Clone, Debug)]
pub struct MatrixBack<T> {
    /// C before the first step.
    pub start: *const T,
    /// The gradient of C after the last step; it becomes the gradient of C before the first step.
    pub carry: *mut T,
    /// The gradients of the reads.
    pub d_reads: Track<T>,
    /// Written: the gradients of factor, write, key, rate and vectors, one after the other.
    pub gradients: Track<T>,
    /// `matrix_scratch` elements.
    pub scratch: *mut T,
}

/// The initial value of the result of a matrix product.
#[derive(Copy, Clone, Debug)]
pub enum Init<T> {
    /// C = A B
    Zero,
    /// C += A B
    Accumulate,
    /// C = source + A B; the source's `col` is 1, its `row` may be 0 (a bias).
    From(Src<T>),
}

/// Functions of one argument. `alpha` is the parameter of `LeakyRelu` and `Elu`; others ignore it.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum Unary {
    Copy,
    Neg,
    Exp,
    Log,
    Sqrt,
    Abs,
    /// -1, 0 or 1; NaN stays NaN.
    Sign,
    Sigmoid,
    Tanh,
    Relu,
    /// x > 0 ? x : alpha x
    LeakyRelu,
    /// x > 0 ? x : alpha (exp(x) - 1)
    Elu,
    /// log(1 + exp(x))
    Softplus,
    /// x sigmoid(x)
    Silu,
    /// x (1 + erf(x / sqrt 2)) / 2, the exact form
    Gelu,
    Erf,
    Sin,
    Cos,
    /// To the nearest whole number, ties to even.
    Round,
    /// The largest whole number that is not above x.
    Floor,
    /// log |gamma(x)|
    Lgamma,
    /// The derivative of `Lgamma`.
    Digamma,
}

/// Functions of two arguments. Comparisons give 1 or 0; a NaN is unequal to everything.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    /// NaN where either is NaN, as NumPy's minimum.
    Min,
    /// NaN where either is NaN, as NumPy's maximum.
    Max,
    /// log(exp(a) + exp(b)), safe from overflow.
    LogAddExp,
    /// The derivative number a of digamma, at b.
    Polygamma,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    /// (y, d) -> d y (1 - y)
    SigmoidGrad,
    /// (y, d) -> d (1 - y y)
    TanhGrad,
    /// (y, d) -> y > 0 ? d : 0
    ReluGrad,
}

/// Functions of three arguments.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum Ternary {
    /// a != 0 ? b : c
    Where,
    /// a b + c
    MulAdd,
    /// a b + (1 - a) c
    Lerp,
    /// (y, a, b) -> a b y (1 - y)
    SigmoidGrad,
    /// (y, a, b) -> a b (1 - y y)
    TanhGrad,
    /// (x, low, high) -> min(max(x, low), high), NaN where any is NaN.
    Clip,
    /// (x, y, d) -> x == y ? d : 0
    ClipGrad,
}

/// The functions of one or two arguments that are few instructions: what a chain is made of.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum Short {
    Copy,
    Neg,
    Sqrt,
    Abs,
    Sign,
    Relu,
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
}

/// The source of a link.
#[derive(Copy, Clone, Debug)]
pub enum LinkSource<T> {
    /// The values of the previous link; not valid for the first.
    Before,
    /// One value for all elements.
    Value(T),
    Elements(*const T),
    /// The same, not in the first cache yet: the next ones are prefetched.
    Fresh(*const T),
}

/// One function of a chain. A function of one argument ignores the second source.
#[derive(Copy, Clone, Debug)]
pub struct Link<T> {
    pub op: Short,
    pub sources: [LinkSource<T>; 2],
    /// Null where the next link alone reads the values.
    pub dst: *mut T,
}

/// Reductions of each row to one value: (rows, cols) -> (rows, 1).
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum Reduce {
    Sum,
    Mean,
    /// NaN where any is NaN; -inf for no columns.
    Max,
    /// The place of the first maximum (or of the first NaN) as a number; 0 for no columns.
    ArgMax,
    /// log(sum(exp(x))), safe from overflow.
    LogSumExp,
    /// 1 / sqrt(variance + param), the biased variance in two passes.
    ReciprocalStd,
    /// 1 / sqrt(mean(x^2) + param)
    ReciprocalRms,
}

/// Maps of each row to a row of the same width. `param` is the eps of the last two; others ignore it.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum RowMap {
    Softmax,
    LogSoftmax,
    /// (x - mean) / sqrt(variance + eps), no affine part.
    LayerNorm,
    /// x / sqrt(mean(x^2) + eps), no affine part.
    RmsNorm,
}

/// Adjoints of the norms among the row maps: (r, y, d) -> r (d - mean(d) - y mean(d y)), where r, one number a row, is
/// the reciprocal of what was divided by, y the norm and d its gradient.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Hash)]
pub enum NormGrad {
    Layer,
    /// Without mean(d).
    Rms,
}
