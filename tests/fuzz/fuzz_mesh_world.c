/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/fuzz_mesh_world.h"

#include <string.h>

#define START_NS (INT64_C(1780000000) * NS_PER_S)
#define TIMESCALE_ID 0x5CA1AB
#define RUNS_MAX 16 /* without time between them */

/* Drawn once, the same in each run. */
static const struct identity *identity_at(size_t index)
{
    static struct identity *identities[WORLD_NODES + 1];
    if (identities[0] == NULL) {
        struct random random;
        char error[IDENTITY_ERROR_MAX];
        random_init_seeded(&random, 4711);
        for (size_t i = 0; i <= WORLD_NODES; i++) {
            identities[i] = identity_create(&random, error);
            FUZZ_REQUIRE(identities[i] != NULL);
        }
    }
    return identities[index];
}

const struct identity *world_identity(enum world_node node)
{
    return identity_at(node);
}

const struct identity *world_ca(void)
{
    return identity_at(WORLD_NODES);
}

uint64_t world_id(enum world_node node)
{
    return identity_id(world_identity(node));
}

static bool make_signature(const struct public_key *key, enum identity_use use,
                           struct bytes message, uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    uint8_t label[1] = {(uint8_t)use};
    struct bytes parts[] = {bytes_make(label, 1), bytes_make(key->octets, IDENTITY_KEY_SIZE),
                            message};
    FUZZ_REQUIRE(secret_digest(parts, 3, signature));
    memcpy(signature + SECRET_SIZE, signature, IDENTITY_SIGNATURE_SIZE - SECRET_SIZE);
    return true;
}

static bool sign(const struct identity_scheme *scheme, const struct identity *identity,
                 enum identity_use use, struct bytes message,
                 uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    (void)scheme;
    return make_signature(identity_public_key(identity), use, message, signature);
}

static bool verify(const struct identity_scheme *scheme, const struct public_key *key,
                   enum identity_use use, struct bytes message,
                   const uint8_t signature[IDENTITY_SIGNATURE_SIZE])
{
    uint8_t expected[IDENTITY_SIGNATURE_SIZE];
    (void)scheme;
    return make_signature(key, use, message, expected) &&
           memcmp(expected, signature, sizeof(expected)) == 0;
}

struct reading world_reading(const struct world *world)
{
    return (struct reading){.mono = world->now, .wall = {START_NS + world->now.ns}};
}

struct mesh_contact *world_contact(const struct world *world, enum world_node node,
                                   enum world_node other)
{
    return mesh_contact_of(world->nodes[node], mesh_find(world->nodes[node], world_id(other)));
}

static struct mesh_options options_of(const struct world *world, enum world_node node)
{
    static const uint8_t group_key[SECRET_SIZE] = {1, 2, 3};
    /* The CA's key is another, so that what the liar is given by script is signed or not. */
    return (struct mesh_options){.identity = world_identity(node),
                                 .scheme = &world->scheme,
                                 .incarnation = world->incarnations[node],
                                 .hlc = world->has_bound[node] ? &world->bounds[node] : NULL,
                                 .membership_epoch = 0xCAFE,
                                 .timescale_id = TIMESCALE_ID,
                                 .members = world->members,
                                 .member_count = WORLD_NODES,
                                 .faults = 1,
                                 .view_size = MESH_VIEW_MAX,
                                 .ca = world->is_open_to_certified ? identity_public_key(world_ca())
                                                                   : NULL,
                                 .interval_ns = 5 * NS_PER_S,
                                 .gamma_ns = 50 * NS_PER_MS,
                                 .poll_min = 4,
                                 .poll_max = 4,
                                 .max_offset_ns = HLC_MAX_OFFSET_DEFAULT_NS,
                                 .payload_max = REPORT_PAYLOAD_MAX,
                                 .group_key = world->has_group ? group_key : NULL,
                                 .group_id = 7};
}

static void begin_node(struct world *world, enum world_node node)
{
    char error[MESH_ERROR_MAX];
    struct mesh_options options = options_of(world, node);
    world->incarnations[node]++;
    options.incarnation = world->incarnations[node];
    world->nodes[node] = mesh_create(&options, &world->randoms[node], world_reading(world), error);
    FUZZ_REQUIRE(world->nodes[node] != NULL);
}

