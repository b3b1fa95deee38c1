//! A pool of vectors, and of lists of vectors, for reuse.

use crate::kernel::Float;
use crate::memory::{check, with_room, zeros};

use super::by_size::BySize;

/// A vector may be longer than required by 1/SLACK of the required length. So each request finds its own vector again:
/// in one network, some sequences are often twice as wide as others.
const SLACK: usize = 2;
/// Below this many elements, the length does not matter.
const SMALL: usize = 1024;

/// Idle vectors of one owner: as many as were ever in use at the same time, and about as long.
#[derive(Debug, Default)]
pub struct VecPool<T> {
    /// By capacity.
    vectors: BySize<Vec<T>>,
    lists: Vec<Vec<Vec<T>>>,
}

impl<T: Float> VecPool<T> {
    pub fn new() -> VecPool<T> {
        VecPool { vectors: BySize::new(), lists: Vec::new() }
    }

    /// An empty vector with capacity for `len` elements: the idle one that fits best. If none fits, a new vector replaces
    /// the longest of the shorter ones.
    pub fn vector(&mut self, len: usize) -> Vec<T> {
        self.idle(len).unwrap_or_else(|| with_room(len))
    }

    /// `len` zeros.
    pub fn zeros(&mut self, len: usize) -> Vec<T> {
        self.zeros_within(len, len)
    }

    /// `len` zeros, with capacity for `room` elements.
    pub fn zeros_within(&mut self, len: usize, room: usize) -> Vec<T> {
        let room = len.max(room);
        let mut vector = self.idle(room).unwrap_or_else(|| zeros(room));
        vector.truncate(len);
        vector.resize(len, T::ZERO);
        vector
    }

    /// The idle vector that fits best. If none fits, the longest of the shorter ones is dropped, for a new one.
    fn idle(&mut self, len: usize) -> Option<Vec<T>> {
        let most = SMALL.max(len.saturating_add(len / SLACK));
        let found = self.vectors.take_smallest(len, most);
        if found.is_none() {
            drop(self.vectors.take_largest_below(len));
            check();
        }
        found
    }

    /// A copy of the elements.
    pub fn copy(&mut self, values: &[T]) -> Vec<T> {
        let mut vector = self.vector(values.len());
        vector.extend_from_slice(values);
        vector
    }

    /// A list of copies.
    pub fn copies(&mut self, values: &[Vec<T>]) -> Vec<Vec<T>> {
        let mut list = self.list();
        list.extend(values.iter().map(|one| self.copy(one)));
        list
    }

    /// Takes back a vector that nothing reads any more.
    pub fn keep(&mut self, mut vector: Vec<T>) {
        if vector.capacity() > 0 {
            vector.clear();
            self.vectors.push(vector.capacity(), vector);
        }
    }

    /// An empty list of vectors.
    pub fn list(&mut self) -> Vec<Vec<T>> {
        self.lists.pop().unwrap_or_default()
    }

    /// Takes back a list and all vectors in it.
    pub fn keep_list(&mut self, mut list: Vec<Vec<T>>) {
        list.drain(..).for_each(|vector| self.keep(vector));
        if list.capacity() > 0 {
            self.lists.push(list);
        }
    }

    /// Returns all memory to the system.
    pub fn clear(&mut self) {
        self.vectors.clear();
        self.lists.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_used_again_where_it_fits() {
        let mut vectors: VecPool<f32> = VecPool::new();
        let (short, long) = (vectors.zeros(2000), vectors.zeros(50_000));
        let places = [short.as_ptr(), long.as_ptr()];
        vectors.keep(long);
        vectors.keep(short);
        let taken = [vectors.zeros(1900), vectors.zeros(2100), vectors.copy(&[1.0; 40_000])];
        assert_eq!(taken[0].as_ptr(), places[0], "the one that fits best");
        assert_ne!(taken[1].as_ptr(), places[1], "one that is far too long");
        assert_eq!(taken[2].as_ptr(), places[1]);
        assert_eq!(vectors.vectors.len(), 0);
    }

    #[test]
    fn growing_sizes_leave_no_more_than_was_in_use_at_once() {
        let mut vectors: VecPool<f64> = VecPool::new();
        for len in [10, 1000, 100_000, 3, 200_000] {
            let two = [vectors.zeros(len), vectors.zeros(2 * len)];
            two.into_iter().for_each(|one| vectors.keep(one));
        }
        assert!(vectors.vectors.len() <= 4, "{}", vectors.vectors.len());
    }
}
