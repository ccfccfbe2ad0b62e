/* SPDX-License-Identifier: MIT */
#include "common/mesh/gate.h"
#include <string.h>

const char *gate_verdict_name(enum gate_verdict verdict)
{
    static const char *const names[GATE_VERDICTS] = {
        [GATE_PLAIN] = "no mesh field",
        [GATE_HANDOVER] = "handed over",
        [GATE_COOKIE] = "answered by a cookie",
        [GATE_LIMITED] = "too many",
        [GATE_REPLAYED] = "replayed",
        [GATE_FORM] = "malformed",
        [GATE_GROUP] = "no member of the group",
        [GATE_NO_SESSION] = "unknown session",
        [GATE_FORGED] = "forged",
        [GATE_FOREIGN] = "not a request to us",
    };
    return (unsigned)verdict < GATE_VERDICTS ? names[verdict] : "unknown verdict";
}

/* The first session of that member; the count if it has none. */
static size_t find_owner(const struct gate_table *table, uint64_t member)
{
    size_t i = 0;
    while (i < table->count && table->sessions[i].member != member) {
        i++;
    }
    return i;
}

static struct session_window find_window(const struct gate *gate,
                                         const struct gate_session *session)
{
    for (size_t i = 0; i < gate->table.count; i++) {
        const struct gate_session *before = &gate->table.sessions[i];
        if (before->member == session->member && before->id == session->id &&
            secret_is_equal(before->key, session->key, SECRET_SIZE)) {
            return gate->windows[i];
        }
    }
    return (struct session_window){.highest = 0};
}

void gate_set(struct gate *gate, const struct gate_table *table)
{
    assert(table->count <= GATE_SESSIONS_MAX);
    assert(table->certificate_size <= sizeof(table->certificate));
    struct gate_purse purses[GATE_SESSIONS_MAX] = {0};
    struct session_window windows[GATE_SESSIONS_MAX] = {0};
    for (size_t i = 0; i < table->count; i++) {
        uint64_t member = table->sessions[i].member;
        size_t before = find_owner(&gate->table, member);
        gate->owners[i] = (uint16_t)find_owner(table, member);
        if (gate->owners[i] == i && before < gate->table.count) {
            purses[i] = gate->purses[before];
        }
        windows[i] = find_window(gate, &table->sessions[i]);
    }
    memcpy(gate->purses, purses, sizeof(purses));
    memcpy(gate->windows, windows, sizeof(windows));
    gate->table = *table;
}

void gate_close(struct gate *gate)
{
    secret_wipe(&gate->table, sizeof(gate->table));
}

uint64_t gate_count(const struct gate *gate, enum gate_verdict verdict)
{
    return gate->counts[verdict];
}

/* The generic cell rate algorithm: one number is all that a bucket remembers. */
static bool bucket_has(const struct gate_bucket *bucket, struct mono now, int64_t interval_ns,
                       int64_t burst)
{
    return bucket->full_ns - now.ns <= interval_ns * (burst - 1);
}

static void bucket_take(struct gate_bucket *bucket, struct mono now, int64_t interval_ns)
{
    int64_t from_ns = bucket->full_ns > now.ns ? bucket->full_ns : now.ns;
    bucket->full_ns = from_ns + interval_ns;
}

/* Who knows not the jar's secret can't choose addresses that fall together; after a rotation they
 * fall elsewhere. */
static struct gate_bucket *address_bucket(struct gate *gate, uint64_t key)
{
    uint64_t seed = bytes_u64(bytes_make(gate->table.jar.newest, SECRET_SIZE), 0) | 1;
    uint64_t mixed = key * seed;
    mixed = (mixed ^ mixed >> 32) * seed;
    return &gate->addresses[(mixed >> 32) % GATE_BUCKETS];
}

/* A handshake of a stranger, whose cookie says that the address is its own. */
static enum gate_verdict admit_stranger(struct gate *gate, const struct datagram *datagram,
                                        struct mono now, struct gate_result *result)
{
    struct gate_bucket *own = address_bucket(gate, address_client_key(&datagram->source));
    struct gate_bucket *all = &gate->strangers;
    if (!bucket_has(own, now, GATE_HANDSHAKE_NS, GATE_HANDSHAKE_BURST) ||
        !bucket_has(all, now, GATE_STRANGERS_NS, GATE_STRANGERS_BURST)) {
        return GATE_LIMITED;
    }
    bucket_take(own, now, GATE_HANDSHAKE_NS);
    bucket_take(all, now, GATE_STRANGERS_NS);
    result->share = 0;
    return GATE_HANDOVER;
}