void world_begin(struct world *world, uint8_t choice)
{
    memset(world, 0, sizeof(*world));
    world->now.ns = NS_PER_S;
    world->scheme = (struct identity_scheme){.sign = sign, .verify = verify};
    world->has_group = (choice & 1) != 0;
    world->is_open_to_certified = (choice & 2) != 0;
    random_init_seeded(&world->random, choice);
    for (size_t i = 0; i < WORLD_NODES; i++) {
        struct mesh_member_options *member = &world->members[i];
        snprintf(member->name, sizeof(member->name), "node-%zu", i);
        snprintf(member->host, sizeof(member->host), "192.0.2.%zu", i + 1);
        member->port = WORLD_SERVER_PORT;
        member->key = *identity_public_key(world_identity((enum world_node)i));
        random_init_seeded(&world->randoms[i], 100 + i);
        world->own[i] =
            (struct own_claim){.timescale = (choice & 4) != 0 ? TIMESCALE_MESH : TIMESCALE_UTC,
                               .is_bounded = true,
                               .is_synchronised = true,
                               .hops = (choice & 4) != 0 ? REPORT_HOPS_NONE : 1,
                               .before_ns = 2 * NS_PER_MS,
                               .after_ns = 3 * NS_PER_MS,
                               .drift_ppm = 0.3,
                               .drift_max_ppm = 15};
    }
    for (size_t i = 0; i < WORLD_NODES; i++) {
        begin_node(world, (enum world_node)i);
    }
}

void world_end(struct world *world)
{
    for (size_t i = 0; i < WORLD_NODES; i++) {
        mesh_destroy(world->nodes[i]);
    }
}

void world_restart(struct world *world, enum world_node node)
{
    mesh_destroy(world->nodes[node]);
    begin_node(world, node);
}

void world_reload(struct world *world, enum world_node node, uint8_t choice)
{
    char error[MESH_ERROR_MAX];
    struct mesh_options options = options_of(world, node);
    options.faults = choice % 2;
    options.poll_max = (int8_t)(4 + choice % 4);
    bool is_taken = mesh_configure(world->nodes[node], &options, world_reading(world), error);
    FUZZ_REQUIRE(is_taken);
    options = options_of(world, node);
    FUZZ_REQUIRE(mesh_configure(world->nodes[node], &options, world_reading(world), error));
}

/* Stamps only ever rise, over restarts too, and no message pushes them further than it may. */
static void check_stamp(struct world *world, enum world_node node)
{
    struct hlc_stamp stamp;
    enum hlc_verdict verdict = mesh_stamp(world->nodes[node], world->now, NULL, &stamp);
    FUZZ_REQUIRE((unsigned)verdict < HLC_VERDICTS);
    if (verdict != HLC_OK && verdict != HLC_STALLED) {
        return;
    }
    FUZZ_REQUIRE(!world->has_stamp[node] || hlc_is_after(stamp, world->stamps[node]));
    struct wall latest = {world_reading(world).wall.ns + world->own[node].after_ns};
    /* A restart begins where the last bound was. */
    int64_t most_ns = HLC_MAX_OFFSET_DEFAULT_NS + 2 * world->nodes[node]->hlc.ahead_ns;
    FUZZ_REQUIRE(node == LIAR || !hlc_is_ahead(stamp, latest, most_ns));
    world->stamps[node] = stamp;
    world->has_stamp[node] = true;
}

/* Whatever the liar says, honest nodes keep each other. */
static void check_honest(struct world *world)
{
    for (int node = VICTIM; node <= COMPANION; node++) {
        enum world_node other = node == VICTIM ? COMPANION : VICTIM;
        const struct mesh *mesh = world->nodes[node];
        const struct mesh_contact *contact = world_contact(world, (enum world_node)node, other);
        size_t member = mesh_find(mesh, world_id(other));
        FUZZ_REQUIRE(member != MESH_NOBODY);
        FUZZ_REQUIRE(mesh_is_member(mesh, member));
        FUZZ_REQUIRE(!mesh->members[member].has_left);
        FUZZ_REQUIRE(mesh->members[member].incarnation <= world->incarnations[other]);
        FUZZ_REQUIRE(contact == NULL || verdict_state(&contact->verdict) != VERDICT_CONVICTED);
        check_stamp(world, (enum world_node)node);
    }
}

/* What the host would do of it. */
static void perform(struct world *world, enum world_node node)
{
    for (size_t i = 0; i < world->out.count; i++) {
        const struct action *action = &world->out.items[i];
        if (action->kind == ACTION_SAVE && action->save.what == SAVED_HLC) {
            world->bounds[node] = action->save.hlc;
            world->has_bound[node] = true;
            mesh_saved(world->nodes[node], true, world->now);
        }
    }
}

