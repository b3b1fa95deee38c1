//! Divides layers that read values per row at every step: what depends on these values and on parameters alone becomes a
//! layer of its own that runs once per row, and its results are repeated along time. The gradient of a repeated value is the
//! sum over the steps of the row.
//!
//! The text of a network describes the network as written; it is divided when it is finished.

use std::collections::HashMap;
use std::ops::Range;

use crate::plan::{Piece, RowSplit, split};
use crate::step::Result as StepResult;

use super::axis::Axis;
use super::error::NetError;
use super::layer::{Layer, LayerPart, LayerParts, Share};
use super::network::Network;
use super::node::NodeKind;
use super::once_per_entry::divided_by_entries;
use super::once_per_id::divided_by_ids;

/// An input with more pieces is read as it is: pieces are for a few values side by side.
const MOST_PIECES: usize = 64;

/// Adjacent features of an input of a layer: nodes side by side, all of them per row or all of them sequences. Each node
/// comes with whether its sequence is reversed.
#[derive(Debug, Clone)]
struct Run {
    is_row: bool,
    nodes: Vec<(usize, bool)>,
    width: usize,
}

/// A layer that is divided.
struct Division {
    split: RowSplit,
    /// The pieces of all inputs, in order.
    runs: Vec<Run>,
    /// The last written node that the part per row reads.
    after: usize,
}

impl Network {
    /// Names the outputs, and divides the layers that compute values per entry, row or id at every step. Nothing can be added afterwards.
    pub fn finish(&mut self, outputs: &[(&str, usize)]) -> Result<(), NetError> {
        self.name_outputs(outputs)?;
        let by_entries = unless_too_large(divided_by_entries(self))?;
        let by_rows = unless_too_large(divided(by_entries.as_ref().unwrap_or(self)))?;
        let divided = by_rows.or(by_entries);
        let by_ids = unless_too_large(divided_by_ids(divided.as_ref().unwrap_or(self)))?;
        if let Some(made) = by_ids.or(divided) {
            let written = std::mem::replace(self, made);
            self.written = Some(Box::new(written));
        }
        Ok(())
    }
}

/// A divided network. One near the largest number of layers or operations may exceed it when it is divided: then it runs as
/// written.
fn unless_too_large(made: Result<Option<Network>, NetError>) -> Result<Option<Network>, NetError> {
    match made {
        Err(NetError::Large(_)) => Ok(None),
        other => other,
    }
}

/// The network that computes the same, with values per row computed once per row; None if no layer is divided.
fn divided(written: &Network) -> Result<Option<Network>, NetError> {
    if !written.has_row_values() {
        return Ok(None);
    }
    let divisions = written.layers.iter().map(|layer| division(written, layer));
    let divisions = divisions.collect::<StepResult<Vec<Option<Division>>>>()?;
    if divisions.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut writer = Writer {
        written,
        made: written.with_its_settings(),
        moved: vec![usize::MAX; written.nodes.len()],
        derived: HashMap::new(),
        repeated: vec![Vec::new(); written.layers.len()],
    };
    // as early as possible, so that layers that run at the same time do not wait for a part between them
    let mut due: Vec<Vec<usize>> = vec![Vec::new(); written.nodes.len()];
    for (layer, one) in divisions.iter().enumerate() {
        one.iter().for_each(|one| due[one.after].push(layer));
    }
    for (number, is_wanted) in wanted(written, &divisions).into_iter().enumerate() {
        writer.node(number, is_wanted, &divisions)?;
        for &layer in &due[number] {
            if let Some(one) = &divisions[layer] {
                writer.row_part(layer, one)?;
            }
        }
    }
    Ok(Some(writer.made.with_outputs_of(written, &writer.moved)))
}

/// How a layer is divided; None if it is not.
fn division(network: &Network, layer: &Layer) -> StepResult<Option<Division>> {
    if layer.axis == Axis::Row || layer.plan.program.calls() {
        return Ok(None);
    }
    let inputs: Vec<Vec<Run>> = layer.inputs.iter().map(|&node| runs(network, node)).collect();
    let all = || inputs.iter().flatten();
    if !all().any(|run| run.is_row) {
        return Ok(None);
    }
    let piece = |run: &Run| Piece { width: run.width, is_row: run.is_row };
    let pieces: Vec<Vec<Piece>> = inputs.iter().map(|runs| runs.iter().map(piece).collect()).collect();
    let inference = layer.inference.as_ref().map(|plan| &plan.program);
    let Some(split) = split(&layer.plan.program, inference, &pieces)? else { return Ok(None) };
    let read = all().zip(&split.row_reads).filter(|(_, read)| **read).flat_map(|(run, _)| &run.nodes);
    let after = read.map(|&(node, _)| node).max().unwrap_or(0);
    Ok(Some(Division { split, runs: inputs.into_iter().flatten().collect(), after }))
}

/// The pieces of a node, through `concat`, `reverse` and `repeat` of all columns. A single sequence if none of them is a value per row.
fn runs(network: &Network, node: usize) -> Vec<Run> {
    let whole = || vec![Run { is_row: false, nodes: vec![(node, false)], width: network.width(node) }];
    let mut open = vec![(node, false)];
    let mut found: Vec<Run> = Vec::new();
    let mut count = 0;
    while let Some((node, reversed)) = open.pop() {
        count += 1;
        if count > MOST_PIECES {
            return whole();
        }
        let (mut leaf, mut is_row) = ((node, reversed), false);
        if let NodeKind::Derived { kind, parts, columns, .. } = &network.nodes[node].kind
            && columns.is_empty()
        {
            match *kind {
                "concat" => {
                    open.extend(parts.iter().rev().map(|&part| (part, reversed)));
                    continue;
                }
                "reverse" => {
                    open.push((parts[0], !reversed));
                    continue;
                }
                "repeat" => (leaf, is_row) = ((parts[0], false), true),
                _ => {}
            }
        }
        let width = network.width(node);
        match found.last_mut().filter(|run| run.is_row == is_row) {
            Some(run) => {
                run.nodes.push(leaf);
                run.width += width;
            }
            None => found.push(Run { is_row, nodes: vec![leaf], width }),
        }
    }
    if found.iter().any(|run| run.is_row) { found } else { whole() }
}

