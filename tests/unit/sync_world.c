/* SPDX-License-Identifier: MIT */
#include "tests/unit/sync_world.h"
#include "ntpwire/packet.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PPM 1e-6

void sync_world_init(struct sync_world *world, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    random_init_seeded(&world->random, seed);
    world->rate_ppm = 20;
    world->is_checked = true;
    world->start_ns = SYNC_WORLD_START;
}

size_t sync_world_add(struct sync_world *world, const char *address)
{
    world->servers[world->server_count] = (struct sync_world_server){.address = address,
                                                                     .delay_ns = NS_PER_MS,
                                                                     .jitter_ns = 100e3,
                                                                     .stratum = 1,
                                                                     .root_dispersion_ns = 20000};
    return world->server_count++;
}

struct source_options sync_world_source(const char *name, const char *host)
{
    struct source_options options = source_options_default();
    snprintf(options.name, sizeof(options.name), "%s", name);
    snprintf(options.host, sizeof(options.host), "%s", host);
    options.poll_min = 4;
    options.poll_max = 4;
    return options;
}

static struct mono mono_at(const struct sync_world *world, int64_t truth_ns)
{
    int64_t counted_ns = truth_ns - world->slept_ns;
    return (struct mono){SYNC_WORLD_MONO + counted_ns +
                         llround((double)counted_ns * world->rate_ppm * PPM)};
}

static int64_t truth_at(const struct sync_world *world, struct mono mono)
{
    double counted = (double)(mono.ns - SYNC_WORLD_MONO) / (1 + world->rate_ppm * PPM);
    int64_t truth_ns = (int64_t)counted + world->slept_ns;
    while (mono_at(world, truth_ns).ns < mono.ns) {
        truth_ns++;
    }
    return truth_ns;
}

int64_t sync_world_utc(const struct sync_world *world)
{
    bool has_leapt = world->leap_at_ns > 0 && world->truth_ns >= world->leap_at_ns;
    return world->start_ns + world->truth_ns + (has_leapt ? world->leap_by_ns : 0);
}

struct reading sync_world_now(const struct sync_world *world)
{
    struct mono mono = mono_at(world, world->truth_ns);
    int64_t elapsed_ns = mono.ns - world->clock_mono_ns;
    return (struct reading){
        mono,
        {world->clock_wall_ns + elapsed_ns + llround((double)elapsed_ns * world->clock_ppm * PPM)}};
}

bool sync_world_start(struct sync_world *world, const struct sync_options *options,
                      int64_t offset_ns)
{
    char error[SYNC_ERROR_MAX];
    world->clock_mono_ns = mono_at(world, world->truth_ns).ns;
    world->clock_wall_ns = sync_world_utc(world) + offset_ns;
    world->sync = sync_create(options, &world->random, sync_world_now(world), error);
    return world->sync != NULL;
}

void sync_world_end(struct sync_world *world)
{
    CU_ASSERT_EQUAL(world->outside, 0);
    CU_ASSERT_EQUAL(world->claims_outside, 0);
    CU_ASSERT_EQUAL(world->kernel_outside, 0);
    CU_ASSERT_EQUAL(world->backwards, 0);
    sync_destroy(world->sync);
    world->sync = NULL;
}

static void steer(struct sync_world *world, const struct action_steer *steer)
{
    struct reading now = sync_world_now(world);
    world->clock_mono_ns = now.mono.ns;
    world->clock_wall_ns = now.wall.ns + steer->step_ns;
    world->clock_ppm = steer->frequency_ppm;
    world->steer = *steer;
    world->steers++;
    world->steps += steer->step_ns != 0;
}

static struct sync_world_flight *launch(struct sync_world *world, size_t server)
{
    const struct sync_world_server *at = &world->servers[server];
    for (size_t i = 0; i < SYNC_WORLD_FLIGHTS; i++) {
        struct sync_world_flight *flight = &world->flights[i];
        if (!flight->is_used) {
            double wait = -log(1 - random_unit(&world->random)) * at->jitter_ns;
            *flight =
                (struct sync_world_flight){.is_used = true,
                                           .server = server,
                                           .at_ns = world->truth_ns + at->delay_ns + (int64_t)wait};
            return flight;
        }
    }
    CU_FAIL_FATAL("too many datagrams in flight");
    return NULL;
}

