/* Runs a model over some sequences, then again step by step: serve MODEL ROWS STEPS. Prints the bits of all outputs. */

#include <ostinato.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(ostinato_status status) {
    if (status != OSTINATO_STATUS_OK) {
        fprintf(stderr, "%s\n", ostinato_last_error());
        exit(1);
    }
}

static void print_bits(const float *values, size_t count) {
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &values[k], sizeof bits);
        printf("%08" PRIx32 "%s", bits, k + 1 < count ? " " : "\n");
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    size_t rows = strtoul(argv[2], NULL, 10), steps = strtoul(argv[3], NULL, 10);
    ostinato_model *model;
    ostinato_port in, out;
    check(ostinato_open(argv[1], &model));
    check(ostinato_input_info(model, 0, &in));
    check(ostinato_output_info(model, 0, &out));

    size_t x_count = rows * steps * in.width, y_count = rows * steps * out.width;
    float *x = malloc(x_count * sizeof *x), *y = malloc(y_count * sizeof *y);
    if (x == NULL || y == NULL) return 2;
    for (size_t k = 0; k < x_count; k++) x[k] = (float)((k * 37 + 11) % 101) / 50.5f - 1.0f;
    check(ostinato_run(model, x, x_count, rows, steps, NULL, y, y_count));
    print_bits(y, y_count);

    /* the first row again, one step at a time */
    ostinato_stream *stream;
    check(ostinato_stream_new(model, 1, &stream));
    ostinato_close(model); /* a stream lives on */
    for (size_t t = 0; t < steps; t++) {
        check(ostinato_stream_step(stream, &x[t * in.width], in.width, y, out.width));
        print_bits(y, out.width);
    }
    ostinato_stream_free(stream);
    free(x);
    free(y);
    return 0;
}
