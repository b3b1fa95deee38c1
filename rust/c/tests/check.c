/* Every function of the interface with right and wrong arguments: check MODEL GRAPH DOUBLE BROKEN, of which
   MODEL   is an LSTM of 3 features and 4 units
   GRAPH   reads ids "w" (target) below 5, features "s" (row) of size 2 and features "x" (time) of size 3
   DOUBLE  is of dtype float64
   BROKEN  is no model.
   Prints the texts of the errors. */

#include <ostinato.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HAS(condition)                                                                  \
    do {                                                                                \
        if (!(condition)) {                                                             \
            printf("line %d: %s: %s\n", __LINE__, #condition, ostinato_last_error());   \
            exit(1);                                                                    \
        }                                                                               \
    } while (0)
#define OK(call) HAS((call) == OSTINATO_STATUS_OK)
#define FAILS(call, status)                                                             \
    do {                                                                                \
        HAS((call) == OSTINATO_STATUS_##status);                                        \
        printf("%s\n", ostinato_last_error());                                          \
    } while (0)

static void opening(const char *good, const char *twice, const char *broken) {
    ostinato_model *model = (ostinato_model *)&model;
    FAILS(ostinato_open(NULL, &model), POINTER);
    HAS(model == NULL);
    FAILS(ostinato_open(good, NULL), POINTER);
    FAILS(ostinato_open("no such file", &model), IO);
    FAILS(ostinato_open("/", &model), IO);
    FAILS(ostinato_open(broken, &model), FORMAT);
    FAILS(ostinato_open(twice, &model), DTYPE);
    HAS(model == NULL);
    ostinato_close(NULL);
}

static void sizes(const ostinato_model *model) {
    ostinato_port port;
    HAS(ostinato_input_count(model) == 1 && ostinato_output_count(model) == 1);
    HAS(ostinato_axis_count(model) == 1 && ostinato_state_count(model) == 2);
    HAS(ostinato_input_count(NULL) == 0 && ostinato_state_count(NULL) == 0);
    OK(ostinato_input_info(model, 0, &port));
    HAS(strcmp(port.name, "x") == 0 && port.width == 3 && port.limit == 0 && port.axis == 0);
    OK(ostinato_state_info(model, 1, &port));
    HAS(strcmp(port.name, "c") == 0 && port.width == 4 && port.axis == -1);
    HAS(strcmp(ostinato_axis_name(model, 0), "time") == 0);
    HAS(ostinato_axis_name(model, 1) == NULL && ostinato_axis_name(NULL, 0) == NULL);
    FAILS(ostinato_input_info(model, 1, &port), SHAPE);
    FAILS(ostinato_output_info(model, SIZE_MAX, &port), SHAPE);
    FAILS(ostinato_state_info(model, 0, NULL), POINTER);
    HAS(ostinato_version()[0] == '0');
    FAILS(ostinato_set_threads(0), CONFIG);
    OK(ostinato_set_threads(2));
}

static void running(const ostinato_model *model) {
    float x[2 * 5 * 3], y[2 * 5 * 4], h[2 * 4];
    int64_t lengths[2] = {5, 0};
    for (size_t k = 0; k < 30; k++) x[k] = 0.1f * (float)k - 1.0f;
    OK(ostinato_run(model, x, 30, 2, 5, lengths, y, 40));
    HAS(y[19] != 0.0f && y[20] == 0.0f && y[39] == 0.0f);
    y[0] = 7.0f;
    FAILS(ostinato_run(NULL, x, 30, 2, 5, NULL, y, 40), POINTER);
    FAILS(ostinato_run(model, NULL, 30, 2, 5, NULL, y, 40), POINTER);
    FAILS(ostinato_run(model, (float *)((char *)x + 1), 30, 2, 5, NULL, y, 40), POINTER);
    FAILS(ostinato_run(model, x, 30, 2, 5, NULL, NULL, 40), POINTER);
    FAILS(ostinato_run(model, x, 30, 2, 5, NULL, NULL, 0), SHAPE);
    FAILS(ostinato_run(model, x, 29, 2, 5, NULL, y, 40), SHAPE);
    FAILS(ostinato_run(model, x, 30, 2, 5, NULL, y, 39), SHAPE);
    FAILS(ostinato_run(model, x, 30, 3, 5, NULL, y, 40), SHAPE);
    FAILS(ostinato_run(model, x, 30, SIZE_MAX, SIZE_MAX, NULL, y, 40), SHAPE);
    lengths[1] = 6;
    FAILS(ostinato_run(model, x, 30, 2, 5, lengths, y, 40), SHAPE);
    lengths[1] = -1;
    FAILS(ostinato_run(model, x, 30, 2, 5, lengths, y, 40), SHAPE);
    HAS(y[0] == 7.0f);
    OK(ostinato_run(model, NULL, 0, 0, 5, NULL, NULL, 0));
    OK(ostinato_run(model, NULL, 0, 2, 0, NULL, NULL, 0));

    /* the outputs are not wanted, the states are */
    ostinato_input input = {x, NULL, 30};
    ostinato_axis axis = {5, NULL, NULL};
    ostinato_output states[2] = {{h, 8}, {NULL, 0}};
    OK(ostinato_run_on(model, 2, &input, 1, &axis, 1, NULL, 0, states, 2));
    OK(ostinato_run(model, x, 30, 2, 5, NULL, y, 40));
    HAS(memcmp(&h[0], &y[16], 16) == 0 && memcmp(&h[4], &y[36], 16) == 0);
    FAILS(ostinato_run_on(model, 2, &input, 1, &axis, 1, NULL, 0, states, 1), SHAPE);
    ostinato_output nowhere[2] = {{h, 8}, {NULL, 8}};
    FAILS(ostinato_run_on(model, 2, &input, 1, &axis, 1, NULL, 0, nowhere, 2), POINTER);
    FAILS(ostinato_run_on(model, 2, &input, 1, NULL, 1, NULL, 0, NULL, 0), POINTER);
    FAILS(ostinato_run_on(model, 2, &input, 1, NULL, 0, NULL, 0, NULL, 0), SHAPE);
    FAILS(ostinato_run_on(model, 2, NULL, 0, &axis, 1, NULL, 0, NULL, 0), SHAPE);
    ostinato_input none = {NULL, NULL, 30};
    FAILS(ostinato_run_on(model, 2, &none, 1, &axis, 1, NULL, 0, NULL, 0), POINTER);
    ostinato_input ids = {NULL, lengths, 2};
    FAILS(ostinato_run_on(model, 2, &ids, 1, &axis, 1, NULL, 0, NULL, 0), SHAPE);
}

static void streaming(const ostinato_model *model) {
    float x[2 * 3] = {0.1f, 0.2f, 0.3f, -0.1f, -0.2f, -0.3f}, y[2 * 4], first[2 * 4], both[2 * 4], c[2 * 4];
    ostinato_stream *stream;
    ostinato_port port;
    FAILS(ostinato_stream_new(NULL, 2, &stream), POINTER);
    FAILS(ostinato_stream_new(model, 2, NULL), POINTER);
    FAILS(ostinato_stream_new(model, SIZE_MAX / 2, &stream), MEMORY);
    FAILS(ostinato_stream_new(model, (size_t)1 << 45, &stream), MEMORY);
    HAS(stream == NULL);
    OK(ostinato_stream_new(model, 2, &stream));
    HAS(ostinato_stream_state_count(stream) == 2 && ostinato_stream_state_count(NULL) == 0);
    OK(ostinato_stream_state_info(stream, 0, &port));
    HAS(strcmp(port.name, "h") == 0 && port.width == 4);
    OK(ostinato_stream_step(stream, x, 6, first, 8));
    OK(ostinato_stream_state(stream, 1, c, 8));
    OK(ostinato_stream_step(stream, x, 6, y, 8));
    HAS(memcmp(first, y, sizeof y) != 0);

    /* an error leaves the state: the step after it is the second one */
    OK(ostinato_stream_set_state(stream, 0, first, 8));
    OK(ostinato_stream_set_state(stream, 1, c, 8));
    FAILS(ostinato_stream_step(NULL, x, 6, both, 8), POINTER);
    FAILS(ostinato_stream_step(stream, NULL, 6, both, 8), POINTER);
    FAILS(ostinato_stream_step(stream, x, 6, NULL, 8), POINTER);
    FAILS(ostinato_stream_step(stream, x, 5, both, 8), SHAPE);
    FAILS(ostinato_stream_step(stream, x, 6, both, 7), SHAPE);
    FAILS(ostinato_stream_step(stream, x, 3, both, 4), SHAPE);
    FAILS(ostinato_stream_step_ids(stream, (int64_t[2]){0, 0}, 2, both, 8), SHAPE);
    FAILS(ostinato_stream_reset_row(stream, 2), SHAPE);
    FAILS(ostinato_stream_state(stream, 2, c, 8), SHAPE);
    FAILS(ostinato_stream_state(stream, 0, c, 7), SHAPE);
    FAILS(ostinato_stream_state(stream, 0, NULL, 8), POINTER);
    FAILS(ostinato_stream_set_state(stream, 0, c, 9), SHAPE);
    FAILS(ostinato_stream_state_info(stream, 2, &port), SHAPE);
    OK(ostinato_stream_step(stream, x, 6, both, 8));
    HAS(memcmp(both, y, sizeof y) == 0);

    /* one row anew, in the memory of the input */
    OK(ostinato_stream_reset_row(stream, 1));
    memcpy(both, x, sizeof x);
    OK(ostinato_stream_step(stream, both, 6, both, 8));
    HAS(memcmp(&both[4], &first[4], 16) == 0 && memcmp(both, first, 16) != 0);
    OK(ostinato_stream_reset(stream));
    OK(ostinato_stream_step(stream, x, 6, y, 8));
    HAS(memcmp(first, y, sizeof y) == 0);
    ostinato_stream_free(stream);
    ostinato_stream_free(NULL);
}

static void graphs(const ostinato_model *model) {
    float x[2 * 3 * 3] = {0.5f}, s[2 * 2] = {1.0f, 2.0f, 3.0f, 4.0f}, whole[2 * 4 * 6], y[2 * 6];
    int64_t w[2 * 4] = {0, 1, 2, 3, 4, 3, 2, 1}, lengths[2] = {3, 1}, column[2];
    uint8_t mask[2 * 3] = {1, 1, 1, 1, 0, 0}; /* the same steps as the lengths */
    ostinato_input inputs[3] = {{NULL, w, 8}, {s, NULL, 4}, {x, NULL, 18}};
    ostinato_axis axes[2] = {{4, NULL, NULL}, {3, NULL, mask}};
    ostinato_output output = {whole, 48};
    ostinato_port port;
    OK(ostinato_input_info(model, 0, &port));
    HAS(port.limit == 5 && port.axis == 0 && port.width == 1);
    OK(ostinato_input_info(model, 1, &port));
    HAS(port.limit == 0 && port.axis == -1 && port.width == 2);
    OK(ostinato_run_on(model, 2, inputs, 3, axes, 2, &output, 1, NULL, 0));
    w[3] = 5;
    FAILS(ostinato_run_on(model, 2, inputs, 3, axes, 2, &output, 1, NULL, 0), CONFIG);
    w[3] = 3;
    FAILS(ostinato_run_on(model, (size_t)1 << 40, inputs, 3, axes, 2, &output, 1, NULL, 0), SHAPE);
    FAILS(ostinato_run(model, x, 18, 2, 3, NULL, whole, 48), SHAPE);

    ostinato_stream *stream;
    FAILS(ostinato_stream_new(model, 2, &stream), SHAPE);
    ostinato_input others[2] = {inputs[1], inputs[2]};
    FAILS(ostinato_stream_new_on(model, 2, others, 2, &axes[1], 1, &stream), CONFIG);
    axes[1].mask = NULL;
    axes[1].lengths = lengths;
    OK(ostinato_stream_new_on(model, 2, others, 2, &axes[1], 1, &stream));
    for (size_t t = 0; t < 4; t++) {
        for (size_t row = 0; row < 2; row++) column[row] = w[row * 4 + t];
        OK(ostinato_stream_step_ids(stream, column, 2, y, 12));
        for (size_t row = 0; row < 2; row++) HAS(memcmp(&y[row * 6], &whole[(row * 4 + t) * 6], 24) == 0);
    }
    column[0] = -1;
    FAILS(ostinato_stream_step_ids(stream, column, 2, y, 12), CONFIG);
    FAILS(ostinato_stream_step(stream, x, 2, y, 12), SHAPE);
    ostinato_stream_free(stream);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    HAS(ostinato_last_error()[0] == '\0');
    opening(argv[1], argv[3], argv[4]);
    ostinato_model *model;
    OK(ostinato_open(argv[1], &model));
    sizes(model);
    running(model);
    streaming(model);
    ostinato_close(model);
    OK(ostinato_open(argv[2], &model));
    graphs(model);
    ostinato_close(model);
    puts("all");
    return 0;
}
