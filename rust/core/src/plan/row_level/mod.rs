//! The dependence level `row`: divides the program of a layer into a program that runs once per row, and the program that
//! is left for every step.
//!
//! The network gives the inputs of a layer as pieces, of which some are values per row (`open`). What depends on these and
//! on parameters alone moves to the row program, where it saves work (`cut`); the rest reads its results as inputs.

mod cut;
mod ids;
mod open;
mod piece;

use crate::step::{Program, Result};

use cut::Cut;
pub(super) use cut::{ancestors, frontier, is_worth};
pub use ids::{ids_of_lookup, of_ids};
use open::opened;
pub use piece::Piece;

/// The two programs of a layer. Both have all its parameters.
#[derive(Debug)]
pub struct RowSplit {
    /// Runs once per row. Its inputs are the pieces that `row_reads` names; its outputs are inputs of `step`.
    pub row: Program,
    /// Runs at every step. Its inputs are the pieces that `step_reads` names, then the outputs of `row`.
    pub step: Program,
    /// The same for inference, where the program of the layer differs.
    pub inference: Option<(Program, Program)>,
    /// By piece, in the order of the inputs.
    pub row_reads: Vec<bool>,
    pub step_reads: Vec<bool>,
}

/// Divides the program of a layer, and its program for inference in the same way. `inputs` are the pieces of each input.
/// None if no work is saved, or if the two programs would be divided at different places.
pub fn split(
    program: &Program,
    inference: Option<&Program>,
    inputs: &[Vec<Piece>],
) -> Result<Option<RowSplit>> {
    let pieces: Vec<Piece> = inputs.iter().flatten().copied().collect();
    let cut = |program: &Program| Cut::new(opened(program, inputs)?, &pieces);
    let Some(training) = cut(program)? else { return Ok(None) };
    let resting = match inference.map(cut).transpose()? {
        None => None,
        Some(Some(other)) if other.widths() == training.widths() => Some(other),
        Some(_) => return Ok(None),
    };
    let reads = |of: &dyn Fn(&Cut) -> Vec<bool>| -> Vec<bool> {
        let (mut all, others) = (of(&training), resting.as_ref().map(of));
        all.iter_mut().zip(others.iter().flatten()).for_each(|(read, other)| *read |= other);
        all
    };
    let row_reads = reads(&|cut| cut.row_reads());
    let step_reads = reads(&|cut| cut.step_reads());
    let programs =
        |cut: &Cut| -> Result<(Program, Program)> { Ok((cut.row(&row_reads)?, cut.step(&step_reads)?)) };
    let (row, step) = programs(&training)?;
    let inference = resting.as_ref().map(programs).transpose()?;
    Ok(Some(RowSplit { row, step, inference, row_reads, step_reads }))
}
