//! The border: panics become a status, pointers become references.

use std::ffi::{CStr, c_char};

use ostinato_core::team;

use crate::last_error;
use crate::status::{Failure, Status};

/// Runs the body of a function of the interface. A panic in it becomes `Status::Internal`, or `Memory` if memory ran out.
pub fn entry(body: impl FnOnce() -> Result<(), Failure>) -> Status {
    let failure = match team::guard(body) {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => ostinato_core::ModelError::from(panic).into(),
    };
    last_error::set(&failure.text);
    failure.status
}

/// The same for a function that returns a value: `otherwise` after an error.
pub fn value<R>(otherwise: R, body: impl FnOnce() -> Result<R, Failure>) -> R {
    let mut found = otherwise;
    entry(|| {
        found = body()?;
        Ok(())
    });
    found
}

fn wrong_pointer(name: &str, what: &str) -> Failure {
    Failure::new(Status::Pointer, format!("{name} is {what}"))
}

/// What a pointer points to.
///
/// # Safety
/// `pointer` is NULL, or points to a value that lives and that no other code changes during `'a`.
pub unsafe fn reference<'a, T>(name: &str, pointer: *const T) -> Result<&'a T, Failure> {
    if !pointer.is_null() && !pointer.is_aligned() {
        return Err(wrong_pointer(name, "not aligned"));
    }
    // SAFETY: passed on.
    unsafe { pointer.as_ref() }.ok_or_else(|| wrong_pointer(name, "NULL"))
}

/// Writes a result to where a pointer points.
///
/// # Safety
/// `pointer` is NULL, or points to memory for a `T` that no other code uses meanwhile.
pub unsafe fn put<T>(name: &str, pointer: *mut T, value: T) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(wrong_pointer(name, "NULL"));
    }
    if !pointer.is_aligned() {
        return Err(wrong_pointer(name, "not aligned"));
    }
    // SAFETY: the caller's guarantee.
    unsafe { pointer.write(value) };
    Ok(())
}

/// Checks that there can be an array of `count` elements at `pointer`. An array of 0 elements may be NULL.
fn check_array<T>(name: &str, pointer: *const T, count: usize) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(wrong_pointer(name, "NULL"));
    }
    if !pointer.is_aligned() {
        return Err(wrong_pointer(name, "not aligned"));
    }
    if count > isize::MAX as usize / size_of::<T>() {
        return Err(Failure::new(
            Status::Shape,
            format!("{name} has {count} elements: more than any memory"),
        ));
    }
    Ok(())
}

/// The elements at a pointer; none if `count` is 0.
///
/// # Safety
/// `pointer` points to `count` elements, which no other code changes during `'a`.
pub unsafe fn elements<'a, T>(name: &str, pointer: *const T, count: usize) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    check_array(name, pointer, count)?;
    // SAFETY: the caller's guarantee; the pointer is aligned, and the size is possible.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// The same for writing.
///
/// # Safety
/// As `elements`; no other code uses the elements during `'a`.
pub unsafe fn elements_mut<'a, T>(name: &str, pointer: *mut T, count: usize) -> Result<&'a mut [T], Failure> {
    if count == 0 {
        return Ok(&mut []);
    }
    check_array(name, pointer, count)?;
    // SAFETY: the caller's guarantee; the pointer is aligned, and the size is possible.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, count) })
}

/// A text.
///
/// # Safety
/// `pointer` is NULL, or points to bytes that end with 0 and that no other code changes during `'a`.
pub unsafe fn text<'a>(name: &str, pointer: *const c_char) -> Result<&'a CStr, Failure> {
    if pointer.is_null() {
        return Err(wrong_pointer(name, "NULL"));
    }
    // SAFETY: the caller's guarantee.
    Ok(unsafe { CStr::from_ptr(pointer) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ostinato_last_error;

    fn last() -> String {
        // SAFETY: the text of this thread, which does not change meanwhile.
        unsafe { CStr::from_ptr(ostinato_last_error()) }.to_string_lossy().into_owned()
    }

    #[test]
    fn a_panic_becomes_a_status_with_its_text_and_place() {
        assert_eq!(entry(|| panic!("on\0purpose")), Status::Internal);
        assert!(last().starts_with("on?purpose (") && last().contains("entry.rs:"), "{}", last());
        assert_eq!(entry(|| ostinato_core::memory::out_of_memory(1 << 40)), Status::Memory);
        assert_eq!(value(7, || panic!("again")), 7);
        assert!(last().starts_with("again"));
        assert_eq!(entry(|| Ok(())), Status::Ok);
        assert!(last().starts_with("again"), "a call that succeeds leaves the text");
    }

    #[test]
    fn each_thread_has_a_text_of_its_own() {
        entry(|| Err(Failure::new(Status::Busy, "here")));
        std::thread::spawn(|| assert_eq!(last(), "")).join().expect("no panic");
        assert_eq!(last(), "here");
    }

    #[test]
    fn pointers_are_checked() {
        let numbers = [1.0f32, 2.0];
        let crooked = numbers.as_ptr().wrapping_byte_add(1);
        // SAFETY: only pointers to `numbers` are read.
        unsafe {
            assert_eq!(elements("x", numbers.as_ptr(), 2).ok(), Some(&numbers[..]));
            assert_eq!(elements::<f32>("x", std::ptr::null(), 0).ok(), Some(&[][..]));
            for (pointer, count) in [(std::ptr::null(), 2), (crooked, 1), (numbers.as_ptr(), usize::MAX)] {
                assert!(elements::<f32>("x", pointer, count).is_err());
                assert!(elements_mut::<f32>("x", pointer.cast_mut(), count).is_err());
            }
            assert!(reference::<f32>("x", std::ptr::null()).is_err() && reference("x", crooked).is_err());
            assert!(put("x", crooked.cast_mut(), 1.0).is_err() && text("x", std::ptr::null()).is_err());
        }
    }
}
