//! Row ops over a tile of rows.

use crate::kernel::{Binary, Dst, Float, Kernels, Src, Ternary};
use crate::plan::{Class, Pass, Per, Ref, RowOp, RowRun};
use crate::random::{Noise, Place};

use super::{Geometry, function_call, places};

/// The number of uniform numbers drawn at a time: they stay in registers and L1 until they are written to a row.
const DRAWN: usize = 256;

/// The position of a tile: `rows` rows, starting at row `first` of the rows that `here` points to.
pub(super) struct Tile<'a, T> {
    pub pass: &'a Pass,
    pub here: &'a [*mut T],
    pub stride: &'a [usize],
    pub first: usize,
    pub rows: usize,
    /// The packed row of the group at which the tile starts: it addresses the noise.
    pub packed: usize,
    /// The distance from these rows to the rows that the ops run on next.
    pub ahead: isize,
    pub geometry: &'a Geometry,
    pub noise: Noise,
    /// The offset of this thread's tile from the first one.
    pub scratch: usize,
}

impl<T: Float> Tile<'_, T> {
    /// The address of a value in the tile's first row. Scratch of a tile starts with the tile.
    #[inline(always)]
    fn at(&self, place: Ref) -> *mut T {
        let begin = match self.pass.buffers[place.buffer].class {
            Class::Tile => self.scratch,
            _ => self.first * self.stride[place.buffer],
        };
        // SAFETY: `first` is a row of the buffer, or the tile belongs to one of the threads; `col` lies inside the row.
        unsafe { self.here[place.buffer].add(begin + place.col) }
    }

    #[inline(always)]
    fn dst(&self, place: Ref) -> Dst<T> {
        Dst { ptr: self.at(place), row: self.stride[place.buffer] }
    }

    /// A source of a kernel. A scalar is broadcast over the columns of a vector op.
    #[inline(always)]
    fn src(&self, place: Ref, cols: usize) -> Src<T> {
        let col = usize::from(place.numel != 1 || cols == 1);
        Src { ptr: self.at(place), row: self.stride[place.buffer], col }
    }

    /// Prefetches the rows at distance `ahead`.
    fn prefetch(&self, kernels: &Kernels<T>, place: Ref) {
        let stride = self.stride[place.buffer];
        let first = self.at(place).wrapping_offset(self.ahead * stride as isize);
        // SAFETY: a prefetch does not access memory.
        unsafe { (kernels.prefetch)(self.rows, place.numel, first, stride) };
    }

    #[inline(always)]
    fn row(&self, place: Ref, row: usize) -> *mut T {
        // SAFETY: `row` is one of the tile's rows.
        unsafe { self.at(place).add(row * self.stride[place.buffer]) }
    }
}

