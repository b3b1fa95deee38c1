//! The arrays of one parameter.

use super::compile::Spread;
use super::form::Extent;
use super::rule::Rule;

/// The arrays of one parameter: itself, its gradient, its slots.
#[derive(Debug, Clone)]
pub struct Segment<T> {
    /// Those of full extent, in order.
    pub streams: Vec<*mut T>,
    /// The slots of a smaller extent, in order.
    pub sides: Vec<*mut f64>,
    pub len: usize,
    /// `rows * columns == len`.
    pub rows: usize,
    pub columns: usize,
}

impl<T> Segment<T> {
    /// A vector, of which each number has a number in each array.
    pub fn new(streams: Vec<*mut T>, len: usize) -> Segment<T> {
        Segment { streams, sides: Vec::new(), len, rows: 1, columns: len }
    }

    /// The slots of one number.
    pub(super) fn wholes<'a>(&'a self, rule: &'a Rule) -> impl Iterator<Item = &'a *mut f64> {
        self.of_extent(rule, Extent::Whole)
    }

    fn of_extent<'a>(&'a self, rule: &'a Rule, extent: Extent) -> impl Iterator<Item = &'a *mut f64> {
        let sides = rule.extents.iter().filter(|&&one| one != Extent::Full).zip(&self.sides);
        sides.filter(move |&(&one, _)| one == extent).map(|(_, slot)| slot)
    }

    /// A slot of one number for each row or column.
    pub(super) fn side_slot(&self, rule: &Rule, which: Spread) -> *mut f64 {
        let (extent, array) = match which {
            Spread::Row(array) => (Extent::Row, array),
            Spread::Column(array) => (Extent::Column, array),
        };
        self.of_extent(rule, extent).nth(array).copied().unwrap_or(std::ptr::null_mut())
    }
}
