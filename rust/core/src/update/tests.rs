//! Rules against a loop over the elements that evaluates the optimizer's program as it is written.

use super::operation::{Action, Place};
use super::rule::Rule;
use super::stages::{JointSource, Stage};
use super::{NotFinite, Segment, Totals, Updater, square_sum};
use crate::kernel::{Float, Isa, Short};
use crate::step::Program;
use crate::step::tests::interpreter::evaluate;
use crate::step::tests::lines::program;

/// Around a tile of float32 and of float64, and several parameters in one step.
const LENGTHS: &[&[usize]] = &[&[0], &[1], &[511, 0, 513], &[3, 1025]];
/// Around a chunk of work, and more than one thread takes.
const LONG: &[&[usize]] = &[&[3, 16_385, 700], &[32_769], &[70_000, 5]];
/// The rules that go through all of `LONG` too; the loop takes a second for each.
const LONG_RULES: usize = 3;

/// Numbers between -1.5 and 1.5 that look random.
struct Numbers(u64);

impl Numbers {
    fn bits(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }

    fn next(&mut self) -> f64 {
        self.bits() as f64 / (1u64 << 31) as f64 * 3.0 - 1.5
    }

    fn below(&mut self, limit: usize) -> usize {
        self.bits() % limit
    }
}

/// One step by the program itself. `streams[k][i]`: number i of array k.
fn naive(program: &Program, streams: &mut [Vec<f64>], scalars: &[f64]) {
    let sources: Vec<usize> = program.inputs.iter().chain(&program.states).copied().collect();
    let changes = std::iter::once((0, program.outputs[0].1));
    let changes: Vec<_> =
        changes.chain((program.inputs.len()..).zip(program.updates.iter().copied())).collect();
    for i in 0..streams[0].len() {
        let mut values = vec![Vec::new(); program.nodes.len()];
        program.params.iter().zip(scalars).for_each(|(&id, &x)| values[id] = vec![x]);
        sources.iter().zip(&*streams).for_each(|(&id, stream)| values[id] = vec![stream[i]]);
        evaluate(&program.nodes, &mut values, |_| true);
        changes.iter().for_each(|&(stream, id)| streams[stream][i] = values[id][0]);
    }
}

/// Some steps of the engine and of the loop over parameters of these lengths; what differs.
fn compare<T: Float>(
    program: &Program,
    isa: Isa,
    lengths: &[usize],
    near: &dyn Fn(f64, f64) -> bool,
) -> Option<String> {
    let rule = Rule::new(program).unwrap_or_else(|error| panic!("{}: {error}", program.name));
    let (arrays, written) = (rule.streams(), rule.written().to_vec());
    let updater = Updater::<T>::new(rule, T::kernels(isa));
    let mut numbers = Numbers(lengths.iter().sum::<usize>() as u64 + 1);
    let fresh = |numbers: &mut Numbers, len: usize| -> Vec<T> {
        (0..len).map(|_| T::from_f64(numbers.next())).collect()
    };
    let wide = |array: &[T]| -> Vec<f64> { array.iter().map(|x| x.to_f64()).collect() };
    let mut memory: Vec<Vec<Vec<T>>> =
        lengths.iter().map(|&len| (0..arrays).map(|_| fresh(&mut numbers, len)).collect()).collect();
    for step in 1..=3 {
        // the gradients of a step, and a positive scalar each for rates; the last one counts
        memory
            .iter_mut()
            .filter(|_| arrays > 1)
            .for_each(|arrays| arrays[1] = fresh(&mut numbers, arrays[1].len()));
        let mut scalars: Vec<f64> = program.params.iter().map(|_| numbers.next().abs() / 3.0 + 0.1).collect();
        scalars
            .iter_mut()
            .zip(&program.params)
            .filter(|(_, id)| program.label(**id) == "count")
            .for_each(|(x, _)| *x = f64::from(step));
        let mut want: Vec<Vec<Vec<f64>>> =
            memory.iter().map(|arrays| arrays.iter().map(|array| wide(array)).collect()).collect();
        want.iter_mut().for_each(|streams| naive(program, streams, &scalars));
        let before = memory.clone();
        let segments: Vec<Segment<T>> = (memory.iter_mut().zip(lengths))
            .map(|(arrays, &len)| {
                Segment::new(arrays.iter_mut().map(|array| array.as_mut_ptr()).collect(), len)
            })
            .collect();
        // SAFETY: each segment has the rule's arrays of its length, and nothing else has them.
        let found = unsafe { updater.check(&segments, &scalars, &mut Totals::default()) }.expect("a check");
        if found.is_some() || memory != before {
            return Some(format!("a check of a finite step finds {found:?}, or writes"));
        }
        // SAFETY: as above.
        unsafe { updater.step(&segments, &scalars, &mut Totals::default()) }.expect("a step");
        for (parameter, (arrays, want)) in memory.iter().zip(&want).enumerate() {
            for (k, (array, want)) in arrays.iter().zip(want).enumerate() {
                if !written[k] && *array != before[parameter][k] {
                    return Some(format!("array {k} changes, which is not among those written"));
                }
                let differs = |(got, &want): (&T, &f64)| !near(got.to_f64(), want);
                if let Some(at) = array.iter().zip(want).position(differs) {
                    let (got, want) = (array[at], want[at]);
                    return Some(format!(
                        "parameter {parameter}, array {k}, number {at}, step {step}: {got:?}, not {want}"
                    ));
                }
            }
        }
    }
    None
}

