//! The global allocator: the system's, with a reserve behind it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::null_mut;

use super::fallible::is_fallible;
use super::reserve::{give_back, is_used, owns, piece};

/// The system's allocator. When the system has no memory, requests that must not fail are served from the reserve (see
/// `prepare`), and requests that may fail do fail.
pub struct Allocator;

#[cold]
fn spare(layout: Layout) -> *mut u8 {
    if is_fallible() { null_mut() } else { piece(layout) }
}

// SAFETY: every address comes from `System` or from the reserve, which own disjoint memory; each is given back to where it
// came from, with its layout. No function unwinds.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        let address = unsafe { System.alloc(layout) };
        if address.is_null() { spare(layout) } else { address }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: passed on.
        let address = unsafe { System.alloc_zeroed(layout) };
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
        unsafe { System.dealloc(address, layout) }
    }

    #[inline]
    unsafe fn realloc(&self, address: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let is_ours = owns(address);
        if !is_ours {
            // SAFETY: passed on; the address is not in the reserve.
            let moved = unsafe { System.realloc(address, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        // SAFETY: the caller's guarantee: with this alignment, the size is valid.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: the caller's guarantee: the size is not 0.
        let moved = if is_ours { unsafe { self.alloc(wanted) } } else { spare(wanted) };
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
