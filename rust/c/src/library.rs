//! The library as a whole: its version and its threads.

use std::ffi::{CStr, c_char};

use ostinato_core::{MAX_THREADS, set_num_threads};

use crate::entry::entry;
use crate::status::{Failure, Status};

/// The version of the library, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn ostinato_version() -> *const c_char {
    const VERSION: &CStr =
        match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(text) => text,
            Err(_) => c"",
        };
    VERSION.as_ptr()
}

/// Sets the number of threads that `ostinato_run` may use, the calling one included: 1 to 1024. The default is the number of
/// processors. Results do not depend on it. A stream uses the calling thread alone.
#[unsafe(no_mangle)]
pub extern "C" fn ostinato_set_threads(count: usize) -> Status {
    entry(|| {
        if !(1..=MAX_THREADS).contains(&count) {
            let text = format!("count is {count}; expected 1 to {MAX_THREADS}");
            return Err(Failure::new(Status::Config, text));
        }
        set_num_threads(count);
        Ok(())
    })
}