const RULES: &[(&str, &str)] = &[
    ("descent", "input p\n input g\n param lr\n a = mul lr g\n new = sub p a\n output p = new"),
    (
        "descent with a gradient that is clipped by its norm",
        "input p\n input g\n param scale\n param lr\n c = mul g scale\n a = mul lr c\n new = sub p a\n output p = new",
    ),
    (
        "momentum with decay, clipped",
        "input p\n input g\n state v\n param scale\n param lr\n param momentum\n c = mul g scale\n d = mul p 0.1\n
         e = add c d\n f = mul v momentum\n new_v = add f e\n a = mul lr new_v\n new = sub p a\n
         output p = new\n next v = new_v",
    ),
    (
        "nesterov",
        "input p\n input g\n state v\n param lr\n f = mul v 0.9\n new_v = add f g\n h = mul new_v 0.9\n
         ahead = add h g\n a = mul lr ahead\n new = sub p a\n output p = new\n next v = new_v",
    ),
    (
        "adam",
        "input p\n input g\n state m\n state v\n param lr\n param count\n
         m1 = mul m 0.9\n m2 = mul g 0.1\n new_m = add m1 m2\n
         v0 = abs v\n v1 = mul v0 0.99\n gg = mul g g\n v2 = mul gg 0.01\n new_v = add v1 v2\n
         b1 = pow 0.9 count\n c1 = sub 1 b1\n b2 = pow 0.99 count\n c2 = sub 1 b2\n
         root = sqrt new_v\n s2 = sqrt c2\n r = div root s2\n scale = add r 0.001\n
         rate = div lr c1\n up = mul rate new_m\n a = div up scale\n new = sub p a\n
         output p = new\n next m = new_m\n next v = new_v",
    ),
    (
        "the sign of a mean",
        "input p\n input g\n state m\n param lr\n a = mul m 0.9\n b = mul g 0.1\n c = add a b\n d = sign c\n
         e = mul lr d\n new = sub p e\n f = mul m 0.99\n h = mul g 0.01\n new_m = add f h\n
         output p = new\n next m = new_m",
    ),
    (
        "slots that swap, one that is the old parameter, one that is a scalar",
        "input p\n input g\n state one\n state other\n state before\n state constant\n param lr\n param count\n
         a = mul lr g\n b = sub p a\n c = sub one before\n d = mul c 0.01\n new = add b d\n output p = new\n
         next one = other\n next other = one\n next before = p\n next constant = count",
    ),
    (
        "three slots that move on",
        "input p\n input g\n state a\n state b\n state c\n x = add a b\n y = add x c\n new = sub p y\n
         output p = new\n next a = b\n next b = c\n next c = a",
    ),
    (
        "a width for each number: where, comparisons, clip",
        "input p\n input g\n state before\n state width\n param lr\n param count\n
         s = sign g\n t = sign before\n agreement = mul s t\n first = equal count 1\n
         w = where first lr width\n up = greater agreement 0\n down = less agreement 0\n
         inner = where down 0.5 1\n factor = where up 1.2 inner\n grown = mul w factor\n
         new_width = clip grown low=0.000001 high=50\n a = mul s new_width\n new = sub p a\n
         output p = new\n next before = g\n next width = new_width",
    ),
    (
        "functions of scalars alone",
        "input p\n input g\n param lr\n param count\n a = mul count -0.1\n b = exp a\n c = mul lr b\n d = add count 10\n
         e = div 1 d\n rate = add c e\n half = mul_add rate 0.5 0.1\n f = mul half g\n new = sub p f\n output p = new",
    ),
    (
        "long operations between short ones, and an alpha",
        "input p\n input g\n state m\n param lr\n a = add g m\n b = tanh a\n c = mul b lr\n d = leaky_relu c alpha=0.3\n
         e = sub p d\n f = sigmoid e\n h = neg f\n new = add h e\n k = lerp lr m g\n new_m = mul_add k lr m\n
         output p = new\n next m = new_m",
    ),
    ("other names of values", "input p\n input g\n state m\n a = stop_gradient g\n b = add p a\n c = stop_gradient b\n d = stop_gradient p\n output p = c\n next m = d"),
    ("a parameter that becomes its gradient", "input p\n input g\n state m\n output p = g\n next m = m"),
    ("a parameter that becomes a scalar", "input p\n input g\n param lr\n a = mul lr 2\n output p = a"),
    ("a parameter that stays", "input p\n input g\n state m\n a = add m g\n output p = p\n next m = a"),
    ("one value in two places", "input p\n input g\n state m\n a = add p g\n output p = a\n next m = a"),
    ("an operand twice", "input p\n input g\n a = mul g g\n b = add a a\n c = maximum b b\n d = minimum c p\n e = relu d\n output p = e"),
    ("no gradient at all", "input p\n param lr\n a = mul p lr\n output p = a"),
];

