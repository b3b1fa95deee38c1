//! Replaces a file as a whole: readers and crashes see the old content or the new, never a part.
//!
//! The content is written to a temporary file in the same folder, flushed to the disk, and renamed to the target in one
//! step. The temporary file is named `.ostinato-<target>-<process id>-<time>.tmp`, where `<target>` is a digest of the
//! target's name, so that any name that the file system allows has a temporary one. Its writer holds a lock on it: a
//! temporary file whose lock is free belongs to a process that died, also on a shared folder where process ids of several
//! machines or containers meet. The next writer to the folder removes it, whatever the name of its own target.
//!
//! Only a regular file is replaced. A pipe, a socket or a device would stop being one.

use std::fs::{self, File, FileType, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

const PREFIX: &str = ".ostinato-";

/// Replaces the file at `path` by the output of `write`. After an error, the file is unchanged and no temporary file
/// remains, with one exception: if the last step, flushing the folder, fails, the new file is in place and may be lost in a
/// crash.
pub(super) fn replace(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // A link is kept and its target replaced. A path that does not resolve names a new file.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file name"));
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // A link that leads nowhere has no metadata: it is replaced.
    if let Ok(metadata) = fs::metadata(&path)
        && !metadata.is_file()
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("it is {}; expected a file or a new name", what(metadata.file_type())),
        ));
    }
    let prefix = Sha256::digest(name.as_encoded_bytes())[..8]
        .iter()
        .fold(PREFIX.to_string(), |prefix, byte| format!("{prefix}{byte:02x}"));

    sweep(folder);
    let temporary = Temporary::create(folder, &prefix)?;
    let mut out = BufWriter::with_capacity(1 << 16, &temporary.file);
    write(&mut out)?;
    out.flush()?;
    drop(out);
    temporary.file.sync_all()?;
    temporary.rename(&path)?;
    sync_folder(folder)
}

/// A temporary file, removed when dropped. Its lock lasts as long as `file`.
struct Temporary {
    path: PathBuf,
    file: File,
    renamed: bool,
}

impl Temporary {
    fn create(folder: &Path, prefix: &str) -> io::Result<Self> {
        loop {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let path = folder.join(format!("{prefix}-{}-{:x}.tmp", std::process::id(), now.as_nanos()));
            // `create_new` so that neither another writer's file nor a planted link is ever written to.
            let file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let swept = match file.try_lock() {
                Ok(()) => !path.exists(),
                Err(TryLockError::WouldBlock) => true,
                // This file system has no locks. Then no writer gets one, and nothing is removed there.
                Err(TryLockError::Error(_)) => false,
            };
            // Between creation and lock, another writer may have mistaken it for the file of a dead process.
            if !swept {
                return Ok(Temporary { path, file, renamed: false });
            }
        }
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // The error that led here matters more; the next writer removes the remaining file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What stands in the place of a file.
fn what(kind: FileType) -> &'static str {
    if kind.is_dir() { "a folder" } else { "a pipe, a socket or a device" }
}

/// Whether a file in the folder has the name of a temporary file: `.ostinato-<16 hex digits>-<number>-<hex digits>.tmp`.
fn is_temporary(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(".tmp")) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('-').collect();
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let [target, process, time] = parts[..] else { return false };
    target.len() == 16
        && hex(target)
        && !process.is_empty()
        && process.bytes().all(|byte| byte.is_ascii_digit())
        && hex(time)
}

/// Removes the temporary files that dead writers left in the folder. Files that cannot be read or removed stay.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(is_temporary);
        // Checked on the entry itself: opening a pipe would block, and a link may lead anywhere.
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Flushes the folder, so that the new name is on the disk. Only Unix can open a folder for that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
