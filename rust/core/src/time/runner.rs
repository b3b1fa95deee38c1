//! The driver of one pass over one unit: blocks of time, steps within them.

use crate::kernel::{Float, Init as KernelInit, Kernels, Src};
use crate::plan::{Class, Init, Pass, Ref, Segment, SinkOp, SinkRun};
use crate::random::Noise;

use super::memory::{PassMemory, Scratch, SeqView, grow};
use super::tape::{self, Tile};
use super::weights::{LayerWeights, PassWeights, SlotGradients};
use super::{Geometry, called};

/// Rows that a block of time has at least, so that the weight gradients are long products.
const BLOCK_ROWS: usize = 256;

/// Steps of a block of time of `rows` sequences: a power of two, the same for every pass.
///
/// Rows are summed into the weight gradients block by block, so a pass over a piece of time has the sums of a pass over
/// all of it where the piece begins between blocks. Hence no block is longer than its products need.
pub fn block_steps(rows: usize) -> usize {
    BLOCK_ROWS.div_ceil(rows.max(1)).next_power_of_two()
}

/// Where a pass has its scratch: block, step, tile, carry and gather memory, each buffer after the other.
struct Layout {
    /// By buffer; `usize::MAX` for what is no scratch.
    place: Vec<usize>,
    /// By state that is carried.
    carries: Vec<Option<[usize; 2]>>,
    end: usize,
}

impl Layout {
    fn of(pass: &Pass, rows: usize, block_rows: usize) -> Layout {
        let mut end = 0usize;
        let mut take = |elements: usize| {
            end += elements.next_multiple_of(16); // 64 bytes of float32: buffers do not share a cache line
            end - elements.next_multiple_of(16)
        };
        let tile = take(pass.tile_width * pass.tile_rows);
        let mut place = vec![usize::MAX; pass.buffers.len()];
        for (at, buffer) in place.iter_mut().zip(&pass.buffers) {
            *at = match buffer.class {
                Class::Tile => tile + buffer.slot * pass.tile_rows,
                Class::Step => take(rows * buffer.width),
                Class::Block | Class::CarryLog(_) | Class::HistoryPrev(_) => take(block_rows * buffer.width),
                _ => usize::MAX,
            };
        }
        let carries = (pass.states.iter())
            .map(|(class, width)| {
                matches!(class, Class::CarryIn(_)).then(|| [take(rows * width), take(rows * width)])
            })
            .collect();
        Layout { place, carries, end }
    }
}

/// Elements of scratch of a pass over `rows` sequences of `steps` steps.
pub fn scratch_elements(pass: &Pass, rows: usize, steps: usize) -> usize {
    Layout::of(pass, rows, block_steps(rows).min(steps.max(1)) * rows).end
}

/// What a pass reads from outside.
pub(super) struct Outside<'a, T> {
    pub inputs: &'a [SeqView<T>],
    pub d_outputs: &'a [SeqView<T>],
    /// Memory and plan of the forward pass.
    pub saved: Option<(&'a PassMemory<T>, &'a Pass)>,
}

/// The places of a pass of one step, for as long as its memory lives.
#[derive(Debug)]
pub(super) struct Standing<T> {
    here: Vec<*mut T>,
    stride: Vec<usize>,
    /// By state that is carried: what a step reads, and what it writes.
    pub(super) carry: Vec<Option<[*mut T; 2]>>,
}

pub(super) struct Runner<'a, T: Float> {
    pub(super) kernels: &'a Kernels<T>,
    pub(super) pass: &'a Pass,
    weights: &'a PassWeights<T>,
    pub(super) geometry: &'a Geometry,
    product: &'a mut Vec<T>,
    /// Memory of each buffer: where its first row (of the unit, block, step or tile) lies, and the length of a row.
    pub(super) base: Vec<*mut T>,
    pub(super) stride: Vec<usize>,
    /// The same, at the rows that are being worked on.
    pub(super) here: Vec<*mut T>,
    /// For each state that is carried: two copies of all rows, read and written in turn by the loop; a scan has the first.
    pub(super) carry: Vec<Option<[*mut T; 2]>>,
    /// For each buffer that reads a state of the step before: where a block's rows are gathered if they lie apart.
    gathered: Vec<*mut T>,
    steps_done: usize,
    steps_per_block: usize,
    /// The steps of the block that runs.
    pub(super) block: (usize, usize),
    noise: Noise,
    /// Packed row of the unit at which the buffers stand.
    packed: usize,
}

