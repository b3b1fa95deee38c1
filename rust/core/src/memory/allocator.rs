//! The global allocator: mappings for large requests, the system's allocator for others, and a reserve behind both.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;

use super::fallible::is_fallible;
use super::pages;
use super::reserve::{give_back, is_used, owns, piece};

/// The system's allocator, and `pages` for large requests. When the system has no memory, requests that must not fail are served
/// from the reserve (see `prepare`), and requests that may fail do fail.
pub struct Allocator;

#[cold]
fn spare(layout: Layout) -> *mut u8 {
    if is_fallible() { null_mut() } else { piece(layout) }
}

/// What `request` returns; if that is null, once more after the free mappings went back to the system.
#[inline]
fn repeated(request: impl Fn() -> *mut u8) -> *mut u8 {
    let address = request();
    if address.is_null() && pages::release() { request() } else { address }
}

// SAFETY: every address comes from `System`, from the pages or from the reserve, which own disjoint memory; each is given back
// to where it came from, with its layout: the layout decides between `System` and the pages. No function unwinds.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let address = repeated(|| match pages::is_mapped(layout) {
            true => pages::alloc(layout.size(), false),
            // SAFETY: passed on.
            false => unsafe { System.alloc(layout) },
        });
        if address.is_null() { spare(layout) } else { address }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let address = repeated(|| match pages::is_mapped(layout) {
            true => pages::alloc(layout.size(), true),
            // SAFETY: passed on.
            false => unsafe { System.alloc_zeroed(layout) },
        });
        if !address.is_null() {
            return address;
        }
        let address = spare(layout);
        if !address.is_null() {
            // SAFETY: the piece has at least this size.
            unsafe { address.write_bytes(0, layout.size()) };
        }
        address
    }

    #[inline]
    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        if is_used() && give_back(address, layout) {
            return;
        }
        // SAFETY: passed on; the address is not in the reserve.
        unsafe {
            if pages::is_mapped(layout) {
                pages::dealloc(address, layout.size());
            } else {
                System.dealloc(address, layout);
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's guarantee: with this alignment, the size is valid.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let (was_mapped, is_ours) = (pages::is_mapped(layout), owns(address));
        let is_mapped = pages::is_mapped(wanted);
        // SAFETY: passed on; the address is not in the reserve, so it is from the pages.
        if !is_ours && was_mapped && is_mapped && unsafe { pages::resize(address, layout.size(), size) } {
            return address;
        }
        let is_apart = is_ours || was_mapped || is_mapped;
        if !is_apart {
            // SAFETY: passed on; `System` gave the address.
            let moved = repeated(|| unsafe { System.realloc(address, layout, size) });
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: the caller's guarantee: the size is not 0.
        let moved = if is_apart { unsafe { self.alloc(wanted) } } else { spare(wanted) };
        if !moved.is_null() {
            // SAFETY: both have at least this size, and the new memory is apart from the old.
            unsafe {
                moved.copy_from_nonoverlapping(address, layout.size().min(size));
                self.dealloc(address, layout);
            }
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_move_between_the_system_and_the_pages() {
        const MIB: usize = 1 << 20;
        const SIZES: [usize; 8] = [100, 3 * MIB, 40 * MIB, 40 * MIB + 5, 2 * MIB, 1000, MIB, 1];
        let byte = |at: usize| (at % 251) as u8;
        for align in [1, 64, 4096] {
            let layout = |size: usize| Layout::from_size_align(size, align).unwrap();
            // SAFETY: the memory has the size that was requested last.
            unsafe {
                let mut address = Allocator.alloc(layout(SIZES[0]));
                (0..SIZES[0]).for_each(|at| address.add(at).write(byte(at)));
                for sizes in SIZES.windows(2) {
                    address = Allocator.realloc(address, layout(sizes[0]), sizes[1]);
                    assert!((address as usize).is_multiple_of(align));
                    let same = sizes[0].min(sizes[1]);
                    let memory = std::slice::from_raw_parts(address, same);
                    assert!((0..same).all(|at| memory[at] == byte(at)), "{sizes:?} {align}");
                    (same..sizes[1]).for_each(|at| address.add(at).write(byte(at)));
                }
                Allocator.dealloc(address, layout(SIZES[7]));
            }
        }
    }
}
