//! Files made by hand to mislead the reader. Their checksums are right wherever the file has one, so that each row
//! tests the rule it names.

use sha2::{Digest, Sha256};

use super::super::header::NO_DIGEST;
use super::super::{from_bytes, to_bytes};
use super::{refusal, small_model};

/// The format's own metadata, to be sealed.
const OURS: &str = r#""format":"ostinato","format_version":"1","sha256":"#;

/// A file with this header, the usual padding, this data and a true digest.
fn file(header: &str, data: usize) -> Vec<u8> {
    let padding = " ".repeat(header.len().next_multiple_of(8) - header.len());
    raw(format!("{header}{padding}").as_bytes(), data)
}

/// The same without padding.
fn raw(header: &[u8], data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend((0..data).map(|i| i as u8));
    let digest: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if let Some(at) = bytes
        .windows(64)
        .position(|window| window == NO_DIGEST.as_bytes())
    {
        bytes[at..at + 64].copy_from_slice(digest.as_bytes());
    }
    bytes
}

/// A file of our format with these tensor entries, as they stand in JSON.
fn entries(entries: &str, data: usize) -> Vec<u8> {
    file(
        &format!(r#"{{"__metadata__":{{{OURS}"{NO_DIGEST}"}},{entries}}}"#),
        data,
    )
}

/// A file of our format with one F32 entry.
fn shape(shape: &str, end: &str, data: usize) -> Vec<u8> {
    entries(
        &format!(r#""w":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}"#),
        data,
    )
}

/// A file with this text for the metadata.
fn meta(metadata: &str) -> Vec<u8> {
    file(&format!(r#"{{"__metadata__":{metadata}}}"#), 0)
}

fn with_length(length: u64, rest: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes()[..], rest].concat()
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

#[test]
fn hostile_files_are_refused_with_the_reason() {
    let (z, f32) = (NO_DIGEST, r#"{"dtype":"F32","shape":[1],"data_offsets""#);
    let deep = |open: &str, n: usize| format!(r#"{{"__metadata__":{}"#, open.repeat(n));
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        // The container.
        ("nothing", vec![], "0 bytes"),
        ("half a length", vec![1, 0, 0, 0], "4 bytes"),
        ("no header", with_length(0, b""), "broken"),
        ("no header, data", with_length(0, &[0; 64]), "broken"),
        (
            "header longer than the file",
            with_length(100, b"{}"),
            "length is 100; expected at most 2",
        ),
        (
            "header one byte too long",
            with_length(9, b"{}      "),
            "length is 9; expected at most 8",
        ),
        (
            "length 2^64 - 1",
            with_length(u64::MAX, b"{}"),
            "length is 18446744073709551615",
        ),
        (
            "length 2^63",
            with_length(1 << 63, b"{}"),
            "length is 9223372036854775808",
        ),
        (
            "header above the limit",
            raw(&vec![b' '; 32_000_008], 0),
            "expected at most 32000000",
        ),
        ("not UTF-8", with_length(8, b"{\"\xff\xfe\":1}"), "not UTF-8"),
        ("overlong UTF-8", with_length(8, b"{\"\xc0\xaf\":1}"), "not UTF-8"),
        (
            "surrogate in UTF-8",
            with_length(8, b"{\"\xed\xa0\x80\":}"),
            "not UTF-8",
        ),
        ("UTF-16", with_length(8, b"{\0}\0 \0 \0"), "broken"),
        ("byte order mark", file("\u{feff}{}", 0), "broken"),
        (
            "a pickle",
            b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93.".to_vec(),
            "length is",
        ),
        (
            "a zip",
            [&b"PK\x03\x04\x14\0\0\0"[..], &[0; 100]].concat(),
            "length is",
        ),
        // JSON.
        ("empty object", file("{}", 0), "not a model saved by ostinato"),
        ("a list", file("[]", 0), "expected an object"),
        ("a number", file("17", 0), "expected an object"),
        ("null", file("null", 0), "expected an object"),
        ("unfinished", file(r#"{"__metadata__":{"#, 0), "broken"),
        (
            "two objects",
            file(&format!(r#"{{"__metadata__":{{{OURS}"{z}"}}}}{{}}"#), 0),
            "trailing characters",
        ),
        (
            "zeros as padding",
            raw(
                format!(r#"{{"__metadata__":{{{OURS}"{z}"}}}}{}"#, "\0").as_bytes(),
                0,
            ),
            "trailing",
        ),
        ("trailing comma", entries("", 0), "broken"),
        (
            "comment",
            file(&format!(r#"{{/**/"__metadata__":{{{OURS}"{z}"}}}}"#), 0),
            "broken",
        ),
        ("NaN for a number", shape("[NaN]", "0", 0), "broken"),
        ("deep objects", file(&deep(r#"{"a":"#, 1_000_000), 0), "broken"),
        ("deep lists", file(&deep("[", 1_000_000), 0), "broken"),
        (
            "deep lists in a shape",
            shape(&"[".repeat(1_000_000), "0", 0),
            "broken",
        ),
        (
            "half a surrogate pair",
            meta(&format!(r#"{{{OURS}"{z}","x":"\ud800"}}"#)),
            "broken",
        ),
        // Metadata.
        (
            "no metadata",
            file(&format!(r#"{{"w":{f32}:[0,4]}}}}"#), 4),
            "not a model saved by ostinato",
        ),
        ("metadata is null", meta("null"), "expected an object of texts"),
        ("metadata is a list", meta("[]"), "expected an object of texts"),
        (
            "metadata of numbers",
            meta(&format!(r#"{{"epoch":3,{OURS}"{z}"}}"#)),
            "expected a string",
        ),
        ("empty metadata", meta("{}"), "the metadata has no \"format\""),
        (
            "another format",
            meta(&format!(
                r#"{{"format":"pt","format_version":"1","sha256":"{z}"}}"#
            )),
            "format is \"pt\"",
        ),
        (
            "version 2",
            meta(r#"{"format":"ostinato","format_version":"2"}"#),
            "written by a newer ostinato",
        ),
        (
            "version 2 with a header of its own kind",
            file(
                r#"{"__metadata__":{"format":"ostinato","format_version":"2"},"w":[{"blocks":[1.5]}]}"#,
                3,
            ),
            "written by a newer ostinato",
        ),
        (
            "version 0",
            meta(&format!(
                r#"{{"format":"ostinato","format_version":"0","sha256":"{z}"}}"#
            )),
            "is \"0\"",
        ),
        (
            "version 1.0",
            meta(&format!(
                r#"{{"format":"ostinato","format_version":"1.0","sha256":"{z}"}}"#
            )),
            "is \"1.0\"",
        ),
        (
            "version as a number",
            meta(&format!(
                r#"{{"format":"ostinato","format_version":1,"sha256":"{z}"}}"#
            )),
            "string",
        ),
        (
            "no version",
            meta(&format!(r#"{{"format":"ostinato","sha256":"{z}"}}"#)),
            "format_version is \"missing\"",
        ),
        (
            "no digest",
            meta(r#"{"format":"ostinato","format_version":"1"}"#),
            "sha256 is \"missing\"",
        ),
        (
            "short digest",
            meta(&format!(r#"{{{OURS}"abc"}}"#)),
            "sha256 is \"abc\"",
        ),
        (
            "upper-case digest",
            meta(&format!(r#"{{{OURS}"{}"}}"#, "A".repeat(64))),
            "lower-case",
        ),
        (
            "wrong digest",
            meta(&format!(r#"{{{OURS}"{}"}}"#, "a".repeat(64))),
            "content is damaged",
        ),
        (
            "metadata key twice",
            meta(&format!(r#"{{"a":"1","a":"1",{OURS}"{z}"}}"#)),
            "\"a\" occurs twice",
        ),
        (
            "digest twice",
            meta(&format!(r#"{{{OURS}"{z}","sha256":"{z}"}}"#)),
            "\"sha256\" occurs twice",
        ),
        (
            "too many keys",
            meta(&many_keys()),
            "more than 65536 metadata keys",
        ),
        // Entries.
        (
            "metadata twice",
            entries(&format!(r#""__metadata__":{{{OURS}"{z}"}}"#), 0),
            "expected \"dtype\"",
        ),
        (
            "metadata as a tensor",
            entries(&format!(r#""__metadata__":{f32}:[0,4]}}"#), 4),
            "is reserved",
        ),
        (
            "same name",
            entries(&format!(r#""w":{f32}:[0,4]}},"w":{f32}:[4,8]}}"#), 8),
            "\"w\" occurs twice",
        ),
        (
            "same name, one escaped",
            entries(&format!(r#""w":{f32}:[0,4]}},"\u0077":{f32}:[4,8]}}"#), 8),
            "occurs twice",
        ),
        (
            "entry is a number",
            entries(r#""w":4"#, 4),
            "describes tensor \"w\"",
        ),
        ("entry is empty", entries(r#""w":{}"#, 4), "has no \"dtype\""),
        (
            "no shape",
            entries(r#""w":{"dtype":"F32","data_offsets":[0,4]}"#, 4),
            "expected \"shape\"",
        ),
        (
            "no offsets",
            entries(r#""w":{"dtype":"F32","shape":[1]}"#, 4),
            "has no \"data_offsets\"",
        ),
        (
            "one field more",
            entries(&format!(r#""w":{f32}:[0,4],"x":[[]]}}"#), 4),
            "expected nothing more",
        ),
        (
            "dtype twice",
            entries(r#""w":{"dtype":"F32","dtype":"F64"}"#, 4),
            "expected \"shape\"",
        ),
        (
            "BF16",
            entries(r#""w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}"#, 2),
            "dtype is \"BF16\"",
        ),
        (
            "lower-case dtype",
            entries(r#""w":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}"#, 4),
            "one of F32, F64",
        ),
        (
            "dtype null",
            entries(r#""w":{"dtype":null,"shape":[1],"data_offsets":[0,4]}"#, 4),
            "expected a string",
        ),
        ("negative dimension", shape("[-1]", "4", 4), "broken"),
        ("fractional dimension", shape("[1.0]", "4", 4), "broken"),
        ("dimension as text", shape(r#"["1"]"#, "4", 4), "broken"),
        (
            "dimension 2^64",
            shape("[18446744073709551616]", "0", 0),
            "broken",
        ),
        (
            "size overflows to 0",
            shape("[4611686018427387904]", "0", 0),
            "larger than any memory",
        ),
        (
            "product overflows to 4",
            shape("[4294967297,4294967297]", "4", 4),
            "larger than any memory",
        ),
        (
            "overflow beside a 0",
            shape("[0,4611686018427387904]", "0", 0),
            "larger than any memory",
        ),
        (
            "33 dimensions",
            shape(&format!("[{}1]", "1,".repeat(32)), "4", 4),
            "more than 32 dimensions",
        ),
        (
            "a million dimensions",
            shape(&format!("[{}1]", "1,".repeat(1_000_000)), "4", 4),
            "more than 32 dimensions",
        ),
        (
            "shape is larger than its bytes",
            shape("[3]", "8", 8),
            "has 8 bytes; expected 12",
        ),
        (
            "shape is smaller than its bytes",
            shape("[1]", "8", 8),
            "has 8 bytes; expected 4",
        ),
        (
            "bytes beyond the file",
            shape("[2]", "8", 4),
            "4 bytes follow the header; expected 8",
        ),
        (
            "a terabyte in a small file",
            shape("[274877906944]", "1099511627776", 4),
            "expected 1099511627776",
        ),
        (
            "bytes after the last tensor",
            shape("[1]", "4", 5),
            "5 bytes follow the header; expected 4",
        ),
        (
            "bytes without a tensor",
            {
                let mut f = meta(&format!(r#"{{{OURS}"{z}"}}"#));
                f.push(0);
                f
            },
            "1 bytes follow",
        ),
        (
            "offsets backwards",
            entries(&format!(r#""w":{f32}:[4,0]}}"#), 4),
            "expected them to begin at 0",
        ),
        (
            "end before start",
            entries(&format!(r#""a":{f32}:[0,4]}},"w":{f32}:[4,0]}}"#), 4),
            "to end no earlier",
        ),
        (
            "three offsets",
            entries(&format!(r#""w":{f32}:[0,4,8]}}"#), 4),
            "broken",
        ),
        ("one offset", entries(&format!(r#""w":{f32}:[0]}}"#), 4), "broken"),
        (
            "offset 2^64",
            entries(&format!(r#""w":{f32}:[0,18446744073709551616]}}"#), 4),
            "broken",
        ),
        (
            "offset 2^64 - 1",
            shape("[1]", "18446744073709551615", 4),
            "expected 4",
        ),
        (
            "gap",
            entries(&format!(r#""a":{f32}:[0,4]}},"b":{f32}:[8,12]}}"#), 12),
            "expected them to begin at 4",
        ),
        (
            "gap at the start",
            entries(&format!(r#""a":{f32}:[4,8]}}"#), 8),
            "expected them to begin at 0",
        ),
        (
            "overlap",
            entries(&format!(r#""a":{f32}:[0,4]}},"b":{f32}:[2,6]}}"#), 6),
            "expected them to begin at 4",
        ),
        (
            "shared bytes",
            entries(&format!(r#""a":{f32}:[0,4]}},"b":{f32}:[0,4]}}"#), 4),
            "expected them to begin at 4",
        ),
        (
            "order of bytes",
            entries(&format!(r#""a":{f32}:[4,8]}},"b":{f32}:[0,4]}}"#), 8),
            "expected them to begin at 0",
        ),
        (
            "not aligned",
            entries(
                &format!(r#""a":{f32}:[0,4]}},"b":{{"dtype":"F64","shape":[1],"data_offsets":[4,12]}}"#),
                12,
            ),
            "follows one of 4-byte elements",
        ),
        (
            "too many tensors",
            entries(&many_tensors(), 0),
            "more than 65536 tensors",
        ),
        // Right in content, not the one way to write it.
        (
            "no padding",
            raw(
                format!(r#"{{"__metadata__":{{"a":"1",{OURS}"{z}"}}}}"#).as_bytes(),
                0,
            ),
            "changed by another",
        ),
        (
            "8 spaces more",
            raw(
                format!(r#"{{"__metadata__":{{{OURS}"{z}"}}}}{:14}"#, "").as_bytes(),
                0,
            ),
            "changed by another",
        ),
        (
            "tab as padding",
            raw(
                format!("{{\"__metadata__\":{{{OURS}\"{z}\"}}}}{}", "\t".repeat(6)).as_bytes(),
                0,
            ),
            "changed",
        ),
        (
            "space before",
            file(&format!(r#" {{"__metadata__":{{{OURS}"{z}"}}}}"#), 0),
            "changed by another",
        ),
        (
            "space within",
            file(&format!(r#"{{"__metadata__": {{{OURS}"{z}"}}}}"#), 0),
            "changed by another",
        ),
        (
            "keys unsorted",
            meta(&format!(r#"{{"z":"",{OURS}"{z}"}}"#)),
            "changed by another",
        ),
        (
            "needless escape",
            meta(&format!(r#"{{"\u0061":"",{OURS}"{z}"}}"#)),
            "changed by another",
        ),
        ("dimension with a plus", shape("[+1]", "4", 4), "broken"),
        ("dimension with a zero", shape("[01]", "4", 4), "broken"),
        (
            "shape before dtype",
            entries(r#""w":{"shape":[1],"dtype":"F32","data_offsets":[0,4]}"#, 4),
            "expected \"dtype\"",
        ),
        (
            "tensors before metadata",
            file(
                &format!(r#"{{"w":{f32}:[0,4]}},"__metadata__":{{{OURS}"{z}"}}}}"#),
                4,
            ),
            "begins",
        ),
    ];
    let failed: Vec<String> = rows
        .iter()
        .filter_map(|(what, bytes, expected)| match refusal(bytes) {
            Some(message) if message.contains(expected) => None,
            got => Some(format!("{what}: expected {expected:?}, got {got:?}")),
        })
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {} rows:\n{}",
        failed.len(),
        rows.len(),
        failed.join("\n")
    );
}

fn many_keys() -> String {
    let keys: Vec<String> = (0..70_000).map(|i| format!(r#""{i:05}":"""#)).collect();
    format!(r#"{{{},{OURS}"{NO_DIGEST}"}}"#, keys.join(","))
}

fn many_tensors() -> String {
    let one = |i| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    (0..70_000).map(one).collect::<Vec<_>>().join(",")
}

#[test]
fn random_damage_to_a_good_file_is_refused() {
    let good = to_bytes(&small_model()).unwrap();
    // xorshift64, so that a failure can be repeated
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + random(4) {
            let (at, to) = (random(bytes.len()), random(bytes.len()));
            match random(5) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes.truncate(at + 1),
                2 => bytes.insert(at, random(256) as u8),
                3 => bytes.swap(at, to),
                _ => drop(bytes.drain(at.min(to)..at.max(to))),
            }
            if bytes.is_empty() {
                break;
            }
        }
        assert!(bytes == good || from_bytes(&bytes).is_err(), "round {round}");
    }
}
