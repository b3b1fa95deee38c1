//! Where the buffers of a pass lie, and how a thread's scratch is shared out among them.

use crate::plan::{Class, Pass};

/// Where a pass has its scratch: block, step, tile, carry and gather memory, each buffer after the other.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By buffer; `usize::MAX` for what is no scratch.
    pub place: Vec<usize>,
    /// By state that is carried.
    pub carries: Vec<Option<[usize; 2]>>,
    /// From the tile of one thread to that of the next.
    pub tile: usize,
    pub end: usize,
}

impl Layout {
    /// For so many threads, each with a tile of its own.
    pub fn settle(&mut self, pass: &Pass, rows: usize, block_rows: usize, threads: usize) {
        let mut end = 0usize;
        let mut take = |elements: usize| {
            end += elements.next_multiple_of(16); // 64 bytes of float32: buffers do not share a cache line
            end - elements.next_multiple_of(16)
        };
        self.tile = (pass.tile_width * pass.tile_rows).next_multiple_of(16);
        let tile = take(self.tile * threads);
        self.place.clear();
        self.place.extend(pass.buffers.iter().map(|buffer| match buffer.class {
            Class::Tile => tile + buffer.slot * pass.tile_rows,
            Class::Step => take(rows * buffer.width),
            Class::Block | Class::CarryLog(_) | Class::HistoryPrev(_) => take(block_rows * buffer.width),
            _ => usize::MAX,
        }));
        self.carries.clear();
        self.carries.extend(pass.states.iter().map(|(class, width)| {
            matches!(class, Class::CarryIn(_)).then(|| [take(rows * width), take(rows * width)])
        }));
        self.end = end;
    }
}

/// The places of a pass. Between passes they are kept for the memory of their lists alone.
#[derive(Debug)]
pub(super) struct Places<T> {
    pub layout: Layout,
    /// Memory of each buffer: where its first row (of the unit, block, step or tile) lies, and the length of a row.
    pub base: Vec<*mut T>,
    pub stride: Vec<usize>,
    /// The same, at the rows that are being worked on.
    pub here: Vec<*mut T>,
    /// For each state that is carried: two copies of all rows, read and written in turn by the loop; a scan has the first.
    pub carry: Vec<Option<[*mut T; 2]>>,
    /// For each buffer that reads a state of the step before: where a block's rows are gathered if they lie apart.
    pub gathered: Vec<*mut T>,
}

// SAFETY: a pass sets all pointers before it follows any; what they lead to belongs to whoever runs it.
unsafe impl<T: Send> Send for Places<T> {}
// SAFETY: the same; nothing is followed through a shared reference.
unsafe impl<T: Sync> Sync for Places<T> {}

impl<T> Default for Places<T> {
    fn default() -> Places<T> {
        Places {
            layout: Layout::default(),
            base: Vec::new(),
            stride: Vec::new(),
            here: Vec::new(),
            carry: Vec::new(),
            gathered: Vec::new(),
        }
    }
}

impl<T> Places<T> {
    pub fn clear(&mut self) {
        self.base.clear();
        self.stride.clear();
        self.here.clear();
        self.carry.clear();
        self.gathered.clear();
    }
}
