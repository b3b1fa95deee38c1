//! The header of a file: its canonical form, and the rules that it obeys.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::error::{StoreError, refuse};
use super::model::{DType, Model};

/// The longest header in bytes. It limits what reading a hostile file may allocate beyond its tensors.
pub const MAX_HEADER: usize = 32_000_000;
/// The largest number of tensors, and of metadata keys.
pub const MAX_TENSORS: usize = 65_536;
/// The largest number of dimensions of a tensor.
pub const MAX_RANK: usize = 32;

/// The safetensors key of the metadata; no tensor may have this name.
pub(super) const METADATA: &str = "__metadata__";
/// Metadata keys that belong to the format.
pub(super) const FORMAT: &str = "format";
pub(super) const FORMAT_VERSION: &str = "format_version";
pub(super) const SHA256: &str = "sha256";
pub(super) const OUR_FORMAT: &str = "ostinato";
pub(super) const OUR_VERSION: &str = "1";
/// The placeholder of the digest while the digest is computed.
pub(super) const NO_DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The content of the header except the digest. The offset of an entry's bytes follows from the entries before it.
#[derive(Debug)]
pub(super) struct Header {
    /// Without the keys of the format.
    pub metadata: BTreeMap<String, String>,
    pub entries: Vec<Entry>,
}

/// A tensor without its bytes.
#[derive(Debug)]
pub(super) struct Entry {
    pub name: String,
    pub dtype: DType,
    pub shape: Vec<usize>,
    /// Length of its bytes.
    pub length: usize,
}

impl Header {
    /// The header of `model` with its tensors in the given order.
    pub(super) fn of(model: &Model, order: &[usize]) -> Result<Self, StoreError> {
        let tensors = order.iter().map(|&i| &model.tensors[i]);
        let entries = tensors.map(|tensor| {
            let (name, dtype, shape) = (tensor.name.clone(), tensor.dtype, tensor.shape.clone());
            Entry { name, dtype, shape, length: tensor.bytes.len() }
        });
        let header = Header { metadata: model.metadata.clone(), entries: entries.collect() };
        header.check()?;
        Ok(header)
    }

    /// Checks the rules for both reading and writing.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        for (what, count) in [("tensors", self.entries.len()), ("metadata keys", self.metadata.len())] {
            if count > MAX_TENSORS {
                return refuse(format!("{count} {what}; expected at most {MAX_TENSORS}"));
            }
        }
        for key in [FORMAT, FORMAT_VERSION, SHA256] {
            if self.metadata.contains_key(key) {
                return refuse(format!("metadata key {key:?} belongs to the file format; use another name"));
            }
        }
        let mut names = BTreeSet::from([METADATA]);
        let mut total: usize = 0;
        let mut size_before = 8;
        for Entry { name, dtype, shape, length } in &self.entries {
            if shape.len() > MAX_RANK {
                return refuse(format!(
                    "tensor {name:?} has {} dimensions; expected at most {MAX_RANK}",
                    shape.len()
                ));
            }
            if !names.insert(name) {
                let why = if name == METADATA { "is reserved by the file format" } else { "occurs twice" };
                return refuse(format!("tensor name {name:?} {why}; give every tensor a name of its own"));
            }
            let Some(expected) = byte_length(*dtype, shape) else {
                return refuse(format!("tensor {name:?} of shape {shape:?} is larger than any memory"));
            };
            if expected != *length {
                let dtype = dtype.name();
                return refuse(format!(
                    "tensor {name:?} has {length} bytes; expected {expected} for {dtype} of shape {shape:?}"
                ));
            }
            if dtype.size() > size_before {
                return refuse(format!(
                    "tensor {name:?} has 8-byte elements but follows one of 4-byte elements; expected it before"
                ));
            }
            size_before = dtype.size();
            total = match total.checked_add(expected) {
                Some(total) => total,
                None => return refuse("the tensors together are larger than any memory"),
            };
        }
        Ok(())
    }

    /// Bytes of all tensors. Call it on a checked header.
    pub(super) fn data_length(&self) -> usize {
        self.entries.iter().map(|entry| entry.length).sum()
    }

    /// Writes the canonical JSON, without the padding; returns its length.
    pub(super) fn write(&self, digest: &str, out: &mut dyn Write) -> io::Result<usize> {
        let mut metadata: BTreeMap<&str, &str> = BTreeMap::new();
        metadata.extend(self.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        metadata.extend([(FORMAT, OUR_FORMAT), (FORMAT_VERSION, OUR_VERSION), (SHA256, digest)]);

        let mut out = CountingWriter { out, count: 0 };
        write!(out, "{{\"{METADATA}\":")?;
        serde_json::to_writer(&mut out, &metadata)?;
        let mut start = 0;
        for Entry { name, dtype, shape, length } in &self.entries {
            out.write_all(b",")?;
            serde_json::to_writer(&mut out, name)?;
            write!(out, ":{{\"dtype\":\"{}\",\"shape\":", dtype.name())?;
            serde_json::to_writer(&mut out, shape)?;
            let end = start + length;
            write!(out, ",\"data_offsets\":[{start},{end}]}}")?;
            start = end;
        }
        out.write_all(b"}")?;
        Ok(out.count)
    }

    /// Whether `text` is exactly this header with `digest`, including padding.
    pub(super) fn is_written_as(&self, digest: &str, text: &[u8]) -> bool {
        let mut rest = ComparingWriter(text);
        let written = self.write(digest, &mut rest);
        written.is_ok()
            && text.len().is_multiple_of(8)
            && rest.0.len() < 8
            && rest.0.iter().all(|&byte| byte == b' ')
    }
}

/// Bytes of a tensor; None if they exceed any memory. A dimension of 0 does not excuse the others: NumPy multiplies only the
/// rest and rejects such a shape too.
fn byte_length(dtype: DType, shape: &[usize]) -> Option<usize> {
    let with_zeros_as_ones = shape.iter().try_fold(dtype.size(), |size, &n| size.checked_mul(n.max(1)))?;
    let possible = isize::try_from(with_zeros_as_ones).is_ok();
    possible.then_some(if shape.contains(&0) { 0 } else { with_zeros_as_ones })
}

/// Counts the bytes that are written.
struct CountingWriter<'a> {
    out: &'a mut dyn Write,
    count: usize,
}

impl Write for CountingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Compares instead of writing: fails at the first byte that differs from the expected one.
struct ComparingWriter<'a>(&'a [u8]);

impl Write for ComparingWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
