//! Hostile containers, JSON and metadata.

use super::super::header::NO_DIGEST;
use super::super::{from_bytes, to_bytes};
use super::forge::{OURS, Row, check, entries, file, meta, raw, shape, with_length};
use super::small_model;

#[test]
fn hostile_headers_are_refused_with_the_reason() {
    let (z, f32) = (NO_DIGEST, r#"{"dtype":"F32","shape":[1],"data_offsets""#);
    let deep = |open: &str, n: usize| format!(r#"{{"__metadata__":{}"#, open.repeat(n));
    let rows: Vec<Row> = vec![
        // The container.
        ("nothing", vec![], "0 bytes"),
        ("half a length", vec![1, 0, 0, 0], "4 bytes"),
        ("no header", with_length(0, b""), "broken"),
        ("no header, data", with_length(0, &[0; 64]), "broken"),
        ("header longer than the file", with_length(100, b"{}"), "length is 100; expected at most 2"),
        ("header one byte too long", with_length(9, b"{}      "), "length is 9; expected at most 8"),
        ("length 2^64 - 1", with_length(u64::MAX, b"{}"), "length is 18446744073709551615"),
        ("length 2^63", with_length(1 << 63, b"{}"), "length is 9223372036854775808"),
        ("header above the limit", raw(&vec![b' '; 32_000_008], 0), "expected at most 32000000"),
        ("not UTF-8", with_length(8, b"{\"\xff\xfe\":1}"), "not UTF-8"),
        ("overlong UTF-8", with_length(8, b"{\"\xc0\xaf\":1}"), "not UTF-8"),
        ("surrogate in UTF-8", with_length(8, b"{\"\xed\xa0\x80\":}"), "not UTF-8"),
        ("UTF-16", with_length(8, b"{\0}\0 \0 \0"), "broken"),
        ("byte order mark", file("\u{feff}{}", 0), "broken"),
        ("a pickle", b"\x80\x04\x95\x1a\0\0\0\0\0\0\0\x8c\x05posix\x8c\x06system\x93.".to_vec(), "length is"),
        ("a zip", [&b"PK\x03\x04\x14\0\0\0"[..], &[0; 100]].concat(), "length is"),
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
            raw(format!(r#"{{"__metadata__":{{{OURS}"{z}"}}}}{}"#, "\0").as_bytes(), 0),
            "trailing",
        ),
        ("trailing comma", entries("", 0), "broken"),
        ("comment", file(&format!(r#"{{/**/"__metadata__":{{{OURS}"{z}"}}}}"#), 0), "broken"),
        ("NaN for a number", shape("[NaN]", "0", 0), "broken"),
        ("deep objects", file(&deep(r#"{"a":"#, 1_000_000), 0), "broken"),
        ("deep lists", file(&deep("[", 1_000_000), 0), "broken"),
        ("deep lists in a shape", shape(&"[".repeat(1_000_000), "0", 0), "broken"),
        ("half a surrogate pair", meta(&format!(r#"{{{OURS}"{z}","x":"\ud800"}}"#)), "broken"),
        // Metadata.
        ("no metadata", file(&format!(r#"{{"w":{f32}:[0,4]}}}}"#), 4), "not a model saved by ostinato"),
        ("metadata is null", meta("null"), "expected an object of texts"),
        ("metadata is a list", meta("[]"), "expected an object of texts"),
        ("metadata of numbers", meta(&format!(r#"{{"epoch":3,{OURS}"{z}"}}"#)), "expected a string"),
        ("empty metadata", meta("{}"), "the metadata has no \"format\""),
        (
            "another format",
            meta(&format!(r#"{{"format":"pt","format_version":"1","sha256":"{z}"}}"#)),
            "format is \"pt\"",
        ),
        ("version 2", meta(r#"{"format":"ostinato","format_version":"2"}"#), "written by a newer ostinato"),
        (
            "version 2 with a header of its own kind",
            file(r#"{"__metadata__":{"format":"ostinato","format_version":"2"},"w":[{"blocks":[1.5]}]}"#, 3),
            "written by a newer ostinato",
        ),
        (
            "version 0",
            meta(&format!(r#"{{"format":"ostinato","format_version":"0","sha256":"{z}"}}"#)),
            "is \"0\"",
        ),
        (
            "version 1.0",
            meta(&format!(r#"{{"format":"ostinato","format_version":"1.0","sha256":"{z}"}}"#)),
            "is \"1.0\"",
        ),
        (
            "version as a number",
            meta(&format!(r#"{{"format":"ostinato","format_version":1,"sha256":"{z}"}}"#)),
            "string",
        ),
        (
            "no version",
            meta(&format!(r#"{{"format":"ostinato","sha256":"{z}"}}"#)),
            "format_version is \"missing\"",
        ),
        ("no digest", meta(r#"{"format":"ostinato","format_version":"1"}"#), "sha256 is \"missing\""),
        ("short digest", meta(&format!(r#"{{{OURS}"abc"}}"#)), "sha256 is \"abc\""),
        ("upper-case digest", meta(&format!(r#"{{{OURS}"{}"}}"#, "A".repeat(64))), "lower-case"),
        ("wrong digest", meta(&format!(r#"{{{OURS}"{}"}}"#, "a".repeat(64))), "content is damaged"),
        ("metadata key twice", meta(&format!(r#"{{"a":"1","a":"1",{OURS}"{z}"}}"#)), "\"a\" occurs twice"),
        ("digest twice", meta(&format!(r#"{{{OURS}"{z}","sha256":"{z}"}}"#)), "\"sha256\" occurs twice"),
        ("too many keys", meta(&many_keys()), "more than 65536 metadata keys"),
        // Right in content, but not canonical.
        (
            "no padding",
            raw(format!(r#"{{"__metadata__":{{"a":"1",{OURS}"{z}"}}}}"#).as_bytes(), 0),
            "changed by another",
        ),
        (
            "8 spaces more",
            raw(format!(r#"{{"__metadata__":{{{OURS}"{z}"}}}}{:14}"#, "").as_bytes(), 0),
            "changed by another",
        ),
        (
            "tab as padding",
            raw(format!("{{\"__metadata__\":{{{OURS}\"{z}\"}}}}{}", "\t".repeat(6)).as_bytes(), 0),
            "changed",
        ),
        ("space before", file(&format!(r#" {{"__metadata__":{{{OURS}"{z}"}}}}"#), 0), "changed by another"),
        ("space within", file(&format!(r#"{{"__metadata__": {{{OURS}"{z}"}}}}"#), 0), "changed by another"),
        ("keys unsorted", meta(&format!(r#"{{"z":"",{OURS}"{z}"}}"#)), "changed by another"),
        ("needless escape", meta(&format!(r#"{{"\u0061":"",{OURS}"{z}"}}"#)), "changed by another"),
        ("dimension with a plus", shape("[+1]", "4", 4), "broken"),
        ("dimension with a zero", shape("[01]", "4", 4), "broken"),
        (
            "shape before dtype",
            entries(r#""w":{"shape":[1],"dtype":"F32","data_offsets":[0,4]}"#, 4),
            "expected \"dtype\"",
        ),
        (
            "tensors before metadata",
            file(&format!(r#"{{"w":{f32}:[0,4]}},"__metadata__":{{{OURS}"{z}"}}}}"#), 4),
            "begins",
        ),
    ];
    check(rows);
}

fn many_keys() -> String {
    let keys: Vec<String> = (0..70_000).map(|i| format!(r#""{i:05}":"""#)).collect();
    format!(r#"{{{},{OURS}"{NO_DIGEST}"}}"#, keys.join(","))
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
