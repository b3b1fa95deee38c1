//! The text of the last error of each thread.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

thread_local! {
    static LAST: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Replaces the text of this thread.
pub fn set(text: &str) {
    let text = CString::new(text.replace('\0', "?")).unwrap_or_default();
    // a thread that ends has no text any more
    let _ = LAST.try_with(|last| last.replace(Some(text)));
}

/// The text of the last error of a call on this thread; "" if there was none. It is valid until the next call on this thread
/// that fails.
#[unsafe(no_mangle)]
pub extern "C" fn ostinato_last_error() -> *const c_char {
    const NONE: &CStr = c"";
    let text = LAST.try_with(|last| last.borrow().as_ref().map(|text| text.as_ptr()));
    text.ok().flatten().unwrap_or(NONE.as_ptr())
}
