//! The interface as C sees it: a step allocates nothing, and no file ends the process.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use ostinato::*;

/// Counts allocations, of all threads.
struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src/model/testdata/lstm.safetensors");

fn open(path: &str) -> (Status, *mut ModelHandle) {
    let path = CString::new(path).expect("a path without 0");
    let mut model = null_mut();
    // SAFETY: a text, and a pointer to a pointer.
    let status = unsafe { ostinato_open(path.as_ptr(), &mut model) };
    (status, model)
}

/// The network of the file reads 3 features and gives 2.
fn steps_allocate_nothing() {
    let (status, model) = open(FILE);
    assert_eq!(status, Status::Ok);
    for rows in [1, 5] {
        let mut stream = null_mut();
        let (x, mut y, mut c) = (vec![0.5f32; rows * 3], vec![0.0f32; rows * 2], vec![0.0f32; rows * 4]);
        // SAFETY: a model, and arrays of these sizes.
        unsafe {
            assert_eq!(ostinato_stream_new(model, rows, &mut stream), Status::Ok);
            let mut step = || ostinato_stream_step(stream, x.as_ptr(), x.len(), y.as_mut_ptr(), y.len());
            assert_eq!(step(), Status::Ok);
            let before = COUNT.load(Ordering::Relaxed);
            let steps = [step(), step()];
            let others = [
                ostinato_stream_state(stream, 1, c.as_mut_ptr(), c.len()),
                ostinato_stream_set_state(stream, 1, c.as_ptr(), c.len()),
                ostinato_stream_reset_row(stream, 0),
                ostinato_stream_reset(stream),
            ];
            assert_eq!(COUNT.load(Ordering::Relaxed), before, "{rows} rows");
            assert_eq!((steps, others), ([Status::Ok; 2], [Status::Ok; 4]));
            ostinato_stream_free(stream);
        }
    }
    // SAFETY: the model is not used any more.
    unsafe { ostinato_close(model) };
}

/// Files that are cut, or have other bytes: each is an error with a text.
fn damaged_files_are_errors() {
    let good = std::fs::read(FILE).expect("the file of the core's tests");
    let path = std::env::temp_dir().join(format!("ostinato-c-{}.safetensors", std::process::id()));
    let name = path.to_str().expect("UTF-8");
    let cut = (0..good.len()).step_by(61).map(|length| good[..length].to_vec());
    let changed = (0..good.len()).step_by(67).map(|place| {
        let mut bytes = good.clone();
        bytes[place] ^= 1 << (place % 8);
        bytes
    });
    for bytes in cut.chain(changed) {
        std::fs::write(&path, &bytes).expect("a temporary file");
        let (status, model) = open(name);
        assert!(status == Status::Format && model.is_null(), "{status:?} of {} bytes", bytes.len());
        // SAFETY: the text of this thread.
        let text = unsafe { CStr::from_ptr(ostinato_last_error()) }.to_string_lossy();
        assert!(text.starts_with(name), "{text}");
    }
    std::fs::remove_file(&path).expect("the temporary file");
}

/// Two threads with one stream: each call succeeds or says so, and the steps that succeed are whole.
fn a_stream_in_use_is_busy() {
    let (_, model) = open(FILE);
    let mut stream = null_mut();
    // SAFETY: a model, and a pointer to a pointer.
    assert_eq!(unsafe { ostinato_stream_new(model, 64, &mut stream) }, Status::Ok);
    let shared = stream as usize;
    let work = move || {
        let (x, mut y) = (vec![0.5f32; 64 * 3], vec![0.0f32; 64 * 2]);
        for _ in 0..300 {
            // SAFETY: a stream, and arrays of these sizes; the stream itself refuses a second call.
            let status = unsafe {
                ostinato_stream_step(
                    shared as *mut StreamHandle,
                    x.as_ptr(),
                    x.len(),
                    y.as_mut_ptr(),
                    y.len(),
                )
            };
            assert!(matches!(status, Status::Ok | Status::Busy), "{status:?}");
        }
    };
    let threads = [std::thread::spawn(work), std::thread::spawn(work)];
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    // SAFETY: no thread uses them any more.
    unsafe {
        let (x, mut y) = ([0.5f32; 64 * 3], [0.0f32; 64 * 2]);
        assert_eq!(ostinato_stream_step(stream, x.as_ptr(), x.len(), y.as_mut_ptr(), y.len()), Status::Ok);
        ostinato_stream_free(stream);
        ostinato_close(model);
        assert_eq!(ostinato_stream_step(null_mut(), null(), 0, null_mut(), 0), Status::Pointer);
    }
}

/// A result without an array is an error, unless it has no elements.
fn a_result_needs_its_array() {
    let (_, model) = open(FILE);
    let (x, mut y) = ([0.5f32; 6], [7.0f32; 4]);
    let run = |rows, out: *mut f32, count| {
        // SAFETY: a model, and arrays of these sizes.
        unsafe { ostinato_run(model, x.as_ptr(), rows * 6, rows, 2, null(), out, count) }
    };
    assert_eq!(run(1, null_mut(), 0), Status::Shape);
    assert_eq!(run(1, null_mut(), 4), Status::Pointer);
    assert_eq!(run(1, y.as_mut_ptr(), 0), Status::Shape);
    assert_eq!((run(0, null_mut(), 0), y), (Status::Ok, [7.0; 4]));
    assert_eq!(run(1, y.as_mut_ptr(), 4), Status::Ok);
    assert_ne!(y, [7.0; 4]);
    // SAFETY: a model, and arrays of these sizes.
    unsafe {
        let input = InputArray { features: x.as_ptr(), ids: null(), count: 6 };
        let axis = AxisSteps { steps: 2, lengths: null(), mask: null() };
        let on = |output: OutputArray| ostinato_run_on(model, 1, &input, 1, &axis, 1, &output, 1, null(), 0);
        assert_eq!(on(OutputArray { values: null_mut(), count: 4 }), Status::Pointer);
        assert_eq!(on(OutputArray { values: null_mut(), count: 0 }), Status::Ok);
        ostinato_close(model);
    }
}

/// One test, as the counts are those of the whole process.
#[test]
fn the_interface_is_for_real_time_and_for_any_file() {
    steps_allocate_nothing();
    damaged_files_are_errors();
    a_result_needs_its_array();
    a_stream_in_use_is_busy();
}
