//! Training of a row group: forward pass, losses and backward pass, for one piece of time after the other.

use std::borrow::Cow;
use std::ops::Range;

use crate::kernel::Float;
use crate::time::{Geometry, Scratch, SeqView, SlotGradients};

use super::super::batch::{Axes, AxisRows};
use super::super::graph::Axis;
use super::super::values::add_rows;
use super::backward::{BackwardStart, GroupGradients, back_group};
use super::forward::{GroupRun, run_group};
use super::loss::{Prepared, Want};
use super::penalty::{Terms, step_gradient};
use super::shared::Shared;
use super::step_scales::StepScales;

/// A group, and all that its forward and backward passes read.
pub struct Training<'a, T: Float> {
    pub shared: &'a Shared<'a, T>,
    pub losses: &'a [Prepared<'a, T>],
    /// The factors of the penalties of steps.
    pub step_scales: &'a StepScales,
    pub group: usize,
    pub axes: Axes<'a>,
    /// The initial states of its rows, by state slot.
    pub initial: &'a [Vec<T>],
}

/// The results of a group, except the gradients of the parameters.
pub struct GroupResult<T> {
    /// The weighted sums over the valid steps.
    pub terms: Terms,
    pub gradients: GroupGradients<T>,
    /// By state slot.
    pub finals: Vec<Vec<T>>,
}

/// A piece of time after its forward pass.
#[derive(Debug)]
pub struct Piece<'a, T> {
    pub time: Cow<'a, Geometry>,
    pub row: &'a Geometry,
    pub others: &'a [AxisRows],
    pub run: GroupRun<T>,
}

impl<T> Piece<'_, T> {
    pub fn axes(&self) -> Axes<'_> {
        Axes { time: &self.time, row: self.row, others: self.others }
    }

    /// The piece without its borrowed parts.
    pub fn stored(self) -> StoredPiece<T> {
        StoredPiece { time: self.time.into_owned(), run: self.run }
    }
}

/// A piece of time that outlives its group: the geometry along rows is not part of it.
#[derive(Debug)]
pub struct StoredPiece<T> {
    pub time: Geometry,
    pub run: GroupRun<T>,
}

