//! The tables of function pointers: one for each number type and instruction set.
//!
//! Every entry is a thin function that enables the instruction set and calls the generic kernel, which is
//! inlined into it whole: a helper that stayed a function of its own would be compiled for the baseline CPU
//! instead.

use super::args::{
    Binary, Dst, Init, Link, MatrixBack, MatrixSteps, NormGrad, Reduce, RowMap, ScanState, Src, Ternary,
    Unary,
};
use super::isa::Isa;
use super::real::Real;

/// The kernels of one number type and instruction set.
///
/// # Safety
/// Of every `unsafe fn` here: all addressed elements are valid for reading or writing, and a destination is
/// exactly the memory of a source or does not overlap it (matrix products: never overlaps it). Pointers need
/// no alignment beyond that of `T`. Every size may be 0. Nothing beyond the addressed elements is written.
// Type aliases would hide the arguments, which the docs of the fields list.
#[allow(clippy::type_complexity)]
pub struct Kernels<T: 'static> {
    pub isa: Isa,
    /// Elements in one vector.
    pub lanes: usize,
    /// `(op, alpha, rows, cols, dst, x)`: dst = op(x)
    pub unary: unsafe fn(Unary, T, usize, usize, Dst<T>, Src<T>),
    /// `(op, rows, cols, dst, a, b)`: dst = op(a, b)
    pub binary: unsafe fn(Binary, usize, usize, Dst<T>, Src<T>, Src<T>),
    /// `(op, rows, cols, dst, a, b, c)`: dst = op(a, b, c)
    pub ternary: unsafe fn(Ternary, usize, usize, Dst<T>, Src<T>, Src<T>, Src<T>),
    /// `(count, links)`: each element through all links, one after the other, with the results of `unary` and `binary`.
    pub chain: unsafe fn(usize, &[Link<T>]),
    /// `(op, param, rows, cols, dst, x)`: (rows, cols) -> (rows, 1); the result of row r lies at `dst + r * dst.row`.
    pub reduce: unsafe fn(Reduce, T, usize, usize, Dst<T>, Src<T>),
    /// `(rows, cols, largest, sums, x)`: of each row its largest element m, NaN if any is NaN, and the sum of exp(x - m).
    /// The sum has no meaning for a row with inf or NaN.
    pub exp_sums: unsafe fn(usize, usize, *mut T, *mut T, Src<T>),
    /// `(rows, cols, dst, a, b)`: the scalar product of row r of a and of b lies at `dst + r * dst.row`.
    pub dots: unsafe fn(usize, usize, Dst<T>, Src<T>, Src<T>),
    /// The same, bit-identical to a product that is stored and then reduced to its sum.
    pub product_sum: unsafe fn(usize, usize, Dst<T>, Src<T>, Src<T>),
    /// `(rows, cols, a, b, out)`: out[c] += the sum over rows of a[r, c] b[r, c], in row order; each product is rounded.
    pub weighted_sum: unsafe fn(usize, usize, Src<T>, Src<T>, *mut T),
    /// `(op, param, rows, cols, dst, x)`: (rows, cols) -> (rows, cols)
    pub row_map: unsafe fn(RowMap, T, usize, usize, Dst<T>, Src<T>),
    /// `(op, rows, cols, dst, r, y, d)`: (rows, cols) -> (rows, cols); the value of row i of r lies at `r + i * r.row`.
    pub norm_grad: unsafe fn(NormGrad, usize, usize, Dst<T>, Src<T>, Src<T>, Src<T>),
    /// `((rows, lines, cols), dst, m, v)`: for each row, log(sum over columns of exp(m[line, c] + v[c])), (rows, lines).
    pub log_product: unsafe fn((usize, usize, usize), Dst<T>, Src<T>, Src<T>),
    /// `((rows, lines, cols), dst, [m, v, y, d])`: the gradient of m, where y is the result of `log_product`.
    pub log_product_grad: unsafe fn((usize, usize, usize), Dst<T>, [Src<T>; 4]),
    /// `(steps, rows, cols, states)`: a linear recurrence of one or two states along time.
    pub scan: unsafe fn(usize, usize, usize, &[ScanState<T>]),
    /// `(sequence, start, end)`: the steps of a sequence whose state is a matrix, from one matrix to another, or in place.
    pub matrix_forward: unsafe fn(&MatrixSteps<T>, *const T, *mut T),
    /// `(sequence, back)`: its gradients; the matrices of the steps are computed again.
    pub matrix_back: unsafe fn(&MatrixSteps<T>, &MatrixBack<T>),
    /// The columns of a packed B from a multiple of `column_grain` are themselves a packed B, which starts k elements
    /// further per column.
    pub column_grain: usize,
    /// `(k, n)`: the number of elements that `pack` writes.
    pub packed_len: fn(usize, usize) -> usize,
    /// `(k, n, b, row_stride, col_stride, out)`: B (k, n) into K-major panels, the last one padded with zeros.
    /// `row_stride` is the stride of B's k index, `col_stride` of its n index. The packed memory must not move.
    pub pack: unsafe fn(usize, usize, *const T, usize, usize, *mut T),
    /// `(m, n, k, a, lda, packed, init, c, ldc)`: C (m, n) = init + A B with A (m, k) row-major, B packed.
    pub gemm: unsafe fn(usize, usize, usize, *const T, usize, *const T, Init<T>, *mut T, usize),
    /// `(m, n, k, a, lda, b, ldb, c, ldc, scratch)`: C (m, n) += A^T B with A (k, m) and B (k, n) row-major.
    /// The product of weight gradients: k may be large.
    pub gemm_tn: unsafe fn(usize, usize, usize, *const T, usize, *const T, usize, *mut T, usize, &mut Vec<T>),
    /// `(rows, cols, a, lda, out)`: out[c] += the sum over rows of a[r, c], in row order.
    pub col_sum: unsafe fn(usize, usize, *const T, usize, *mut T),
    /// `(n, x, out)`: out = the sum of x[i]^2 in float64, bit-identical on every instruction set.
    pub square_sum: unsafe fn(usize, *const T, *mut f64),
    /// `(n, x, out)`: out = no element is NaN or infinite.
    pub all_finite: unsafe fn(usize, *const T, *mut bool),
    /// `(n, x, out)`: out = the least and the largest element, NaN for both if any is NaN or infinite; 0 for no elements.
    pub range: unsafe fn(usize, *const T, *mut [T; 2]),
    /// `(rows, cols, first, row)`: a hint that rows, `row` elements apart, will be read or written soon.
    pub prefetch: unsafe fn(usize, usize, *const T, usize),
    /// `(out)`: multiply-adds without memory, to measure the peak of the machine.
    pub fma_burst: unsafe fn(*mut T),
}

