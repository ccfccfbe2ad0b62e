/* SPDX-License-Identifier: MIT */
/* relay.c - a stretch of network between NTP clients and their server: holds each datagram for a
 * while, another one each way, and counts what passes.
 *
 * relay LISTEN-ADDRESS PORT SERVER-ADDRESS PORT OUT-US BACK-US JITTER-US
 *
 * Delays are uniform within JITTER-US of OUT-US (to the server) and BACK-US. At SIGTERM it prints
 * "out=N back=M clients=K", the datagrams that it passed on and from how many clients. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 32
#define HELD_MAX 256
#define SIZE_MAX_OCTETS 1500
#define NS_PER_US INT64_C(1000)
#define NS_PER_S INT64_C(1000000000)

struct held {
    int64_t due_ns; /* 0: free */
    int client;
    bool is_back;
    size_t size;
    uint8_t octets[SIZE_MAX_OCTETS];
};

struct relay {
    int listening;
    struct sockaddr_in server;
    int64_t delay_ns[2]; /* out, back */
    int64_t jitter_ns;
    uint64_t random;
    int clients;
    struct sockaddr_in addresses[CLIENTS_MAX];
    int sockets[CLIENTS_MAX]; /* connected to the server */
    struct held held[HELD_MAX];
    unsigned long passed[2];
};

static volatile sig_atomic_t is_over;

static void on_end(int signal_number)
{
    (void)signal_number;
    is_over = 1;
}

static void fail(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* xorshift64*; the seed is fixed, the arrivals are not. */
static int64_t random_within(struct relay *relay, int64_t most)
{
    uint64_t x = relay->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    relay->random = x;
    double unit = (double)((x * UINT64_C(2685821657736338717)) >> 11) / (double)(UINT64_C(1) << 53);
    return (int64_t)((2 * unit - 1) * (double)most);
}

static struct sockaddr_in address_of(const char *address, const char *port)
{
    struct sockaddr_in result = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    if (inet_pton(AF_INET, address, &result.sin_addr) != 1) {
        fprintf(stderr, "relay: '%s' is no IPv4 address\n", address);
        exit(EXIT_FAILURE);
    }
    return result;
}

/* The client's number; a new one gets a socket of its own. -1 if there are too many. */
static int client_of(struct relay *relay, const struct sockaddr_in *address)
{
    for (int i = 0; i < relay->clients; i++) {
        if (relay->addresses[i].sin_port == address->sin_port &&
            relay->addresses[i].sin_addr.s_addr == address->sin_addr.s_addr) {
            return i;
        }
    }
    if (relay->clients == CLIENTS_MAX) {
        return -1;
    }
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        connect(fd, (const struct sockaddr *)&relay->server, sizeof(relay->server)) != 0) {
        fail("a socket towards the server");
    }
    relay->addresses[relay->clients] = *address;
    relay->sockets[relay->clients] = fd;
    return relay->clients++;
}

static void hold(struct relay *relay, int client, bool is_back, const uint8_t *octets, size_t size)
{
    for (int i = 0; i < HELD_MAX && client >= 0; i++) {
        struct held *held = &relay->held[i];
        if (held->due_ns == 0) {
            held->due_ns =
                now_ns() + relay->delay_ns[is_back] + random_within(relay, relay->jitter_ns);
            held->client = client;
            held->is_back = is_back;
            held->size = size;
            memcpy(held->octets, octets, size);
            return;
        }
    }
}

/* Passes on what is due; returns when the next one is, or 0. */
static int64_t pass_on(struct relay *relay)
{
    int64_t next_ns = 0;
    for (int i = 0; i < HELD_MAX; i++) {
        struct held *held = &relay->held[i];
        if (held->due_ns == 0) {
            continue;
        }
        if (held->due_ns > now_ns()) {
            next_ns = next_ns == 0 || held->due_ns < next_ns ? held->due_ns : next_ns;
            continue;
        }
        const struct sockaddr_in *to = &relay->addresses[held->client];
        ssize_t sent = held->is_back
                           ? sendto(relay->listening, held->octets, held->size, 0,
                                    (const struct sockaddr *)to, sizeof(*to))
                           : send(relay->sockets[held->client], held->octets, held->size, 0);
        relay->passed[held->is_back] += sent == (ssize_t)held->size;
        held->due_ns = 0;
    }
    return next_ns;
}

static void receive(struct relay *relay, int fd, int client)
{
    uint8_t octets[SIZE_MAX_OCTETS];
    struct sockaddr_in from;
    socklen_t room = sizeof(from);
    ssize_t size =
        recvfrom(fd, octets, sizeof(octets), MSG_DONTWAIT, (struct sockaddr *)&from, &room);
    if (size > 0 && client >= 0) {
        hold(relay, client, true, octets, (size_t)size);
    } else if (size > 0) {
        hold(relay, client_of(relay, &from), false, octets, (size_t)size);
    }
}

static void run(struct relay *relay)
{
    while (!is_over) {
        struct pollfd items[CLIENTS_MAX + 1] = {{.fd = relay->listening, .events = POLLIN}};
        int count = relay->clients;
        for (int i = 0; i < count; i++) {
            items[i + 1] = (struct pollfd){.fd = relay->sockets[i], .events = POLLIN};
        }
        int64_t next_ns = pass_on(relay);
        int64_t wait_ns = next_ns == 0 ? NS_PER_S : next_ns - now_ns();
        wait_ns = wait_ns > 0 ? wait_ns : 0;
        struct timespec wait = {.tv_sec = wait_ns / NS_PER_S, .tv_nsec = wait_ns % NS_PER_S};
        if (ppoll(items, (nfds_t)count + 1, &wait, NULL) <= 0) {
            continue;
        }
        for (int i = 0; i <= count; i++) {
            if (items[i].revents != 0) {
                receive(relay, items[i].fd, i - 1);
            }
        }
    }
}

int main(int argc, char **argv)
{
    static struct relay relay = {.random = UINT64_C(0x9E3779B97F4A7C15)};
    if (argc != 8) {
        fprintf(stderr, "relay: LISTEN PORT SERVER PORT OUT-US BACK-US JITTER-US are expected\n");
        return EXIT_FAILURE;
    }
    struct sockaddr_in local = address_of(argv[1], argv[2]);
    relay.server = address_of(argv[3], argv[4]);
    relay.delay_ns[0] = atoll(argv[5]) * NS_PER_US;
    relay.delay_ns[1] = atoll(argv[6]) * NS_PER_US;
    relay.jitter_ns = atoll(argv[7]) * NS_PER_US;
    relay.listening = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (relay.listening < 0 ||
        bind(relay.listening, (const struct sockaddr *)&local, sizeof(local)) != 0) {
        fail("the address to listen on");
    }
    struct sigaction action = {.sa_handler = on_end};
    sigaction(SIGTERM, &action, NULL);
    run(&relay);
    printf("out=%lu back=%lu clients=%d\n", relay.passed[0], relay.passed[1], relay.clients);
    return EXIT_SUCCESS;
}
