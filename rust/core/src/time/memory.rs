//! Memory of passes: buffers that outlive a pass, and the scratch that a thread reuses.

use std::sync::{Arc, Mutex};

use crate::kernel::Float;
use crate::memory::{check, lengthen};
use crate::plan::{Buffer, Class, Pass, marks};
use crate::team::Region;

use super::Geometry;
use super::buffer_binding::BufferBinding;
use super::by_size::BySize;
use super::entries::Entries;
use super::pipeline::Pipeline;
use super::vec_pool::VecPool;
use super::view::SeqView;

/// The buffers of a pass that hold all rows at all times, and the histories of its states.
#[derive(Debug)]
pub struct PassMemory<T> {
    data: Vec<T>,
    /// The offset of each buffer of class `Full`; by buffer number.
    full: Vec<usize>,
    /// The offset of the history of each state.
    history: Vec<usize>,
    /// See `Scratch::watch`.
    pub(super) watch: Option<usize>,
}

impl<T: Float> PassMemory<T> {
    pub(super) fn empty() -> PassMemory<T> {
        PassMemory { data: Vec::new(), full: Vec::new(), history: Vec::new(), watch: None }
    }

    /// Memory from a thread's scratch; the contents are unspecified.
    pub fn new(
        pass: &Pass,
        geometry: &Geometry,
        entries: &[Entries],
        scratch: &mut Scratch<T>,
    ) -> PassMemory<T> {
        let total = geometry.total();
        let (rows, room) = (geometry.rows.max(scratch.least.0), total.max(scratch.least.1));
        let of_entries =
            |buffer: &Buffer| match (buffer.class, buffer.entries.and_then(|axis| entries.get(axis))) {
                (Class::Full, Some(entries)) => entries.total() * buffer.width,
                (Class::MemoryGradient(_), Some(entries)) => entries.count() * buffer.width,
                _ => 0,
            };
        let histories = pass.states.iter().zip(&pass.state_entries).map(|((class, width), axis)| {
            let entries =
                axis.and_then(|axis| entries.get(axis)).filter(|_| matches!(class, Class::History(_)));
            entries.map_or(0, |entries| (entries.count() + entries.total()) * width)
        });
        let watched = scratch.watch.map_or(0, |_| geometry.rows * pass.marked_width());
        let more: usize = pass.buffers.iter().map(of_entries).chain(histories).sum::<usize>() + watched;
        let watch = scratch.watch;
        let mut memory = scratch.take(PassMemory::<T>::elements(pass, rows, room) + more);
        let mut end = 0;
        let mut take = |elements: usize| {
            end += elements;
            end - elements
        };
        memory.watch = watch;
        memory.full.clear();
        memory.full.extend(pass.buffers.iter().map(|buffer| match buffer.class {
            Class::Full if buffer.entries.is_none() => take(total * buffer.width),
            _ => take(of_entries(buffer)),
        }));
        memory.history.clear();
        let on_axis = |state: usize| pass.state_entries[state].and_then(|axis| entries.get(axis));
        memory.history.extend(pass.states.iter().enumerate().map(|(state, (class, width))| {
            match (class, on_axis(state)) {
                (Class::History(_), Some(entries)) => take((entries.count() + entries.total()) * width),
                (Class::History(_), None) => take((total + geometry.rows) * width),
                _ if pass.has_marks(state) => {
                    let watched = watch.map_or(0, |_| geometry.rows);
                    take((marks(geometry.rows, total) + watched) * width)
                }
                _ => 0,
            }
        }));
        debug_assert!(end <= memory.data.len());
        memory
    }

    /// The number of elements that `new` allocates for `rows` sequences with `total` steps in all.
    pub fn elements(pass: &Pass, rows: usize, total: usize) -> usize {
        let histories: usize = (pass.states.iter())
            .take(pass.row_states())
            .filter(|(class, _)| matches!(class, Class::History(_)))
            .map(|(_, width)| width)
            .sum();
        let marked = pass.marked_width() * marks(rows, total);
        pass.width_of(Class::Full) * total + histories * (total + rows) + marked
    }

    pub(super) fn full(&mut self, buffer: usize) -> *mut T {
        self.data.as_mut_ptr().wrapping_add(self.full[buffer])
    }