/// Runs one op over a tile.
///
/// # Safety
/// `tile.here` points to `first + rows` rows of every buffer that the op names (to the tile itself for scratch).
pub(super) unsafe fn run<T: Float>(kernels: &Kernels<T>, op: &RowOp, tile: &Tile<T>) {
    op.far.iter().filter(|_| tile.ahead != 0).for_each(|&place| tile.prefetch(kernels, place));
    let by_lines =
        matches!(op.run, RowRun::Reduce(..) | RowRun::RowMap(..) | RowRun::NormGrad(..) | RowRun::Unary(..));
    if op.outer != 1 && by_lines {
        // if rows are contiguous, the lines of all rows form one sequence of lines
        let is_dense = |part: &Ref| tile.stride[part.buffer] == part.numel;
        let lines = if op.src.iter().chain([&op.dst]).all(is_dense) { tile.rows.max(1) } else { 1 };
        for row in (0..tile.rows).step_by(lines) {
            let dst = Dst { ptr: tile.row(op.dst, row), row: op.dst.numel / op.outer };
            let src = |k: usize| {
                let source = op.src[k.min(op.src.len() - 1)];
                let col = usize::from(source.numel != op.outer || op.cols == 1);
                Src { ptr: tile.row(source, row).cast_const(), row: source.numel / op.outer, col }
            };
            // SAFETY: a row holds `outer` lines of each source and of the result.
            unsafe {
                kernel_call(kernels, op.run, lines * op.outer, op.cols, dst, [src(0), src(1), src(2)]);
            }
        }
        return;
    }
    match op.run {
        RowRun::Unary(..)
        | RowRun::Binary(_)
        | RowRun::Ternary(_)
        | RowRun::Reduce(..)
        | RowRun::RowMap(..)
        | RowRun::NormGrad(..) => {
            let src = |k: usize| tile.src(op.src[k.min(op.src.len() - 1)], op.cols);
            // SAFETY: the caller's guarantee; shapes were checked when the program was built.
            unsafe {
                kernel_call(kernels, op.run, tile.rows, op.cols, tile.dst(op.dst), [src(0), src(1), src(2)])
            };
        }
        RowRun::SumEntries => {
            let (from, to) = (tile.src(op.src[0], op.cols), tile.dst(op.dst));
            // SAFETY: the caller's guarantee; the sum has as many elements as an entry.
            unsafe { (kernels.col_sum)(tile.rows, op.cols, from.ptr, from.row, to.ptr) };
        }
        RowRun::ProductSum => {
            let [a, b] = [0, 1].map(|k| tile.src(op.src[k], op.cols));
            // SAFETY: as above.
            unsafe { (kernels.product_sum)(tile.rows, op.cols, tile.dst(op.dst), a, b) };
        }
        RowRun::WeightedSum => {
            let [a, b] = [0, 1].map(|k| tile.src(op.src[k], op.cols));
            // SAFETY: as above.
            unsafe { (kernels.weighted_sum)(tile.rows, op.cols, a, b, tile.at(op.dst)) };
        }
        RowRun::LogProduct => {
            let [m, v] = [0, 1].map(|k| tile.src(op.src[k], op.cols));
            // SAFETY: as above.
            unsafe { (kernels.log_product)((tile.rows, op.outer, op.cols), tile.dst(op.dst), m, v) };
        }
        RowRun::LogProductGrad => {
            let operands = [0, 1, 2, 3].map(|k| tile.src(op.src[k], op.cols));
            // SAFETY: as above.
            unsafe { (kernels.log_product_grad)((tile.rows, op.outer, op.cols), tile.dst(op.dst), operands) };
        }
        RowRun::Take => {
            let (from, at) = (tile.src(op.src[0], op.src[0].numel), tile.src(op.src[1], op.cols));
            // SAFETY: as above; the source has `numel` elements in each row.
            unsafe { places::take((tile.rows, op.cols), tile.dst(op.dst), (from, op.src[0].numel), at) };
        }
        RowRun::AddAt | RowRun::AddAtTo => {
            let count = op.src[0].numel;
            let (from, at) = (tile.src(op.src[0], count), tile.src(op.src[1], count));
            let clears = op.run == RowRun::AddAt;
            // SAFETY: as above; both sources have `numel` elements in each row.
            unsafe { places::add_at((tile.rows, op.cols), tile.dst(op.dst), (from, count), at, clears) };
        }
        RowRun::Noise { stream, per } => {
            for row in 0..tile.rows {
                // SAFETY: the caller's guarantee, row by row.
                unsafe { draw(op, tile, row, stream, per) };
            }
        }
        RowRun::Call(part) => {
            let operand =
                |place: &Ref| (tile.at(*place).cast_const(), tile.stride[place.buffer], place.numel);
            let operands: Vec<_> = op.src.iter().map(operand).collect();
            // SAFETY: the caller's guarantee, for every row of the tile.
            unsafe {
                function_call::values(
                    tile.pass.function.as_ref(),
                    part,
                    tile.rows,
                    &operands,
                    tile.dst(op.dst),
                    op.cols,
                )
            };
        }
        _ => {
            for row in 0..tile.rows {
                // SAFETY: the caller's guarantee, row by row.
                unsafe { one_row(kernels, op, tile, row) };
            }
        }
    }
}

/// # Safety
/// As for the kernels: `rows` rows of `cols` columns at every operand.
unsafe fn kernel_call<T: Float>(
    kernels: &Kernels<T>,
    run: RowRun,
    rows: usize,
    cols: usize,
    dst: Dst<T>,
    src: [Src<T>; 3],
) {
    // SAFETY: the caller's guarantee.
    unsafe {
        match run {
            RowRun::Unary(op, alpha) => (kernels.unary)(op, T::from_f64(alpha), rows, cols, dst, src[0]),
            RowRun::Binary(op) => (kernels.binary)(op, rows, cols, dst, src[0], src[1]),
            RowRun::Ternary(op) => (kernels.ternary)(op, rows, cols, dst, src[0], src[1], src[2]),
            RowRun::Reduce(op, eps) => (kernels.reduce)(op, T::from_f64(eps), rows, cols, dst, src[0]),
            RowRun::RowMap(op, eps) => (kernels.row_map)(op, T::from_f64(eps), rows, cols, dst, src[0]),
            RowRun::NormGrad(op) => (kernels.norm_grad)(op, rows, cols, dst, src[0], src[1], src[2]),
            _ => {}
        }
    }
}

