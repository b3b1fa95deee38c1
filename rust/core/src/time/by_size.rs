//! Idle memory by its size, so that a request finds what fits without a look at everything that is idle.

use std::collections::BTreeMap;

/// With at most this many sizes, a size stays without a value: a call that recurs then allocates no node of the map.
const FEW: usize = 32;

/// Idle values by size. Each operation takes time logarithmic in the number of distinct sizes, so that one large call, which
/// leaves many values, does not slow down the calls after it.
#[derive(Debug)]
pub(super) struct BySize<V> {
    /// By size, the values of exactly this size.
    stacks: BTreeMap<usize, Vec<V>>,
    /// Lists without values, for sizes to come: a size that recurs allocates nothing.
    empty: Vec<Vec<V>>,
}

impl<V> Default for BySize<V> {
    fn default() -> BySize<V> {
        BySize::new()
    }
}

impl<V> BySize<V> {
    pub const fn new() -> BySize<V> {
        BySize { stacks: BTreeMap::new(), empty: Vec::new() }
    }

    pub fn push(&mut self, size: usize, value: V) {
        let BySize { stacks, empty } = self;
        stacks.entry(size).or_insert_with(|| empty.pop().unwrap_or_default()).push(value);
    }

    /// A value of the smallest size from `least` to `most`.
    pub fn take_smallest(&mut self, least: usize, most: usize) -> Option<V> {
        let mut sizes = self.stacks.range(least..=most.max(least));
        let size = *sizes.find(|(_, stack)| !stack.is_empty())?.0;
        self.take(size)
    }

    /// A value of the largest size below `size`.
    pub fn take_largest_below(&mut self, size: usize) -> Option<V> {
        let size = *self.stacks.range(..size).rfind(|(_, stack)| !stack.is_empty())?.0;
        self.take(size)
    }

    fn take(&mut self, size: usize) -> Option<V> {
        let stack = self.stacks.get_mut(&size)?;
        let found = stack.pop();
        if stack.is_empty() && self.stacks.len() > FEW {
            self.empty.extend(self.stacks.remove(&size));
        }
        found
    }

    pub fn clear(&mut self) {
        self.stacks.clear();
        self.empty.clear();
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.stacks.values().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_find_the_size_that_fits_best() {
        let mut idle = BySize::new();
        for size in [5, 3, 9, 3, 20] {
            idle.push(size, size);
        }
        assert_eq!(idle.take_smallest(4, 8), Some(5));
        assert_eq!(idle.take_smallest(4, 8), None, "9 is too large");
        assert_eq!(idle.take_smallest(4, usize::MAX), Some(9));
        assert_eq!(idle.take_largest_below(20), Some(3));
        assert_eq!(idle.take_largest_below(3), None);
        assert_eq!((idle.len(), idle.take_smallest(0, usize::MAX)), (2, Some(3)));
    }

    #[test]
    fn sizes_that_do_not_recur_are_forgotten() {
        let mut idle = BySize::new();
        for size in 0..1000 {
            idle.push(size, ());
            assert!(idle.take_smallest(size, size).is_some());
        }
        assert!(idle.stacks.len() <= FEW + 1, "{}", idle.stacks.len());
    }
}