/* A packet of a session; a handshake among them costs the engine more than the others. */
static enum gate_verdict admit_session(struct gate *gate, size_t owner, bool is_handshake,
                                       struct mono now, struct gate_result *result)
{
    struct gate_purse *purse = &gate->purses[owner];
    if (is_handshake &&
        !bucket_has(&purse->handshakes, now, GATE_HANDSHAKE_NS, GATE_HANDSHAKE_BURST)) {
        return GATE_LIMITED;
    }
    bucket_take(&purse->packets, now, GATE_SESSION_NS);
    if (is_handshake) {
        bucket_take(&purse->handshakes, now, GATE_HANDSHAKE_NS);
    }
    result->share = (uint32_t)owner + 1; /* 0 is that of the strangers */
    return GATE_HANDOVER;
}

static bool tag_is(const uint8_t key[SECRET_SIZE], struct bytes covered, struct bytes tag)
{
    uint8_t mac[SECRET_SIZE];
    return tag.size == REPORT_TAG_SIZE && secret_hmac(bytes_make(key, SECRET_SIZE), covered, mac) &&
           secret_is_equal(mac, tag.data, REPORT_TAG_SIZE);
}

static bool group_is_ours(const struct gate_table *table, const struct datagram *datagram,
                          const struct report_packet *packet)
{
    struct report_auth auth;
    return packet->group.size > 0 && report_auth_read(packet->group, &auth) == REPORT_OK &&
           auth.id == table->group_id &&
           tag_is(table->group_key, bytes_slice(datagram->payload, 0, packet->group_size),
                  auth.tag);
}

static enum gate_verdict judge_session(struct gate *gate, const struct datagram *datagram,
                                       const struct report_packet *packet, struct mono now,
                                       struct gate_result *result)
{
    struct report_auth auth;
    if (report_auth_read(packet->session, &auth) != REPORT_OK) {
        return GATE_FORM;
    }
    struct bytes covered = bytes_slice(datagram->payload, 0, packet->session_size);
    enum gate_verdict verdict = GATE_NO_SESSION;
    for (size_t i = 0; i < gate->table.count; i++) {
        const struct gate_session *session = &gate->table.sessions[i];
        size_t owner = gate->owners[i];
        /* Sessions with two members may have the same id. */
        if (session->id != auth.id) {
            continue;
        }
        /* Of a member that has spent all, no tag is computed any more: a flood of its own costs
         * little, and what others send in its name gets it no further. */
        if (!bucket_has(&gate->purses[owner].packets, now, GATE_SESSION_NS, GATE_SESSION_BURST)) {
            verdict = GATE_LIMITED;
        } else if (session_window_has(&gate->windows[i], auth.counter)) {
            verdict = GATE_REPLAYED;
        } else if (tag_is(session->key, covered, auth.tag)) {
            verdict = admit_session(gate, owner, packet->handshake.size > 0, now, result);
            if (verdict == GATE_HANDOVER) {
                session_window_note(&gate->windows[i], auth.counter);
            }
            return verdict;
        } else if (verdict == GATE_NO_SESSION) {
            verdict = GATE_FORGED;
        }
    }
    return verdict;
}

/* Time that is none: nobody takes a sample from it. As in a kiss, all timestamps are the request's.
 */
static void write_header(const struct datagram *request, uint8_t out[PACKET_SIZE])
{
    struct timestamp transmit = {bytes_u64(request->payload, PACKET_TRANSMIT_OFFSET)};
    struct packet header = {.leap = LEAP_UNSYNCHRONISED,
                            .version = 4,
                            .mode = MODE_SERVER,
                            .stratum = PACKET_STRATUM_MAX + 1,
                            .poll = (int8_t)bytes_u8(request->payload, 2),
                            .origin = transmit,
                            .receive = transmit,
                            .transmit = transmit};
    packet_write(&header, out);
}