/// Writes uniform numbers for one row.
///
/// # Safety
/// As `run`, for one row of the tile.
unsafe fn draw<T: Float>(op: &RowOp, tile: &Tile<T>, row: usize, stream: u16, per: Per) {
    let (t, b) = tile.geometry.place(tile.packed + row);
    let caller = tile.geometry.caller(b) as u32;
    let place = match per {
        Per::Step => Place { stream, step: t as u32, row: caller },
        Per::Sequence => Place { stream, step: 0, row: caller },
        Per::Weights => Place { stream, step: 0, row: 0 },
    };
    // SAFETY: the result has `cols` elements in this row.
    let out = unsafe { std::slice::from_raw_parts_mut(tile.row(op.dst, row), op.cols) };
    let mut drawn = [0.0; DRAWN];
    for (chunk, out) in out.chunks_mut(DRAWN).enumerate() {
        tile.noise.fill(place, chunk * DRAWN, &mut drawn[..out.len()]);
        out.iter_mut().zip(&drawn).for_each(|(out, &x)| *out = T::from_f64(f64::from(x)));
    }
}

/// The ops that move elements, and products of values: rare, or limited by memory bandwidth.
///
/// # Safety
/// As `run`, for one row of the tile.
unsafe fn one_row<T: Float>(kernels: &Kernels<T>, op: &RowOp, tile: &Tile<T>, row: usize) {
    let dst = tile.row(op.dst, row);
    let src = tile.row(op.src[0], row).cast_const();
    // SAFETY: the caller's guarantee; ids were checked when the input was packed.
    unsafe {
        match op.run {
            RowRun::Lookup => {
                let id = tile.row(op.src[1], row).read().to_f64() as usize;
                dst.copy_from_nonoverlapping(src.add(id * op.cols), op.cols);
            }
            RowRun::Pick => {
                let id = tile.row(op.src[1], row).read().to_f64() as usize;
                dst.write(src.add(id).read());
            }
            RowRun::OneHot => {
                let id = src.read().to_f64() as usize;
                (0..op.cols).for_each(|column| dst.add(column).write(T::from_f64(f64::from(column == id))));
            }
            RowRun::Repeat => {
                (0..op.outer).for_each(|line| dst.add(line * op.cols).copy_from_nonoverlapping(src, op.cols));
            }
            RowRun::SumRows => {
                dst.copy_from_nonoverlapping(src, op.cols);
                (kernels.col_sum)(op.outer - 1, op.cols, src.add(op.cols), op.cols, dst);
            }
            RowRun::Dots => {
                let vector = Src { ptr: tile.row(op.src[1], row).cast_const(), row: 0, col: 1 };
                let lines = Src { ptr: src, row: op.cols, col: 1 };
                (kernels.dots)(op.outer, op.cols, Dst { ptr: dst, row: 1 }, lines, vector);
            }
            RowRun::Combine { inner } => {
                let lines = tile.row(op.src[1], row).cast_const();
                for line in 0..op.outer {
                    combine(kernels, (inner, op.cols), src.add(line * inner), lines, dst.add(line * op.cols));
                }
            }
            RowRun::Outer => {
                let left = Src { ptr: src, row: 1, col: 0 };
                let right = Src { ptr: tile.row(op.src[1], row).cast_const(), row: 0, col: 1 };
                let dst = Dst { ptr: dst, row: op.cols };
                (kernels.binary)(Binary::Mul, op.outer, op.cols, dst, left, right);
            }
            RowRun::Transpose => {
                for line in 0..op.outer {
                    for column in 0..op.cols {
                        dst.add(line * op.cols + column).write(src.add(column * op.outer + line).read());
                    }
                }
            }
            _ => {}
        }
    }
}

/// `out` = the sum of `lines` with `weights`: (inner), (inner, cols) -> (cols).
///
/// # Safety
/// The operands are this large, and `out` is none of them.
unsafe fn combine<T: Float>(
    kernels: &Kernels<T>,
    (inner, cols): (usize, usize),
    weights: *const T,
    lines: *const T,
    out: *mut T,
) {
    let (dst, sum) = (Dst { ptr: out, row: cols }, Src { ptr: out.cast_const(), row: cols, col: 1 });
    for k in 0..inner {
        // SAFETY: passed on; the sum is read where it is written.
        unsafe {
            let weight = Src { ptr: weights.add(k), row: 0, col: 0 };
            let line = Src { ptr: lines.add(k * cols), row: cols, col: 1 };
            match k {
                0 => (kernels.binary)(Binary::Mul, 1, cols, dst, weight, line),
                _ => (kernels.ternary)(Ternary::MulAdd, 1, cols, dst, weight, line, sum),
            }
        }
    }
}
