/* SPDX-License-Identifier: MIT */
#include "common/host/clock.h"
#include "common/host/entropy.h"
#include "common/host/stream_socket.h"
#include "server/operator.h"
#include "tests/unit/unit.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE_S 20
#define ROOM ((size_t)1 << 20)
#define NOBODY 65534

/* A desk with its node, and what its callbacks were told. */
struct bench {
    uv_loop_t loop;
    struct random random;
    struct clock *clock;
    struct node *node;
    struct operator* operator;
    struct config_addresses listening;
    struct command command;
    unsigned commands, reloads;
};

static char folder[] = "/tmp/test_operator.XXXXXX";
static char path[STREAM_SOCKET_PATH_MAX];
static char text[ROOM];

static void on_command(void *context, const struct command *command, struct action_reply *reply)
{
    struct bench *bench = context;
    bench->commands++;
    bench->command = *command;
    reply->is_done = command->kind != COMMAND_STEP;
    snprintf(reply->text, sizeof(reply->text), "command %d", (int)command->kind);
}

static void on_reload(void *context, struct action_reply *reply)
{
    struct bench *bench = context;
    bench->reloads++;
    reply->is_done = true;
    snprintf(reply->text, sizeof(reply->text), "read anew");
}

static struct operator* create(struct bench *bench, char error[OPERATOR_ERROR_MAX])
{
    struct operator_options options = {.path = path, .user = "", .group = NULL, .mode = 0666};
    struct operator_view view = {.clock = bench->clock,
                                 .node = bench->node,
                                 .listening = &bench->listening,
                                 .control = "shadow"};
    struct operator_calls calls = {.context = bench, .command = on_command, .reload = on_reload};
    return operator_create(&bench->loop, &options, &view, &calls, error);
}

static void bench_begin_with(struct bench *bench, size_t sources)
{
    static struct source_options list[STATUS_SOURCES_MAX];
    static const struct clock_fault none = {0};
    char error[SYNC_ERROR_MAX + OPERATOR_ERROR_MAX];
    *bench = (struct bench){.commands = 0};
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&bench->loop), 0);
    entropy_init(&bench->random);
    bench->clock = clock_create(&none, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->clock);
    struct sync_options options = sync_options_default();
    options.local_stratum = 9;
    for (size_t i = 0; i < sources; i++) {
        list[i] = source_options_default();
        snprintf(list[i].name, sizeof(list[i].name), "s%zu", i);
        snprintf(list[i].host, sizeof(list[i].host), "s%zu.example", i);
    }
    options.sources = list;
    options.source_count = sources;
    bench->node = node_create(&(struct node_options){.sync = &options}, &bench->random,
                              clock_read(bench->clock), error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->node);
    bench->operator= create(bench, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bench->operator);
}

static void bench_begin(struct bench *bench)
{
    bench_begin_with(bench, 0);
}

static void bench_end(struct bench *bench)
{
    operator_destroy(bench->operator);
    CU_ASSERT_EQUAL(access(path, F_OK), -1);
    CU_ASSERT_EQUAL(uv_run(&bench->loop, UV_RUN_DEFAULT), 0);
    CU_ASSERT_EQUAL(uv_loop_close(&bench->loop), 0);
    node_destroy(bench->node);
    clock_destroy(bench->clock);
}

static bool in_time(void)
{
    static time_t began;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    began = began == 0 ? now.tv_sec : began;
    return now.tv_sec - began < DEADLINE_S * 4;
}

static int connect_to(struct bench *bench)
{
    int fd = stream_socket_connect(path);
    while (fd == -EAGAIN && in_time()) { /* the queue is full: let it be served */
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        fd = stream_socket_connect(path);
    }
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    uv_run(&bench->loop, UV_RUN_NOWAIT);
    return fd;
}

static void say(int fd, const char *words)
{
    CU_ASSERT_EQUAL(stream_socket_write(fd, words, strlen(words)), (int)strlen(words));
}

/* Runs the loop until a line has come: into text, without its end. False at the end of the
 * connection. */
static bool hear(struct bench *bench, int fd)
{
    size_t used = 0;
    while (in_time()) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
        int received = stream_socket_read_line(fd, text + used, ROOM - used - 1);
        if (received < 0) {
            return false;
        }
        used += (size_t)received;
        text[used] = '\0';
        if (used > 0 && text[used - 1] == '\n') {
            text[used - 1] = '\0';
            return true;
        }
    }
    return false;
}