/* Adds the group's tag to the size octets of an answer. Returns the new size; 0 on failure. */
static size_t add_group(const struct gate_table *table, uint8_t *payload, size_t size)
{
    static const uint8_t zeros[REPORT_TAG_SIZE];
    struct report_auth auth = {.algorithm = REPORT_GROUP_HMAC,
                               .id = table->group_id,
                               .tag = bytes_make(zeros, REPORT_TAG_SIZE)};
    uint8_t mac[SECRET_SIZE];
    size_t written = report_auth_write(payload + size, GATE_ANSWER_MAX - size, &auth);
    struct bytes covered = bytes_make(payload, size + REPORT_AUTH_GROUP_TAG_OFFSET);
    if (written == 0 || !secret_hmac(bytes_make(table->group_key, SECRET_SIZE), covered, mac)) {
        return 0;
    }
    memcpy(payload + size + REPORT_AUTH_GROUP_TAG_OFFSET, mac, REPORT_TAG_SIZE);
    return size + written;
}

/* The size of the answer; 0 if there can be none. */
static size_t write_cookie(const struct gate_table *table, const struct datagram *request,
                           const struct report_handshake *hello, uint8_t *out)
{
    struct report_handshake answer = {
        .kind = REPORT_COOKIE, .from = table->self, .to = hello->from};
    size_t room = request->payload.size < GATE_ANSWER_MAX ? request->payload.size : GATE_ANSWER_MAX;
    size_t trailer = table->has_group ? REPORT_AUTH_GROUP_SIZE : 0;
    if (room < PACKET_SIZE + REPORT_COOKIE_ANSWER_SIZE + trailer ||
        !cookie_make(&table->jar, &request->source, hello->ephemeral, answer.cookie)) {
        return 0;
    }
    write_header(request, out);
    size_t size = PACKET_SIZE;
    size += report_handshake_write(out + size, room - size, &answer);
    if (table->certificate_size > 0 && room - size >= table->certificate_size + trailer) {
        memcpy(out + size, table->certificate, table->certificate_size);
        size += table->certificate_size;
    }
    return table->has_group ? add_group(table, out, size) : size;
}

static enum gate_verdict judge_handshake(struct gate *gate, const struct datagram *datagram,
                                         const struct report_packet *packet, struct mono now,
                                         struct gate_result *result)
{
    struct report_handshake hello;
    if (report_handshake_read(packet->handshake, &hello) != REPORT_OK) {
        return GATE_FORM;
    }
    /* To nobody in particular: who joins asks whoever is at an address. */
    bool is_for_us = hello.to == gate->table.self || hello.to == 0;
    if (hello.kind != REPORT_HELLO || !is_for_us || hello.from == gate->table.self) {
        return GATE_FOREIGN;
    }
    if (cookie_verify(&gate->table.jar, &datagram->source, hello.ephemeral, hello.cookie)) {
        return admit_stranger(gate, datagram, now, result);
    }
    /* None yet, or one that is too old by now, or was made for another address. */
    result->size = write_cookie(&gate->table, datagram, &hello, result->payload);
    return result->size > 0 ? GATE_COOKIE : GATE_FORM;
}

static enum gate_verdict judge(struct gate *gate, const struct datagram *datagram, struct mono now,
                               struct gate_result *result)
{
    struct extensions extensions;
    struct report_packet packet;
    if (!gate_concerns(gate, datagram)) {
        return GATE_PLAIN;
    }
    if (extension_parse(datagram->payload, 4, &extensions) != PACKET_OK ||
        report_packet_read(datagram->payload, &extensions, gate->table.payload_max, &packet) !=
            REPORT_OK) {
        return GATE_FORM;
    }
    if (gate->table.has_group && !group_is_ours(&gate->table, datagram, &packet)) {
        return GATE_GROUP;
    }
    return packet.session.size > 0 ? judge_session(gate, datagram, &packet, now, result)
                                   : judge_handshake(gate, datagram, &packet, now, result);
}

enum gate_verdict gate_judge(struct gate *gate, const struct datagram *datagram, struct mono now,
                             struct gate_result *result)
{
    enum gate_verdict verdict = judge(gate, datagram, now, result);
    gate->counts[verdict]++;
    return verdict;
}
