//! Models out of files: values, errors, and hostile files. `testdata/lstm.safetensors` is
//! `ost.Sequential(ost.LSTM(3, 4), ost.Dense(4, 2), seed=1)`, saved by release 0.1.0. The file is never changed: later releases
//! read it.

use std::path::Path;

use serde_json::Value as Json;

use super::file::content;
use super::{Content, Input, Model, ModelError, Stream};
use crate::net::AxisExtent;
use crate::store;
use crate::team;

const FILE: &[u8] = include_bytes!("testdata/lstm.safetensors");

fn stored() -> store::Model {
    store::from_bytes(FILE).expect("a model file")
}

fn opened(stored: &store::Model) -> Result<Model, ModelError> {
    team::guard(|| Ok(Model::new(content(stored, Path::new("model.safetensors"))?)))?
}

fn model() -> Model {
    opened(&stored()).expect("a model with a graph")
}

fn numbers() -> Vec<f32> {
    (0..30).map(|k| (k % 7) as f32 / 4.0 - 0.75).collect()
}

fn text(error: Result<impl Sized, ModelError>) -> String {
    error.map(drop).expect_err("an error").to_string()
}

#[test]
fn a_run_gives_the_values_of_python() {
    let model = model();
    assert_eq!(model.inputs()[0].content, Content::Features(3));
    assert_eq!(
        (model.outputs()[0].width, model.axes(), model.states().len()),
        (2, &["time".to_string()][..], 2)
    );
    assert_eq!(model.states()[1].name, "0.c");
    let run = model.run(&numbers(), 2, 5, Some(&[5, 2])).expect("outputs");
    let expected = [-0.011_071_275, -0.036_948_673, 0.119_105_67, 0.022_709_182];
    // one rounding of float32 more or less in some sums: other instruction sets round in another order
    assert!(
        run.outputs[0][10..14].iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6),
        "{:?}",
        run.outputs
    );
    assert_eq!(run.outputs[0][14..], [0.0; 6]);
    assert_eq!((run.states.len(), run.states[0].len()), (2, 8));
}

#[test]
fn the_training_of_an_estimator_is_left_out() {
    let mut file = stored();
    let slot = "ostinato.training/0:slots".to_string();
    let bytes = vec![0; 8];
    file.tensors.push(store::Tensor { name: slot, dtype: store::DType::I64, shape: vec![1], bytes });
    // without its key there is no training, and the tensor is none of the graph
    let error = opened(&file).expect_err("an error").to_string();
    assert!(error.contains("is no parameter of the graph"), "{error}");
    file.metadata.insert("ostinato.training".into(), "{}".into());
    let run = |model: Model| model.run(&numbers(), 2, 5, None).expect("outputs").outputs;
    assert_eq!(run(opened(&file).expect("a model")), run(model()));
}

#[test]
fn a_stream_gives_the_outputs_and_states_of_a_run_and_continues_it() {
    let (model, x) = (model(), numbers());
    let whole = model.run(&x, 1, 10, None).expect("outputs");
    let part = model.run(&x[..12], 1, 4, None).expect("outputs");
    let mut stream = model.stream(1).expect("a stream");
    drop(model);
    let mut out = [0.0; 2];
    for (slot, values) in part.states.iter().enumerate() {
        stream.set_state(slot, values).expect("a state");
    }
    for step in 4..10 {
        stream.step(&x[step * 3..][..3], &mut out).expect("a step");
        assert_eq!(out, whole.outputs[0][step * 2..][..2]);
    }
    assert_eq!(stream.state(1).expect("a state"), whole.states[1]);
    stream.reset();
    stream.step(&x[..3], &mut out).expect("a step");
    assert_eq!(out, whole.outputs[0][..2]);
}

#[test]
fn models_are_shared_by_threads_and_streams_move_between_them() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Model>();
    shared::<ModelError>();
    moved::<Stream>();
}