/// The derived nodes that the divided network reads.
fn wanted(network: &Network, divisions: &[Option<Division>]) -> Vec<bool> {
    let mut wanted = vec![false; network.nodes.len()];
    network.outputs.iter().for_each(|port| wanted[port.node] = true);
    for (layer, division) in network.layers.iter().zip(divisions) {
        match division {
            None => layer.parts.iter().for_each(|&node| wanted[node] = true),
            Some(division) => {
                let nodes = division.runs.iter().flat_map(|run| &run.nodes);
                nodes.for_each(|&(node, _)| wanted[node] = true);
                layer.initial.iter().flatten().chain(&layer.memories).for_each(|&node| wanted[node] = true);
            }
        }
    }
    for (number, node) in network.nodes.iter().enumerate().rev() {
        if let NodeKind::Derived { parts, .. } = &node.kind
            && wanted[number]
        {
            parts.iter().for_each(|&part| wanted[part] = true);
        }
    }
    wanted
}

/// The kind, parts and columns of a derived node.
type Derived = (&'static str, Vec<usize>, Vec<Range<usize>>);

/// Writes the divided network.
struct Writer<'a> {
    written: &'a Network,
    made: Network,
    /// By written node: its node.
    moved: Vec<usize>,
    /// Each is made once.
    derived: HashMap<Derived, usize>,
    /// By written layer: the results of its part per row, repeated along time.
    repeated: Vec<Vec<usize>>,
}

impl Writer<'_> {
    /// Adds a written node.
    fn node(
        &mut self,
        number: usize,
        is_wanted: bool,
        divisions: &[Option<Division>],
    ) -> Result<(), NetError> {
        let kind = &self.written.nodes[number].kind;
        if let NodeKind::Derived { kind, parts, columns, .. } = kind {
            if is_wanted {
                let parts = parts.iter().map(|&part| self.moved[part]).collect();
                self.moved[number] = self.derive_columns(kind, parts, columns.clone())?;
            }
            return Ok(());
        }
        self.moved[number] = match kind {
            NodeKind::Layer { layer, output: 0 } => match &divisions[*layer] {
                Some(division) => self.step_part(*layer, division)?,
                None => self.made.add_again(self.written, number, &self.moved)?,
            },
            _ => self.made.add_again(self.written, number, &self.moved)?,
        };
        Ok(())
    }

    fn derive(&mut self, kind: &'static str, parts: Vec<usize>) -> Result<usize, NetError> {
        self.derive_columns(kind, parts, Vec::new())
    }

    fn derive_columns(
        &mut self,
        kind: &'static str,
        parts: Vec<usize>,
        columns: Vec<Range<usize>>,
    ) -> Result<usize, NetError> {
        let key = (kind, parts, columns);
        if let Some(&node) = self.derived.get(&key) {
            return Ok(node);
        }
        let node = self.made.derive_columns(kind, &key.1, &key.2)?;
        self.derived.insert(key, node);
        Ok(node)
    }

    /// A value per row at every step of an axis.
    fn repeat(&mut self, node: usize, axis: Axis) -> Result<usize, NetError> {
        let mut parts = vec![node];
        parts.extend(self.made.axis_like(axis));
        self.derive("repeat", parts)
    }

    /// The node of a piece of an input.
    fn piece(&mut self, run: &Run) -> Result<usize, NetError> {
        let mut nodes = Vec::with_capacity(run.nodes.len());
        for &(node, reversed) in &run.nodes {
            let node = self.moved[node];
            nodes.push(if reversed { self.derive("reverse", vec![node])? } else { node });
        }
        if nodes.len() == 1 { Ok(nodes[0]) } else { self.derive("concat", nodes) }
    }

    /// Adds the layer that runs once per row, and its results at every step.
    fn row_part(&mut self, number: usize, division: &Division) -> Result<(), NetError> {
        let layer = &self.written.layers[number];
        let mut inputs = Vec::new();
        for (run, _) in division.runs.iter().zip(&division.split.row_reads).filter(|(_, read)| **read) {
            inputs.push(self.piece(run)?);
        }
        let split = &division.split;
        let node = self.made.layer(LayerParts {
            inference: split.inference.as_ref().map(|(row, _)| row),
            ..LayerParts::new(&split.row, &inputs, &layer.offsets())
        })?;
        self.made.set_share(Share { layer: layer.share.layer, part: LayerPart::Row });
        for (name, _) in &split.row.outputs {
            let result = self.made.layer_output(node, name)?;
            let repeated = self.repeat(result, layer.axis)?;
            self.repeated[number].push(repeated);
        }
        Ok(())
    }

    /// Adds the layer that runs at every step.
    fn step_part(&mut self, number: usize, division: &Division) -> Result<usize, NetError> {
        let layer = &self.written.layers[number];
        let mut inputs = Vec::new();
        for (run, _) in division.runs.iter().zip(&division.split.step_reads).filter(|(_, read)| **read) {
            let node = self.piece(run)?;
            inputs.push(if run.is_row { self.repeat(node, layer.axis)? } else { node });
        }
        inputs.append(&mut self.repeated[number]);
        let share = Share { layer: layer.share.layer, part: LayerPart::Step };
        self.made.add_step_part(layer, &division.split, &inputs, &self.moved, share)
    }
}