static void send(struct sync_world *world, const struct action_send *send)
{
    struct address address;
    for (size_t i = 0; i < world->server_count; i++) {
        if (!address_parse(world->servers[i].address, 123, &address) ||
            !address_is_same(&address, &send->destination)) {
            continue;
        }
        world->servers[i].asked++;
        if (!world->servers[i].is_silent) {
            struct sync_world_flight *flight = launch(world, i);
            flight->association = send->association;
            flight->size = send->size;
            CU_ASSERT_TRUE_FATAL(send->size <= sizeof(flight->payload));
            memcpy(flight->payload, send->payload, send->size);
        }
        return;
    }
}

static void resolve(struct sync_world *world, const struct action_resolve *resolve)
{
    static struct event event;
    event = (struct event){.now = sync_world_now(world), .kind = EVENT_RESOLVED};
    event.resolved.association = resolve->association;
    event.resolved.error = "no such name";
    world->resolves++;
    for (size_t i = 0; i < world->name_count; i++) {
        if (strcmp(world->names[i].host, resolve->host) == 0) {
            for (size_t j = 0; j < world->names[i].count; j++) {
                CU_ASSERT_TRUE(address_parse(world->names[i].addresses[j], resolve->port,
                                             &event.resolved.addresses[j]));
            }
            event.resolved.count = world->names[i].count;
        }
    }
    sync_world_handle(world, &event);
}

static void report(struct sync_world *world, const char *text)
{
    size_t size = strlen(world->reports);
    snprintf(world->reports + size, sizeof(world->reports) - size, "%s\n", text);
}

static void perform(struct sync_world *world, const struct action *action)
{
    switch (action->kind) {
    case ACTION_SEND:
        CU_ASSERT_TRUE(world->is_open[action->send.association]);
        send(world, &action->send);
        break;
    case ACTION_OPEN:
        /* No number twice. */
        CU_ASSERT_TRUE_FATAL(action->open.association > world->highest &&
                             action->open.association < SYNC_WORLD_ASSOCIATIONS);
        world->highest = action->open.association;
        for (size_t i = 0; i < SYNC_WORLD_ASSOCIATIONS; i++) {
            CU_ASSERT_FALSE(world->is_open[i] &&
                            address_is_same(&world->remotes[i], &action->open.remote));
        }
        world->is_open[action->open.association] = true;
        world->remotes[action->open.association] = action->open.remote;
        world->opens++;
        break;
    case ACTION_CLOSE:
        world->is_open[action->close] = false;
        world->closes++;
        break;
    case ACTION_RESOLVE:
        resolve(world, &action->resolve);
        break;
    case ACTION_STEER:
        steer(world, &action->steer);
        break;
    case ACTION_KERNEL:
        world->kernel = action->kernel;
        world->kernels++;
        break;
    case ACTION_PUBLISH:
        world->state = action->publish;
        world->publishes++;
        break;
    case ACTION_SAVE:
        world->saves_rate += action->save.what == SAVED_RATE;
        world->saves_time += action->save.what == SAVED_TIME;
        world->rate = action->save.what == SAVED_RATE ? action->save : world->rate;
        break;
    case ACTION_REPORT:
        report(world, action->report.text);
        break;
    case ACTION_REPLY:
        world->reply = action->reply;
        break;
    case ACTION_MEASURED:
        break;
    }
}

static void check_interval(struct sync_world *world)
{
    struct interval interval;
    struct reading now = sync_world_now(world);
    if (!sync_interval(world->sync, now.mono, &interval)) {
        return;
    }
    world->outside += !interval_contains(interval, sync_world_utc(world));
    if (world->has_last && world->last_epoch == sync_epoch(world->sync)) {
        world->backwards += interval.earliest_ns < world->last.earliest_ns;
    }
    world->has_last = true;
    world->last = interval;
    world->last_epoch = sync_epoch(world->sync);
}

