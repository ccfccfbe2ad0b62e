/* SPDX-License-Identifier: MIT */
/* launch.c - how long a server needs from exec to its first answer, or what a command costs from
 * start to end. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 1000
#define POLL_NS 200000            /* between two requests */
#define ANSWER_NS_MAX 10000000000 /* a server that has not answered by then won't */
#define END_NS_MAX 3000000000     /* a server that has not ended by then is killed */

struct launch {
    struct sockaddr_in server; /* port 0: the command's cost is asked for */
    unsigned runs;
    int cpu; /* -1: any */
    char **command;
    volatile int64_t *exec_ns; /* shared with the child, which writes it last */
};

struct run {
    double wall_ms;
    double cpu_ms;
};

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void child_main(const struct launch *launch)
{
    int null = open("/dev/null", O_RDWR);
    cpu_set_t cpus;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    if (launch->cpu >= 0) {
        CPU_ZERO(&cpus);
        CPU_SET((size_t)launch->cpu, &cpus);
        (void)sched_setaffinity(0, sizeof(cpus), &cpus);
    }
    *launch->exec_ns = now_ns();
    execv(launch->command[0], launch->command);
    _exit(127);
}

static bool first_answer(int fd, uint64_t cookie, int64_t end_ns)
{
    uint8_t request[48] = {0x23};
    uint8_t answer[128];
    struct timespec pause = {.tv_nsec = POLL_NS};
    struct pollfd waited = {.fd = fd, .events = POLLIN};

    memcpy(request + 40, &cookie, sizeof(cookie));
    while (now_ns() < end_ns) {
        /* Refused until the server is there: both calls say so. */
        (void)send(fd, request, sizeof(request), 0);
        if (ppoll(&waited, 1, &pause, NULL) == 1 &&
            recv(fd, answer, sizeof(answer), MSG_DONTWAIT) == sizeof(request) &&
            (answer[0] & 7) == 4 && memcmp(answer + 24, &cookie, sizeof(cookie)) == 0) {
            return true;
        }
    }
    return false;
}

static void end_child(pid_t child, struct rusage *usage)
{
    int64_t end_ns = now_ns() + END_NS_MAX;
    struct timespec pause = {.tv_nsec = 1000000};
    int status;

    kill(child, SIGTERM);
    while (wait4(child, &status, WNOHANG, usage) == 0) {
        if (now_ns() > end_ns) {
            kill(child, SIGKILL);
            end_ns = INT64_MAX;
        }
        nanosleep(&pause, NULL);
    }
}

static double usage_ms(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e3 +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e3;
}

static bool measure_answer(const struct launch *launch, struct run *run)
{
    struct rusage usage = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)&launch->server, sizeof(launch->server)) < 0) {
        perror("launch: socket");
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        child_main(launch);
    }
    bool has_answered = child > 0 && first_answer(fd, (uint64_t)now_ns(), now_ns() + ANSWER_NS_MAX);
    run->wall_ms = (double)(now_ns() - *launch->exec_ns) / 1e6;
    if (child > 0) {
        end_child(child, &usage);
    }
    run->cpu_ms = usage_ms(&usage);
    close(fd);
    if (!has_answered) {
        fprintf(stderr, "launch: %s never answered\n", launch->command[0]);
    }
    return has_answered;
}

static bool measure_cost(const struct launch *launch, struct run *run)
{
    struct rusage usage;
    int status;
    pid_t child = fork();

    if (child == 0) {
        child_main(launch);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        perror("launch: fork");
        return false;
    }
    run->wall_ms = (double)(now_ns() - *launch->exec_ns) / 1e6;
    run->cpu_ms = usage_ms(&usage);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "launch: %s failed (status 0x%x)\n", launch->command[0], (unsigned)status);
        return false;
    }
    return true;
}

static void print_runs(const struct run *runs, unsigned count)
{
    printf("{\"wall_ms\": [");
    for (unsigned i = 0; i < count; i++) {
        printf("%s%.3f", i > 0 ? ", " : "", runs[i].wall_ms);
    }
    printf("], \"cpu_ms\": [");
    for (unsigned i = 0; i < count; i++) {
        printf("%s%.3f", i > 0 ? ", " : "", runs[i].cpu_ms);
    }
    printf("]}\n");
}

static bool parse(int argc, char **argv, struct launch *launch)
{
    int option;

    while ((option = getopt(argc, argv, "+n:c:a:p:")) != -1) {
        if (option == 'n') {
            launch->runs = (unsigned)strtoul(optarg, NULL, 10);
        } else if (option == 'c') {
            launch->cpu = atoi(optarg);
        } else if (option == 'p') {
            launch->server.sin_port = htons((uint16_t)strtoul(optarg, NULL, 10));
        } else if (option != 'a' || inet_pton(AF_INET, optarg, &launch->server.sin_addr) != 1) {
            return false;
        }
    }
    launch->command = argv + optind;
    return optind < argc && launch->runs > 0 && launch->runs <= RUNS_MAX;
}

int main(int argc, char **argv)
{
    static struct run runs[RUNS_MAX];
    struct launch launch = {.runs = 1, .cpu = -1, .server = {.sin_family = AF_INET}};

    if (!parse(argc, argv, &launch)) {
        fputs("usage: launch [-n RUNS] [-c CPU] [-a IPV4 -p PORT] PROGRAM [ARGUMENT…]\n"
              "With a port: from exec until the server there answers, then SIGTERM.\n"
              "Without: from exec to the end, which must be a success.\n",
              stderr);
        return 2;
    }
    launch.exec_ns =
        mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (launch.exec_ns == MAP_FAILED) {
        perror("launch: mmap");
        return 1;
    }
    for (unsigned i = 0; i < launch.runs; i++) {
        if (!(launch.server.sin_port ? measure_answer(&launch, &runs[i])
                                     : measure_cost(&launch, &runs[i]))) {
            return 1;
        }
    }
    print_runs(runs, launch.runs);
    return 0;
}
