/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/fuzz_sync_world.h"

#include <math.h>
#include <string.h>

/* So many timers may follow each other at one instant: all that many sources want, and no more. */
#define IMMEDIATE_MAX 96
#define BURST_PACE_NS (2 * NS_PER_S)
#define TIMES 8

/* Where a run begins: usual days, a leap second's eve, the last second of an era, clocks that don't
 * know the year. */
static const int64_t utc_s[TIMES] = {1795132800, 1782863990, 2085978490, 1735689590,
                                     0,          4102444800, 1798761500, 1798761595};
static const int64_t wrong_s[TIMES] = {0, 1, -1, 100, -3600, 86400, -1795132800, 2000000000};

static const char keys[] = "1 MD5 ASCII:interopMD5key_01\n"
                           "2 SHA1 HEX:a5000102030405060708090a0b0c0d0e0f101112\n"
                           "3 AES128 HEX:c5000102030405060708090a0b0c0d0e\n";

struct reading world_reading(const struct world *world)
{
    int64_t elapsed_ns = world->now.ns - world->anchor.mono.ns;
    int64_t gained_ns = llround((double)elapsed_ns * world->frequency_ppm * 1e-6);
    return (struct reading){world->now, {world->anchor.wall.ns + elapsed_ns + gained_ns}};
}

static struct source_options make_source(const char *name, const char *host, enum source_kind kind,
                                         uint32_t key_id)
{
    struct source_options options = source_options_default();
    snprintf(options.name, sizeof(options.name), "%s", name);
    snprintf(options.host, sizeof(options.host), "%s", host);
    options.kind = kind;
    options.key_id = key_id;
    return options;
}

/* One of each kind. */
static size_t make_sources(struct source_options *sources, uint64_t choice)
{
    size_t count = 0;
    sources[count++] = make_source("one", "192.0.2.1", SOURCE_SERVER, 0);
    sources[count++] = make_source("two", "2001:db8::2", SOURCE_SERVER, 1);
    sources[count++] = make_source("three", "192.0.2.3", SOURCE_PEER, 0);
    sources[count++] = make_source("four", "192.0.2.4", SOURCE_PEER, 2);
    sources[count++] = make_source("five", "192.0.2.5", SOURCE_BROADCAST_CLIENT, 3);
    sources[count++] = make_source("six", "pool.example.net", SOURCE_POOL, 0);
    sources[count++] = make_source("seven", "192.0.2.7", SOURCE_SERVER, 0);
    sources[count++] = make_source("eight", "192.0.2.255", SOURCE_BROADCAST_SERVER, 2);
    sources[count++] = make_source("nine", "name.example.net", SOURCE_SERVER, 2);
    sources[6].is_interleaved = true;
    sources[6].is_burst = true;
    sources[2].is_iburst = (choice & 1) != 0;
    sources[0].is_prefer = (choice & 2) != 0;
    sources[1].is_trust = (choice & 4) != 0;
    sources[3].is_noselect = (choice & 8) != 0;
    sources[0].max_delay_ratio = (choice & 16) != 0 ? 2 : 0;
    sources[1].version = (choice & 32) != 0 ? 3 : 4;
    sources[6].version = (choice & 64) != 0 ? 1 : 4;
    for (size_t i = 0; i < count; i++) {
        sources[i].poll_min = (int8_t)((choice >> (8 + i)) % 2 != 0 ? 6 : -2 + (int)i);
        sources[i].poll_max = (int8_t)(sources[i].poll_min + 4);
        sources[i].filter = (choice >> 20) % 4 == 3 ? FILTER_REGRESSION : FILTER_BANK;
    }
    /* Alone, some of them are believed. */
    unsigned first = (unsigned)(choice >> 24) % 4;
    if (first != 0) {
        size_t at = (first - 1) * 3;
        sources[0] = sources[at];
        count = 1;
    }
    return count;
}

static void make_options(struct world *world, uint64_t choice)
{
    struct sync_options *options = &world->options;
    *options = sync_options_default();
    options->sources = world->sources;
    options->source_count = make_sources(world->sources, choice >> 16);
    options->keyring = &world->keyring;
    options->is_shadow = (choice & 1) != 0;
    options->is_orphan = (choice & 2) != 0;
    options->local_stratum = (choice & 2) != 0 ? 10 : 0;
    options->leap = (enum sync_leap)(choice >> 2 & 3) % 3;
    options->bound.drift_class = (enum drift_class)(choice >> 4 & 3) % DRIFT_CLASSES;
    options->faults = (choice & 64) != 0 ? 1 : SYNC_FAULTS_AUTO;
    options->discipline.step_updates = (choice & 128) != 0 ? 1000000 : 3;
    options->min_sources = (choice & 256) != 0 ? 2 : 1;
    options->discipline.panic_ns = (choice & 512) != 0 ? 0 : 1000 * NS_PER_S;
}