/// A runner with the places of a standing, which gets them back even where a step in Python raises.
struct Lent<'a, 's, T: Float> {
    runner: Runner<'a, T>,
    standing: &'s mut Standing<T>,
}

impl<T: Float> Drop for Lent<'_, '_, T> {
    fn drop(&mut self) {
        std::mem::swap(&mut self.standing.stride, &mut self.runner.stride);
        std::mem::swap(&mut self.standing.here, &mut self.runner.here);
        std::mem::swap(&mut self.standing.carry, &mut self.runner.carry);
    }
}

impl<'a, T: Float> Runner<'a, T> {
    #[allow(clippy::too_many_arguments)] // the whole context of a pass; it is called from two places
    pub fn new(
        pass: &'a Pass,
        layer: &LayerWeights<T>,
        weights: &'a PassWeights<T>,
        geometry: &'a Geometry,
        outside: &Outside<T>,
        memory: &mut PassMemory<T>,
        initial: &[&[T]],
        kernels: &'a Kernels<T>,
        scratch: &'a mut Scratch<T>,
    ) -> Runner<'a, T> {
        let rows = geometry.rows;
        let steps_per_block = block_steps(rows).min(geometry.steps().max(1));
        let block_rows = steps_per_block * rows;

        let Layout { place, carries, end } = Layout::of(pass, rows, block_rows);
        grow(&mut scratch.arena, end);
        let arena = scratch.arena.as_mut_ptr();
        // SAFETY: every offset was taken above, so it lies inside the arena.
        let at = |offset: usize| unsafe { arena.add(offset) };

