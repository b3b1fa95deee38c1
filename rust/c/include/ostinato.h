#ifndef OSTINATO_H
#define OSTINATO_H

/* Made by cbindgen from rust/c/src; see docs/c.md. Do not edit. */

#include <stddef.h>
#include <stdint.h>

// What a call returns. `ostinato_last_error` has the text of an error: what was found, what was expected, what to do.
typedef enum {
  // The call succeeded.
  OSTINATO_STATUS_OK = 0,
  // The operating system does not give the file.
  OSTINATO_STATUS_IO = 1,
  // The file is no model, is damaged, or is of a release that this one does not read.
  OSTINATO_STATUS_FORMAT = 2,
  // The file has float64 numbers; this library computes in float.
  OSTINATO_STATUS_DTYPE = 3,
  // An array, a list or a number of rows has another size than the model needs.
  OSTINATO_STATUS_SHAPE = 4,
  // A value is not allowed, or the network cannot do what was asked for.
  OSTINATO_STATUS_CONFIG = 5,
  // The memory does not suffice.
  OSTINATO_STATUS_MEMORY = 6,
  // A pointer is NULL or not aligned.
  OSTINATO_STATUS_POINTER = 7,
  // The stream is in a call on another thread.
  OSTINATO_STATUS_BUSY = 8,
  // A defect of this library. Please report it.
  OSTINATO_STATUS_INTERNAL = 9,
} ostinato_status;

// A model. Several threads may use it at the same time.
typedef struct ostinato_model ostinato_model;

// A stream. One thread at a time may use it.
typedef struct ostinato_stream ostinato_stream;

// An input, an output or a state.
typedef struct {
  // The name; it lives as long as the model, or for a state of a stream as long as the stream.
  const char *name;
  // Features per step or row; 1 for ids.
  size_t width;
  // For an input of ids: the ids are 0 to `limit` - 1. 0 for everything else.
  size_t limit;
  // The number of the axis on which the steps lie; -1 for one value per row, and for states.
  ptrdiff_t axis;
} ostinato_port;

// An array for an input. One of the two pointers is NULL.
typedef struct {
  // (rows, steps, features) or (rows, features): a row after the other, in each row a step after the other.
  const float *features;
  // (rows, steps) or (rows,).
  const int64_t *ids;
  // The number of elements.
  size_t count;
} ostinato_input;

// The steps of the sequences on an axis.
typedef struct {
  // The number of steps for which each row has room.
  size_t steps;
  // (rows,): the number of valid steps of each row; NULL if all are valid.
  const int64_t *lengths;
  // (rows, steps): 0 for steps that are skipped; NULL if none are.
  const uint8_t *mask;
} ostinato_axis;

// An array that a call writes.
typedef struct {
  // NULL if the values are not wanted.
  float *values;
  // The number of elements; 0 for NULL.
  size_t count;
} ostinato_output;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The text of the last error of a call on this thread; "" if there was none. It is valid until the next call on this thread
// that fails.
const char *ostinato_last_error(void);

// The version of the library, such as "0.1.0".
const char *ostinato_version(void);

// Sets the number of threads that `ostinato_run` may use, the calling one included: 1 to 1024. The default is the number of
// processors. Results do not depend on it. A stream uses the calling thread alone.
ostinato_status ostinato_set_threads(size_t count);

// Opens the model file at `path` and writes the model to `*model`; `*model` is NULL after an error.
//
// `path` is UTF-8 on Windows, and any bytes elsewhere.
//
// # Safety
// `path` is NULL or a text that ends with 0; `model` is NULL or points to a pointer.
ostinato_status ostinato_open(const char *path, ostinato_model **model);

// Frees a model. Its streams live on. NULL is allowed.
//
// # Safety
// `model` is NULL, or a model that no thread uses now or later.
void ostinato_close(ostinato_model *model);

// The number of inputs; 0 for NULL.
//
// # Safety
// `model` is NULL or a model.
size_t ostinato_input_count(const ostinato_model *model);

// The number of outputs; 0 for NULL.
//
// # Safety
// `model` is NULL or a model.
size_t ostinato_output_count(const ostinato_model *model);

// The number of axes of sequences; 0 for NULL.
//
// # Safety
// `model` is NULL or a model.
size_t ostinato_axis_count(const ostinato_model *model);

// The number of states of all layers; 0 for NULL.
//
// # Safety
// `model` is NULL or a model.
size_t ostinato_state_count(const ostinato_model *model);

// Describes an input.
//
// # Safety
// `model` is NULL or a model; `info` is NULL or points to a port.
ostinato_status ostinato_input_info(const ostinato_model *model, size_t number, ostinato_port *info);

// Describes an output.
//
// # Safety
// `model` is NULL or a model; `info` is NULL or points to a port.
ostinato_status ostinato_output_info(const ostinato_model *model, size_t number, ostinato_port *info);

// Describes a state.
//
// # Safety
// `model` is NULL or a model; `info` is NULL or points to a port.
ostinato_status ostinato_state_info(const ostinato_model *model, size_t number, ostinato_port *info);

