/* A thousand steps of a stream without a system call, while another thread runs the same model: quiet MODEL.
   In the strict mode of seccomp, a thread that makes any system call but read, write and exit is killed. So a step that maps
   memory, waits for a lock, or wakes a thread ends this program without "quiet". */

#define _GNU_SOURCE
#include <ostinato.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_bool done;

static void *runs(void *model) {
    static float x[8 * 50 * 3], y[8 * 50 * 4];
    for (;;) {
        if (atomic_load(&done)) _exit(0);
        if (ostinato_run(model, x, sizeof x / 4, 8, 50, NULL, y, sizeof y / 4) != OSTINATO_STATUS_OK) abort();
    }
}

int main(int argc, char **argv) {
    ostinato_model *model;
    ostinato_stream *stream;
    pthread_t other;
    float x[3] = {0.1f, 0.2f, 0.3f}, y[4];
    alarm(60); /* if this thread is killed, the other one ends the process then */
    if (argc != 2 || ostinato_open(argv[1], &model) != OSTINATO_STATUS_OK) return 2;
    if (ostinato_stream_new(model, 1, &stream) != OSTINATO_STATUS_OK) return 2;
    if (pthread_create(&other, NULL, runs, model) != 0) return 2;
    if (ostinato_stream_step(stream, x, 3, y, 4) != OSTINATO_STATUS_OK) return 2;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) return 77; /* not allowed here */
    for (int t = 0; t < 1000; t++) {
        if (ostinato_stream_step(stream, x, 3, y, 4) != OSTINATO_STATUS_OK) return 3;
    }
    if (write(1, "quiet\n", 6) != 6) return 3;
    atomic_store(&done, 1);
    syscall(SYS_exit, 0); /* this thread alone; the other one ends the process */
    return 4;
}
