//! The only way to make a program: every node passes the shape rule of its op.

use std::collections::{BTreeMap, HashMap};

use crate::kernel::Reduce;
use crate::{memory, team};

use super::rows::{self, Across, Run};
use super::{
    Attrs, Dim, Equations, Node, NodeId, OpId, Program, Result, Shape, StepError, Value, numel, shape_text,
};

/// The largest number of nodes in an author's program, and the largest number that its derivatives may add: it keeps hostile
/// files from filling memory or time.
const MAX_NODES: usize = 10_000;
const MAX_DERIVED_NODES: usize = 50 * MAX_NODES;
/// The largest number of elements of a parameter, and of a value computed for every row.
const MAX_PARAMETER: usize = 1 << 34;
const MAX_ELEMENTS: usize = 1 << 24;

/// Builds a program node by node. Equal nodes are stored once.
#[derive(Debug, Clone)]
pub struct Builder {
    pub name: String,
    pub sizes: BTreeMap<String, usize>,
    nodes: Vec<Node>,
    made: HashMap<String, NodeId>,
    inputs: Vec<NodeId>,
    states: Vec<NodeId>,
    params: Vec<NodeId>,
    memories: Vec<NodeId>,
    most_nodes: usize,
}

/// The kinds of named sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Input,
    Index,
    State,
    Param,
    /// A sequence on an axis of its own: see `Builder::memory`.
    Memory,
}

impl Builder {
    pub fn new(name: &str, sizes: BTreeMap<String, usize>) -> Builder {
        Builder {
            name: name.to_string(),
            sizes,
            nodes: Vec::new(),
            made: HashMap::new(),
            inputs: Vec::new(),
            states: Vec::new(),
            params: Vec::new(),
            memories: Vec::new(),
            most_nodes: MAX_NODES,
        }
    }