static struct mesh_outlook outlook_of(const struct world *world, enum world_node node)
{
    struct mesh_outlook outlook = {.own = world->own[node]};
    outlook.own.clock = world_reading(world).wall;
    for (int i = 0; i < WORLD_NODES; i++) {
        if (i != (int)node) {
            outlook.peers[outlook.count].id = world_id((enum world_node)i);
            outlook.peers[outlook.count++].measure = (struct member_measure){.has_estimate = true,
                                                                             .offset_ns = 1000,
                                                                             .offset_sd_ns = 2000,
                                                                             .delay_ns = NS_PER_MS,
                                                                             .sampled = world->now};
        }
    }
    return outlook;
}

void world_look(struct world *world, enum world_node node)
{
    struct mesh_outlook outlook = outlook_of(world, node);
    mesh_look(world->nodes[node], &outlook.own, world->now);
    if (mesh_needs_signature(world->nodes[node], world->now)) {
        mesh_sign(world->nodes[node], &outlook, world_reading(world));
    }
}

void world_run(struct world *world, enum world_node node)
{
    size_t runs = 0;
    while (mesh_deadline(world->nodes[node]).ns <= world->now.ns) {
        struct mesh_outlook outlook = outlook_of(world, node);
        FUZZ_REQUIRE(++runs <= RUNS_MAX);
        world_look(world, node);
        world->out.count = 0;
        mesh_run(world->nodes[node], &outlook, world_reading(world), &world->out);
        perform(world, node);
    }
    check_honest(world);
}

void world_pass(struct world *world, int64_t duration_ns)
{
    world->now.ns += duration_ns;
    for (int i = 0; i < WORLD_NODES; i++) {
        world_run(world, (enum world_node)i);
    }
}

void world_remember(struct world *world, struct world_packet *packet)
{
    packet->is_taken = false;
    packet->number = 0;
    if (packet->size > 0) {
        packet->number = ++world->history_count;
        world->history[packet->number % WORLD_HISTORY] = *packet;
    }
}

static void note_taken(struct world *world, const struct world_packet *packet)
{
    struct world_packet *kept = &world->history[packet->number % WORLD_HISTORY];
    kept->is_taken |= kept->number == packet->number;
}

static void take_send(struct world *world, const struct action_send *send, enum world_node from,
                      enum world_node to, struct world_packet *packet)
{
    FUZZ_REQUIRE(send->size <= sizeof(packet->octets));
    packet->from = from;
    packet->to = to;
    packet->size = send->size;
    memcpy(packet->octets, send->payload, send->size);
    world_remember(world, packet);
}

bool world_request(struct world *world, enum world_node from, enum world_node to,
                   struct world_packet *packet)
{
    struct action_send send = {.size = PACKET_SIZE};
    struct packet request = {.leap = LEAP_UNSYNCHRONISED,
                             .version = PACKET_VERSION_MAX,
                             .mode = MODE_CLIENT,
                             .transmit = {random_u64(&world->random)}};
    world_look(world, from);
    packet_write(&request, send.payload);
    mesh_dress(world->nodes[from], world_id(to), world_reading(world), &send);
    packet->is_answer = false;
    take_send(world, &send, from, to, packet);
    return packet->size > 0;
}

void world_answer_header(const struct world *world, const uint8_t request[PACKET_SIZE],
                         uint8_t header[PACKET_SIZE])
{
    struct packet asked;
    FUZZ_REQUIRE(packet_parse(bytes_make(request, PACKET_SIZE), &asked) == PACKET_OK);
    struct timestamp now = timestamp_from_unix_ns(world_reading(world).wall.ns);
    struct packet answer = {.version = PACKET_VERSION_MAX,
                            .mode = MODE_SERVER,
                            .stratum = 2,
                            .origin = asked.transmit,
                            .receive = now,
                            .transmit = now};
    packet_write(&answer, header);
}

static struct datagram datagram_of(const struct world *world, const struct world_packet *packet)
{
    struct address from = {.octets = {192, 0, 2, (uint8_t)(packet->from + 1)},
                           .port = WORLD_SERVER_PORT,
                           .family = ADDRESS_IPV4};
    struct address to = {.octets = {192, 0, 2, (uint8_t)(packet->to + 1)},
                         .port = WORLD_SERVER_PORT,
                         .family = ADDRESS_IPV4};
    if (packet->is_answer) {
        to.port = (uint16_t)(40000 + packet->from);
    } else {
        from.port = (uint16_t)(40000 + packet->to);
    }
    return (struct datagram){.source = from,
                             .destination = to,
                             .association = packet->is_answer ? 1 : 0,
                             .received = world_reading(world),
                             .payload = bytes_make(packet->octets, packet->size)};
}