fn rule(name: &str, text: &str) -> Program {
    let mut program = program(&format!("program update\nsizes\n{text}"));
    program.name = name.to_string();
    program
}

fn assert_none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_computes_what_its_program_says_of_each_number() {
    // The engine rounds other products than the loop, and approximates: some ULP of numbers near 1, through a quotient.
    let double = |a: f64, b: f64| (a - b).abs() <= 1e-12 * (1.0 + b.abs());
    let single = |a: f64, b: f64| (a - b).abs() <= 3e-5 * (1.0 + b.abs());
    let mut wrong = Vec::new();
    for (at, (name, text)) in RULES.iter().enumerate() {
        let program = rule(name, text);
        let long = if at < LONG_RULES { LONG } else { &[] };
        for isa in Isa::available() {
            for lengths in LENGTHS.iter().chain(long) {
                let found = [
                    compare::<f64>(&program, isa, lengths, &double),
                    compare::<f32>(&program, isa, lengths, &single),
                ];
                let found = found.into_iter().flatten();
                wrong.extend(found.map(|what| format!("{name}, {}, {lengths:?}: {what}", isa.name())));
            }
        }
    }
    assert_none(wrong);
}

/// A program of exact operations in a random order, whose output and updates are any of its values.
fn random_rule(numbers: &mut Numbers) -> Program {
    let (slots, scalars) = (numbers.below(4), numbers.below(3));
    let mut text = String::from("input p\n input g\n");
    let mut values: Vec<String> = ["p", "g", "0.5"].map(String::from).to_vec();
    (0..slots).for_each(|k| text += &format!("state s{k}\n"));
    (0..scalars).for_each(|k| text += &format!("param r{k}\n"));
    values.extend((0..slots).map(|k| format!("s{k}")).chain((0..scalars).map(|k| format!("r{k}"))));
    let mut products = 0;
    for k in 0..1 + numbers.below(14) {
        const OPS: [(&str, usize); 14] = [
            ("add", 2),
            ("sub", 2),
            ("mul", 2),
            ("minimum", 2),
            ("maximum", 2),
            ("neg", 1),
            ("abs", 1),
            ("relu", 1),
            ("sign", 1),
            ("copy", 1),
            ("greater", 2),
            ("where", 3),
            ("leaky_relu", 1),
            ("stop_gradient", 1),
        ];
        let (op, operands) = OPS[numbers.below(OPS.len())];
        products += usize::from(op == "mul");
        // So few products do not overflow.
        let op = if op == "mul" && products > 6 { "add" } else { op };
        // Mostly what was made last: chains.
        let pick = |numbers: &mut Numbers| match numbers.below(2) {
            0 => values[values.len() - 1 - numbers.below(3)].clone(),
            _ => values[numbers.below(values.len())].clone(),
        };
        let args: Vec<String> = (0..operands).map(|_| pick(numbers)).collect();
        text += &format!("v{k} = {op} {}\n", args.join(" "));
        values.push(format!("v{k}"));
    }
    let mut any = |recent: bool| match recent {
        true => values[values.len() - 1 - numbers.below(4)].clone(),
        false => values[numbers.below(values.len())].clone(),
    };
    text += &format!("output p = {}\n", any(true));
    (0..slots).for_each(|k| text += &format!("next s{k} = {}\n", any(k % 2 == 0)));
    rule(&text.replace('\n', "; "), &text)
}

