//! Programs that the guard and the tests run: an LSTM, squared error, Adam.

use std::collections::BTreeMap;
use std::sync::Arc;

use ostinato_core::net::{Engine, LayerParts, Network};
use ostinato_core::step::{Attrs, Builder, Dim, Equations, NodeId, Program, Source};
use ostinato_core::update::{Extent, Form, Measure, Reduction};

fn vector(size: usize) -> Vec<Dim> {
    vec![Dim::number(size)]
}

fn matrix(rows: usize, columns: usize) -> Vec<Dim> {
    vec![Dim::number(rows), Dim::number(columns)]
}

/// Gate order i, f, g, o.
pub fn lstm(input: usize, hidden: usize) -> Program {
    let build = || {
        let mut g = Builder::new("lstm", BTreeMap::new());
        let x = g.source(Source::Input, "x", vector(input))?;
        let h = g.source(Source::State, "h", vector(hidden))?;
        let c = g.source(Source::State, "c", vector(hidden))?;
        let w_x = g.source(Source::Param, "w_x", matrix(4 * hidden, input))?;
        let w_h = g.source(Source::Param, "w_h", matrix(4 * hidden, hidden))?;
        let b = g.source(Source::Param, "b", vector(4 * hidden))?;
        let from_x = g.op("matmul", &[w_x, x])?;
        let from_h = g.op("matmul", &[w_h, h])?;
        let sum = g.op("add", &[from_x, from_h])?;
        let a = g.op("add", &[sum, b])?;
        let mut gate = |number: usize, function: &'static str| {
            let (start, stop) = ((number * hidden) as f64, ((number + 1) * hidden) as f64);
            let part = g.op_with("slice", &[a], Attrs::numbers(&[("start", start), ("stop", stop)]))?;
            g.op(function, &[part])
        };
        let (i, f, n, o) = (gate(0, "sigmoid")?, gate(1, "sigmoid")?, gate(2, "tanh")?, gate(3, "sigmoid")?);
        let (kept, new) = (g.op("mul", &[f, c])?, g.op("mul", &[i, n])?);
        let next_c = g.op("add", &[kept, new])?;
        let bent = g.op("tanh", &[next_c])?;
        let next_h = g.op("mul", &[o, bent])?;
        g.finish(&named(&[("output", next_h)]), &named(&[("h", next_h), ("c", next_c)]))
    };
    build().expect("an LSTM is a program")
}

/// The mean of squared differences.
pub fn squared_error(width: usize) -> Program {
    let build = || {
        let mut g = Builder::new("mse", BTreeMap::new());
        let y = g.source(Source::Input, "y", vector(width))?;
        let target = g.source(Source::Input, "target", vector(width))?;
        let error = g.op("sub", &[y, target])?;
        let square = g.op("mul", &[error, error])?;
        let mean = g.op("mean", &[square])?;
        g.finish(&named(&[("output", mean)]), &[])
    };
    build().expect("squared error is a program")
}

/// Adam with the usual constants; scalars lr and count.
pub fn adam() -> Program {
    let build = || {
        let mut g = Builder::new("adam", BTreeMap::new());
        let param = g.source(Source::Input, "param", Vec::new())?;
        let grad = g.source(Source::Input, "grad", Vec::new())?;
        let mean = g.source(Source::State, "mean", Vec::new())?;
        let square = g.source(Source::State, "mean_square", Vec::new())?;
        let lr = g.source(Source::Param, "lr", Vec::new())?;
        let count = g.source(Source::Param, "count", Vec::new())?;
        let [one, b1, b2, rest1, rest2, eps] = [1.0, 0.9, 0.999, 0.1, 0.001, 1e-8].map(|x| g.constant(x));
        let (old, new) = (g.op("mul", &[b1, mean])?, g.op("mul", &[rest1, grad])?);
        let m = g.op("add", &[old, new])?;
        let grads = g.op("mul", &[grad, grad])?;
        let (old, new) = (g.op("mul", &[b2, square])?, g.op("mul", &[rest2, grads])?);
        let v = g.op("add", &[old, new])?;
        let half = g.constant(-0.5);
        let (p1, p2) = (g.op("pow", &[b1, count])?, g.op("pow", &[b2, count])?);
        let (c1, c2) = (g.op("sub", &[one, p1])?, g.op("sub", &[one, p2])?);
        let (rate, correction) = (g.op("div", &[lr, c1])?, g.op("pow", &[c2, half])?);
        let root = g.op("sqrt", &[v])?;
        let corrected = g.op("mul", &[root, correction])?;
        let scale = g.op("add", &[corrected, eps])?;
        let scaled = g.op("mul", &[rate, m])?;
        let step = g.op("div", &[scaled, scale])?;
        let next = g.op("sub", &[param, step])?;
        g.finish(&named(&[("param", next)]), &named(&[("mean", m), ("mean_square", v)]))
    };
    build().expect("Adam is a program")
}

