//! Products with concatenated values: which are divided, and that the sum of the products is the product.

use super::super::concatenated::divided;
use super::row_level::{number, results};
use crate::step::tests::lines::program;
use crate::step::{Program, Run, rows};

const SOURCES: &str = "input x 9\n input few 3\n memory m 0 9\n state h n\n param p n 9+n
    param q 9+n n\n param r n 18\n param s n 13+n\n param u n n\n param v n n+9";
const END: &str = "tied = tanh a\n output y = tied\n next h = tied";

fn read(lines: &str) -> Program {
    program(&format!("program divided\n sizes n=4\n {SOURCES}\n{lines}"))
}

/// The width of the operand of each product.
fn products(program: &Program) -> Vec<usize> {
    let products = program.nodes.iter().filter(|node| rows::row(node.op).run == Run::MatVec);
    products.map(|node| program.nodes[node.args[1]].numel()).collect()
}

#[test]
fn a_product_of_the_loop_is_divided_where_a_part_of_it_leaves_the_loop() {
    let cases: [(&str, &[usize]); 7] = [
        ("c = concat x h\n a = matmul p c", &[9, 4]),
        ("c = concat x h\n a = matmul q c transpose=1", &[9, 4]),
        // concatenated twice; a narrow part is divided too, if another one pays
        ("c = concat x h\n d = concat c few\n e = concat d 1\n a = matmul s e", &[9, 4, 4]),
        // two inputs are one part; a result of the input is an input
        ("t = tanh x\n c = concat x t\n b = matmul r c\n d = matmul u h\n a = add b d", &[18, 4]),
        // a gain is below the cost of reading the result
        ("c = slice x start=0 stop=5\n d = concat c few\n e = concat d 1 h\n a = matmul p e", &[9, 4]),
        (
            "c = slice x start=0 stop=4\n d = concat c h\n b = slice p start=0 stop=4\n w = columns b start=0 stop=8\n a = matmul w d",
            &[8],
        ),
        // all of it depends on the state
        ("c = concat h h\n b = columns s start=0 stop=8\n a = matmul b c", &[8]),
    ];
    for (lines, widths) in cases {
        let program = read(&format!("{lines}\n{END}"));
        let made = divided(&program).unwrap();
        assert_eq!(products(made.as_ref().unwrap_or(&program)), widths, "{lines}");
    }
    // no next state reads the second product
    let program =
        read("c = concat x h\n a = matmul p c\n b = matmul u h\n b2 = tanh b\n output y = a\n next h = b2");
    assert!(divided(&program).unwrap().is_none());
}

#[test]
fn a_product_over_entries_is_divided_into_one_of_the_row_and_one_of_the_memory() {
    for (lines, widths) in [
        ("c = concat h m\n b = matmul v c\n", [4, 9]),
        ("c = concat m h\n b = matmul p c\n", [9, 4]),
        // outside the loop too
        ("t = slice x start=0 stop=4\n c = concat t m\n b = matmul v c\n", [4, 9]),
    ] {
        let program = read(&format!("{lines}e = tanh b\n a = entries_sum e\n{END}"));
        let made = divided(&program).unwrap().expect("a divided program");
        assert_eq!(products(&made), widths, "{lines}");
        let on_entries = made.nodes.iter().filter(|node| rows::row(node.op).run == Run::MatVec);
        let on_entries: Vec<bool> = on_entries.map(|node| node.entries.is_some()).collect();
        assert_eq!(on_entries, widths.map(|width| width == 9), "{lines}");
    }
}

#[test]
fn the_sum_of_the_products_is_the_product() {
    for lines in [
        "c = concat x h\n a = matmul p c",
        "c = concat x h\n a = matmul q c transpose=1",
        "c = concat x h\n d = concat c few\n e = concat d 1\n a = matmul s e",
    ] {
        let program = read(&format!("{lines}\n{END}"));
        let made = divided(&program).unwrap().expect("a divided program");
        let value = |name: &str| -> Vec<f64> {
            let sources = || program.inputs.iter().chain(&program.states).chain(&program.params);
            let (seed, &id) =
                sources().enumerate().find(|(_, id)| program.label(**id) == name).expect("a source");
            (0..program.nodes[id].numel()).map(|at| number(100 * seed + at)).collect()
        };
        let (got, expected) = (results(&made, &value), results(&program, &value));
        let pairs = got.iter().flatten().zip(expected.iter().flatten());
        pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-13, "{lines}: {a} and {b}"));
    }
}
