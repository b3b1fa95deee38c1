//! Models: opening, sizes, running.

use std::ffi::{CString, c_char};
use std::path::PathBuf;

use ostinato_core::{AxisExtent, Content, Input, InputInfo, Model, OutputInfo, StateInfo};

use crate::arrays::{AxisSteps, InputArray, OutputArray, copy_out, extents, inputs, masks};
use crate::entry::{elements, entry, put, reference, text, value};
use crate::status::{Failure, Status};

/// A model. Several threads may use it at the same time.
pub struct ModelHandle {
    pub model: Model,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
    axes: Vec<CString>,
    states: Vec<CString>,
}

/// An input, an output or a state.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Port {
    /// The name; it lives as long as the model, or for a state of a stream as long as the stream.
    pub name: *const c_char,
    /// Features per step or row; 1 for ids.
    pub width: usize,
    /// For an input of ids: the ids are 0 to `limit` - 1. 0 for everything else.
    pub limit: usize,
    /// The number of the axis on which the steps lie; -1 for one value per row, and for states.
    pub axis: isize,
}

pub fn names<'a>(names: impl Iterator<Item = &'a String>) -> Vec<CString> {
    names.map(|name| CString::new(name.replace('\0', "?")).unwrap_or_default()).collect()
}

/// Writes the description of one of the ports of a kind.
pub fn describe<T>(
    what: &str,
    number: usize,
    (names, infos): (&[CString], &[T]),
    port: *mut Port,
    of: impl FnOnce(&T) -> (usize, usize, Option<usize>),
) -> Result<(), Failure> {
    let (Some(name), Some(info)) = (names.get(number), infos.get(number)) else {
        let text = format!("{what} {number} does not exist; there are {}", infos.len());
        return Err(Failure::new(Status::Shape, text));
    };
    let (width, limit, axis) = of(info);
    let axis = axis.map_or(-1, |axis| axis as isize);
    // SAFETY: the guarantee of the functions of the interface: a pointer is NULL or points to a port.
    unsafe { put("info", port, Port { name: name.as_ptr(), width, limit, axis }) }
}

pub fn of_state(info: &StateInfo) -> (usize, usize, Option<usize>) {
    (info.width, 0, None)
}

/// Opens the model file at `path` and writes the model to `*model`; `*model` is NULL after an error.
///
/// `path` is UTF-8 on Windows, and any bytes elsewhere.
///
/// # Safety
/// `path` is NULL or a text that ends with 0; `model` is NULL or points to a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_open(path: *const c_char, model: *mut *mut ModelHandle) -> Status {
    entry(|| {
        // SAFETY: the caller's guarantee.
        unsafe { put("model", model, std::ptr::null_mut())? };
        // SAFETY: the caller's guarantee.
        let path = path_of(unsafe { text("path", path)? }.to_bytes())?;
        let opened = Model::open(path)?;
        let handle = ModelHandle {
            inputs: names(opened.inputs().iter().map(|input| &input.name)),
            outputs: names(opened.outputs().iter().map(|output| &output.name)),
            axes: names(opened.axes().iter()),
            states: names(opened.states().iter().map(|state| &state.name)),
            model: opened,
        };
        // SAFETY: the caller's guarantee.
        unsafe { put("model", model, Box::into_raw(Box::new(handle))) }
    })
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> Result<PathBuf, Failure> {
    use std::os::unix::ffi::OsStrExt;
    Ok(std::ffi::OsStr::from_bytes(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> Result<PathBuf, Failure> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(Failure::new(Status::Config, "path is no UTF-8 text")),
    }
}

/// Frees a model. Its streams live on. NULL is allowed.
///
/// # Safety
/// `model` is NULL, or a model that no thread uses now or later.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_close(model: *mut ModelHandle) {
    entry(|| {
        if !model.is_null() {
            // SAFETY: `ostinato_open` made it from a box, and the caller closes it once.
            drop(unsafe { Box::from_raw(model) });
        }
        Ok(())
    });
}

/// The number of inputs; 0 for NULL.
///
/// # Safety
/// `model` is NULL or a model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_input_count(model: *const ModelHandle) -> usize {
    // SAFETY: the caller's guarantee.
    value(0, || Ok(unsafe { reference("model", model)? }.inputs.len()))
}

