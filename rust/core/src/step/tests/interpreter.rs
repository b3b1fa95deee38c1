//! Every op on plain vectors, one element after the other: what tests compare derivatives with.
//!
//! Shares no code with the kernels, and knows the ops by their names alone.

use crate::step::{Node, NodeId, rows};

/// Ops that have no value here, and why.
pub(crate) const WITHOUT_VALUE: [(&str, &str); 16] = [
    ("scan", "the planner makes it out of a state's equations, after all derivatives"),
    ("matrix_reads", OF_MATRIX),
    ("matrix_next", OF_MATRIX),
    ("matrix_gradients", OF_MATRIX),
    ("matrix_back", OF_MATRIX),
    ("memory", OVER_ENTRIES),
    ("entries_sum", OVER_ENTRIES),
    ("entries_mean", OVER_ENTRIES),
    ("entries_max", OVER_ENTRIES),
    ("entries_logsumexp", OVER_ENTRIES),
    ("entries_softmax", OVER_ENTRIES),
    ("entries_shift", OVER_ENTRIES),
    ("entries_repeat", OVER_ENTRIES),
    ("entries_count", OVER_ENTRIES),
    ("entries_position", OVER_ENTRIES),
    ("entries_accumulate", "the planner makes it, after all derivatives"),
];
const OF_MATRIX: &str = "the planner makes it out of a state's equations, which tests/plans compares";
const OVER_ENTRIES: &str = "it is about the entries of a memory, which tests/entries runs";

/// The values of nodes, by number. Ids are numbers too.
pub(crate) type Values = Vec<Vec<f64>>;

/// Computes the nodes that `wants` picks, in order, from those that are there: sources, and what is not picked.
pub(crate) fn evaluate(nodes: &[Node], values: &mut Values, wants: impl Fn(NodeId) -> bool) {
    values.resize(nodes.len(), Vec::new());
    for (id, node) in nodes.iter().enumerate() {
        let name = rows::row(node.op).name;
        if wants(id) && !matches!(name, "input" | "state" | "param") {
            let args: Vec<Operand> =
                node.args.iter().map(|&arg| Operand { node: &nodes[arg], values: &values[arg] }).collect();
            let value = value(name, node, &args);
            assert_eq!(value.len(), node.numel(), "{name} has another number of elements than its shape");
            values[id] = value;
        }
    }
}

struct Operand<'a> {
    node: &'a Node,
    values: &'a [f64],
}

impl Operand<'_> {
    /// Elements of the last axis.
    fn width(&self) -> usize {
        self.node.shape.last().map_or(1, |dim| dim.value)
    }

    fn id(&self) -> usize {
        self.values[0] as usize
    }

    /// The element that stands at place `at` of a result of shape `shape`, as NumPy broadcasts.
    fn at(&self, at: usize, shape: &[usize]) -> f64 {
        self.values[broadcast_place(self.node, at, shape)]
    }
}

fn broadcast_place(node: &Node, at: usize, shape: &[usize]) -> usize {
    let (mut at, mut place, mut stride) = (at, 0, 1);
    for axis in 0..shape.len() {
        let (axis, own) = (shape.len() - 1 - axis, axis);
        let coordinate = at % shape[axis];
        at /= shape[axis];
        if let Some(index) = node.shape.len().checked_sub(own + 1) {
            let dim = node.shape[index].value;
            place += if dim == 1 { 0 } else { coordinate * stride };
            stride *= dim;
        }
    }
    place
}

fn sizes(node: &Node) -> Vec<usize> {
    node.shape.iter().map(|dim| dim.value).collect()
}

