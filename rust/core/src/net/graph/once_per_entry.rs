//! Divides layers that read memories: what depends on a memory and on parameters alone becomes a layer of its own along the
//! memory's axis, and its results become further memories of the step. So it is computed once per entry, not at every step, as one
//! product over all entries; its gradient is summed over the steps before that layer continues it.

use crate::plan::{EntrySplit, split_entries};

use super::error::NetError;
use super::layer::{LayerPart, LayerParts, Share};
use super::network::Network;
use super::node::NodeKind;

/// The network that computes the same, with values per entry computed once per entry; None if no layer is divided.
pub fn divided_by_entries(written: &Network) -> Result<Option<Network>, NetError> {
    let mut splits = Vec::with_capacity(written.layers.len());
    for layer in &written.layers {
        splits.push(split_entries(&layer.plan.program, layer.inference.as_ref().map(|plan| &plan.program))?);
    }
    if splits.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut writer =
        Writer { written, made: written.with_its_settings(), moved: Vec::with_capacity(written.nodes.len()) };
    for number in 0..written.nodes.len() {
        let moved = writer.node(number, &splits)?;
        writer.moved.push(moved);
    }
    Ok(Some(writer.made.with_outputs_of(written, &writer.moved)))
}

/// Writes the divided network.
struct Writer<'a> {
    written: &'a Network,
    made: Network,
    /// By written node: its node.
    moved: Vec<usize>,
}

