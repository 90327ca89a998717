/* Sets the clock of one program: LD_PRELOAD, and in CHAOS_CLOCK a file with the seconds by which it is off, as an int64.
 *
 * The file is mapped, so that the clock can be set while the program runs. libfaketime reads its file anew in each thread,
 * into one buffer, and ended mongod now and then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none, *off = &none;
/* By how much it was off when this thread read it last, -1 if it has not: a wait that was computed before the clock was
 * set ends when it should, where it would last an hour longer else (and lasts so with a clock that is really set). */
static _Thread_local int64_t seen = -1;

__attribute__((constructor)) static void begin(void) {
    const char *name = getenv("CHAOS_CLOCK");
#ifdef CLOCK_FILE /* of all programs of a host, which /etc/ld.so.preload gives this library */
    if (!name) name = CLOCK_FILE;
#endif
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *off, PROT_READ, MAP_SHARED, file, 0);
    if (mapped == MAP_FAILED) _exit(3);
    off = mapped;
    close(file);
}

static int is_wall(clockid_t id) { return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t id, struct timespec *now) {
    int code = syscall(SYS_clock_gettime, id, now);
    if (!code && is_wall(id)) now->tv_sec += seen = *off;
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int code = syscall(SYS_gettimeofday, now, zone);
    if (!code) now->tv_sec += seen = *off;
    return code;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    static int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!wait) wait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    struct timespec then = *until;
    if (then.tv_sec > 1000000000) then.tv_sec -= seen == -1 ? *off : seen; /* a time of the wall clock; the other counts from the boot */
    return wait(cond, mutex, &then);
}