#[test]
fn random_rules_compute_what_their_programs_say_to_the_bit() {
    let (mut numbers, mut wrong) = (Numbers(11), Vec::new());
    let isa = Isa::active().expect("an instruction set");
    for round in 0..1500 {
        let program = random_rule(&mut numbers);
        let lengths: &[usize] = if round % 100 == 0 { &[600, 1, 513] } else { &[17, 2] };
        if let Some(what) = compare::<f64>(&program, isa, lengths, &|a, b| a == b) {
            wrong.push(format!("{}: {what}", program.name));
        }
    }
    assert_none(wrong);
}

#[test]
fn operations_of_few_instructions_become_one_chain() {
    let stages = |name: &str| {
        Rule::new(&rule(name, RULES.iter().find(|(known, _)| *known == name).unwrap().1)).unwrap().last.stages
    };
    for name in ["descent", "momentum with decay, clipped", "nesterov", "adam", "the sign of a mean"] {
        assert!(matches!(&stages(name)[..], [Stage::Chain(_)]), "{name}: {:?}", stages(name));
    }
    // p - lr g: the product is read by the next joint alone and never lies in memory; both arrays come fresh.
    let [Stage::Chain(joints)] = &stages("descent")[..] else { panic!("one chain") };
    let [product, difference] = joints[..] else { panic!("two joints") };
    assert_eq!((product.op, product.dst), (Short::Mul, None));
    assert_eq!(product.sources, [JointSource::At(Place::Scalar(0)), JointSource::Fresh(Place::Stream(1))]);
    assert_eq!((difference.op, difference.dst), (Short::Sub, Some(Place::Stream(0))));
    assert_eq!(difference.sources, [JointSource::Fresh(Place::Stream(0)), JointSource::Before]);
}

#[test]
fn a_long_operation_ends_a_chain_and_another_begins_after_it() {
    let (name, text) = RULES.iter().find(|(name, _)| name.starts_with("long operations")).unwrap();
    let kinds: Vec<&str> = (Rule::new(&rule(name, text)).unwrap().last.stages.iter())
        .map(|stage| match stage {
            Stage::Chain(_) => "chain",
            Stage::One(operation) => match operation.action {
                Action::Unary(..) => "unary",
                Action::Binary(_) => "binary",
                Action::Ternary(_) => "ternary",
            },
        })
        .collect();
    let expected = ["chain", "unary", "chain", "unary", "chain", "unary", "chain", "ternary", "ternary"];
    assert_eq!(kinds, expected);
}

