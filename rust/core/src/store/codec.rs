//! Converts models to bytes and back.

use std::fmt::Write as _;
use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

use crate::memory::{ensure, reserve};
use crate::team;

use super::error::{StoreError, refuse};
use super::header::{Header, MAX_HEADER, NO_DIGEST};
use super::model::{Model, Tensor};
use super::parse::parse;

const LENGTH_BYTES: usize = 8;
/// Bytes that are hashed or written between two cancellation points: about a millisecond.
const CHUNK: usize = 1 << 20;
/// The memory for a header, its parts and what is made of them, in lengths of the header.
const HEADER_COPIES: usize = 4;

/// The file of `model` as bytes.
///
/// Fails with `Format` if a tensor's bytes do not fit its dtype and shape, a name is used twice or reserved, or a limit of
/// the format is exceeded.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, StoreError> {
    let sealed = EncodedModel::new(model)?;
    let mut bytes = Vec::new();
    sealed.write(&mut bytes)?;
    Ok(bytes)
}

/// The model in `bytes`. Fails with `Format` if they are not exactly what [`to_bytes`] writes.
pub fn from_bytes(bytes: &[u8]) -> Result<Model, StoreError> {
    read(bytes, bytes.len() as u64)
}

/// A model with its complete header.
pub(super) struct EncodedModel<'a> {
    prefix: Vec<u8>,
    tensors: Vec<&'a Tensor>,
}

impl<'a> EncodedModel<'a> {
    pub(super) fn new(model: &'a Model) -> Result<Self, StoreError> {
        let text: usize = model.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        ensure(HEADER_COPIES.saturating_mul(text));
        let mut order: Vec<usize> = (0..model.tensors.len()).collect();
        // 8-byte elements first keeps every tensor aligned; the sort is stable, so the order is kept otherwise.
        order.sort_by_key(|&i| std::cmp::Reverse(model.tensors[i].dtype.size()));
        let header = Header::of(model, &order)?;
        let tensors: Vec<&Tensor> = order.iter().map(|&i| &model.tensors[i]).collect();

        let mut hash = Sha256::new();
        hash.update(prefix(&header, NO_DIGEST)?);
        for tensor in &tensors {
            chunks(&tensor.bytes).for_each(|chunk| hash.update(chunk));
        }
        let prefix = prefix(&header, &hex(hash))?;
        Ok(EncodedModel { prefix, tensors })
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.prefix)?;
        self.tensors
            .iter()
            .flat_map(|tensor| chunks(&tensor.bytes))
            .try_for_each(|chunk| out.write_all(chunk))
    }
}

/// Everything before the tensors: length, header, padding.
fn prefix(header: &Header, digest: &str) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![0; LENGTH_BYTES];
    header.write(digest, &mut bytes)?;
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    let length = bytes.len() - LENGTH_BYTES;
    if length > MAX_HEADER {
        return refuse(format!(
            "names, shapes and metadata take {length} bytes; expected at most {MAX_HEADER}. \
             Store long content as a tensor"
        ));
    }
    bytes[..LENGTH_BYTES].copy_from_slice(&(length as u64).to_le_bytes());
    Ok(bytes)
}

/// Reads a model from a file of `size` bytes, starting at its first byte.
pub(super) fn read(mut file: impl Read, size: u64) -> Result<Model, StoreError> {
    let Some(after_length) = size.checked_sub(LENGTH_BYTES as u64) else {
        return refuse(format!("the file has {size} bytes; expected a model of at least {LENGTH_BYTES}"));
    };
    let length = take(&mut file, LENGTH_BYTES)?;
    let header_length = length.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)); // little endian
    if header_length > MAX_HEADER as u64 || header_length > after_length {
        return refuse(format!(
            "the header's length is {header_length}; expected at most {} for this file of {size} bytes. \
             It is damaged, cut short, or no model",
            after_length.min(MAX_HEADER as u64)
        ));
    }
    let data_length = after_length - header_length;

    ensure(HEADER_COPIES.saturating_mul(header_length as usize));
    let text = take(&mut file, header_length as usize)?;
    let Ok(utf8) = std::str::from_utf8(&text) else {
        return refuse("the header is not UTF-8 text. The file is damaged, or no model");
    };
    let (header, digest) = parse(utf8)?;
    if header.data_length() as u64 != data_length {
        return refuse(format!(
            "{data_length} bytes follow the header; expected {} for its tensors. The file is damaged or cut short",
            header.data_length()
        ));
    }
    if !header.is_written_as(&digest, &text) {
        return refuse(
            "the header says what a model's header says, but is not written as ostinato writes it \
             (order of keys, white space, escapes). The file was changed by another program",
        );
    }

    let mut hash = Sha256::new();
    hash.update(&length);
    let written = header.write(NO_DIGEST, &mut HashWriter(&mut hash))?;
    hash.update(&text[written..]); // the padding: both digests have 64 digits
    drop(text);

    let mut tensors = Vec::with_capacity(header.entries.len());
    for entry in header.entries {
        let bytes = take(&mut file, entry.length)?;
        chunks(&bytes).for_each(|chunk| hash.update(chunk));
        tensors.push(Tensor { name: entry.name, dtype: entry.dtype, shape: entry.shape, bytes });
    }
    if file.read(&mut [0])? != 0 {
        return refuse("the file grew while it was read. Load it again when it is complete");
    }
    let computed = hex(hash);
    if computed != digest {
        return refuse(format!(
            "the content is damaged: its SHA-256 is {computed}, the file says {digest:?}. Restore it from a copy"
        ));
    }
    Ok(Model { metadata: header.metadata, tensors })
}

/// The next `length` bytes. The caller has checked `length` against the size of the file.
fn take(file: &mut impl Read, length: usize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    reserve(&mut bytes, length);
    while bytes.len() < length {
        team::pause();
        let piece = CHUNK.min(length - bytes.len());
        if file.by_ref().take(piece as u64).read_to_end(&mut bytes)? == 0 {
            break;
        }
    }
    if bytes.len() < length {
        return refuse("the file became shorter while it was read. Load it again when it is complete");
    }
    Ok(bytes)
}

/// The bytes in pieces, with a cancellation point before each.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(CHUNK).inspect(|_| team::pause())
}

/// A finished hash as 64 lower-case hex digits.
fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A writer that hashes its input.
struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
