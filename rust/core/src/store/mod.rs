//! Model files: named tensors and text metadata in a safetensors container, checked to the last bit.
//!
//! # The format, version 1
//!
//! Any safetensors reader reads the file: 8 bytes of header length (little endian), a JSON header, the tensors' bytes.
//! On top of that container:
//! - `__metadata__` holds `"format": "ostinato"`, `"format_version": "1"` and `"sha256"`: 64 lower-case hex digits, the
//!   SHA-256 of the whole file with these digits written as zeros.
//! - A model has one *canonical* form: `__metadata__` first with its keys sorted, then the tensors in the
//!   order of their bytes, 8-byte elements before 4-byte elements so that each tensor is aligned; no white space but 0 to 7
//!   spaces after the JSON that bring the header to a multiple of 8.
//! - Only F32, F64 and I64; at most [`MAX_TENSORS`] tensors and as many metadata keys, a header of at most
//!   [`MAX_HEADER`] bytes, [`MAX_RANK`] dimensions.
//!
//! Any other file is an error that says what was found and what was expected. Nothing is allocated before its size was
//! checked against the size of the file. The file is data only: nothing in it names code to run.
//!
//! Every version that was ever written stays readable: `testdata/` keeps a file of each.

mod codec;
mod error;
mod header;
mod model;
mod parse;
mod replace;
#[cfg(test)]
mod tests;

pub use codec::{from_bytes, to_bytes};
pub use error::StoreError;
pub use header::{MAX_HEADER, MAX_RANK, MAX_TENSORS};
pub use model::{DType, Model, Tensor};

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Writes `model` to `path`. An existing file is replaced only when the new file is complete and on the disk.
///
/// A crash at any moment leaves the old file or the new one, and at most a hidden temporary file next to it, which the next
/// `save` into the folder removes. A symbolic link is kept and its target replaced. The file's mode follows the umask.
///
/// Fails with `Format` for a model that cannot be stored (see [`to_bytes`]) and with `Io` if the folder does not exist, is
/// not writable, or is full, or if `path` is a folder, a pipe, a socket or a device.
pub fn save(path: &Path, model: &Model) -> Result<(), StoreError> {
    let encoded = codec::EncodedModel::new(model)?;
    Ok(replace::replace(path, |out| encoded.write(out))?)
}

/// Reads the model at `path`.
///
/// Fails with `Format` if the file is not exactly what [`save`] writes, and with `Io` if it cannot be read.
pub fn load(path: &Path) -> Result<Model, StoreError> {
    // Checked before opening: opening a pipe would block until its writer opens it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file").into());
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    codec::read(file, size).map_err(|error| error.at(path))
}