#[test]
fn programs_that_are_no_update_of_one_number_are_refused() {
    for (text, why) in [
        ("program update\nsizes\nparam lr\noutput p = lr", "first input"),
        ("program update\nsizes\ninput p\ninput g\noutput p = p\noutput g = g", "one output"),
        ("program update\nsizes n=2\ninput p n\ninput g n\na = add p g\noutput p = a", "element by element"),
        (
            "program update\nsizes\nid p\ninput g\na = one_hot p size=1\nb = reshape a shape=\noutput p = b",
            "element by element",
        ),
        (
            "program update\nsizes\ninput p\nz = noise stream=0 per=0 shape=\na = add p z\noutput p = a",
            "element by element",
        ),
    ] {
        let error = Rule::new(&program(text)).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn the_sum_of_squares_is_that_of_a_loop() {
    let mut numbers = Numbers(3);
    for isa in Isa::available() {
        for len in [0, 1, 7, 1000, 65_535, 65_536, 65_537, 200_001] {
            let values: Vec<f64> = (0..len).map(|_| numbers.next()).collect();
            let narrow: Vec<f32> = values.iter().map(|&x| x as f32).collect();
            let want: f64 = values.iter().map(|x| x * x).sum();
            let narrow_want: f64 = narrow.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
            // Another order of 2e5 additions in float64.
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-11 * (1.0 + b);
            assert!(near(square_sum(&values, f64::kernels(isa)).unwrap(), want), "{}, {len}", isa.name());
            assert!(
                near(square_sum(&narrow, f32::kernels(isa)).unwrap(), narrow_want),
                "{}, {len}",
                isa.name()
            );
        }
    }
}

/// A gradient that is not finite at some places: the check finds the first number that the loop makes so, and writes nothing.
fn compare_not_finite<T: Float>(program: &Program, isa: Isa) -> Option<String> {
    let rule = Rule::new(program).unwrap_or_else(|error| panic!("{}: {error}", program.name));
    let updater = Updater::<T>::new(rule, T::kernels(isa));
    let (lengths, mut numbers) = ([3, 70_000, 1025], Numbers(11));
    let mut memory: Vec<Vec<Vec<T>>> = (lengths.iter())
        .map(|&len| {
            let fresh = |_| (0..len).map(|_| T::from_f64(numbers.next())).collect();
            (0..updater.rule().streams()).map(fresh).collect()
        })
        .collect();
    let scalars = vec![0.5; program.params.len()];
    for (at, bad) in [(1, f64::NAN), (40_000, f64::INFINITY), (69_999, f64::NEG_INFINITY)].into_iter().rev() {
        memory[1][1][at] = T::from_f64(bad);
        let mut want = None;
        for (segment, streams) in memory.iter().enumerate() {
            let bad_ones: Vec<usize> =
                (0..streams[0].len()).filter(|&i| !streams[1][i].to_f64().is_finite()).collect();
            for element in bad_ones {
                let mut one: Vec<Vec<f64>> =
                    streams.iter().map(|stream| vec![stream[element].to_f64()]).collect();
                naive(program, &mut one, &scalars);
                let found = (0..one.len())
                    .find(|&stream| updater.rule().written()[stream] && !one[stream][0].is_finite())
                    .map(|stream| NotFinite { stream, segment, element });
                want = [want, found].into_iter().flatten().min();
            }
        }
        let before: Vec<Vec<Vec<u64>>> = bits(&memory);
        let segments: Vec<Segment<T>> = (memory.iter_mut().zip(lengths))
            .map(|(arrays, len)| {
                Segment::new(arrays.iter_mut().map(|array| array.as_mut_ptr()).collect(), len)
            })
            .collect();
        // SAFETY: each segment has the rule's arrays of its length, and nothing else has them.
        let found = unsafe { updater.check(&segments, &scalars, &mut Totals::default()) }.expect("a check");
        if found.map(|(place, _)| place) != want || found.is_some_and(|(_, value)| value.is_finite()) {
            return Some(format!("{bad} at {at}: {found:?}, not {want:?}"));
        }
        if bits(&memory) != before {
            return Some(format!("{bad} at {at}: the check writes"));
        }
    }
    None
}

fn bits<T: Float>(memory: &[Vec<Vec<T>>]) -> Vec<Vec<Vec<u64>>> {
    let array = |array: &Vec<T>| array.iter().map(|x| x.to_f64().to_bits()).collect();
    memory.iter().map(|arrays| arrays.iter().map(array).collect()).collect()
}

#[test]
fn a_check_finds_the_first_number_that_is_not_finite_and_writes_nothing() {
    let mut wrong = Vec::new();
    for (name, text) in RULES {
        // The loop's minimum and maximum pass over a NaN.
        if !text.contains("input g") || text.contains("minimum") {
            continue;
        }
        let program = rule(name, text);
        for isa in Isa::available() {
            let found = [compare_not_finite::<f32>(&program, isa), compare_not_finite::<f64>(&program, isa)];
            wrong.extend(found.into_iter().flatten().map(|what| format!("{name}, {}: {what}", isa.name())));
        }
    }
    assert_none(wrong);
}

/// A check of numbers of all magnitudes, against the step itself: some overflow, some are below the least normal number.
fn compare_magnitudes<T: Float>(program: &Program, isa: Isa) -> Result<usize, String> {
    let rule = Rule::new(program).expect("a rule");
    let (arrays, written) = (rule.streams(), rule.written().to_vec());
    let updater = Updater::<T>::new(rule, T::kernels(isa));
    let mut numbers = Numbers(11);
    let mut refused = 0;
    for case in 0..400 {
        // the spread of the exponents of a case, in the range of the type
        let most = T::LARGEST.log10() * f64::from(case % 20 + 1) / 20.0;
        let mut draw = |positive: bool| {
            let sign = if positive || numbers.next() > 0.0 { 1.0 } else { -1.0 };
            T::from_f64(sign * 10f64.powf(numbers.next() / 1.5 * most))
        };
        let mut memory: Vec<Vec<T>> =
            (0..arrays).map(|array| (0..5).map(|_| draw(array > 1 && case % 2 == 0)).collect()).collect();
        let scalars: Vec<f64> = program.params.iter().map(|_| draw(true).to_f64().clamp(1e-6, 0.9)).collect();
        let segments = vec![Segment::new(memory.iter_mut().map(|array| array.as_mut_ptr()).collect(), 5)];
        // SAFETY: the segment has the rule's arrays of its length, and nothing else has them.
        let found = unsafe { updater.check(&segments, &scalars, &mut Totals::default()) }.expect("a check");
        // SAFETY: as above.
        unsafe { updater.step(&segments, &scalars, &mut Totals::default()) }.expect("a step");
        let is_bad = |(array, is_written): (&Vec<T>, &bool)| {
            *is_written && array.iter().any(|x| !x.to_f64().is_finite())
        };
        let overflows = memory.iter().zip(&written).any(is_bad);
        if found.is_some() != overflows {
            return Err(format!("case {case}: found {found:?}, but the step has {memory:?}"));
        }
        refused += usize::from(overflows);
    }
    Ok(refused)
}

#[test]
fn a_check_of_any_magnitudes_says_what_the_step_would_write() {
    let mut wrong = Vec::new();
    let mut refused = 0;
    for (name, text) in RULES.iter().filter(|(_, text)| text.contains("input g")) {
        let program = rule(name, text);
        for isa in Isa::available() {
            for found in [compare_magnitudes::<f32>(&program, isa), compare_magnitudes::<f64>(&program, isa)]
            {
                match found {
                    Ok(count) => refused += count,
                    Err(what) => wrong.push(format!("{name}, {}: {what}", isa.name())),
                }
            }
        }
    }
    assert_none(wrong);
    assert!(refused > 100, "only {refused} steps overflow");
}