void world_begin(struct world *world, uint64_t choice)
{
    char error[SYNC_ERROR_MAX];
    random_init_seeded(&world->random, choice);
    FUZZ_REQUIRE(keyring_parse(keys, &world->keyring, error));
    world->macs = macs_create(&world->keyring, error);
    FUZZ_REQUIRE(world->macs != NULL);
    world->now.ns = NS_PER_S;
    world->utc_ns = utc_s[choice >> 10 & 7] * NS_PER_S;
    world->oscillator_ppm = (double)(int)(choice >> 44 & 255) - 128;
    world->anchor.mono = world->now;
    world->anchor.wall.ns = world->utc_ns + wrong_s[choice >> 13 & 7] * NS_PER_S;
    make_options(world, choice);
    world->node = node_create(&(struct node_options){.sync = &world->options}, &world->random,
                              world_reading(world), error);
    FUZZ_REQUIRE(world->node != NULL);
    for (size_t i = 0; i < world->options.source_count; i++) {
        struct address *remote = &world->remotes[world->remote_count];
        world->remote_count += address_parse(world->sources[i].host, 123, remote);
    }
    world_check(world);
}

void world_end(struct world *world)
{
    world->actions.count = 0;
    node_stop(world->node, world_reading(world), &world->actions);
    for (size_t i = 0; i < world->actions.count; i++) {
        world_check_action(world, &world->actions.items[i]);
    }
    node_destroy(world->node);
    macs_destroy(world->macs);
    keyring_clear(&world->keyring);
}

struct world_socket *world_socket_at(struct world *world, unsigned choice)
{
    for (size_t i = 0; i < WORLD_SOCKETS_MAX; i++) {
        struct world_socket *socket = &world->sockets[(choice + i) % WORLD_SOCKETS_MAX];
        if (socket->open.association != 0) {
            return socket;
        }
    }
    return NULL;
}

static struct world_socket *find_socket(struct world *world, uint32_t association)
{
    for (size_t i = 0; i < WORLD_SOCKETS_MAX; i++) {
        if (world->sockets[i].open.association == association) {
            return &world->sockets[i];
        }
    }
    return NULL;
}

static bool is_known(const struct world *world, const struct address *remote)
{
    for (size_t i = 0; i < world->remote_count; i++) {
        if (address_is_same(&world->remotes[i], remote)) {
            return true;
        }
    }
    return false;
}

static void perform_open(struct world *world, const struct action_open *open)
{
    struct world_untouched who;
    FUZZ_REQUIRE(open->association != 0 && find_socket(world, open->association) == NULL);
    FUZZ_REQUIRE(is_known(world, &open->remote));
    struct world_socket *socket = find_socket(world, 0);
    FUZZ_REQUIRE(socket != NULL);
    *socket = (struct world_socket){.open = *open, .is_resend_allowed = true};
    world_look(world, open->association, &who);
    FUZZ_REQUIRE(who.is_found);
    socket->key_id = who.status.key_id;
    for (size_t i = 0; i < world->options.source_count; i++) {
        const struct source_options *source = &world->sources[i];
        if (strcmp(source->name, who.status.name) == 0) {
            int64_t poll_ns = timestamp_log2_to_ns(source->poll_min);
            socket->pace_ns = poll_ns < BURST_PACE_NS ? poll_ns : BURST_PACE_NS;
        }
    }
}

static void perform_send(struct world *world, const struct action_send *send)
{
    struct world_socket *socket = find_socket(world, send->association);
    FUZZ_REQUIRE(send->association != 0 && socket != NULL);
    FUZZ_REQUIRE(address_is_same(&send->destination, &socket->open.remote));
    FUZZ_REQUIRE(send->size >= PACKET_SIZE && send->size <= sizeof(send->payload));
    if (socket->has_sent && !socket->is_resend_allowed) {
        FUZZ_REQUIRE(world->now.ns - socket->sent_at.ns >= socket->pace_ns);
    }
    socket->is_resend_allowed = false;
    socket->has_sent = true;
    socket->is_answered = false;
    socket->sent_at = world->now;
    socket->size = send->size;
    memcpy(socket->octets, send->payload, send->size);
}

