//! Large requests: own mappings in huge pages, because the processor finds the address of each page in a small cache, and
//! products go over megabytes of weights at every step.
//!
//! Linux gives huge pages to a program that advises it to (`madvise`). Where it does not, the memory has small pages, and all
//! else is the same. A mapping that is given back waits for the next request of its size: new memory costs a fault for each
//! page, and the system fills it with zeros.

use std::alloc::Layout;
use std::sync::{Mutex, TryLockError};

/// Bytes of a huge page: of x86-64, and of AArch64 with pages of 4 KiB.
const HUGE: usize = 2 << 20;
/// A request of at least half a huge page takes a whole one.
const LEAST: usize = HUGE / 2;
/// Sizes of mappings are multiples of this: the largest usual page.
const GRAIN: usize = 64 << 10;

/// The most mappings that wait, and the most bytes of them: those of glibc's allocator that wait at the end of its heap.
const MOST_IDLE: usize = 32;
const MOST_IDLE_BYTES: usize = 64 << 20;

static IDLE: Mutex<Idle> = Mutex::new(Idle::new());

/// Whether a request is mapped.
#[inline]
pub(super) fn are_for(layout: Layout) -> bool {
    system::HAS_MAPPINGS && layout.size() >= LEAST && layout.align() <= HUGE
}

/// Memory for a request of `size` bytes, aligned to a huge page; null if the system has none.
#[cold]
pub(super) fn take(size: usize, zeroed: bool) -> *mut u8 {
    let size = mapped(size);
    match with_idle(|idle| idle.take(size)).flatten() {
        Some(start) => {
            if zeroed {
                // SAFETY: the mapping has this size, and nothing uses it.
                unsafe { start.write_bytes(0, size) };
            }
            start
        }
        None => system::map(size),
    }
}

/// Takes back what `take` gave for a request of `size` bytes.
///
/// # Safety
/// Nothing uses the memory.
#[cold]
pub(super) unsafe fn give_back(start: *mut u8, size: usize) {
    let size = mapped(size);
    // SAFETY: passed on.
    let waits = with_idle(|idle| unsafe { idle.add(start, size) });
    if waits != Some(true) {
        // SAFETY: passed on.
        unsafe { system::unmap(start, size) };
    }
}

/// The bytes of the mapping for a request: whole huge pages, unless the last one would be less than half full.
fn mapped(size: usize) -> usize {
    if size % HUGE >= HUGE / 2 { size.next_multiple_of(HUGE) } else { size.next_multiple_of(GRAIN) }
}

