/* SPDX-License-Identifier: MIT */
/* echo.c - returns every datagram as it came: the least that a UDP server can do, hence the
 * ceiling. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define PAYLOAD_MAX 256
#define CONTROL_MAX 256

struct echo {
    int fd;
    bool has_stamps;
    unsigned batch;
    int64_t last_stamp_ns; /* kept, so that the compiler can't drop the reading of it */
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in6 addresses[BATCH];
    uint8_t payloads[BATCH][PAYLOAD_MAX];
    _Alignas(struct cmsghdr) uint8_t controls[BATCH][CONTROL_MAX];
};

static int64_t message_stamp_ns(struct msghdr *message)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(part), sizeof(stamp));
            return (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
        }
    }
    return 0;
}

static void echo_arm(struct echo *echo)
{
    for (unsigned i = 0; i < echo->batch; i++) {
        struct msghdr *message = &echo->messages[i].msg_hdr;
        echo->vectors[i] = (struct iovec){.iov_base = echo->payloads[i], .iov_len = PAYLOAD_MAX};
        message->msg_iov = &echo->vectors[i];
        message->msg_iovlen = 1;
        message->msg_name = &echo->addresses[i];
        message->msg_namelen = sizeof(echo->addresses[i]);
        message->msg_control = echo->has_stamps ? echo->controls[i] : NULL;
        message->msg_controllen = echo->has_stamps ? CONTROL_MAX : 0;
    }
}

/* Turns a received message into its own answer. */
static void echo_turn(struct echo *echo, unsigned index, size_t size)
{
    struct msghdr *message = &echo->messages[index].msg_hdr;

    if (echo->has_stamps) {
        echo->last_stamp_ns = message_stamp_ns(message);
        message->msg_control = NULL;
        message->msg_controllen = 0;
    }
    echo->vectors[index].iov_len = size;
}

static int echo_batches(struct echo *echo)
{
    for (;;) {
        echo_arm(echo);
        int count = recvmmsg(echo->fd, echo->messages, echo->batch, MSG_WAITFORONE, NULL);
        if (count < 0 && errno != EINTR && errno != ECONNREFUSED) {
            perror("echo: recvmmsg");
            return 1;
        }
        for (int i = 0; i < count; i++) {
            echo_turn(echo, (unsigned)i, echo->messages[i].msg_len);
        }
        /* What the kernel refuses is dropped: the next one is tried. */
        for (int done = 0; done < count;) {
            int sent = sendmmsg(echo->fd, echo->messages + done, (unsigned)(count - done), 0);
            done += sent > 0 ? sent : 1;
        }
    }
}

static int echo_single(struct echo *echo)
{
    for (;;) {
        echo_arm(echo);
        struct msghdr *message = &echo->messages[0].msg_hdr;
        ssize_t size = recvmsg(echo->fd, message, 0);
        if (size < 0) {
            if (errno != EINTR && errno != ECONNREFUSED) {
                perror("echo: recvmsg");
                return 1;
            }
            continue;
        }
        echo_turn(echo, 0, (size_t)size);
        (void)sendmsg(echo->fd, message, 0);
    }
}

static int echo_open(struct echo *echo, uint16_t port)
{
    int one = 1;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof(local);

    echo->fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (echo->fd < 0 || bind(echo->fd, (struct sockaddr *)&local, sizeof(local)) < 0 ||
        getsockname(echo->fd, (struct sockaddr *)&local, &size) < 0) {
        perror("echo: socket");
        return 1;
    }
    if (echo->has_stamps &&
        setsockopt(echo->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one)) < 0) {
        perror("echo: SO_TIMESTAMPNS");
        return 1;
    }
    printf("%u\n", ntohs(local.sin_port));
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    static struct echo echo = {.batch = BATCH};
    unsigned long port = 0;
    int option;

    while ((option = getopt(argc, argv, "p:st")) != -1) {
        if (option == 'p') {
            port = strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            echo.batch = 1;
        } else if (option == 't') {
            echo.has_stamps = true;
        } else {
            fputs("usage: echo [-p PORT] [-s (one by one)] [-t (kernel receive stamps)]\n"
                  "prints the port and echoes until it is killed\n",
                  stderr);
            return 2;
        }
    }
    if (port > UINT16_MAX) {
        fprintf(stderr, "echo: a port is 0 to 65535, not %lu\n", port);
        return 2;
    }
    if (echo_open(&echo, (uint16_t)port) != 0) {
        return 1;
    }
    return echo.batch == 1 ? echo_single(&echo) : echo_batches(&echo);
}
