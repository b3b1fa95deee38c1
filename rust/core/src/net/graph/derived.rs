//! Adds nodes that move elements of other nodes, or of some of their columns.

use std::ops::Range;

use super::axis::Axis;
use super::error::NetError;
use super::kinds::{self, Part};
use super::network::{Network, WIDEST};
use super::node::{Node, NodeKind};

impl Network {
    /// Adds a node that moves elements of other nodes: see `kinds`.
    pub fn derive(&mut self, kind: &str, nodes: &[usize]) -> Result<usize, NetError> {
        self.derive_columns(kind, nodes, &[])
    }

    /// Adds a node that moves elements of some columns of other nodes. `columns` has one range for each node, or is empty
    /// for all columns.
    pub fn derive_columns(
        &mut self,
        kind: &str,
        nodes: &[usize],
        columns: &[Range<usize>],
    ) -> Result<usize, NetError> {
        let Some(found) = kinds::find(kind) else {
            let names: Vec<&str> = kinds::KINDS.iter().map(|kind| kind.name).collect();
            let text = format!("{kind:?} is not a kind of node; expected one of {}", names.join(", "));
            return Err(NetError::Config(text));
        };
        if !columns.is_empty() && columns.len() != nodes.len() {
            let text = format!("{kind}: columns of {} values, got {} values", columns.len(), nodes.len());
            return Err(NetError::Config(text));
        }
        let mut parts = Vec::with_capacity(nodes.len());
        for (place, &node) in nodes.iter().enumerate() {
            let Node { width, axis, .. } = *self.check(node)?;
            // of a second part of `repeat`, only the axis is read
            let reads = found.name != "repeat" || parts.is_empty();
            if reads && self.limit(node).is_some() {
                return Err(NetError::Config(format!("{kind}: ids have no features; look them up first")));
            }
            let columns = columns.get(place).cloned().unwrap_or(0..width);
            if columns.is_empty() || columns.end > width {
                let text = format!("{kind}: columns {} to {} of {width}", columns.start, columns.end);
                return Err(NetError::Shape(text));
            }
            if columns.len() < width && !reads {
                return Err(NetError::Config(format!(
                    "{kind}: columns of a value of which only the axis is read"
                )));
            }
            let (first, width) = (columns.start, columns.len());
            parts.push(Part { node, first, width, axis, axis_name: self.axis_name(axis) });
        }
        let made = (found.make)(&parts).map_err(|text| NetError::Shape(format!("{kind}: {text}")))?;
        if made.width > WIDEST {
            let text = format!("{kind}: {} features; expected at most {WIDEST}", made.width);
            return Err(NetError::Shape(text));
        }
        // the first axis is what a kind of one part means, so it is not written
        let own = if made.axis == Axis::FIRST && found.name == "repeat" { 1 } else { nodes.len() };
        if made.axis == Axis::FIRST {
            self.first_axis();
        }
        let differentiated = made.moves.iter().any(|one| self.nodes[one.from].differentiated);
        let node = NodeKind::Derived {
            kind: found.name,
            parts: nodes[..own].to_vec(),
            columns: columns.iter().take(own).cloned().collect(),
            moves: made.moves,
        };
        Ok(self.push(node, made.width, made.axis, differentiated))
    }
}

#[cfg(test)]
mod tests {
    use super::super::layer::LayerParts;
    use super::*;
    use crate::step::{Builder, Dim, Equations, Program, Source};
    use std::collections::BTreeMap;

    /// Joins the columns 1 and 2 of a sequence with the columns 0 and 1.
    fn network() -> Network {
        let mut network = Network::default();
        let x = network.input("x", "time", 3).unwrap();
        let joined = network.derive_columns("concat", &[x, x], &[1..3, 0..2]).unwrap();
        assert_eq!(network.width(joined), 4);
        network.finish(&[("y", joined)]).unwrap();
        network
    }

    #[test]
    fn a_text_gives_the_columns_back() {
        let text = network().to_json().unwrap();
        assert!(text.starts_with(r#"{"format":2,"#), "{text}");
        assert_eq!(Network::from_json(&text, true).unwrap().nodes, network().nodes);
    }

    #[test]
    fn hostile_columns_are_errors() {
        let text = network().to_json().unwrap();
        let right = r#""columns":[[1,3],[0,2]]"#;
        for wrong in [
            "[[1,4],[0,2]]",
            "[[3,1],[0,2]]",
            "[[1,1],[0,2]]",
            "[[1,99999999999999999999],[0,2]]",
            "[[1,3,3],[0,2]]",
            "[[-1,3],[0,2]]",
            "[[1,3]]",
            "[1,3]",
            "[]",
            "true",
        ] {
            let damaged = text.replace(right, &format!(r#""columns":{wrong}"#));
            assert_ne!(damaged, text);
            assert!(Network::from_json(&damaged, true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn columns_of_a_value_that_is_not_read_are_refused() {
        let mut network = Network::default();
        let x = network.input("x", "source", 3).unwrap();
        let row = network.input("row", "row", 2).unwrap();
        let error = network.derive_columns("repeat", &[row, x], &[0..1, 1..2]).unwrap_err().to_string();
        assert!(error.contains("only the axis"), "{error}");
        assert!(network.derive_columns("repeat", &[row, x], &[0..1, 0..3]).is_ok());
    }

    /// y = v x + w r.
    fn of_two() -> Program {
        let mut g = Builder::new("step", BTreeMap::new());
        let mut product = |name: &str, input: &str, width: usize| {
            let x = g.source(Source::Input, input, vec![Dim::number(width)]).unwrap();
            let shape = vec![Dim::number(64), Dim::number(width)];
            let w = g.source(Source::Param, name, shape).unwrap();
            g.op("matmul", &[w, x]).unwrap()
        };
        let (of_x, of_r) = (product("v", "x", 1), product("w", "r", 8));
        let y = g.op("add", &[of_x, of_r]).unwrap();
        g.finish(&[("y".to_string(), y)], &[]).unwrap()
    }

    /// Into how many layers a layer is divided that reads a sequence, and what `read` makes of nine features of a row.
    fn layers_of(read: impl Fn(&mut Network, usize) -> usize) -> usize {
        let (mut network, program) = (Network::default(), of_two());
        let x = network.input("x", "time", 1).unwrap();
        let row = network.input("row", "row", 9).unwrap();
        let some = read(&mut network, row);
        let y = network.layer(LayerParts::new(&program, &[x, some], &[0, 64])).unwrap();
        network.finish(&[("y", y)]).unwrap();
        network.layers.len()
    }

    #[test]
    fn columns_of_a_row_are_read_once_per_row() {
        let columns = 1..9;
        let columns = std::slice::from_ref(&columns);
        let of_row = layers_of(|network, row| {
            let some = network.derive_columns("concat", &[row], columns).unwrap();
            network.derive("repeat", &[some]).unwrap()
        });
        // not looked through: the columns are those of a sequence
        let of_sequence = layers_of(|network, row| {
            let repeated = network.derive("repeat", &[row]).unwrap();
            network.derive_columns("concat", &[repeated], columns).unwrap()
        });
        assert_eq!((of_row, of_sequence), (2, 1));
    }
}
