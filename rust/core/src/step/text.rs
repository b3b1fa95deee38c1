//! The canonical text of a program: JSON without white space, keys sorted, with a format version and a hash.
//!
//! Reading a text replays it through the [`Builder`], so a program from a file has passed the same rules as a traced
//! one. Every format version ever written stays readable.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::rows::{self, Run};
use super::{Attrs, Builder, Dim, Equations, Node, NodeId, Program, Result, Source, StepError, Value};

/// The newest version. A program that an older version can express is written in that one, so that older releases read it:
/// version 1 has no memories.
pub const FORMAT_VERSION: u64 = 2;

fn bad(why: impl std::fmt::Display) -> StepError {
    StepError::Format(format!("not a program text: {why}"))
}

impl Program {
    /// The canonical text. `Program::from_json` gives an equal program back.
    pub fn to_json(&self) -> String {
        self.json(true).to_string()
    }

    /// SHA-256 of the text without the authors' names of intermediate values, in hexadecimal.
    pub fn hash(&self) -> String {
        Sha256::digest(self.json(false).to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn json(&self, names: bool) -> Json {
        // only declared or used nodes are written, renumbered in order
        let mut kept = self.live();
        for &id in self.inputs.iter().chain(&self.states).chain(&self.params).chain(&self.memories) {
            kept[id] = true;
        }
        let mut number = vec![0usize; self.nodes.len()];
        let mut nodes = Vec::new();
        for (id, node) in self.nodes.iter().enumerate().filter(|(id, _)| kept[*id]) {
            number[id] = nodes.len();
            nodes.push(node_json(node, &number, names));
        }
        let outputs: Vec<Json> = self.outputs.iter().map(|(name, id)| json!([name, number[*id]])).collect();
        let updates: Vec<Json> = (self.states.iter().zip(&self.updates))
            .map(|(&state, &next)| json!([self.label(state), number[next]]))
            .collect();
        let format = if self.memories.is_empty() { 1 } else { 2 };
        json!({"format": format, "name": self.name, "nodes": nodes, "outputs": outputs,
               "sizes": self.sizes, "updates": updates})
    }

    /// Reads a canonical text. Any violation of the rules is a `Format` error.
    pub fn from_json(text: &str) -> Result<Program> {
        let json: Json = serde_json::from_str(text).map_err(bad)?;
        let program = read(&json).map_err(|error| match error {
            StepError::Shape(why) | StepError::Trace(why) | StepError::Large(why) => bad(why),
            format => format,
        })?;
        if program.to_json() == text { Ok(program) } else { Err(bad("it is not in canonical form")) }
    }
}

impl PartialEq for Program {
    /// Programs are equal when their texts are.
    fn eq(&self, other: &Program) -> bool {
        self.to_json() == other.to_json()
    }
}

fn dims_json(shape: &[Dim]) -> Json {
    shape.iter().map(Dim::to_string).collect()
}

fn node_json(node: &Node, number: &[usize], names: bool) -> Json {
    let row = rows::row(node.op);
    let mut object = Map::new();
    object.insert("op".into(), row.name.into());
    if row.run == Run::Source && row.name != "const" {
        object.insert("shape".into(), dims_json(&node.shape));
        if node.is_index {
            object.insert("index".into(), true.into());
        }
    }
    if !node.args.is_empty() {
        object.insert("args".into(), node.args.iter().map(|&arg| number[arg]).collect());
    }
    if let Some(label) = node.label.as_ref().filter(|_| names || (row.run == Run::Source)) {
        object.insert("name".into(), label.as_str().into());
    }
    for (key, value) in &node.attrs.0 {
        let value = match value {
            // JSON has no inf and nan: they are written as text
            Value::Number(x) if x.is_finite() => json!(x),
            Value::Number(x) => json!(x.to_string()),
            Value::Shape(shape) => dims_json(shape),
        };
        object.insert((*key).into(), value);
    }
    Json::Object(object)
}

fn read(json: &Json) -> Result<Program> {
    let top = json.as_object().ok_or_else(|| bad("expected an object"))?;
    let field = |name: &str| top.get(name).ok_or_else(|| bad(format!("{name:?} is missing")));
    let list = |name: &str| field(name)?.as_array().ok_or_else(|| bad(format!("{name:?} is not a list")));
    match field("format")?.as_u64() {
        Some(1..=FORMAT_VERSION) => {}
        Some(newer) if newer > FORMAT_VERSION => {
            return Err(bad(format!(
                "format is {newer}; this version reads 1 to {FORMAT_VERSION}. Upgrade ostinato to read it"
            )));
        }
        other => {
            return Err(bad(format!("format is {other:?}; this version reads 1 to {FORMAT_VERSION}")));
        }
    }
    let mut sizes = BTreeMap::new();
    for (name, size) in field("sizes")?.as_object().ok_or_else(|| bad("\"sizes\" is not an object"))? {
        let size = size
            .as_u64()
            .filter(|&n| n <= 1 << 31)
            .ok_or_else(|| bad(format!("size {name:?} is not a size")))?;
        sizes.insert(name.clone(), size as usize);
    }
    let name = field("name")?.as_str().ok_or_else(|| bad("\"name\" is not text"))?;
    let mut builder = Builder::new(name, sizes);
    for (position, node) in list("nodes")?.iter().enumerate() {
        let id = read_node(&mut builder, node)?;
        if id != position {
            return Err(bad(format!("node {position} occurs twice")));
        }
    }
    let named = |name: &str| -> Result<Vec<(String, NodeId)>> {
        let pair =
            |entry: &Json| Some((entry.get(0)?.as_str()?.to_string(), entry.get(1)?.as_u64()? as usize));
        list(name)?
            .iter()
            .map(|entry| pair(entry).ok_or_else(|| bad(format!("{name:?} has a bad entry"))))
            .collect()
    };
    builder.finish(&named("outputs")?, &named("updates")?)
}

fn read_node(builder: &mut Builder, json: &Json) -> Result<NodeId> {
    let object = json.as_object().ok_or_else(|| bad("a node is not an object"))?;
    let text = |name: &str| object.get(name).and_then(Json::as_str);
    let name = text("op").ok_or_else(|| bad("a node has no op"))?;
    let op =
        rows::find(name).ok_or_else(|| bad(format!("unknown op {name:?}; a newer ostinato may know it")))?;
    let row = rows::row(op);
    let shape = |builder: &Builder| -> Result<Vec<Dim>> {
        let dims = object.get("shape").and_then(Json::as_array).ok_or_else(|| bad("a shape is missing"))?;
        if dims.len() > 2 {
            return Err(bad("a shape has more than 2 axes"));
        }
        dims.iter()
            .map(|dim| {
                Dim::parse(dim.as_str().ok_or_else(|| bad("a dimension is not text"))?, &builder.sizes)
            })
            .collect()
    };
    let number = |key: &'static str| -> Result<Option<f64>> {
        match object.get(key) {
            None => Ok(None),
            Some(Json::Number(x)) => Ok(x.as_f64()),
            Some(Json::String(x)) => x.parse().map(Some).map_err(|_| bad(format!("{key} is not a number"))),
            Some(_) => Err(bad(format!("{key} is not a number"))),
        }
    };
    if row.name == "const" {
        return Ok(builder.constant(number("value")?.ok_or_else(|| bad("a constant has no value"))?));
    }
    if row.run == Run::Source {
        let is_index = object.get("index").and_then(Json::as_bool).unwrap_or(false);
        let kind = match row.name {
            "input" if is_index => Source::Index,
            "input" => Source::Input,
            "state" => Source::State,
            _ => Source::Param,
        };
        let shape = shape(builder)?;
        if row.name == "memory" {
            let axis = number("axis")?
                .filter(|axis| (0.0..=f64::from(u16::MAX)).contains(axis) && axis.fract() == 0.0);
            let axis = axis.ok_or_else(|| bad("a memory has no axis"))? as usize;
            return builder.memory(text("name").unwrap_or(""), shape, axis);
        }
        if kind == Source::State && object.contains_key("axis") {
            let axis = number("axis")?
                .filter(|axis| (0.0..=f64::from(u16::MAX)).contains(axis) && axis.fract() == 0.0);
            let axis = axis.ok_or_else(|| bad("a state on no axis"))? as usize;
            return builder.state_on(text("name").unwrap_or(""), shape, axis);
        }
        return builder.source(kind, text("name").unwrap_or(""), shape);
    }
    let listed = match object.get("args") {
        None if row.arity == 0 => Some(&[][..]),
        args => args.and_then(Json::as_array).map(Vec::as_slice),
    };
    let args: Option<Vec<usize>> =
        listed.and_then(|args| args.iter().map(|arg| arg.as_u64().map(|n| n as usize)).collect());
    let mut attrs = Vec::new();
    for &(key, _) in row.attrs {
        if let Some(x) = number(key)? {
            attrs.push((key, Value::Number(x)));
        }
    }
    if row.takes_shape {
        attrs.push(("shape", Value::Shape(shape(builder)?)));
    }
    let id = builder.add(op, &args.ok_or_else(|| bad("a node has no operands"))?, Attrs(attrs))?;
    if let Some(label) = text("name") {
        builder.label(id, label);
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Programs as version 1 wrote them. A file is never changed: it shows that later versions still read it.
    const GOLDEN: [(&str, &str, &str); 4] = [
        ("lstm", include_str!("testdata/lstm.v1.json"), LSTM_HASH),
        ("gru", include_str!("testdata/gru.v1.json"), GRU_HASH),
        ("cross_entropy", include_str!("testdata/cross_entropy.v1.json"), CROSS_ENTROPY_HASH),
        ("regularized_gru", include_str!("testdata/regularized_gru.v1.json"), REGULARIZED_GRU_HASH),
    ];
    const LSTM_HASH: &str = "e0f9067ce785e436d548925445d50fef3dcf55de3767af860487989186328ca2";
    const GRU_HASH: &str = "84481492fc0c04ec6e13de7723f698e1f98ac1d25ef46bb3833bdfacb150deca";
    const REGULARIZED_GRU_HASH: &str = "cf8fc72005d152552f6944dc1726ecde82116db3a9d5fd051aa37b32e1936f6f";
    const CROSS_ENTROPY_HASH: &str = "5562b439a602b4580ec732ed878f5ea54a991406a6b43104c829c11644e2f999";

    #[test]
    fn texts_of_every_version_are_read_and_written_back_to_the_byte() {
        for (name, text, hash) in GOLDEN {
            let program = Program::from_json(text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(program.to_json(), text, "{name}");
            assert_eq!(program.hash(), hash, "{name}");
        }
    }

    #[test]
    fn the_hash_does_not_depend_on_the_names_of_intermediate_values() {
        let text = GOLDEN[0].1;
        let renamed = text.replace("\"name\":\"new_c\"", "\"name\":\"cell\"");
        assert_ne!(text, renamed);
        let hash = |text: &str| Program::from_json(text).map(|program| program.hash());
        assert_eq!(hash(text), hash(&renamed));
    }

    #[test]
    fn noise_has_a_stream_and_a_rhythm_of_its_range() {
        let good = GOLDEN[3].1;
        for (from, to) in [
            ("\"stream\":0.0", "\"stream\":65536.0"),
            ("\"stream\":0.0", "\"stream\":-1.0"),
            ("\"stream\":0.0", "\"stream\":0.5"),
            ("\"stream\":0.0", "\"stream\":\"NaN\""),
            ("\"per\":2.0", "\"per\":3.0"),
            ("\"per\":2.0", "\"per\":0.0"), // the product with it would no longer be computed from parameters alone
            ("\"op\":\"noise\"", "\"args\":[0],\"op\":\"noise\""),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from} does not occur");
            assert!(matches!(Program::from_json(&text), Err(StepError::Format(_))), "{from} -> {to}");
        }
    }

    #[test]
    fn constants_come_back_to_the_bit() {
        let mut x = 0x9E37_79B9_7F4A_7C15u64;
        for _ in 0..10_000 {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let value = f64::from_bits(x);
            if value.is_nan() {
                continue;
            }
            let mut g = Builder::new("constant", BTreeMap::new());
            let constant = g.constant(value);
            let program = g.finish(&[("output".into(), constant)], &[]).unwrap();
            let again = Program::from_json(&program.to_json()).unwrap();
            assert_eq!(again.nodes[0].attrs.number("value").to_bits(), value.to_bits());
        }
    }

    #[test]
    fn damaged_and_hostile_texts_are_format_errors() {
        let good = GOLDEN[1].1;
        let edits: [(&str, &str); 14] = [
            ("\"format\":1", "\"format\":2"),
            ("\"format\":1", "\"format\":\"1\""),
            ("\"op\":\"sigmoid\"", "\"op\":\"sigmoidal\""),
            ("\"op\":\"sigmoid\"", "\"op\":\"state\""),
            ("\"hidden\":4", "\"hidden\":-4"),
            ("\"hidden\":4", "\"hidden\":4000000000000"),
            ("\"hidden\":4", "\"hidden\":5"),
            ("\"shape\":[\"hidden\"]", "\"shape\":[\"hidden\",\"hidden\",\"hidden\"]"),
            ("\"shape\":[\"hidden\"]", "\"shape\":[4]"),
            ("\"args\":[", "\"args\":[9999,"),
            ("\"args\":[", "\"args\":[-1,"),
            ("\"start\":0.0", "\"start\":1e300"),
            ("\"updates\":[[\"h\"", "\"updates\":[[\"c\""),
            ("{\"format\"", "{ \"format\""),
        ];
        for (from, to) in edits {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from} does not occur");
            assert!(matches!(Program::from_json(&text), Err(StepError::Format(_))), "{from} -> {to}");
        }
        for cut in 0..good.len() {
            assert!(Program::from_json(&good[..cut]).is_err(), "cut at {cut}");
        }
        let deep = "[".repeat(100_000);
        assert!(matches!(Program::from_json(&deep), Err(StepError::Format(_))));
    }
}