impl<T: Float> Training<'_, T> {
    /// All steps as one piece. `inputs` are the packed inputs of the group; they are unchanged afterwards.
    pub fn full(
        &self,
        inputs: &mut [Vec<T>],
        slots: &mut [SlotGradients<T>],
        scratch: &mut Scratch<T>,
    ) -> GroupResult<T> {
        let run = run_group(self.shared, self.axes, inputs, self.initial, None, true, scratch);
        let piece = self.piece(Cow::Borrowed(self.axes.time), run);
        let mut terms = Terms::default();
        let d_states = self.no_gradient(scratch);
        let gradients = self.back(&piece, 0, &d_states, &mut terms, slots, scratch);
        scratch.vectors.keep_list(d_states);
        let finals = piece.run.retired(self.shared.network, inputs, scratch);
        GroupResult { terms, gradients, finals }
    }

    /// Runs the steps `span` forward from `states`. `inputs` are the packed inputs of the group.
    pub fn forward(
        &self,
        span: Range<usize>,
        inputs: &[Vec<T>],
        states: &[Vec<T>],
        scratch: &mut Scratch<T>,
    ) -> Piece<'_, T> {
        let network = self.shared.network;
        let mut of_piece = scratch.vectors.list();
        for (values, port) in inputs.iter().zip(&network.inputs) {
            let (width, rows) = (network.width(port.node), self.rows_of(port.node, &span));
            let mut own = scratch.sequence(rows.len(), width);
            own.extend_from_slice(&values[rows.start * width..rows.end * width]);
            of_piece.push(own);
        }
        let time = piece_of(self.axes.time, span, scratch);
        let axes = Axes { time: &time, ..self.axes };
        let run = run_group(self.shared, axes, &mut of_piece, states, None, true, scratch);
        scratch.vectors.keep_list(of_piece);
        self.piece(Cow::Owned(time), run)
    }

    fn piece<'p>(&'p self, time: Cow<'p, Geometry>, run: GroupRun<T>) -> Piece<'p, T> {
        Piece { time, row: self.axes.row, others: self.axes.others, run }
    }

    /// The packed rows of a node in some steps of the first axis: all rows of a value per row.
    fn rows_of(&self, node: usize, span: &Range<usize>) -> Range<usize> {
        match self.shared.network.nodes[node].axis {
            Axis::Row => 0..self.axes.row.total(),
            Axis::Sequence(_) => self.axes.time.first_row(span.start)..self.axes.time.first_row(span.end),
        }
    }

    /// A piece from its stored form.
    pub fn restored(&self, piece: StoredPiece<T>) -> Piece<'_, T> {
        self.piece(Cow::Owned(piece.time), piece.run)
    }

    /// Returns the memory of a piece to the workspace; returns the final states.
    pub fn retired(&self, piece: Piece<'_, T>, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
        let network = self.shared.network;
        let mut inputs = scratch.vectors.list();
        inputs.resize(network.inputs.len(), Vec::new());
        let finals = piece.run.retired(network, &mut inputs, scratch);
        scratch.vectors.keep_list(inputs);
        keep_geometry(piece.time, scratch);
        finals
    }

    /// Adds the losses of a piece to `terms`, as `back` does, without a backward pass.
    pub fn loss_of(&self, piece: &Piece<'_, T>, terms: &mut Terms, scratch: &mut Scratch<T>) {
        let first = self.axes.time.first_row(piece.time.start);
        for loss in self.losses {
            let output = piece.run.view(self.shared.network, loss.node(), piece.axes());
            let sums = (terms.loss(loss.output()), &mut SlotGradients::none());
            loss.take((self.group, first), &piece.time, output, Want::Sum, sums, scratch);
        }
        self.penalties_of(piece, 0, terms);
    }

    /// Adds the losses of a piece, without its first `skipped` steps, to `terms`. `slots` are those of the layers, then those of
    /// the losses. Returns their gradients through the whole
    /// piece. `d_states` are the gradients of the states after the piece.
    pub fn back(
        &self,
        piece: &Piece<'_, T>,
        skipped: usize,
        d_states: &[Vec<T>],
        terms: &mut Terms,
        slots: &mut [SlotGradients<T>],
        scratch: &mut Scratch<T>,
    ) -> GroupGradients<T> {
        let (network, axes) = (self.shared.network, piece.axes());
        let time = axes.time;
        let counted = match skipped {
            0 => Cow::Borrowed(time),
            _ => Cow::Owned(piece_of(time, skipped..time.steps(), scratch)),
        };
        let rows = time.first_row(skipped);
        let mut memories = scratch.list();
        let mut d_outputs = scratch.views();
        d_outputs.resize(network.outputs.len(), SeqView::NONE);
        let mut widened = scratch.vectors.list();
        for (number, loss) in self.losses.iter().enumerate() {
            let output = piece.run.view(network, loss.node(), axes);
            let (geometry, first, skipped) = match loss.axis() {
                Axis::FIRST => (&*counted, self.axes.time.first_row(counted.start), rows),
                // counted once, in the piece that starts the row
                Axis::Row if counted.start > 0 => continue,
                // time is not divided, so all steps count
                axis => (axes.of(axis), 0, 0),
            };
            // SAFETY: an output along time has `time.total()` rows, and the last of them are the counted rows.
            let tail = SeqView { ptr: unsafe { output.ptr.add(skipped * output.stride) }, ..output };
            let differentiated = network.nodes[loss.node()].differentiated;
            let want = if differentiated || loss.has_params() { Want::Gradient } else { Want::Sum };
            let sums = (terms.loss(loss.output()), &mut slots[network.layers.len() + number]);
            let taken = loss.take((self.group, first), geometry, tail, want, sums, scratch);
            if let Some(d) = loss.output_gradient(&taken, geometry).filter(|_| differentiated) {
                d_outputs[loss.output()] = match skipped {
                    0 => d,
                    _ => {
                        let mut values = scratch.sequence(time.total(), d.width);
                        let view = behind_zeros(d, skipped, time.total(), &mut values);
                        widened.push(values);
                        view
                    }
                };
            }
            memories.extend(taken);
        }
        self.penalties_of(piece, rows, terms);
        keep_geometry(counted, scratch);
        let step_scales = self.step_scales;
        let d_penalty = step_gradient(network, rows, time.total(), step_scales, scratch);
        let from =
            BackwardStart { d_outputs: &d_outputs, d_penalty: &d_penalty, step_scales, d_final: d_states };
        let mut gradients = back_group(self.shared, axes, &piece.run, from, slots, scratch);
        gradients.keep(&mut memories, &mut widened);
        scratch.vectors.keep_list(widened);
        scratch.vectors.keep(d_penalty);
        scratch.reclaim_list(memories);
        scratch.keep_views(d_outputs);
        gradients
    }

    /// Zeros for the packed gradients of the inputs; empty for ids.
    pub fn no_input_gradients(&self, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
        let network = self.shared.network;
        let mut inputs = scratch.vectors.list();
        inputs.extend(network.inputs.iter().enumerate().map(|(input, port)| {
            let width = network.input_gradient(input).unwrap_or(0);
            let rows = self.rows_of(port.node, &(0..self.axes.time.steps()));
            scratch.vectors.zeros(rows.len() * width)
        }));
        inputs
    }

    /// Adds the gradients of a piece's inputs to the gradients of the group's inputs.
    pub fn add_input_gradients(&self, piece: &Piece<'_, T>, d_piece: &[SeqView<T>], d_inputs: &mut [Vec<T>]) {
        let (network, start) = (self.shared.network, piece.time.start);
        for ((port, d), sum) in network.inputs.iter().zip(d_piece).zip(d_inputs) {
            if !d.is_none() {
                let (rows, width) =
                    (piece.axes().of(network.nodes[port.node].axis).total(), network.width(port.node));
                let first = self.rows_of(port.node, &(start..start)).start * width;
                add_rows(d, None, &mut sum[first..][..rows * width], width, 0);
            }
        }
    }

    /// Zeros for the gradients of the states after the last piece.
    pub fn no_gradient(&self, scratch: &mut Scratch<T>) -> Vec<Vec<T>> {
        let widths = self.shared.network.states.iter();
        let mut states = scratch.vectors.list();
        states.extend(widths.map(|width| scratch.vectors.zeros(self.axes.time.rows * width)));
        states
    }

    /// Adds the penalties of a piece's steps, starting from packed row `first`.
    fn penalties_of(&self, piece: &Piece<'_, T>, first: usize, terms: &mut Terms) {
        terms.add_penalties(self.shared.network, &piece.run, piece.axes(), first, self.step_scales);
    }
}

/// Some steps of a geometry, in reused memory of the thread.
fn piece_of<T: Float>(geometry: &Geometry, span: Range<usize>, scratch: &mut Scratch<T>) -> Geometry {
    let mut piece = scratch.geometries.pop().unwrap_or_default();
    geometry.piece_into(span.start, span.end, &mut piece);
    piece
}

/// Returns the memory of a piece's geometry to the workspace.
fn keep_geometry<T: Float>(geometry: Cow<'_, Geometry>, scratch: &mut Scratch<T>) {
    if let Cow::Owned(piece) = geometry {
        scratch.geometries.push(piece);
    }
}

/// The rows of a view after `zeros` rows of zeros, `total` rows in all.
fn behind_zeros<T: Float>(view: SeqView<T>, zeros: usize, total: usize, values: &mut Vec<T>) -> SeqView<T> {
    values.resize(zeros * view.width, T::ZERO);
    for row in 0..total - zeros {
        // SAFETY: the view has the rows after the zeros.
        values.extend_from_slice(unsafe {
            std::slice::from_raw_parts(view.ptr.add(row * view.stride), view.width)
        });
    }
    SeqView::of(values, view.width)
}
