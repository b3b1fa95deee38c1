//! Divides layers that read an embedding: what depends on its vectors and on parameters alone, such as `W_x x`, becomes a layer
//! of its own that reads the ids. It is computed once for each id, and the steps look its results up.

use crate::plan::{Piece, RowSplit, ids_of_lookup, of_ids, split};
use crate::step::Program;

use super::error::NetError;
use super::layer::{Layer, LayerPart, LayerParts, Share};
use super::network::Network;
use super::node::NodeKind;

/// Embeddings of more ids stay as they are: a batch may have fewer steps than that.
const MOST_IDS: usize = 256;

/// An embedding that a layer reads.
#[derive(Debug, Clone, Copy)]
struct Embedding {
    layer: usize,
    ids: usize,
    is_reversed: bool,
}

/// A layer that is divided.
struct Division {
    split: RowSplit,
    embedding: Embedding,
    /// What is computed once per id; in inference too, if it differs.
    once: Program,
    inference: Option<Program>,
}

/// The network that computes the same, with values per id computed once per id; None if no layer is divided.
pub fn divided_by_ids(written: &Network) -> Result<Option<Network>, NetError> {
    let divisions = written.layers.iter().map(|layer| division(written, layer));
    let divisions = divisions.collect::<Result<Vec<Option<Division>>, NetError>>()?;
    if divisions.iter().all(Option::is_none) {
        return Ok(None);
    }
    let dropped = dropped(written, &divisions);
    let mut writer =
        Writer { written, made: written.with_its_settings(), moved: vec![usize::MAX; written.nodes.len()] };
    for number in (0..written.nodes.len()).filter(|&number| !dropped[number]) {
        writer.moved[number] = match written.nodes[number].kind {
            NodeKind::Layer { layer, output: 0 } => match &divisions[layer] {
                Some(division) => writer.divided(layer, division)?,
                None => writer.made.add_again(written, number, &writer.moved)?,
            },
            _ => writer.made.add_again(written, number, &writer.moved)?,
        };
    }
    Ok(Some(writer.made.with_outputs_of(written, &writer.moved)))
}

/// How a layer is divided; None if it is not.
fn division(network: &Network, layer: &Layer) -> Result<Option<Division>, NetError> {
    if !layer.axis.is_sequence() || layer.plan.program.calls() {
        return Ok(None);
    }
    let embeddings: Vec<Option<Embedding>> =
        layer.inputs.iter().map(|&node| embedding(network, node)).collect();
    let mut found = embeddings.iter().flatten();
    let (Some(&of), None) = (found.next(), found.next()) else { return Ok(None) };
    let pieces: Vec<Vec<Piece>> = (layer.inputs.iter().zip(&embeddings))
        .map(|(&node, one)| vec![Piece { width: network.width(node), is_row: one.is_some() }])
        .collect();
    let resting = layer.inference.as_ref().map(|plan| &plan.program);
    let Some(split) = split(&layer.plan.program, resting, &pieces)? else { return Ok(None) };
    let lookup = &network.layers[of.layer].plan.program;
    let Some(once) = of_ids(lookup, &split.row)? else { return Ok(None) };
    let inference = match &split.inference {
        None => None,
        Some((row, _)) => match of_ids(lookup, row)? {
            Some(program) => Some(program),
            None => return Ok(None),
        },
    };
    Ok(Some(Division { split, embedding: of, once, inference }))
}

/// The embedding that a node is, or reads in reverse.
fn embedding(network: &Network, mut node: usize) -> Option<Embedding> {
    let mut is_reversed = false;
    while let NodeKind::Derived { kind: "reverse", parts, columns, .. } = &network.nodes[node].kind
        && columns.is_empty()
    {
        (node, is_reversed) = (parts[0], !is_reversed);
    }
    let NodeKind::Layer { layer, output: 0 } = network.nodes[node].kind else { return None };
    let of = &network.layers[layer];
    let ids = ids_of_lookup(&of.plan.program).filter(|&ids| ids <= MOST_IDS)?;
    let is_plain = of.inference.is_none() && of.penalty.is_none() && of.step_penalty.is_none();
    (is_plain && of.plan.fold.is_none() && of.axis.is_sequence()).then_some(Embedding {
        layer,
        ids,
        is_reversed,
    })
}

/// By node, whether it is an embedding that nothing reads any more, or one in reverse.
fn dropped(written: &Network, divisions: &[Option<Division>]) -> Vec<bool> {
    let may_go = |number: usize| embedding(written, number).is_some();
    let mut wanted: Vec<bool> = (0..written.nodes.len()).map(|number| !may_go(number)).collect();
    written.outputs.iter().for_each(|port| wanted[port.node] = true);
    for number in (0..written.nodes.len()).rev() {
        if !wanted[number] {
            continue;
        }
        // nodes are read by later ones, so all readers of this one are known
        match written.nodes[number].kind {
            NodeKind::Layer { layer, output: 0 } => match &divisions[layer] {
                Some(division) => {
                    let of = &written.layers[layer];
                    let read = of.inputs.iter().zip(&division.split.step_reads).filter(|(_, read)| **read);
                    let others = of.initial.iter().flatten().chain(&of.memories);
                    read.map(|(node, _)| node).chain(others).for_each(|&node| wanted[node] = true);
                }
                None => written.parts(number).iter().for_each(|&node| wanted[node] = true),
            },
            NodeKind::Layer { layer, .. } | NodeKind::Final { layer, .. } => {
                wanted[written.layers[layer].node()] = true;
            }
            _ => written.parts(number).iter().for_each(|&node| wanted[node] = true),
        }
    }
    wanted.iter().map(|wanted| !wanted).collect()
}

/// Writes the divided network.
struct Writer<'a> {
    written: &'a Network,
    made: Network,
    /// By written node: its node.
    moved: Vec<usize>,
}

impl Writer<'_> {
    /// Adds the parts of a layer. Returns the node of its first output.
    fn divided(&mut self, number: usize, division: &Division) -> Result<usize, NetError> {
        let layer = &self.written.layers[number];
        let Division { split, embedding, once, inference } = division;
        let table = &self.written.layers[embedding.layer];
        let params: Vec<usize> = table.offsets().into_iter().chain(layer.offsets()).collect();
        let ids = self.moved[table.inputs[0]];
        let node = self.made.layer(LayerParts {
            inference: inference.as_ref(),
            ids: Some(embedding.ids),
            ..LayerParts::new(once, &[ids], &params)
        })?;
        self.made.set_share(Share { layer: layer.share.layer, part: LayerPart::Id });
        let read = layer.inputs.iter().zip(&split.step_reads).filter(|(_, read)| **read);
        let mut inputs: Vec<usize> = read.map(|(&node, _)| self.moved[node]).collect();
        for (name, _) in &once.outputs {
            let found = self.made.layer_output(node, name)?;
            inputs.push(if embedding.is_reversed { self.made.derive("reverse", &[found])? } else { found });
        }
        self.made.add_step_part(layer, split, &inputs, &self.moved, layer.share)
    }
}
