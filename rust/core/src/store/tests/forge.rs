//! Makes files by hand to mislead the reader. Their checksums are true wherever they have one, so that each tests the
//! rule it is made for.

use sha2::{Digest, Sha256};

use super::super::header::NO_DIGEST;
use super::refusal;

/// The format's own metadata, to be sealed.
pub(super) const OURS: &str = r#""format":"ostinato","format_version":"1","sha256":"#;

/// A file with this header, the usual padding, this data and a true digest.
pub(super) fn file(header: &str, data: usize) -> Vec<u8> {
    let padding = " ".repeat(header.len().next_multiple_of(8) - header.len());
    raw(format!("{header}{padding}").as_bytes(), data)
}

/// The same without padding.
pub(super) fn raw(header: &[u8], data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend((0..data).map(|i| i as u8));
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(at) = bytes.windows(64).position(|window| window == NO_DIGEST.as_bytes()) {
        bytes[at..at + 64].copy_from_slice(digest.as_bytes());
    }
    bytes
}

/// A file of our format with these tensor entries, as they stand in JSON.
pub(super) fn entries(entries: &str, data: usize) -> Vec<u8> {
    file(&format!(r#"{{"__metadata__":{{{OURS}"{NO_DIGEST}"}},{entries}}}"#), data)
}

/// A file of our format with one F32 entry.
pub(super) fn shape(shape: &str, end: &str, data: usize) -> Vec<u8> {
    entries(&format!(r#""w":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}"#), data)
}

/// A file with this text for the metadata.
pub(super) fn meta(metadata: &str) -> Vec<u8> {
    file(&format!(r#"{{"__metadata__":{metadata}}}"#), 0)
}

pub(super) fn with_length(length: u64, rest: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes()[..], rest].concat()
}

/// A row of a table: what is wrong, the file, and what the refusal must say.
pub(super) type Row = (&'static str, Vec<u8>, &'static str);

/// Reads every row and reports all that were not refused, or not for the reason expected.
pub(super) fn check(rows: Vec<Row>) {
    let failed: Vec<String> = rows
        .iter()
        .filter_map(|(what, bytes, expected)| match refusal(bytes) {
            Some(message) if message.contains(expected) => None,
            got => Some(format!("{what}: expected {expected:?}, got {got:?}")),
        })
        .collect();
    assert!(failed.is_empty(), "{} of {} rows:\n{}", failed.len(), rows.len(), failed.join("\n"));
}

#[test]
fn the_helpers_make_good_files_where_nothing_is_wrong() {
    for good in [
        meta(&format!(r#"{{{OURS}"{NO_DIGEST}"}}"#)),
        entries(r#""w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#, 8),
        shape("[2,3]", "24", 24),
        shape("[0,3]", "0", 0),
    ] {
        assert_eq!(refusal(&good), None);
    }
}