/* Nothing comes, however often the loop runs; the connection stays. */
static bool is_quiet(struct bench *bench, int fd)
{
    for (int i = 0; i < 20; i++) {
        uv_run(&bench->loop, UV_RUN_NOWAIT);
    }
    return stream_socket_read_line(fd, text, ROOM - 1) == 0;
}

static void expect(struct bench *bench, int fd, const char *words)
{
    CU_ASSERT_TRUE_FATAL(hear(bench, fd));
    if (strstr(text, words) == NULL) {
        fprintf(stderr, "'%s' is not in %.400s\n", words, text);
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(text, words));
}

static void answers_on_the_same_connection(void)
{
    struct bench bench;
    bench_begin(&bench);
    int fd = connect_to(&bench);
    say(fd, "status\nversion\nsources\n");
    expect(&bench, fd, "\"answer\":\"status\"");
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"condition\":\"local\""));
    expect(&bench, fd, "\"may_change\":true");
    expect(&bench, fd, "\"sources\":[]");
    say(fd, "nonsense\n");
    expect(&bench, fd, "{\"version\":1,\"error\":\"'nonsense' is no request");
    say(fd, "tracking\n");
    expect(&bench, fd, "\"answer\":\"tracking\"");
    close(fd);
    bench_end(&bench);
}

static void takes_lines_in_pieces(void)
{
    struct bench bench;
    bench_begin(&bench);
    int fd = connect_to(&bench);
    for (const char *at = "version\r\n"; *at != '\0'; at++) {
        CU_ASSERT_TRUE(is_quiet(&bench, fd));
        CU_ASSERT_EQUAL(stream_socket_write(fd, at, 1), 1);
    }
    expect(&bench, fd, "\"answer\":\"version\"");
    close(fd);
    bench_end(&bench);
}

static void refuses_long_lines(void)
{
    struct bench bench;
    char lines[4096];
    bench_begin(&bench);
    int fd = connect_to(&bench);
    memset(lines, 'x', sizeof(lines));
    for (int i = 0; i < 40; i++) {
        int sent = 0;
        while (sent == 0 && in_time()) {
            sent = stream_socket_write(fd, lines, sizeof(lines));
            uv_run(&bench.loop, UV_RUN_NOWAIT);
        }
        CU_ASSERT_TRUE(sent > 0);
    }
    expect(&bench, fd, "the line is too long");
    /* One complaint for all of it, and what follows is read again. */
    CU_ASSERT_TRUE(is_quiet(&bench, fd));
    say(fd, "x\nversion\n");
    expect(&bench, fd, "\"answer\":\"version\"");
    /* The longest that is accepted, and one octet more. */
    memset(lines, ' ', 300);
    memcpy(lines, "version", 7);
    strcpy(lines + 256, "\n");
    say(fd, lines);
    expect(&bench, fd, "\"answer\":\"version\"");
    lines[256] = ' ';
    strcpy(lines + 257, "\n");
    say(fd, lines);
    expect(&bench, fd, "\"error\":\"the request has 257 octets");
    close(fd);
    bench_end(&bench);
}

static void survives_any_octets(void)
{
    struct bench bench;
    bench_begin(&bench);
    int fd = connect_to(&bench);
    char line[3] = {0, '\n', 0};
    for (int octet = 0; octet < 256; octet++) {
        line[0] = (char)octet;
        if (octet != '\n') {
            CU_ASSERT_EQUAL(stream_socket_write(fd, line, 2), 2);
            expect(&bench, fd, "{\"version\":1,\"error\":");
        }
    }
    close(fd);
    bench_end(&bench);
}

static void hands_commands_on(void)
{
    struct bench bench;
    bench_begin(&bench);
    int fd = connect_to(&bench);
    say(fd, "offline ntp 1\n");
    expect(&bench, fd,
           "{\"version\":1,\"answer\":\"offline\",\"done\":true,\"text\":\"command 4\"}");
    CU_ASSERT_EQUAL(bench.command.kind, COMMAND_OFFLINE);
    CU_ASSERT_STRING_EQUAL(bench.command.source, "ntp 1");
    say(fd, "step\n");
    expect(&bench, fd, "\"done\":false");
    say(fd, "reload\n");
    expect(&bench, fd, "\"text\":\"read anew\"");
    CU_ASSERT_EQUAL(bench.commands, 2);
    CU_ASSERT_EQUAL(bench.reloads, 1);
    close(fd);
    bench_end(&bench);
}