    pub(super) fn saved(&self, buffer: usize) -> *const T {
        self.data[self.full[buffer]..].as_ptr()
    }

    pub(super) fn history(&mut self, state: usize) -> *mut T {
        self.data.as_mut_ptr().wrapping_add(self.history[state])
    }

    pub(super) fn saved_history(&self, state: usize) -> *const T {
        self.data[self.history[state]..].as_ptr()
    }

    /// The values of a state: the initial ones, then those after each step.
    pub(super) fn history_slice(&self, state: usize, elements: usize) -> &[T] {
        &self.data[self.history[state]..][..elements]
    }

    /// The sum of the gradient of a memory, in the order of its entries. `buffer` holds it.
    pub fn memory_gradient(&self, pass: &Pass, buffer: usize) -> SeqView<T> {
        let width = pass.buffers[buffer].width;
        SeqView { ptr: self.data.as_ptr().wrapping_add(self.full[buffer]), stride: width, width }
    }

    /// Output `k` of the pass.
    pub fn output(&self, pass: &Pass, k: usize, geometry: &Geometry) -> SeqView<T> {
        let (start, stride, width) = self.place(pass, k, geometry);
        // No slice is made: another thread may be writing other rows.
        SeqView { ptr: self.data.as_ptr().wrapping_add(start), stride, width }
    }

    /// Writes zeros to some packed rows of output `k`.
    pub fn clear_output(
        &mut self,
        pass: &Pass,
        k: usize,
        geometry: &Geometry,
        rows: impl Iterator<Item = usize>,
    ) {
        let (start, stride, width) = self.place(pass, k, geometry);
        for row in rows {
            self.data[start + row * stride..][..width].fill(T::ZERO);
        }
    }

    /// The offset of output `k`, the distance between its rows, and their width.
    fn place(&self, pass: &Pass, k: usize, geometry: &Geometry) -> (usize, usize, usize) {
        let place = pass.outputs[k];
        let buffer = &pass.buffers[place.buffer];
        let start = match buffer.class {
            Class::History(state) => self.history[state] + geometry.rows * buffer.width,
            _ => self.full[place.buffer],
        };
        (start + place.col, buffer.width, place.numel)
    }
}

/// The first of the values of a state after the step of `Scratch::watch`, one for each row: they come after those of the blocks.
pub(super) fn watched_mark(geometry: &Geometry) -> usize {
    marks(geometry.rows, geometry.total())
}

/// The first of the values of a state that are stored at the start of the block of time that begins at step `from`: one for each
/// row that is alive there. The blocks have `steps` steps.
pub(super) fn first_mark(geometry: &Geometry, from: usize, steps: usize) -> usize {
    // the rows alive at a block's start are alive at all steps of the block before
    match from.checked_sub(steps) {
        Some(before) => geometry.rows + geometry.offset[before].div_ceil(steps),
        None => 0,
    }
}

/// The scratch of one thread, reused between calls: new memory costs a page fault for every 4 KiB.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    pub(super) arena: Vec<T>,
    /// Buffers for packing weight gradients: one for each thread that works on the row group.
    pub(super) products: Vec<Mutex<Vec<T>>>,
    pub(super) binding: BufferBinding<T>,
    /// Vectors for values between layers.
    pub vectors: VecPool<T>,
    /// Memories of finished passes, and lists of them, for reuse.
    passes: BySize<PassMemory<T>>,
    lists: Vec<Vec<PassMemory<T>>>,
    views: Vec<Vec<SeqView<T>>>,
    /// Idle lists of row indices.
    pub rows: Vec<Vec<usize>>,
    pub geometries: Vec<Geometry>,
    /// See `allocate_at_least`.
    least: (usize, usize),
    /// The number of steps after which the states of a training run will be read besides its end: see `states_after`.
    pub watch: Option<usize>,
    /// The fork-join region of the threads that share the current row group.
    pub region: Option<Arc<Region>>,
    /// The position of the current layer in a pipeline, if it runs behind another layer.
    pub pipeline: Option<Pipeline>,
    /// The scratch of those threads when each runs its own layer.
    pub helpers: Vec<Mutex<Scratch<T>>>,
    /// Whether only memory of exactly the requested size is reused: see `exact_fit`.
    exact_fit: bool,
    /// The owner of the idle memory: see `exact_fit`.
    owner: Option<(usize, usize)>,
}

