//! The two programs of a layer that reads values per row, as texts that stand in `row_level/`, and their values.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::super::{Piece, RowSplit, explain_layer, explain_once_per_row, split};
use super::difference::difference;
use super::{LayerPlan, VARIABLE};
use crate::step::Program;
use crate::step::tests::interpreter::{Values, evaluate};
use crate::step::tests::lines::program;

const fn step(width: usize) -> Piece {
    Piece { width, is_row: false }
}

const fn row(width: usize) -> Piece {
    Piece { width, is_row: true }
}

/// Each with its name, its inputs and its equations.
const PROGRAMS: &[(&str, &[&[Piece]], &str)] = &[
    (
        "two_inputs",
        &[&[step(3)], &[row(16)]],
        "input x 3\n input s 16\n state h n\n param w_x n 3\n param w_s n 16\n param w_h n n\n param b n
        from_x = matmul w_x x\n from_s = matmul w_s s\n from_h = matmul w_h h
        sum = add from_x from_s\n both = add sum from_h\n all = add both b\n next_h = tanh all
        output y = next_h\n next h = next_h",
    ),
    // what is side by side is divided, on both sides of the row, and a transposed matrix along its first axis
    (
        "side_by_side",
        &[&[step(2), row(9), step(1)]],
        "input x 12\n state h n\n param w n 12\n param v 12 n\n param w_h n n
        a = matmul w x\n b = matmul v x transpose=1\n c = matmul w_h h\n d = mul a b\n e = add c d
        next_h = tanh e\n output y = next_h\n next h = next_h",
    ),
    // the author takes the parts himself; a slice of moved elements stays in the step
    (
        "slices",
        &[&[step(3), row(10)]],
        "input x 13\n state h n\n param w_x n 3\n param w_s n 10
        x_t = slice x start=0 stop=3\n s = slice x start=3 stop=13\n few = slice x start=5 stop=9
        a = matmul w_x x_t\n b = matmul w_s s\n c = add a b\n d = mul few h\n e = add c d
        next_h = tanh e\n output y = next_h\n next h = next_h",
    ),
    // a product of a product, a gate, and an output that no step changes
    (
        "deep",
        &[&[step(3)], &[row(8)]],
        "input x 3\n input s 8\n param w 8 8\n param u n 8\n param g n 8\n param w_x n 3
        a = matmul w s\n b = tanh a\n c = matmul u b\n gate = matmul g s\n z = sigmoid gate
        d = matmul w_x x\n e = add c d\n y = mul z e\n output y = y\n output gate = z",
    ),
    // all inputs are values per row: the product leaves the step, the states stay
    (
        "rows_alone",
        &[&[row(8)]],
        "input s 8\n state h n\n param w n 8\n param w_h n n\n param b n
        a = matmul w s\n b1 = add a b\n c = matmul w_h h\n d = add b1 c\n e = tanh d
        output y = e\n next h = e",
    ),
];

/// Programs that are not divided, because no work is saved or because a step changes what they compute.
const WHOLE: &[(&[&[Piece]], &str)] = &[
    // a narrow product, a copy, and little arithmetic
    (&[&[step(3)], &[row(7)]], "input x 3\n input s 7\n param w n 7\n a = matmul w s\n output y = a"),
    (&[&[step(3), row(9)]], "input x 12\n a = slice x start=3 stop=12\n b = mul a 2\n output y = b"),
    (&[&[row(9)]], "input s 9\n a = broadcast_to s shape=8,9\n b = add a 1\n output y = b"),
    // noise per step
    (
        &[&[row(9)]],
        "input s 9\n param w n 9\n z = noise stream=0 per=0 shape=9\n a = mul s z\n b = matmul w a\n output y = b",
    ),
    // no value per row
    (&[&[step(9)]], "input x 9\n param w n 9\n a = matmul w x\n output y = a"),
];

fn read(name: &str, text: &str) -> Program {
    program(&format!("program {name}\n sizes n=4\n {text}"))
}

fn divided(name: &str, inputs: &[&[Piece]], text: &str) -> (Program, Option<RowSplit>) {
    let program = read(name, text);
    let inputs: Vec<Vec<Piece>> = inputs.iter().map(|pieces| pieces.to_vec()).collect();
    let split = split(&program, None, &inputs).unwrap_or_else(|error| panic!("{name}: {error}"));
    (program, split)
}

fn snapshot(split: &RowSplit) -> String {
    let RowSplit { row, step, .. } = split;
    let plan = |program: &Program| LayerPlan::new(program).unwrap_or_else(|error| panic!("{error}"));
    format!(
        "once per row\n{row}\n{}\nevery step\n{step}\n{}",
        explain_once_per_row(&plan(row)),
        explain_layer(&plan(step), 8, Some(16), 4)
    )
}