#[test]
fn wrong_arguments_are_errors_that_change_nothing() {
    let (model, x) = (model(), numbers());
    let shape = [
        model.run(&x[1..], 2, 5, None).map(drop),
        model.run(&x, usize::MAX, 5, None).map(drop),
        model.run(&x, 2, 5, Some(&[5])).map(drop),
        model.run(&x, 2, 5, Some(&[5, 6])).map(drop),
        model.run(&[1i64; 10], 2, 5, None).map(drop),
        model.run_on(&[], 2, &[AxisExtent { steps: 5, ..AxisExtent::default() }]).map(drop),
        model.run_on(&[Input::Features(&x)], 2, &[]).map(drop),
        model.stream_on(&[Input::Features(&x)], 2, &[]).map(drop),
    ];
    for (number, result) in shape.into_iter().enumerate() {
        assert!(matches!(result, Err(ModelError::Shape(_))), "{number}: {result:?}");
    }
    assert!(matches!(model.stream(1 << 60), Err(ModelError::Memory(_))));

    let (mut stream, mut out) = (model.stream(2).expect("a stream"), [7.0; 4]);
    stream.step(&x[..6], &mut [0.0; 4]).expect("a step");
    let before = [stream.state(0).expect("a state").to_vec(), stream.state(1).expect("a state").to_vec()];
    let results = [
        stream.step(&x[..5], &mut out),
        stream.step(&x[..6], &mut out[..3]),
        stream.step(&[1i64, 1], &mut out),
        stream.set_state(0, &x[..7]),
        stream.set_state(2, &x[..8]),
        stream.state(2).map(drop),
        stream.reset_row(2),
    ];
    for (number, result) in results.into_iter().enumerate() {
        assert!(matches!(result, Err(ModelError::Shape(_))), "{number}: {result:?}");
    }
    assert_eq!(
        [stream.state(0).expect("a state"), stream.state(1).expect("a state")],
        [&before[0][..], &before[1]]
    );
    assert_eq!(out, [7.0; 4]);
}

