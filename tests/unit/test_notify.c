/* SPDX-License-Identifier: MIT */
#include "common/host/notify.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A service manager's socket; name begins with '@' for an abstract one. Never blocks. */
static int manager_open(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    memcpy(address.sun_path, name, length);
    if (name[0] == '@') {
        address.sun_path[0] = 0;
    } else {
        length++;
    }
    int file = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(file, (const struct sockaddr *)&address,
                               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                          0);
    return file;
}

static void expect_state(int manager, const char *state)
{
    char text[256];
    ssize_t size = recv(manager, text, sizeof(text) - 1, 0);
    CU_ASSERT_EQUAL_FATAL(size, (ssize_t)strlen(state));
    text[size] = 0;
    CU_ASSERT_STRING_EQUAL(text, state);
}

static void tells_a_manager_at_a_path(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/tmp/chime-test-notify-%ld", (long)getpid());
    int manager = manager_open(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("READY=1\nSTATUS=serving");
    expect_state(manager, "READY=1\nSTATUS=serving");
    close(manager);
    /* Nobody listens, then nothing is there. */
    notify_send("READY=1");
    unlink(name);
    notify_send("READY=1");
}

static void tells_a_manager_at_an_abstract_name(void)
{
    char name[64];
    snprintf(name, sizeof(name), "@chime-test-notify-%ld", (long)getpid());
    int manager = manager_open(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("READY=1");
    expect_state(manager, "READY=1");
    close(manager);
}

/* The longest name of a Unix socket has 107 octets and a zero. */
static void takes_the_longest_name_and_no_longer(void)
{
    char name[110];
    snprintf(name, sizeof(name), "@%-106ld", (long)getpid());
    CU_ASSERT_EQUAL_FATAL(strlen(name), 107);
    int manager = manager_open(name);
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("A");
    expect_state(manager, "A");
    name[107] = 'x';
    name[108] = 0;
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("B");
    char octet;
    CU_ASSERT_EQUAL(recv(manager, &octet, 1, 0), -1);
    CU_ASSERT_EQUAL(errno, EAGAIN);
    close(manager);
}

static void ignores_other_names_and_leaks_nothing(void)
{
    static const char *const names[] = {
        "", "@", "/", "relative", "vsock:2:1234", "/no/such/socket"};
    int before = dup(STDIN_FILENO);
    close(before);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_send("READY=1");
    }
    unsetenv("NOTIFY_SOCKET");
    char name[5000];
    memset(name, 'x', sizeof(name) - 1);
    name[0] = '/';
    name[sizeof(name) - 1] = 0;
    setenv("NOTIFY_SOCKET", name, 1);
    notify_send("READY=1");
    unsetenv("NOTIFY_SOCKET");
    notify_send("READY=1");
    int after = dup(STDIN_FILENO);
    close(after);
    CU_ASSERT_EQUAL(after, before);
}

static const struct unit_case cases[] = {
    {"tells a manager at a path", tells_a_manager_at_a_path},
    {"tells a manager at an abstract name", tells_a_manager_at_an_abstract_name},
    {"takes the longest name and no longer", takes_the_longest_name_and_no_longer},
    {"ignores other names and leaks nothing", ignores_other_names_and_leaks_nothing},
};
UNIT_MAIN("notify", cases)