    /// A builder that extends `program`, with the same node numbers.
    pub fn continuing(program: &Program) -> Builder {
        let mut builder = Builder::new(&program.name, program.sizes.clone());
        for (id, node) in program.nodes.iter().enumerate() {
            builder.made.insert(key(node.op, &node.args, &node.attrs, node.label.as_deref()), id);
        }
        builder.most_nodes = MAX_DERIVED_NODES;
        builder.nodes = program.nodes.clone();
        builder.inputs = program.inputs.clone();
        builder.states = program.states.clone();
        builder.params = program.params.clone();
        builder.memories = program.memories.clone();
        builder
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Declares a source. Names are unique within their kind.
    pub fn source(&mut self, kind: Source, name: &str, shape: Shape) -> Result<NodeId> {
        self.declare(kind, name, shape, false)
    }

    /// Declares a memory: one vector for each entry of an entries axis. A new axis has the next number.
    pub fn memory(&mut self, name: &str, shape: Shape, axis: usize) -> Result<NodeId> {
        let axes = self.memories.iter().filter_map(|&id| self.nodes[id].entries).map(|axis| axis + 1);
        let next = axes.max().unwrap_or(0);
        if axis > next {
            return Err(StepError::Shape(format!(
                "memory {name:?} has the axis {axis}; expected at most {next}"
            )));
        }
        if shape.len() != 1 {
            let text = shape_text(&shape);
            return Err(StepError::Shape(format!("memory {name:?} has shape {text}; expected a vector")));
        }
        let id = self.declare(Source::Memory, name, shape, false)?;
        self.nodes[id].entries = Some(axis);
        self.nodes[id].attrs = Attrs::numbers(&[("axis", axis as f64)]);
        Ok(id)
    }

    /// Declares a state that has one value for each entry of an entries axis, after the states of the row.
    pub fn state_on(&mut self, name: &str, shape: Shape, axis: usize) -> Result<NodeId> {
        self.on_entries(Source::State, name, shape, axis, false)
    }

    /// A source on the entries axis of `like`, or of the row: see `derived_source`.
    pub fn derived_like(&mut self, kind: Source, name: &str, like: NodeId) -> Result<NodeId> {
        let shape = self.nodes[like].shape.clone();
        match self.nodes[like].entries {
            Some(axis) => self.on_entries(kind, &format!("d.{name}"), shape, axis, true),
            None => self.derived_source(kind, name, shape),
        }
    }

    fn on_entries(
        &mut self,
        kind: Source,
        name: &str,
        shape: Shape,
        axis: usize,
        derived: bool,
    ) -> Result<NodeId> {
        if !self.memories.iter().any(|&id| self.nodes[id].entries == Some(axis)) {
            return Err(StepError::Shape(format!("state {name:?}: the entries axis {axis} has no memory")));
        }
        let id = self.declare(kind, name, shape, derived)?;
        self.nodes[id].entries = Some(axis);
        self.nodes[id].attrs = Attrs::numbers(&[("axis", axis as f64)]);
        Ok(id)
    }

    /// A source of a derived program: `d.name`, a name that no author can choose.
    pub fn derived_source(&mut self, kind: Source, name: &str, shape: Shape) -> Result<NodeId> {
        self.declare(kind, &format!("d.{name}"), shape, true)
    }

    fn declare(&mut self, kind: Source, name: &str, shape: Shape, derived: bool) -> Result<NodeId> {
        let valid = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !valid && !derived {
            return Err(StepError::Shape(format!("{name:?} is not a name; expected letters, digits and _")));
        }
        let (list, op) = match kind {
            Source::Input | Source::Index => (&self.inputs, "input"),
            Source::State => (&self.states, "state"),
            Source::Param => (&self.params, "param"),
            Source::Memory => (&self.memories, "memory"),
        };
        if list.iter().any(|&id| self.nodes[id].label.as_deref() == Some(name)) {
            return Err(StepError::Shape(format!("{op} {name:?} is declared twice in {}", self.name)));
        }
        if shape.len() > 2 {
            let text = shape_text(&shape);
            return Err(StepError::Shape(format!("{op} {name:?} has shape {text}; expected at most 2 axes")));
        }
        let most = if kind == Source::Param { MAX_PARAMETER } else { MAX_ELEMENTS };
        if !fits(&shape, most) {
            let text = shape_text(&shape);
            return Err(StepError::Shape(format!(
                "{op} {name:?} has shape {text}; expected 1 to {most} elements"
            )));
        }
        let id = self.push(Node {
            op: rows::known(op),
            args: Vec::new(),
            attrs: Attrs::default(),
            shape,
            is_index: kind == Source::Index,
            label: Some(name.to_string()),
            folded: kind == Source::Param,
            entries: None,
        })?;
        match kind {
            Source::Input | Source::Index => self.inputs.push(id),
            Source::State => self.states.push(id),
            Source::Param => self.params.push(id),
            Source::Memory => self.memories.push(id),
        }
        Ok(id)
    }

    /// Adds one op: checks arity, kinds and attributes, applies the shape rule, and finds an equal node if there is one.
    pub fn add(&mut self, op: OpId, args: &[NodeId], attrs: Attrs) -> Result<NodeId> {
        let row = rows::row(op);
        let fail = |g: &Builder, why: String| Err(StepError::Shape(g.complaint(row.name, args, &why)));
        if let Some(bad) = args.iter().find(|&&arg| arg >= self.nodes.len()) {
            return Err(StepError::Format(format!("{}: operand {bad} does not exist yet", row.name)));
        }
        let enough = if row.arity == usize::MAX { !args.is_empty() } else { args.len() == row.arity };
        if row.run == Run::Source || !enough {
            return fail(
                self,
                format!("{} operands given; the op takes {}", args.len(), arity_text(row.arity)),
            );
        }
        for (position, &arg) in args.iter().enumerate() {
            let wants_id = matches!(row.run, Run::OneHot)
                || (matches!(row.run, Run::Lookup | Run::Pick) && position == 1);
            if self.nodes[arg].is_index != wants_id {
                let (got, want) = if wants_id { ("a feature", "an id") } else { ("an id", "a feature") };
                return fail(
                    self,
                    format!("operand {position} is {got}; expected {want} (see lookup, pick, one_hot)"),
                );
            }
        }
        self.check_ids(row.run, args)?;
        let attrs = self.completed(op, attrs)?;
        let entries = match self.entries_of(op, args, &attrs) {
            Ok(entries) => entries,
            Err(why) => return fail(self, why),
        };
        let operands: Vec<&Node> = args.iter().map(|&arg| &self.nodes[arg]).collect();
        let shape = match (row.shape)(&operands, &attrs) {
            Ok(shape) if fits(&shape, self.most_elements(args)) => shape,
            Ok(shape) => {
                return fail(self, format!("the result {} is empty or too large", shape_text(&shape)));
            }
            Err(why) => return fail(self, why),
        };
        if let Some(expand) = row.expand {
            return expand(self, args, &attrs);
        }
        if row.run == Run::MatVec && !self.nodes[args[0]].folded {
            let operands = if attrs.flag("transpose") { [args[1], args[0]] } else { [args[0], args[1]] };
            return self.op_with("product", &operands, Attrs::default());
        }
        let mut args = self.fitted(row.run, args, &shape)?;
        if let Run::Entries(Across::Count | Across::Position) = row.run {
            // only the axis is read, so any value on it stands for the others: the first memory, which is always there
            args = self
                .memories
                .iter()
                .copied()
                .filter(|&id| self.nodes[id].entries == self.nodes[args[0]].entries)
                .take(1)
                .collect();
        }
        let key = key(op, &args, &attrs, None);
        if let Some(&id) = self.made.get(&key) {
            return Ok(id);
        }
        let per_row = matches!(row.run, Run::Lookup | Run::Pick | Run::OneHot);
        let is_index = row.name == "argmax";
        let varies = row.run == Run::Noise && attrs.int("per") != rows::PER_WEIGHTS;
        let per_entry = matches!(row.run, Run::Entries(_));
        let folded =
            !per_row && !varies && !is_index && !per_entry && args.iter().all(|&arg| self.nodes[arg].folded);
        let id = self.push(Node { op, args, attrs, shape, is_index, label: None, folded, entries })?;
        self.made.insert(key, id);
        Ok(id)
    }

    /// The entries axis of a result: that of the operands on entries, which must all be the same.
    fn entries_of(
        &self,
        op: OpId,
        args: &[NodeId],
        attrs: &Attrs,
    ) -> std::result::Result<Option<usize>, String> {
        let row = rows::row(op);
        let mut axis: Option<usize> = None;
        for found in args.iter().filter_map(|&arg| self.nodes[arg].entries) {
            match axis {
                Some(axis) if axis != found => {
                    let names = [axis, found].map(|axis| self.memory_name(axis));
                    return Err(format!(
                        "mixes entries of the memories {:?} and {:?}, which differ in number; reduce one of them to a \
                         value of the row first (entries.sum, mean, max)",
                        names[0], names[1]
                    ));
                }
                _ => axis = Some(found),
            }
        }
        let given = || {
            let axis = attrs.number("axis");
            let known = self.memories.iter().any(|&id| self.nodes[id].entries == Some(axis as usize));
            match known && axis >= 0.0 && axis.fract() == 0.0 {
                true => Ok(Some(axis as usize)),
                false => Err(format!("the entries axis {axis} has no memory")),
            }
        };
        match (row.run, axis) {
            (Run::Entries(Across::Repeat), None) => given(),
            (Run::Entries(Across::Repeat), Some(_)) => Err("repeats a value that has entries already".into()),
            (Run::Entries(across), Some(axis)) => Ok(across.keeps_entries().then_some(axis)),
            (Run::Entries(_), None) => {
                Err("reads the entries of a memory; this is a value of the row, which has none".into())
            }
            (Run::Call(_), Some(_)) => Err("a step in Python has no memories; write it as equations".into()),
            (Run::Reduce(Reduce::ArgMax), Some(_)) => {
                Err("an id for each entry of a memory is not supported; use entries.max, or where".into())
            }
            (_, axis) => Ok(axis),
        }
    }

    /// The name of the first memory of an entries axis.
    fn memory_name(&self, axis: usize) -> &str {
        let found = self.memories.iter().find(|&&id| self.nodes[id].entries == Some(axis));
        found.and_then(|&id| self.nodes[id].label.as_deref()).unwrap_or("")
    }

    /// Returns an error for a result that lies on the entries of a memory.
    fn check_on_row(&self, what: &str, id: NodeId) -> Result<()> {
        match self.nodes[id].entries {
            None => Ok(()),
            Some(axis) => Err(StepError::Shape(format!(
                "{}: {what} has a value for each entry of the memory {:?}; expected a value of the row: reduce it with \
                 entries.sum, mean or max",
                self.name,
                self.memory_name(axis)
            ))),
        }
    }

    /// A value computed from parameters alone may be as large as parameters.
    fn most_elements(&self, args: &[NodeId]) -> usize {
        let largest = args.iter().map(|&arg| self.nodes[arg].numel()).max().unwrap_or(0);
        if args.iter().all(|&arg| self.nodes[arg].folded) { largest.max(MAX_ELEMENTS) } else { MAX_ELEMENTS }
    }

    /// Every value of a computed id (argmax) must have a row in the table that the id is used with.
    fn check_ids(&self, run: Run, args: &[NodeId]) -> Result<()> {
        if !matches!(run, Run::Lookup | Run::Pick) || self.nodes[args[1]].args.is_empty() {
            return Ok(());
        }
        let room = self.nodes[args[0]].shape.first().map_or(0, |dim| dim.value);
        let choices = self.nodes[self.nodes[args[1]].args[0]].numel();
        if choices > room {
            return Err(StepError::Shape(format!(
                "{}: an id out of {choices} does not fit a table of {room}",
                self.name
            )));
        }
        Ok(())
    }

    /// Elementwise kernels take operands of the result's shape, or scalars; any other operand is broadcast first.
    fn fitted(&mut self, run: Run, args: &[NodeId], shape: &[Dim]) -> Result<Vec<NodeId>> {
        let mut args = args.to_vec();
        if matches!(run, Run::Binary(_) | Run::Ternary(_)) {
            for arg in &mut args {
                let from = &self.nodes[*arg].shape;
                if numel(from) != 1 && from != shape {
                    *arg = self.op_with("broadcast_to", &[*arg], Attrs::shape_of(shape))?;
                }
            }
            // next to a value on entries, a value of the row is repeated anyway
            let repeated =
                |g: &Builder, arg: NodeId| rows::row(g.nodes[arg].op).run == Run::Entries(Across::Repeat);
            if args.iter().any(|&arg| self.nodes[arg].entries.is_some() && !repeated(self, arg)) {
                for arg in &mut args {
                    if repeated(self, *arg) {
                        *arg = self.nodes[*arg].args[0];
                    }
                }
            }
        }
        Ok(args)
    }

    /// Attributes in the order of the row, with defaults; unknown attributes are errors.
    fn completed(&self, op: OpId, attrs: Attrs) -> Result<Attrs> {
        let row = rows::row(op);
        let mut full = Vec::new();
        for (name, value) in &attrs.0 {
            let expected = match value {
                Value::Shape(_) => row.takes_shape,
                Value::Number(_) => row.attrs.iter().any(|(known, _)| known == name),
            };
            if !expected {
                return Err(StepError::Shape(format!("{} has no attribute {name:?}", row.name)));
            }
        }
        for &(name, default) in row.attrs {
            let given = attrs.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
            match given.or(default.map(Value::Number)) {
                Some(value) => full.push((name, value)),
                None => {
                    return Err(StepError::Shape(format!("{} needs the attribute {name:?}", row.name)));
                }
            }
        }
        if row.takes_shape {
            match attrs.0.into_iter().find(|(_, value)| matches!(value, Value::Shape(_))) {
                Some((_, value)) => full.push(("shape", value)),
                None => {
                    return Err(StepError::Shape(format!("{} needs the attribute \"shape\"", row.name)));
                }
            }
        }
        Ok(Attrs(full))
    }

    fn push(&mut self, node: Node) -> Result<NodeId> {
        memory::check();
        team::pause();
        if self.nodes.len() >= self.most_nodes {
            let text = format!("{} has more than {} operations", self.name, self.most_nodes);
            return Err(StepError::Large(text));
        }
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    /// `matmul(W_h, h): why`, with the author's names.
    fn complaint(&self, op: &str, args: &[NodeId], why: &str) -> String {
        let names: Vec<&str> =
            args.iter().map(|&arg| self.nodes[arg].label.as_deref().unwrap_or("...")).collect();
        format!("{}: {op}({}): {why}", self.name, names.join(", "))
    }

    /// Gives a node the author's name, unless it has one.
    pub fn label(&mut self, id: NodeId, name: &str) {
        if self.nodes[id].label.is_none() && rows::row(self.nodes[id].op).name != "const" {
            self.nodes[id].label = Some(name.to_string());
        }
    }

    /// Completes the program: outputs by name, one update per state.
    pub fn finish(mut self, outputs: &[(String, NodeId)], updates: &[(String, NodeId)]) -> Result<Program> {
        let exists = |id: NodeId| id < self.nodes.len();
        if let Some((name, _)) = outputs.iter().chain(updates).find(|(_, id)| !exists(*id)) {
            return Err(StepError::Format(format!("{name:?} names a value that does not exist")));
        }
        // states of the row come first
        let nodes = &self.nodes;
        self.states.sort_by_key(|&id| nodes[id].entries.is_some());
        let mut ordered = Vec::new();
        for &state in &self.states {
            let name = self.nodes[state].label.as_deref().unwrap_or("");
            let Some((_, update)) = updates.iter().find(|(key, _)| key == name) else {
                return Err(StepError::Trace(format!("{}: state {name:?} has no next value", self.name)));
            };
            if self.nodes[*update].shape != self.nodes[state].shape || self.nodes[*update].is_index {
                return Err(StepError::Shape(format!(
                    "{}: the next value of state {name:?} has shape {}; expected {}",
                    self.name,
                    shape_text(&self.nodes[*update].shape),
                    shape_text(&self.nodes[state].shape)
                )));
            }
            let (old, new) = (self.nodes[state].entries, self.nodes[*update].entries);
            if old.is_none() {
                self.check_on_row(&format!("the next value of state {name:?}"), *update)?;
            } else if old != new {
                return Err(StepError::Shape(format!(
                    "{}: the next value of state {name:?} is no value on the entries of the memory {:?}",
                    self.name,
                    self.memory_name(old.unwrap_or(0))
                )));
            }
            ordered.push(*update);
        }
        if updates.len() != self.states.len() {
            let known: Vec<&str> =
                self.states.iter().filter_map(|&id| self.nodes[id].label.as_deref()).collect();
            return Err(StepError::Trace(format!("{}: the states are {}", self.name, known.join(", "))));
        }
        for (position, (name, id)) in outputs.iter().enumerate() {
            self.check_on_row(&format!("output {name:?}"), *id)?;
            if outputs[..position].iter().any(|(other, _)| other == name) || self.nodes[*id].is_index {
                return Err(StepError::Shape(format!(
                    "{}: output {name:?} is given twice or is an id",
                    self.name
                )));
            }
        }
        Ok(Program {
            name: self.name,
            sizes: self.sizes,
            nodes: self.nodes,
            inputs: self.inputs,
            states: self.states,
            params: self.params,
            memories: self.memories,
            outputs: outputs.to_vec(),
            updates: ordered,
        })
    }
}

impl Equations for Builder {
    fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    fn constant(&mut self, value: f64) -> NodeId {
        let (op, attrs) = (rows::known("const"), Attrs::numbers(&[("value", value)]));
        let key = key(op, &[], &attrs, None);
        if let Some(&id) = self.made.get(&key) {
            return id;
        }
        let id = self.nodes.len();
        let args = Vec::new();
        self.nodes.push(Node {
            op,
            args,
            attrs,
            shape: Vec::new(),
            is_index: false,
            label: None,
            folded: true,
            entries: None,
        });
        self.made.insert(key, id);
        id
    }

    fn op_with(&mut self, name: &'static str, args: &[NodeId], attrs: Attrs) -> Result<NodeId> {
        self.add(rows::known(name), args, attrs)
    }
}

/// Whether a shape has from one to `most` elements.
fn fits(shape: &[Dim], most: usize) -> bool {
    let product = shape.iter().try_fold(1usize, |product, dim| product.checked_mul(dim.value));
    product.is_some_and(|product| (1..=most).contains(&product))
}

fn arity_text(arity: usize) -> String {
    if arity == usize::MAX { "one or more".into() } else { arity.to_string() }
}

/// Equal keys mean equal values. Sources are distinguished by their label.
fn key(op: OpId, args: &[NodeId], attrs: &Attrs, label: Option<&str>) -> String {
    let source = if args.is_empty() { label.unwrap_or("") } else { "" };
    let mut text = format!("{op} {source} {args:?}");
    for (name, value) in &attrs.0 {
        match value {
            Value::Number(x) => text.push_str(&format!(" {name}={:x}", x.to_bits())),
            Value::Shape(shape) => {
                text.push_str(&format!(" {:?}", shape.iter().map(|dim| dim.value).collect::<Vec<_>>()));
            }
        }
    }
    text
}