#[test]
fn files_that_this_release_cannot_open_say_what_to_do() {
    let missing = Model::open("no such file");
    assert!(
        matches!(&missing, Err(ModelError::Io { path, .. }) if path.ends_with("no such file")),
        "{missing:?}"
    );
    let mut file = stored();
    let graph = file.metadata["ostinato.graph"].clone();
    let edits = [
        (r#""graph":{"format":1"#, r#""graph":{"format":99"#, "Upgrade ostinato"),
        (r#"{"format":1,"name""#, r#"{"format":99,"name""#, "Upgrade ostinato"),
        (r#""op":"tanh""#, r#""op":"tonh""#, "a newer ostinato may know it"),
        (r#""op":"layer""#, r#""op":"player""#, "a newer ostinato may know it"),
        (r#""states":["#, r#""states":[["0.x",[4]],"#, "3 states; expected 2"),
        (r#"["0.h",[4]]"#, r#"["0.h",[5]]"#, "state 0 has another form"),
        (r#"["0.weight_ih_l0",0,"#, r#"["0.weight_ih_l0",100000,"#, "beyond the tensors"),
        (
            r#"["0.weight_ih_l0",0,[16,3]]"#,
            r#"["0.weight_ih_l0",0,[3,16]]"#,
            "has shape [16, 3]; expected [3, 16]",
        ),
        (r#""0.weight_ih_l0""#, r#""0.weight""#, "is no parameter of the graph"),
    ];
    for (from, to, expected) in edits {
        let edited = graph.replacen(from, to, 1);
        assert_ne!(edited, graph, "{from} does not occur");
        file.metadata.insert("ostinato.graph".into(), edited);
        let found = opened(&file);
        assert!(matches!(found, Err(ModelError::Format(_))), "{to}: {found:?}");
        let found = text(found);
        assert!(found.starts_with("model.safetensors: ") && found.contains(expected), "{to}: {found}");
    }
    file.metadata.remove("ostinato.graph");
    assert!(text(opened(&file)).contains("Load it in Python and save it again"));
    let double = content::<f64>(&stored(), Path::new("m")).map(drop);
    assert_eq!(text(double), "m: the numbers are float32, expected float64; use Model::open");
}

/// Numbers of a generator: xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

/// All values within a value.
fn values(json: &Json) -> usize {
    1 + match json {
        Json::Array(list) => list.iter().map(values).sum(),
        Json::Object(object) => object.values().map(values).sum(),
        _ => 0,
    }
}

/// The value with this number in the order of reading.
fn nth<'a>(json: &'a mut Json, number: &mut usize) -> Option<&'a mut Json> {
    if *number == 0 {
        return Some(json);
    }
    *number -= 1;
    match json {
        Json::Array(list) => list.iter_mut().find_map(|inner| nth(inner, number)),
        Json::Object(object) => object.values_mut().find_map(|inner| nth(inner, number)),
        _ => None,
    }
}

fn mutate(json: &mut Json, random: &mut Random) {
    let all = values(json);
    let other = nth(&mut json.clone(), &mut random.below(all)).cloned().unwrap_or(Json::Null);
    let Some(place) = nth(json, &mut random.below(all)) else { return };
    const NUMBERS: [i64; 12] = [0, 1, 2, 3, 4, 5, 8, 16, 4096, 1 << 31, 1 << 48, -1];
    *place = match (random.below(4), &mut *place) {
        (0, _) => other,
        (1, Json::Array(list)) if !list.is_empty() => {
            list.remove(random.below(list.len()));
            return;
        }
        (2, Json::Array(list)) if !list.is_empty() => {
            let copy = list[random.below(list.len())].clone();
            list.insert(random.below(list.len()), copy);
            return;
        }
        (1, Json::Object(object)) if !object.is_empty() => {
            let key = object.keys().nth(random.below(object.len())).cloned().unwrap_or_default();
            object.remove(&key);
            return;
        }
        _ => NUMBERS[random.below(NUMBERS.len())].into(),
    };
}

/// Files with a right digest and a mutated graph: an error, or a model that runs. `OSTINATO_FUZZ` is the number of files.
#[test]
fn a_mutated_graph_is_an_error_or_a_model_that_runs() {
    let count = std::env::var("OSTINATO_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let (mut file, mut random, mut ran) = (stored(), Random(0x9E37_79B9_7F4A_7C15), 0);
    let graph: Json = serde_json::from_str(&file.metadata["ostinato.graph"]).expect("JSON");
    for _ in 0..count {
        let mut mutated = graph.clone();
        (0..=random.below(3)).for_each(|_| mutate(&mut mutated, &mut random));
        file.metadata.insert("ostinato.graph".into(), mutated.to_string());
        let done = opened(&file).and_then(|model| {
            let wide = |input: &super::InputInfo| !matches!(input.content, Content::Features(..1000));
            if model.inputs().iter().any(wide) {
                return Ok(());
            }
            let arrays: Vec<Vec<f32>> = (model.inputs().iter())
                .map(|input| match input.content {
                    Content::Features(width) => vec![0.5; 2 * width * input.axis.map_or(1, |_| 3)],
                    Content::Ids(_) => Vec::new(),
                })
                .collect();
            let inputs: Vec<Input<f32>> = arrays.iter().map(Input::from).collect();
            let axes = vec![AxisExtent { steps: 3, ..AxisExtent::default() }; model.axes().len().max(1)];
            model.run_on(&inputs, 2, &axes)?;
            let mut stream = model.stream(1)?;
            let mut out = vec![0.0; stream.output_width()];
            stream.step(&arrays[0][..arrays[0].len() / 6], &mut out)?;
            ran += 1;
            Ok(())
        });
        assert!(!matches!(done, Err(ModelError::Internal(_))), "{done:?}: {mutated}");
    }
    assert!(ran > 0, "some mutations leave a model");
}

#[test]
fn a_file_that_is_cut_or_damaged_is_an_error() {
    for length in 0..FILE.len() {
        assert!(store::from_bytes(&FILE[..length]).is_err(), "{length} bytes");
    }
    let mut bytes = FILE.to_vec();
    for place in (0..bytes.len()).step_by(3) {
        bytes[place] ^= 1 << (place % 8);
        assert!(store::from_bytes(&bytes).is_err(), "byte {place}");
        bytes[place] = FILE[place];
    }
}