static void check(struct sync_world *world)
{
    struct reading now = sync_world_now(world);
    if (!world->is_checked) {
        world->has_last = false;
        return;
    }
    world->checks++;
    check_interval(world);
    const struct sync_state *state = sync_claim(world->sync);
    /* Which of two readings of a leap second is meant can't be told by what is served. */
    bool is_ambiguous =
        world->leap_at_ns > 0 && llabs(world->truth_ns - world->leap_at_ns) < 20 * NS_PER_MS;
    if (state->stratum < 16 && sync_world_is_utc(world) && !world->is_smeared && !is_ambiguous) {
        int64_t error_ns = sync_state_utc(state, now).ns - sync_world_utc(world);
        int64_t bound_ns = state->root_delay_ns / 2 + sync_state_dispersion_ns(state, now.mono);
        world->claims_outside += llabs(error_ns) > bound_ns;
    }
    if (world->kernels > 0 && world->kernel.is_synchronised && !is_ambiguous) {
        /* The kernel's own error grows by 500 ppm; updates come every 16 s. */
        int64_t bound_ns = world->kernel.error_max_ns + 16 * 500 * NS_PER_US;
        world->kernel_outside += llabs(now.wall.ns - sync_world_utc(world)) > bound_ns;
    }
}

static void perform_all(struct sync_world *world, struct actions *actions)
{
    for (size_t i = 0; i < actions->count; i++) {
        perform(world, &actions->items[i]);
    }
    free(actions);
    check(world);
}

void sync_world_handle(struct sync_world *world, struct event *event)
{
    struct actions *actions = calloc(1, sizeof(*actions));
    CU_ASSERT_PTR_NOT_NULL_FATAL(actions);
    sync_handle(world->sync, event, actions);
    perform_all(world, actions);
}

/* As a node does that has opened it. */
static void hand_over(struct sync_world *world, const struct sync_world_server *server,
                      const struct event *event)
{
    struct actions *actions = calloc(1, sizeof(*actions));
    CU_ASSERT_PTR_NOT_NULL_FATAL(actions);
    CU_ASSERT_EQUAL(sync_member_of(world->sync, event->datagram.association), server->member);
    sync_member_receive(world->sync, server->member, event, &server->claim, actions);
    perform_all(world, actions);
}

void sync_world_command(struct sync_world *world, enum command_kind kind, const char *source)
{
    struct event event = {.now = sync_world_now(world), .kind = EVENT_COMMAND};
    event.command.kind = kind;
    snprintf(event.command.source, sizeof(event.command.source), "%s", source);
    world->reply = (struct action_reply){.text = ""};
    sync_world_handle(world, &event);
}

/* A request arrives at its server: the answer leaves. */
static void answer(struct sync_world *world, struct sync_world_flight *request)
{
    const struct sync_world_server *server = &world->servers[request->server];
    struct packet packet;
    CU_ASSERT_EQUAL_FATAL(packet_parse(bytes_make(request->payload, request->size), &packet),
                          PACKET_OK);
    int64_t clock_ns = sync_world_utc(world) + server->lie_ns +
                       llround((double)world->truth_ns * server->lie_ppm * PPM);
    struct packet reply = {.leap = server->kiss != 0 ? LEAP_UNSYNCHRONISED : server->leap,
                           .version = packet.version,
                           .mode = MODE_SERVER,
                           .stratum = server->kiss != 0 ? 0 : server->stratum,
                           .poll = packet.poll,
                           .precision = -24,
                           .root_dispersion = timestamp_short_from_ns(server->root_dispersion_ns),
                           .refid = server->kiss != 0 ? server->kiss : server->refid,
                           .reference = timestamp_from_unix_ns(clock_ns - NS_PER_S),
                           .origin = packet.transmit,
                           .receive = timestamp_from_unix_ns(clock_ns),
                           .transmit = timestamp_from_unix_ns(clock_ns + 10000)};
    if (server->is_forging) {
        reply.origin.bits ^= 1;
    }
    uint32_t association = request->association;
    size_t index = request->server;
    request->is_used = false;
    struct sync_world_flight *flight = launch(world, index);
    flight->at_ns += 10000;
    flight->association = association;
    flight->is_answer = true;
    flight->size = PACKET_SIZE;
    packet_write(&reply, flight->payload);
}

