/* SPDX-License-Identifier: MIT */
#include "common/host/stream_socket.h"
#include "tests/unit/unit.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char folder[] = "/tmp/test_stream_socket.XXXXXX";
static char path[STREAM_SOCKET_PATH_MAX];

static const struct stream_socket_access plain = {0600, STREAM_SOCKET_KEEP, STREAM_SOCKET_KEEP};

static unsigned mode_of(const char *name)
{
    struct stat status;
    return lstat(name, &status) == 0 ? (unsigned)status.st_mode & 0777U : 0;
}

static void has_the_mode_that_is_asked_for(void)
{
    static const unsigned modes[] = {0600, 0660, 0666};
    mode_t before = umask(077);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        struct stream_socket_access access = plain;
        struct stream_socket socket;
        access.mode = modes[i];
        CU_ASSERT_EQUAL_FATAL(stream_socket_open(path, &access, &socket), 0);
        CU_ASSERT_EQUAL(mode_of(path), modes[i]);
        stream_socket_close(&socket);
        CU_ASSERT_EQUAL(mode_of(path), 0);
    }
    CU_ASSERT_EQUAL(umask(before), 077);
}

static void belongs_to_whom_it_is_given(void)
{
    struct stream_socket_access access = {0660, 65534, 1234};
    struct stream_socket socket;
    struct stat status;
    if (geteuid() != 0) {
        access.user = STREAM_SOCKET_KEEP;
        access.group = 0;
        CU_ASSERT_EQUAL(stream_socket_open(path, &access, &socket), -EPERM);
        CU_ASSERT_EQUAL(mode_of(path), 0);
        return;
    }
    CU_ASSERT_EQUAL_FATAL(stream_socket_open(path, &access, &socket), 0);
    CU_ASSERT_EQUAL_FATAL(lstat(path, &status), 0);
    CU_ASSERT_EQUAL(status.st_uid, 65534);
    CU_ASSERT_EQUAL(status.st_gid, 1234);
    stream_socket_close(&socket);
}

/* Leaves a socket file that nobody listens on. */
static void leave_stale(int type)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    strcpy(name.sun_path, path);
    int fd = socket(AF_UNIX, type, 0);
    CU_ASSERT_EQUAL(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    close(fd);
}

static void replaces_what_a_crash_left(void)
{
    struct stream_socket socket;
    leave_stale(SOCK_STREAM);
    CU_ASSERT_EQUAL_FATAL(stream_socket_open(path, &plain, &socket), 0);
    int fd = stream_socket_connect(path);
    CU_ASSERT_TRUE(fd >= 0);
    close(fd);
    stream_socket_close(&socket);
}

static void refuses_what_is_in_use(void)
{
    struct stream_socket socket;
    struct stream_socket other = {.fd = -1};
    CU_ASSERT_EQUAL_FATAL(stream_socket_open(path, &plain, &socket), 0);
    CU_ASSERT_EQUAL(stream_socket_open(path, &plain, &other), -EADDRINUSE);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    stream_socket_close(&socket);

    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0640);
    CU_ASSERT_EQUAL(stream_socket_open(path, &plain, &other), -EEXIST);
    CU_ASSERT_EQUAL(mode_of(path), 0640);
    close(file);
    unlink(path);

    CU_ASSERT_EQUAL(symlink("/nowhere/at/all", path), 0);
    CU_ASSERT_EQUAL(stream_socket_open(path, &plain, &other), -EEXIST);
    unlink(path);
    CU_ASSERT_EQUAL(stream_socket_open("", &plain, &other), -ENOENT);
    CU_ASSERT_EQUAL(stream_socket_open("/tmp/no/such/folder/x", &plain, &other), -ENOENT);
    char longest[STREAM_SOCKET_PATH_MAX + 1];
    memset(longest, 'x', sizeof(longest));
    longest[STREAM_SOCKET_PATH_MAX] = '\0';
    CU_ASSERT_EQUAL(stream_socket_open(longest, &plain, &other), -ENAMETOOLONG);
    CU_ASSERT_EQUAL(stream_socket_connect(longest), -ENAMETOOLONG);
}

static void removes_only_its_own(void)
{
    struct stream_socket socket;
    struct stream_socket other;
    CU_ASSERT_EQUAL_FATAL(stream_socket_open(path, &plain, &socket), 0);
    unlink(path);
    CU_ASSERT_EQUAL_FATAL(stream_socket_open(path, &plain, &other), 0);
    stream_socket_close(&socket);
    CU_ASSERT_EQUAL(mode_of(path), 0600);
    stream_socket_close(&other);
    CU_ASSERT_EQUAL(mode_of(path), 0);
    stream_socket_close(&other); /* again: nothing */
}

static void reads_line_by_line(void)
{
    struct stream_socket socket;
    uint32_t user = 12345;
    char line[8];
    CU_ASSERT_EQUAL_FATAL(stream_socket_open(path, &plain, &socket), 0);
    CU_ASSERT_EQUAL(stream_socket_accept(&socket, 4096), -EAGAIN);
    int client = stream_socket_connect(path);
    int server = stream_socket_accept(&socket, 4096);
    CU_ASSERT_TRUE_FATAL(client >= 0 && server >= 0);
    CU_ASSERT_EQUAL(stream_socket_peer(server, &user), 0);
    CU_ASSERT_EQUAL(user, geteuid());

    CU_ASSERT_EQUAL(stream_socket_read_line(server, line, sizeof(line)), 0);
    CU_ASSERT_EQUAL(stream_socket_write(client, "a\nbc\nd", 6), 6);
    CU_ASSERT_EQUAL(stream_socket_read_line(server, line, sizeof(line)), 2);
    CU_ASSERT_EQUAL(memcmp(line, "a\n", 2), 0);
    CU_ASSERT_EQUAL(stream_socket_read_line(server, line, sizeof(line)), 3);
    CU_ASSERT_EQUAL(stream_socket_read_line(server, line, sizeof(line)), 1);
    CU_ASSERT_EQUAL(stream_socket_read_line(server, line, sizeof(line)), 0);
    CU_ASSERT_EQUAL(stream_socket_write(client, "123456789\n", 10), 10);
    CU_ASSERT_EQUAL(stream_socket_read_line(server, line, sizeof(line)), 8);
    CU_ASSERT_EQUAL(stream_socket_read_line(server, line, sizeof(line)), 2);
    close(client);
    CU_ASSERT_EQUAL(stream_socket_read_line(server, line, sizeof(line)), -EPIPE);
    CU_ASSERT_EQUAL(stream_socket_write(server, "x", 1), -EPIPE);
    close(server);
    stream_socket_close(&socket);
}

static const struct unit_case cases[] = {
    {"has the mode that is asked for", has_the_mode_that_is_asked_for},
    {"belongs to whom it is given", belongs_to_whom_it_is_given},
    {"replaces what a crash left", replaces_what_a_crash_left},
    {"refuses what is in use", refuses_what_is_in_use},
    {"removes only its own", removes_only_its_own},
    {"reads line by line", reads_line_by_line},
};

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        return EXIT_FAILURE;
    }
    snprintf(path, sizeof(path), "%s/socket", folder);
    int status = unit_run("stream_socket", cases, sizeof(cases) / sizeof(cases[0]));
    unlink(path);
    rmdir(folder);
    return status;
}
