//! Hostile descriptions of tensors.

use super::super::header::NO_DIGEST;
use super::forge::{OURS, Row, check, entries, meta, shape};

#[test]
fn hostile_entries_are_refused_with_the_reason() {
    let (z, f32) = (NO_DIGEST, r#"{"dtype":"F32","shape":[1],"data_offsets""#);
    let rows: Vec<Row> = vec![
        ("metadata twice", entries(&format!(r#""__metadata__":{{{OURS}"{z}"}}"#), 0), "expected \"dtype\""),
        ("metadata as a tensor", entries(&format!(r#""__metadata__":{f32}:[0,4]}}"#), 4), "is reserved"),
        ("same name", entries(&format!(r#""w":{f32}:[0,4]}},"w":{f32}:[4,8]}}"#), 8), "\"w\" occurs twice"),
        (
            "same name, one escaped",
            entries(&format!(r#""w":{f32}:[0,4]}},"\u0077":{f32}:[4,8]}}"#), 8),
            "occurs twice",
        ),
        ("entry is a number", entries(r#""w":4"#, 4), "describes tensor \"w\""),
        ("entry is empty", entries(r#""w":{}"#, 4), "has no \"dtype\""),
        ("no shape", entries(r#""w":{"dtype":"F32","data_offsets":[0,4]}"#, 4), "expected \"shape\""),
        ("no offsets", entries(r#""w":{"dtype":"F32","shape":[1]}"#, 4), "has no \"data_offsets\""),
        ("one field more", entries(&format!(r#""w":{f32}:[0,4],"x":[[]]}}"#), 4), "expected nothing more"),
        ("dtype twice", entries(r#""w":{"dtype":"F32","dtype":"F64"}"#, 4), "expected \"shape\""),
        ("BF16", entries(r#""w":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}"#, 2), "dtype is \"BF16\""),
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
        ("dimension 2^64", shape("[18446744073709551616]", "0", 0), "broken"),
        ("size overflows to 0", shape("[4611686018427387904]", "0", 0), "larger than any memory"),
        ("product overflows to 4", shape("[4294967297,4294967297]", "4", 4), "larger than any memory"),
        ("overflow with a 0", shape("[0,4611686018427387904]", "0", 0), "larger than any memory"),
        ("33 dimensions", shape(&format!("[{}1]", "1,".repeat(32)), "4", 4), "more than 32 dimensions"),
        (
            "a million dimensions",
            shape(&format!("[{}1]", "1,".repeat(1_000_000)), "4", 4),
            "more than 32 dimensions",
        ),
        ("shape is larger than its bytes", shape("[3]", "8", 8), "has 8 bytes; expected 12"),
        ("shape is smaller than its bytes", shape("[1]", "8", 8), "has 8 bytes; expected 4"),
        ("bytes beyond the file", shape("[2]", "8", 4), "4 bytes follow the header; expected 8"),
        ("a terabyte in a small file", shape("[274877906944]", "1099511627776", 4), "expected 1099511627776"),
        ("bytes after the last tensor", shape("[1]", "4", 5), "5 bytes follow the header; expected 4"),
        (
            "bytes without a tensor",
            {
                let mut f = meta(&format!(r#"{{{OURS}"{z}"}}"#));
                f.push(0);
                f
            },
            "1 bytes follow",
        ),
        ("offsets backwards", entries(&format!(r#""w":{f32}:[4,0]}}"#), 4), "expected them to begin at 0"),
        (
            "end before start",
            entries(&format!(r#""a":{f32}:[0,4]}},"w":{f32}:[4,0]}}"#), 4),
            "to end no earlier",
        ),
        ("three offsets", entries(&format!(r#""w":{f32}:[0,4,8]}}"#), 4), "broken"),
        ("one offset", entries(&format!(r#""w":{f32}:[0]}}"#), 4), "broken"),
        ("offset 2^64", entries(&format!(r#""w":{f32}:[0,18446744073709551616]}}"#), 4), "broken"),
        ("offset 2^64 - 1", shape("[1]", "18446744073709551615", 4), "expected 4"),
        (
            "gap",
            entries(&format!(r#""a":{f32}:[0,4]}},"b":{f32}:[8,12]}}"#), 12),
            "expected them to begin at 4",
        ),
        ("gap at the start", entries(&format!(r#""a":{f32}:[4,8]}}"#), 8), "expected them to begin at 0"),
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
        ("too many tensors", entries(&many_tensors(), 0), "more than 65536 tensors"),
    ];
    check(rows);
}

fn many_tensors() -> String {
    let one = |i| format!(r#""{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    (0..70_000).map(one).collect::<Vec<_>>().join(",")
}
