//! The constants of an op: `start`, `stop`, `eps`, `shape`, ...

use super::{Dim, Shape};

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Number(f64),
    Shape(Shape),
}

/// The attributes of one node, in the order of the op's row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attrs(pub Vec<(&'static str, Value)>);

impl Attrs {
    pub fn numbers(pairs: &[(&'static str, f64)]) -> Attrs {
        Attrs(pairs.iter().map(|&(name, x)| (name, Value::Number(x))).collect())
    }

    pub fn shape_of(shape: &[Dim]) -> Attrs {
        Attrs(vec![("shape", Value::Shape(shape.to_vec()))])
    }

    /// The number `name`. Every attribute of a node is present: the builder fills in defaults.
    pub fn number(&self, name: &str) -> f64 {
        self.0
            .iter()
            .find_map(|(key, value)| match value {
                Value::Number(x) if *key == name => Some(*x),
                _ => None,
            })
            .unwrap_or(0.0)
    }

    pub fn int(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    pub fn flag(&self, name: &str) -> bool {
        self.number(name) != 0.0
    }

    pub fn shape(&self) -> &[Dim] {
        self.0
            .iter()
            .find_map(|(_, value)| match value {
                Value::Shape(shape) => Some(shape.as_slice()),
                Value::Number(_) => None,
            })
            .unwrap_or(&[])
    }
}
