//! The canonical text of a network: JSON without white space, keys sorted, with a format version and a hash.
//!
//! Reading a text replays it through the builder, so a network from a file has passed the same rules as one that was built.
//! Every format version ever written stays readable. A step that calls a function has no text.

use std::ops::Range;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use crate::step::Program;

use super::axis::TIME;
use super::error::NetError;
use super::kinds;
use super::layer::{Layer, LayerParts};
use super::network::Network;
use super::node::{InputPort, NodeKind};

/// The newest version. A network that an older version can express is written in that one, so that older releases read it:
/// version 1 has one axis of sequences, called "time", no initial and final states of layers, and no nodes that read some
/// columns; up to version 2 no layer reads a memory.
pub const GRAPH_FORMAT_VERSION: u64 = 3;

/// Programs of a text, each once.
#[derive(Default)]
struct Table {
    texts: Vec<String>,
}

impl Table {
    fn place(&mut self, program: &Program) -> usize {
        let text = program.to_json();
        self.texts.iter().position(|other| *other == text).unwrap_or_else(|| {
            self.texts.push(text);
            self.texts.len() - 1
        })
    }
}

fn bad(why: impl std::fmt::Display) -> NetError {
    NetError::Config(format!("not a graph text: {why}"))
}

impl Network {
    /// The canonical text. `Network::from_json` gives an equal network back. Refuses steps that call a function.
    pub fn to_json(&self) -> Result<String, NetError> {
        self.finished()?;
        self.written().own_json()
    }