/* What of a contact nobody may change without its keys. */
struct untouched {
    bool is_there;
    bool has_report;
    struct mono heard;
    enum verdict_state state;
    uint8_t digest[SECRET_SIZE];
};

static struct untouched look_at(const struct world *world, const struct world_packet *packet)
{
    struct untouched seen = {.has_report = false};
    const struct mesh_contact *contact = world_contact(world, packet->to, packet->from);
    seen.is_there = contact != NULL;
    if (contact != NULL) {
        seen.has_report = contact->has_report;
        seen.heard = contact->heard;
        seen.state = verdict_state(&contact->verdict);
        memcpy(seen.digest, contact->digest, sizeof(seen.digest));
    }
    return seen;
}

static void check_untouched(const struct untouched *before, const struct untouched *after)
{
    FUZZ_REQUIRE(before->has_report == after->has_report);
    FUZZ_REQUIRE(!before->is_there || before->heard.ns == after->heard.ns);
    FUZZ_REQUIRE(before->state == after->state);
    FUZZ_REQUIRE(memcmp(before->digest, after->digest, sizeof(before->digest)) == 0);
}

static void check_opened(const struct mesh_opened *opened)
{
    const struct member_claim *claim = &opened->claim;
    FUZZ_REQUIRE(opened->id != 0);
    FUZZ_REQUIRE(claim->before_ns + claim->after_ns >= 0);
    FUZZ_REQUIRE(claim->is_bounded || (claim->before_ns == 0 && claim->after_ns == 0));
}

/* The first datagram among the actions. It is never longer than what it answers, and goes there. */
static bool find_reply(struct world *world, const struct world_packet *packet,
                       struct world_packet *reply)
{
    for (size_t i = 0; i < world->out.count; i++) {
        const struct action *action = &world->out.items[i];
        if (action->kind == ACTION_SEND) {
            FUZZ_REQUIRE(packet->is_answer || action->send.size <= packet->size);
            reply->is_answer = !packet->is_answer;
            take_send(world, &action->send, packet->to, packet->from, reply);
            return true;
        }
    }
    return false;
}

static void answer(struct world *world, const struct world_packet *packet,
                   const struct mesh_opened *request, struct world_packet *reply)
{
    struct action_send send = {.size = PACKET_SIZE};
    world_answer_header(world, request->header, send.payload);
    mesh_answer(world->nodes[packet->to], request, world_reading(world), &send);
    FUZZ_REQUIRE(send.size <= packet->size);
    reply->is_answer = true;
    take_send(world, &send, packet->to, packet->from, reply);
}

enum mesh_verdict world_deliver(struct world *world, const struct world_packet *packet,
                                bool is_proven, struct world_packet *reply)
{
    struct mesh *mesh = world->nodes[packet->to];
    struct datagram datagram = datagram_of(world, packet);
    struct mesh_opened opened;
    enum mesh_verdict verdict = MESH_PLAIN;
    reply->size = 0;
    world_look(world, packet->to);
    struct untouched before = look_at(world, packet);
    world->out.count = 0;
    if (packet->is_answer) {
        verdict = mesh_open(mesh, world_id(packet->from), &datagram, world_reading(world), &opened,
                            &world->out);
    } else if (mesh_wants(mesh, &datagram)) {
        verdict = mesh_serve(mesh, &datagram, world_reading(world), &opened, &world->out);
    }
    FUZZ_REQUIRE((unsigned)verdict < MESH_VERDICTS);
    FUZZ_REQUIRE(mesh_verdict_name(verdict)[0] != '\0');
    if (is_proven) {
        note_taken(world, packet);
    } else {
        struct untouched after = look_at(world, packet);
        FUZZ_REQUIRE(verdict != MESH_TIME);
        check_untouched(&before, &after);
    }
    bool is_time = verdict == MESH_TIME;
    if (is_time) {
        check_opened(&opened);
    }
    perform(world, packet->to);
    if (is_time && !packet->is_answer) {
        answer(world, packet, &opened, reply);
    } else if (!find_reply(world, packet, reply) && verdict == MESH_HANDLED && opened.is_ready) {
        (void)world_request(world, packet->to, packet->from, reply);
    }
    check_honest(world);
    return verdict;
}
