//! A program as a person would write it.

use std::fmt;

use super::rows::{self, Run};
use super::{NodeId, Program, Value, shape_text};

/// Values that are used once and whose text is shorter than this are written in place.
const INLINE: usize = 60;

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = |ids: &[NodeId]| -> String {
            let one = |&id: &NodeId| {
                let kind = if self.nodes[id].is_index {
                    "id".into()
                } else {
                    shape_text(&self.nodes[id].shape)
                };
                format!("{} {kind}", self.label(id))
            };
            ids.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "program {}", self.name)?;
        for (title, ids) in [
            ("inputs", &self.inputs),
            ("states", &self.states),
            ("parameters", &self.params),
        ] {
            if !ids.is_empty() {
                writeln!(f, "  {title:<11}{}", sources(ids))?;
            }
        }
        let printer = Printer::new(self);
        for line in printer.lines() {
            writeln!(f, "  {line}")?;
        }
        let outputs: Vec<String> = self
            .outputs
            .iter()
            .map(|(name, id)| format!("{name} = {}", printer.name(*id)))
            .collect();
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

impl<'a> Printer<'a> {
    fn new(program: &'a Program) -> Self {
        let live = program.live();
        let mut uses = vec![0usize; program.nodes.len()];
        for (id, node) in program.nodes.iter().enumerate() {
            if live[id] {
                node.args.iter().for_each(|&arg| uses[arg] += 1);
            }
        }
        for &id in program.outputs.iter().map(|(_, id)| id).chain(&program.updates) {
            uses[id] += 2; // a result gets a line of its own
        }
        let mut printer = Printer {
            program,
            texts: Vec::new(),
            inline: Vec::new(),
        };
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
                format!(
                    "{:<60} {shape}",
                    format!("{} = {}", self.name(id), self.texts[id])
                )
            })
            .collect()
    }

    /// How other values name this one.
    fn name(&self, id: NodeId) -> String {
        let node = &self.program.nodes[id];
        if self.inline.get(id).copied().unwrap_or(false) {
            return self.texts[id].clone();
        }
        match &node.label {
            Some(label) => {
                let twice = self.program.nodes[..id]
                    .iter()
                    .any(|other| other.label.as_ref() == Some(label));
                if twice {
                    format!("{label}_{id}")
                } else {
                    label.clone()
                }
            }
            None => format!("v{id}"),
        }
    }

    /// An operand of an infix operator: in brackets where it is an infix expression itself.
    fn operand(&self, id: NodeId) -> String {
        let text = self.name(id);
        if text.contains(' ') && !text.ends_with(')') || text.contains(") ") {
            format!("({text})")
        } else {
            text
        }
    }

    fn expression(&self, id: NodeId) -> String {
        let node = &self.program.nodes[id];
        let row = rows::row(node.op);
        let infix = |op: &str| {
            format!(
                "{} {op} {}",
                self.operand(node.args[0]),
                self.operand(node.args[1])
            )
        };
        match row.name {
            "const" => format!("{}", node.attrs.number("value")),
            "input" | "state" | "param" => node.label.clone().unwrap_or_default(),
            "add" => infix("+"),
            "sub" => infix("-"),
            "mul" => infix("*"),
            "div" => infix("/"),
            "pow" => infix("**"),
            "less" => infix("<"),
            "less_equal" => infix("<="),
            "greater" => infix(">"),
            "greater_equal" => infix(">="),
            "neg" => format!("-{}", self.operand(node.args[0])),
            "matmul" => {
                let flip = if node.attrs.flag("transpose") { ".T" } else { "" };
                format!(
                    "{}{flip} @ {}",
                    self.operand(node.args[0]),
                    self.operand(node.args[1])
                )
            }
            "slice" => {
                format!(
                    "{}[{}:{}]",
                    self.operand(node.args[0]),
                    node.attrs.int("start"),
                    node.attrs.int("stop")
                )
            }
            name => {
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
