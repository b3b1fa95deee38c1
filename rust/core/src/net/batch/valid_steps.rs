//! The valid steps of a batch with a mask, and the gaps between them.

use std::ops::Range;

use crate::memory::make_room;

use super::sequence::Sequence;

/// Where the valid steps are in the caller's (N, T). Without a mask, the steps of a sequence are consecutive, and nothing is
/// stored.
#[derive(Debug, Clone, Default)]
pub struct ValidSteps {
    masked: bool,
    /// With a mask: the positions of the valid steps of all rows, row by row. `Sequence::origin` is an index in this list.
    places: Vec<usize>,
}

impl ValidSteps {
    /// Removes all steps, for a batch with a mask or without.
    pub fn renew(&mut self, masked: bool) {
        self.masked = masked;
        self.places.clear();
    }

    /// Appends the valid steps of the next row, whose first step has position `start`; `mask` covers the steps within its
    /// length. Returns the origin of the row's first sequence.
    pub fn append(&mut self, start: usize, mask: Option<&[bool]>) -> usize {
        let Some(mask) = mask else { return start };
        let origin = self.places.len();
        make_room(&mut self.places, mask.len());
        self.places.extend((0..mask.len()).filter(|&t| mask[t]).map(|t| start + t));
        origin
    }

    /// The position in (N, T) of a step, given the origin of its sequence plus its number in the sequence.
    pub fn place(&self, step: usize) -> usize {
        if self.masked { self.places[step] } else { step }
    }

    /// The positions of the row `start..end` that a sequence leaves without values: from the last valid step before it to its
    /// own last valid step; to the end of the row if it is the tail. So the sequences of a row cover the row.
    pub fn gaps(&self, one: Sequence, start: usize, end: usize) -> impl Iterator<Item = Range<usize>> + '_ {
        let inner = if self.masked { one.length } else { 0 };
        let before = move |step: usize| match one.first + step {
            0 => start,
            // a step without a valid step before it begins the row, so `origin + step` is not 0
            _ => self.place(one.origin + step - 1) + 1,
        };
        let inside = (0..inner).map(move |step| before(step)..self.place(one.origin + step));
        inside.chain(one.tail.then(|| before(one.length)..end))
    }
}
