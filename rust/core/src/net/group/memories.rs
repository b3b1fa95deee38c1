//! The memories of a layer for one row group. The entries of each row are gathered from the axis of the memory, in the order in
//! which the layer has its rows, and their gradients are scattered back.

use std::sync::Arc;

use crate::kernel::Float;
use crate::memory::with_room;
use crate::time::{Entries, Geometry, Scratch, SeqView};

use super::super::batch::Axes;
use super::super::graph::{Layer, Network};

/// The entries of a layer's memories, by entries axis, and their values, by memory.
#[derive(Debug)]
pub struct Memories<T> {
    pub entries: Vec<Entries>,
    values: Vec<Vec<T>>,
    widths: Vec<usize>,
}

impl<T: Float> Memories<T> {
    /// The memories of a layer; None if it has none. `view` returns the values of a node.
    pub fn of(
        network: &Network,
        layer: &Layer,
        axes: Axes,
        view: impl Fn(usize) -> SeqView<T>,
    ) -> Option<Arc<Memories<T>>> {
        let program = &layer.plan.program;
        if layer.memories.is_empty() {
            return None;
        }
        let entries = entries_of(network, layer, axes, axes.of(layer.axis));
        let mut made = Memories { entries, values: Vec::new(), widths: Vec::new() };
        for (k, &node) in layer.memories.iter().enumerate() {
            let (entries, view) = (&made.entries[program.axis_of_memory(k)], view(node));
            let mut values = with_room(entries.count() * view.width);
            for &packed in entries.packed() {
                // SAFETY: a view has all packed rows of its axis.
                values.extend_from_slice(unsafe {
                    std::slice::from_raw_parts(view.ptr.add(packed * view.stride), view.width)
                });
            }
            made.values.push(values);
            made.widths.push(view.width);
        }
        Some(Arc::new(made))
    }

    pub fn views(&self) -> Vec<SeqView<T>> {
        self.values.iter().zip(&self.widths).map(|(values, &width)| SeqView::of(values, width)).collect()
    }
}

/// The entries of a layer's memories at some steps of the layer, by entries axis.
pub fn entries_of(network: &Network, layer: &Layer, axes: Axes, steps: &Geometry) -> Vec<Entries> {
    let program = &layer.plan.program;
    let of_axis = |axis: usize| {
        let is_on = |&k: &usize| program.axis_of_memory(k) == axis;
        let first = (0..layer.memories.len()).find(is_on).unwrap_or(0);
        let along = network.nodes[layer.memories[first]].axis;
        let memory = axes.of(along);
        // rows are in the order of the layer's axis, the sequences of the memory in the order of theirs
        let mut position: Vec<usize> = (0..memory.rows).collect();
        if let Some(order) = axes.order(along) {
            order.iter().enumerate().for_each(|(at, &row)| position[row] = at);
        }
        let own = axes.order(layer.axis);
        Entries::new(steps, memory, |row: usize| position[own.map_or(row, |order| order[row])])
    };
    (0..program.entry_axes()).map(of_axis).collect()
}

/// The gradient of memory `k` of a layer, packed along the axis of the memory's node. `sums` has it for each entry.
pub fn memory_gradient<T: Float>(
    network: &Network,
    layer: &Layer,
    k: usize,
    sums: SeqView<T>,
    memories: &Memories<T>,
    axes: Axes,
    scratch: &mut Scratch<T>,
) -> Vec<T> {
    let along = network.nodes[layer.memories[k]].axis;
    let mut values = scratch.zero_sequence(axes.of(along).total(), sums.width);
    let entries = &memories.entries[layer.plan.program.axis_of_memory(k)];
    for (entry, &packed) in entries.packed().iter().enumerate() {
        // SAFETY: there is a sum for each entry.
        let d = unsafe { std::slice::from_raw_parts(sums.ptr.add(entry * sums.stride), sums.width) };
        values[packed * sums.width..][..sums.width].copy_from_slice(d);
    }
    values
}