#[test]
fn programs_are_divided_as_in_the_snapshots() {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/plan/tests/row_level");
    let writes = env::var(VARIABLE).is_ok_and(|value| value == "write");
    let mut wrong = Vec::new();
    for (name, inputs, text) in PROGRAMS {
        let split = divided(name, inputs, text).1.unwrap_or_else(|| panic!("{name} is not divided"));
        let (file, new) = (folder.join(format!("{name}.txt")), snapshot(&split));
        if writes {
            fs::write(&file, &new).expect("a file that can be written");
        }
        let old = fs::read_to_string(&file).unwrap_or_default();
        if old != new {
            wrong.push(format!("{name}: the snapshot (-) and the plan (+)\n{}", difference(&old, &new)));
        }
    }
    assert!(wrong.is_empty(), "{}\nif this is better, run the test with {VARIABLE}=write", wrong.join("\n"));
}

#[test]
fn a_program_is_whole_where_nothing_is_gained() {
    for (inputs, text) in WHOLE {
        assert!(divided("whole", inputs, text).1.is_none(), "{text}");
    }
}

/// A number that depends on where it stands.
pub(super) fn number(seed: usize) -> f64 {
    ((seed as f64 * 0.754_877_666 + 0.1).fract() - 0.5) * 1.6
}

/// The values of a program's results for the sources that `value` gives by name.
pub(super) fn results(program: &Program, value: &dyn Fn(&str) -> Vec<f64>) -> Values {
    let mut values: Values = vec![Vec::new(); program.nodes.len()];
    for &id in program.inputs.iter().chain(&program.states).chain(&program.params) {
        values[id] = value(program.label(id));
        assert_eq!(values[id].len(), program.nodes[id].numel(), "{}", program.label(id));
    }
    let live = program.live();
    evaluate(&program.nodes, &mut values, |id| live[id]);
    program
        .outputs
        .iter()
        .map(|(_, id)| *id)
        .chain(program.updates.clone())
        .map(|id| values[id].clone())
        .collect()
}

#[test]
fn the_two_programs_compute_what_the_whole_one_does() {
    for (name, inputs, text) in PROGRAMS {
        let (whole, split) = divided(name, inputs, text);
        let split = split.unwrap_or_else(|| panic!("{name} is not divided"));
        let sources = whole.inputs.iter().chain(&whole.states).chain(&whole.params);
        let given: Vec<(String, Vec<f64>)> = sources
            .enumerate()
            .map(|(k, &id)| {
                let values = (0..whole.nodes[id].numel()).map(|at| number(100 * k + at));
                (whole.label(id).to_string(), values.collect())
            })
            .collect();
        let mut known = given.clone();
        // the pieces of an input that has several
        for (pieces, &id) in inputs.iter().zip(&whole.inputs) {
            let (_, values) = &given[whole.inputs.iter().position(|&other| other == id).unwrap_or(0)];
            let mut at = 0;
            for (number, piece) in pieces.iter().enumerate().filter(|_| pieces.len() > 1) {
                known.push((format!("{}_{number}", whole.label(id)), values[at..at + piece.width].to_vec()));
                at += piece.width;
            }
        }
        let find = |known: &[(String, Vec<f64>)], name: &str| -> Vec<f64> {
            known.iter().find(|(other, _)| other == name).unwrap_or_else(|| panic!("{name}")).1.clone()
        };
        let once = results(&split.row, &|name| find(&known, name));
        for ((name, _), value) in split.row.outputs.iter().zip(once) {
            known.push((name.clone(), value));
        }
        let got = results(&split.step, &|name| find(&known, name));
        let expected = results(&whole, &|name| find(&given, name));
        let pairs = got.iter().flatten().zip(expected.iter().flatten());
        assert_eq!(got.iter().flatten().count(), expected.iter().flatten().count(), "{name}");
        pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-13, "{name}: {a} and {b}"));
    }
}

/// The program for inference is divided at the same values, or neither is divided.
#[test]
fn both_programs_of_a_layer_are_divided_alike() {
    let inputs = [vec![step(3)], vec![row(9)]];
    let text = |noisy: &str, of_s: &str| {
        read(
            "regularized",
            &format!(
                "input x 3\n input s 9\n param w n 9\n param v n 3\n {noisy}
                a = matmul w {of_s}\n b = matmul v x\n c = add a b\n output y = c"
            ),
        )
    };
    let (plain, same) = (text("", "s"), text("z = noise stream=0 per=0 shape=3\n q = mul x z", "s"));
    let of =
        |training: &Program, resting: &Program| split(training, Some(resting), &inputs).expect("a split");
    let alike = of(&same, &plain).expect("a divided program");
    let (row, step) = alike.inference.expect("two programs for inference");
    assert_eq!(row, alike.row);
    assert_eq!(step.inputs.len(), alike.step.inputs.len());
    let masked = text("z = noise stream=0 per=0 shape=9\n q = mul s z", "q");
    assert!(of(&masked, &plain).is_none() && of(&plain, &masked).is_none());
    // one mask per call is like a parameter
    let dropped = text("z = noise stream=0 per=2 shape=n,9\n q = mul w z\n p = matmul q s", "s");
    assert!(of(&dropped, &plain).is_some());
}
