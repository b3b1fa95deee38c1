//! Streams: one step per call.

use std::cell::UnsafeCell;
use std::ffi::CString;
use std::sync::atomic::{AtomicBool, Ordering};

use ostinato_core::{Input, Stream};

use crate::arrays::{AxisSteps, InputArray, extents, inputs};
use crate::entry::{elements, elements_mut, entry, put, reference, value};
use crate::model::{ModelHandle, Port, describe, names, of_state};
use crate::status::{Failure, Status};

/// A stream. One thread at a time may use it.
pub struct StreamHandle {
    /// Whether a call uses the stream now.
    busy: AtomicBool,
    stream: UnsafeCell<Stream>,
    states: Vec<CString>,
}

/// Runs the body of a function with the stream, unless another call uses it.
///
/// # Safety
/// `stream` is NULL or a stream that is not freed meanwhile.
unsafe fn with(
    stream: *const StreamHandle,
    body: impl FnOnce(&mut Stream, &StreamHandle) -> Result<(), Failure>,
) -> Status {
    entry(|| {
        // SAFETY: the caller's guarantee.
        let handle = unsafe { reference("stream", stream)? };
        if handle.busy.swap(true, Ordering::Acquire) {
            let text = "the stream is in a call on another thread; give each thread a stream of its own";
            return Err(Failure::new(Status::Busy, text));
        }
        let _free = Free(&handle.busy);
        // SAFETY: `busy` was false, so no other call has a reference to the stream.
        body(unsafe { &mut *handle.stream.get() }, handle)
    })
}

/// Marks a stream as free when dropped, also while a panic unwinds.
struct Free<'a>(&'a AtomicBool);

impl Drop for Free<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Makes a stream of `rows` sequences of a network that reads nothing but one sequence, and writes it to `*stream`; `*stream` is
/// NULL after an error. The stream has its own copy of the parameters.
///
/// # Safety
/// `model` is NULL or a model; `stream` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_new(
    model: *const ModelHandle,
    rows: usize,
    stream: *mut *mut StreamHandle,
) -> Status {
    // SAFETY: passed on; there are no other inputs and axes.
    entry(|| unsafe { made(model, rows, (&[], &[]), stream) })
}

/// Makes a stream of a network that reads more than the sequence of its steps. `inputs` are all other inputs of the model, in
/// order; `axes` the axes of the sequences among them, in order, without masks.
///
/// # Safety
/// As `ostinato_stream_new`; the lists have these counts, and their arrays the elements that they say; lengths have `rows`
/// elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_new_on(
    model: *const ModelHandle,
    rows: usize,
    inputs: *const InputArray,
    input_count: usize,
    axes: *const AxisSteps,
    axis_count: usize,
    stream: *mut *mut StreamHandle,
) -> Status {
    entry(|| {
        // SAFETY: the caller's guarantee.
        unsafe { put("stream", stream, std::ptr::null_mut())? };
        // SAFETY: the caller's guarantee.
        let given =
            unsafe { (elements("inputs", inputs, input_count)?, elements("axes", axes, axis_count)?) };
        // SAFETY: passed on.
        unsafe { made(model, rows, given, stream) }
    })
}

/// # Safety
/// As `ostinato_stream_new_on`.
unsafe fn made(
    model: *const ModelHandle,
    rows: usize,
    (arrays, axes): (&[InputArray], &[AxisSteps]),
    stream: *mut *mut StreamHandle,
) -> Result<(), Failure> {
    // SAFETY: the caller's guarantee.
    unsafe { put("stream", stream, std::ptr::null_mut())? };
    // SAFETY: the caller's guarantee.
    let model = unsafe { &reference("model", model)?.model };
    // A stream refuses every mask, and reads none.
    let masks: Vec<Option<Vec<bool>>> =
        axes.iter().map(|axis| (!axis.mask.is_null()).then(Vec::new)).collect();
    // SAFETY: the caller's guarantee.
    let (given, extents) = unsafe { (inputs(arrays)?, extents(axes, &masks, rows)?) };
    let made = model.stream_on(&given, rows, &extents)?;
    let handle = StreamHandle {
        busy: AtomicBool::new(false),
        states: names(made.states().iter().map(|state| &state.name)),
        stream: UnsafeCell::new(made),
    };
    // SAFETY: the caller's guarantee.
    unsafe { put("stream", stream, Box::into_raw(Box::new(handle))) }
}

/// Frees a stream. NULL is allowed.
///
/// # Safety
/// `stream` is NULL, or a stream that no thread uses now or later.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_free(stream: *mut StreamHandle) {
    entry(|| {
        if !stream.is_null() {
            // SAFETY: `made` made it from a box, and the caller frees it once.
            drop(unsafe { Box::from_raw(stream) });
        }
        Ok(())
    });
}

