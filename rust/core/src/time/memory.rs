//! Memory of a pass: what outlives it, and scratch that a thread uses again and again.

use std::sync::{Arc, Mutex};

use crate::kernel::Float;
use crate::plan::{Class, Pass};
use crate::team::Region;

use super::Geometry;
use super::places::Places;
use super::spare::{Spare, grow};
use super::view::SeqView;
use super::wave::Wave;

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
    pub(super) fn empty() -> PassMemory<T> {
        PassMemory { data: Vec::new(), full: Vec::new(), history: Vec::new() }
    }

    /// Memory out of a thread's scratch; its contents are whatever they were.
    pub fn new(pass: &Pass, geometry: &Geometry, scratch: &mut Scratch<T>) -> PassMemory<T> {
        let total = geometry.total();
        let (rows, room) = (geometry.rows.max(scratch.least.0), total.max(scratch.least.1));
        let mut memory = scratch.take(PassMemory::<T>::elements(pass, rows, room));
        let mut end = 0;
        let mut take = |elements: usize| {
            end += elements;
            end - elements
        };
        memory.full.clear();
        memory.full.extend(pass.buffers.iter().map(|buffer| match buffer.class {
            Class::Full => take(total * buffer.width),
            _ => 0,
        }));
        memory.history.clear();
        memory.history.extend(pass.states.iter().map(|(class, width)| match class {
            Class::History(_) => take((total + geometry.rows) * width),
            _ => 0,
        }));
        debug_assert!(end <= memory.data.len());
        memory
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
        // No slice is made: whoever runs the pass may be writing other rows.
        let ptr = self.data.as_ptr().wrapping_add(start + place.col);
        SeqView { ptr, stride: buffer.width, width: place.numel }
    }
}

/// Scratch of one thread, kept from call to call: new memory costs a page fault for every 4 KiB of it.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    pub(super) arena: Vec<T>,
    /// For the packing of weight gradients: one for each thread that takes part in a unit.
    pub(super) products: Vec<Mutex<Vec<T>>>,
    pub(super) places: Places<T>,
    /// For what is passed between layers.
    pub spare: Spare<T>,
    /// Memories of passes that are done, and lists for more of them.
    passes: Vec<PassMemory<T>>,
    lists: Vec<Vec<PassMemory<T>>>,
    views: Vec<Vec<SeqView<T>>>,
    /// Idle lists of rows.
    pub rows: Vec<Vec<usize>>,
    pub geometries: Vec<Geometry>,
    /// See `in_pieces`.
    least: (usize, usize),
    /// The threads that stand by the unit that is worked on.
    pub region: Option<Arc<Region>>,
    /// The place of the layer that is worked on, where it runs behind another.
    pub wave: Option<Wave>,
    /// Where those threads work on a layer of their own.
    pub beside: Vec<Mutex<Scratch<T>>>,
    /// Whether memory must be as long as it is asked for, and none lie idle where there is none such.
    frugal: bool,
    /// Whose memory lies idle: see `frugal`.
    left: Option<(usize, usize)>,
}

impl<T: Float> Scratch<T> {
    pub fn new() -> Scratch<T> {
        Scratch {
            arena: Vec::new(),
            products: Vec::new(),
            places: Places::default(),
            spare: Spare::new(),
            passes: Vec::new(),
            lists: Vec::new(),
            views: Vec::new(),
            rows: Vec::new(),
            geometries: Vec::new(),
            least: (0, 0),
            region: None,
            wave: None,
            beside: Vec::new(),
            frugal: false,
            left: None,
        }
    }

    /// At least `len` elements with any contents: the idle memory that fits best, grown if none is large enough.
    fn take(&mut self, len: usize) -> PassMemory<T> {
        if !self.frugal {
            self.left = None;
        }
        let passes = &mut self.passes;
        let room = |passes: &[PassMemory<T>], at: usize| passes[at].data.len();
        let mut memory = if self.frugal {
            let same = (0..passes.len()).find(|&at| room(passes, at) == len);
            same.map(|at| passes.swap_remove(at)).unwrap_or_else(|| {
                if self.left.is_none() {
                    passes.clear();
                }
                PassMemory::empty()
            })
        } else {
            let fits = (0..passes.len()).filter(|&at| room(passes, at) >= len);
            let best = fits.min_by_key(|&at| room(passes, at));
            let largest = || (0..passes.len()).max_by_key(|&at| room(passes, at));
            let idle = best.or_else(largest).map(|at| passes.swap_remove(at));
            idle.unwrap_or_else(PassMemory::empty)
        };
        grow(&mut memory.data, len);
        memory
    }

    /// From now on memory is taken for at least so many sequences and packed rows: where time goes in pieces, a shorter one
    /// among them finds that of the others.
    pub fn in_pieces(&mut self, rows: usize, total: usize) {
        self.least = (rows, total);
    }

    /// An empty vector for `width` elements of each of so many packed rows.
    pub fn sequence(&mut self, total: usize, width: usize) -> Vec<T> {
        self.spare.vector(total.max(self.least.1) * width)
    }

    /// The same of zeros.
    pub fn no_sequence(&mut self, total: usize, width: usize) -> Vec<T> {
        let mut values = self.sequence(total, width);
        values.resize(total * width, T::ZERO);
        values
    }

    /// For a caller with a byte budget, whose passes have few sizes that come again: until `generous`, idle memory is used
    /// for a pass of its very size or given back to the system where there is none of it. Else a pass may find memory that is far too large for it.
    ///
    /// `of` names the sizes of a caller who counts what lies idle: it stays, also where a caller of the same name left it.
    pub fn frugal(&mut self, of: Option<(usize, usize)>) {
        if of.is_none() || self.left != of {
            self.clear();
        }
        self.left = of;
        self.frugal = true;
    }

    /// The end of `frugal`.
    pub fn generous(&mut self) {
        if self.frugal && self.left.is_none() {
            self.clear();
        }
        self.frugal = false;
        self.in_pieces(0, 0);
    }

    /// The threads of the region, if they may have memory to run layers of their own in: not where it is counted.
    pub fn threads_beside(&self) -> Option<usize> {
        self.region.as_ref().filter(|_| !self.frugal).map(|region| region.parts())
    }

    /// Gives idle memory back to the system.
    pub fn clear(&mut self) {
        self.passes.clear();
        self.spare.clear();
    }

    /// Takes back the memory of a pass that nobody reads any more.
    pub fn reclaim(&mut self, memory: PassMemory<T>) {
        self.passes.push(memory);
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
        self.passes.append(&mut list);
        self.lists.push(list);
    }
}
