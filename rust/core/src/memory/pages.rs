//! Large requests: mappings in huge pages, because the processor finds the address of each page in a small cache, and products
//! go over megabytes of weights at every step.
//!
//! Linux gives huge pages to a program that advises it to (`madvise`). Where it does not, the memory has small pages, and all
//! else is the same. Mappings are freed into a cache: new memory costs a fault for each page, and the system fills it with
//! zeros.

use std::alloc::Layout;
use std::ptr::null_mut;
use std::sync::{Mutex, TryLockError};

/// Bytes of a huge page: of x86-64, and of AArch64 with pages of 4 KiB.
const HUGE: usize = 2 << 20;
/// Requests from this size on are mapped, and a last page that they fill so far is a huge one: memory is what training and its
/// budgets are planned by, so an eighth of a page is the most that is lost.
const LEAST: usize = HUGE / 8 * 7;
/// Sizes of mappings are multiples of this: the largest usual page.
const GRAIN: usize = 64 << 10;

/// The most free mappings in the cache, and the most bytes of them: as many as glibc leaves free at the end of its heap.
const MOST_FREE: usize = 32;
const MOST_FREE_BYTES: usize = 64 << 20;

static FREE: Mutex<Free> = Mutex::new(Free::new());

/// Whether a request is mapped.
#[inline]
pub(super) fn is_mapped(layout: Layout) -> bool {
    system::HAS_MAPPINGS && layout.size() >= LEAST && layout.align() <= HUGE
}

/// Memory for a request of `size` bytes, aligned to a huge page; null if the system has none.
#[cold]
pub(super) fn alloc(size: usize, zeroed: bool) -> *mut u8 {
    match with_free(|free| free.take_or_make_room(mapped(size))).flatten() {
        Some(start) => {
            if zeroed {
                // SAFETY: the mapping has this size, and nothing uses it.
                unsafe { start.write_bytes(0, size) };
            }
            start
        }
        None => system::map(mapped(size)),
    }
}

/// Frees the memory of a request of `size` bytes.
///
/// # Safety
/// `alloc` or `realloc` returned it for this size, and nothing uses it.
#[cold]
pub(super) unsafe fn dealloc(start: *mut u8, size: usize) {
    let size = mapped(size);
    // SAFETY: passed on.
    let is_added = with_free(|free| unsafe { free.add(start, size) });
    if is_added != Some(true) {
        // SAFETY: passed on.
        unsafe { system::unmap(start, size) };
    }
}

/// Makes the memory of a request of `size` bytes one of `wanted` bytes, both mapped, where it is; returns false if that needs more
/// memory.
///
/// # Safety
/// As `dealloc`; nothing uses the bytes beyond `wanted`.
#[cold]
pub(super) unsafe fn resize(start: *mut u8, size: usize, wanted: usize) -> bool {
    let (size, wanted) = (mapped(size), mapped(wanted));
    if wanted < size {
        // SAFETY: passed on.
        unsafe { system::unmap(start.wrapping_add(wanted), size - wanted) };
    }
    wanted <= size
}

/// Returns the free mappings to the system; whether there were any.
#[cold]
pub(super) fn release() -> bool {
    with_free(Free::clear).unwrap_or(false)
}

/// The bytes of the mapping for a request.
fn mapped(size: usize) -> usize {
    size.next_multiple_of(if size % HUGE >= LEAST { HUGE } else { GRAIN })
}

/// The bytes to request for memory that is read again and again: from half a huge page on, a whole one.
pub(super) fn often_read(bytes: usize) -> usize {
    if system::HAS_MAPPINGS && (HUGE / 2..HUGE).contains(&bytes) { HUGE } else { bytes }
}

