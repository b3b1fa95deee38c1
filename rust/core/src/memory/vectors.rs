//! Vectors whose length depends on the caller's data.

use std::alloc::{Layout, alloc_zeroed};

use super::fallible::{fallible, out_of_memory};
use super::pages;

/// Numbers whose zero has all bits zero.
///
/// # Safety
/// All bits zero is a valid value, and the default.
pub unsafe trait Zero: Copy + Default {}

macro_rules! zero {
    ($($number:ty),*) => { $(
        // SAFETY: an integer or IEEE number with all bits zero is 0.
        unsafe impl Zero for $number {}
    )* };
}
zero!(u8, i64, usize, f32, f64);

/// Reserves room for `len` elements in all. Unwinds with `OutOfMemory`.
pub fn reserve<T>(memory: &mut Vec<T>, len: usize) {
    if len > memory.capacity() && fallible(|| memory.try_reserve_exact(len - memory.len())).is_err() {
        out_of_memory(len.saturating_mul(size_of::<T>()));
    }
}

/// The same for weights, which are read at every step: those of half a huge page or more get a whole one.
pub fn reserve_often_read<T>(memory: &mut Vec<T>, len: usize) {
    reserve(memory, often_read::<T>(len));
}

/// The elements that `lengthen_often_read` requests for `len`.
pub fn often_read<T>(len: usize) -> usize {
    len.max(pages::often_read(len.saturating_mul(size_of::<T>())) / size_of::<T>().max(1))
}

/// An empty vector with room for `len` elements.
pub fn with_room<T>(len: usize) -> Vec<T> {
    let mut memory = Vec::new();
    reserve(&mut memory, len);
    memory
}

/// `Vec::reserve`, which may fail: a vector that grows little by little is copied a few times only.
pub fn make_room<T>(memory: &mut Vec<T>, more: usize) {
    if fallible(|| memory.try_reserve(more)).is_err() {
        out_of_memory(memory.len().saturating_add(more).saturating_mul(size_of::<T>()));
    }
}

/// `Vec::push`, which may fail.
pub fn push<T>(memory: &mut Vec<T>, value: T) {
    if memory.len() == memory.capacity() {
        make_room(memory, 1);
    }
    memory.push(value);
}

/// `Vec::extend_from_slice`, which may fail.
pub fn append<T: Clone>(memory: &mut Vec<T>, values: &[T]) {
    reserve(memory, memory.len().saturating_add(values.len()));
    memory.extend_from_slice(values);
}

/// Grows a vector to at least `len` elements, filled with the default.
pub fn grow<T: Clone + Default>(memory: &mut Vec<T>, len: usize) {
    if len > memory.len() {
        resized(memory, len, T::default());
    }
}

/// Makes a vector at least `len` elements long, with unspecified contents. New memory is touched only where it is used,
/// or is at most 64 MiB of memory that was freed: filling more would be a long wait without a cancellation point.
pub fn lengthen<T: Zero>(memory: &mut Vec<T>, len: usize) {
    if len > memory.len() {
        *memory = Vec::new(); // first: the old memory and the new one are never there together
        *memory = zeros(len);
    }
}

/// The same for the memory of a block of time, which each block uses anew: half a huge page or more becomes a whole one.
pub fn lengthen_often_read<T: Zero>(memory: &mut Vec<T>, len: usize) {
    if len > memory.len() {
        lengthen(memory, often_read::<T>(len));
    }
}

/// `Vec::resize`, which may fail.
pub fn resized<T: Clone>(memory: &mut Vec<T>, len: usize, value: T) {
    reserve(memory, len);
    memory.resize(len, value);
}

/// `len` zeros, in memory that the system gives out as zeros, or in freed memory, which is filled.
pub fn zeros<T: Zero>(len: usize) -> Vec<T> {
    let bytes = len.saturating_mul(size_of::<T>());
    if bytes == 0 {
        return Vec::new();
    }
    let Ok(layout) = Layout::array::<T>(len) else { out_of_memory(bytes) };
    // SAFETY: the size is not 0.
    let address = fallible(|| unsafe { alloc_zeroed(layout) });
    if address.is_null() {
        out_of_memory(bytes);
    }
    // SAFETY: the global allocator gave the memory for `len` elements, all of them zero, which is a valid value.
    unsafe { Vec::from_raw_parts(address.cast(), len, len) }
}

/// A copy of the elements.
pub fn copied<T: Clone>(values: &[T]) -> Vec<T> {
    made(values.iter().cloned())
}

/// The elements of an iterator that knows their number.
pub fn made<T>(values: impl ExactSizeIterator<Item = T>) -> Vec<T> {
    let mut memory = Vec::new();
    reserve(&mut memory, values.len());
    memory.extend(values);
    memory
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::panic::{UnwindSafe, catch_unwind};

    use super::super::{OutOfMemory, ensure};
    use super::*;

    /// What `request` unwinds with; its result is used, so that the compiler keeps its allocation.
    fn refused<R>(request: impl FnOnce() -> R + UnwindSafe) -> OutOfMemory {
        let unwound = catch_unwind(|| drop(black_box(request())));
        *unwound.unwrap_err().downcast().expect("unwound with the size")
    }

    #[test]
    fn a_length_beyond_memory_unwinds_with_its_size() {
        assert_eq!(refused(|| zeros::<f64>(1 << 58)).bytes, 1 << 61);
        assert_eq!(refused(|| zeros::<f64>(usize::MAX)).bytes, usize::MAX);
        assert_eq!(refused(|| reserve(&mut vec![1u8], isize::MAX as usize)).bytes, isize::MAX as usize);
        assert_eq!(refused(|| made((0..1usize << 60).map(|x| x as f64))).bytes, 1 << 63);
        assert_eq!(refused(|| ensure(1 << 62)).bytes, 1 << 62);
    }

    #[test]
    fn what_fits_is_there() {
        assert_eq!(zeros::<u8>(3), [0, 0, 0]);
        assert_eq!(copied(&[1, 2]), [1, 2]);
        let mut memory = vec![5i64];
        grow(&mut memory, 2);
        resized(&mut memory, 3, 7);
        assert_eq!(memory, [5, 0, 7]);
        lengthen(&mut memory, 2);
        assert_eq!(memory, [5, 0, 7]);
        lengthen(&mut memory, 4);
        assert_eq!(memory.len(), 4);
        lengthen_often_read(&mut memory, 3);
        assert_eq!(memory.len(), 4);
        lengthen_often_read(&mut memory, 150_000); // 1.1 MiB
        assert_eq!(memory.len(), pages::often_read(1_200_000) / 8);
    }
}
