//! An LSTM's forward and backward pass by hand: the engine's products in the engine's order, its pointwise part fused.

use ostinato_core::kernel::{Init, Kernels, Src};
use ostinato_core::time::block_steps;

use super::pointwise;

/// Parameters of I = H, packed as the engine packs them: once, for any number of runs.
pub struct Weights {
    kernels: &'static Kernels<f32>,
    hidden: usize,
    bias: Vec<f32>,
    /// x -> gates and h -> gates; and their transposes for the backward pass.
    there: [Vec<f32>; 2],
    back: [Vec<f32>; 2],
}

impl Weights {
    /// `w_x` and `w_h` are (4H, H), row-major; gate order i, f, g, o.
    pub fn new(
        kernels: &'static Kernels<f32>,
        hidden: usize,
        w_x: &[f32],
        w_h: &[f32],
        bias: &[f32],
    ) -> Weights {
        let packed = |k: usize, n: usize, w: &[f32], row_stride: usize, col_stride: usize| {
            let mut out = vec![0.0; (kernels.packed_len)(k, n)];
            // SAFETY: w has k * n elements so strided, and `out` the length that the kernel asked for.
            unsafe { (kernels.pack)(k, n, w.as_ptr(), row_stride, col_stride, out.as_mut_ptr()) };
            out
        };
        let gates = 4 * hidden;
        let there = [w_x, w_h].map(|w| packed(hidden, gates, w, 1, hidden));
        let back = [w_x, w_h].map(|w| packed(gates, hidden, w, hidden, 1));
        Weights { kernels, hidden, bias: bias.to_vec(), there, back }
    }
}

/// Memory of one unit of rows, kept from run to run. Initial states are zeros.
pub struct Unit {
    rows: usize,
    steps: usize,
    /// (T, rows, 4H): sums, then activations.
    gates: Vec<f32>,
    /// (1 + T, rows, H): the initial states before those after each step.
    h: Vec<f32>,
    c: Vec<f32>,
    d_gates: Vec<f32>,
    d_h: Vec<f32>,
    d_c: Vec<f32>,
    /// (T, rows, H)
    pub d_x: Vec<f32>,
    scratch: Vec<f32>,
}

/// Sums over all units, laid out as the parameters.
pub struct Gradients {
    pub w_x: Vec<f32>,
    pub w_h: Vec<f32>,
    pub bias: Vec<f32>,
}

impl Gradients {
    pub fn zeros(hidden: usize) -> Gradients {
        let matrix = vec![0.0; 4 * hidden * hidden];
        Gradients { w_x: matrix.clone(), w_h: matrix, bias: vec![0.0; 4 * hidden] }
    }
}

impl Unit {
    pub fn new(rows: usize, steps: usize, hidden: usize) -> Unit {
        let zeros = |count: usize| vec![0.0f32; count * rows * hidden];
        Unit {
            rows,
            steps,
            gates: zeros(4 * steps),
            h: zeros(1 + steps),
            c: zeros(1 + steps),
            d_gates: zeros(4 * block_steps(rows)),
            d_h: zeros(1),
            d_c: zeros(1),
            d_x: zeros(steps),
            scratch: Vec::new(),
        }
    }

    /// (T, rows, H)
    pub fn outputs(&self) -> &[f32] {
        &self.h[self.h.len() / (1 + self.steps)..]
    }

