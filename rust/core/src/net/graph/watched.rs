//! Numbers on the entries of a memory that can be read after each step, such as the weights of an attention: a state on
//! entries holds them. Where no state of the network does, a further one is written into the program of the layer.

use crate::step::{Builder, Dim, Equations, NodeId, Program, rows};

use super::axis::Axis;
use super::error::NetError;
use super::layer::{Layer, LayerParts};
use super::network::Network;
use super::node::NodeKind;

/// A state of one number for each entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The index of the written layer.
    pub layer: usize,
    /// The name of the state.
    pub state: String,
}

/// A value that can be watched: weights on the entries of a memory, or a state with one number for each entry.
#[derive(Debug, Clone)]
struct Candidate {
    name: String,
    layer: usize,
    /// The state, or the weights.
    node: NodeId,
    is_state: bool,
}

impl Network {
    /// The network that computes the same, with a state that holds numbers on entries: the weights on the memory of this name
    /// ("source"; further ones are "source_1", ...), or the state of this name. Without a name: the only weights, or the only
    /// state if there are no weights. It has no backward pass. Returns an error if there are none, or several.
    pub fn watching(&self, name: Option<&str>) -> Result<(Network, Watched), NetError> {
        let written = self.written();
        let (_, axis) = written.fed_input()?;
        let chosen = chosen(written.candidates(axis), name)?;
        let state = match chosen.is_state {
            true => self::program(&written.layers[chosen.layer]).label(chosen.node).to_string(),
            false => free_name(self::program(&written.layers[chosen.layer])),
        };
        let watched = Watched { layer: chosen.layer, state };
        let mut made = written.with_its_settings();
        made.ignores_input = true;
        let params = written.layers.iter().flat_map(|layer| &layer.params);
        made.frozen.extend(params.map(|&(at, _)| at));
        let mut moved = Vec::with_capacity(written.nodes.len());
        for (number, node) in written.nodes.iter().enumerate() {
            moved.push(match node.kind {
                NodeKind::Layer { layer, output: 0 } if layer == chosen.layer && !chosen.is_state => {
                    let program = held(self::program(&written.layers[layer]), chosen.node, &watched.state)?;
                    made.watched_layer(written, layer, &program, &moved)?
                }
                _ => made.add_again(written, number, &moved)?,
            });
        }
        let outputs: Vec<(&str, usize)> =
            written.outputs.iter().map(|port| (port.name.as_str(), moved[port.node])).collect();
        made.finish(&outputs)?;
        Ok((made, watched))
    }

    /// What can be watched in the layers along an axis, weights first.
    fn candidates(&self, axis: Axis) -> Vec<Candidate> {
        let (mut weights, mut states) = (Vec::<Candidate>::new(), Vec::new());
        for (layer, of) in self.layers.iter().enumerate().filter(|(_, layer)| layer.axis == axis) {
            let program = program(of);
            let live = program.live();
            for (node, one) in program.nodes.iter().enumerate() {
                if live[node]
                    && rows::row(one.op).name == "entries_softmax"
                    && let Some(axis) = one.entries
                {
                    let memory = (0..program.memories.len()).find(|&k| program.axis_of_memory(k) == axis);
                    let memory = program.label(program.memories[memory.unwrap_or(0)]);
                    let name = numbered(&weights, memory);
                    weights.push(Candidate { name, layer, node, is_state: false });
                }
            }
            for &node in &program.states {
                if program.nodes[node].entries.is_some() && program.nodes[node].numel() == 1 {
                    let name = program.label(node).to_string();
                    states.push(Candidate { name, layer, node, is_state: true });
                }
            }
        }
        weights.extend(states);
        weights
    }

    /// Adds a layer of another network with another program of the same ports.
    fn watched_layer(
        &mut self,
        from: &Network,
        number: usize,
        program: &Program,
        moved: &[usize],
    ) -> Result<usize, NetError> {
        let of = &from.layers[number];
        let at = |nodes: &[usize]| nodes.iter().map(|&node| moved[node]).collect::<Vec<usize>>();
        let states = of.plan.program.states.iter().zip(&of.initial);
        let initial: Vec<(&str, usize)> = states
            .filter_map(|(&id, from)| from.map(|node| (of.plan.program.label(id), moved[node])))
            .collect();
        self.layer(LayerParts {
            memories: &at(&of.memories),
            initial: &initial,
            ..LayerParts::new(program, &at(&of.inputs), &of.offsets())
        })
    }
}

/// What the steps of a layer run outside of training.
fn program(layer: &Layer) -> &Program {
    &layer.plan(false).program
}

/// The name of weights on a memory: those after the first are numbered.
fn numbered(weights: &[Candidate], memory: &str) -> String {
    let mut name = memory.to_string();
    let mut number = 0;
    while weights.iter().any(|one| one.name == name) {
        number += 1;
        name = format!("{memory}_{number}");
    }
    name
}

fn chosen(all: Vec<Candidate>, name: Option<&str>) -> Result<Candidate, NetError> {
    let refuse = |text: String| Err(NetError::Config(format!("alignments: {text}")));
    let names = || all.iter().map(|one| format!("{:?}", one.name)).collect::<Vec<String>>().join(", ");
    if all.is_empty() {
        return refuse(
            "the steps of this network have no weights on the entries of a memory; expected a network with an attention in \
             its steps, such as ost.Decoder"
                .into(),
        );
    }
    let weights = all.iter().filter(|one| !one.is_state).count();
    let found = match name {
        Some(name) => all.iter().find(|one| one.name == name),
        None if weights > 0 => all.first().filter(|_| weights == 1),
        None => all.first().filter(|_| all.len() == 1),
    };
    match (found, name) {
        (Some(one), _) => Ok(one.clone()),
        (None, Some(name)) => refuse(format!("the network has no {name:?}; expected one of {}", names())),
        (None, None) => refuse(format!("the network has several; expected the name of one of {}", names())),
    }
}

/// The name of a further state, which no state of the program has.
fn free_name(program: &Program) -> String {
    let mut name = "weights".to_string();
    while program.states.iter().any(|&id| program.label(id) == name) {
        name.push('_');
    }
    name
}

/// The same program with a further state on entries, whose next value are these weights; the mean of several heads.
fn held(program: &Program, weights: NodeId, name: &str) -> Result<Program, NetError> {
    let mut g = Builder::continuing(program);
    let of = &program.nodes[weights];
    g.state_on(name, Vec::new(), of.entries.unwrap_or(0))?;
    let mut next = weights;
    if !of.shape.is_empty() {
        let flat = g.reshaped(next, &[Dim::number(of.numel())])?;
        next = g.op("mean", &[flat])?;
    }
    let mut updates: Vec<(String, NodeId)> = (program.states.iter().zip(&program.updates))
        .map(|(&state, &next)| (program.label(state).to_string(), next))
        .collect();
    updates.push((name.to_string(), next));
    Ok(g.finish(&program.outputs, &updates)?)
}
