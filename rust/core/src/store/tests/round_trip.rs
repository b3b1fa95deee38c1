//! What goes in comes out, and other readers see the same.

use super::super::{DType, MAX_RANK, MAX_TENSORS, Model, StoreError, Tensor, from_bytes, to_bytes};
use super::{f32s, f64s, i64s, metadata, small_model, tensor};

#[test]
fn a_model_comes_back_as_it_was() {
    let many = (0..300).map(|i| f32s(&format!("w{i}"), &[i % 3, 2], vec![i as f32; i % 3 * 2]));
    for model in [
        Model::default(),
        Model { metadata: metadata(&[("a", "b")]), tensors: vec![] },
        Model { metadata: metadata(&[]), tensors: vec![f32s("w", &[], [1.5])] },
        Model { metadata: metadata(&[]), tensors: many.collect() },
        Model { metadata: metadata(&[]), tensors: vec![f32s("rank 32", &[1; MAX_RANK], [1.0])] },
        small_model(),
    ] {
        let bytes = to_bytes(&model).unwrap();
        assert_eq!(from_bytes(&bytes).unwrap(), model);
        assert_eq!(to_bytes(&from_bytes(&bytes).unwrap()).unwrap(), bytes);
    }
}

#[test]
fn tensors_of_8_byte_elements_come_first_and_the_rest_of_the_order_is_kept() {
    let tensors =
        vec![f32s("z", &[1], [1.0]), i64s("y", &[1], [2]), f32s("x", &[], [3.0]), f64s("w", &[], [4.0])];
    let model = Model { metadata: metadata(&[]), tensors };
    let read = from_bytes(&to_bytes(&model).unwrap()).unwrap();
    let names: Vec<&str> = read.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(names, ["y", "w", "z", "x"]);
}

#[test]
fn the_safetensors_crate_reads_the_same_tensors_and_metadata() {
    let model = small_model();
    let bytes = to_bytes(&model).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let theirs = header.metadata().clone().unwrap();
    assert_eq!(theirs.len(), model.metadata.len() + 3);
    assert_eq!((theirs["format"].as_str(), theirs["format_version"].as_str()), ("ostinato", "1"));
    assert!(model.metadata.iter().all(|(key, value)| theirs[key] == *value));

    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), model.tensors.len());
    let start = bytes.as_ptr().addr();
    for Tensor { name, dtype, shape, bytes } in &model.tensors {
        let view = file.tensor(name).unwrap();
        assert_eq!(format!("{:?}", view.dtype()), dtype.name());
        assert_eq!((view.shape(), view.data()), (&shape[..], &bytes[..]), "{name}");
        let offset = view.data().as_ptr().addr() - start;
        assert!(bytes.is_empty() || offset.is_multiple_of(dtype.size()), "{name} is not aligned");
    }
}

#[test]
fn a_model_that_cannot_be_stored_is_refused() {
    let one = |tensor| vec![tensor];
    let cases: Vec<(&str, Vec<Tensor>, &str)> = vec![
        (
            "too few bytes",
            one(tensor("w", DType::F32, &[2, 3], [0; 23])),
            "has 23 bytes; expected 24 for F32",
        ),
        ("too many bytes", one(tensor("w", DType::F64, &[0], [0; 8])), "has 8 bytes; expected 0 for F64"),
        ("same name", vec![f32s("w", &[], [1.0]), i64s("w", &[], [1])], "\"w\" occurs twice"),
        ("reserved name", one(f32s("__metadata__", &[], [1.0])), "is reserved"),
        ("overflow", one(f32s("w", &[usize::MAX, 2], [])), "larger than any memory"),
        ("overflow hidden by 0", one(f32s("w", &[0, 1 << 62], [])), "larger than any memory"),
        ("rank", one(f32s("w", &[1; MAX_RANK + 1], [1.0])), "has 33 dimensions; expected at most 32"),
        ("count", vec![f32s("w", &[0], []); MAX_TENSORS + 1], "65537 tensors; expected at most 65536"),
        ("long name", one(f32s(&"n".repeat(32_000_000), &[0], [])), "expected at most 32000000"),
    ];
    for (case, tensors, expected) in cases {
        let result = to_bytes(&Model { metadata: metadata(&[]), tensors });
        assert!(matches!(&result, Err(StoreError::Format(m)) if m.contains(expected)), "{case}: {result:?}");
    }
    for key in ["format", "format_version", "sha256"] {
        let result = to_bytes(&Model { metadata: metadata(&[(key, "1")]), tensors: vec![] });
        assert!(matches!(&result, Err(StoreError::Format(m)) if m.contains("belongs to the file format")));
    }
}
