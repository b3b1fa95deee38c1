//! Inference: each row group reuses the memory of the group before it.

use std::sync::{Mutex, PoisonError};

use crate::kernel::Caches;
use crate::memory::resized;
use crate::plan::Pass;
use crate::team;
use crate::time::{Scratch, SlotGradients};

use super::super::batch::{Batch, End, Input, OutputArray, Packed, States};
use super::super::graph::NetError;
use super::super::group::{Arrays, ByBlock, GroupRun, Prepared, Terms, Want, run_group};
use super::super::locks::lock;
use super::arguments::Call;
use super::lanes::Poll;
use super::pools::Pooled;
use super::results::{unpack_states, zero_states};

/// The results of inference, in the caller's shapes.
pub struct Inferred<T> {
    /// By output: (N, T, width) with zeros as padding, or (N, width).
    pub outputs: Vec<Vec<T>>,
    /// (N, width) per state slot.
    pub finals: Vec<Vec<T>>,
}

/// A function of the forward run of a group, called with the group's number.
type Act<'a, T> = dyn Fn(usize, &GroupRun<T>, &mut Scratch<T>) + Sync + 'a;

impl<T: Pooled> Call<T> {
    /// Rows of a group for `infer`, if they differ from training. No sum in inference runs over groups, so each thread may
    /// have several groups. This holds if the weights of a layer stay in the thread's cache, because each group reads all of
    /// them, and for groups of at least two rows, which take no longer than one row.
    pub fn group_rows(&self, rows: usize, steps: usize) -> Option<usize> {
        let passes = || self.network().layers.iter().map(|layer| layer.forward(false));
        let elements = |pass: &Pass| pass.packs.iter().map(|pack| pack.k * pack.n).sum::<usize>();
        let weights = passes().map(elements).max().unwrap_or(0) * size_of::<T>();
        let lanes =
            team::lanes_for(rows * steps * passes().map(|pass| pass.work(|_| true)[0]).sum::<usize>());
        let groups = Batch::group_count(rows);
        let spread = groups.next_multiple_of(lanes).min(rows / 2);
        (spread > groups && 2 * weights <= Caches::or_usual().l2).then(|| rows.div_ceil(spread))
    }

    /// Runs the forward pass of every group on inputs in the order of the network's inputs. Returns the outputs and the final
    /// states.
    pub fn infer(
        &self,
        batch: Batch,
        inputs: &[Input<T>],
        initial: States<T>,
        poll: Poll,
    ) -> Result<Inferred<T>, NetError> {
        let network = self.network();
        network.finished()?;
        let array = |node: usize| {
            let of = &network.nodes[node];
            (node, OutputArray::new(&batch, of.axis, of.width))
        };
        let by_block = ByBlock::of(network, self.copied_by_block(), &batch);
        let packed = || self.pack_unless(&|node| by_block.has::<T>(node), &batch, inputs);
        let packed = team::alone(packed, poll)??;
        let outputs: Vec<_> = network.outputs.iter().map(|port| array(port.node)).collect();
        let arrays = |group| Arrays { by_block, group, inputs, outputs: &outputs };
        let finals = self.passing(&batch, &packed, &initial, Some(&arrays), poll, &|group, run, _| {
            for (node, array) in &outputs {
                let view = run.view(network, *node, batch.groups[group].axes());
                // SAFETY: the view has the rows of the group, and the group runs once.
                unsafe {
                    match by_block.has::<T>(*node) {
                        true => array.put_padding(&batch, group),
                        false => array.put(&batch, group, view),
                    }
                }
            }
        });
        let inferred = finals.map(|finals| {
            // SAFETY: the run finished, so all groups were put.
            let filled = |(_, array): (usize, OutputArray<T>)| unsafe { array.filled(&batch) };
            Inferred { outputs: outputs.into_iter().map(filled).collect(), finals }
        });
        self.retired(batch, packed, initial);
        inferred
    }

    /// Runs the forward pass of every group and calls `act` with the group's number and run; the next group reuses the
    /// memory. With `arrays`, those of a group, layers copy some inputs and outputs. Returns the final states.
    fn passing<'a>(
        &self,
        batch: &Batch,
        packed: &[Packed<T>],
        initial: &States<T>,
        arrays: Option<&(dyn Fn(usize) -> Arrays<'a, T> + Sync)>,
        poll: Poll,
        act: &Act<T>,
    ) -> Result<Vec<Vec<T>>, NetError> {
        let (network, shared) = (self.network(), self.shared());
        let finals = Mutex::new(zero_states(network, batch));
        let passes = network.layers.iter().map(|layer| layer.forward(false));
        let lanes = self.lanes(batch, batch.groups.len(), usize::MAX, false, passes);
        lanes.work(poll, &|group, scratch| {
            let place = &batch.groups[group];
            let mut inputs = scratch.vectors.list();
            inputs.extend(packed.iter().map(|packed| std::mem::take(&mut *lock(&packed[group]))));
            let run = {
                let arrays = arrays.map(|of| of(group));
                run_group(&shared, place.axes(), &mut inputs, &initial[group], arrays, false, scratch)
            };
            act(group, &run, scratch);
            let last = run.retired(network, &mut inputs, scratch);
            packed.iter().zip(inputs.drain(..)).for_each(|(packed, values)| *lock(&packed[group]) = values);
            scratch.vectors.keep_list(inputs);
            unpack_states(network, batch, place, &last, End::Final, &mut lock(&finals));
            scratch.vectors.keep_list(last);
        })?;
        Ok(finals.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The losses by output and the final states, without a backward pass.
    pub fn loss_value(
        &self,
        batch: Batch,
        packed: Vec<Packed<T>>,
        initial: States<T>,
        losses: Vec<Prepared<T>>,
        poll: Poll,
    ) -> Result<(Vec<f64>, Vec<Vec<T>>), NetError> {
        debug_assert!(losses.iter().all(|loss| !loss.has_gradient()));
        let network = self.network();
        let mut terms = self.with_workspace(|kept| std::mem::take(&mut kept.terms));
        terms.clear();
        resized(&mut terms, batch.groups.len(), Terms::default());
        let terms = Mutex::new(terms);
        let finals = self.passing(&batch, &packed, &initial, None, poll, &|group, run, scratch| {
            let axes = batch.groups[group].axes();
            let mut own = Terms::default();
            for loss in &losses {
                let view = run.view(network, loss.node(), axes);
                let sums = (own.loss(loss.output()), &mut SlotGradients::none());
                loss.take((group, 0), axes.of(loss.axis()), view, Want::Value, sums, scratch);
            }
            lock(&terms)[group] = own;
        });
        let terms = terms.into_inner().unwrap_or_else(PoisonError::into_inner);
        let sum = |output: usize| terms.iter().map(|terms| terms.loss_of(output)).sum();
        let sums = (0..network.outputs.len()).map(sum).collect();
        self.retired(batch, packed, initial);
        self.with_workspace(|kept| {
            losses.into_iter().for_each(|loss| loss.retired(kept));
            kept.terms = terms;
        });
        Ok((sums, finals?))
    }
}
