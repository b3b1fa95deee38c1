//! Rows of the ops on the columns of a matrix. The planner adds them where it divides a product of several vectors side by
//! side; authors have `slice` and `concat`, which work along the first axis.

use super::op_row::{Grad, OpRow, Site, Tangent};
use super::run::Run;
use crate::step::{Attrs, Equations, Node, NodeId, Result, Shape};

/// The matrix `start..stop` of an operand's columns, if they exist.
fn columns(args: &[&Node], attrs: &Attrs) -> std::result::Result<Shape, String> {
    let [rows, width] = &args[0].shape[..] else { return Err("expected a matrix".into()) };
    let (start, stop) = (attrs.number("start"), attrs.number("stop"));
    let is_whole = start.fract() == 0.0 && stop.fract() == 0.0;
    if !(is_whole && 0.0 <= start && start < stop && stop <= width.value as f64) {
        return Err(format!("the columns {start}:{stop} do not exist; expected some of {}", width.value));
    }
    Ok(vec![rows.clone(), width.part((stop - start) as usize)])
}

/// The shape of matrices side by side.
fn joined(args: &[&Node], _: &Attrs) -> std::result::Result<Shape, String> {
    let [rows, first] = &args[0].shape[..] else { return Err("expected a matrix".into()) };
    let mut width = first.clone();
    for arg in &args[1..] {
        match &arg.shape[..] {
            [other, columns] if other == rows => width = width.plus(columns),
            _ => return Err(format!("expected matrices of {} rows", rows.value)),
        }
    }
    Ok(vec![rows.clone(), width])
}

/// `start..stop` of the columns of `matrix`.
fn part(g: &mut dyn Equations, matrix: NodeId, start: usize, stop: usize) -> Result<NodeId> {
    let range = Attrs::numbers(&[("start", start as f64), ("stop", stop as f64)]);
    g.op_with("columns", &[matrix], range)
}

/// The gradient of the columns, between zeros.
fn columns_back(g: &mut dyn Equations, site: &Site) -> Result<Vec<Grad>> {
    let (start, stop) = (site.attrs.int("start"), site.attrs.int("stop"));
    let shape = g.node(site.args[0]).shape.clone();
    let zero = g.constant(0.0);
    let mut parts = Vec::new();
    for (before, width) in [(true, start), (false, shape[1].value - stop)] {
        if !before {
            parts.push(site.d);
        }
        if width > 0 {
            let gap = [shape[0].clone(), shape[1].part(width)];
            parts.push(g.op_with("broadcast_to", &[zero], Attrs::shape_of(&gap))?);
        }
    }
    Ok(vec![Grad::Node(g.op("join_columns", &parts)?)])
}

fn joined_back(g: &mut dyn Equations, site: &Site) -> Result<Vec<Grad>> {
    let mut start = 0;
    let mut grads = Vec::with_capacity(site.args.len());
    for &arg in site.args {
        let stop = start + g.node(arg).shape[1].value;
        grads.push(Grad::Node(part(g, site.d, start, stop)?));
        start = stop;
    }
    Ok(grads)
}

pub fn rows() -> Vec<OpRow> {
    let base = OpRow {
        name: "columns",
        arity: 1,
        attrs: &[("start", None), ("stop", None)],
        takes_shape: false,
        shape: columns,
        run: Run::Columns,
        expand: None,
        adjoint: columns_back,
        tangent: Tangent::Linear,
        cost: 1.0,
        internal: true,
    };
    let join = OpRow {
        name: "join_columns",
        arity: usize::MAX,
        attrs: &[],
        shape: joined,
        run: Run::JoinColumns,
        adjoint: joined_back,
        ..base
    };
    vec![base, join]
}
