/* SPDX-License-Identifier: MIT */
#include "common/host/kernel_guard.h"
#include "common/host/kernel_clock.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARGIN_MS 2000 /* a busy machine is late, and no reason to interfere */
#define TRIES 10
#define TRY_PAUSE_MS 100

struct message {
    double rate_ppm;
    int64_t slew_ns; /* 0: none */
};

static void restore(double rate_ppm)
{
    for (int i = 0; i < TRIES && kernel_clock_restore(rate_ppm) != 0; i++) {
        (void)poll(NULL, 0, TRY_PAUSE_MS);
    }
}

static int wait_for(int64_t slew_ns)
{
    int64_t wait_ms = slew_ns / NS_PER_MS + MARGIN_MS;
    return slew_ns == 0 ? -1 : wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

/* The new process is a copy of a program that may have threads: nothing here takes a lock or
 * memory. */
static void stand_guard(int link, double rate_ppm)
{
    int wait_ms = -1;
    for (;;) {
        struct pollfd item = {.fd = link, .events = POLLIN};
        int ready = poll(&item, 1, wait_ms);
        if (ready < 0) {
            continue; /* interrupted */
        }
        if (ready == 0) {
            restore(rate_ppm);
            wait_ms = -1;
            continue;
        }
        struct message message;
        ssize_t size = recv(link, &message, sizeof(message), MSG_DONTWAIT);
        if (size == (ssize_t)sizeof(message)) {
            rate_ppm = message.rate_ppm;
            wait_ms = wait_for(message.slew_ns);
        } else if (size == 0 || errno != EAGAIN) {
            restore(rate_ppm); /* nobody is at the other end */
            return;
        }
    }
}

/* Lays down all that is not needed: the sockets above all, which must end with the daemon. */
static void keep_only(int *link)
{
    /* The terminal's, and the service manager's, are meant for the daemon: the guard outlives it.
     */
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
    (void)prctl(PR_SET_NAME, "chimed-guard");
    int kept = fcntl(*link, F_DUPFD, 3);
    if (kept >= 0 && dup2(kept, 3) == 3) {
        *link = 3;
        int null = open("/dev/null", O_RDWR);
        for (int stream = 0; stream < 3 && null >= 0; stream++) {
            (void)dup2(null, stream);
        }
        (void)syscall(SYS_close_range, 4u, ~0u, 0u);
    }
}

int kernel_guard_start(struct kernel_guard *guard, double rate_ppm)
{
    int links[2];
    *guard = (struct kernel_guard){.pid = 0, .link = -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, links) != 0) {
        return -errno;
    }
    pid_t pid = fork();
    if (pid < 0) {
        int status = -errno;
        close(links[0]);
        close(links[1]);
        return status;
    }
    if (pid == 0) {
        close(links[0]);
        keep_only(&links[1]);
        stand_guard(links[1], rate_ppm);
        _exit(EXIT_SUCCESS);
    }
    close(links[1]);
    *guard = (struct kernel_guard){.pid = pid, .link = links[0]};
    return 0;
}

static bool tell(const struct kernel_guard *guard, const struct message *message)
{
    ssize_t size = send(guard->link, message, sizeof(*message), MSG_NOSIGNAL | MSG_DONTWAIT);
    /* A guard that does not read (a debugger holds it) is none, but not gone. */
    return size >= 0 || errno == EAGAIN || errno == EINTR;
}

void kernel_guard_end(struct kernel_guard *guard)
{
    if (guard->pid == 0) {
        return;
    }
    /* It must not see the link's end while it lives: that means something else. */
    (void)kill(guard->pid, SIGKILL);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    close(guard->link);
    *guard = (struct kernel_guard){.pid = 0, .link = -1};
}

void kernel_guard_tell(struct kernel_guard *guard, double rate_ppm, int64_t slew_ns)
{
    struct message message = {.rate_ppm = rate_ppm, .slew_ns = slew_ns};
    if (guard->pid == 0 || tell(guard, &message)) {
        return;
    }
    kernel_guard_end(guard);
    if (kernel_guard_start(guard, rate_ppm) == 0) {
        (void)tell(guard, &message);
    }
}
