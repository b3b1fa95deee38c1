//! Both modes against central differences in float64, for every op of the table and for whole programs, over several
//! steps of time.

use std::collections::{BTreeSet, HashMap};

use super::{Accumulate, forward_mode, reverse};
use crate::step::rows::table;
use crate::step::tests::interpreter::{Values, WITHOUT_VALUE, called_back, evaluate};
use crate::step::tests::lines::{program, programs};
use crate::step::{NodeId, Program, Run, rows};

const STEPS: usize = 3;
/// The error of a central difference is about h^2 = 1e-10 times a third derivative, and 1e-16 / h = 1e-11 of rounding.
const H: f64 = 1e-5;
const TOLERANCE: f64 = 1e-7;

/// What the cases below may name: sums and products of the input, the state and parameters, and `p`, which is positive.
const HEADER: &str = "
    sizes n=4
    input x n
    id i
    state h n
    param w n n
    param v n
    param t 5 n
    a = add x h
    b = mul x v
    p = softplus a
    next_h = tanh a
    next h = next_h
    ";

/// An op, and equations of `y` that use it.
const CASES: &[(&str, &str)] = &[
    ("neg", "y = neg a"),
    ("exp", "y = exp a"),
    ("log", "y = log p"),
    ("sqrt", "y = sqrt p"),
    ("abs", "y = abs a"),
    ("sign", "s = sign a\n y = mul s a"),
    ("round", "s = round b\n y = mul s a"),
    ("floor", "s = floor a\n q = sub a s\n y = mul q a"),
    ("sigmoid", "y = sigmoid a"),
    ("tanh", "y = tanh a"),
    ("relu", "y = relu a"),
    ("leaky_relu", "y = leaky_relu a alpha=0.2"),
    ("elu", "y = elu a alpha=0.5"),
    ("softplus", "y = softplus a"),
    ("silu", "y = silu a"),
    ("gelu", "y = gelu a"),
    ("erf", "y = erf a"),
    ("sin", "y = sin a"),
    ("cos", "y = cos a"),
    ("lgamma", "q = add p 0.5\n y = lgamma q"),
    ("digamma", "q = add p 0.5\n y = digamma q"),
    ("polygamma", "q = add p 0.5\n y = polygamma 1 q"),
    ("polygamma", "q = add p 0.5\n y = polygamma 2 q"),
    ("stop_gradient", "s = stop_gradient a\n y = mul s a"),
    ("clip", "y = clip a low=-0.5 high=0.7"),
    ("clip_to", "y = clip_to a -0.5 0.7"),
    ("clip_grad", "y = clip_grad a a b"),
    ("clip_grad", "y = clip_grad a b v"),
    ("add", "y = add a b"),
    ("add", "m = reshape v shape=n,1\n q = mul m a\n y = add q v"),
    ("sub", "y = sub a b"),
    ("mul", "y = mul a b"),
    ("mul", "y = mul w a"),
    ("div", "y = div b p"),
    ("pow", "y = pow p b"),
    ("minimum", "y = minimum a b"),
    ("maximum", "y = maximum a b"),
    ("logaddexp", "y = logaddexp a b"),
    ("less", "c = less a b\n y = mul c a"),
    ("less_equal", "c = less_equal a b\n y = mul c a"),
    ("greater", "c = greater a b\n y = mul c a"),
    ("greater_equal", "c = greater_equal a b\n y = mul c a"),
    ("equal", "c = equal a b\n y = add c a"),
    ("not_equal", "c = not_equal a b\n y = mul c a"),
    ("where", "c = greater a b\n y = where c a b"),
    ("mul_add", "y = mul_add a b v"),
    ("lerp", "y = lerp a b v"),
    ("sigmoid_grad", "y = sigmoid_grad a b"),
    ("tanh_grad", "y = tanh_grad a b"),
    ("relu_grad", "y = relu_grad a b"),
    ("sigmoid_grad_of_product", "y = sigmoid_grad_of_product a b v"),
    ("tanh_grad_of_product", "y = tanh_grad_of_product a b v"),
    ("matmul", "y = matmul w a"),
    ("matmul", "y = matmul w a transpose=1"),
    ("matmul", "q = matmul w v\n r = matmul w q transpose=1\n y = mul r a"),
    ("matmul_lines", "q = mul t a\n y = matmul_lines w q"),
    ("matmul_lines", "q = mul t a\n y = matmul_lines w q transpose=1"),
    ("product", "q = mul w a\n y = product q b"),
    ("product", "q = mul w a\n y = product b q"),
    ("product", "q = mul w a\n r = add w h\n y = product q r"),
    ("product", "q = mul w a\n r = product w q\n y = product r v"),
    ("product", "q = product w w\n y = product q a"),
    ("outer", "y = outer a b"),
    ("outer", "q = outer v a\n y = mul q w"),
    ("transpose", "q = mul t a\n r = transpose q\n y = product a r"),
    ("sum_first", "q = mul w a\n y = sum_first q"),
    ("sum_first", "q = mul w a\n y = sum_first q keepdims=1"),
    ("dot", "y = dot a b"),
    ("lookup", "e = lookup t i\n y = mul e a"),
    ("pick", "y = pick a i"),
    ("take", "y = take a b"),
    ("take_at", "f = stop_gradient b\n y = take_at a f"),
    ("add_at", "f = stop_gradient b\n o = add_at a f size=4\n y = mul o a"),
    ("one_hot", "o = one_hot i size=4\n y = mul o a"),
    ("slice", "y = slice a start=1 stop=3"),
    ("slice", "q = slice w start=1 stop=3\n y = matmul q a"),
    ("slice", "q = slice a start=0 stop=3\n r = slice a start=1 stop=4\n y = mul q r"),
    ("concat", "y = concat a b v"),
    ("concat", "q = dot a b\n y = concat q 1 q"),
    ("columns", "q = columns w start=1 stop=3\n r = slice a start=0 stop=2\n y = matmul q r"),
    ("columns", "q = mul w a\n y = columns q start=0 stop=1"),
    ("columns", "q = mul w a\n r = columns q start=3 stop=4\n s = columns q start=0 stop=4\n y = mul r s"),
    ("join_columns", "q = columns w start=2 stop=3\n r = join_columns q w\n s = concat v 1\n y = matmul r s"),
    ("join_columns", "q = mul w a\n r = sum q keepdims=1\n y = join_columns q r q"),
    ("reshape", "y = reshape a shape=2,2"),
    ("copy", "y = copy a"),
    ("broadcast_to", "y = broadcast_to a shape=3,n"),
    ("sum_to", "q = mul w a\n y = sum_to q shape=n"),
    ("sum_to", "q = mul w a\n y = sum_to q shape=n,1"),
    ("sum", "y = sum a"),
    ("sum", "q = mul w a\n y = sum q keepdims=1"),
    ("mean", "y = mean a"),
    ("max", "y = max a"),
    ("max", "q = mul w a\n y = max q keepdims=1"),
    ("logsumexp", "q = mul w a\n y = logsumexp q"),
    ("log_product", "q = mul t a\n y = log_product q b"),
    ("argmax", "k = argmax a\n y = pick b k"),
    ("reciprocal_std", "q = mul w a\n y = reciprocal_std q"),
    ("reciprocal_rms", "y = reciprocal_rms a keepdims=1 eps=0.1"),
    ("softmax", "y = softmax a"),
    ("log_softmax", "q = mul w a\n y = log_softmax q"),
    ("layer_norm", "q = mul w a\n y = layer_norm q"),
    ("rms_norm", "y = rms_norm a eps=0.1"),
    ("noise", "z = noise stream=3 per=0 shape=n\n y = mul z a"),
    ("noise", "z = noise stream=1 per=2 shape=n\n q = mul z v\n y = mul q a"),
    ("call", "y = call v x h shape=6"),
    // Parameters that are results themselves, and parameters that only other parameters read.
    ("param", "y = exp v"),
    ("param", "q = mul v v\n r = neg q\n s = mul r a\n y = mul s q"),
    ("stop_gradient", "q = stop_gradient v\n r = mul q v\n y = mul r a"),
];

