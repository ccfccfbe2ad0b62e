/* SPDX-License-Identifier: MIT */
/* A whole node and its sources of every kind: servers, peers, broadcasts and a pool, honest, lying
 * or forged; the host's timers, stamps, resolver and operator, in any order.
 *
 * Input: eight octets that choose the node and its world, then records of one octet that says what
 * happens and the arguments that it takes. */
#include "tests/fuzz/fuzz_sync_world.h"

#include <string.h>

const struct fuzz_target fuzz_target = {.name = "sync", .takes_packets = false};

#define CHOICE_SIZE 8
#define ROUNDS_MAX 24

enum operation {
    WAIT_AND_RUN,
    BE_LATE,
    HONEST_ROUNDS,
    ANSWER,
    FORGE,
    LIE,
    STAMP,
    RESOLVE,
    REFUSE,
    SET_CLOCK,
    DISRUPT,
    SAVE,
    COMMAND,
    RELOAD,
    BROADCAST,
    RAW,
    OPERATIONS
};

struct script {
    const uint8_t *data;
    size_t left;
};

static uint8_t take_u8(struct script *script)
{
    if (script->left == 0) {
        return 0;
    }
    script->left--;
    return *script->data++;
}

static uint64_t take_u64(struct script *script, size_t octets)
{
    uint64_t value = 0;
    for (size_t i = 0; i < octets; i++) {
        value = value << 8 | take_u8(script);
    }
    return value;
}

/* From nanoseconds to decades, either sign. */
static int64_t take_duration(struct script *script)
{
    uint8_t scale = take_u8(script);
    int64_t value = (int64_t)(1 + take_u8(script) % 128) << scale % 54;
    return (scale & 128) != 0 ? -value : value;
}

static size_t sign(struct world *world, uint32_t key_id, uint8_t *octets)
{
    unsigned version = packet_version_of(octets[0]);
    size_t digest_size = mac_size(world->macs, key_id, version);
    bytes_put_u32(octets + PACKET_SIZE, key_id);
    FUZZ_REQUIRE(mac_make(world->macs, key_id, bytes_make(octets, PACKET_SIZE),
                          octets + PACKET_SIZE + 4, digest_size));
    return PACKET_SIZE + 4 + digest_size;
}

/* What an honest machine would say now to what was sent on that socket. */
static struct packet make_answer(const struct world *world, const struct world_socket *socket)
{
    struct packet packet = {.version = 4};
    if (packet_parse(bytes_make(socket->octets, socket->size), &packet) != PACKET_OK) {
        packet.mode = MODE_CLIENT; /* it asked nothing yet */
    }
    int64_t sent_ns = world_source_time_ns(world, socket, world->now) - 500 * NS_PER_US;
    int64_t received_ns = sent_ns - 20 * NS_PER_US;
    packet.mode = socket->open.is_shared ? MODE_ACTIVE : MODE_SERVER;
    packet.mode = packet.version == 1 && !socket->open.is_shared ? MODE_RESERVED : packet.mode;
    packet.leap = LEAP_NONE;
    packet.stratum = 2;
    packet.precision = -22;
    packet.root_delay = 64;
    packet.root_dispersion = 64;
    packet.refid = 0x0A000001;
    packet.origin = packet.transmit;
    packet.receive = timestamp_from_unix_ns(received_ns);
    packet.transmit = timestamp_from_unix_ns(sent_ns);
    packet.reference = timestamp_from_unix_ns(received_ns - NS_PER_S);
    return packet;
}

/* A field of the answer that is not as it should be. */
static void spoil(struct script *script, struct packet *packet, const struct world_socket *socket)
{
    uint64_t value;
    switch (take_u8(script) % 12) {
    case 0:
        packet->leap = take_u8(script) % 4;
        break;
    case 1:
        packet->stratum = take_u8(script);
        break;
    case 2:
        packet->root_delay = (uint32_t)take_u64(script, 4);
        packet->root_dispersion = (uint32_t)take_u64(script, 4);
        break;
    case 3:
        packet->poll = (int8_t)take_u8(script);
        packet->precision = (int8_t)take_u8(script);
        break;
    case 4:
        packet->receive.bits += (uint64_t)take_duration(script);
        break;
    case 5:
        packet->transmit.bits += (uint64_t)take_duration(script);
        break;
    case 6:
        packet->reference.bits = take_u64(script, 8);
        break;
    case 7:
        packet->transmit.bits = take_u64(script, 8);
        packet->receive.bits = take_u64(script, 8);
        break;
    case 8:
        packet->stratum = 0;
        value = take_u8(script) % 4;
        packet->refid = value == 0   ? KISS_RATE
                        : value == 1 ? KISS_DENY
                        : value == 2 ? KISS_RSTR
                                     : KISS_INIT;
        break;
    case 9:
        /* As interleaved mode has it. */
        packet->origin.bits =
            bytes_u64(bytes_make(socket->octets, sizeof(socket->octets)), PACKET_RECEIVE_OFFSET);
        break;
    case 10:
        packet->refid = (uint32_t)take_u64(script, 4);
        break;
    default:
        packet->origin.bits ^= 1U + take_u64(script, 1);
        break;
    }
}

