//! What the sources of an optimizer's program are to a parameter: a number for each of its numbers, or fewer.

/// How many numbers a parameter has of a value: one, one for each row or column of a matrix, or one for each number.
///
/// The last axis of a parameter counts its columns, and all others together its rows; a vector is one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Whole,
    Row,
    Column,
    Full,
}

impl Extent {
    /// That of a value made of two.
    pub(super) fn join(self, other: Extent) -> Extent {
        match (self, other) {
            (Extent::Whole, extent) | (extent, Extent::Whole) => extent,
            (one, other) if one == other => one,
            _ => Extent::Full,
        }
    }

    /// What an author calls it.
    pub(super) fn told(self) -> &'static str {
        match self {
            Extent::Whole => "one number for a parameter",
            Extent::Row => "one number for each row",
            Extent::Column => "one number for each column",
            Extent::Full => "one number for each number of a parameter",
        }
    }
}

/// What a reduction makes of some numbers; of no numbers, 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Sum,
    Mean,
    /// The root of the sum of squares.
    Norm,
    /// The root of the mean of squares.
    Rms,
}

impl Measure {
    /// Whether squares are summed.
    pub(super) fn squares(self) -> bool {
        matches!(self, Measure::Norm | Measure::Rms)
    }

    /// The result, from the sum over `count` numbers.
    pub(super) fn of(self, sum: f64, count: usize) -> f64 {
        let mean = || if count == 0 { 0.0 } else { sum / count as f64 };
        match self {
            Measure::Sum => sum,
            Measure::Mean => mean(),
            Measure::Norm => sum.sqrt(),
            Measure::Rms => mean().sqrt(),
        }
    }
}

/// A number made of many: of all of a parameter, of those of a row or of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reduction {
    pub measure: Measure,
    /// `Whole`, `Row` or `Column`.
    pub over: Extent,
}

/// The slots of a parameter, and the reductions of a program in the order in which they are computed.
///
/// Slots of one number are parameters of the program, after the scalars of a step, and their new values are outputs,
/// after that of the parameter. All other slots are states. The operand of a reduction is an output, after those, and its
/// result an input, after the gradient; over a whole parameter, a parameter, after the slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    pub slots: Vec<Extent>,
    pub reductions: Vec<Reduction>,
}
