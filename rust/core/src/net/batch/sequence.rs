//! A sequence of the engine, and the sequences of a caller's row.

use crate::memory::push;

/// The part of a caller's row from its start, or from a reset, to the next reset or the end. Steps are the valid steps of the
/// row: masked steps are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// The caller's row.
    pub row: usize,
    /// The first step of the sequence in that row.
    pub first: usize,
    pub length: usize,
    /// Where its first step is: the position in the caller's (N, T), or with a mask the index in `ValidSteps`.
    pub origin: usize,
    /// Whether the sequence starts from the row's initial state; after a reset, a sequence starts from zeros.
    pub head: bool,
    /// Whether the sequence produces the row's final state.
    pub tail: bool,
}

/// Appends the sequences of a row; `resets` and `mask` cover the steps within its length. A reset at a masked step starts a
/// sequence at the next valid step; without a next valid step, that sequence is empty and leaves zeros as final state.
pub fn between_resets(
    (row, origin): (usize, usize),
    length: usize,
    resets: Option<&[bool]>,
    mask: Option<&[bool]>,
    sequences: &mut Vec<Sequence>,
) {
    let all = resets.is_none() && mask.is_none();
    let (mut first, mut head) = (0, true);
    let mut count = if all { length } else { 0 };
    for t in 0..length - count {
        if resets.is_some_and(|resets| resets[t]) {
            if count > first {
                let (length, origin) = (count - first, origin + first);
                push(sequences, Sequence { row, first, length, origin, head, tail: false });
            }
            (first, head) = (count, false);
        }
        count += usize::from(mask.is_none_or(|mask| mask[t]));
    }
    push(sequences, Sequence { row, first, length: count - first, origin: origin + first, head, tail: true });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sequences of a row: first, length, head, tail.
    fn found(resets: &str, mask: &str) -> Vec<(usize, usize, bool, bool)> {
        let flags = |text: &str| text.chars().map(|c| c == '1').collect::<Vec<_>>();
        let mut sequences = Vec::new();
        let (resets, mask) = (flags(resets), flags(mask));
        between_resets((3, 40), mask.len(), Some(&resets), Some(&mask), &mut sequences);
        assert!(sequences.iter().all(|one| one.row == 3 && one.origin == 40 + one.first));
        sequences.iter().map(|one| (one.first, one.length, one.head, one.tail)).collect()
    }

    #[test]
    fn a_reset_at_a_masked_step_starts_a_sequence_at_the_next_valid_step() {
        assert_eq!(found("00000", "10110"), [(0, 3, true, true)]);
        assert_eq!(found("01000", "10110"), [(0, 1, true, false), (1, 2, false, true)]);
        assert_eq!(found("01110", "10011"), [(0, 1, true, false), (1, 2, false, true)]);
        assert_eq!(found("10000", "00110"), [(0, 2, false, true)]);
        // after the last valid step: the final state is that of an empty sequence
        assert_eq!(found("00001", "10110"), [(0, 3, true, false), (3, 0, false, true)]);
        assert_eq!(found("01000", "00000"), [(0, 0, false, true)]);
        assert_eq!(found("00000", "00000"), [(0, 0, true, true)]);
    }
}
