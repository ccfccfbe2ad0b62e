/* SPDX-License-Identifier: MIT */
#include "tests/bench/load_request.h"
#include "common/auth/mac.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NTP_SIZE 48
#define ETHERNET_SIZE 14
#define IP_SIZE 20
#define UDP_SIZE 8

static void put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    put_u16(at, (uint16_t)(value >> 16));
    put_u16(at + 2, (uint16_t)value);
}

static uint64_t get_u64(const uint8_t *at)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static void frame_start(uint8_t *frame, const struct path *path, size_t payload_size)
{
    uint8_t *ip = frame + ETHERNET_SIZE;
    uint8_t *udp = ip + IP_SIZE;

    memcpy(frame, path->server_mac, 6);
    memcpy(frame + 6, path->local_mac, 6);
    put_u16(frame + 12, 0x0800);
    ip[0] = 0x45;
    put_u16(ip + 2, (uint16_t)(IP_SIZE + UDP_SIZE + payload_size));
    put_u16(ip + 6, 0x4000); /* don't fragment */
    ip[8] = 64;
    ip[9] = 17;
    put_u32(ip + 16, path->server);
    put_u16(udp, path->local_port);
    put_u16(udp + 2, path->server_port);
    /* No UDP checksum: a server behind a real card has none to verify either. */
    put_u16(udp + 4, (uint16_t)(UDP_SIZE + payload_size));
}

static uint32_t header_sum(const uint8_t *ip)
{
    uint32_t sum = 0;

    for (int i = 0; i < IP_SIZE; i += 2) {
        sum += (uint32_t)(ip[i] << 8 | ip[i + 1]);
    }
    return sum;
}

static struct macs *macs_of_key(const char *key, uint32_t *key_id)
{
    struct keyring keyring;
    char error[KEYRING_ERROR_MAX];

    if (!keyring_parse(key, &keyring, error)) {
        fprintf(stderr, "load: --key: %s\n", error);
        return NULL;
    }
    struct macs *macs = NULL;
    if (keyring.count == 1) {
        *key_id = keyring.keys[0].id;
        macs = macs_create(&keyring, error);
    } else {
        snprintf(error, sizeof(error), "expected one key, found %zu", keyring.count);
    }
    keyring_clear(&keyring);
    if (!macs) {
        fprintf(stderr, "load: --key: %s\n", error);
    }
    return macs;
}

static bool requests_sign(struct requests *requests, struct macs *macs)
{
    size_t mac = mac_size(macs, requests->key_id, 4);

    for (size_t i = 0; i < REQUESTS; i++) {
        uint8_t *packet = requests->each[i].frame + FRAME_HEADER_SIZE;
        struct bytes message = {packet, NTP_SIZE};
        put_u32(packet + NTP_SIZE, requests->key_id);
        if (!mac_make(macs, requests->key_id, message, packet + NTP_SIZE + 4, mac)) {
            fprintf(stderr, "load: --key: the MAC can't be made\n");
            return false;
        }
    }
    return true;
}

bool requests_make(struct requests *requests, const struct path *path, const char *key)
{
    struct macs *macs = NULL;
    struct timespec now;

    if (key) {
        macs = macs_of_key(key, &requests->key_id);
        if (!macs) {
            return false;
        }
    }
    requests->size = NTP_SIZE + (key ? 4 + mac_size(macs, requests->key_id, 4) : 0);
    /* Different in each run, so that a late answer to an earlier one is not counted. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    requests->cookie = ((uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15U) ^ (uint64_t)now.tv_sec;
    for (size_t i = 0; i < REQUESTS; i++) {
        uint8_t *packet = requests->each[i].frame + FRAME_HEADER_SIZE;
        frame_start(requests->each[i].frame, path, requests->size);
        packet[0] = 0x23; /* version 4, mode 3 */
        put_u32(packet + 40, (uint32_t)((requests->cookie ^ i) >> 32));
        put_u32(packet + 44, (uint32_t)(requests->cookie ^ i));
    }
    requests->checksum = header_sum(requests->each[0].frame + ETHERNET_SIZE);
    bool is_made = !key || requests_sign(requests, macs);
    macs_destroy(macs);
    return is_made;
}

void request_set_source(const struct requests *requests, struct request *request, uint32_t source)
{
    uint8_t *ip = request->frame + ETHERNET_SIZE;
    uint32_t sum = requests->checksum + (source >> 16) + (source & 0xffff);

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put_u16(ip + 10, (uint16_t)~sum);
    put_u32(ip + 12, source);
}

bool requests_match(const struct requests *requests, const uint8_t *answer, size_t size)
{
    if (size != requests->size || (answer[0] & 7) != (requests->expects_echo ? 3 : 4)) {
        return false;
    }
    /* A server moves the transmit timestamp (octet 40) to the origin (octet 24). */
    return (get_u64(answer + (requests->expects_echo ? 40 : 24)) ^ requests->cookie) < REQUESTS;
}