fn value(name: &str, node: &Node, args: &[Operand]) -> Vec<f64> {
    let shape = sizes(node);
    let number = |name: &str| node.attrs.number(name);
    let each = |f: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
        let operands = |at| args.iter().map(|arg| arg.at(at, &shape)).collect::<Vec<f64>>();
        (0..node.numel()).map(|at| f(&operands(at))).collect()
    };
    let truth = |f: &dyn Fn(f64, f64) -> bool| each(&|v| f64::from(f(v[0], v[1])));
    let by_row = |f: &dyn Fn(&[f64]) -> Vec<f64>| -> Vec<f64> {
        args[0].values.chunks(args[0].width()).flat_map(f).collect()
    };
    let reduced = |f: &dyn Fn(&[f64]) -> f64| by_row(&|row| vec![f(row)]);
    match name {
        "const" => vec![number("value")],
        // Any fixed numbers between 0 and 1: they depend on no operand.
        "noise" => (0..node.numel()).map(|at| (number("stream") + at as f64 * 0.37 + 0.21).fract()).collect(),
        "neg" => each(&|v| -v[0]),
        "exp" => each(&|v| v[0].exp()),
        "log" => each(&|v| v[0].ln()),
        "sqrt" => each(&|v| v[0].sqrt()),
        "abs" => each(&|v| v[0].abs()),
        "sign" => each(&|v| if v[0] == 0.0 { 0.0 } else { v[0].signum() }),
        "round" => each(&|v| v[0].round_ties_even()),
        "floor" => each(&|v| v[0].floor()),
        "sigmoid" => each(&|v| sigmoid(v[0])),
        "tanh" => each(&|v| v[0].tanh()),
        "relu" => each(&|v| v[0].max(0.0)),
        "leaky_relu" => each(&|v| if v[0] > 0.0 { v[0] } else { number("alpha") * v[0] }),
        "elu" => each(&|v| if v[0] > 0.0 { v[0] } else { number("alpha") * (v[0].exp() - 1.0) }),
        "softplus" => each(&|v| (1.0 + v[0].exp()).ln()),
        "silu" => each(&|v| v[0] * sigmoid(v[0])),
        "gelu" => each(&|v| v[0] * (1.0 + erf(v[0] / 2.0f64.sqrt())) / 2.0),
        "erf" => each(&|v| erf(v[0])),
        "sin" => each(&|v| v[0].sin()),
        "cos" => each(&|v| v[0].cos()),
        "lgamma" => each(&|v| lgamma(v[0])),
        "digamma" => each(&|v| polygamma(0.0, v[0])),
        "polygamma" => each(&|v| polygamma(v[0], v[1])),
        "stop_gradient" | "copy" => args[0].values.to_vec(),
        "add" => each(&|v| v[0] + v[1]),
        "sub" => each(&|v| v[0] - v[1]),
        "mul" => each(&|v| v[0] * v[1]),
        "div" => each(&|v| v[0] / v[1]),
        "pow" => each(&|v| v[0].powf(v[1])),
        "minimum" => each(&|v| v[0].min(v[1])),
        "logaddexp" => each(&|v| v[0].max(v[1]) + (-(v[0] - v[1]).abs()).exp().ln_1p()),
        "maximum" => each(&|v| v[0].max(v[1])),
        "less" => truth(&|a, b| a < b),
        "less_equal" => truth(&|a, b| a <= b),
        "greater" => truth(&|a, b| a > b),
        "greater_equal" => truth(&|a, b| a >= b),
        "equal" => truth(&|a, b| a == b),
        "not_equal" => truth(&|a, b| a != b),
        "where" => each(&|v| if v[0] != 0.0 { v[1] } else { v[2] }),
        "clip_to" => each(&|v| v[0].max(v[1]).min(v[2])),
        "clip_grad" => each(&|v| if v[0] == v[1] { v[2] } else { 0.0 }),
        "mul_add" => each(&|v| v[0] * v[1] + v[2]),
        "lerp" => each(&|v| v[0] * v[1] + (1.0 - v[0]) * v[2]),
        "sigmoid_grad" => each(&|v| v[1] * v[0] * (1.0 - v[0])),
        "tanh_grad" => each(&|v| v[1] * (1.0 - v[0] * v[0])),
        "relu_grad" => each(&|v| if v[0] > 0.0 { v[1] } else { 0.0 }),
        "sigmoid_grad_of_product" => each(&|v| v[1] * v[2] * v[0] * (1.0 - v[0])),
        "tanh_grad_of_product" => each(&|v| v[1] * v[2] * (1.0 - v[0] * v[0])),
        "matmul" => product(node.attrs.flag("transpose"), node.numel(), &args[0], args[1].values),
        "matmul_lines" => {
            let lines = args[1].values.chunks(args[1].width());
            lines.flat_map(|line| product(node.attrs.flag("transpose"), shape[1], &args[0], line)).collect()
        }
        "log_product" => {
            reduced(&|line| line.iter().zip(args[1].values).map(|(m, v)| (m + v).exp()).sum::<f64>().ln())
        }
        "log_product_grad" => {
            let [m, v, y, d] = [0, 1, 2, 3].map(|k| args[k].values);
            let share = |at: usize| (m[at] + v[at % shape[1]] - y[at / shape[1]]).exp() * d[at / shape[1]];
            (0..node.numel()).map(share).collect()
        }
        "product" => match (args[0].node.shape.len(), args[1].node.shape.len()) {
            (2, 1) => product(false, node.numel(), &args[0], args[1].values),
            (1, 2) => product(true, node.numel(), &args[1], args[0].values),
            _ => {
                let line = |line: &[f64]| product(true, args[1].width(), &args[1], line);
                by_row(&line)
            }
        },
        "outer" => args[0].values.iter().flat_map(|a| args[1].values.iter().map(move |b| a * b)).collect(),
        "transpose" => {
            let places = (0..node.numel()).map(|at| (at / shape[1], at % shape[1]));
            places.map(|(line, column)| args[0].values[column * shape[0] + line]).collect()
        }
        "lookup" => args[0].values[args[1].id() * args[0].width()..][..args[0].width()].to_vec(),
        "pick" => vec![args[0].values[args[1].id()]],
        "take_at" => {
            let taken = |&at: &f64| if at >= 0.0 { args[0].values.get(at as usize).copied() } else { None };
            args[1].values.iter().map(|at| taken(at).unwrap_or(0.0)).collect()
        }
        "add_at_to" => {
            let mut sums = args[0].values.to_vec();
            for (x, &at) in args[1].values.iter().zip(args[2].values) {
                if at >= 0.0 && (at as usize) < sums.len() {
                    sums[at as usize] += x;
                }
            }
            sums
        }
        "add_at" => {
            let mut sums = vec![0.0; node.numel()];
            for (x, &at) in args[0].values.iter().zip(args[1].values) {
                if at >= 0.0 && (at as usize) < sums.len() {
                    sums[at as usize] += x;
                }
            }
            sums
        }
        "one_hot" => (0..node.numel()).map(|at| f64::from(at == args[0].id())).collect(),
        "slice" => {
            let row = args[0].values.len() / args[0].node.shape[0].value;
            args[0].values[node.attrs.int("start") * row..node.attrs.int("stop") * row].to_vec()
        }
        "columns" => {
            let range = node.attrs.int("start")..node.attrs.int("stop");
            by_row(&|row| row[range.clone()].to_vec())
        }
        "join_columns" => {
            let lines = (0..shape[0]).flat_map(|line| args.iter().map(move |arg| (line, arg)));
            lines.flat_map(|(line, arg)| &arg.values[line * arg.width()..][..arg.width()]).copied().collect()
        }
        "concat" => args.iter().flat_map(|arg| arg.values).copied().collect(),
        "reshape" => args[0].values.to_vec(),
        "broadcast_to" => each(&|v| v[0]),
        "sum_to" => {
            let (mut sums, from) = (vec![0.0; node.numel()], sizes(args[0].node));
            for (at, x) in args[0].values.iter().enumerate() {
                sums[broadcast_place(node, at, &from)] += x;
            }
            sums
        }
        "sum" => reduced(&|row| row.iter().sum()),
        "mean" => reduced(&mean),
        "max" => reduced(&|row| row.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        "logsumexp" => reduced(&logsumexp),
        "argmax" => reduced(&|row| {
            let first = |best: usize, at: usize| if row[at] > row[best] { at } else { best };
            (0..row.len()).fold(0, first) as f64
        }),
        "reciprocal_std" => reduced(&|row| 1.0 / (variance(row) + number("eps")).sqrt()),
        "reciprocal_rms" => reduced(&|row| 1.0 / (mean_square(row) + number("eps")).sqrt()),
        "softmax" => by_row(&|row| row.iter().map(|x| (x - logsumexp(row)).exp()).collect()),
        "log_softmax" => by_row(&|row| row.iter().map(|x| x - logsumexp(row)).collect()),
        "layer_norm" => by_row(&|row| {
            let (mean, scale) = (mean(row), (variance(row) + number("eps")).sqrt());
            row.iter().map(|x| (x - mean) / scale).collect()
        }),
        "rms_norm" => by_row(&|row| {
            let scale = (mean_square(row) + number("eps")).sqrt();
            row.iter().map(|x| x / scale).collect()
        }),
        "layer_norm_grad" | "rms_norm_grad" => norm_grad(name == "layer_norm_grad", args),
        "call" => called(node.numel(), args[0].values, args[1].values, args[2].values),
        "call_back" => {
            let (_, x, s) = called_back(args[0].values, args[1].values, args[2].values, args[3].values);
            [x, s].concat()
        }
        other => panic!("the interpreter has no op {other}: give it one, or a reason in WITHOUT_VALUE"),
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The series of Maclaurin: exact to 1e-12 for |x| < 3, where its largest term is below e^9.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..100 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

/// log(gamma(x + 200)) by Stirling's series, less the logarithms of the factors between; for x > 0.
fn lgamma(x: f64) -> f64 {
    let far = x + 200.0;
    let stirling =
        (far - 0.5) * far.ln() - far + 0.5 * (2.0 * std::f64::consts::PI).ln() + 1.0 / (12.0 * far)
            - 1.0 / (360.0 * far.powi(3));
    stirling - (0..200).map(|k| (x + f64::from(k)).ln()).sum::<f64>()
}

/// Sums of powers of x, x + 1, ..., and an integral of the rest; for x > 0.
fn polygamma(n: f64, x: f64) -> f64 {
    let (s, far) = (n + 1.0, x + 1000.0);
    let sum = (0..1000).map(|k| (x + f64::from(k)).powf(-s)).sum::<f64>();
    if n == 0.0 {
        return far.ln() - 0.5 / far - 1.0 / (12.0 * far * far) - sum;
    }
    let rest = far.powf(-n) / n + 0.5 * far.powf(-s) + s / 12.0 * far.powf(-s - 1.0);
    let factorial: f64 = (1..=n as u32).map(f64::from).product();
    (sum + rest) * if n % 2.0 == 0.0 { -factorial } else { factorial }
}

fn mean(row: &[f64]) -> f64 {
    row.iter().sum::<f64>() / row.len() as f64
}

fn mean_square(row: &[f64]) -> f64 {
    row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64
}

fn variance(row: &[f64]) -> f64 {
    let mean = mean(row);
    row.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / row.len() as f64
}

fn logsumexp(row: &[f64]) -> f64 {
    row.iter().map(|x| x.exp()).sum::<f64>().ln()
}

/// `rows` numbers: the matrix, or its transpose, times the vector.
fn product(transpose: bool, rows: usize, matrix: &Operand, vector: &[f64]) -> Vec<f64> {
    let width = matrix.width();
    let element = |i: usize, j: usize| matrix.values[if transpose { j * width + i } else { i * width + j }];
    (0..rows).map(|i| vector.iter().enumerate().map(|(j, v)| element(i, j) * v).sum()).collect()
}

/// r (d - mean(d) - y mean(d y)), the first mean for a layer norm alone.
fn norm_grad(centred: bool, args: &[Operand]) -> Vec<f64> {
    let width = args[1].width();
    let rows = args[1].values.chunks(width).zip(args[2].values.chunks(width)).zip(args[0].values);
    rows.flat_map(|((y, d), r)| {
        let along = y.iter().zip(d).map(|(y, d)| y * d).sum::<f64>() / width as f64;
        let centre = if centred { mean(d) } else { 0.0 };
        y.iter().zip(d).map(|(y, d)| r * (d - centre - y * along)).collect::<Vec<f64>>()
    })
    .collect()
}

/// A function from outside the language: element k is sin(p_k x_k + s_k), each operand as often repeated as needed.
fn called(size: usize, p: &[f64], x: &[f64], s: &[f64]) -> Vec<f64> {
    (0..size).map(|k| (p[k % p.len()] * x[k % x.len()] + s[k % s.len()]).sin()).collect()
}

/// The gradients of p, x and s where `d` arrived at the result of [`called`].
pub(crate) fn called_back(p: &[f64], x: &[f64], s: &[f64], d: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (mut d_p, mut d_x, mut d_s) = (vec![0.0; p.len()], vec![0.0; x.len()], vec![0.0; s.len()]);
    for (k, d) in d.iter().enumerate() {
        let (i, j, l) = (k % p.len(), k % x.len(), k % s.len());
        let slope = d * (p[i] * x[j] + s[l]).cos();
        d_p[i] += slope * x[j];
        d_x[j] += slope * p[i];
        d_s[l] += slope;
    }
    (d_p, d_x, d_s)
}

#[test]
fn the_interpreter_has_every_op_of_the_table() {
    let source = include_str!("interpreter.rs");
    let missing: Vec<&str> = (rows::table().iter())
        .filter(|row| !matches!(row.name, "input" | "state" | "param"))
        .filter(|row| !matches!(row.run, rows::Run::Composite))
        .map(|row| row.name)
        .filter(|name| !source.contains(&format!("\"{name}\"")))
        .collect();
    assert!(missing.is_empty(), "the interpreter lacks {missing:?}");
}
