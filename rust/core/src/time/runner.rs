//! The loop of one pass over one row group: blocks of time, and the steps within them.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::kernel::{Float, Kernels};
use crate::memory::lengthen_often_read;
use crate::plan::{Buffer, Class, Pass, Ref, block_steps};
use crate::random::Noise;
use crate::team::{Region, pause};

use super::Geometry;
use super::buffer_binding::{BufferBinding, Layout};
use super::entries::Entries;
use super::entry_row::Row;
use super::memory::{PassMemory, Scratch};
use super::pipeline::{Pipeline, piece_steps};
use super::slot_gradients::SlotGradients;
use super::view::SeqView;
use super::weights::{PassWeights, Weights};

/// From this many multiplications per step, cancellation is checked at each step instead of each block: about a tenth of a
/// millisecond. A few rows count as 16, because they take as long.
const LONG_STEP: usize = 4 << 20;
const LONG_STEP_ROWS: usize = 16;

/// The steps `from..to` in pieces of `steps` steps, in the order in which a pass runs.
fn pieces(from: usize, to: usize, steps: usize, reversed: bool) -> impl Iterator<Item = Range<usize>> {
    let count = (to - from).div_ceil(steps);
    (0..count).map(move |piece| {
        let first = from + steps * if reversed { count - 1 - piece } else { piece };
        first..(first + steps).min(to)
    })
}

/// Elements of scratch of a pass over `rows` sequences of `steps` steps.
pub fn scratch_elements(pass: &Pass, rows: usize, steps: usize, entries: &[Entries]) -> usize {
    let mut layout = Layout::default();
    layout.settle(pass, rows, block_steps(rows).min(steps.max(1)) * rows, entries, 1);
    layout.end
}

/// The values outside its own memory that a pass reads.
pub(super) struct Outside<'a, T> {
    pub inputs: &'a [SeqView<T>],
    /// The memories: the entries of all rows.
    pub memories: &'a [SeqView<T>],
    pub d_outputs: &'a [SeqView<T>],
    /// What a backward pass reads.
    pub saved: Option<SavedPass<'a, T>>,
}

/// The values from which a backward pass starts, besides the gradients of outputs.
pub(super) struct SavedPass<'a, T> {
    /// The memory and the plan of the forward pass.
    pub memory: &'a PassMemory<T>,
    pub pass: &'a Pass,
    /// By memory: the sum of its gradient over later steps, for each entry; empty for zeros.
    pub d_memories: &'a [Vec<T>],
}

/// Writes the values with which a state, or a sum, starts: zeros, unless they are given.
///
/// # Safety
/// `elements` elements are writable at `to`, and given values are as many.
pub(super) unsafe fn start_state<T: Float>(to: *mut T, given: Option<&Vec<T>>, elements: usize) {
    match given {
        // SAFETY: the caller's guarantee.
        Some(values) => unsafe { to.copy_from_nonoverlapping(values.as_ptr(), elements) },
        // SAFETY: as above.
        None => unsafe { to.write_bytes(0, elements) },
    }
}

/// A pass with its weights, and the rows of a geometry to run over.
#[derive(Clone, Copy)]
pub(super) struct PassCall<'a, T: Float> {
    pub pass: &'a Pass,
    pub weights: &'a Weights<T>,
    /// The packed weights of this pass.
    pub packs: &'a PassWeights<T>,
    pub geometry: &'a Geometry,
    pub entries: &'a [Entries],
    pub kernels: &'a Kernels<T>,
}

pub(super) struct Runner<'a, T: Float> {
    pub(super) kernels: &'a Kernels<T>,
    pub(super) pass: &'a Pass,
    pub(super) weights: &'a PassWeights<T>,
    pub(super) geometry: &'a Geometry,
    pub(super) entries: &'a [Entries],
    /// Buffers for packing weight gradients, by thread.
    pub(super) products: &'a [Mutex<Vec<T>>],
    pub(super) binding: &'a mut BufferBinding<T>,
    steps_done: usize,
    long_steps: bool,
    pub(super) steps_per_block: usize,
    /// The steps that the buffers point to.
    pub(super) steps: (usize, usize),
    pub(super) noise: Noise,
    /// The packed row of the group that the buffers point to.
    pub(super) packed: usize,
    /// The threads that share the row group.
    pub(super) region: Option<&'a Region>,
    /// The position of the layer in a pipeline, if it runs behind another layer.
    pipeline: Option<&'a Pipeline>,
    /// See `Scratch::watch`.
    pub(super) watch: Option<usize>,
}