/// Makes the tables of one token: a trampoline for each kernel, compiled for the token's instruction set.
macro_rules! tables {
    ($module:ident, $token:ty, $isa:expr $(, #[$feature:meta])?) => {
        mod $module {
            use crate::kernel::args::{
                Binary, Dst, Init, Link, MatrixBack, MatrixSteps, NormGrad, Reduce, RowMap, ScanState, Src,
                Ternary, Unary,
            };
            use crate::kernel::isa::Isa;
            use crate::kernel::math::Math;
            use crate::kernel::simd::Simd;
            use crate::kernel::{burst, gemm, row, simd};
            use super::Kernels;

            pub(super) static F32: Kernels<f32> = kernels();
            pub(super) static F64: Kernels<f64> = kernels();

            const fn kernels<T: Math>() -> Kernels<T>
            where
                $token: Simd<T>,
            {
                Kernels {
                    isa: $isa,
                    lanes: <$token as Simd<T>>::LANES,
                    unary: unary::<T>,
                    binary: binary::<T>,
                    ternary: ternary::<T>,
                    chain: chain::<T>,
                    reduce: reduce::<T>,
                    exp_sums: exp_sums::<T>,
                    dots: dots::<T>,
                    product_sum: product_sum::<T>,
                    weighted_sum: weighted_sum::<T>,
                    row_map: row_map::<T>,
                    norm_grad: norm_grad::<T>,
                    log_product: log_product::<T>,
                    log_product_grad: log_product_grad::<T>,
                    scan: scan::<T>,
                    matrix_forward: matrix_forward::<T>,
                    matrix_back: matrix_back::<T>,
                    column_grain: gemm::column_grain::<T, $token>(),
                    packed_len: gemm::packed_len::<T, $token>,
                    pack: pack::<T>,
                    gemm: gemm_packed::<T>,
                    gemm_tn: gemm_tn::<T>,
                    col_sum: col_sum::<T>,
                    square_sum: square_sum::<T>,
                    all_finite: all_finite::<T>,
                    range: range::<T>,
                    prefetch: prefetch::<T>,
                    fma_burst: fma_burst::<T>,
                }
            }

            tables!(@entry $token, unary(op: Unary, alpha: T, rows: usize, cols: usize, dst: Dst<T>, x: Src<T>),
                row::unary $(, #[$feature])?);
            tables!(@entry $token, binary(op: Binary, rows: usize, cols: usize, dst: Dst<T>, a: Src<T>, b: Src<T>),
                row::binary $(, #[$feature])?);
            tables!(@entry $token,
                ternary(op: Ternary, rows: usize, cols: usize, dst: Dst<T>, a: Src<T>, b: Src<T>, c: Src<T>),
                row::ternary $(, #[$feature])?);
            tables!(@entry $token, chain(count: usize, links: &[Link<T>]), row::chain $(, #[$feature])?);
            tables!(@entry $token, reduce(op: Reduce, param: T, rows: usize, cols: usize, dst: Dst<T>, x: Src<T>),
                row::reduce $(, #[$feature])?);
            tables!(@entry $token, exp_sums(rows: usize, cols: usize, largest: *mut T, sums: *mut T, x: Src<T>),
                row::exp_sums $(, #[$feature])?);
            tables!(@entry $token, dots(rows: usize, cols: usize, dst: Dst<T>, a: Src<T>, b: Src<T>),
                row::dots $(, #[$feature])?);
            tables!(@entry $token, product_sum(rows: usize, cols: usize, dst: Dst<T>, a: Src<T>, b: Src<T>),
                row::product_sum $(, #[$feature])?);
            tables!(@entry $token, weighted_sum(rows: usize, cols: usize, a: Src<T>, b: Src<T>, out: *mut T),
                row::weighted_sum $(, #[$feature])?);
            tables!(@entry $token, row_map(op: RowMap, param: T, rows: usize, cols: usize, dst: Dst<T>, x: Src<T>),
                row::row_map $(, #[$feature])?);
            tables!(@entry $token,
                log_product(sizes: (usize, usize, usize), dst: Dst<T>, m: Src<T>, v: Src<T>),
                row::log_product $(, #[$feature])?);
            tables!(@entry $token,
                log_product_grad(sizes: (usize, usize, usize), dst: Dst<T>, operands: [Src<T>; 4]),
                row::log_product_grad $(, #[$feature])?);
            tables!(@entry $token, scan(steps: usize, rows: usize, cols: usize, states: &[ScanState<T>]),
                row::scan $(, #[$feature])?);
            tables!(@entry $token, matrix_forward(m: &MatrixSteps<T>, start: *const T, end: *mut T),
                row::matrix_forward $(, #[$feature])?);
            tables!(@entry $token, matrix_back(m: &MatrixSteps<T>, back: &MatrixBack<T>),
                row::matrix_back $(, #[$feature])?);
            tables!(@entry $token,
                norm_grad(op: NormGrad, rows: usize, cols: usize, dst: Dst<T>, r: Src<T>, y: Src<T>, d: Src<T>),
                row::norm_grad $(, #[$feature])?);
            tables!(@entry $token,
                pack(k: usize, n: usize, b: *const T, row_stride: usize, col_stride: usize, out: *mut T),
                gemm::pack $(, #[$feature])?);
            tables!(@entry $token,
                gemm_packed(m: usize, n: usize, k: usize, a: *const T, lda: usize, packed: *const T, init: Init<T>,
                    c: *mut T, ldc: usize),
                gemm::gemm $(, #[$feature])?);
            tables!(@entry $token,
                gemm_tn(m: usize, n: usize, k: usize, a: *const T, lda: usize, b: *const T, ldb: usize,
                    c: *mut T, ldc: usize, scratch: &mut Vec<T>),
                gemm::gemm_tn $(, #[$feature])?);
            tables!(@entry $token, col_sum(rows: usize, cols: usize, a: *const T, lda: usize, out: *mut T),
                row::col_sum $(, #[$feature])?);
            tables!(@entry $token, square_sum(n: usize, x: *const T, out: *mut f64), row::square_sum $(, #[$feature])?);
            tables!(@entry $token, all_finite(n: usize, x: *const T, out: *mut bool), row::all_finite $(, #[$feature])?);
            tables!(@entry $token, range(n: usize, x: *const T, out: *mut [T; 2]), row::range $(, #[$feature])?);
            tables!(@entry $token, prefetch(rows: usize, cols: usize, first: *const T, row: usize),
                row::prefetch $(, #[$feature])?);
            tables!(@entry $token, fma_burst(out: *mut T), burst::burst $(, #[$feature])?);
        }
    };
    (@entry $token:ty, $name:ident($($arg:ident: $type:ty),*), $kernel:path $(, #[$feature:meta])?) => {
        /// # Safety
        /// As [`Kernels`], and the machine has this instruction set.
        $(#[$feature])?
        #[allow(clippy::too_many_arguments)]
        unsafe fn $name<T: Math>($($arg: $type),*)
        where
            $token: Simd<T>,
        {
            // SAFETY: tables exist only on machines that have the instruction set; the caller
            // vouches for the operands.
            unsafe { $kernel(<$token>::assume(), $($arg),*) }
        }
    };
}

tables!(portable, simd::Portable, Isa::Portable);
#[cfg(target_arch = "x86_64")]
tables!(avx2, simd::Avx2, Isa::Avx2, #[target_feature(enable = "avx2,fma")]);
#[cfg(target_arch = "x86_64")]
tables!(
    avx512,
    simd::Avx512,
    Isa::Avx512,
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
);
#[cfg(target_arch = "aarch64")]
tables!(neon, simd::Neon, Isa::Neon, #[target_feature(enable = "neon")]);

/// `f32` or `f64`, with its kernels: the number type as every other room knows it.
pub trait Float: Real {
    /// The kernels of an instruction set. Panics where this machine lacks it; [`Isa::available`] lists what
    /// it has.
    fn kernels(isa: Isa) -> &'static Kernels<Self>;
}

impl Float for f32 {
    fn kernels(isa: Isa) -> &'static Kernels<f32> {
        of_f32(isa)
    }
}

impl Float for f64 {
    fn kernels(isa: Isa) -> &'static Kernels<f64> {
        of_f64(isa)
    }
}

fn of_f32(isa: Isa) -> &'static Kernels<f32> {
    demand(isa);
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &avx2::F32,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &avx512::F32,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &neon::F32,
        _ => &portable::F32,
    }
}

fn of_f64(isa: Isa) -> &'static Kernels<f64> {
    demand(isa);
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => &avx2::F64,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => &avx512::F64,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => &neon::F64,
        _ => &portable::F64,
    }
}

fn demand(isa: Isa) {
    assert!(isa.is_available(), "this machine has no {}", isa.name());
}
