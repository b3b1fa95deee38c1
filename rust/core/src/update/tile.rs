//! A pass over one tile of its arrays.

use std::cell::Cell;

use crate::kernel::{Dst, Float, Kernels, Link, LinkSource, Src};

use super::bounds::Bounds;
use super::compile::Pass;
use super::operation::{Action, Operation, Place};
use super::stages::{Joint, JointSource, Stage};

/// Bytes of one array that go through all operations before the next do: half a dozen such fit the first cache.
const TILE_BYTES: usize = 4096;

/// Elements of a tile.
pub(super) const fn tile_len<T>() -> usize {
    TILE_BYTES / size_of::<T>()
}

/// The scratch of a thread.
pub(super) struct Scratch<T> {
    /// A tile for each temporary of a pass, and then others.
    pub(super) temps: Vec<T>,
    /// Room for the links of a chain.
    links: Vec<Link<T>>,
    /// By array: whether an operation on this tile has changed it.
    changed: Vec<Cell<bool>>,
    /// What is known of the arrays and of the temporaries.
    pub(super) known_arrays: Vec<Option<Bounds>>,
    pub(super) known_temps: Vec<Option<Bounds>>,
}

// SAFETY: the links are written anew before they are read.
unsafe impl<T: Send> Send for Scratch<T> {}

impl<T: Float> Scratch<T> {
    /// For passes of up to `tiles` tiles of scratch over `arrays` arrays.
    pub(super) fn new(tiles: usize, arrays: usize) -> Scratch<T> {
        let mut temps = Vec::new();
        crate::memory::resized(&mut temps, tiles * tile_len::<T>(), T::ZERO);
        let changed = vec![Cell::new(false); arrays];
        let (known_arrays, known_temps) = (vec![None; arrays], vec![None; tiles]);
        Scratch { temps, links: Vec::new(), changed, known_arrays, known_temps }
    }

    /// The start of a temporary.
    pub(super) fn temp(&mut self, temp: usize) -> *mut T {
        self.temps.as_mut_ptr().wrapping_add(temp * tile_len::<T>())
    }
}

impl Pass {
    /// All operations on the `count` elements of a tile; `streams`: where each array lies, before an operation has
    /// changed it and afterwards. What is spread lies in its temporaries.
    ///
    /// # Safety
    /// `count` elements at each of these may be read, and written where the pass writes; `count` is at most a tile; the
    /// scratch was made for the pass.
    pub(super) unsafe fn run<T: Float>(
        &self,
        kernels: &Kernels<T>,
        count: usize,
        streams: &impl Fn(usize, bool) -> *mut T,
        table: &[T],
        scratch: &mut Scratch<T>,
    ) {
        let Scratch { temps, links, changed, .. } = scratch;
        let temps = temps.as_mut_ptr();
        changed.iter().for_each(|one| one.set(false));
        let of = |place: Place| match place {
            Place::Stream(stream) => streams(stream, changed[stream].get()),
            Place::Temp(temp) => temps.wrapping_add(temp * tile_len::<T>()),
            Place::Scalar(slot) => table.as_ptr().wrapping_add(slot).cast_mut(),
        };
        let read = |place: Place| of(place).cast_const();
        let write = |place: Place| {
            if let Place::Stream(stream) = place {
                changed[stream].set(true);
            }
            of(place)
        };
        for stage in &self.stages {
            // SAFETY: passed on.
            unsafe {
                match stage {
                    Stage::Chain(joints) => {
                        links.clear();
                        links.extend(joints.iter().map(|joint| link(joint, table, &read, &write)));
                        (kernels.chain)(count, links);
                    }
                    Stage::One(operation) => apply(kernels, operation, count, &read, &write),
                }
            }
        }
    }
}

/// A joint at a tile.
fn link<T: Float>(
    joint: &Joint,
    table: &[T],
    read: &impl Fn(Place) -> *const T,
    write: &impl Fn(Place) -> *mut T,
) -> Link<T> {
    let source = |source: JointSource| match source {
        JointSource::Before => LinkSource::Before,
        JointSource::At(Place::Scalar(slot)) => LinkSource::Value(table[slot]),
        JointSource::At(place) => LinkSource::Elements(read(place)),
        JointSource::Fresh(place) => LinkSource::Fresh(read(place)),
    };
    // the sources first: a result that replaces one of them may lie elsewhere
    let [a, b] = joint.sources;
    let sources = [source(a), source(b)];
    Link { op: joint.op, sources, dst: joint.dst.map_or(std::ptr::null_mut(), write) }
}

/// One operation on a tile.
///
/// # Safety
/// `read` and `write` give `count` elements for an array or a temporary, and one for a scalar.
#[inline]
unsafe fn apply<T: Float>(
    kernels: &Kernels<T>,
    operation: &Operation,
    count: usize,
    read: &impl Fn(Place) -> *const T,
    write: &impl Fn(Place) -> *mut T,
) {
    let source = |place: Place| {
        let col = usize::from(!matches!(place, Place::Scalar(_)));
        Src { ptr: read(place), row: 0, col }
    };
    let [a, b, c] = operation.args.map(source);
    let dst = Dst { ptr: write(operation.dst), row: 0 };
    // SAFETY: passed on; a destination is a source's memory or apart from it.
    unsafe {
        match operation.action {
            Action::Unary(op, alpha) => {
                (kernels.unary)(op, T::from_f64(alpha), 1, count, dst, a);
            }
            Action::Binary(op) => (kernels.binary)(op, 1, count, dst, a, b),
            Action::Ternary(op) => {
                (kernels.ternary)(op, 1, count, dst, a, b, c);
            }
        }
    }
}
