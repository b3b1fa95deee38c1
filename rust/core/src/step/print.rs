//! Prints a program as readable equations.

use std::fmt;

use super::rows::{self, Run};
use super::{NodeId, Program, Value, shape_text};

/// Values that are used once and whose text is shorter than this are written inline.
const INLINE: usize = 60;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = |ids: &[NodeId]| -> String {
            let one = |&id: &NodeId| {
                let kind =
                    if self.nodes[id].is_index { "id".into() } else { shape_text(&self.nodes[id].shape) };
                let on = match self.nodes[id].entries.filter(|_| rows::row(self.nodes[id].op).name == "state")
                {
                    Some(axis) => {
                        let k = (0..self.memories.len()).find(|&k| self.axis_of_memory(k) == axis);
                        format!(" on {}", k.map_or("", |k| self.label(self.memories[k])))
                    }
                    None => String::new(),
                };
                format!("{} {kind}{on}", self.label(id))
            };
            ids.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "program {}", self.name)?;
        for (title, ids) in [
            ("inputs", &self.inputs),
            ("states", &self.states),
            ("parameters", &self.params),
            ("memories", &self.memories),
        ] {
            if !ids.is_empty() {
                writeln!(f, "  {title:<11}{}", sources(ids))?;
            }
        }
        let printer = Printer::new(self);
        for line in printer.lines() {
            writeln!(f, "  {line}")?;
        }
        let outputs: Vec<String> =
            self.outputs.iter().map(|(name, id)| format!("{name} = {}", printer.name(*id))).collect();
        writeln!(f, "  {:<11}{}", "outputs", outputs.join(", "))?;
        if !self.states.is_empty() {
            let updates: Vec<String> = (self.states.iter().zip(&self.updates))
                .map(|(&state, &next)| format!("{}' = {}", self.label(state), printer.name(next)))
                .collect();
            writeln!(f, "  {:<11}{}", "next state", updates.join(", "))?;
        }
        Ok(())
    }
}

struct Printer<'a> {
    program: &'a Program,
    texts: Vec<String>,
    inline: Vec<bool>,
}

/// The precedence of an operator; a name or a call has the highest.
fn binding(op: &str) -> u8 {
    match op {
        "less" | "less_equal" | "greater" | "greater_equal" => 0,
        "add" | "sub" => 1,
        "mul" | "div" | "matmul" | "product" => 2,
        "neg" => 3,
        "pow" => 4,
        _ => 5,
    }
}

impl<'a> Printer<'a> {
    fn new(program: &'a Program) -> Self {
        let live = program.live();
        let mut uses = vec![0usize; program.nodes.len()];
        for (node, _) in program.nodes.iter().zip(&live).filter(|(_, live)| **live) {
            node.args.iter().for_each(|&arg| uses[arg] += 1);
        }
        for &id in program.outputs.iter().map(|(_, id)| id).chain(&program.updates) {
            uses[id] += 2; // a result gets its own line
        }
        let mut printer = Printer { program, texts: Vec::new(), inline: Vec::new() };
        for (id, node) in program.nodes.iter().enumerate() {
            let text = printer.expression(id);
            let source = rows::row(node.op).run == Run::Source;
            let hidden =
                source || !live[id] || (uses[id] <= 1 && node.label.is_none() && text.len() < INLINE);
            printer.inline.push(hidden);
            printer.texts.push(text);
        }
        printer
    }

    fn lines(&self) -> Vec<String> {
        let shown = (0..self.texts.len()).filter(|&id| !self.inline[id]);
        shown
            .map(|id| {
                let shape = shape_text(&self.program.nodes[id].shape);
                format!("{:<60} {shape}", format!("{} = {}", self.name(id), self.texts[id]))
            })
            .collect()
    }

    /// The name by which other values refer to this one.
    fn name(&self, id: NodeId) -> String {
        let node = &self.program.nodes[id];
        if self.inline[id] {
            return self.texts[id].clone();
        }
        match &node.label {
            Some(label) => {
                let twice = self.program.nodes[..id].iter().any(|other| other.label.as_ref() == Some(label));
                if twice { format!("{label}_{id}") } else { label.clone() }
            }
            None => format!("v{id}"),
        }
    }

    /// An operand, in parentheses if its precedence is lower than `least`.
    fn operand(&self, id: NodeId, least: u8) -> String {
        let row = rows::row(self.program.nodes[id].op);
        let loose = self.inline[id] && binding(row.name) < least;
        if loose { format!("({})", self.name(id)) } else { self.name(id) }
    }

    fn expression(&self, id: NodeId) -> String {
        let node = &self.program.nodes[id];
        let row = rows::row(node.op);
        let bound = binding(row.name);
        // a - (b - c): the right operand of an operator of equal precedence keeps its parentheses
        let infix = |op: &str| {
            format!("{} {op} {}", self.operand(node.args[0], bound), self.operand(node.args[1], bound + 1))
        };
        match row.name {
            "const" => format!("{}", node.attrs.number("value")),
            "input" | "state" | "param" | "memory" => node.label.clone().unwrap_or_default(),
            "add" => infix("+"),
            "sub" => infix("-"),
            "mul" => infix("*"),
            "div" => infix("/"),
            "pow" => infix("**"),
            "less" => infix("<"),
            "less_equal" => infix("<="),
            "greater" => infix(">"),
            "greater_equal" => infix(">="),
            "neg" => format!("-{}", self.operand(node.args[0], bound)),
            "product" => infix("@"),
            "matmul" => {
                let flip = if node.attrs.flag("transpose") { ".T" } else { "" };
                format!("{}{flip} @ {}", self.operand(node.args[0], 5), self.operand(node.args[1], bound + 1))
            }
            "slice" => {
                let range = format!("{}:{}", node.attrs.int("start"), node.attrs.int("stop"));
                format!("{}[{range}]", self.operand(node.args[0], 5))
            }
            "noise" => {
                let per = ["step", "sequence", "weights"][node.attrs.int("per").min(2)];
                let shape = shape_text(node.attrs.shape());
                format!("noise({}, per {per}, {shape})", node.attrs.int("stream"))
            }
            name if name.starts_with("entries_") => {
                let mut parts: Vec<String> = node.args.iter().map(|&arg| self.name(arg)).collect();
                if name == "entries_shift" {
                    parts.push(node.attrs.number("by").to_string());
                }
                format!("{}({})", name.replacen('_', ".", 1), parts.join(", "))
            }
            name => {
                // `clip` becomes this op
                let name = if name == "clip_to" { "clip" } else { name };
                let mut parts: Vec<String> = node.args.iter().map(|&arg| self.name(arg)).collect();
                for ((key, value), (_, default)) in node.attrs.0.iter().zip(row.attrs) {
                    match value {
                        Value::Number(x) if Some(*x) != *default => parts.push(format!("{key}={x}")),
                        _ => {}
                    }
                }
                if row.takes_shape {
                    parts.push(shape_text(node.attrs.shape()));
                }
                format!("{name}({})", parts.join(", "))
            }
        }
    }
}
