/* SPDX-License-Identifier: MIT */
/* constrained.c - a poor host, preloaded into chimed: what sandboxes, unikernels and simulators
 * with a libc of their own lack is refused, and what they rely on is checked.
 *
 * Refused: processes, threads, netlink, raw and IPv6 sockets, io_uring, seccomp and prctl, name
 * resolution, a change of user or capabilities. CONSTRAINED_LOG names a file that gets a line for
 * each refusal ("refused fork"). With CONSTRAINED_DEAF set, setsockopt promises and does nothing,
 * the error queue is missing, and the clock's readings are equal for a millisecond.
 *
 * Checked, and ended with abort() and a sentence: at most 20 sockets at a time; datagrams are
 * received by recvmsg or recvmmsg, into one piece of memory, with 256 octets or more for control
 * messages. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX 20
#define CONTROL_MIN 256
#define DESCRIPTORS_MAX 4096
#define TICK_NS 1000000

static bool is_socket[DESCRIPTORS_MAX];
static bool is_inet[DESCRIPTORS_MAX];
static int sockets;

long syscall(long number, ...);
int capset(cap_user_header_t header, const cap_user_data_t data);

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    if (found == NULL) {
        fprintf(stderr, "constrained: no %s in libc\n", name);
        abort();
    }
    return found;
}

static bool is_deaf(void)
{
    return getenv("CONSTRAINED_DEAF") != NULL;
}

static void log_line(const char *verb, const char *what)
{
    const char *path = getenv("CONSTRAINED_LOG");
    char line[128];

    int size = snprintf(line, sizeof(line), "%s %s\n", verb, what);
    int descriptor =
        path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor >= 0 && write(descriptor, line, (size_t)size) != size) {
        fprintf(stderr, "constrained: %s can't be written: %s\n", path, strerror(errno));
    }
    if (descriptor >= 0) {
        ((int (*)(int))next("close"))(descriptor);
    }
}

__attribute__((constructor)) static void begin(void)
{
    log_line("loaded", program_invocation_short_name);
}

static int refuse(const char *what, int error)
{
    log_line("refused", what);
    errno = error;
    return -1;
}

static void broken(const char *sentence)
{
    fprintf(stderr, "constrained: %s\n", sentence);
    log_line("broken", sentence);
    abort();
}

/* Processes and threads. */
pid_t fork(void)
{
    return refuse("fork", EPERM);
}

pid_t vfork(void)
{
    return refuse("vfork", EPERM);
}

int clone(int (*function)(void *), void *stack, int flags, void *argument, ...)
{
    (void)function, (void)stack, (void)flags, (void)argument;
    return refuse("clone", EPERM);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const arguments[],
                char *const environment[])
{
    (void)pid, (void)path, (void)actions, (void)attributes, (void)arguments, (void)environment;
    refuse("posix_spawn", EPERM);
    return EPERM;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    (void)thread, (void)attributes, (void)start, (void)argument;
    refuse("pthread_create", EAGAIN);
    return EAGAIN;
}

/* Sockets. */
static int count_socket(int descriptor, bool inet)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX) {
        is_socket[descriptor] = true;
        is_inet[descriptor] = inet;
        sockets++;
        if (sockets > SOCKETS_MAX) {
            broken("more than 20 sockets at a time");
        }
    }
    return descriptor;
}

int socket(int domain, int type, int protocol)
{
    if (domain == AF_NETLINK) {
        return refuse("netlink socket", EPERM);
    }
    if (domain == AF_PACKET || (type & 0xf) == SOCK_RAW) {
        return refuse("raw socket", EPERM);
    }
    if (domain == AF_INET6) {
        return refuse("IPv6 socket", EAFNOSUPPORT);
    }
    int (*real)(int, int, int) = (int (*)(int, int, int))next("socket");
    return count_socket(real(domain, type, protocol), domain == AF_INET);
}

int close(int descriptor)
{
    if (descriptor >= 0 && descriptor < DESCRIPTORS_MAX && is_socket[descriptor]) {
        is_socket[descriptor] = is_inet[descriptor] = false;
        sockets--;
    }
    return ((int (*)(int))next("close"))(descriptor);
}

int setsockopt(int descriptor, int level, int name, const void *value, socklen_t size)
{
    if (is_deaf()) {
        return 0;
    }
    int (*real)(int, int, int, const void *, socklen_t) =
        (int (*)(int, int, int, const void *, socklen_t))next("setsockopt");
    return real(descriptor, level, name, value, size);
}

static bool is_datagram_socket(int descriptor)
{
    return descriptor >= 0 && descriptor < DESCRIPTORS_MAX && is_inet[descriptor];
}