impl<T: Float> Scratch<T> {
    pub fn new() -> Scratch<T> {
        Scratch {
            arena: Vec::new(),
            products: Vec::new(),
            binding: BufferBinding::default(),
            vectors: VecPool::new(),
            passes: BySize::new(),
            lists: Vec::new(),
            views: Vec::new(),
            rows: Vec::new(),
            geometries: Vec::new(),
            least: (0, 0),
            watch: None,
            region: None,
            pipeline: None,
            helpers: Vec::new(),
            exact_fit: false,
            owner: None,
        }
    }

    /// At least `len` elements with unspecified contents: the idle memory that fits best, grown if none is large enough.
    fn take(&mut self, len: usize) -> PassMemory<T> {
        if !self.exact_fit {
            self.owner = None;
        }
        let mut memory = if self.exact_fit {
            self.passes.take_smallest(len, len).unwrap_or_else(|| {
                if self.owner.is_none() {
                    self.passes.clear();
                }
                PassMemory::empty()
            })
        } else {
            let fits = self.passes.take_smallest(len, usize::MAX);
            fits.or_else(|| self.passes.take_largest_below(len)).unwrap_or_else(PassMemory::empty)
        };
        check();
        lengthen(&mut memory.data, len);
        memory
    }

    /// From now on, memory is allocated for at least this many sequences and packed rows: if time is divided into pieces, a
    /// shorter piece then reuses the memory of the others.
    pub fn allocate_at_least(&mut self, rows: usize, total: usize) {
        self.least = (rows, total);
    }

    /// An empty vector with capacity for `width` elements of each of `total` packed rows.
    pub fn sequence(&mut self, total: usize, width: usize) -> Vec<T> {
        self.vectors.vector(total.max(self.least.1) * width)
    }

    /// The same, filled with zeros.
    pub fn zero_sequence(&mut self, total: usize, width: usize) -> Vec<T> {
        self.vectors.zeros_within(total * width, self.least.1 * width)
    }

    /// Exact-fit mode, for a byte budget and passes with a few recurring sizes. Until `best_fit`, idle memory is reused only
    /// if its size matches exactly. If no size matches, idle memory is returned to the system. Otherwise a pass could
    /// receive memory that is far too large for it.
    ///
    /// `of` identifies a caller that counts idle memory in its budget: idle memory is then kept, including what an earlier
    /// call with the same `of` left.
    pub fn exact_fit(&mut self, of: Option<(usize, usize)>) {
        if of.is_none() || self.owner != of {
            self.clear();
        }
        self.owner = of;
        self.exact_fit = true;
    }

    /// Ends the exact-fit mode.
    pub fn best_fit(&mut self) {
        if self.exact_fit && self.owner.is_none() {
            self.clear();
        }
        self.exact_fit = false;
        self.allocate_at_least(0, 0);
    }

    /// The number of threads in the region, if they may use separate memory to run layers; None in exact-fit mode, where
    /// memory is counted.
    pub fn helper_threads(&self) -> Option<usize> {
        self.region.as_ref().filter(|_| !self.exact_fit).map(|region| region.parts())
    }

    /// Returns idle memory to the system.
    pub fn clear(&mut self) {
        self.passes.clear();
        self.vectors.clear();
    }

    /// Takes back the memory of a pass that nothing reads any more.
    pub fn reclaim(&mut self, memory: PassMemory<T>) {
        self.passes.push(memory.data.len(), memory);
    }

    /// An empty list of views.
    pub fn views(&mut self) -> Vec<SeqView<T>> {
        self.views.pop().unwrap_or_default()
    }

    /// Takes back a list of views.
    pub fn keep_views(&mut self, mut views: Vec<SeqView<T>>) {
        views.clear();
        self.views.push(views);
    }

    /// An empty list of memories.
    pub fn list(&mut self) -> Vec<PassMemory<T>> {
        self.lists.pop().unwrap_or_default()
    }

    /// Takes back a list and all memories in it.
    pub fn reclaim_list(&mut self, mut list: Vec<PassMemory<T>>) {
        list.drain(..).for_each(|memory| self.reclaim(memory));
        self.lists.push(list);
    }
}