/* Another user, who may ask but not change: in a process of its own, as nobody. */
static void lets_only_some_change(void)
{
    struct bench bench;
    if (geteuid() != 0) {
        printf("SKIP: to ask as another user needs root\n");
        return;
    }
    bench_begin(&bench);
    CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
    int pipes[2];
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        char answer[4096];
        size_t used = 0;
        int status = setresgid(NOBODY, NOBODY, NOBODY) | setresuid(NOBODY, NOBODY, NOBODY);
        int fd = status == 0 ? stream_socket_connect(path) : -1;
        static const char lines[] = "version\naccept\nburst x\nreload\n";
        status = fd < 0 || write(fd, lines, sizeof(lines) - 1) < 0 ? 1 : 0;
        int count = 0;
        while (status == 0 && count < 4 && used < sizeof(answer)) {
            struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
            (void)poll(&poll_fd, 1, 1000);
            int received = stream_socket_read_line(fd, answer + used, sizeof(answer) - used);
            status = received < 0 ? 1 : 0;
            used += received > 0 ? (size_t)received : 0;
            count += received > 0 && answer[used - 1] == '\n' ? 1 : 0;
        }
        (void)!write(pipes[1], answer, used);
        _exit(status);
    }
    close(pipes[1]);
    int status = -1;
    while (waitpid(child, &status, WNOHANG) == 0 && in_time()) {
        uv_run(&bench.loop, UV_RUN_NOWAIT);
    }
    CU_ASSERT_EQUAL(status, 0);
    ssize_t size = read(pipes[0], text, ROOM - 1);
    text[size > 0 ? size : 0] = '\0';
    close(pipes[0]);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"may_change\":false"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "accept changes something: that is for root"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "not for uid 65534"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "sudo chime burst"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "sudo chime reload"));
    CU_ASSERT_EQUAL(bench.commands, 0);
    CU_ASSERT_EQUAL(bench.reloads, 0);
    bench_end(&bench);
}

static void watches(void)
{
    struct bench bench;
    bench_begin(&bench);
    int fd = connect_to(&bench);
    say(fd, "watch 0.1\n");
    for (int i = 0; i < 3; i++) {
        expect(&bench, fd, "\"answer\":\"status\"");
        expect(&bench, fd, "\"answer\":\"sources\"");
    }
    say(fd, "watch 0\n");
    do {
        CU_ASSERT_TRUE_FATAL(hear(&bench, fd));
    } while (strstr(text, "\"error\"") == NULL);
    expect(&bench, fd, "\"answer\":\"status\"");
    close(fd);
    bench_end(&bench);
}

static void makes_room_for_new_ones(void)
{
    struct bench bench;
    int fds[OPERATOR_CONNECTIONS_MAX + 4];
    bench_begin(&bench);
    for (size_t i = 0; i < OPERATOR_CONNECTIONS_MAX; i++) {
        fds[i] = connect_to(&bench);
        say(fds[i], "version\n");
        CU_ASSERT_TRUE_FATAL(hear(&bench, fds[i]));
    }
    /* Speaks again, so that it is not the one longest silent. The loop's clock has milliseconds. */
    struct timespec a_while = {.tv_nsec = 5000000};
    nanosleep(&a_while, NULL);
    uv_update_time(&bench.loop);
    say(fds[0], "version\n");
    CU_ASSERT_TRUE(hear(&bench, fds[0]));
    for (size_t i = OPERATOR_CONNECTIONS_MAX; i < OPERATOR_CONNECTIONS_MAX + 4; i++) {
        fds[i] = connect_to(&bench);
        say(fds[i], "version\n");
        expect(&bench, fds[i], "\"answer\":\"version\"");
    }
    size_t open = 0;
    for (size_t i = 0; i < OPERATOR_CONNECTIONS_MAX + 4; i++) {
        char octet;
        open += recv(fds[i], &octet, 1, MSG_DONTWAIT) < 0 ? 1 : 0;
        if (i == 0) {
            CU_ASSERT_EQUAL(open, 1);
        }
        close(fds[i]);
    }
    CU_ASSERT_EQUAL(open, OPERATOR_CONNECTIONS_MAX);
    bench_end(&bench);
}

