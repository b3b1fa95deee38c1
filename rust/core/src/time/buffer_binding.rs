//! The addresses of a pass's buffers, and the division of a thread's scratch among them.

use std::sync::Mutex;

use crate::kernel::matrix_scratch;
use crate::plan::{Buffer, Class, Pass, PhaseOp};

use super::entries::Entries;
use super::entry_row::Row;

/// The offsets of a pass's scratch: block, step, tile, carry and gather buffers, one after the other.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By buffer; `usize::MAX` for a buffer that is not in the scratch.
    pub place: Vec<usize>,
    /// By state that is carried.
    pub carries: Vec<Option<[usize; 2]>>,
    /// The distance between the tiles of two threads.
    pub tile: usize,
    /// The distance between the `RowEntries` buffers of two threads.
    pub row_entries: usize,
    /// The scratch of ops of matrices, and the distance between those of two threads.
    pub matrices: usize,
    pub matrix: usize,
    pub end: usize,
}

impl Layout {
    /// Computes the layout for a number of threads, each with its own tile.
    pub fn settle(
        &mut self,
        pass: &Pass,
        rows: usize,
        block_rows: usize,
        entries: &[Entries],
        threads: usize,
    ) {
        let mut end = 0usize;
        let mut take = |elements: usize| {
            end += elements.next_multiple_of(16); // 64 bytes of float32: buffers do not share a cache line
            end - elements.next_multiple_of(16)
        };
        self.tile = (pass.tile_width * pass.tile_rows).next_multiple_of(16);
        let tile = take(self.tile * threads);
        let on_axis = |buffer: &Buffer| buffer.entries.and_then(|axis| entries.get(axis));
        let most = |buffer: &Buffer| on_axis(buffer).map_or(0, |entries| entries.most);
        // a block of time has at most as many entries as all rows together at each of its steps
        let steps = block_rows.div_ceil(rows.max(1));
        let of_rows = pass.buffers.iter().filter(|buffer| buffer.class == Class::RowEntries);
        self.row_entries = of_rows.map(|buffer| (most(buffer) * buffer.width).next_multiple_of(16)).sum();
        let mut next = take(self.row_entries * threads);
        self.place.clear();
        self.place.extend(pass.buffers.iter().map(|buffer| match buffer.class {
            Class::Tile => tile + buffer.slot * pass.tile_rows,
            Class::RowEntries => {
                next += (most(buffer) * buffer.width).next_multiple_of(16);
                next - (most(buffer) * buffer.width).next_multiple_of(16)
            }
            Class::Step | Class::Block if buffer.entries.is_some() => {
                let count = on_axis(buffer).map_or(0, Entries::count);
                take(count * buffer.width * if buffer.class == Class::Block { steps } else { 1 })
            }
            Class::Step => take(rows * buffer.width),
            Class::HistoryPrev(_) if buffer.entries.is_some() => usize::MAX,
            Class::Block | Class::CarryLog(_) | Class::HistoryPrev(_) => take(block_rows * buffer.width),
            _ => usize::MAX,
        }));
        self.carries.clear();
        let states = pass.states.iter().zip(&pass.state_entries);
        self.carries.extend(states.map(|((class, width), axis)| {
            let on_axis = axis.and_then(|axis| entries.get(axis));
            let elements = axis.map_or(rows, |_| on_axis.map_or(0, Entries::count)) * width;
            matches!(class, Class::CarryIn(_)).then(|| [take(elements), take(elements)])
        }));
        let scratch = |op: &PhaseOp| match op {
            PhaseOp::Matrix(op) if op.gradients.is_some() => matrix_scratch(steps, op.cols),
            _ => 0,
        };
        self.matrix = pass.ops().map(scratch).max().unwrap_or(0).next_multiple_of(16);
        self.matrices = take(self.matrix * threads);
        self.end = end;
    }
}

/// The addresses of a pass's buffers. Between passes, it is kept only to reuse the memory of its lists.
#[derive(Debug)]
pub(super) struct BufferBinding<T> {
    pub layout: Layout,
    /// By buffer: the address of its first row (of the group, block, step or tile), and the length of a row.
    pub base: Vec<*mut T>,
    pub stride: Vec<usize>,
    /// By buffer: the address of the current rows.
    pub here: Vec<*mut T>,
    /// The buffers whose rows of a step are not those of another; the others stay at `base`.
    pub moving: Vec<usize>,
    /// By carried state: two copies of all rows, which the loop reads and writes alternately; a scan uses only the first.
    pub carry: Vec<Option<[*mut T; 2]>>,
    /// By buffer that reads a state of the previous step: where the rows of a block are gathered if they are not contiguous.
    pub gathered: Vec<*mut T>,
    /// By thread: room for the addresses of a row of ops over entries.
    pub entry_rows: Vec<Mutex<Row<T>>>,
    /// The scratch of ops of matrices.
    pub matrices: *mut T,
}

// SAFETY: a pass sets all pointers before it follows any; the memory belongs to the thread that runs the pass.
unsafe impl<T: Send> Send for BufferBinding<T> {}
// SAFETY: as above; nothing is followed through a shared reference.
unsafe impl<T: Sync> Sync for BufferBinding<T> {}

impl<T> Default for BufferBinding<T> {
    fn default() -> BufferBinding<T> {
        BufferBinding {
            layout: Layout::default(),
            base: Vec::new(),
            stride: Vec::new(),
            here: Vec::new(),
            moving: Vec::new(),
            carry: Vec::new(),
            gathered: Vec::new(),
            entry_rows: Vec::new(),
            matrices: std::ptr::null_mut(),
        }
    }
}

impl<T> BufferBinding<T> {
    pub fn clear(&mut self) {
        self.base.clear();
        self.stride.clear();
        self.here.clear();
        self.moving.clear();
        self.carry.clear();
        self.gathered.clear();
    }
}