static void check_message(int descriptor, const struct msghdr *message)
{
    if (!is_datagram_socket(descriptor)) {
        return;
    }
    if (message->msg_iovlen != 1) {
        broken("a datagram is received into more or less than one piece of memory");
    }
    if (message->msg_control == NULL || message->msg_controllen < CONTROL_MIN) {
        broken("a datagram is received with less than 256 octets for control messages");
    }
}

ssize_t recvmsg(int descriptor, struct msghdr *message, int flags)
{
    check_message(descriptor, message);
    if (is_deaf() && (flags & MSG_ERRQUEUE) != 0) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t (*real)(int, struct msghdr *, int) =
        (ssize_t(*)(int, struct msghdr *, int))next("recvmsg");
    return real(descriptor, message, flags);
}

int recvmmsg(int descriptor, struct mmsghdr *messages, unsigned count, int flags,
             struct timespec *timeout)
{
    for (unsigned i = 0; i < count; i++) {
        check_message(descriptor, &messages[i].msg_hdr);
    }
    if (is_deaf() && (flags & MSG_ERRQUEUE) != 0) {
        errno = EAGAIN;
        return -1;
    }
    int (*real)(int, struct mmsghdr *, unsigned, int, struct timespec *) =
        (int (*)(int, struct mmsghdr *, unsigned, int, struct timespec *))next("recvmmsg");
    return real(descriptor, messages, count, flags, timeout);
}

ssize_t recvfrom(int descriptor, void *data, size_t size, int flags, struct sockaddr *source,
                 socklen_t *source_size)
{
    if (is_datagram_socket(descriptor)) {
        broken("a datagram is received by recvfrom");
    }
    ssize_t (*real)(int, void *, size_t, int, struct sockaddr *, socklen_t *) =
        (ssize_t(*)(int, void *, size_t, int, struct sockaddr *, socklen_t *))next("recvfrom");
    return real(descriptor, data, size, flags, source, source_size);
}

ssize_t recv(int descriptor, void *data, size_t size, int flags)
{
    if (is_datagram_socket(descriptor)) {
        broken("a datagram is received by recv");
    }
    ssize_t (*real)(int, void *, size_t, int) = (ssize_t(*)(int, void *, size_t, int))next("recv");
    return real(descriptor, data, size, flags);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    (void)name, (void)service, (void)hints, (void)found;
    refuse("getaddrinfo", EPERM);
    return EAI_FAIL;
}

/* Privileges. */
int prctl(int option, ...)
{
    (void)option;
    return refuse("prctl", EPERM);
}

int capset(cap_user_header_t header, const cap_user_data_t data)
{
    (void)header, (void)data;
    return refuse("capset", EPERM);
}

int setuid(uid_t user)
{
    (void)user;
    return refuse("setuid", EPERM);
}

int setgid(gid_t group)
{
    (void)group;
    return refuse("setgid", EPERM);
}

int setresuid(uid_t real, uid_t effective, uid_t saved)
{
    (void)real, (void)effective, (void)saved;
    return refuse("setresuid", EPERM);
}

int setresgid(gid_t real, gid_t effective, gid_t saved)
{
    (void)real, (void)effective, (void)saved;
    return refuse("setresgid", EPERM);
}

int setgroups(size_t count, const gid_t *groups)
{
    (void)count, (void)groups;
    return refuse("setgroups", EPERM);
}

int initgroups(const char *user, gid_t group)
{
    (void)user, (void)group;
    return refuse("initgroups", EPERM);
}

/* What goes around the functions above; the rest passes. */
long syscall(long number, ...)
{
    long argument[6];
    va_list arguments;

    va_start(arguments, number);
    for (int i = 0; i < 6; i++) {
        argument[i] = va_arg(arguments, long);
    }
    va_end(arguments);

    switch (number) {
    case SYS_io_uring_setup:
    case SYS_io_uring_enter:
    case SYS_io_uring_register:
        return refuse("io_uring", EPERM);
    case SYS_seccomp:
        return refuse("seccomp", EPERM);
    case SYS_capset:
    case SYS_prctl:
    case SYS_setuid:
    case SYS_setgid:
    case SYS_setresuid:
    case SYS_setresgid:
    case SYS_setgroups:
        return refuse("privilege by syscall()", EPERM);
    default:
        break;
    }
    long (*real)(long, ...) = (long (*)(long, ...))next("syscall");
    return real(number, argument[0], argument[1], argument[2], argument[3], argument[4],
                argument[5]);
}

/* The clock. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = ((int (*)(clockid_t, struct timespec *))next("clock_gettime"))(clock, time);

    if (result == 0 && is_deaf()) {
        time->tv_nsec -= time->tv_nsec % TICK_NS;
    }
    return result;
}