impl Writer<'_> {
    fn node(&mut self, number: usize, splits: &[Option<EntrySplit>]) -> Result<usize, NetError> {
        if let NodeKind::Layer { layer, output: 0 } = self.written.nodes[number].kind
            && let Some(split) = &splits[layer]
        {
            return self.divided(layer, split);
        }
        self.made.add_again(self.written, number, &self.moved)
    }

    /// Adds the parts of a layer. Returns the node of its first output.
    fn divided(&mut self, number: usize, split: &EntrySplit) -> Result<usize, NetError> {
        let layer = &self.written.layers[number];
        let mut memories: Vec<usize> = layer.memories.iter().map(|&memory| self.moved[memory]).collect();
        let own = memories.clone();
        for part in &split.parts {
            let inputs: Vec<usize> = part.reads.iter().map(|&k| own[k]).collect();
            let node = self.made.layer(LayerParts {
                inference: part.inference.as_ref(),
                ..LayerParts::new(&part.program, &inputs, &layer.offsets())
            })?;
            self.made.set_share(Share { layer: number, part: LayerPart::Entry(part.axis) });
            for (name, _) in &part.program.outputs {
                memories.push(self.made.layer_output(node, name)?);
            }
        }
        let inputs: Vec<usize> = layer.inputs.iter().map(|&input| self.moved[input]).collect();
        let program = &layer.plan.program;
        let states = program.states.iter().zip(&layer.initial);
        let initial: Vec<(&str, usize)> =
            states.filter_map(|(&id, from)| from.map(|node| (program.label(id), self.moved[node]))).collect();
        let node = self.made.layer(LayerParts {
            initial: &initial,
            memories: &memories,
            inference: split.inference.as_ref(),
            penalty: layer.penalty.as_ref().map(|plan| &plan.program),
            ..LayerParts::new(&split.step, &inputs, &layer.offsets())
        })?;
        self.made.set_share(Share { layer: number, part: LayerPart::Step });
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Class;
    use crate::step::{Builder, Dim, Equations, Program, Source};
    use std::collections::BTreeMap;

    const WIDTH: usize = 32;

    /// Attention whose query is the state: s' = the mean of the entries, weighted by the softmax of
    /// sum(tanh(w_q s + w_k entry)), plus x.
    fn attends() -> Program {
        let build = || {
            let mut g = Builder::new("attends", BTreeMap::new());
            let (vector, matrix) = (vec![Dim::number(WIDTH)], vec![Dim::number(WIDTH), Dim::number(WIDTH)]);
            let x = g.source(Source::Input, "x", vector.clone())?;
            let s = g.source(Source::State, "s", vector.clone())?;
            let w_q = g.source(Source::Param, "w_q", matrix.clone())?;
            let w_k = g.source(Source::Param, "w_k", matrix)?;
            let source = g.memory("source", vector, 0)?;
            let (query, key) = (g.op("matmul", &[w_q, s])?, g.op("matmul", &[w_k, source])?);
            let sum = g.op("add", &[query, key])?;
            let bent = g.op("tanh", &[sum])?;
            let score = g.op("sum", &[bent])?;
            let weights = g.op("entries_softmax", &[score])?;
            let weighted = g.op("mul", &[weights, source])?;
            let context = g.op("entries_sum", &[weighted])?;
            let next = g.op("add", &[context, x])?;
            g.finish(&[("output".to_string(), next)], &[("s".to_string(), next)])
        };
        build().unwrap()
    }

    fn network() -> Network {
        let mut network = Network::default();
        let x = network.input("x", "time", WIDTH).unwrap();
        let source = network.input("source", "source", WIDTH).unwrap();
        let (program, params, inputs) = (attends(), [0, WIDTH * WIDTH], [x]);
        let parts = LayerParts { memories: &[source], ..LayerParts::new(&program, &inputs, &params) };
        let y = network.layer(parts).unwrap();
        network.finish(&[("y", y)]).unwrap();
        network
    }

    #[test]
    fn keys_are_computed_once_per_entry() {
        let network = network();
        let parts: Vec<LayerPart> = network.layers.iter().map(|layer| layer.share.part).collect();
        assert_eq!(parts, [LayerPart::Entry(0), LayerPart::Step]);
        let (keys, step) = (&network.layers[0], &network.layers[1]);
        assert_eq!((keys.plan.train.packs.len(), step.memories.len()), (1, 2));
        // w_q alone is left for the loop, and both memories have gradients
        assert_eq!(step.plan.train.packs.len(), 1);
        assert!(step.plan.memory_gradients.iter().all(Option::is_some));
    }

    #[test]
    fn no_vector_is_stored_for_each_step_and_entry() {
        let network = network();
        for pass in
            [&network.layers[1].plan.infer, &network.layers[1].plan.train, &network.layers[1].plan.back]
        {
            for buffer in pass.buffers.iter().filter(|buffer| buffer.entries.is_some() && buffer.width > 1) {
                let is_kept =
                    matches!(buffer.class, Class::Step | Class::Block | Class::Full | Class::Saved(_));
                assert!(!is_kept, "{buffer:?}");
            }
        }
    }

    #[test]
    fn a_text_gives_memories_back() {
        let network = network();
        let text = network.to_json().unwrap();
        assert!(text.starts_with(r#"{"format":3,"#), "{text}");
        let again = Network::from_json(&text, true).unwrap();
        assert_eq!((&again.nodes, again.layers.len()), (&network.nodes, 2));
        for (right, wrong) in [
            (r#""format":3"#, r#""format":2"#),
            (r#""memories":[1]"#, r#""memories":[2]"#),
            (r#""memories":[1]"#, r#""memories":[1,1]"#),
            (r#""memories":[1]"#, r#""memories":[]"#),
            (r#""memories":[1]"#, r#""memories":[-1]"#),
            (r#""axis":0.0"#, r#""axis":1.0"#),
            (r#""axis":0.0"#, r#""axis":0.5"#),
            (r#""axis":0.0"#, r#""axis":1e300"#),
            (r#""axis":"source""#, r#""axis":"row""#),
            (r#""op":"entries_sum""#, r#""op":"sum""#),
            (r#""format":2,"name""#, r#""format":1,"name""#),
        ] {
            assert!(text.contains(right), "{right} is not in {text}");
            assert!(Network::from_json(&text.replace(right, wrong), true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn memories_that_do_not_fit_are_errors() {
        let mut network = Network::default();
        let x = network.input("x", "time", WIDTH).unwrap();
        let (narrow, row) = (network.input("n", "s", 3).unwrap(), network.input("r", "row", WIDTH).unwrap());
        let ids = network.index_input("i", "s", 9).unwrap();
        let (program, params, inputs) = (attends(), [0, WIDTH * WIDTH], [x]);
        for (memories, says) in [
            (&[][..], "reads 1 memories (source); got 0"),
            (&[narrow], "has entries of 32 features; got 3"),
            (&[row], "is a sequence; got a value of a row"),
            (&[ids], "has entries of 32 features; got ids"),
            (&[99], "node 99 does not exist"),
        ] {
            let parts = LayerParts { memories, ..LayerParts::new(&program, &inputs, &params) };
            let error = network.layer(parts).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        // the memory may lie on the axis of the layer itself
        let parts = LayerParts { memories: &inputs, ..LayerParts::new(&program, &inputs, &params) };
        assert!(network.layer(parts).is_ok());
    }
}