/// Slots of a row, a column and a whole parameter, a mean square of each row and column, and the norm of the step.
#[allow(dead_code)] // the tests use this file too
pub fn factored() -> (Program, Form) {
    let build = || {
        let mut g = Builder::new("factored", BTreeMap::new());
        let param = g.source(Source::Input, "param", Vec::new())?;
        let grad = g.source(Source::Input, "grad", Vec::new())?;
        let row = g.source(Source::State, "row", Vec::new())?;
        let column = g.source(Source::State, "column", Vec::new())?;
        let lr = g.source(Source::Param, "lr", Vec::new())?;
        let age = g.source(Source::Param, "age", Vec::new())?;
        let of_row = g.source(Source::Input, "of_row", Vec::new())?;
        let of_column = g.source(Source::Input, "of_column", Vec::new())?;
        let norm = g.source(Source::Param, "norm", Vec::new())?;
        let [one, half] = [1.0, 0.5].map(|x| g.constant(x));
        let (old, new) = (g.op("mul", &[half, row])?, g.op("mul", &[half, of_row])?);
        let new_row = g.op("add", &[old, new])?;
        let (old, new) = (g.op("mul", &[half, column])?, g.op("mul", &[half, of_column])?);
        let new_column = g.op("add", &[old, new])?;
        let both = g.op("mul", &[new_row, new_column])?;
        let scale = g.op("add", &[both, one])?;
        let direction = g.op("div", &[grad, scale])?;
        let length = g.op("add", &[norm, one])?;
        let rate = g.op("div", &[lr, length])?;
        let step = g.op("mul", &[rate, direction])?;
        let next = g.op("sub", &[param, step])?;
        let older = g.op("add", &[age, one])?;
        let outputs = [("param", next), ("age", older), ("a", grad), ("b", grad), ("c", direction)];
        g.finish(&named(&outputs), &named(&[("row", new_row), ("column", new_column)]))
    };
    let over = |measure, over| Reduction { measure, over };
    let reductions = vec![
        over(Measure::Rms, Extent::Row),
        over(Measure::Mean, Extent::Column),
        over(Measure::Norm, Extent::Whole),
    ];
    let slots = vec![Extent::Row, Extent::Column, Extent::Whole];
    (build().expect("a program"), Form { slots, reductions })
}

/// One layer of LSTM, its parameters one after the other.
pub fn network(input: usize, hidden: usize) -> Arc<Engine> {
    lstm_network(input, hidden, Network::default())
}

/// The same with both matrices frozen, so that only the bias has a gradient.
#[allow(dead_code)] // the tests use this file too
pub fn frozen(input: usize, hidden: usize) -> Arc<Engine> {
    let matrices = [0, 4 * hidden * input];
    lstm_network(input, hidden, Network { frozen: matrices.into(), ..Network::default() })
}

fn lstm_network(input: usize, hidden: usize, mut network: Network) -> Arc<Engine> {
    let (w_x, w_h) = (4 * hidden * input, 4 * hidden * hidden);
    let x = network.input("x", "time", input).expect("a width");
    let params = [0, w_x, w_x + w_h];
    let y = network.layer(LayerParts::new(&lstm(input, hidden), &[x], &params)).expect("a layer");
    network.finish(&[("output", y)]).expect("an output");
    Arc::new(Engine::new(network))
}

/// A layer of LSTM in each direction, their outputs side by side.
#[allow(dead_code)] // for the tests
pub fn both_ways(input: usize, hidden: usize) -> Arc<Engine> {
    let mut network = Network::default();
    let (w_x, w_h) = (4 * hidden * input, 4 * hidden * hidden);
    let x = network.input("x", "time", input).expect("a width");
    let mut first = 0;
    let mut layer = |network: &mut Network, x: usize| {
        let params = [first, first + w_x, first + w_x + w_h];
        first += w_x + w_h + 4 * hidden;
        network.layer(LayerParts::new(&lstm(input, hidden), &[x], &params)).expect("a layer")
    };
    let there = layer(&mut network, x);
    let mirrored = network.derive("reverse", &[x]).expect("a sequence");
    let back = layer(&mut network, mirrored);
    let back = network.derive("reverse", &[back]).expect("a sequence");
    let both = network.derive("concat", &[there, back]).expect("two sequences");
    network.finish(&[("output", both)]).expect("an output");
    Arc::new(Engine::new(network))
}

/// Numbers between -0.1 and 0.1 that look random enough for weights.
pub fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 + 13) % 2003) as f32 / 10_015.0 - 0.1).collect()
}

fn named(pairs: &[(&str, NodeId)]) -> Vec<(String, NodeId)> {
    pairs.iter().map(|&(name, id)| (name.to_string(), id)).collect()
}
