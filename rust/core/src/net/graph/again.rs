//! Nodes of one network, added to another one: a network is divided by writing it anew.

use crate::plan::RowSplit;

use super::axis::Axis;
use super::error::NetError;
use super::layer::{Layer, LayerParts, Share};
use super::network::Network;
use super::node::{InputPort, NodeKind};

impl Network {
    /// Adds a node of another network, and the layer that runs at it. `moved` has, by node of `from`, the node here; at least
    /// of all nodes that this one reads.
    pub(super) fn add_again(
        &mut self,
        from: &Network,
        number: usize,
        moved: &[usize],
    ) -> Result<usize, NetError> {
        let node = &from.nodes[number];
        match &node.kind {
            NodeKind::Input(input) => {
                let (port, axis) = (&from.inputs[*input], from.axis_name(node.axis));
                match port.limit {
                    Some(limit) => self.index_input(&port.name, axis, limit),
                    None => self.input(&port.name, axis, node.width),
                }
            }
            NodeKind::Derived { kind, parts, columns, .. } => {
                let mut parts: Vec<usize> = parts.iter().map(|&part| moved[part]).collect();
                let mut columns = columns.clone();
                if *kind == "repeat" && parts.len() == 1 {
                    let axis = self.axis(from.axis_name(node.axis));
                    let like = self.axis_like(axis);
                    columns.extend(like.filter(|_| !columns.is_empty()).map(|node| 0..self.width(node)));
                    parts.extend(like);
                }
                self.derive_columns(kind, &parts, &columns)
            }
            NodeKind::Layer { layer, output: 0 } => {
                let of = &from.layers[*layer];
                let at = |nodes: &[usize]| nodes.iter().map(|&node| moved[node]).collect();
                let initial = of.initial.iter().map(|node| node.map(|node| moved[node])).collect();
                let axis = self.axis(from.axis_name(of.axis));
                let again =
                    Layer { inputs: at(&of.inputs), memories: at(&of.memories), initial, axis, ..of.clone() };
                Ok(self.layer_again(again, node.differentiated))
            }
            NodeKind::Layer { layer, output } => {
                let of = &from.layers[*layer];
                self.layer_output(moved[of.node()], &of.plan.program.outputs[*output].0)
            }
            NodeKind::Final { layer, state } => {
                let of = &from.layers[*layer];
                let program = &of.plan.program;
                self.final_state(moved[of.node()], program.label(program.states[*state]))
            }
        }
    }

    /// Adds the part of a divided layer that runs at every step and reads `inputs`; `moved` as in `add_again`. Returns the node of
    /// its first output.
    pub(super) fn add_step_part(
        &mut self,
        of: &Layer,
        split: &RowSplit,
        inputs: &[usize],
        moved: &[usize],
        share: Share,
    ) -> Result<usize, NetError> {
        let program = &of.plan.program;
        let states = program.states.iter().zip(&of.initial);
        let initial: Vec<(&str, usize)> =
            states.filter_map(|(&id, from)| from.map(|node| (program.label(id), moved[node]))).collect();
        let memories: Vec<usize> = of.memories.iter().map(|&memory| moved[memory]).collect();
        let node = self.layer(LayerParts {
            initial: &initial,
            memories: &memories,
            inference: split.inference.as_ref().map(|(_, step)| step),
            penalty: of.penalty.as_ref().map(|plan| &plan.program),
            ..LayerParts::new(&split.step, inputs, &of.offsets())
        })?;
        self.set_share(share);
        Ok(node)
    }

    /// An input on an axis, which names the axis to a node that repeats a value along it; the first axis needs no name.
    pub(super) fn axis_like(&self, axis: Axis) -> Option<usize> {
        let on_axis = |port: &&InputPort| self.nodes[port.node].axis == axis;
        self.inputs.iter().filter(|_| axis != Axis::FIRST).find(on_axis).map(|port| port.node)
    }

    /// Adds a layer that reads nodes of this network; its outputs, final states and slots are those of another one. Returns
    /// the node of its first output.
    fn layer_again(&mut self, layer: Layer, differentiated: bool) -> usize {
        let number = self.layers.len();
        let kind = NodeKind::Layer { layer: number, output: 0 };
        let node = self.push(kind, layer.plan.output_width(0), layer.axis, differentiated);
        let starts = layer.initial.iter().flatten();
        let parts = layer.inputs.iter().chain(starts).chain(&layer.memories).copied().collect();
        let finals = vec![None; layer.initial.len()];
        let mut outputs = vec![None; layer.outputs.len()];
        outputs[0] = Some(node);
        let first_state = self.states.len();
        let program = &layer.plan.program;
        self.states.extend(program.row_states().iter().map(|&id| program.nodes[id].numel()));
        self.state_axes.resize(self.states.len(), layer.axis);
        self.layers.push(Layer { parts, finals, outputs, first_state, ..layer });
        node
    }
}