    /// Forwards over x (T, rows, H).
    pub fn forward(&mut self, weights: &Weights, x: &[f32]) {
        let (kernels, rows, hidden) = (weights.kernels, self.rows, weights.hidden);
        let (row, block) = (rows * hidden, block_steps(rows));
        assert_eq!(x.len(), self.steps * row);
        let bias = Init::From(Src { ptr: weights.bias.as_ptr(), row: 0, col: 1 });
        let (gates, h, c) = (self.gates.as_mut_ptr(), self.h.as_mut_ptr(), self.c.as_mut_ptr());
        for from in (0..self.steps).step_by(block) {
            let to = (from + block).min(self.steps);
            // SAFETY: the steps from..to exist in x and in every array of the unit; AVX-512 was asked for.
            unsafe {
                let (a, sums) = (x.as_ptr().add(from * row), gates.add(from * 4 * row));
                let packed = weights.there[0].as_ptr();
                (kernels.gemm)(
                    (to - from) * rows,
                    4 * hidden,
                    hidden,
                    a,
                    hidden,
                    packed,
                    bias,
                    sums,
                    4 * hidden,
                );
                for t in from..to {
                    let (gates, h_before) = (gates.add(t * 4 * row), h.add(t * row));
                    let (packed, add) = (weights.there[1].as_ptr(), Init::Accumulate);
                    (kernels.gemm)(
                        rows,
                        4 * hidden,
                        hidden,
                        h_before,
                        hidden,
                        packed,
                        add,
                        gates,
                        4 * hidden,
                    );
                    let (c_before, c, h) = (c.add(t * row), c.add((t + 1) * row), h.add((t + 1) * row));
                    pointwise::forward(rows, hidden, &pointwise::Forward { gates, c_before, c, h });
                }
            }
        }
    }

    /// Back from the gradients of the outputs (T, rows, H), after `forward` over the same x.
    pub fn backward(&mut self, weights: &Weights, x: &[f32], d_outputs: &[f32], sums: &mut Gradients) {
        let (kernels, rows, hidden) = (weights.kernels, self.rows, weights.hidden);
        let (row, block, width) = (rows * hidden, block_steps(rows), 4 * hidden);
        assert!(x.len() == self.steps * row && d_outputs.len() == x.len());
        self.d_h.fill(0.0);
        self.d_c.fill(0.0);
        let (d_h, d_c) = (self.d_h.as_mut_ptr(), self.d_c.as_mut_ptr());
        let d_gates = self.d_gates.as_mut_ptr();
        for from in (0..self.steps).step_by(block).rev() {
            let to = (from + block).min(self.steps);
            let count = (to - from) * rows;
            // SAFETY: the steps from..to exist in every array of the unit, and fit the block; AVX-512 was asked for.
            unsafe {
                for t in (from..to).rev() {
                    let d_gates = d_gates.add((t - from) * 4 * row);
                    let step = pointwise::Backward {
                        gates: self.gates.as_ptr().add(t * 4 * row),
                        c_before: self.c.as_ptr().add(t * row),
                        c: self.c.as_ptr().add((t + 1) * row),
                        d_output: d_outputs.as_ptr().add(t * row),
                        d_h,
                        d_c,
                        d_gates,
                    };
                    // Hints as the engine gives them: what the step before will read of memory that no cache holds.
                    let before = t.saturating_sub(1);
                    (kernels.prefetch)(rows, width, self.gates.as_ptr().add(before * 4 * row), width);
                    (kernels.prefetch)(rows, hidden, self.c.as_ptr().add(before * row), hidden);
                    (kernels.prefetch)(rows, hidden, d_outputs.as_ptr().add(before * row), hidden);
                    pointwise::backward(rows, hidden, &step);
                    let packed = weights.back[1].as_ptr();
                    (kernels.gemm)(rows, hidden, width, d_gates, width, packed, Init::Zero, d_h, hidden);
                }
                let (packed, d_x) = (weights.back[0].as_ptr(), self.d_x.as_mut_ptr().add(from * row));
                (kernels.gemm)(count, hidden, width, d_gates, width, packed, Init::Zero, d_x, hidden);
                let operands = [(x.as_ptr(), &mut sums.w_x), (self.h.as_ptr(), &mut sums.w_h)];
                for (right, sum) in operands {
                    let (b, c) = (right.add(from * row), sum.as_mut_ptr());
                    let scratch = &mut self.scratch;
                    (kernels.gemm_tn)(width, hidden, count, d_gates, width, b, hidden, c, hidden, scratch);
                }
                (kernels.col_sum)(count, width, d_gates, width, sums.bias.as_mut_ptr());
            }
        }
    }
}