/* Does it return what was sent? */
static bool is_returned(const struct packet *packet, const struct world_socket *socket)
{
    struct bytes sent = bytes_make(socket->octets, sizeof(socket->octets));
    return packet->origin.bits != 0 &&
           (packet->origin.bits == bytes_u64(sent, PACKET_TRANSMIT_OFFSET) ||
            packet->origin.bits == bytes_u64(sent, PACKET_RECEIVE_OFFSET));
}

/* Sends it, as its flags say. */
static void answer(struct world *world, struct world_socket *socket, struct script *script,
                   uint8_t flags)
{
    uint8_t octets[WORLD_DATAGRAM_MAX];
    struct packet packet = make_answer(world, socket);
    for (unsigned i = 0; i < (flags & 3U); i++) {
        spoil(script, &packet, socket);
    }
    bool is_proven = is_returned(&packet, socket);
    packet_write(&packet, octets);
    size_t size = PACKET_SIZE;
    if (socket->key_id != 0 && (flags & 4) == 0) {
        size = sign(world, socket->key_id, octets);
    } else if (socket->key_id != 0) {
        is_proven = false;
    }
    if ((flags & 8) != 0) {
        size_t at = take_u8(script) % size;
        octets[at] ^= (uint8_t)(1U << take_u8(script) % 8);
        is_proven = is_proven && socket->key_id == 0;
    }
    socket->is_answered = true;
    world_deliver(world, socket, octets, size, is_proven);
    if ((flags & 16) != 0 && socket->open.association != 0) {
        /* It comes a second time. */
        world_deliver(world, socket, octets, size, false);
    }
}

static void broadcast(struct world *world, struct world_socket *socket, bool is_signed,
                      int64_t by_ns)
{
    uint8_t octets[WORLD_DATAGRAM_MAX];
    struct packet packet = make_answer(world, socket);
    packet.mode = MODE_BROADCAST;
    packet.version = 4;
    packet.origin.bits = 0;
    packet.receive.bits = 0;
    packet.transmit =
        timestamp_from_unix_ns(world_source_time_ns(world, socket, world->now) + by_ns);
    packet_write(&packet, octets);
    size_t size = PACKET_SIZE;
    if (is_signed && socket->key_id != 0) {
        size = sign(world, socket->key_id, octets);
    }
    world_deliver(world, socket, octets, size, is_signed || socket->key_id == 0);
}

/* Some time passes as it should. */
static void live(struct world *world, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        world_run_timer(world, true);
        for (unsigned i = 0; i < WORLD_SOCKETS_MAX; i++) {
            struct world_socket *socket = &world->sockets[i];
            if (socket->open.association == 0 || !socket->has_sent || socket->is_answered) {
                continue;
            }
            struct script none = {.left = 0};
            world_advance(world, NS_PER_MS);
            answer(world, socket, &none, 0);
        }
        struct world_socket *listener = world_socket_at(world, round);
        if (listener != NULL && listener->open.is_shared && listener->key_id == 3) {
            broadcast(world, listener, true, -500 * NS_PER_US);
        }
    }
}

static void resolve(struct world *world, struct script *script)
{
    struct event event = {.kind = EVENT_RESOLVED};
    size_t count = take_u8(script) % (EVENT_ADDRESSES_MAX + 1);
    event.resolved.association = world->resolves[take_u8(script) % WORLD_SOURCES_MAX];
    event.resolved.count = count;
    event.resolved.error = count == 0 ? "no such host" : NULL;
    for (size_t i = 0; i < count && world->remote_count < WORLD_REMOTES_MAX; i++) {
        struct address *address = &event.resolved.addresses[i];
        *address = (struct address){
            .octets = {10, 0, 0, take_u8(script)}, .port = 123, .family = ADDRESS_IPV4};
        world->remotes[world->remote_count++] = *address;
    }
    if (count == 0 || world->remote_count < WORLD_REMOTES_MAX) {
        world_handle(world, &event);
    }
}

static void command(struct world *world, struct script *script)
{
    static const char *const names[] = {"", "one", "four", "192.0.2.1", "pool.example.net", "%s%n"};
    struct event event = {.kind = EVENT_COMMAND};
    event.command.kind = (enum command_kind)(take_u8(script) % (COMMAND_KINDS + 1));
    snprintf(event.command.source, sizeof(event.command.source), "%s", names[take_u8(script) % 6]);
    world_allow_resend(world);
    world_handle(world, &event);
    size_t replies = 0;
    for (size_t i = 0; i < world->actions.count; i++) {
        replies += world->actions.items[i].kind == ACTION_REPLY;
    }
    FUZZ_REQUIRE(replies == 1);
}

