//! A unit through the network to its loss and back, piece by piece of time.

use std::borrow::Cow;
use std::ops::Range;

use crate::time::{Geometry, Scratch, SeqView, SlotGradients};

use super::loss::{Prepared, Want};
use super::penalty::{Terms, step_gradient};
use super::pool::Pooled;
use super::unit::{Shared, UnitRun, run_unit};
use super::unit_back::{UnitGradients, back_unit};

/// A unit, and all that its way there and back reads.
pub struct Passage<'a, T: Pooled> {
    pub shared: &'a Shared<'a, T>,
    pub loss: &'a Prepared<'a, T>,
    pub unit: usize,
    pub geometry: &'a Geometry,
    /// The initial states of its rows, by state slot.
    pub initial: &'a [Vec<T>],
}

/// What a passage leaves, beside the gradients of the parameters.
pub struct Passed<T> {
    /// The weighted sums over the valid steps.
    pub terms: Terms,
    pub gradients: UnitGradients<T>,
    /// By state slot.
    pub finals: Vec<Vec<T>>,
}

/// A piece of time on its way.
#[derive(Debug)]
pub struct Piece<'a, T> {
    pub geometry: Cow<'a, Geometry>,
    pub run: UnitRun<T>,
}

impl<T: Pooled> Piece<'_, T> {
    /// Gives the memory back; the final states remain.
    pub fn retired(self, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
        let (input, finals) = self.run.retired(scratch);
        scratch.spare.keep(input);
        keep_geometry(self.geometry, scratch);
        finals
    }
}