static void perform(struct world *world, const struct action *action)
{
    world_check_action(world, action);
    struct world_socket *socket;
    struct reading reading = world_reading(world);
    switch (action->kind) {
    case ACTION_OPEN:
        perform_open(world, &action->open);
        break;
    case ACTION_CLOSE:
        socket = find_socket(world, action->close);
        FUZZ_REQUIRE(socket != NULL);
        *socket = (struct world_socket){.is_answered = false};
        break;
    case ACTION_SEND:
        perform_send(world, &action->send);
        break;
    case ACTION_RESOLVE:
        world->resolves[world->resolve_count++ % WORLD_SOURCES_MAX] = action->resolve.association;
        break;
    case ACTION_STEER:
        world->anchor = reading;
        world->anchor.wall.ns += action->steer.step_ns;
        world->frequency_ppm = action->steer.frequency_ppm;
        break;
    default:
        break;
    }
}

void world_allow_resend(struct world *world)
{
    for (size_t i = 0; i < WORLD_SOCKETS_MAX; i++) {
        world->sockets[i].is_resend_allowed = true;
    }
}

static void perform_all(struct world *world)
{
    FUZZ_REQUIRE(world->actions.count <= ACTIONS_MAX);
    for (size_t i = 0; i < world->actions.count; i++) {
        perform(world, &world->actions.items[i]);
    }
    world_check(world);
}

void world_handle(struct world *world, struct event *event)
{
    event->now = world_reading(world);
    world->actions.count = 0;
    node_handle(world->node, event, &world->actions);
    FUZZ_REQUIRE(node_deadline(world->node).ns >= world->now.ns);
    perform_all(world);
}

void world_reload(struct world *world, unsigned choice)
{
    char error[SYNC_ERROR_MAX];
    struct sync_options options = world->options;
    struct source_options sources[WORLD_SOURCES_MAX];
    memcpy(sources, world->sources, sizeof(sources));
    options.sources = sources;
    if (choice % 4 == 0 && options.source_count > 1) {
        options.source_count--;
    } else {
        sources[choice / 4 % options.source_count].min_samples += choice % 2;
    }
    world->actions.count = 0;
    /* It may be refused: the one before is not finished yet. */
    if (!node_configure(world->node, &(struct node_options){.sync = &options}, world_reading(world),
                        &world->actions, error)) {
        FUZZ_REQUIRE(error[0] != '\0');
    }
    perform_all(world);
}

void world_advance(struct world *world, int64_t by_ns)
{
    if (by_ns > 0 && by_ns < WORLD_END_NS - world->now.ns) {
        world->now.ns += by_ns;
        world->immediate = 0;
    }
}

void world_run_timer(struct world *world, bool is_waiting)
{
    int64_t deadline_ns = node_deadline(world->node).ns;
    if (deadline_ns > world->now.ns && is_waiting) {
        world_advance(world, deadline_ns < WORLD_END_NS ? deadline_ns - world->now.ns : 0);
    }
    if (deadline_ns > world->now.ns) {
        return;
    }
    world->immediate++;
    FUZZ_REQUIRE(world->immediate < IMMEDIATE_MAX);
    struct event event = {.kind = EVENT_TIMER};
    world_handle(world, &event);
}

struct world_lie *world_lie_of(struct world *world, const struct world_socket *socket)
{
    const struct address *remote = &socket->open.remote;
    return &world->lies[remote->octets[remote->family == ADDRESS_IPV4 ? 3 : 15] % 16];
}

int64_t world_source_time_ns(const struct world *world, const struct world_socket *socket,
                             struct mono at)
{
    const struct address *remote = &socket->open.remote;
    const struct world_lie *lie =
        &world->lies[remote->octets[remote->family == ADDRESS_IPV4 ? 3 : 15] % 16];
    double gained_ns = (double)at.ns * world->oscillator_ppm * 1e-6;
    double lied_ns = (double)(at.ns - lie->since.ns) * lie->rate_ppm * 1e-6;
    return world->utc_ns + at.ns + llround(gained_ns + lied_ns) + lie->offset_ns;
}

void world_deliver(struct world *world, struct world_socket *socket, const uint8_t *octets,
                   size_t size, bool is_proven)
{
    static struct world_untouched before, after;
    uint32_t association = socket->open.association;
    struct event event = {.kind = EVENT_DATAGRAM};
    event.datagram = (struct datagram){
        .source = socket->open.remote,
        .destination = {.octets = {192, 0, 2, 100}, .port = 123, .family = ADDRESS_IPV4},
        .stamp = STAMP_KERNEL,
        .association = association,
        .received = world_reading(world),
        .payload = bytes_make(octets, size)};
    if (socket->open.is_shared) {
        /* It comes by the server's sockets, if the node wants it. */
        event.datagram.association = 0;
        if (!node_wants(world->node, &event.datagram)) {
            return;
        }
    }
    world_look(world, association, &before);
    world_handle(world, &event);
    if (!is_proven) {
        world_look(world, association, &after);
        world_check_untouched(&before, &after);
    }
}