/// Runs one step of every row. `x` has `x_count` elements: (rows, features); `out` has room for `out_count` elements: (rows,
/// width). `x` and `out` may be the same memory. A step allocates nothing, waits for no lock and makes no system call. After an
/// error, the states and `out` are as before.
///
/// # Safety
/// `stream` is NULL or a stream; the arrays have these elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_step(
    stream: *mut StreamHandle,
    x: *const f32,
    x_count: usize,
    out: *mut f32,
    out_count: usize,
) -> Status {
    // SAFETY: the caller's guarantee.
    unsafe {
        with(stream, |stream, _| {
            step(stream, || Ok(Input::Features(elements("x", x, x_count)?)), out, out_count)
        })
    }
}

/// The same for a network of ids: `ids` has `id_count` elements, one for each row.
///
/// # Safety
/// `stream` is NULL or a stream; the arrays have these elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_step_ids(
    stream: *mut StreamHandle,
    ids: *const i64,
    id_count: usize,
    out: *mut f32,
    out_count: usize,
) -> Status {
    // SAFETY: as `ostinato_stream_step`.
    unsafe {
        with(stream, |stream, _| {
            step(stream, || Ok(Input::Ids(elements("ids", ids, id_count)?)), out, out_count)
        })
    }
}

/// Runs one step of the input that `input` returns, after `out` was checked.
///
/// # Safety
/// `out` has these elements; nothing but `input` reads the memory of the input.
unsafe fn step<'a>(
    stream: &mut Stream,
    input: impl FnOnce() -> Result<Input<'a, f32>, Failure>,
    out: *mut f32,
    out_count: usize,
) -> Result<(), Failure> {
    stream.expect_out(out_count)?;
    // SAFETY: the caller's guarantee; nothing is written.
    unsafe { elements_mut("out", out, out_count)? };
    stream.feed(input()?)?;
    // SAFETY: as above; the slice of the input, which may be the same memory, is gone.
    Ok(stream.advance(unsafe { elements_mut("out", out, out_count)? })?)
}

/// Starts a new sequence in every row.
///
/// # Safety
/// `stream` is NULL or a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_reset(stream: *mut StreamHandle) -> Status {
    // SAFETY: the caller's guarantee.
    unsafe {
        with(stream, |stream, _| {
            stream.reset();
            Ok(())
        })
    }
}

/// Starts a new sequence in one row.
///
/// # Safety
/// `stream` is NULL or a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_reset_row(stream: *mut StreamHandle, row: usize) -> Status {
    // SAFETY: the caller's guarantee.
    unsafe { with(stream, |stream, _| Ok(stream.reset_row(row)?)) }
}

/// The number of states that a stream carries; 0 for NULL.
///
/// # Safety
/// `stream` is NULL or a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_state_count(stream: *const StreamHandle) -> usize {
    // SAFETY: the caller's guarantee.
    value(0, || Ok(unsafe { reference("stream", stream)? }.states.len()))
}

/// Describes a state of a stream.
///
/// # Safety
/// `stream` is NULL or a stream; `info` is NULL or points to a port.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_state_info(
    stream: *const StreamHandle,
    number: usize,
    info: *mut Port,
) -> Status {
    // SAFETY: the caller's guarantee.
    unsafe {
        with(stream, |stream, handle| {
            describe("state", number, (&handle.states, stream.states()), info, of_state)
        })
    }
}

/// Copies a state to `values`, which has room for `count` elements: (rows, width).
///
/// # Safety
/// `stream` is NULL or a stream; the array has room for these elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_state(
    stream: *const StreamHandle,
    number: usize,
    values: *mut f32,
    count: usize,
) -> Status {
    // SAFETY: the caller's guarantee.
    unsafe {
        with(stream, |stream, _| {
            let state = stream.state(number)?;
            if state.len() != count {
                let text = format!("values has {count} elements; state {number} has {}", state.len());
                return Err(Failure::new(Status::Shape, text));
            }
            elements_mut("values", values, count)?.copy_from_slice(state);
            Ok(())
        })
    }
}

/// Replaces a state by `values`, which has `count` elements: (rows, width).
///
/// # Safety
/// `stream` is NULL or a stream; the array has these elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_stream_set_state(
    stream: *mut StreamHandle,
    number: usize,
    values: *const f32,
    count: usize,
) -> Status {
    // SAFETY: the caller's guarantee.
    unsafe { with(stream, |stream, _| Ok(stream.set_state(number, elements("values", values, count)?)?)) }
}
