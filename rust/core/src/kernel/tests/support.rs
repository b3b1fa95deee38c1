//! What the tests share: numbers, grids with guard bands, and lists of failures.

use crate::kernel::{Dst, Float, Isa, Src};

/// Sizes around multiples of every vector length.
pub(super) const SIZES: [usize; 16] = [0, 1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 64, 65, 100, 131];

/// Calls `check::<f32>(isa, failures)` and `check::<f64>(isa, failures)` for every instruction set here.
macro_rules! on_every_isa {
    ($check:ident) => {{
        let mut failures = $crate::kernel::tests::support::Failures::default();
        for isa in $crate::kernel::Isa::available() {
            $check::<f32>(isa, &mut failures);
            $check::<f64>(isa, &mut failures);
        }
        failures.report();
    }};
}
pub(super) use on_every_isa;

/// The rows of a table that failed.
#[derive(Default)]
pub(super) struct Failures {
    rows: Vec<String>,
    count: usize,
}

impl Failures {
    /// Notes a failure; the text is made only if it is.
    pub(super) fn check(&mut self, holds: bool, text: impl FnOnce() -> String) {
        const KEPT: usize = 40;
        if !holds {
            self.count += 1;
            if self.rows.len() < KEPT {
                self.rows.push(text());
            }
        }
    }

    pub(super) fn report(self) {
        assert!(self.count == 0, "{} failures, the first of them:\n{}", self.count, self.rows.join("\n"));
    }
}

pub(super) fn label<T: Float>(isa: Isa) -> String {
    format!("{} {}", isa.name(), T::NAME)
}

/// The distance from 1 to the next number.
pub(super) fn epsilon<T: Float>() -> f64 {
    if T::NAME == "float32" { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

/// The least positive normal number.
pub(super) fn least_normal<T: Float>() -> f64 {
    if T::NAME == "float32" { f64::from(f32::MIN_POSITIVE) } else { f64::MIN_POSITIVE }
}

/// Whether two numbers are the same, NaN being itself, and zeros of either sign being one.
pub(super) fn same<T: Float>(a: T, b: T) -> bool {
    let (a, b) = (a.to_f64(), b.to_f64());
    a == b || (a.is_nan() && b.is_nan())
}

/// Whether `got` is within `tolerance` of `want`, or both are the same infinity (once rounded) or NaN.
pub(super) fn near<T: Float>(got: T, want: f64, tolerance: f64) -> bool {
    same(got, T::from_f64(want)) || (got.to_f64() - want).abs() <= tolerance
}

/// Whether the bits are the same: what row independence promises.
pub(super) fn same_bits<T: Float>(a: T, b: T) -> bool {
    // A conversion to f64 is exact; NaN's payload is no promise.
    a.to_f64().to_bits() == b.to_f64().to_bits() || (a.to_f64().is_nan() && b.to_f64().is_nan())
}

/// Numbers that look random: xorshift64 (Marsaglia 2003).
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Numbers {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Between -1 and 1.
    pub(super) fn tame(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Mostly between -4 and 4, with everything odd strewn in.
    pub(super) fn wild(&mut self) -> f64 {
        const ODD: [f64; 14] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            2.0,
            -2.0,
            1.0e15,
            -1.0e15,
            1.0e-12,
            90.0,
            -100.0,
        ];
        let n = self.next();
        if n.is_multiple_of(4) { ODD[(n >> 8) as usize % ODD.len()] } else { 4.0 * self.tame() }
    }
}

/// How a grid lies in memory.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Dense,
    /// Rows with a gap between them.
    Gapped,
    /// One row for all rows.
    OneRow,
    /// One value per row for all its columns.
    OneColumn,
    OneValue,
}

impl Form {
    pub(super) const ALL: [Form; 5] =
        [Form::Dense, Form::Gapped, Form::OneRow, Form::OneColumn, Form::OneValue];
}

/// A matrix in memory, with guards around it and between its rows.
#[derive(Clone)]
pub(super) struct Grid<T> {
    cells: Vec<T>,
    start: usize,
    rows: usize,
    cols: usize,
    row: usize,
    col: usize,
}

/// Elements that no kernel may write to.
const GUARD: f64 = 4099.125;

impl<T: Float> Grid<T> {
    /// `shift` moves the first element, for odd alignments.
    pub(super) fn new(
        form: Form,
        rows: usize,
        cols: usize,
        shift: usize,
        mut value: impl FnMut() -> f64,
    ) -> Grid<T> {
        let (row, col) = match form {
            Form::Dense => (cols, 1),
            Form::Gapped => (cols + 5, 1),
            Form::OneRow => (0, 1),
            Form::OneColumn => (3, 0),
            Form::OneValue => (0, 0),
        };
        let start = 20 + shift;
        let mut grid = Grid { cells: Vec::new(), start, rows, cols, row, col };
        grid.cells = vec![T::from_f64(GUARD); 2 * start + rows * row.max(1) + cols];
        for r in 0..rows {
            for c in 0..cols {
                let at = grid.at(r, c);
                grid.cells[at] = T::from_f64(value());
            }
        }
        grid
    }

    fn at(&self, r: usize, c: usize) -> usize {
        self.start + r * self.row + c * self.col
    }

    pub(super) fn get(&self, r: usize, c: usize) -> T {
        self.cells[self.at(r, c)]
    }

    pub(super) fn set(&mut self, r: usize, c: usize, value: T) {
        let at = self.at(r, c);
        self.cells[at] = value;
    }

    pub(super) fn stride(&self) -> usize {
        self.row
    }

    pub(super) fn ptr(&self) -> *const T {
        self.cells[self.start..].as_ptr()
    }

    pub(super) fn ptr_mut(&mut self) -> *mut T {
        self.cells[self.start..].as_mut_ptr()
    }

    pub(super) fn src(&self) -> Src<T> {
        Src { ptr: self.ptr(), row: self.row, col: self.col }
    }

    pub(super) fn dst(&mut self) -> Dst<T> {
        Dst { ptr: self.ptr_mut(), row: self.row }
    }

    /// This grid as both source and destination.
    pub(super) fn in_place(&mut self) -> (Dst<T>, Src<T>) {
        let ptr = self.ptr_mut();
        (Dst { ptr, row: self.row }, Src { ptr, row: self.row, col: self.col })
    }

    /// Whether nothing but the elements was written to.
    pub(super) fn is_guarded(&self) -> bool {
        let mut is_element = vec![false; self.cells.len()];
        for r in 0..self.rows {
            for c in 0..self.cols {
                is_element[self.at(r, c)] = true;
            }
        }
        self.cells.iter().zip(is_element).all(|(x, is_element)| is_element || x.to_f64() == GUARD)
    }
}