/// Calls `work` with the cache; None if another thread has it. In the child of a fork that may be so for good.
fn with_free<R>(work: impl FnOnce(&mut Free) -> R) -> Option<R> {
    match FREE.try_lock() {
        Ok(mut free) => Some(work(&mut free)),
        Err(TryLockError::Poisoned(free)) => Some(work(&mut free.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// The cache of free mappings, the oldest first.
struct Free {
    mappings: [(*mut u8, usize); MOST_FREE],
    count: usize,
    bytes: usize,
}

// SAFETY: nothing else uses the mappings.
unsafe impl Send for Free {}

impl Free {
    const fn new() -> Free {
        Free { mappings: [(null_mut(), 0); MOST_FREE], count: 0, bytes: 0 }
    }

    /// The most recently freed mapping of this size. If there is none, the oldest of as many bytes are unmapped: with the new
    /// mapping, the process has no more memory than before, or than it uses.
    fn take_or_make_room(&mut self, size: usize) -> Option<*mut u8> {
        if let Some(at) = self.mappings[..self.count].iter().rposition(|mapping| mapping.1 == size) {
            return Some(self.remove(at).0);
        }
        let least = self.bytes.saturating_sub(size);
        while self.bytes > least {
            self.unmap_oldest();
        }
        None
    }

    /// Adds a mapping; returns false for one that is too large. The oldest are unmapped to make room.
    ///
    /// # Safety
    /// As `dealloc`.
    unsafe fn add(&mut self, start: *mut u8, size: usize) -> bool {
        if size > MOST_FREE_BYTES {
            return false;
        }
        while self.count == MOST_FREE || self.bytes + size > MOST_FREE_BYTES {
            self.unmap_oldest();
        }
        self.mappings[self.count] = (start, size);
        self.count += 1;
        self.bytes += size;
        true
    }

    /// Unmaps all; whether there were any.
    fn clear(&mut self) -> bool {
        let was_filled = self.count > 0;
        while self.count > 0 {
            self.unmap_oldest();
        }
        was_filled
    }

    fn unmap_oldest(&mut self) {
        let (start, size) = self.remove(0);
        // SAFETY: nothing uses a free mapping.
        unsafe { system::unmap(start, size) };
    }

    fn remove(&mut self, at: usize) -> (*mut u8, usize) {
        let mapping = self.mappings[at];
        self.mappings.copy_within(at + 1..self.count, at);
        self.count -= 1;
        self.bytes -= mapping.1;
        mapping
    }
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod system {
    use std::ptr::null_mut;

    use libc::{MADV_HUGEPAGE, MAP_ANONYMOUS, MAP_FAILED, MAP_PRIVATE, PROT_READ, PROT_WRITE};

    use super::HUGE;

    pub const HAS_MAPPINGS: bool = true;

    /// A new mapping of `size` zeros, aligned to a huge page; null if there is no memory.
    pub fn map(size: usize) -> *mut u8 {
        let (access, kind) = (PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
        // SAFETY: a new mapping, of which nothing exists before.
        let whole = unsafe { libc::mmap(null_mut(), size + HUGE, access, kind, -1, 0) };
        if whole == MAP_FAILED {
            return null_mut();
        }
        let whole: *mut u8 = whole.cast();
        let before = whole.align_offset(HUGE);
        let start = whole.wrapping_add(before);
        // SAFETY: these parts of the mapping are apart from the one that is returned; the advice changes no contents.
        unsafe {
            if before > 0 {
                unmap(whole, before);
            }
            unmap(start.wrapping_add(size), HUGE - before);
            libc::madvise(start.cast(), size, MADV_HUGEPAGE);
        }
        start
    }

    /// Returns a mapping, or a part of one, to the system.
    ///
    /// # Safety
    /// Nothing uses the memory.
    pub unsafe fn unmap(start: *mut u8, size: usize) {
        // SAFETY: passed on. It fails only if the process has too many mappings; then the memory stays mapped.
        unsafe { libc::munmap(start.cast(), size) };
    }
}

/// Elsewhere the system's allocator decides.
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod system {
    pub const HAS_MAPPINGS: bool = false;

    pub fn map(_size: usize) -> *mut u8 {
        std::ptr::null_mut()
    }

    pub unsafe fn unmap(_start: *mut u8, _size: usize) {}
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn a_mapping_has_whole_huge_pages_unless_much_of_the_last_would_be_lost() {
        for (size, expected) in [
            (LEAST, HUGE),
            (HUGE, HUGE),
            (HUGE + 1, HUGE + GRAIN),
            (HUGE + LEAST - 1, HUGE + LEAST),
            (HUGE + LEAST, 2 * HUGE),
            (5 * HUGE - 1, 5 * HUGE),
        ] {
            assert_eq!(mapped(size), expected, "{size}");
        }
    }

    /// The memory of a request of zeros is aligned and zero, and is freed after it was filled.
    fn filled_and_freed(size: usize) {
        let start = alloc(size, true);
        assert!(!start.is_null() && (start as usize).is_multiple_of(HUGE));
        // SAFETY: the memory has this size.
        unsafe {
            let memory = std::slice::from_raw_parts_mut(start, size);
            assert!(memory.iter().all(|&byte| byte == 0));
            memory.fill(7);
            dealloc(start, size);
        }
    }

    #[test]
    fn zeros_are_zero_in_new_memory_and_in_freed_memory() {
        for size in [LEAST, HUGE + 1, 3 * HUGE + HUGE / 2 + 5] {
            (0..3).for_each(|_| filled_and_freed(size));
        }
    }

    #[test]
    fn requests_are_served_while_another_has_the_cache() {
        let _cache = FREE.lock();
        filled_and_freed(HUGE);
        assert!(!release());
    }

    #[test]
    fn memory_shrinks_where_it_is_and_grows_within_its_last_page() {
        let start = alloc(5 * HUGE, true);
        // SAFETY: the memory has the size of the last call.
        unsafe {
            assert!(resize(start, 5 * HUGE, 2 * HUGE + 1));
            assert!(!resize(start, 2 * HUGE + 1, 3 * HUGE));
            assert!(resize(start, 2 * HUGE + 1, 2 * HUGE + GRAIN));
            start.add(2 * HUGE + GRAIN - 1).write(1);
            dealloc(start, 2 * HUGE + GRAIN);
        }
    }

    #[test]
    fn a_request_that_no_memory_can_serve_is_null() {
        assert!(alloc(1 << 60, false).is_null());
    }

    #[test]
    fn free_mappings_serve_their_size_and_the_oldest_make_room() {
        let mut free = Free::new();
        let maps: Vec<*mut u8> = (0..4).map(|_| system::map(MOST_FREE_BYTES / 4)).collect();
        // SAFETY: nothing uses these mappings.
        unsafe {
            assert!(maps.iter().all(|&start| free.add(start, MOST_FREE_BYTES / 4)));
            let small = system::map(HUGE);
            assert!(free.add(small, HUGE), "the first one was unmapped");
            assert_eq!((free.count, free.bytes), (4, MOST_FREE_BYTES / 4 * 3 + HUGE));
            assert_eq!(free.take_or_make_room(MOST_FREE_BYTES / 4), Some(maps[3]));
            assert_eq!(
                free.take_or_make_room(MOST_FREE_BYTES / 4 + HUGE),
                None,
                "the other two were unmapped"
            );
            assert_eq!((free.count, free.bytes), (1, HUGE));
            assert_eq!(free.take_or_make_room(HUGE), Some(small));
            let large = system::map(MOST_FREE_BYTES + HUGE);
            assert!(!free.add(large, MOST_FREE_BYTES + HUGE), "too large");
            system::unmap(large, MOST_FREE_BYTES + HUGE);
            system::unmap(maps[3], MOST_FREE_BYTES / 4);
            system::unmap(small, HUGE);
            for _ in 0..MOST_FREE + 3 {
                assert!(free.add(system::map(HUGE), HUGE));
            }
            assert_eq!((free.count, free.bytes), (MOST_FREE, MOST_FREE * HUGE));
            assert!(free.clear() && !free.clear());
            assert_eq!((free.count, free.bytes), (0, 0));
        }
    }
}