// The name of an axis of sequences, such as "time"; NULL if there is no such axis. It lives as long as the model.
//
// # Safety
// `model` is NULL or a model.
const char *ostinato_axis_name(const ostinato_model *model, size_t number);

// Runs a network of one input of features and one output over `rows` sequences of `steps` steps.
//
// `x` has `x_count` elements: (rows, steps, features). `lengths` is NULL, or (rows,): the number of valid steps of each row.
// `out` has room for `out_count` elements: (rows, steps, width), of which those after the last valid step of a row become 0;
// or (rows, width). `x` and `out` may be NULL if they have no elements. After an error, `out` is as before.
//
// # Safety
// `model` is NULL or a model; the arrays have these elements.
ostinato_status ostinato_run(const ostinato_model *model,
                             const float *x,
                             size_t x_count,
                             size_t rows,
                             size_t steps,
                             const int64_t *lengths,
                             float *out,
                             size_t out_count);

// Runs a network of any inputs and outputs.
//
// `inputs` and `axes` are all inputs and axes of the model, in order. `outputs` are all outputs, `states` the final states, in
// order, (rows, width) each; either list may be NULL with the count 0. After an error, they are as before.
//
// # Safety
// `model` is NULL or a model; the lists have these counts, and their arrays the elements that they say; lengths have `rows`
// elements, and a mask has `rows * steps`.
ostinato_status ostinato_run_on(const ostinato_model *model,
                                size_t rows,
                                const ostinato_input *inputs,
                                size_t input_count,
                                const ostinato_axis *axes,
                                size_t axis_count,
                                const ostinato_output *outputs,
                                size_t output_count,
                                const ostinato_output *states,
                                size_t state_count);

// Makes a stream of `rows` sequences of a network that reads nothing but one sequence, and writes it to `*stream`; `*stream` is
// NULL after an error. The stream has its own copy of the parameters.
//
// # Safety
// `model` is NULL or a model; `stream` is NULL or points to a pointer.
ostinato_status ostinato_stream_new(const ostinato_model *model,
                                    size_t rows,
                                    ostinato_stream **stream);

// Makes a stream of a network that reads more than the sequence of its steps. `inputs` are all other inputs of the model, in
// order; `axes` the axes of the sequences among them, in order, without masks.
//
// # Safety
// As `ostinato_stream_new`; the lists have these counts, and their arrays the elements that they say; lengths have `rows`
// elements.
ostinato_status ostinato_stream_new_on(const ostinato_model *model,
                                       size_t rows,
                                       const ostinato_input *inputs,
                                       size_t input_count,
                                       const ostinato_axis *axes,
                                       size_t axis_count,
                                       ostinato_stream **stream);

// Frees a stream. NULL is allowed.
//
// # Safety
// `stream` is NULL, or a stream that no thread uses now or later.
void ostinato_stream_free(ostinato_stream *stream);

// Runs one step of every row. `x` has `x_count` elements: (rows, features); `out` has room for `out_count` elements: (rows,
// width). `x` and `out` may be the same memory. A step allocates nothing, waits for no lock and makes no system call. After an
// error, the states and `out` are as before.
//
// # Safety
// `stream` is NULL or a stream; the arrays have these elements.
ostinato_status ostinato_stream_step(ostinato_stream *stream,
                                     const float *x,
                                     size_t x_count,
                                     float *out,
                                     size_t out_count);

// The same for a network of ids: `ids` has `id_count` elements, one for each row.
//
// # Safety
// `stream` is NULL or a stream; the arrays have these elements.
ostinato_status ostinato_stream_step_ids(ostinato_stream *stream,
                                         const int64_t *ids,
                                         size_t id_count,
                                         float *out,
                                         size_t out_count);

// Starts a new sequence in every row.
//
// # Safety
// `stream` is NULL or a stream.
ostinato_status ostinato_stream_reset(ostinato_stream *stream);

// Starts a new sequence in one row.
//
// # Safety
// `stream` is NULL or a stream.
ostinato_status ostinato_stream_reset_row(ostinato_stream *stream, size_t row);

// The number of states that a stream carries; 0 for NULL.
//
// # Safety
// `stream` is NULL or a stream.
size_t ostinato_stream_state_count(const ostinato_stream *stream);

// Describes a state of a stream.
//
// # Safety
// `stream` is NULL or a stream; `info` is NULL or points to a port.
ostinato_status ostinato_stream_state_info(const ostinato_stream *stream, size_t number, ostinato_port *info);

// Copies a state to `values`, which has room for `count` elements: (rows, width).
//
// # Safety
// `stream` is NULL or a stream; the array has room for these elements.
ostinato_status ostinato_stream_state(const ostinato_stream *stream, size_t number, float *values, size_t count);

// Replaces a state by `values`, which has `count` elements: (rows, width).
//
// # Safety
// `stream` is NULL or a stream; the array has these elements.
ostinato_status ostinato_stream_set_state(ostinato_stream *stream, size_t number, const float *values, size_t count);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* OSTINATO_H */
