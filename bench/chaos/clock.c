/* Sets the clock of one program: LD_PRELOAD, and in CHAOS_CLOCK a file with the seconds by which it is off, as an int64.
 *
 * The file is mapped, so that the clock can be set while the program runs. libfaketime reads its file anew in each thread,
 * into one buffer, and ended mongod now and then.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_S = 1 }; /* so soon a wait hears of a clock that was set */
static const volatile int64_t none, *off = &none;

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
    if (!code && is_wall(id)) now->tv_sec += *off;
    return code;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    int code = syscall(SYS_gettimeofday, now, zone);
    if (!code) now->tv_sec += *off;
    return code;
}

time_t time(time_t *to) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (to) *to = now.tv_sec;
    return now.tv_sec;
}

/* A wait until a time of the wall clock lasts longer when that is set back meanwhile, as with the kernel's own. */
int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until) {
    static int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!wait) wait = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
    if (until->tv_sec < 1000000000) return wait(cond, mutex, until); /* a time since the boot */
    for (;;) {
        struct timespec then = *until, soon;
        then.tv_sec -= *off;
        syscall(SYS_clock_gettime, CLOCK_REALTIME, &soon);
        int is_due = then.tv_sec < soon.tv_sec || (then.tv_sec == soon.tv_sec && then.tv_nsec <= soon.tv_nsec);
        soon.tv_sec += LOOK_S;
        int is_far = then.tv_sec > soon.tv_sec;
        int code = wait(cond, mutex, is_far ? &soon : &then);
        if (code != ETIMEDOUT || is_due || !is_far) return code;
    }
}
