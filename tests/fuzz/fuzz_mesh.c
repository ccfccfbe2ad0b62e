/* SPDX-License-Identifier: MIT */
/* The engine of the mesh, handshakes and messages: two honest nodes, a member that lies with a key
 * of its own, and somebody on the wire who drops, changes, repeats and reflects. Nobody without a
 * key is taken for a sample or a sign of life, no liar convicts the honest, and in the end the
 * honest still hear each other.
 *
 * Input: one octet that chooses the world, then records of one octet that says what happens and the
 * arguments that it takes. */
#include "tests/fuzz/fuzz_mesh_liar.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "mesh", .takes_packets = false};

#define STEPS_MAX 8
#define POLL_NS (16 * NS_PER_S)
#define POLLS_MAX 64 /* of the honest, until they hear each other again */

enum operation {
    WAIT,
    EXCHANGE,
    REPLAY,
    LIE_IN_REPORT,
    LIE_IN_ANSWER,
    LIE_IN_MESSAGE,
    LIE_IN_HELLO,
    CERTIFY,
    RAW,
    TRY,
    RESTART,
    RELOAD,
    OPERATIONS
};

/* What somebody on the wire does to it. True if it is as it was. */
static bool damage(struct script *script, struct world_packet *packet)
{
    struct world_packet before = *packet;
    size_t at = packet->size > 0 ? take_u64(script, 2) % packet->size : 0;
    switch (take_u8(script) % 6) {
    case 0:
        packet->octets[at] ^= (uint8_t)(1U << take_u8(script) % 8);
        break;
    case 1:
        packet->size = at;
        break;
    case 2:
        for (size_t left = take_u8(script) % 64; left > 0 && at < packet->size; left--) {
            packet->octets[at++] = take_u8(script);
        }
        break;
    case 3:
        for (size_t left = take_u8(script); left > 0 && packet->size < MESH_DATAGRAM_MAX; left--) {
            packet->octets[packet->size++] = take_u8(script);
        }
        break;
    case 4: /* reflected */
        packet->to = before.from;
        packet->from = before.to;
        packet->is_answer = !packet->is_answer;
        return packet->size == 0;
    default: /* to somebody else, or in somebody else's name */
        packet->to = take_node(script);
        packet->from = take_node(script);
        packet->is_answer = take_u8(script) % 2 != 0;
        break;
    }
    /* A request is its sender's wherever it comes from. */
    bool is_sender = packet->from == before.from || !packet->is_answer;
    return packet->size == before.size && packet->to == before.to && is_sender &&
           packet->is_answer == before.is_answer &&
           memcmp(packet->octets, before.octets, packet->size) == 0;
}

/* An octet for each step of an exchange says what becomes of the packet: it is lost, damaged, or
 * comes twice. */
static void exchange(struct world *world, struct script *script)
{
    enum world_node from = take_node(script), to = take_node(script);
    struct world_packet packet, reply, again;
    uint64_t fate = take_u64(script, 2);
    if (from == to || !world_request(world, from, to, &packet)) {
        return;
    }
    for (int step = 0; step < STEPS_MAX && packet.size > 0; step++, fate >>= 2) {
        bool is_whole = (fate & 3) != 1 || damage(script, &packet);
        if ((fate & 3) == 3 || packet.to == packet.from) {
            return;
        }
        (void)world_deliver(world, &packet, is_whole, &reply);
        if ((fate & 3) == 2) {
            (void)world_deliver(world, &packet, false, &again);
        }
        packet = reply;
    }
}

static void replay(struct world *world, struct script *script)
{
    struct world_packet packet = world->history[take_u8(script) % WORLD_HISTORY];
    struct world_packet reply;
    bool is_whole = !packet.is_taken;
    if (take_u8(script) % 2 != 0) {
        is_whole = damage(script, &packet) && is_whole;
    }
    if (packet.size > 0 && packet.to != packet.from) {
        (void)world_deliver(world, &packet, is_whole, &reply);
    }
}

/* What nobody said. */
static void send_raw(struct world *world, struct script *script)
{
    struct world_packet packet = {.from = LIAR, .to = take_honest(script)}, reply;
    packet.is_answer = take_u8(script) % 2 != 0;
    for (size_t left = take_u64(script, 2) % MESH_DATAGRAM_MAX; left > 0; left--) {
        packet.octets[packet.size++] = take_u8(script);
    }
    (void)world_deliver(world, &packet, false, &reply);
}

static void try(struct world *world, struct script *script)
{
    enum world_node node = take_honest(script);
    enum member_trial trial = (enum member_trial)(take_u8(script) % (TRIAL_MISS + 1));
    world_look(world, node);
    world->out.count = 0;
    mesh_tried(world->nodes[node], world_id(LIAR), trial, world_reading(world), &world->out);
}

static void run_record(struct world *world, struct script *script)
{
    switch (take_u8(script) % OPERATIONS) {
    case EXCHANGE:
        exchange(world, script);
        break;
    case REPLAY:
        replay(world, script);
        break;
    case LIE_IN_REPORT:
        liar_report(world, script);
        break;
    case LIE_IN_ANSWER:
        liar_answer(world, script);
        break;
    case LIE_IN_MESSAGE:
        liar_message(world, script);
        break;
    case LIE_IN_HELLO:
        liar_hello(world, script);
        break;
    case CERTIFY:
        liar_certificate(world, script);
        break;
    case RAW:
        send_raw(world, script);
        break;
    case TRY:
        try(world, script);
        break;
    case RESTART:
        world_restart(world, take_node(script));
        break;
    case RELOAD:
        world_reload(world, take_node(script), take_u8(script));
        break;
    default:
        world_pass(world, take_duration(script));
        break;
    }
}

static bool is_heard(struct world *world, enum world_node from, enum world_node to)
{
    struct world_packet packet, reply;
    if (!world_request(world, from, to, &packet)) {
        return false;
    }
    for (int step = 0; step < STEPS_MAX; step++) {
        enum mesh_verdict verdict = world_deliver(world, &packet, true, &reply);
        if (packet.is_answer && verdict == MESH_TIME) {
            return true;
        }
        if (reply.size == 0) {
            return false;
        }
        packet = reply;
    }
    return false;
}

/* Whatever happened, it is over when it ends. */
static void require_recovery(struct world *world)
{
    bool is_well = false;
    for (int polls = 0; polls < POLLS_MAX && !is_well; polls++) {
        world_pass(world, POLL_NS);
        is_well = is_heard(world, VICTIM, COMPANION);
        is_well = is_heard(world, COMPANION, VICTIM) && is_well;
    }
    FUZZ_REQUIRE(is_well);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {.data = data, .left = size};
    struct world *world = calloc(1, sizeof(*world));
    FUZZ_REQUIRE(world != NULL);
    world_begin(world, take_u8(&script));
    while (script.left > 0) {
        run_record(world, &script);
    }
    require_recovery(world);
    world_end(world);
    free(world);
    return 0;
}
