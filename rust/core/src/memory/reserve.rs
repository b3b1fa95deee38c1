//! The reserve: blocks of address space, from which small requests are served when the system has no memory.
//!
//! A block takes no physical memory until it is used. Pieces have sizes that are powers of two; a piece that is given back
//! is the next one of its size. A block without pieces is whole again.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fallible::out_of_memory;

/// Bytes of a block.
static BLOCK: AtomicUsize = AtomicUsize::new(32 << 20);
/// The most blocks that exist at the same time.
const BLOCKS: usize = 16;
/// The smallest piece: room for the link to the next free one.
const LEAST: usize = 16;
/// Pieces start at multiples of this.
const ALIGN: usize = 4096;

/// Pieces in use. While there are none, no address is in the reserve. Relaxed: a thread that frees a piece received its
/// address after the piece was counted.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Whether `check` has nothing to do. Relaxed: a hint.
static READY: AtomicBool = AtomicBool::new(true);
static RESERVE: Mutex<Reserve> = Mutex::new(Reserve::new());

fn locked() -> MutexGuard<'static, Reserve> {
    // nothing panics while it holds this mutex
    RESERVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets up the reserve; called once, by the program whose global allocator is `Allocator`.
pub fn prepare() {
    let mut reserve = locked();
    reserve.is_wanted = true;
    reserve.refill();
    READY.store(reserve.is_ready(), Ordering::Relaxed);
}

/// Changes the size of a block, for tests of what happens when memory runs out; returns the size before.
pub fn set_block(bytes: usize) -> usize {
    let before = BLOCK.swap(bytes.max(ALIGN).next_multiple_of(ALIGN), Ordering::Relaxed);
    let mut reserve = locked();
    reserve.release_idle(0);
    reserve.refill();
    READY.store(reserve.is_ready(), Ordering::Relaxed);
    before
}

/// Unwinds with `OutOfMemory` if less than half a block is left and the system has no memory for another one. Calls that
/// allocate in small pieces check now and then.
#[inline]
pub fn check() {
    if !READY.load(Ordering::Relaxed) {
        refill();
    }
}

#[cold]
fn refill() {
    let mut reserve = locked();
    reserve.refill();
    let is_ready = reserve.is_ready();
    READY.store(is_ready, Ordering::Relaxed);
    drop(reserve);
    if !is_ready {
        out_of_memory(0);
    }
}

/// Memory for a request that the system refused; null if the reserve has none.
#[cold]
pub(super) fn piece(layout: Layout) -> *mut u8 {
    let mut reserve = locked();
    let piece = reserve.take(layout);
    if !piece.is_null() {
        USED.fetch_add(1, Ordering::Relaxed);
    }
    READY.store(reserve.is_ready(), Ordering::Relaxed);
    piece
}

/// Whether an address may be in the reserve.
#[inline]
pub(super) fn is_used() -> bool {
    USED.load(Ordering::Relaxed) > 0
}

/// Whether an address is in the reserve.
pub(super) fn owns(address: *mut u8) -> bool {
    is_used() && locked().block_of(address).is_some()
}

/// Takes back a piece; false if the address is not in the reserve.
#[cold]
pub(super) fn give_back(address: *mut u8, layout: Layout) -> bool {
    let mut reserve = locked();
    let found = reserve.give_back(address, layout);
    if found {
        USED.fetch_sub(1, Ordering::Relaxed);
        READY.store(reserve.is_ready(), Ordering::Relaxed);
    }
    found
}

#[derive(Clone, Copy)]
struct Block {
    start: *mut u8,
    size: usize,
    /// Bytes from the start that were ever part of a piece.
    end: usize,
    used: usize,
    /// By the logarithm of its size: the free piece that was given back last. It holds the address of the one before.
    free: [*mut u8; usize::BITS as usize],
}

impl Block {
    const NONE: Block =
        Block { start: null_mut(), size: 0, end: 0, used: 0, free: [null_mut(); usize::BITS as usize] };

    fn new(size: usize) -> Option<Block> {
        let layout = Layout::from_size_align(size, ALIGN).ok()?;
        // SAFETY: the size is not 0.
        let start = unsafe { System.alloc(layout) };
        (!start.is_null()).then_some(Block { start, size, ..Block::NONE })
    }

    fn holds(&self, address: *mut u8) -> bool {
        (address as usize).wrapping_sub(self.start as usize) < self.size
    }

    fn room(&self) -> usize {
        self.size - self.end
    }

    fn take(&mut self, size: usize) -> Option<*mut u8> {
        let free = &mut self.free[size.trailing_zeros() as usize];
        let piece = if !free.is_null() {
            let piece = *free;
            // SAFETY: a free piece is at least `LEAST` bytes, aligned to its size or a page, and holds an address.
            *free = unsafe { piece.cast::<*mut u8>().read() };
            piece
        } else {
            let start = self.end.next_multiple_of(size.min(ALIGN));
            let end = start.checked_add(size).filter(|&end| end <= self.size)?;
            self.end = end;
            self.start.wrapping_add(start)
        };
        self.used += 1;
        Some(piece)
    }

