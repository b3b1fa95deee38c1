//! Files of every format version, kept: they must load, and this version's must be written again bit for bit.

use super::super::{from_bytes, load, save, to_bytes};
use super::{refusal, small_model};

/// Written by `write_the_golden_file`.
const VERSION_1: &[u8] = include_bytes!("../testdata/version_1.safetensors");

fn path() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/testdata/version_1.safetensors")
}

#[test]
fn the_golden_file_loads() {
    assert_eq!(from_bytes(VERSION_1).unwrap(), small_model());
}

#[test]
fn the_golden_file_is_written_again_bit_for_bit() {
    assert!(to_bytes(&small_model()).unwrap() == VERSION_1, "the bytes written have changed");
}

#[test]
fn every_single_bit_flip_of_the_golden_file_is_refused() {
    let mut bytes = VERSION_1.to_vec();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(refusal(&bytes).is_some(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(refusal(&bytes), None);
}

#[test]
fn every_truncation_and_extension_of_the_golden_file_is_refused() {
    for length in 0..VERSION_1.len() {
        assert!(refusal(&VERSION_1[..length]).is_some(), "first {length} bytes");
        assert!(refusal(&VERSION_1[VERSION_1.len() - length..]).is_some(), "last {length} bytes");
    }
    for extra in [&b"\0"[..], b" ", &[0; 8], &[0; 4096], VERSION_1] {
        assert!(refusal(&[VERSION_1, extra].concat()).is_some(), "{} bytes more", extra.len());
    }
}

/// Run with `cargo test -- --ignored write_the_golden_file` from the crate's folder, once per format version.
#[test]
#[ignore = "writes the golden file, for a new format version"]
fn write_the_golden_file() {
    save(&path(), &small_model()).unwrap();
    assert_eq!(load(&path()).unwrap(), small_model());
}