impl<'a, T: Float> Runner<'a, T> {
    pub fn new(
        call: PassCall<'a, T>,
        outside: &Outside<T>,
        memory: &mut PassMemory<T>,
        initial: &[Vec<T>],
        scratch: &'a mut Scratch<T>,
    ) -> Runner<'a, T> {
        let PassCall { pass, weights: layer, packs, geometry, entries, kernels } = call;
        let rows = geometry.rows;
        let steps_per_block = block_steps(rows).min(geometry.steps().max(1));
        let block_rows = steps_per_block * rows;

        let Scratch { arena, products, binding, region, pipeline, .. } = scratch;
        let (region, pipeline) = (region.as_deref(), pipeline.as_ref());
        let threads = region.map_or(1, Region::parts);
        if products.len() < threads {
            products.resize_with(threads, Mutex::default);
        }
        binding.clear();
        let BufferBinding { layout, base, stride, here, moving, carry, gathered, entry_rows, matrices } =
            &mut *binding;
        if !entries.is_empty() {
            let missing = threads.saturating_sub(entry_rows.len());
            entry_rows.extend((0..missing).map(|_| Mutex::new(Row::new())));
            for row in entry_rows.iter_mut().take(threads) {
                row.get_mut().unwrap_or_else(PoisonError::into_inner).renew(pass, entries);
            }
        }
        layout.settle(pass, rows, block_rows, entries, threads);
        lengthen_often_read(arena, layout.end);
        let arena = arena.as_mut_ptr();
        // SAFETY: the layout computed every offset, so it lies inside the arena.
        let at = |offset: usize| unsafe { arena.add(offset) };

