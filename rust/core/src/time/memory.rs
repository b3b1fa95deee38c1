//! Memory of a pass: what outlives it, and scratch that a thread uses again and again.

use crate::kernel::Float;
use crate::plan::{Class, Pass};

use super::Geometry;

/// A value of every packed row: row `r` begins at `ptr + r * stride`. The owner of the memory outlives the view.
#[derive(Debug, Clone, Copy)]
pub struct SeqView<T> {
    pub ptr: *const T,
    pub stride: usize,
    pub width: usize,
}

impl<T> SeqView<T> {
    pub fn of(data: &[T], width: usize) -> SeqView<T> {
        SeqView { ptr: data.as_ptr(), stride: width, width }
    }
}

/// The buffers of a pass that hold all rows of all times, and the histories of its states.
#[derive(Debug)]
pub struct PassMemory<T> {
    data: Vec<T>,
    /// Where each buffer of class `Full` begins; by buffer number.
    full: Vec<usize>,
    /// Where the history of each state begins.
    history: Vec<usize>,
}

impl<T: Float> PassMemory<T> {
    /// Memory out of a thread's scratch; its contents are whatever they were.
    pub fn new(pass: &Pass, geometry: &Geometry, scratch: &mut Scratch<T>) -> PassMemory<T> {
        let mut end = 0;
        let mut take = |elements: usize| {
            end += elements;
            end - elements
        };
        let total = geometry.total();
        let full = (pass.buffers.iter())
            .map(|buffer| if buffer.class == Class::Full { take(total * buffer.width) } else { 0 })
            .collect();
        let history = (pass.states.iter())
            .map(|(class, width)| match class {
                Class::History(_) => take((total + geometry.rows) * width),
                _ => 0,
            })
            .collect();
        PassMemory { data: scratch.take(end), full, history }
    }

    /// Elements that `new` takes for `rows` sequences with `total` steps together.
    pub fn elements(pass: &Pass, rows: usize, total: usize) -> usize {
        let histories: usize = (pass.states.iter())
            .filter(|(class, _)| matches!(class, Class::History(_)))
            .map(|(_, width)| width)
            .sum();
        pass.width_of(Class::Full) * total + histories * (total + rows)
    }

    pub(super) fn full(&mut self, buffer: usize) -> *mut T {
        self.data[self.full[buffer]..].as_mut_ptr()
    }

    pub(super) fn saved(&self, buffer: usize) -> *const T {
        self.data[self.full[buffer]..].as_ptr()
    }

    pub(super) fn history(&mut self, state: usize) -> *mut T {
        self.data[self.history[state]..].as_mut_ptr()
    }

    pub(super) fn saved_history(&self, state: usize) -> *const T {
        self.data[self.history[state]..].as_ptr()
    }

    /// The history of a state as values: the initial ones, then those after each step.
    pub(super) fn history_slice(&self, state: usize, elements: usize) -> &[T] {
        &self.data[self.history[state]..][..elements]
    }

    /// Output `k` of the pass.
    pub fn output(&self, pass: &Pass, k: usize, geometry: &Geometry) -> SeqView<T> {
        let place = pass.outputs[k];
        let buffer = &pass.buffers[place.buffer];
        let start = match buffer.class {
            Class::History(state) => self.history[state] + geometry.rows * buffer.width,
            _ => self.full[place.buffer],
        };
        let data = &self.data[(start + place.col).min(self.data.len())..];
        SeqView { ptr: data.as_ptr(), stride: buffer.width, width: place.numel }
    }
}

/// What the text of a panic begins with where memory could not be had; the Python side makes it a MemoryError.
pub const OUT_OF_MEMORY: &str = "out of memory";

/// Grows a vector to `len` elements. Where the machine has no room this is a panic that names the size, not an abort.
pub fn grow<T: Float>(memory: &mut Vec<T>, len: usize) {
    if len <= memory.len() {
        return;
    }
    if memory.try_reserve_exact(len - memory.len()).is_err() {
        let bytes = len as f64 * size_of::<T>() as f64;
        panic!("{OUT_OF_MEMORY}: {:.3} GB asked for; use fewer rows or steps per call", bytes / 1e9);
    }
    memory.resize(len, T::ZERO);
}

/// Scratch of one thread, kept from call to call: new memory costs a page fault for every 4 KiB of it.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    pub(super) arena: Vec<T>,
    /// For the packing of weight gradients.
    pub(super) product: Vec<T>,
    /// Memories of passes that are done.
    spare: Vec<Vec<T>>,
    /// Whether memory must be as long as it is asked for, and none lie idle where there is none such.
    frugal: bool,
}

impl<T: Float> Scratch<T> {
    pub fn new() -> Scratch<T> {
        Scratch { arena: Vec::new(), product: Vec::new(), spare: Vec::new(), frugal: false }
    }

    /// At least `len` elements with any contents: the spare memory that fits best, grown if none is large enough.
    fn take(&mut self, len: usize) -> Vec<T> {
        if self.frugal {
            let same = (0..self.spare.len()).find(|&at| self.spare[at].len() == len);
            return same.map(|at| self.spare.swap_remove(at)).unwrap_or_else(|| {
                self.spare.clear();
                let mut memory = Vec::new();
                grow(&mut memory, len);
                memory
            });
        }
        let fits = (0..self.spare.len()).filter(|&at| self.spare[at].len() >= len);
        let best = fits.min_by_key(|&at| self.spare[at].len());
        let largest = || (0..self.spare.len()).max_by_key(|&at| self.spare[at].len());
        let spare = best.or_else(largest).map(|at| self.spare.swap_remove(at));
        let mut memory = spare.unwrap_or_default();
        grow(&mut memory, len);
        memory
    }

    /// For a caller with a byte budget, whose passes have few sizes that come again: from now on idle memory is used for a pass
    /// of its very size or given back to the system. Else a pass may find memory that is far too large for it.
    pub fn frugal(&mut self, frugal: bool) {
        self.spare.clear();
        self.frugal = frugal;
    }

    /// Takes back the memory of a pass that nobody reads any more.
    pub fn reclaim(&mut self, memory: PassMemory<T>) {
        self.spare.push(memory.data);
    }
}
