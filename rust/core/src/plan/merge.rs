//! Fuses several row ops into one: each fusion saves a pass of a tile through the L1 cache.

use std::collections::HashMap;

use crate::step::{Attrs, Node, NodeId, Value, rows};

use super::phase::Phase;
use super::schedule::Product;

/// Ops that absorb a product that nothing else reads: their name, the position of the product among their operands, and the
/// fused op, with the factors after or before the remaining operand.
const PRODUCTS: [(&str, usize, &str); 4] = [
    ("add", 1, "mul_add"),
    ("add", 0, "mul_add"),
    ("sigmoid_grad", 1, "sigmoid_grad_of_product"),
    ("tanh_grad", 1, "tanh_grad_of_product"),
];

/// Fuses ops where possible. `fused` are the sums that matrix products have absorbed; `wanted` are results.
pub fn merge(nodes: &mut [Node], phases: &mut [Phase], fused: &HashMap<NodeId, Product>, wanted: &[NodeId]) {
    let mut uses = vec![0usize; nodes.len()];
    for (node, _) in nodes.iter().zip(phases.iter()).filter(|(_, phase)| **phase != Phase::None) {
        node.args.iter().for_each(|&arg| uses[arg] += 1);
    }
    wanted.iter().for_each(|&id| uses[id] += 2);
    for id in 0..nodes.len() {
        if phases[id] == Phase::None || fused.contains_key(&id) {
            continue;
        }
        let ops = Ops { nodes, phases, uses: &uses };
        let merged = ops.norm_grad(id).or_else(|| ops.lerp(id)).or_else(|| ops.of_product(id));
        let merged = merged.or_else(|| ops.add_at_to(id));
        if let Some(Fusion { op, args, attrs, gone }) = merged
            && let Some(op) = rows::find(op)
        {
            (nodes[id].op, nodes[id].args, nodes[id].attrs) = (op, args, attrs);
            gone.into_iter().for_each(|id| phases[id] = Phase::None);
        }
    }
}

/// The fused op, and the ops that it replaces.
struct Fusion {
    op: &'static str,
    args: Vec<NodeId>,
    attrs: Attrs,
    gone: Vec<NodeId>,
}

struct Ops<'a> {
    nodes: &'a [Node],
    phases: &'a [Phase],
    uses: &'a [usize],
}

impl Ops<'_> {
    fn name(&self, id: NodeId) -> &'static str {
        rows::row(self.nodes[id].op).name
    }

    /// The operands of `id` if it is op `name`, in the same phase as `reader`, and `reader` alone reads it.
    fn only(&self, id: NodeId, name: &str, reader: NodeId) -> Option<&[NodeId]> {
        let is_near =
            self.phases[id] == self.phases[reader] && self.nodes[id].entries == self.nodes[reader].entries;
        let fits = self.name(id) == name && is_near && self.uses[id] == 1;
        fits.then_some(&self.nodes[id].args[..])
    }

    fn numel(&self, id: NodeId) -> usize {
        self.nodes[id].numel()
    }

    /// `add(a b, c)` and the other ops of `PRODUCTS`.
    fn of_product(&self, id: NodeId) -> Option<Fusion> {
        PRODUCTS.iter().filter(|(name, ..)| *name == self.name(id)).find_map(|&(_, position, op)| {
            let args = &self.nodes[id].args;
            let (product, other) = (args[position], args[1 - position]);
            let factors = self.only(product, "mul", id).filter(|_| self.numel(product) == self.numel(id))?;
            let args = match op {
                "mul_add" => vec![factors[0], factors[1], other],
                _ => vec![other, factors[0], factors[1]],
            };
            Some(Fusion { op, args, attrs: Attrs::default(), gone: vec![product] })
        })
    }

    /// `add(x, add_at(d, places))`, in any order of operands. The numbers may be known long before x.
    fn add_at_to(&self, id: NodeId) -> Option<Fusion> {
        if self.name(id) != "add" {
            return None;
        }
        let args = &self.nodes[id].args;
        [(0, 1), (1, 0)].into_iter().find_map(|(sum, x)| {
            let (sum, x) = (args[sum], args[x]);
            let of = &self.nodes[sum];
            let is_own = self.name(sum) == "add_at" && self.uses[sum] == 1 && self.phases[sum] != Phase::None;
            let fits = is_own && of.entries.is_none() && self.numel(x) == self.numel(id);
            fits.then(|| Fusion {
                op: "add_at_to",
                args: vec![x, of.args[0], of.args[1]],
                attrs: Attrs::default(),
                gone: vec![sum],
            })
        })
    }

    /// `a b + (1 - a) c`, in any order of operands.
    fn lerp(&self, id: NodeId) -> Option<Fusion> {
        if self.name(id) != "add" {
            return None;
        }
        let sums = [[0, 1], [1, 0]];
        sums.iter().find_map(|&[near, rest]| {
            let (near, rest) = (self.nodes[id].args[near], self.nodes[id].args[rest]);
            let (first, second) = (self.only(near, "mul", id)?, self.only(rest, "mul", id)?);
            let whole = [near, rest].iter().all(|&product| self.numel(product) == self.numel(id));
            [[0, 1], [1, 0]].iter().filter(|_| whole).find_map(|&[gap, c]| {
                let a = self.rest_of_one(second[gap], rest)?;
                let position = first.iter().position(|&factor| factor == a)?;
                let args = vec![a, first[1 - position], second[c]];
                Some(Fusion {
                    op: "lerp",
                    args,
                    attrs: Attrs::default(),
                    gone: vec![near, rest, second[gap]],
                })
            })
        })
    }

    /// The a of `1 - a`, if `reader` alone reads it.
    fn rest_of_one(&self, id: NodeId, reader: NodeId) -> Option<NodeId> {
        let &[one, a] = self.only(id, "sub", reader)? else { return None };
        let is_one = self.name(one) == "const"
            && matches!(self.nodes[one].attrs.0.first(), Some((_, Value::Number(x))) if *x == 1.0);
        is_one.then_some(a)
    }

    /// `r (d - mean(d) - y mean(d y))` or, without `mean(d)`, the gradient of the other norm, in the form of the adjoint
    /// rules. The scale r, one number for each line, may be computed anywhere.
    fn norm_grad(&self, id: NodeId) -> Option<Fusion> {
        if self.name(id) != "mul" {
            return None;
        }
        let &[rest, scale] = &self.nodes[id].args[..] else { return None };
        let &[centred, along] = self.only(rest, "sub", id)? else { return None };
        let &[y, mean_of_product] = self.only(along, "mul", rest)? else { return None };
        let &[product] = self.only(mean_of_product, "mean", along)? else { return None };
        let &[d, other] = self.only(product, "mul", mean_of_product)? else { return None };
        let lines = self.numel(mean_of_product);
        let whole = self.numel(y) == self.numel(id) && self.numel(d) == self.numel(id);
        if other != y || !whole || self.numel(scale) != lines {
            return None;
        }
        let mut gone = vec![rest, along, mean_of_product, product];
        let op = if centred == d {
            "rms_norm_grad"
        } else {
            let &[same, mean] = self.only(centred, "sub", rest)? else { return None };
            let &[of] = self.only(mean, "mean", centred)? else { return None };
            if (same, of) != (d, d) {
                return None;
            }
            gone.extend([centred, mean]);
            "layer_norm_grad"
        };
        Some(Fusion { op, args: vec![scale, y, d], attrs: Attrs::default(), gone })
    }
}