static size_t count_of(const char *words)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, words)) != NULL; at++) {
        count++;
    }
    return count;
}

/* Asks until the desk reads no more, since an answer of its waits. Returns how often it asked. */
static size_t ask_without_reading(struct bench *bench, int fd)
{
    size_t asked = 0;
    int idle = 0;
    while (idle < 50 && in_time()) {
        int sent = stream_socket_write(fd, "sources\n", 8);
        if (sent < 0) {
            return asked; /* given up */
        }
        CU_ASSERT_TRUE(sent == 8 || sent == 0);
        asked += sent > 0 ? 1 : 0;
        idle = sent > 0 ? 0 : idle + 1;
        uv_run(&bench->loop, UV_RUN_NOWAIT);
    }
    return asked;
}

/* Whoever asks and does not read stops being read, and holds up nobody. */
static void does_not_wait_for_slow_readers(void)
{
    struct bench bench;
    int slow[8];
    size_t asked = 0;
    bench_begin_with(&bench, STATUS_SOURCES_MAX);
    for (size_t i = 0; i < 8; i++) {
        slow[i] = connect_to(&bench);
        asked = ask_without_reading(&bench, slow[i]);
    }
    int fd = connect_to(&bench);
    say(fd, "version\n");
    expect(&bench, fd, "\"answer\":\"version\"");
    close(fd);
    /* The last one is still served once it reads: whole answers to all that it asked. */
    CU_ASSERT_TRUE(asked > 20);
    size_t whole = 0;
    for (size_t i = 0; i < asked && hear(&bench, slow[7]); i++) {
        bool is_whole = strncmp(text, "{\"version\":1,\"answer\":\"sources\"", 31) == 0 &&
                        count_of("\"name\":\"") == STATUS_SOURCES_MAX &&
                        strcmp(text + strlen(text) - 3, "}]}") == 0;
        whole += is_whole ? 1 : 0;
    }
    CU_ASSERT_EQUAL(whole, asked);
    /* Only so many may keep an answer waiting: the first ones were closed. */
    size_t closed = 0;
    for (size_t i = 0; i < 8; i++) {
        closed += stream_socket_write(slow[i], "x", 1) == -EPIPE ? 1 : 0;
        close(slow[i]);
    }
    CU_ASSERT_EQUAL(closed, 4);
    bench_end(&bench);
}

static void refuses_a_path_in_use(void)
{
    struct bench bench;
    char error[OPERATOR_ERROR_MAX] = "";
    bench_begin(&bench);
    CU_ASSERT_PTR_NULL(create(&bench, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "another chimed answers there"));
    bench_end(&bench);
}

static void finds_its_path(void)
{
    char found[CONFIG_PATH_MAX];
    CU_ASSERT_FALSE(operator_path("", found));
    CU_ASSERT_FALSE(operator_path("off", found));
    CU_ASSERT_TRUE(operator_path("/a/b", found));
    CU_ASSERT_STRING_EQUAL(found, "/a/b");
    setenv("XDG_RUNTIME_DIR", "/run/user/1", 1);
    CU_ASSERT_TRUE(operator_path("auto", found));
    CU_ASSERT_STRING_EQUAL(found,
                           geteuid() == 0 ? "/run/chimed/chimed.sock" : "/run/user/1/chimed.sock");
}

static const struct unit_case cases[] = {
    {"answers on the same connection", answers_on_the_same_connection},
    {"takes lines in pieces", takes_lines_in_pieces},
    {"refuses long lines", refuses_long_lines},
    {"survives any octets", survives_any_octets},
    {"hands commands on", hands_commands_on},
    {"lets only some change", lets_only_some_change},
    {"watches", watches},
    {"makes room for new ones", makes_room_for_new_ones},
    {"does not wait for slow readers", does_not_wait_for_slow_readers},
    {"refuses a path in use", refuses_a_path_in_use},
    {"finds its path", finds_its_path},
};

int main(void)
{
    if (mkdtemp(folder) == NULL) {
        return EXIT_FAILURE;
    }
    snprintf(path, sizeof(path), "%s/socket", folder);
    int status = unit_run("operator", cases, sizeof(cases) / sizeof(cases[0]));
    unlink(path);
    rmdir(folder);
    return status;
}