        let carry: Vec<Option<[*mut T; 2]>> =
            carries.iter().map(|pair| pair.map(|pair| pair.map(at))).collect();
        for (state, pair) in carry.iter().enumerate() {
            for copy in pair.iter().flatten() {
                // SAFETY: a carry has rows * width elements, and so have the initial values.
                unsafe {
                    copy.copy_from_nonoverlapping(initial[state].as_ptr(), rows * pass.states[state].1)
                };
            }
        }
        let mut base = Vec::new();
        let mut stride = Vec::new();
        let mut gathered = Vec::new();
        for (number, buffer) in pass.buffers.iter().enumerate() {
            let scratch_place =
                if place[number] == usize::MAX { std::ptr::null_mut() } else { at(place[number]) };
            let (ptr, row) = match buffer.class {
                Class::Fold(slot) => (layer.slot(slot).cast_mut(), 0),
                Class::Tile | Class::Step | Class::Block | Class::CarryLog(_) => {
                    (scratch_place, buffer.width)
                }
                Class::Full => (memory.full(number), buffer.width),
                Class::History(state) | Class::HistoryPrev(state) => match outside.saved {
                    Some((saved, _)) => (saved.saved_history(state).cast_mut(), buffer.width),
                    None => (memory.history(state), buffer.width),
                },
                Class::CarryIn(_) | Class::CarryOut(_) => (std::ptr::null_mut(), buffer.width),
                Class::Input(k) => (outside.inputs[k].ptr.cast_mut(), outside.inputs[k].stride),
                Class::OutputGradient(k) => {
                    (outside.d_outputs[k].ptr.cast_mut(), outside.d_outputs[k].stride)
                }
                Class::Saved(other) => match outside.saved {
                    Some((saved, forward)) => (saved.saved(other).cast_mut(), forward.buffers[other].width),
                    None => unreachable!("a forward pass reads no saved value"),
                },
            };
            base.push(ptr);
            stride.push(row);
            gathered.push(scratch_place);
        }
        Runner {
            kernels,
            pass,
            weights,
            geometry,
            product: &mut scratch.product,
            here: base.clone(),
            base,
            stride,
            carry,
            gathered,
            steps_done: 0,
            steps_per_block,
            block: (0, 0),
            noise: layer.noise,
            packed: 0,
        }
    }

    /// Runs the pass; on the way back, `slots` receives the gradients of the parameters.
    pub fn run(&mut self, mut slots: Option<&mut SlotGradients<T>>) {
        let steps = self.geometry.steps();
        let count = steps.div_ceil(self.steps_per_block);
        for block in 0..count {
            let block = if self.pass.reversed { count - 1 - block } else { block };
            let (from, to) = (block * self.steps_per_block, ((block + 1) * self.steps_per_block).min(steps));
            let rows = self.geometry.offset[to] - self.geometry.offset[from];
            let pass = self.pass;
            self.stand_at_block(from, to, pass.reversed);
            self.segments(&pass.before, rows, None);
            if pass.stepwise {
                for step in from..to {
                    let t = if pass.reversed { to - 1 - (step - from) } else { step };
                    self.stand_at_step(t, from);
                    self.log_carries(t);
                    let offset = &self.geometry.offset;
                    let next = if pass.reversed { t.saturating_sub(1) } else { t + 1 };
                    let ahead = offset[next] as isize - offset[t] as isize;
                    self.segments(&pass.body, self.geometry.alive(t), Some(ahead));
                    self.steps_done += 1;
                }
                self.stand_at_block(from, to, true);
            }
            self.segments(&pass.after, rows, None);
            if let Some(slots) = slots.as_deref_mut() {
                for sink in &pass.sinks {
                    self.sink(sink, rows, slots);
                }
            }
        }
    }

    /// Where everything lies for step 0 of a pass forwards that has no other: to run it again and again.
    pub fn standing(mut self) -> Standing<T> {
        self.stand_at_step(0, 0);
        Standing { here: self.here, stride: self.stride, carry: self.carry }
    }

    /// Runs all segments of a pass of one step, where `standing` says.
    pub fn run_standing(
        pass: &Pass,
        layer: &LayerWeights<T>,
        weights: &PassWeights<T>,
        geometry: &Geometry,
        kernels: &Kernels<T>,
        standing: &mut Standing<T>,
    ) {
        let (mut product, rows) = (Vec::new(), geometry.rows);
        let runner = Runner {
            kernels,
            pass,
            weights,
            geometry,
            product: &mut product,
            base: Vec::new(),
            stride: std::mem::take(&mut standing.stride),
            here: std::mem::take(&mut standing.here),
            carry: std::mem::take(&mut standing.carry),
            gathered: Vec::new(),
            steps_done: 0,
            steps_per_block: 1,
            block: (0, 1),
            noise: layer.noise,
            packed: 0,
        };
        let mut lent = Lent { runner, standing };
        let no_other_step = Some(0);
        lent.runner.segments(&pass.before, rows, no_other_step);
        lent.runner.log_carries(0);
        lent.runner.segments(&pass.body, rows, no_other_step);
        lent.runner.segments(&pass.after, rows, no_other_step);
    }

    /// Whether it runs one step at places that do not move.
    pub(super) fn is_standing(&self) -> bool {
        self.base.is_empty()
    }

    /// The carried states after the run, for all rows.
    pub fn carried(&self) -> Vec<Vec<T>> {
        let steps = self.geometry.steps();
        (self.pass.states.iter().zip(&self.carry))
            .enumerate()
            .map(|(state, (&(_, width), pair))| {
                let scanned = self.pass.is_scanned(state);
                let Some(pair) = pair else { return Vec::new() };
                let mut values = Vec::with_capacity(self.geometry.rows * width);
                for (row, &length) in self.geometry.lengths.iter().enumerate() {
                    // forwards a row was written last at its own end, backwards at step 0, the last one run
                    let writes = match (scanned, self.pass.reversed) {
                        (true, _) => 0,
                        (false, true) => steps,
                        (false, false) => length,
                    };
                    // SAFETY: both copies hold all rows, and a row of length 0 has its initial value in both.
                    let source =
                        unsafe { std::slice::from_raw_parts(pair[writes % 2].add(row * width), width) };
                    values.extend_from_slice(source);
                }
                values
            })
            .collect()
    }

    /// Points every buffer at the rows of the steps `from..to`. `gather`: states of the step before are wanted too.
    fn stand_at_block(&mut self, from: usize, to: usize, gather: bool) {
        let first = self.geometry.offset[from];
        self.packed = first;
        self.block = (from, to);
        for number in 0..self.base.len() {
            let (base, stride) = (self.base[number], self.stride[number]);
            // SAFETY: the buffers of these classes hold all packed rows (a history its initial rows before them).
            self.here[number] = unsafe {
                match self.pass.buffers[number].class {
                    Class::Full | Class::Input(_) | Class::OutputGradient(_) | Class::Saved(_) => {
                        base.add(first * stride)
                    }
                    Class::History(_) => base.add((self.geometry.rows + first) * stride),
                    Class::HistoryPrev(_) if gather => self.previous_rows(number, from, to),
                    _ => base,
                }
            };
        }
    }

    /// The states that the steps `from..to` read, as rows side by side.
    pub(super) unsafe fn previous_rows(&self, number: usize, from: usize, to: usize) -> *mut T {
        let (base, stride, geometry) = (self.base[number], self.stride[number], self.geometry);
        // SAFETY: the rows read at each step lie inside the history; the gather buffer holds the rows of a block.
        unsafe {
            if geometry.is_dense(from, to) {
                return base.add(geometry.previous(from) * stride);
            }
            let target = self.gathered[number];
            for t in from..to {
                let rows = target.add((geometry.offset[t] - geometry.offset[from]) * stride);
                rows.copy_from_nonoverlapping(
                    base.add(geometry.previous(t) * stride),
                    geometry.alive(t) * stride,
                );
            }
            target
        }
    }

    /// Points every buffer at the rows of step `t` of the block that begins at `from`.
    fn stand_at_step(&mut self, t: usize, from: usize) {
        let geometry = self.geometry;
        let (row, in_block) = (geometry.offset[t], geometry.offset[t] - geometry.offset[from]);
        self.packed = row;
        for number in 0..self.base.len() {
            let (base, stride) = (self.base[number], self.stride[number]);
            // SAFETY: step t is one of the block's, so its rows lie inside each of these buffers.
            self.here[number] = unsafe {
                match self.pass.buffers[number].class {
                    Class::Full | Class::Input(_) | Class::OutputGradient(_) | Class::Saved(_) => {
                        base.add(row * stride)
                    }
                    Class::Block | Class::CarryLog(_) => base.add(in_block * stride),
                    Class::History(_) => base.add((geometry.rows + row) * stride),
                    Class::HistoryPrev(_) => base.add(geometry.previous(t) * stride),
                    Class::CarryIn(state) => self.carry[state].map_or(base, |pair| pair[self.steps_done % 2]),
                    Class::CarryOut(state) => {
                        self.carry[state].map_or(base, |pair| pair[(self.steps_done + 1) % 2])
                    }
                    Class::Fold(_) | Class::Tile | Class::Step => base,
                }
            };
        }
    }

    /// Copies carried states to where readers outside the loop find them.
    fn log_carries(&mut self, t: usize) {
        for (number, buffer) in self.pass.buffers.iter().enumerate() {
            if let Class::CarryLog(state) = buffer.class
                && let Some(pair) = self.carry[state]
            {
                let elements = self.geometry.alive(t) * buffer.width;
                // SAFETY: `here` stands at the rows of step t; both hold as many elements.
                unsafe { self.here[number].copy_from_nonoverlapping(pair[self.steps_done % 2], elements) };
            }
        }
    }

    /// `ahead`: from these rows to those of the next step; none where the rows of a block follow each other.
    fn segments(&mut self, segments: &[Segment], rows: usize, ahead: Option<isize>) {
        for segment in segments {
            match segment {
                Segment::Scan(scan) => self.scan(scan),
                Segment::Tape(ops) => {
                    let mut first = 0;
                    while first < rows {
                        let count = self.pass.tile_rows.min(rows - first);
                        let tile = Tile {
                            pass: self.pass,
                            here: &self.here,
                            stride: &self.stride,
                            first,
                            rows: count,
                            packed: self.packed + first,
                            ahead: ahead.unwrap_or(count as isize),
                            geometry: self.geometry,
                            noise: self.noise,
                        };
                        for op in ops {
                            // SAFETY: `here` points at `rows` rows of every buffer that the op names.
                            unsafe { tape::run(self.kernels, op, &tile) };
                        }
                        first += count;
                    }
                }
                Segment::Gemm(gemm) => {
                    let pack = &self.pass.packs[gemm.pack];
                    let (packed, bias) = &self.weights.packs[gemm.pack];
                    let init = match gemm.init {
                        Init::Zero => KernelInit::Zero,
                        Init::Bias => KernelInit::From(Src { ptr: bias.as_ptr(), row: 0, col: 1 }),
                        Init::Value(at) => {
                            KernelInit::From(Src { ptr: self.at(at), row: self.stride[at.buffer], col: 1 })
                        }
                    };
                    let (a, lda, c, ldc) = (
                        self.at(gemm.a),
                        self.stride[gemm.a.buffer],
                        self.at(gemm.c),
                        self.stride[gemm.c.buffer],
                    );
                    // SAFETY: a and init have `rows` rows, c too, and c overlaps neither; the pack was made for k and n.
                    unsafe {
                        (self.kernels.gemm)(rows, pack.n, pack.k, a, lda, packed.as_ptr(), init, c, ldc);
                    }
                }
            }
        }
    }

    /// The first of the rows that are worked on.
    pub(super) fn at(&self, place: Ref) -> *mut T {
        // SAFETY: `here` points at a row of the buffer, which is at least `col + numel` long.
        unsafe { self.here[place.buffer].add(place.col) }
    }

    fn sink(&mut self, sink: &SinkOp, rows: usize, slots: &mut SlotGradients<T>) {
        let target = slots.slot_mut(sink.slot);
        match sink.run {
            SinkRun::Called { p, x, s, d } => {
                let operand =
                    |place: Ref| (self.at(place).cast_const(), self.stride[place.buffer], place.numel);
                let operands = [p, x, s, d].map(operand);
                // SAFETY: each operand has `rows` rows here (the parameters one row, with a stride of 0).
                unsafe { called::gradient(self.pass.function.as_ref(), rows, &operands, target) };
            }
            SinkRun::Outer { left, right } => {
                let (a, lda) = (self.at(left), self.stride[left.buffer]);
                let (b, ldb) = (self.at(right), self.stride[right.buffer]);
                let (m, n) = (left.numel, right.numel);
                debug_assert_eq!(target.len(), m * n);
                // SAFETY: both operands have `rows` rows here; the target is an m x n matrix.
                unsafe {
                    (self.kernels.gemm_tn)(m, n, rows, a, lda, b, ldb, target.as_mut_ptr(), n, self.product)
                };
            }
            SinkRun::Sum(d) => {
                // SAFETY: `d` has `rows` rows of as many elements as the target.
                unsafe {
                    (self.kernels.col_sum)(
                        rows,
                        d.numel,
                        self.at(d),
                        self.stride[d.buffer],
                        target.as_mut_ptr(),
                    );
                }
            }
            SinkRun::Scatter { id, d } => {
                for row in 0..rows {
                    // SAFETY: ids were checked against the table when they were read in; rows lie inside both buffers.
                    unsafe {
                        let index = self.at(id).add(row * self.stride[id.buffer]).read().to_f64() as usize;
                        let source = self.at(d).add(row * self.stride[d.buffer]);
                        let line = &mut target[index * d.numel..(index + 1) * d.numel];
                        for (column, sum) in line.iter_mut().enumerate() {
                            *sum += source.add(column).read();
                        }
                    }
                }
            }
        }
    }
}