static void arrive(struct sync_world *world, struct sync_world_flight *flight)
{
    if (!flight->is_answer) {
        answer(world, flight);
        return;
    }
    flight->is_used = false;
    if (!world->is_open[flight->association]) {
        return;
    }
    struct sync_world_flight arrived = *flight;
    struct event event = {.now = sync_world_now(world), .kind = EVENT_DATAGRAM};
    event.datagram = (struct datagram){.association = arrived.association,
                                       .received = event.now,
                                       .payload = bytes_make(arrived.payload, arrived.size)};
    CU_ASSERT_TRUE(
        address_parse(world->servers[arrived.server].address, 123, &event.datagram.source));
    CU_ASSERT_TRUE(address_parse("192.0.2.99", 40000, &event.datagram.destination));
    if (world->servers[arrived.server].member != 0) {
        hand_over(world, &world->servers[arrived.server], &event);
        return;
    }
    sync_world_handle(world, &event);
}

/* The next thing that happens, or NULL: then it is the timer. */
static struct sync_world_flight *next_flight(struct sync_world *world, int64_t before_ns)
{
    struct sync_world_flight *next = NULL;
    for (size_t i = 0; i < SYNC_WORLD_FLIGHTS; i++) {
        struct sync_world_flight *flight = &world->flights[i];
        if (flight->is_used && flight->at_ns <= before_ns) {
            before_ns = flight->at_ns;
            next = flight;
        }
    }
    return next;
}

/* The kernel leaps at its own midnight, if it was told to. */
static void leap_kernel(struct sync_world *world)
{
    int64_t midnight_ns = world->start_ns + world->leap_at_ns;
    struct reading now = sync_world_now(world);
    if (world->kernel.leap != KERNEL_LEAP_NONE && now.wall.ns >= midnight_ns) {
        world->clock_mono_ns = now.mono.ns;
        world->clock_wall_ns = now.wall.ns + world->leap_by_ns;
        world->kernel.leap = KERNEL_LEAP_NONE;
        world->leaps++;
    }
}

void sync_world_run(struct sync_world *world, int64_t by_ns)
{
    int64_t end_ns = world->truth_ns + by_ns;
    unsigned standstill = 0;
    for (;;) {
        leap_kernel(world);
        int64_t timer_ns = truth_at(world, sync_deadline(world->sync));
        timer_ns = timer_ns > world->truth_ns ? timer_ns : world->truth_ns;
        int64_t next_ns = timer_ns < end_ns ? timer_ns : end_ns;
        struct sync_world_flight *flight = next_flight(world, next_ns);
        int64_t at_ns = flight != NULL ? flight->at_ns : next_ns;
        standstill = at_ns == world->truth_ns ? standstill + 1 : 0;
        CU_ASSERT_TRUE_FATAL(standstill < 1000);
        world->truth_ns = at_ns > world->truth_ns ? at_ns : world->truth_ns;
        if (flight != NULL) {
            arrive(world, flight);
        } else if (timer_ns <= end_ns) {
            struct event event = {.now = sync_world_now(world), .kind = EVENT_TIMER};
            sync_world_handle(world, &event);
        } else {
            return;
        }
    }
}

int64_t sync_world_error(const struct sync_world *world)
{
    return sync_clock(world->sync, sync_world_now(world)).wall.ns - sync_world_utc(world);
}

struct status sync_world_status(const struct sync_world *world)
{
    struct status status;
    sync_status(world->sync, sync_world_now(world), &status);
    return status;
}

bool sync_world_is_utc(const struct sync_world *world)
{
    enum sync_condition condition = sync_world_status(world).condition;
    return condition != SYNC_LOCAL && condition != SYNC_ORPHAN;
}

struct source_status sync_world_source_status(const struct sync_world *world, const char *name)
{
    struct source_status status = {.name = ""};
    for (size_t i = 0; i < sync_source_count(world->sync); i++) {
        CU_ASSERT_TRUE(sync_source_status(world->sync, i, sync_world_now(world), &status));
        if (strcmp(status.name, name) == 0) {
            return status;
        }
    }
    CU_FAIL_FATAL("no such source");
    return status;
}