static void tell(struct world *world, struct script *script, enum operation operation)
{
    struct event event = {.kind = EVENT_SAVED};
    struct world_socket *socket = world_socket_at(world, take_u8(script));
    if (operation == SAVE) {
        event.saved.what = take_u8(script) % SAVED_KINDS;
        event.saved.error = take_u8(script) % 2 != 0 ? "Read-only file system" : NULL;
        world_handle(world, &event);
    } else if (operation == REFUSE && socket != NULL) {
        event.kind = EVENT_REFUSED;
        event.refused.association = socket->open.association;
        event.refused.error = "Connection refused";
        world_handle(world, &event);
    } else if (operation == STAMP && socket != NULL) {
        event.kind = EVENT_SENT;
        event.sent.stamp = take_u8(script) % 3;
        event.sent.association = socket->open.association;
        event.sent.at = world_reading(world);
        int64_t early_ns = take_duration(script) % (10 * NS_PER_S);
        event.sent.at.mono.ns -= early_ns;
        event.sent.at.wall.ns -= early_ns;
        event.sent.payload = bytes_make(socket->octets, socket->size - take_u8(script) / 128U);
        if (socket->size > 0) {
            world_handle(world, &event);
        }
    }
}

static void disturb(struct world *world, struct script *script, enum operation operation)
{
    struct event event = {.kind = EVENT_DISRUPTED};
    int64_t by_ns = take_duration(script) % WORLD_END_NS;
    struct reading reading = world_reading(world);
    if (operation == DISRUPT) {
        by_ns = world_is_in_range(world->utc_ns + by_ns) ? by_ns : 0;
        world->utc_ns += by_ns;
        world_allow_resend(world);
    } else {
        event.kind = EVENT_CLOCK_SET;
    }
    by_ns = world_is_in_range(reading.wall.ns + by_ns) ? by_ns : 0;
    world->anchor = reading;
    world->anchor.wall.ns += by_ns;
    event.disruption.by_ns = by_ns;
    world_handle(world, &event);
}

static void lie(struct world *world, struct script *script)
{
    struct world_socket *socket = world_socket_at(world, take_u8(script));
    uint8_t how = take_u8(script);
    if (socket == NULL) {
        return;
    }
    struct world_lie *lie = world_lie_of(world, socket);
    lie->since = world->now;
    lie->offset_ns = how % 4 == 0 ? 0 : take_duration(script) % WORLD_END_NS;
    lie->rate_ppm = how % 4 == 1 ? (double)(take_duration(script) % 4000000) : 0;
    lie->rate_ppm = how % 4 == 2 ? -1e6 : lie->rate_ppm;
}

static void exchange(struct world *world, struct script *script, enum operation operation)
{
    struct world_socket *socket = world_socket_at(world, take_u8(script));
    uint8_t flags = take_u8(script);
    if (socket == NULL) {
        return;
    }
    if (operation == BROADCAST) {
        broadcast(world, socket, flags % 4 != 0, take_duration(script));
    } else if (operation == RAW) {
        uint8_t octets[WORLD_DATAGRAM_MAX];
        size_t size = flags % 128;
        for (size_t i = 0; i < size; i++) {
            octets[i] = take_u8(script);
        }
        world_deliver(world, socket, octets, size, socket->key_id == 0 && socket->open.is_shared);
    } else {
        answer(world, socket, script, operation == ANSWER ? flags & 0x13 : flags);
    }
}

static void run_record(struct world *world, struct script *script)
{
    enum operation operation = take_u8(script) % OPERATIONS;
    switch (operation) {
    case WAIT_AND_RUN:
        world_run_timer(world, true);
        break;
    case BE_LATE:
        world_advance(world, take_duration(script));
        world_run_timer(world, false);
        break;
    case HONEST_ROUNDS:
        live(world, take_u8(script) % ROUNDS_MAX);
        break;
    case LIE:
        lie(world, script);
        break;
    case RESOLVE:
        resolve(world, script);
        break;
    case SET_CLOCK:
    case DISRUPT:
        disturb(world, script, operation);
        break;
    case COMMAND:
        command(world, script);
        break;
    case RELOAD:
        world_allow_resend(world);
        world_reload(world, take_u8(script));
        break;
    case STAMP:
    case REFUSE:
    case SAVE:
        tell(world, script, operation);
        break;
    default:
        exchange(world, script, operation);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {.data = data, .left = size};
    struct world *world = calloc(1, sizeof(*world));
    FUZZ_REQUIRE(world != NULL);
    world_begin(world, take_u64(&script, CHOICE_SIZE));
    while (script.left > 0) {
        run_record(world, &script);
    }
    world_end(world);
    free(world);
    return 0;
}
