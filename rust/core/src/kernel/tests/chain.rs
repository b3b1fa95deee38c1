//! A chain is its links one by one, to the bit.

use super::support::{Failures, Form, Grid, Numbers, SIZES, label, on_every_isa, same_bits};
use crate::kernel::{Binary, Dst, Float, Isa, Link, LinkSource, Short, Src, Unary};

const UNARY: [(Short, Unary); 6] = [
    (Short::Copy, Unary::Copy),
    (Short::Neg, Unary::Neg),
    (Short::Sqrt, Unary::Sqrt),
    (Short::Abs, Unary::Abs),
    (Short::Sign, Unary::Sign),
    (Short::Relu, Unary::Relu),
];

const BINARY: [(Short, Binary); 6] = [
    (Short::Add, Binary::Add),
    (Short::Sub, Binary::Sub),
    (Short::Mul, Binary::Mul),
    (Short::Div, Binary::Div),
    (Short::Min, Binary::Min),
    (Short::Max, Binary::Max),
];

/// Chains of links drawn by lot over two arrays; every second link leaves its values to the next alone.
fn check<T: Float>(isa: Isa, failures: &mut Failures) {
    let (kernels, mut numbers) = (T::kernels(isa), Numbers::new(7));
    for count in SIZES.into_iter().chain([128, 256, 300]) {
        for round in 0..12 {
            let start: [Grid<T>; 2] =
                std::array::from_fn(|shift| Grid::new(Form::Dense, 1, count, shift, || numbers.wild()));
            let (mut chained, mut single) = (start.clone(), start);
            let mut before = vec![T::ZERO; count];
            let (mut links, mut names) = (Vec::new(), Vec::new());
            for at in 0..6 {
                let number = T::from_f64(numbers.wild());
                let places: [u64; 2] = std::array::from_fn(|_| numbers.next() % if at == 0 { 4 } else { 5 });
                let sources = places.map(|place| match place {
                    0 => LinkSource::Value(number),
                    4 => LinkSource::Before,
                    1 => LinkSource::Fresh(chained[1].ptr()),
                    array => LinkSource::Elements(chained[array as usize - 2].ptr()),
                });
                let src = |which: usize| match places[which] {
                    0 => Src { ptr: &number, row: 0, col: 0 },
                    4 => Src { ptr: before.as_ptr(), row: 0, col: 1 },
                    1 => single[1].src(),
                    array => single[array as usize - 2].src(),
                };
                let lot = numbers.next() as usize % 6;
                let mut result = vec![T::ZERO; count];
                let dst = Dst { ptr: result.as_mut_ptr(), row: count };
                // SAFETY: all operands have `count` elements, or one for all.
                let op = unsafe {
                    if numbers.next() % 3 == 0 {
                        (kernels.unary)(UNARY[lot].1, T::ZERO, 1, count, dst, src(0));
                        UNARY[lot].0
                    } else {
                        (kernels.binary)(BINARY[lot].1, 1, count, dst, src(0), src(1));
                        BINARY[lot].0
                    }
                };
                let target = (round + at) % 2;
                let is_stored = at % 2 == 1;
                let dst = if is_stored { chained[target].ptr_mut() } else { std::ptr::null_mut() };
                if is_stored {
                    result.iter().enumerate().for_each(|(c, &x)| single[target].set(0, c, x));
                }
                before = result;
                links.push(Link { op, sources, dst });
                names.push(op);
            }
            // SAFETY: as above.
            unsafe { (kernels.chain)(count, &links) };
            for (array, (got, want)) in chained.iter().zip(&single).enumerate() {
                let equal = (0..count).all(|c| same_bits(got.get(0, c), want.get(0, c)));
                let is_right = equal && got.is_guarded();
                failures.check(is_right, || {
                    format!("{} {names:?} of {count}, array {array}: other bits", label::<T>(isa))
                });
            }
        }
    }
}

#[test]
fn a_chain_has_the_bits_of_its_links_one_by_one() {
    on_every_isa!(check);
}
