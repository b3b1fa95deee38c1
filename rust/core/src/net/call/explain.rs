//! A network as text.

use std::fmt::Write;

use crate::plan::{explain_layer, explain_once_per_entry, explain_once_per_id, explain_once_per_row};

use super::super::graph::{LayerPart, Network};
use super::training_memory::training_memory;

/// The plans of all layers as text, for a batch of `rows` sequences of `steps` steps, in numbers of `bytes` bytes.
pub fn explain(network: &Network, rows: usize, steps: usize, bytes: usize) -> String {
    let mut text = String::new();
    for number in 0..network.written().layers.len() {
        let Some(layer) = network.part(number, LayerPart::Step) else {
            let layer = &network.written().layers[number];
            let params: usize = layer.params.iter().map(|(_, numel)| numel).sum();
            let name = &layer.plan.program.name;
            let _ = writeln!(text, "layer {number}: {name} ({params} parameters)");
            let _ = writeln!(text, "  once per id, by the layers that read it");
            continue;
        };
        let params: usize = layer.params.iter().map(|(_, numel)| numel).sum();
        let _ = writeln!(text, "layer {number}: {} ({params} parameters)", layer.plan.program.name);
        for axis in 0..network.written().layers[number].plan.program.entry_axes() {
            if let Some(once) = network.part(number, LayerPart::Entry(axis)) {
                text.push_str(&explain_once_per_entry(&once.plan, &network.memory_name(number, axis)));
            }
        }
        if let Some(once) = network.part(number, LayerPart::Row) {
            text.push_str(&explain_once_per_row(&once.plan));
        }
        if let Some(once) = network.part(number, LayerPart::Id) {
            text.push_str(&explain_once_per_id(&once.plan));
        }
        let steps = network.nodes[layer.node()].axis.is_sequence().then_some(steps);
        let program = &layer.plan.program;
        let frozen = program.params.iter().zip(&layer.frozen).filter(|(_, frozen)| **frozen);
        let frozen: Vec<&str> = frozen.map(|(&id, _)| program.label(id)).collect();
        if !frozen.is_empty() {
            let _ = writeln!(text, "  frozen: {}", frozen.join(", "));
        }
        text.push_str(&explain_layer(&layer.plan, rows, steps, bytes));
    }
    let memory = match bytes {
        8 => training_memory::<f64>(network, &[], rows, &[steps]),
        _ => training_memory::<f32>(network, &[], rows, &[steps]),
    };
    if let Ok(memory) = memory {
        let megabytes = |bytes: usize| bytes as f64 / 1e6;
        let _ = writeln!(
            text,
            "training step at {rows} rows x {steps} steps: {:.2} MB at its peak with one thread, {:.2} MB more \
             for each further one, up to {}; without a loss",
            megabytes(memory.bytes(1)),
            megabytes(memory.group),
            memory.threads
        );
    }
    text
}