/// Calls `work` with the mappings that wait; None if another thread has them. In the child of a fork that may be so for good.
fn with_idle<R>(work: impl FnOnce(&mut Idle) -> R) -> Option<R> {
    match IDLE.try_lock() {
        Ok(mut idle) => Some(work(&mut idle)),
        Err(TryLockError::Poisoned(idle)) => Some(work(&mut idle.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// Mappings that wait for a request, the longest waiting first.
struct Idle {
    places: [(*mut u8, usize); MOST_IDLE],
    count: usize,
    bytes: usize,
}

// SAFETY: nothing else uses the mappings.
unsafe impl Send for Idle {}

impl Idle {
    const fn new() -> Idle {
        Idle { places: [(std::ptr::null_mut(), 0); MOST_IDLE], count: 0, bytes: 0 }
    }

    /// The mapping of this size that waits shortest.
    fn take(&mut self, size: usize) -> Option<*mut u8> {
        let at = self.places[..self.count].iter().rposition(|place| place.1 == size)?;
        Some(self.remove(at).0)
    }

    /// Adds a mapping; returns false for one that is too large to wait. Those that wait longest make room.
    ///
    /// # Safety
    /// As `give_back`.
    unsafe fn add(&mut self, start: *mut u8, size: usize) -> bool {
        if size > MOST_IDLE_BYTES {
            return false;
        }
        while self.count == MOST_IDLE || self.bytes + size > MOST_IDLE_BYTES {
            let (start, size) = self.remove(0);
            // SAFETY: nothing uses a mapping that waits.
            unsafe { system::unmap(start, size) };
        }
        self.places[self.count] = (start, size);
        self.count += 1;
        self.bytes += size;
        true
    }

    fn remove(&mut self, at: usize) -> (*mut u8, usize) {
        let place = self.places[at];
        self.places.copy_within(at + 1..self.count, at);
        self.count -= 1;
        self.bytes -= place.1;
        place
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
    fn a_mapping_is_whole_huge_pages_unless_half_of_the_last_would_be_idle() {
        for (size, expected) in [
            (LEAST, HUGE),
            (HUGE, HUGE),
            (HUGE + 1, HUGE + GRAIN),
            (HUGE + HUGE / 2 - 1, HUGE + HUGE / 2),
            (HUGE + HUGE / 2, 2 * HUGE),
            (5 * HUGE - 1, 5 * HUGE),
        ] {
            assert_eq!(mapped(size), expected, "{size}");
        }
    }

    #[test]
    fn memory_is_aligned_zero_and_writable_to_its_end() {
        for size in [LEAST, HUGE + 1, 3 * HUGE + HUGE / 2 + 5] {
            let start = take(size, true);
            assert!(!start.is_null() && (start as usize).is_multiple_of(HUGE));
            // SAFETY: the memory has this size, and ends its use with `give_back`.
            unsafe {
                let memory = std::slice::from_raw_parts_mut(start, size);
                assert!(memory.iter().all(|&byte| byte == 0));
                memory.fill(7);
                give_back(start, size);
            }
        }
    }

    #[test]
    fn zeros_are_zero_in_memory_that_was_used_before() {
        let size = 7 * HUGE; // of no other test
        for _ in 0..3 {
            let start = take(size, true);
            // SAFETY: as above.
            unsafe {
                let memory = std::slice::from_raw_parts_mut(start, size);
                assert!(memory.iter().all(|&byte| byte == 0));
                memory.fill(7);
                give_back(start, size);
            }
        }
    }

    #[test]
    fn a_request_that_no_memory_can_serve_is_null() {
        assert!(take(1 << 60, false).is_null());
    }

    #[test]
    fn mappings_wait_for_their_size_and_leave_in_order() {
        let mut idle = Idle::new();
        let maps: Vec<*mut u8> = (0..4).map(|_| system::map(MOST_IDLE_BYTES / 4)).collect();
        // SAFETY: nothing uses these mappings.
        unsafe {
            assert!(maps.iter().all(|&start| idle.add(start, MOST_IDLE_BYTES / 4)));
            assert!(idle.take(HUGE).is_none());
            let small = system::map(HUGE);
            assert!(idle.add(small, HUGE), "the first one left");
            assert_eq!((idle.count, idle.bytes), (4, MOST_IDLE_BYTES / 4 * 3 + HUGE));
            assert_eq!(idle.take(MOST_IDLE_BYTES / 4), Some(maps[3]));
            assert_eq!(idle.take(HUGE), Some(small));
            let large = system::map(MOST_IDLE_BYTES + HUGE);
            assert!(!idle.add(large, MOST_IDLE_BYTES + HUGE), "too large to wait");
            system::unmap(large, MOST_IDLE_BYTES + HUGE);
            system::unmap(maps[3], MOST_IDLE_BYTES / 4);
            system::unmap(small, HUGE);
            for _ in 0..MOST_IDLE + 3 {
                assert!(idle.add(system::map(HUGE), HUGE));
            }
            assert!(idle.count <= MOST_IDLE && idle.bytes <= MOST_IDLE_BYTES);
            while idle.count > 0 {
                let (start, size) = idle.remove(0);
                system::unmap(start, size);
            }
            assert_eq!(idle.bytes, 0);
        }
    }
}