impl<T: Pooled> Passage<'_, T> {
    /// All steps at once. `input` is the packed input of the unit; it is lent.
    pub fn full(
        &self,
        input: &mut Vec<T>,
        slots: &mut [SlotGradients<T>],
        scratch: &mut Scratch<T>,
    ) -> Passed<T> {
        let geometry = Cow::Borrowed(self.geometry);
        let run = run_unit(self.shared, &geometry, std::mem::take(input), self.initial, true, scratch);
        let piece = Piece { geometry, run };
        let mut terms = Terms::default();
        let d_states = self.no_gradient(scratch);
        let gradients = self.back(&piece, 0, &d_states, &mut terms, slots, scratch);
        scratch.spare.keep_list(d_states);
        let finals;
        (*input, finals) = piece.run.retired(scratch);
        Passed { terms, gradients, finals }
    }

    /// The steps `span`, forwards from `states`. `input` is the packed input of the unit.
    pub fn there(
        &self,
        span: Range<usize>,
        input: &[T],
        states: &[Vec<T>],
        scratch: &mut Scratch<T>,
    ) -> Piece<'static, T> {
        let width = self.shared.network.widths[0];
        let rows = self.geometry.first_row(span.start)..self.geometry.first_row(span.end);
        let mut of_piece = scratch.sequence(rows.len(), width);
        of_piece.extend_from_slice(&input[rows.start * width..rows.end * width]);
        let geometry = Cow::Owned(piece_of(self.geometry, span, scratch));
        let run = run_unit(self.shared, &geometry, of_piece, states, true, scratch);
        Piece { geometry, run }
    }

    /// Adds the loss of a piece to `terms`, as `back` does, without a way back.
    pub fn loss_of(&self, piece: &Piece<'_, T>, terms: &mut Terms, scratch: &mut Scratch<T>) {
        let first = self.geometry.first_row(piece.geometry.start);
        let output = self.output(piece);
        self.loss.take(self.unit, first, &piece.geometry, output, Want::Sum, &mut terms.loss, scratch);
        self.penalties_of(piece, 0, terms);
    }

    /// The loss of a piece without its first `skipped` steps, added to `terms`, and its gradients through all of the piece.
    /// `d_states` are the gradients of the states after it.
    pub fn back(
        &self,
        piece: &Piece<'_, T>,
        skipped: usize,
        d_states: &[Vec<T>],
        terms: &mut Terms,
        slots: &mut [SlotGradients<T>],
        scratch: &mut Scratch<T>,
    ) -> UnitGradients<T> {
        let geometry = &*piece.geometry;
        let counted = match skipped {
            0 => Cow::Borrowed(geometry),
            _ => Cow::Owned(piece_of(geometry, skipped..geometry.steps(), scratch)),
        };
        let rows = geometry.first_row(skipped);
        let output = self.output(piece);
        // SAFETY: the output has `geometry.total()` rows, of which the counted ones are the last.
        let tail = SeqView { ptr: unsafe { output.ptr.add(rows * output.stride) }, ..output };
        let first = self.geometry.first_row(counted.start);
        let taken =
            self.loss.take(self.unit, first, &counted, tail, Want::Gradient, &mut terms.loss, scratch);
        self.penalties_of(piece, rows, terms);
        let mut widened = Vec::new();
        let d_output = self.loss.output_gradient(&taken, &counted).map(|d| {
            if rows == 0 {
                return d;
            }
            widened = scratch.sequence(geometry.total(), d.width);
            behind_zeros(d, rows, geometry.total(), &mut widened)
        });
        keep_geometry(counted, scratch);
        let scale = self.loss.step_scale();
        let d_penalty = step_gradient(self.shared.network, rows, geometry.total(), scale, scratch);
        let gradients =
            back_unit(self.shared, geometry, &piece.run, d_output, &d_penalty, d_states, slots, scratch);
        scratch.spare.keep(widened);
        scratch.spare.keep(d_penalty);
        if let Some(memory) = taken {
            scratch.reclaim(memory);
        }
        gradients
    }

    /// Zeros where the gradients of the input go, packed; empty for ids.
    pub fn no_input_gradient(&self, scratch: &mut Scratch<T>) -> Vec<T> {
        match self.shared.network.input_gradient() {
            Some(width) => scratch.spare.zeros(self.geometry.total() * width),
            None => Vec::new(),
        }
    }

    /// Adds the gradient of a piece's input to that of the unit's.
    pub fn add_input_gradient(&self, piece: &Piece<'_, T>, d_piece: &[T], d_input: &mut [T]) {
        if !d_piece.is_empty() {
            let first = self.geometry.first_row(piece.geometry.start) * self.shared.network.widths[0];
            d_input[first..].iter_mut().zip(d_piece).for_each(|(sum, d)| *sum += *d);
        }
    }

    /// Gradients of states that nothing depends on.
    pub fn no_gradient(&self, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
        let widths = self.shared.network.states.iter();
        let mut states = scratch.spare.list();
        states.extend(widths.map(|width| scratch.spare.zeros(self.geometry.rows * width)));
        states
    }

    /// Adds the penalties of a piece's steps from packed row `first` on.
    fn penalties_of(&self, piece: &Piece<'_, T>, first: usize, terms: &mut Terms) {
        let scale = self.loss.step_scale();
        terms.add_penalties(self.shared.network, &piece.run, &piece.geometry, first, scale);
    }

    fn output(&self, piece: &Piece<'_, T>) -> SeqView<T> {
        let network = self.shared.network;
        // a network is finished before it is called
        piece.run.view(network, network.output.unwrap_or_default(), &piece.geometry)
    }
}

/// Some steps of a geometry, in memory of the thread.
fn piece_of<T: Pooled>(geometry: &Geometry, span: Range<usize>, scratch: &mut Scratch<T>) -> Geometry {
    let mut piece = scratch.geometries.pop().unwrap_or_default();
    geometry.piece_into(span.start, span.end, &mut piece);
    piece
}

/// Gives the memory of a piece back.
fn keep_geometry<T: Pooled>(geometry: Cow<'_, Geometry>, scratch: &mut Scratch<T>) {
    if let Cow::Owned(piece) = geometry {
        scratch.geometries.push(piece);
    }
}

/// Rows behind `zeros` rows of zeros, `total` rows in all.
fn behind_zeros<T: Pooled>(view: SeqView<T>, zeros: usize, total: usize, values: &mut Vec<T>) -> SeqView<T> {
    values.resize(zeros * view.width, T::ZERO);
    for row in 0..total - zeros {
        // SAFETY: the view has the rows that are not zeros.
        values.extend_from_slice(unsafe {
            std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width)
        });
    }
    SeqView::of(values, view.width)
}
