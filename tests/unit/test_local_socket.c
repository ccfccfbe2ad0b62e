/* SPDX-License-Identifier: MIT */
#include "common/host/local_socket.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static char path[LOCAL_SOCKET_PATH_MAX];

static void folder_make(void)
{
    snprintf(folder, sizeof(folder), "/tmp/chime-test-local-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/socket", folder);
}

static void folder_remove(void)
{
    (void)unlink(path);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

/* Somebody else's socket at the path. */
static int occupy(int type)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    return fd;
}

static mode_t mode_of_path(void)
{
    struct stat status = {0};
    CU_ASSERT_EQUAL(lstat(path, &status), 0);
    CU_ASSERT_TRUE(S_ISSOCK(status.st_mode));
    return status.st_mode & 07777;
}

static void has_its_mode_whatever_the_umask(void)
{
    static const mode_t umasks[] = {0, 022, 077, 0777};
    folder_make();
    for (size_t i = 0; i < sizeof(umasks) / sizeof(umasks[0]); i++) {
        struct local_socket local;
        mode_t before = umask(umasks[i]);
        CU_ASSERT_EQUAL_FATAL(local_socket_open(path, 0660, &local), 0);
        CU_ASSERT_EQUAL(mode_of_path(), 0660);
        CU_ASSERT_EQUAL(umask(before), umasks[i]);
        local_socket_close(&local);
        CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    }
    folder_remove();
}

static void replaces_what_a_crash_left(void)
{
    struct local_socket local;
    folder_make();
    close(occupy(SOCK_DGRAM));
    CU_ASSERT_EQUAL_FATAL(local_socket_open(path, 0600, &local), 0);
    local_socket_close(&local);
    folder_remove();
}

/* Whatever its type and whomever it talks to. */
static void leaves_a_living_socket_alone(void)
{
    static const int types[] = {SOCK_DGRAM, SOCK_STREAM, SOCK_SEQPACKET};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct local_socket local;
        folder_make();
        int fd = occupy(types[i]);
        CU_ASSERT_EQUAL(local_socket_open(path, 0600, &local), -EADDRINUSE);
        (void)mode_of_path();
        close(fd);
        folder_remove();
    }
}

static void leaves_other_files_alone(void)
{
    struct local_socket local;
    folder_make();
    CU_ASSERT_EQUAL(symlink("/nowhere", path), 0);
    CU_ASSERT_EQUAL(local_socket_open(path, 0600, &local), -EEXIST);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_EQUAL(local_socket_open(path, 0600, &local), -EEXIST);
    CU_ASSERT_EQUAL(rmdir(path), 0);
    folder_remove();
}

static void answers_whoever_asked(void)
{
    char client_path[LOCAL_SOCKET_PATH_MAX];
    struct local_socket server, client;
    uint8_t buffer[8];
    folder_make();
    snprintf(client_path, sizeof(client_path), "%s/client", folder);
    CU_ASSERT_EQUAL_FATAL(local_socket_open(path, 0600, &server), 0);
    CU_ASSERT_EQUAL_FATAL(local_socket_open(client_path, 0600, &client), 0);
    CU_ASSERT_EQUAL(local_socket_receive(&server, buffer, sizeof(buffer)), 0);

    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path) + 1);
    CU_ASSERT_EQUAL(sendto(client.fd, "ask", 3, 0, (struct sockaddr *)&name, sizeof(name)), 3);
    CU_ASSERT_EQUAL(local_socket_receive(&server, buffer, sizeof(buffer)), 3);
    local_socket_answer(&server, bytes_make("told", 4));
    CU_ASSERT_EQUAL(local_socket_receive(&client, buffer, sizeof(buffer)), 4);

    /* A sender without a path is heard and gets nothing. */
    int nameless = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CU_ASSERT_EQUAL(sendto(nameless, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)), 1);
    CU_ASSERT_EQUAL(local_socket_receive(&server, buffer, sizeof(buffer)), 1);
    local_socket_answer(&server, bytes_make("told", 4));
    close(nameless);
    local_socket_close(&client);
    local_socket_close(&server);
    folder_remove();
}

static void send_from(uid_t user)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path) + 1);
    pid_t child = fork();
    if (child == 0) {
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool is_sent = (user == geteuid() || setuid(user) == 0) &&
                       sendto(fd, "x", 1, 0, (struct sockaddr *)&name, sizeof(name)) == 1;
        _exit(is_sent ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
}

static void knows_who_asked(void)
{
    struct local_socket local;
    uint8_t buffer[8];
    folder_make();
    CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
    CU_ASSERT_EQUAL_FATAL(local_socket_open(path, 0666, &local), 0);
    CU_ASSERT_FALSE(local.has_peer_user);
    send_from(geteuid());
    CU_ASSERT_EQUAL(local_socket_receive(&local, buffer, sizeof(buffer)), 1);
    CU_ASSERT_TRUE(local.has_peer_user);
    CU_ASSERT_EQUAL(local.peer_user, geteuid());
    if (geteuid() == 0) {
        send_from(65534);
        CU_ASSERT_EQUAL(local_socket_receive(&local, buffer, sizeof(buffer)), 1);
        CU_ASSERT_TRUE(local.has_peer_user);
        CU_ASSERT_EQUAL(local.peer_user, 65534);
    }
    local_socket_close(&local);
    folder_remove();
}

static const struct unit_case cases[] = {
    {"has its mode whatever the umask", has_its_mode_whatever_the_umask},
    {"replaces what a crash left", replaces_what_a_crash_left},
    {"leaves a living socket alone", leaves_a_living_socket_alone},
    {"leaves other files alone", leaves_other_files_alone},
    {"answers whoever asked", answers_whoever_asked},
    {"knows who asked", knows_who_asked},
};
UNIT_MAIN("local_socket", cases)