        *matrices = at(layout.matrices);
        carry.extend(layout.carries.iter().map(|pair| pair.map(|pair| pair.map(at))));
        for (state, pair) in carry.iter().enumerate() {
            for copy in pair.iter().flatten() {
                let places = pass.state_entries[state].map_or(rows, |axis| entries[axis].count());
                // SAFETY: a carry has an element for each place and column.
                unsafe { start_state(*copy, initial.get(state), places * pass.states[state].1) };
            }
        }
        for (number, buffer) in pass.buffers.iter().enumerate() {
            let scratch_place = match layout.place[number] {
                usize::MAX => std::ptr::null_mut(),
                offset => at(offset),
            };
            let (ptr, row) = match buffer.class {
                Class::Fold(slot) => (layer.slot(slot).cast_mut(), 0),
                Class::Tile | Class::RowEntries | Class::Step | Class::Block | Class::CarryLog(_) => {
                    (scratch_place, buffer.width)
                }
                Class::Full => (memory.full(number), buffer.width),
                Class::Memory(k) => (outside.memories[k].ptr.cast_mut(), outside.memories[k].stride),
                Class::MemoryGradient(k) => {
                    let count = buffer.entries.map_or(0, |axis| entries[axis].count());
                    let first = memory.full(number);
                    let sums = outside.saved.as_ref().map(|saved| saved.d_memories);
                    // SAFETY: the memory of the pass has room for all entries.
                    unsafe { start_state(first, sums.and_then(|sums| sums.get(k)), count * buffer.width) };
                    (first, buffer.width)
                }
                Class::History(state) | Class::HistoryPrev(state) => match &outside.saved {
                    Some(saved) => (saved.memory.saved_history(state).cast_mut(), buffer.width),
                    None => (memory.history(state), buffer.width),
                },
                Class::Marks(state) => (memory.history(state), buffer.width),
                Class::SavedMarks(state) => match &outside.saved {
                    Some(saved) => (saved.memory.saved_history(state).cast_mut(), buffer.width),
                    None => unreachable!("a forward pass reads no saved value"),
                },
                Class::CarryIn(_) | Class::CarryOut(_) => (std::ptr::null_mut(), buffer.width),
                Class::Input(k) => (outside.inputs[k].ptr.cast_mut(), outside.inputs[k].stride),
                Class::OutputGradient(k) => {
                    (outside.d_outputs[k].ptr.cast_mut(), outside.d_outputs[k].stride)
                }
                Class::Saved(other) => match &outside.saved {
                    Some(SavedPass { memory, pass, .. }) => {
                        (memory.saved(other).cast_mut(), pass.buffers[other].width)
                    }
                    None => unreachable!("a forward pass reads no saved value"),
                },
            };
            base.push(ptr);
            stride.push(row);
            gathered.push(scratch_place);
        }
        here.extend_from_slice(base);
        let moves = |buffer: &Buffer| match buffer.class {
            Class::Fold(_)
            | Class::Tile
            | Class::RowEntries
            | Class::Step
            | Class::Marks(_)
            | Class::SavedMarks(_)
            | Class::Memory(_)
            | Class::MemoryGradient(_) => false,
            Class::Full
            | Class::Input(_)
            | Class::OutputGradient(_)
            | Class::Saved(_)
            | Class::Block
            | Class::CarryLog(_)
            | Class::History(_)
            | Class::HistoryPrev(_)
            | Class::CarryIn(_)
            | Class::CarryOut(_) => true,
        };
        moving.extend((0..pass.buffers.len()).filter(|&number| moves(&pass.buffers[number])));
        Runner {
            kernels,
            pass,
            weights: packs,
            geometry,
            entries,
            products,
            binding,
            steps_done: 0,
            long_steps: rows.max(LONG_STEP_ROWS) * pass.work(|_| true)[0] >= LONG_STEP,
            steps_per_block,
            steps: (0, 0),
            noise: layer.noise,
            packed: 0,
            region,
            pipeline,
            watch: memory.watch,
        }
    }

    /// Runs the pass. In the backward pass, `slots` receives the gradients of the parameters. `before` and `after` are called
    /// with the steps of each block, before and after it runs.
    pub fn run(
        &mut self,
        mut slots: Option<&mut SlotGradients<T>>,
        before: &dyn Fn(&Range<usize>),
        after: &dyn Fn(&Range<usize>),
    ) {
        let (steps, reversed, pass) = (self.geometry.steps(), self.pass.reversed, self.pass);
        let (pipeline, rows) = (self.pipeline, self.geometry.rows);
        let in_piece = pipeline.map_or(self.steps_per_block, |_| piece_steps(rows).min(self.steps_per_block));
        for block in pieces(0, steps, self.steps_per_block, reversed) {
            pause();
            before(&block);
            for piece in pieces(block.start, block.end, in_piece, reversed) {
                let done = if reversed { steps - piece.start } else { piece.end };
                if pipeline.is_some_and(|pipeline| !pipeline.wait(done)) {
                    return; // the thread that leads the group reports the reason
                }
                self.piece(&block, &piece);
                pipeline.iter().for_each(|pipeline| pipeline.report(done));
            }
            after(&block);
            if let Some(slots) = slots.as_deref_mut() {
                if in_piece < self.steps_per_block {
                    self.point_to_steps(&block, &block, true);
                }
                let rows = self.geometry.offset[block.end] - self.geometry.offset[block.start];
                for sink in &pass.sinks {
                    pause();
                    self.sink(sink, rows, slots);
                }
            }
        }
    }

    /// Runs the steps of a block, or a piece of them.
    fn piece(&mut self, block: &Range<usize>, piece: &Range<usize>) {
        let pass = self.pass;
        let rows = self.geometry.offset[piece.end] - self.geometry.offset[piece.start];
        self.point_to_steps(block, piece, pass.reversed);
        self.phase(&pass.before, rows, None);
        if pass.stepwise {
            for step in piece.clone() {
                if self.long_steps {
                    pause();
                }
                let t = if pass.reversed { piece.end - 1 - (step - piece.start) } else { step };
                self.point_to_step(t, block.start);
                self.log_carries(t);
                let offset = &self.geometry.offset;
                let next = if pass.reversed { t.saturating_sub(1) } else { t + 1 };
                let ahead = offset[next] as isize - offset[t] as isize;
                self.phase(&pass.body, self.geometry.alive(t), Some(ahead));
                self.steps_done += 1;
            }
            self.point_to_steps(block, piece, true);
        }
        self.phase(&pass.after, rows, None);
    }

    /// The fixed addresses for step 0 of a forward pass over a single step, which is run repeatedly.
    pub fn fixed(mut self) -> BufferBinding<T> {
        self.point_to_step(0, 0);
        let mut binding = std::mem::take(self.binding);
        binding.base = Vec::new(); // see `is_fixed`
        binding
    }

    /// Runs a pass of one step at the addresses of `fixed`.
    pub fn run_fixed(call: PassCall<T>, fixed: &mut BufferBinding<T>) {
        let PassCall { pass, weights: layer, packs, geometry, entries, kernels } = call;
        let rows = geometry.rows;
        let mut runner = Runner {
            kernels,
            pass,
            weights: packs,
            geometry,
            entries,
            products: &[],
            binding: fixed,
            steps_done: 0,
            long_steps: false,
            steps_per_block: 1,
            steps: (0, 1),
            noise: layer.noise,
            packed: 0,
            region: None,
            pipeline: None,
            watch: None,
        };
        let no_other_step = Some(0);
        runner.phase(&pass.before, rows, no_other_step);
        runner.log_carries(0);
        runner.phase(&pass.body, rows, no_other_step);
        runner.phase(&pass.after, rows, no_other_step);
    }

    /// Whether it runs one step at fixed addresses.
    pub(super) fn is_fixed(&self) -> bool {
        self.binding.base.is_empty()
    }

    /// Appends the final values of a carried state for all rows; appends nothing for other states. Of a state on entries: after
    /// a backward pass.
    pub fn carried(&self, state: usize, values: &mut Vec<T>) {
        let width = self.pass.states[state].1;
        if let (Some(axis), Some(pair)) = (self.pass.state_entries[state], self.binding.carry[state]) {
            let count = self.entries[axis].count() * width;
            // SAFETY: both copies hold all entries. Every row with a step is alive at step 0, the last one to run, and a row
            // without one has its initial values in both.
            let source =
                unsafe { std::slice::from_raw_parts(pair[self.geometry.steps() % 2].cast_const(), count) };
            values.extend_from_slice(source);
            return;
        }
        let scanned = self.pass.is_scanned(state);
        let Some(pair) = self.binding.carry[state] else { return };
        for (row, &length) in self.geometry.lengths.iter().enumerate() {
            // a forward pass writes a row last at the row's end; a backward pass at step 0, the last one to run
            let writes = match (scanned, self.pass.reversed) {
                (true, _) => 0,
                (false, true) => self.geometry.steps(),
                (false, false) => length,
            };
            // SAFETY: both copies hold all rows, and a row of length 0 has its initial value in both.
            let source = unsafe { std::slice::from_raw_parts(pair[writes % 2].add(row * width), width) };
            values.extend_from_slice(source);
        }
    }

    /// Points every buffer to the rows of some steps of a block. `gather`: states of the previous step are read too.
    fn point_to_steps(&mut self, block: &Range<usize>, steps: &Range<usize>, gather: bool) {
        let Range { start: from, end: to } = *steps;
        let (first, in_block) = (self.geometry.offset[from], self.geometry.offset[block.start]);
        self.packed = first;
        self.steps = (from, to);
        for number in 0..self.binding.base.len() {
            let (base, stride) = (self.binding.base[number], self.binding.stride[number]);
            let on_entries = self.entries_before(number, from, block.start);
            // SAFETY: the buffers of these classes hold all packed rows (a history its initial rows before them), or the
            // rows of a block.
            self.binding.here[number] = unsafe {
                match self.pass.buffers[number].class {
                    _ if on_entries.is_some() => base.add(on_entries.unwrap_or(0) * stride),
                    Class::Full | Class::Input(_) | Class::OutputGradient(_) | Class::Saved(_) => {
                        base.add(first * stride)
                    }
                    Class::Block | Class::CarryLog(_) => base.add((first - in_block) * stride),
                    Class::History(_) => base.add((self.geometry.rows + first) * stride),
                    Class::HistoryPrev(_) if gather => self.previous_rows(number, from, to),
                    _ => base,
                }
            };
        }
    }

    /// The number of entries in a buffer on entries before those of step `t` of the block that starts at `from`; None for a
    /// buffer of rows.
    fn entries_before(&self, number: usize, t: usize, from: usize) -> Option<usize> {
        let buffer = &self.pass.buffers[number];
        let entries = &self.entries[buffer.entries?];
        Some(match buffer.class {
            Class::CarryIn(_) | Class::CarryOut(_) => return None,
            Class::Full | Class::Saved(_) => entries.step[t],
            Class::History(_) => entries.count() + entries.step[t],
            Class::HistoryPrev(_) => entries.previous(t),
            Class::Block => entries.step[t] - entries.step[from],
            _ => 0,
        })
    }

    /// The states that the steps `from..to` read, as contiguous rows.
    pub(super) unsafe fn previous_rows(&self, number: usize, from: usize, to: usize) -> *mut T {
        let (base, stride, geometry) =
            (self.binding.base[number], self.binding.stride[number], self.geometry);
        // SAFETY: the rows read at each step lie inside the history; the gather buffer holds the rows of a block.
        unsafe {
            if geometry.is_dense(from, to) {
                return base.add(geometry.previous(from) * stride);
            }
            let target = self.binding.gathered[number];
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

    /// Points every buffer to the rows of step `t` of the block that starts at `from`.
    fn point_to_step(&mut self, t: usize, from: usize) {
        let geometry = self.geometry;
        let (row, in_block) = (geometry.offset[t], geometry.offset[t] - geometry.offset[from]);
        self.packed = row;
        self.steps = (t, t + 1);
        for k in 0..self.binding.moving.len() {
            let number = self.binding.moving[k];
            let (base, stride) = (self.binding.base[number], self.binding.stride[number]);
            let on_entries = self.entries_before(number, t, from);
            // SAFETY: step t belongs to the block, so its rows lie inside each of these buffers.
            self.binding.here[number] = unsafe {
                match self.pass.buffers[number].class {
                    _ if on_entries.is_some() => base.add(on_entries.unwrap_or(0) * stride),
                    Class::Full | Class::Input(_) | Class::OutputGradient(_) | Class::Saved(_) => {
                        base.add(row * stride)
                    }
                    Class::Block | Class::CarryLog(_) => base.add(in_block * stride),
                    Class::History(_) => base.add((geometry.rows + row) * stride),
                    Class::HistoryPrev(_) => base.add(geometry.previous(t) * stride),
                    Class::CarryIn(state) => {
                        self.binding.carry[state].map_or(base, |pair| pair[self.steps_done % 2])
                    }
                    Class::CarryOut(state) => {
                        self.binding.carry[state].map_or(base, |pair| pair[(self.steps_done + 1) % 2])
                    }
                    _ => base,
                }
            };
        }
    }

    /// Copies carried states to the log that readers outside the loop use.
    fn log_carries(&mut self, t: usize) {
        for (number, buffer) in self.pass.buffers.iter().enumerate() {
            if let Class::CarryLog(state) = buffer.class
                && let Some(pair) = self.binding.carry[state]
            {
                let elements = self.geometry.alive(t) * buffer.width;
                // SAFETY: the buffers point to the rows of step t; both have as many elements.
                unsafe {
                    self.binding.here[number].copy_from_nonoverlapping(pair[self.steps_done % 2], elements)
                };
            }
        }
    }

    /// The address of the first current row of a value.
    pub(super) fn at(&self, place: Ref) -> *mut T {
        // SAFETY: `here` points at a row of the buffer, which is at least `col + numel` long.
        unsafe { self.binding.here[place.buffer].add(place.col) }
    }
}