    fn own_json(&self) -> Result<String, NetError> {
        let mut table = Table::default();
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            nodes.push(match &node.kind {
                NodeKind::Input(input) => self.input_json(&self.inputs[*input]),
                NodeKind::Layer { layer, output: 0 } => self.layer_json(*layer, &mut table)?,
                NodeKind::Layer { layer, output } => {
                    let of = &self.layers[*layer];
                    let name = &of.plan.program.outputs[*output].0;
                    json!({"op": "output", "parts": [of.node()], "name": name})
                }
                NodeKind::Final { layer, state } => {
                    let of = &self.layers[*layer];
                    json!({"op": "final", "parts": [of.node()], "name": state_name(&of.plan.program, *state)})
                }
                NodeKind::Derived { kind, parts, columns, .. } => derived_json(kind, parts, columns),
            });
        }
        let outputs: Vec<Json> = self.outputs.iter().map(|port| json!([port.name, port.node])).collect();
        let programs = table.texts.iter().map(|text| serde_json::from_str(text).map_err(bad));
        let programs = programs.collect::<Result<Vec<Json>, _>>()?;
        let text = json!({"format": self.format(), "nodes": nodes, "outputs": outputs, "programs": programs});
        Ok(text.to_string())
    }

    /// SHA-256 of the text, in hexadecimal.
    pub fn hash(&self) -> Result<String, NetError> {
        Ok(Sha256::digest(self.to_json()?).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The first format version that can express this network.
    fn format(&self) -> u64 {
        let bridges = |layer: &Layer| layer.initial.iter().chain(&layer.finals).any(Option::is_some);
        let reads_columns =
            |kind: &NodeKind| matches!(kind, NodeKind::Derived { columns, .. } if !columns.is_empty());
        let is_new = self.axes.iter().any(|name| name != TIME)
            || self.layers.iter().any(bridges)
            || self.nodes.iter().any(|node| reads_columns(&node.kind));
        match (self.has_memories(), is_new) {
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 1,
        }
    }

    fn input_json(&self, port: &InputPort) -> Json {
        let node = &self.nodes[port.node];
        let mut object = Map::new();
        object.insert("axis".into(), self.axis_name(node.axis).into());
        object.insert("name".into(), port.name.as_str().into());
        match port.limit {
            Some(limit) => {
                (object.insert("op".into(), "ids".into()), object.insert("limit".into(), limit.into()))
            }
            None => {
                (object.insert("op".into(), "input".into()), object.insert("width".into(), node.width.into()))
            }
        };
        Json::Object(object)
    }

    fn layer_json(&self, number: usize, table: &mut Table) -> Result<Json, NetError> {
        let layer = &self.layers[number];
        if layer.plan.program.calls() {
            let text = "a step in Python has no text; write it as equations";
            return Err(NetError::Config(format!("{}: {text}", layer.plan.program.name)));
        }
        let mut object = Map::new();
        object.insert("op".into(), "layer".into());
        object.insert("parts".into(), layer.inputs.iter().copied().collect());
        if !layer.memories.is_empty() {
            object.insert("memories".into(), layer.memories.iter().copied().collect());
        }
        object.insert("params".into(), layer.params.iter().map(|&(at, _)| at).collect());
        object.insert("program".into(), table.place(&layer.plan.program).into());
        for (key, plan) in [("inference", &layer.inference), ("penalty", &layer.penalty)] {
            if let Some(plan) = plan {
                object.insert(key.into(), table.place(&plan.program).into());
            }
        }
        if layer.initial.iter().any(Option::is_some) {
            let states = layer.initial.iter().enumerate();
            let named = states.filter_map(|(state, node)| {
                node.map(|node| (state_name(&layer.plan.program, state).to_string(), Json::from(node)))
            });
            object.insert("initial".into(), Json::Object(named.collect()));
        }
        Ok(Json::Object(object))
    }

    /// Reads a canonical text. What the rules do not allow is an error; without `input_gradient` backward passes leave the
    /// gradients of the inputs out.
    pub fn from_json(text: &str, input_gradient: bool) -> Result<Network, NetError> {
        let json: Json = serde_json::from_str(text).map_err(bad)?;
        let version = json.get("format").and_then(Json::as_u64);
        if version.is_none_or(|version| !(1..=GRAPH_FORMAT_VERSION).contains(&version)) {
            let found = json.get("format").map_or("none".into(), Json::to_string);
            let remedy = match version {
                Some(version) if version > GRAPH_FORMAT_VERSION => ". Upgrade ostinato to read it",
                _ => "",
            };
            return Err(bad(format!(
                "format version {found}; this release reads 1 to {GRAPH_FORMAT_VERSION}{remedy}"
            )));
        }
        let mut programs = Vec::new();
        for program in list(&json, "programs")? {
            programs.push(Program::from_json(&program.to_string())?);
        }
        let mut network = Network { ignores_input: !input_gradient, ..Network::default() };
        for (number, node) in list(&json, "nodes")?.iter().enumerate() {
            let made = network.read(node, &programs)?;
            if made != number {
                return Err(bad(format!(
                    "node {number} becomes node {made}: a value of rows is not repeated"
                )));
            }
        }
        let mut outputs = Vec::new();
        for output in list(&json, "outputs")? {
            match output.as_array().map(Vec::as_slice) {
                Some([Json::String(name), node]) => {
                    outputs.push((name.as_str(), whole(Some(node), "an output")?))
                }
                _ => return Err(bad("an output that is no pair of a name and a node")),
            }
        }
        network.finish(&outputs)?;
        match network.to_json()? == text {
            true => Ok(network),
            false => Err(bad("it is not in canonical form")),
        }
    }

    /// Adds the node that an object describes.
    fn read(&mut self, node: &Json, programs: &[Program]) -> Result<usize, NetError> {
        let op = node.get("op").and_then(Json::as_str).ok_or_else(|| bad("a node without \"op\""))?;
        let text = |key: &str| {
            node.get(key).and_then(Json::as_str).ok_or_else(|| bad(format!("{op} without {key:?}")))
        };
        let number = |key: &str| whole(node.get(key), key);
        match op {
            "input" => self.input(text("name")?, text("axis")?, number("width")?),
            "ids" => self.index_input(text("name")?, text("axis")?, number("limit")?),
            "layer" => {
                let program = |key: &str| {
                    let place = number(key)?;
                    programs
                        .get(place)
                        .ok_or_else(|| bad(format!("the program {place}, of {}", programs.len())))
                };
                let other = |key: &str| node.get(key).map(|_| program(key)).transpose();
                let (inputs, params) = (numbers(node, "parts")?, numbers(node, "params")?);
                let mut initial = Vec::new();
                if let Some(states) = node.get("initial") {
                    for (name, from) in states.as_object().ok_or_else(|| bad("\"initial\" is no object"))? {
                        initial.push((name.as_str(), whole(Some(from), "initial")?));
                    }
                }
                let memories = match node.get("memories") {
                    Some(_) => numbers(node, "memories")?,
                    None => Vec::new(),
                };
                self.layer(LayerParts {
                    memories: &memories,
                    inference: other("inference")?,
                    penalty: other("penalty")?,
                    initial: &initial,
                    ..LayerParts::new(program("program")?, &inputs, &params)
                })
            }
            "output" => match numbers(node, "parts")?[..] {
                [layer] => self.layer_output(layer, text("name")?),
                _ => Err(bad("an output of no layer, or of several")),
            },
            "final" => match numbers(node, "parts")?[..] {
                [layer] => self.final_state(layer, text("name")?),
                _ => Err(bad("a final state of no layer, or of several")),
            },
            kind if kinds::find(kind).is_none() => {
                Err(bad(format!("unknown kind of node {kind:?}; a newer ostinato may know it")))
            }
            kind => self.derive_columns(kind, &numbers(node, "parts")?, &columns(node)?),
        }
    }
}

fn derived_json(kind: &str, parts: &[usize], columns: &[Range<usize>]) -> Json {
    let mut object = Map::new();
    object.insert("op".into(), kind.into());
    object.insert("parts".into(), parts.into());
    if !columns.is_empty() {
        let pairs = columns.iter().map(|one| json!([one.start, one.end])).collect();
        object.insert("columns".into(), Json::Array(pairs));
    }
    Json::Object(object)
}

/// The columns of the parts of a node, if the node reads some alone.
fn columns(node: &Json) -> Result<Vec<Range<usize>>, NetError> {
    if node.get("columns").is_none() {
        return Ok(Vec::new());
    }
    let pair = |pair: &Json| match pair.as_array().map(Vec::as_slice) {
        Some([start, stop]) => Ok(whole(Some(start), "columns")?..whole(Some(stop), "columns")?),
        _ => Err(bad("columns that are no pairs")),
    };
    list(node, "columns")?.iter().map(pair).collect()
}

/// The name of a state of a program.
fn state_name(program: &Program, state: usize) -> &str {
    program.label(program.states[state])
}

/// The largest whole number of a text: far from every overflow.
const LARGEST: u64 = 1 << 48;

fn whole(value: Option<&Json>, what: &str) -> Result<usize, NetError> {
    let found = value.and_then(Json::as_u64).filter(|&number| number <= LARGEST);
    found.map(|number| number as usize).ok_or_else(|| bad(format!("{what}: expected a whole number")))
}

fn numbers(node: &Json, key: &str) -> Result<Vec<usize>, NetError> {
    list(node, key)?.iter().map(|value| whole(Some(value), key)).collect()
}

fn list<'a>(object: &'a Json, key: &str) -> Result<&'a Vec<Json>, NetError> {
    object.get(key).and_then(Json::as_array).ok_or_else(|| bad(format!("{key:?} is no list")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Builder, Dim, Equations, Source};
    use std::collections::BTreeMap;

    /// y = w x + s, s' = y, beside which s is an output.
    fn step() -> Program {
        let build = || {
            let mut g = Builder::new("sum", BTreeMap::new());
            let x = g.source(Source::Input, "x", vec![Dim::number(3)])?;
            let s = g.source(Source::State, "s", vec![Dim::number(2)])?;
            let w = g.source(Source::Param, "w", vec![Dim::number(2), Dim::number(3)])?;
            let product = g.op("matmul", &[w, x])?;
            let y = g.op("add", &[product, s])?;
            g.finish(&[("y".to_string(), y), ("old".to_string(), s)], &[("s".to_string(), y)])
        };
        build().unwrap()
    }

    fn network() -> Network {
        let mut network = Network::default();
        let x = network.input("x", "time", 3).unwrap();
        let row = network.input("row", "row", 2).unwrap();
        let (program, reversed) = (step(), network.derive("reverse", &[x]).unwrap());
        let y = network.layer(LayerParts::new(&program, &[reversed], &[16])).unwrap();
        let old = network.layer_output(y, "old").unwrap();
        let last = network.derive("last", &[y]).unwrap();
        let both = network.derive("concat", &[last, row]).unwrap();
        network.finish(&[("both", both), ("old", old)]).unwrap();
        network
    }

    #[test]
    fn a_text_gives_the_network_back() {
        let network = network();
        let text = network.to_json().unwrap();
        let again = Network::from_json(&text, true).unwrap();
        assert_eq!(
            (again.nodes, again.inputs, again.outputs),
            (network.nodes.clone(), network.inputs.clone(), network.outputs.clone())
        );
        assert_eq!(again.layers[0].params, network.layers[0].params);
        assert_eq!(network.hash().unwrap().len(), 64);
    }

    #[test]
    fn damaged_and_hostile_texts_are_errors() {
        let text = network().to_json().unwrap();
        let hostile = [
            (r#""format":1,"nodes""#, r#""format":3,"nodes""#),
            (r#""format":1,"nodes""#, r#""format":2,"nodes""#),
            (r#""op":"last","parts":[3]"#, r#""op":"last","parts":[30]"#),
            (r#""op":"last","parts":[3]"#, r#""op":"last","parts":[5]"#),
            (r#""op":"last","parts":[3]"#, r#""op":"last","parts":[-1]"#),
            (r#""op":"last","parts":[3]"#, r#""op":"final","parts":[3]"#),
            (r#""op":"last","parts":[3]"#, r#""op":"last","parts":[3],"more":1"#),
            (r#""params":[16]"#, r#""params":[16,16]"#),
            (r#""params":[16]"#, r#""params":[99999999999999999999]"#),
            (r#""program":0"#, r#""program":1"#),
            (r#""width":3"#, r#""width":0"#),
            (r#""width":3"#, r#""width":4"#),
            (r#""axis":"row""#, r#""axis":"time""#),
            (r#"["old",4]"#, r#"["both",4]"#),
            (r#"["old",4]"#, r#"["old"]"#),
            (r#""name":"old""#, r#""name":"new""#),
        ];
        for (right, wrong) in hostile {
            assert!(text.contains(right), "{right} is not in {text}");
            assert!(Network::from_json(&text.replace(right, wrong), true).is_err(), "{wrong}");
        }
        for cut in 0..text.len() {
            assert!(Network::from_json(&text[..cut], true).is_err());
        }
    }
}