/// The number of outputs; 0 for NULL.
///
/// # Safety
/// `model` is NULL or a model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_output_count(model: *const ModelHandle) -> usize {
    // SAFETY: the caller's guarantee.
    value(0, || Ok(unsafe { reference("model", model)? }.outputs.len()))
}

/// The number of axes of sequences; 0 for NULL.
///
/// # Safety
/// `model` is NULL or a model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_axis_count(model: *const ModelHandle) -> usize {
    // SAFETY: the caller's guarantee.
    value(0, || Ok(unsafe { reference("model", model)? }.axes.len()))
}

/// The number of states of all layers; 0 for NULL.
///
/// # Safety
/// `model` is NULL or a model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_state_count(model: *const ModelHandle) -> usize {
    // SAFETY: the caller's guarantee.
    value(0, || Ok(unsafe { reference("model", model)? }.states.len()))
}

/// Describes an input.
///
/// # Safety
/// `model` is NULL or a model; `info` is NULL or points to a port.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_input_info(
    model: *const ModelHandle,
    number: usize,
    info: *mut Port,
) -> Status {
    entry(|| {
        // SAFETY: the caller's guarantee.
        let handle = unsafe { reference("model", model)? };
        let of = |InputInfo { content, axis, .. }: &InputInfo| match *content {
            Content::Features(width) => (width, 0, *axis),
            Content::Ids(limit) => (1, limit, *axis),
        };
        describe("input", number, (&handle.inputs, handle.model.inputs()), info, of)
    })
}

/// Describes an output.
///
/// # Safety
/// `model` is NULL or a model; `info` is NULL or points to a port.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_output_info(
    model: *const ModelHandle,
    number: usize,
    info: *mut Port,
) -> Status {
    entry(|| {
        // SAFETY: the caller's guarantee.
        let handle = unsafe { reference("model", model)? };
        let of = |OutputInfo { width, axis, .. }: &OutputInfo| (*width, 0, *axis);
        describe("output", number, (&handle.outputs, handle.model.outputs()), info, of)
    })
}

/// Describes a state.
///
/// # Safety
/// `model` is NULL or a model; `info` is NULL or points to a port.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_state_info(
    model: *const ModelHandle,
    number: usize,
    info: *mut Port,
) -> Status {
    entry(|| {
        // SAFETY: the caller's guarantee.
        let handle = unsafe { reference("model", model)? };
        describe("state", number, (&handle.states, handle.model.states()), info, of_state)
    })
}

/// The name of an axis of sequences, such as "time"; NULL if there is no such axis. It lives as long as the model.
///
/// # Safety
/// `model` is NULL or a model.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_axis_name(model: *const ModelHandle, number: usize) -> *const c_char {
    value(std::ptr::null(), || {
        // SAFETY: the caller's guarantee.
        let axes = unsafe { &reference("model", model)?.axes };
        let none =
            || Failure::new(Status::Shape, format!("axis {number} does not exist; there are {}", axes.len()));
        axes.get(number).map(|name| name.as_ptr()).ok_or_else(none)
    })
}

/// Runs a network of one input of features and one output over `rows` sequences of `steps` steps.
///
/// `x` has `x_count` elements: (rows, steps, features). `lengths` is NULL, or (rows,): the number of valid steps of each row.
/// `out` has room for `out_count` elements: (rows, steps, width), of which those after the last valid step of a row become 0;
/// or (rows, width). `x` and `out` may be NULL if they have no elements. After an error, `out` is as before.
///
/// # Safety
/// `model` is NULL or a model; the arrays have these elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_run(
    model: *const ModelHandle,
    x: *const f32,
    x_count: usize,
    rows: usize,
    steps: usize,
    lengths: *const i64,
    out: *mut f32,
    out_count: usize,
) -> Status {
    let input = InputArray { features: x, ids: std::ptr::null(), count: x_count };
    let axis = AxisSteps { steps, lengths, mask: std::ptr::null() };
    // for `run`, NULL means that the result is not wanted; here it is an array of no elements, whose size is checked
    let values = if out.is_null() { std::ptr::NonNull::dangling().as_ptr() } else { out };
    let output = OutputArray { values, count: out_count };
    entry(|| {
        // SAFETY: the caller's guarantee.
        let handle = unsafe { reference("model", model)? };
        for (name, pointer, count) in [("x", x, x_count), ("out", out.cast_const(), out_count)] {
            if pointer.is_null() && count > 0 {
                return Err(Failure::new(Status::Pointer, format!("{name} is NULL")));
            }
        }
        // SAFETY: the caller's guarantee.
        unsafe { run(handle, rows, (&[input], &[axis]), &[output], &[]) }
    })
}

