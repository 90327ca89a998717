"""Lists what a session may ask the kernel: every call that is not here is refused.

Made from what the tests' cells call in every language that is served, with NumPy and its like, threads, processes,
databases, shells, compilers and the programs of other systems; with the plain relatives of each call, and what R, Java,
Node and Go are known to ask for. ``call_rules.py`` says of some of them with which arguments; a language adds its own
(``Language.calls``). Names are those of ``call_numbers.py``; an architecture that lacks one does without.
"""

from __future__ import annotations

# purpose: calls
ALLOWED = {
    "reading and writing what is open": (
        "read write readv writev pread64 pwrite64 preadv pwritev pwritev2 lseek close close_range dup dup2 dup3 "
        "sendfile copy_file_range splice tee fsync fdatasync sync_file_range truncate ftruncate fallocate readahead"
    ),
    "opening files, their names and what is known of them": (
        "open openat openat2 creat stat fstat lstat newfstatat statx access faccessat faccessat2 getdents getdents64 "
        "getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir link linkat unlink unlinkat symlink "
        "symlinkat readlink readlinkat mknod mknodat chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat "
        "umask utime utimes futimesat utimensat statfs fstatfs flock "
        "setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr "
        "removexattr lremovexattr fremovexattr"
    ),
    "memory": (
        "mmap mprotect munmap mremap msync brk mlock mlock2 munlock mlockall munlockall membarrier get_mempolicy "
        "pkey_mprotect pkey_alloc pkey_free map_shadow_stack"
    ),
    "processes and threads": (
        "fork vfork execve execveat exit exit_group wait4 waitid gettid getpid getppid set_tid_address "
        "set_robust_list get_robust_list rseq arch_prctl pidfd_open pidfd_send_signal "
        "getpgid setpgid getpgrp getsid setsid times getrusage getrlimit setrlimit prlimit64 restart_syscall"
    ),
    "who one is: always the one user of the session": (
        "getuid geteuid getgid getegid getgroups setgroups setuid setgid setreuid setregid setresuid getresuid "
        "setresgid getresgid setfsuid setfsgid capget uname"
    ),
    "processors": (
        "sched_yield sched_setparam sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min "
        "sched_rr_get_interval sched_setaffinity sched_getaffinity sched_getattr getcpu getpriority setpriority "
        "ioprio_get sysinfo"
    ),
    "locks between threads": "futex futex_waitv futex_wake futex_wait futex_requeue",
    "signals": (
        "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigqueueinfo rt_tgsigqueueinfo "
        "rt_sigsuspend sigaltstack kill tkill tgkill pause alarm signalfd signalfd4"
    ),
    "time": (
        "time gettimeofday clock_gettime clock_getres nanosleep clock_nanosleep getitimer setitimer timer_create "
        "timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime"
    ),
    "waiting for many things": (
        "poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd "
        "eventfd2"
    ),
    "pipes, and sockets inside of the session": (
        "pipe pipe2 connect accept accept4 bind listen shutdown getsockname getpeername getsockopt sendto recvfrom "
        "sendmsg recvmsg sendmmsg recvmmsg"
    ),
    # The objects are the session's own: it has an IPC namespace. Those that hold memory are in UNSEEN.
    "memory, semaphores and queues of System V and POSIX": (
        "shmget shmat shmctl shmdt semget semop semctl semtimedop msgget msgsnd msgrcv msgctl memfd_create "
        "mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr"
    ),
    "randomness": "getrandom",
}  # fmt: skip
# Refused like the rest, but as if the kernel had never had them: programs that miss one go another way, and an EPERM
# would be the end of some.
MISSING = {
    # Flags in memory, where a filter cannot look.
    "threads and processes by a newer call": "clone3",
    # The host has few of them (fs.aio-max-nr), or the account has (128 watchers); io_uring passes by every filter.
    "input and output that goes on by itself": (
        "io_uring_setup io_uring_enter io_uring_register io_setup io_destroy io_getevents io_submit io_cancel "
        "io_pgetevents"
    ),
    "being told of changes of files": "inotify_init inotify_init1 inotify_add_watch inotify_rm_watch",
    # A shared file that lies in the cache was used by somebody.
    "what of a file is in memory": "mincore cachestat",
    # A ruleset is memory of the kernel, and 16 may lie on each other: the sandbox's own is the only one.
    "further rules of one's own": "landlock_create_ruleset landlock_add_rule landlock_restrict_self",
    # Newer than what programs rely on: they ask, and do without.
    "calls since Linux 6.8": (
        "statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat "
        "listxattrat removexattrat open_tree_attr file_getattr file_setattr listns rseq_slice_yield"
    ),
}
# Memory that belongs to no process and no directory: where no control group counts it, it looks missing, too.
UNSEEN = "memfd_create shmget msgget semget"


def names(groups: dict[str, str]) -> list[str]:
    """Return the names of all groups."""
    return " ".join(groups.values()).split()