    fn give_back(&mut self, piece: *mut u8, size: usize) {
        self.used -= 1;
        if self.used == 0 {
            *self = Block { start: self.start, size: self.size, ..Block::NONE };
            return;
        }
        let free = &mut self.free[size.trailing_zeros() as usize];
        // SAFETY: nothing else uses the piece, which is large enough for an address.
        unsafe { piece.cast::<*mut u8>().write(*free) };
        *free = piece;
    }
}

struct Reserve {
    is_wanted: bool,
    blocks: [Block; BLOCKS],
}

// SAFETY: the addresses belong to the reserve alone.
unsafe impl Send for Reserve {}

/// The size of the piece for a request; none if it can not be in the reserve.
fn size_of_piece(layout: Layout) -> Option<usize> {
    let size = layout.size().max(layout.align()).max(LEAST).checked_next_power_of_two()?;
    (layout.align() <= ALIGN).then_some(size)
}

impl Reserve {
    const fn new() -> Reserve {
        Reserve { is_wanted: false, blocks: [Block::NONE; BLOCKS] }
    }

    fn room(&self) -> usize {
        self.blocks.iter().map(Block::room).max().unwrap_or(0)
    }

    fn is_ready(&self) -> bool {
        !self.is_wanted || self.room() >= BLOCK.load(Ordering::Relaxed) / 2
    }

    /// Adds a block if too little is left.
    fn refill(&mut self) {
        if !self.is_ready()
            && let Some(place) = self.blocks.iter_mut().find(|block| block.start.is_null())
            && let Some(block) = Block::new(BLOCK.load(Ordering::Relaxed))
        {
            *place = block;
        }
    }

    fn take(&mut self, layout: Layout) -> *mut u8 {
        let Some(size) = size_of_piece(layout) else { return null_mut() };
        self.blocks.iter_mut().find_map(|block| block.take(size)).unwrap_or(null_mut())
    }

    fn block_of(&mut self, address: *mut u8) -> Option<&mut Block> {
        self.blocks.iter_mut().find(|block| block.holds(address))
    }

    fn give_back(&mut self, address: *mut u8, layout: Layout) -> bool {
        let Some(size) = size_of_piece(layout) else { return false };
        let Some(block) = self.block_of(address) else { return false };
        block.give_back(address, size);
        if block.used == 0 {
            self.release_idle(1);
        }
        true
    }

    /// Returns blocks without pieces to the system, but for some.
    fn release_idle(&mut self, mut kept: usize) {
        for block in self.blocks.iter_mut().filter(|block| block.used == 0 && !block.start.is_null()) {
            if kept > 0 {
                kept -= 1;
            } else if let Ok(layout) = Layout::from_size_align(block.size, ALIGN) {
                // SAFETY: `Block::new` allocated it with this layout, and no piece of it is in use.
                unsafe { System.dealloc(block.start, layout) };
                *block = Block::NONE;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    fn reserve(blocks: usize) -> Reserve {
        let mut reserve = Reserve::new();
        reserve.is_wanted = true;
        reserve.blocks[..blocks].fill_with(|| Block::new(1 << 16).unwrap());
        reserve
    }

    #[test]
    fn pieces_do_not_overlap_and_are_aligned() {
        let mut reserve = reserve(1);
        let layouts = [(1, 1), (24, 8), (24, 64), (5000, 16), (4096, 4096), (17, 1)];
        let layouts = layouts.map(|(size, align)| Layout::from_size_align(size, align).unwrap());
        let mut pieces: Vec<(usize, usize)> = Vec::new();
        for layout in layouts {
            let piece = reserve.take(layout) as usize;
            assert!(piece != 0 && piece.is_multiple_of(layout.align()));
            pieces.push((piece, piece + layout.size()));
        }
        pieces.sort_unstable();
        assert!(pieces.windows(2).all(|two| two[0].1 <= two[1].0), "{pieces:?}");
    }

    #[test]
    fn a_piece_that_was_given_back_is_the_next_of_its_size() {
        let mut reserve = reserve(1);
        let pieces: Vec<*mut u8> = (0..3).map(|_| reserve.take(layout(100))).collect();
        assert!(reserve.give_back(pieces[1], layout(100)) && reserve.give_back(pieces[0], layout(100)));
        assert_eq!([reserve.take(layout(128)), reserve.take(layout(65))], [pieces[0], pieces[1]]);
    }

    #[test]
    fn a_full_reserve_refuses_and_is_whole_again_when_all_is_given_back() {
        let mut reserve = reserve(2);
        let mut pieces = Vec::new();
        loop {
            match reserve.take(layout(3000)) {
                piece if piece.is_null() => break,
                piece => pieces.push(piece),
            }
        }
        assert_eq!(pieces.len(), 32);
        assert!(reserve.take(layout(1 << 20)).is_null());
        let mut own = 0u8;
        assert!(!reserve.give_back(&raw mut own, layout(1)), "not a piece");
        assert!(pieces.into_iter().all(|piece| reserve.give_back(piece, layout(3000))));
        assert_eq!(reserve.room(), 1 << 16);
        assert_eq!(reserve.blocks.iter().filter(|block| !block.start.is_null()).count(), 1, "one is kept");
    }
}