/// Ops that nothing derives, and equations of `y` that use them: made by other derivatives or after all of them.
const NOT_DERIVED: &[(&str, &str)] = &[
    ("layer_norm_grad", "r = sum p keepdims=1\n y = layer_norm_grad r a b"),
    ("rms_norm_grad", "r = sum p keepdims=1\n y = rms_norm_grad r a b"),
    ("log_product_grad", "q = mul w a\n y = log_product_grad q a b p"),
    ("add_at_to", "f = stop_gradient b\n y = add_at_to v a f"),
    ("call_back", "y = call_back v x h p shape=8"),
];
/// Ops with a gradient and without a tangent.
const WITHOUT_TANGENT: [&str; 2] = ["call", "log_product"];

fn case(op: &str, equations: &str) -> Program {
    program(&format!("program {op}\n{HEADER}\n{equations}\n output y = y"))
}

/// Every program to go through, with a name for messages.
fn all() -> Vec<(String, Program)> {
    let cases = CASES.iter().map(|(op, text)| (format!("{op}: {text}"), case(op, text)));
    cases.chain(programs().into_iter().map(|(name, text)| (name, program(&text)))).collect()
}

/// A sequence for a program: its inputs by step, its first states, its parameters.
#[derive(Clone)]
struct Point {
    inputs: Vec<Values>,
    states: Values,
    params: Values,
}