/// Runs a network of any inputs and outputs.
///
/// `inputs` and `axes` are all inputs and axes of the model, in order. `outputs` are all outputs, `states` the final states, in
/// order, (rows, width) each; either list may be NULL with the count 0. After an error, they are as before.
///
/// # Safety
/// `model` is NULL or a model; the lists have these counts, and their arrays the elements that they say; lengths have `rows`
/// elements, and a mask has `rows * steps`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ostinato_run_on(
    model: *const ModelHandle,
    rows: usize,
    inputs: *const InputArray,
    input_count: usize,
    axes: *const AxisSteps,
    axis_count: usize,
    outputs: *const OutputArray,
    output_count: usize,
    states: *const OutputArray,
    state_count: usize,
) -> Status {
    entry(|| {
        // SAFETY: the caller's guarantee, here and below.
        let handle = unsafe { reference("model", model)? };
        // SAFETY: as above.
        let given =
            unsafe { (elements("inputs", inputs, input_count)?, elements("axes", axes, axis_count)?) };
        // SAFETY: as above.
        let outputs = unsafe { elements("outputs", outputs, output_count)? };
        // SAFETY: as above.
        let states = unsafe { elements("states", states, state_count)? };
        // SAFETY: as above.
        unsafe { run(handle, rows, given, outputs, states) }
    })
}

/// # Safety
/// As `ostinato_run_on`.
unsafe fn run(
    handle: &ModelHandle,
    rows: usize,
    (arrays, axes): (&[InputArray], &[AxisSteps]),
    outputs: &[OutputArray],
    states: &[OutputArray],
) -> Result<(), Failure> {
    let model = &handle.model;
    // SAFETY: the caller's guarantee.
    let given: Vec<Input<f32>> = unsafe { inputs(arrays)? };
    let steps: Vec<AxisExtent> =
        axes.iter().map(|axis| AxisExtent { steps: axis.steps, ..AxisExtent::default() }).collect();
    // before the lengths and masks are read: their sizes follow from the rows and steps
    model.check(&given, rows, &steps)?;
    let places = |axis: Option<usize>| rows * axis.map_or(1, |axis| axes[axis].steps);
    let wanted = model.outputs().iter().map(|output| places(output.axis).checked_mul(output.width));
    check_results("outputs", outputs, wanted)?;
    check_results("states", states, model.states().iter().map(|state| rows.checked_mul(state.width)))?;
    // SAFETY: the caller's guarantee.
    let masks = unsafe { masks(axes, rows)? };
    // SAFETY: the caller's guarantee.
    let extents = unsafe { extents(axes, &masks, rows)? };
    let done = model.run_on(&given, rows, &extents)?;
    // SAFETY: the caller's guarantee.
    unsafe { copy_out("outputs", outputs, &done.outputs)? };
    // SAFETY: the caller's guarantee.
    unsafe { copy_out("states", states, &done.states) }
}

/// Checks the sizes of the arrays of results. A list of none is allowed.
fn check_results(
    what: &str,
    arrays: &[OutputArray],
    wanted: impl ExactSizeIterator<Item = Option<usize>>,
) -> Result<(), Failure> {
    if arrays.is_empty() {
        return Ok(());
    }
    if arrays.len() != wanted.len() {
        let text = format!("got {} {what}; the model has {}", arrays.len(), wanted.len());
        return Err(Failure::new(Status::Shape, text));
    }
    for (number, (array, wanted)) in arrays.iter().zip(wanted).enumerate() {
        if array.values.is_null() && array.count > 0 {
            let text = format!("{what}[{number}] is NULL, but its count is {}; expected 0", array.count);
            return Err(Failure::new(Status::Pointer, text));
        }
        if !array.values.is_null() && wanted != Some(array.count) {
            let expected = wanted.map_or("more than any memory".into(), |count| count.to_string());
            let text = format!("{what}[{number}] has room for {} elements; expected {expected}", array.count);
            return Err(Failure::new(Status::Shape, text));
        }
        if !array.values.is_null() && !array.values.is_aligned() {
            return Err(Failure::new(Status::Pointer, format!("{what}[{number}] is not aligned")));
        }
    }
    Ok(())
}
