/* SPDX-License-Identifier: MIT */
#include "tests/sim/attack.h"
#include "ntpwire/packet.h"
#include "ntpwire/report.h"

void attack_init(struct attack *attack, enum attack_kind kind, uint64_t seed)
{
    *attack = (struct attack){.kind = kind, .until_ns = INT64_MAX};
    random_init_seeded(&attack->random, seed);
}

static void remember(struct attack *attack, const struct attack_datagram *datagram)
{
    attack->memory[attack->next] = *datagram;
    attack->next = (attack->next + 1) % ATTACK_MEMORY;
    attack->count += attack->count < ATTACK_MEMORY;
}

/* Well-formed fields whose contents are random: they pass all that is checked without a key. */
static size_t write_garbage(struct random *random, uint8_t payload[ACTION_PAYLOAD_MAX])
{
    struct report report = {.node = random_u64(random), .sequence = random_u32(random)};
    report.as_of = random_u64(random);
    uint8_t signature[REPORT_SIGNATURE_SIZE];
    for (size_t i = 0; i < sizeof(signature); i++) {
        signature[i] = (uint8_t)random_u32(random);
    }
    struct report_auth signed_by = {.algorithm = REPORT_ED25519,
                                    .tag = bytes_make(signature, sizeof(signature))};
    struct report_auth session = {.algorithm = REPORT_SESSION_HMAC,
                                  .id = (uint16_t)random_u32(random),
                                  .counter = random_u32(random),
                                  .hlc = random_u64(random),
                                  .tag = bytes_make(signature, REPORT_TAG_SIZE)};
    size_t size = PACKET_SIZE;
    size += report_write(payload + size, ACTION_PAYLOAD_MAX - size, &report);
    size += report_auth_write(payload + size, ACTION_PAYLOAD_MAX - size, &signed_by);
    size += report_auth_write(payload + size, ACTION_PAYLOAD_MAX - size, &session);
    return size;
}

static void turn(struct attack_datagram *datagram)
{
    struct address source = datagram->source;
    datagram->source = datagram->destination;
    datagram->destination = source;
}

bool attack_meet(struct attack *attack, int64_t truth_ns, struct attack_datagram *datagram,
                 struct attack_datagram *more)
{
    if (truth_ns < attack->from_ns || truth_ns >= attack->until_ns) {
        return false;
    }
    bool is_met = random_unit(&attack->random) < attack->share;
    uint32_t draw = random_u32(&attack->random);
    bool has_more = false;
    if (is_met && attack->kind == ATTACK_STRIP) {
        datagram->size = PACKET_SIZE;
    } else if (is_met && attack->kind == ATTACK_FLIP) {
        datagram->payload[draw % datagram->size] ^= (uint8_t)(1U << (draw >> 16) % 8);
    } else if (is_met && attack->kind == ATTACK_REFLECT) {
        *more = *datagram;
        turn(more);
        has_more = true;
    } else if (is_met && attack->kind == ATTACK_GARBAGE) {
        *more = *datagram;
        more->size = write_garbage(&attack->random, more->payload);
        has_more = true;
    } else if (is_met && attack->count > 0) {
        *more = attack->memory[draw % attack->count];
        if (attack->kind == ATTACK_REDIRECT) {
            more->source = draw & 0x10000 ? datagram->source : more->source;
            more->destination = datagram->destination;
        }
        has_more = true;
    }
    if (attack->kind == ATTACK_REPLAY || attack->kind == ATTACK_REDIRECT) {
        remember(attack, datagram);
    }
    return has_more;
}
