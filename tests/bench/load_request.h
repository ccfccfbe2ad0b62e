/* SPDX-License-Identifier: MIT */
/* load_request.h - the requests that the load generator sends, made beforehand, and what answers
 * them. */
#ifndef TESTS_BENCH_LOAD_REQUEST_H
#define TESTS_BENCH_LOAD_REQUEST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A prime, so that with any number of sources each pair of source and request is rare. */
#define REQUESTS 1021
#define REQUEST_SIZE_MAX 72
#define FRAME_HEADER_SIZE 42 /* Ethernet, IPv4, UDP */

struct request {
    uint8_t
        frame[FRAME_HEADER_SIZE + REQUEST_SIZE_MAX]; /* the NTP packet stands behind the headers */
};

struct requests {
    struct request each[REQUESTS];
    size_t size;       /* of the NTP packet: 48, or 68 with a MAC */
    uint64_t cookie;   /* the transmit timestamp of number i is cookie ^ i */
    uint32_t checksum; /* of the IPv4 header without its source, not yet folded */
    bool expects_echo; /* the answer is the request itself */
    uint32_t key_id;   /* 0: no MAC */
};

/* The addresses between which frames travel. IPv4 in host order. */
struct path {
    uint8_t local_mac[6];
    uint8_t server_mac[6];
    uint32_t server;
    uint16_t server_port;
    uint16_t local_port;
    uint32_t first_source;
};

/* Fills in all requests. key: NULL, or a line of a keys file such as "1 AES128 HEX:00…". False,
 * with a message on stderr, if the key is unusable. */
bool requests_make(struct requests *requests, const struct path *path, const char *key);
/* Writes the source address into a frame, and the checksum that goes with it. */
void request_set_source(const struct requests *requests, struct request *request, uint32_t source);
/* Is this an answer in mode 4 to one of the requests (or the request itself, from an echo)? */
bool requests_match(const struct requests *requests, const uint8_t *answer, size_t size);
#endif