/// Numbers between -1.5 and 1.5 that look random.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64 * 3.0 - 1.5
    }

    fn of(&mut self, program: &Program, ids: &[NodeId]) -> Values {
        let value = |numbers: &mut Numbers, id: NodeId| match program.nodes[id].is_index {
            true => vec![((numbers.next() + 1.5) as usize).min(2) as f64],
            false => (0..program.nodes[id].numel()).map(|_| numbers.next()).collect(),
        };
        ids.iter().map(|&id| value(self, id)).collect()
    }

    fn point(&mut self, program: &Program) -> Point {
        Point {
            inputs: (0..STEPS).map(|_| self.of(program, &program.inputs)).collect(),
            states: self.of(program, &program.states),
            params: self.of(program, &program.params),
        }
    }
}

/// A folded value that differs from what parameters say, for its readers outside of the fold.
type Override<'a> = Option<(NodeId, &'a [f64])>;

/// All values at every step. What `stop_gradient` gives is taken from `frozen` where that is there: derivatives do not
/// know that it would change.
fn run(program: &Program, point: &Point, frozen: Option<&[Values]>, moved: Override) -> Vec<Values> {
    let is_frozen = |id: NodeId| frozen.is_some() && rows::row(program.nodes[id].op).name == "stop_gradient";
    let mut states = point.states.clone();
    let mut steps = Vec::new();
    for (step, inputs) in point.inputs.iter().enumerate() {
        let mut values = vec![Vec::new(); program.nodes.len()];
        let sources =
            [(&program.inputs, inputs), (&program.states, &states), (&program.params, &point.params)];
        for (ids, given) in sources {
            ids.iter().zip(given).for_each(|(&id, value)| values[id].clone_from(value));
        }
        for (id, value) in values.iter_mut().enumerate().filter(|(id, _)| is_frozen(*id)) {
            value.clone_from(&frozen.expect("frozen values")[step][id]);
        }
        evaluate(&program.nodes, &mut values, |id| program.nodes[id].folded && !is_frozen(id));
        if let Some((id, value)) = moved {
            values[id] = value.to_vec();
        }
        evaluate(&program.nodes, &mut values, |id| !program.nodes[id].folded && !is_frozen(id));
        states = program.updates.iter().map(|&id| values[id].clone()).collect();
        steps.push(values);
    }
    steps
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Weights that make one number of a run: of each output at each step, and of each final state.
struct Loss {
    outputs: Vec<Values>,
    finals: Values,
}

impl Loss {
    fn new(program: &Program, numbers: &mut Numbers) -> Loss {
        let outputs: Vec<NodeId> = program.outputs.iter().map(|(_, id)| *id).collect();
        Loss {
            outputs: (0..STEPS).map(|_| numbers.of(program, &outputs)).collect(),
            finals: numbers.of(program, &program.updates),
        }
    }

    fn of(&self, program: &Program, steps: &[Values]) -> f64 {
        let mut loss = 0.0;
        for (values, weights) in steps.iter().zip(&self.outputs) {
            for ((_, id), weight) in program.outputs.iter().zip(weights) {
                loss += inner(&values[*id], weight);
            }
        }
        for (&id, weight) in program.updates.iter().zip(&self.finals) {
            loss += inner(&steps[STEPS - 1][id], weight);
        }
        loss
    }
}

/// Gradients of a loss: of inputs by step, of first states, and of values made of parameters.
struct Gradients {
    inputs: Vec<Values>,
    states: Values,
    folded: HashMap<NodeId, Vec<f64>>,
}

/// The gradient equations, from the last step to the first.
fn backwards(program: &Program, steps: &[Values], loss: &Loss) -> Result<Gradients, String> {
    let adjoint = reverse(program, |_| true).map_err(|error| error.to_string())?;
    let mut folded: HashMap<NodeId, Vec<f64>> = HashMap::new();
    let (mut inputs, mut carried) = (Vec::new(), loss.finals.clone());
    for (values, weights) in steps.iter().zip(&loss.outputs).rev() {
        let mut values = values.clone();
        values.resize(adjoint.nodes.len(), Vec::new());
        for (ids, given) in [(&adjoint.d_outputs, weights), (&adjoint.d_next, &carried)] {
            ids.iter().zip(given).for_each(|(&id, value)| values[id].clone_from(value));
        }
        evaluate(&adjoint.nodes, &mut values, |id| id >= program.nodes.len());
        let zeros = |id: NodeId| vec![0.0; program.nodes[id].numel()];
        let d_inputs = program.inputs.iter().zip(&adjoint.d_inputs);
        inputs.push(d_inputs.map(|(&id, d)| d.map_or_else(|| zeros(id), |d| values[d].clone())).collect());
        carried = adjoint.d_states.iter().map(|&id| values[id].clone()).collect();
        for sink in &adjoint.sinks {
            let sum = folded.entry(sink.target).or_insert_with(|| zeros(sink.target));
            let mut add = |at: usize, x: f64| sum[at] += x;
            match sink.what {
                Accumulate::Sum(d) => values[d].iter().enumerate().for_each(|(at, &x)| add(at, x)),
                Accumulate::Outer { left, right } => {
                    let shape = &adjoint.nodes[right].shape;
                    let lines = if shape.len() == 2 { shape[0].value } else { 1 };
                    let [m, n] = [left, right].map(|side| values[side].len() / lines);
                    for (left, right) in values[left].chunks(m).zip(values[right].chunks(n)) {
                        for (i, a) in left.iter().enumerate() {
                            right.iter().enumerate().for_each(|(j, b)| add(i * n + j, a * b));
                        }
                    }
                }
                Accumulate::Scatter { id, d } => {
                    let first = values[id][0] as usize * values[d].len();
                    values[d].iter().enumerate().for_each(|(at, &x)| add(first + at, x));
                }
                Accumulate::Called { x, s, d } => {
                    let (d_p, ..) = called_back(&values[sink.target], &values[x], &values[s], &values[d]);
                    d_p.iter().enumerate().for_each(|(at, &x)| add(at, x));
                }
            }
        }
    }
    inputs.reverse();
    Ok(Gradients { inputs, states: carried, folded })
}

/// (f(x + h) - f(x - h)) / 2 h for each element of `x`.
fn differences(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let at = |k: usize, h: f64| {
        let mut x = x.to_vec();
        x[k] += h;
        f(&x)
    };
    (0..x.len()).map(|k| (at(k, H) - at(k, -H)) / (2.0 * H)).collect()
}

/// Derivatives that are not those of the differences.
#[derive(Default)]
struct Mismatches(Vec<String>);

impl Mismatches {
    fn compare(&mut self, what: &str, got: &[f64], want: &[f64]) {
        let near = |(a, b): (&f64, &f64)| (a - b).abs() <= TOLERANCE * (1.0 + b.abs());
        if got.len() != want.len() || !got.iter().zip(want).all(near) {
            self.0.push(format!("{what}\n  derived:     {got:?}\n  differences: {want:?}"));
        }
    }

    fn report(self) {
        assert!(self.0.is_empty(), "{} wrong:\n{}", self.0.len(), self.0.join("\n"));
    }
}

#[test]
fn gradients_are_those_of_central_differences() {
    let (mut wrong, mut numbers) = (Mismatches::default(), Numbers(1));
    for (name, program) in all() {
        let (point, loss) = (numbers.point(&program), Loss::new(&program, &mut numbers));
        let steps = run(&program, &point, None, None);
        let got = match backwards(&program, &steps, &loss) {
            Ok(got) => got,
            Err(error) => {
                wrong.0.push(format!("{name}: {error}"));
                continue;
            }
        };
        let value =
            |point: &Point, moved: Override| loss.of(&program, &run(&program, point, Some(&steps), moved));
        for (step, inputs) in point.inputs.iter().enumerate() {
            for (k, input) in
                inputs.iter().enumerate().filter(|(k, _)| !program.nodes[program.inputs[*k]].is_index)
            {
                let want = differences(input, |x| {
                    let mut point = point.clone();
                    point.inputs[step][k] = x.to_vec();
                    value(&point, None)
                });
                wrong.compare(&format!("{name}: input {k} at step {step}"), &got.inputs[step][k], &want);
            }
        }
        for (k, state) in point.states.iter().enumerate() {
            let want = differences(state, |s| {
                let mut point = point.clone();
                point.states[k] = s.to_vec();
                value(&point, None)
            });
            wrong.compare(&format!("{name}: state {k}"), &got.states[k], &want);
        }
        for (id, _) in program.nodes.iter().enumerate().filter(|(_, node)| node.folded) {
            // What a constant alone makes has no gradient.
            if !depends_on_parameters(&program, id) {
                assert!(!got.folded.contains_key(&id), "{name}: a gradient of a constant");
                continue;
            }
            let want = differences(&steps[0][id], |x| value(&point, Some((id, x))));
            let zeros = vec![0.0; want.len()];
            let what = format!("{name}: value {id}, made of parameters");
            wrong.compare(&what, got.folded.get(&id).unwrap_or(&zeros), &want);
        }
    }
    wrong.report();
}

fn depends_on_parameters(program: &Program, id: NodeId) -> bool {
    program.params.contains(&id)
        || program.nodes[id].args.iter().any(|&arg| depends_on_parameters(program, arg))
}

#[test]
fn tangents_are_those_of_central_differences() {
    let (mut wrong, mut numbers) = (Mismatches::default(), Numbers(2));
    for (name, program) in all() {
        let is_known = !program.nodes.iter().any(|node| WITHOUT_TANGENT.contains(&rows::row(node.op).name));
        let tangent = match (forward_mode(&program), is_known) {
            (Ok(tangent), true) => tangent,
            (Err(_), false) => continue,
            (Ok(_), false) => panic!("{name} has a tangent: delete it from WITHOUT_TANGENT"),
            (Err(error), true) => panic!("{name}: {error}"),
        };
        let (point, directions) = (numbers.point(&program), numbers.point(&program));
        let varies = |ids: &[NodeId], values: &Values| -> Values {
            let kept = ids.iter().zip(values).filter(|(id, _)| !program.nodes[**id].is_index);
            kept.map(|(_, value)| value.clone()).collect()
        };
        let both = |ids: &[NodeId], values: &Values, direction: &Values| {
            [values.clone(), varies(ids, direction)].concat()
        };
        let inputs = point.inputs.iter().zip(&directions.inputs);
        let doubled = Point {
            inputs: inputs.map(|(values, direction)| both(&program.inputs, values, direction)).collect(),
            states: both(&program.states, &point.states, &directions.states),
            params: both(&program.params, &point.params, &directions.params),
        };
        let got = run(&tangent, &doubled, None, None);
        let steps = run(&program, &point, None, None);
        let at = |h: f64| {
            let moved = |ids: &[NodeId], values: &Values, direction: &Values| -> Values {
                let one = |((&id, value), direction): ((&NodeId, &Vec<f64>), &Vec<f64>)| match program.nodes
                    [id]
                    .is_index
                {
                    true => value.clone(),
                    false => value.iter().zip(direction).map(|(x, d)| x + h * d).collect(),
                };
                ids.iter().zip(values).zip(direction).map(one).collect()
            };
            let inputs = point.inputs.iter().zip(&directions.inputs);
            let point = Point {
                inputs: inputs.map(|(values, direction)| moved(&program.inputs, values, direction)).collect(),
                states: moved(&program.states, &point.states, &directions.states),
                params: moved(&program.params, &point.params, &directions.params),
            };
            run(&program, &point, Some(&steps), None)
        };
        let (above, below) = (at(H), at(-H));
        let outputs = program.outputs.len();
        for step in 0..STEPS {
            for (k, (output, id)) in program.outputs.iter().enumerate() {
                let pairs = above[step][*id].iter().zip(&below[step][*id]);
                let want: Vec<f64> = pairs.map(|(a, b)| (a - b) / (2.0 * H)).collect();
                let (_, d) = &tangent.outputs[outputs + k];
                wrong.compare(&format!("{name}: {output} at step {step}"), &got[step][*d], &want);
            }
        }
    }
    wrong.report();
}

#[test]
fn every_op_of_the_table_is_in_a_case() {
    let mut covered: BTreeSet<&str> = CASES.iter().chain(NOT_DERIVED).map(|(op, _)| *op).collect();
    covered.extend(WITHOUT_VALUE.iter().map(|(op, _)| *op));
    for (op, text) in CASES.iter().chain(NOT_DERIVED) {
        let program = case(op, text);
        let names: BTreeSet<&str> = program.nodes.iter().map(|node| rows::row(node.op).name).collect();
        let is_composite = table().iter().any(|row| row.name == *op && row.run == Run::Composite);
        assert!(names.contains(op) || is_composite, "{text} does not use {op}");
        covered.extend(names);
    }
    let missing: Vec<&str> =
        table().iter().map(|row| row.name).filter(|name| !covered.contains(name)).collect();
    assert!(missing.is_empty(), "no case has {missing:?}");
}

#[test]
fn what_is_made_after_all_derivatives_has_none() {
    for (op, text) in NOT_DERIVED {
        let program = case(op, text);
        assert!(reverse(&program, |_| true).is_err(), "{op} has a gradient: make it a case");
        assert!(forward_mode(&program).is_err(), "{op} has a tangent: make it a case");
    }
}
