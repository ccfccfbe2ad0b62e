/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_host.h"
#include "tests/sim/world_check.h"
#include "tests/sim/world_member_check.h"
#include "tests/sim/world_network.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PORT 10000
#define PORTS 50000
#define RESOLVE_NS (20 * NS_PER_MS)
#define SAVE_NS (5 * NS_PER_MS)
/* What a resolver is asked, in the lower bits of a happening: group, number within it + 1 (0: all),
 * association. */
#define NODE_SHIFT 46
#define GROUP_SHIFT 40
#define NUMBER_SHIFT 26
_Static_assert(SCENARIO_NODES_MAX <= 1 << (HAPPENING_SHIFT - NODE_SHIFT) &&
                   SCENARIO_SECTIONS_MAX <= 1 << (NODE_SHIFT - GROUP_SHIFT) &&
                   SCENARIO_NODES_MAX < 1 << (GROUP_SHIFT - NUMBER_SHIFT),
               "room for each");

static void deliver(struct world *world, struct world_node *node, struct event *event)
{
    if (node->member == NULL || !node->member->is_down) {
        event->now = world_core_read(world, node, 0);
        world_core_handle(world, node, event);
    }
}

void world_host_start(struct world *world, struct world_node *node)
{
    const struct scenario_chimed *chimed = &node->options->chimed;
    for (size_t i = 0; i < chimed->command_count; i++) {
        world_core_plan(world, chimed->commands[i].at_ns, HAPPENING_COMMAND,
                        world_core_which(world, node, i));
    }
    for (size_t i = 0; i < chimed->set_count; i++) {
        world_core_plan(world, chimed->sets[i].at_ns, HAPPENING_SET,
                        world_core_which(world, node, i));
    }
    for (size_t i = 0; i < chimed->restart_count && node->member != NULL; i++) {
        const struct scenario_restart *restart = &chimed->restarts[i];
        world_core_plan(world, restart->at_ns, HAPPENING_KILL, world_core_which(world, node, 0));
        world_core_plan(world, restart->at_ns + restart->duration_ns, HAPPENING_BOOT,
                        world_core_which(world, node, 0));
    }
    const struct oscillator_options *oscillator = &node->options->oscillator;
    for (size_t i = 0; i < oscillator->suspend_count; i++) {
        const struct oscillator_suspend *suspend = &oscillator->suspends[i];
        world_core_plan(world, suspend->at_ns + suspend->duration_ns, HAPPENING_RESUME,
                        world_core_which(world, node, i));
    }
}

static uint16_t port_of(uint32_t association)
{
    return (uint16_t)(FIRST_PORT + association % PORTS);
}

static struct world_association *find(struct world_host *host, uint32_t number)
{
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        if (host->associations[i].number == number) {
            return &host->associations[i];
        }
    }
    return NULL;
}

bool world_host_takes(const struct world *world, struct world_node *node, struct datagram *datagram)
{
    struct world_host *host = node->host;
    if (world_core_is_asleep(node) || world->truth_ns < node->start_ns) {
        return false;
    }
    bool is_server = datagram->destination.port == node->address.port;
    for (size_t i = 0; i < SYNC_SOURCES_MAX; i++) {
        const struct world_association *association = &host->associations[i];
        if (association->number == 0 || association->is_shared != is_server) {
            continue;
        }
        if (is_server && address_is_same_host(&association->remote, &datagram->source)) {
            /* The modes are the node's to look at. */
            datagram->association = association->number;
            if (node_wants(node->node, datagram)) {
                return true;
            }
            datagram->association = 0;
        } else if (!is_server && port_of(association->number) == datagram->destination.port &&
                   address_is_same(&association->remote, &datagram->source)) {
            datagram->association = association->number;
            return true;
        }
    }
    return is_server;
}

static void refuse(struct world *world, struct world_node *node, uint32_t association)
{
    struct event event = {.kind = EVENT_REFUSED};
    event.refused.association = association;
    event.refused.error = "Too many open files";
    deliver(world, node, &event);
}

static void perform_open(struct world *world, struct world_node *node,
                         const struct action_open *open)
{
    struct world_association *association = find(node->host, 0);
    struct checker_place place = world_core_place(world, node);
    if (open->association == 0 || find(node->host, open->association) != NULL) {
        checker_fail(&world->checker, &place, "opens an association that is open");
    } else if (association == NULL) {
        refuse(world, node, open->association);
    } else {
        *association = (struct world_association){
            .number = open->association, .is_shared = open->is_shared, .remote = open->remote};
        world_check_begins(node, association);
    }
}

static void perform_send(struct world *world, struct world_node *node, struct action_send *send)
{
    if (send->association != 0) {
        struct world_association *association = find(node->host, send->association);
        if (association == NULL) {
            struct checker_place place = world_core_place(world, node);
            checker_fail(&world->checker, &place, "sends by an association that is closed");
            return;
        }
        send->source = node->address;
        if (!association->is_shared) {
            send->source.port = port_of(association->number);
        }
        world_check_request(world, node, association, send);
    } else if (send->source.family == ADDRESS_NONE) {
        send->source = node->address;
    }
    if (node->member != NULL) {
        world_member_check_send(world, node, send);
    }
    world_network_send(world, node, send);
}

/* "server" or "server.3": a group, and a number within it + 1. */
static int find_name(const struct scenario *scenario, const char *host, size_t *number)
{
    char name[SCENARIO_NAME_MAX];
    const char *dot = strrchr(host, '.');
    int group = scenario_find_node(scenario, host);
    *number = 0;
    if (group >= 0 || dot == NULL || (size_t)(dot - host) >= sizeof(name)) {
        return group;
    }
    memcpy(name, host, (size_t)(dot - host));
    name[dot - host] = '\0';
    *number = (size_t)strtoul(dot + 1, NULL, 10) + 1;
    group = scenario_find_node(scenario, name);
    return group >= 0 && (int64_t)*number <= scenario->nodes[group].count ? group : -1;
}

static void perform_resolve(struct world *world, const struct world_node *node,
                            const struct action_resolve *resolve)
{
    size_t number = 0;
    int group = find_name(world->scenario, resolve->host, &number);
    if (group < 0 || resolve->association >= 1U << NUMBER_SHIFT) {
        struct checker_place place = world_core_place(world, node);
        checker_fail(&world->checker, &place, "asks for a name that is none");
        return;
    }
    world_core_plan(world, world->truth_ns + RESOLVE_NS, HAPPENING_RESOLVED,
                    (uint64_t)world_core_index(world, node) << NODE_SHIFT |
                        (uint64_t)group << GROUP_SHIFT | (uint64_t)number << NUMBER_SHIFT |
                        resolve->association);
}

static void resolved(struct world *world, uint64_t which)
{
    struct world_node *node = &world->nodes.items[which >> NODE_SHIFT];
    size_t group = (which >> GROUP_SHIFT) & (SCENARIO_SECTIONS_MAX - 1);
    size_t number = (which >> NUMBER_SHIFT) & ((1U << (GROUP_SHIFT - NUMBER_SHIFT)) - 1);
    struct event event = {.kind = EVENT_RESOLVED};
    event.resolved.association = (uint32_t)(which & ((1U << NUMBER_SHIFT) - 1));
    if (world->truth_ns < node->options->chimed.names_from_ns) {
        event.resolved.error = "Temporary failure in name resolution";
        deliver(world, node, &event);
        return;
    }
    size_t first = world->nodes.first[group] + (number > 0 ? number - 1 : 0);
    size_t count = number > 0 ? 1 : (size_t)world->scenario->nodes[group].count;
    /* A name of many addresses gives another choice of them at each time, as a pool's does. */
    size_t turn = count > EVENT_ADDRESSES_MAX
                      ? (size_t)(run_hash_add(world->seed, (uint64_t)world->truth_ns) % count)
                      : 0;
    for (size_t i = 0; i < count && i < EVENT_ADDRESSES_MAX; i++) {
        event.resolved.addresses[event.resolved.count++] =
            world->nodes.items[first + (i + turn) % count].address;
    }
    deliver(world, node, &event);
}

/* The kernel inserts or deletes the second at the end of the day by its own clock. */
static void plan_leap(struct world *world, struct world_node *node, struct reading now)
{
    struct world_host *host = node->host;
    if (host->kernel.leap == KERNEL_LEAP_NONE || host->is_leap_planned) {
        return;
    }
    int64_t left_ns = leap_end_of_day(now.wall).ns - now.wall.ns;
    if (host->kernel.leap == KERNEL_LEAP_DELETE) {
        left_ns -= NS_PER_S;
    }
    if (left_ns > 0) {
        host->is_leap_planned = true;
        world_core_plan(world, world->truth_ns + left_ns, HAPPENING_LEAP,
                        world_core_which(world, node, 0));
    }
}

static void leap(struct world *world, struct world_node *node)
{
    struct world_host *host = node->host;
    struct reading now = world_core_read(world, node, 0);
    int sign = host->kernel.leap == KERNEL_LEAP_INSERT ? -1 : 1;
    host->is_leap_planned = false;
    if (host->kernel.leap == KERNEL_LEAP_NONE) {
        return;
    }
    int64_t to_midnight_ns = leap_end_of_day(now.wall).ns - now.wall.ns;
    int64_t due_ns = sign > 0 ? to_midnight_ns - NS_PER_S : to_midnight_ns;
    if (due_ns > 0 && due_ns < 3600 * NS_PER_S) { /* the clock was slewed meanwhile */
        plan_leap(world, node, now);
        return;
    }
    system_clock_step(&node->clock, now.mono, sign * NS_PER_S);
    host->kernel.leap = KERNEL_LEAP_NONE;
}

static void perform_steer(struct world *world, struct world_node *node,
                          const struct action_steer *steer, struct mono now)
{
    struct checker_place place = world_core_place(world, node);
    world->hash = run_hash_add(world->hash, (uint64_t)steer->step_ns);
    world->hash = run_hash_add(world->hash, (uint64_t)(int64_t)(steer->frequency_ppm * 1e6));
    if (node->options->chimed.is_shadow) {
        checker_fail(&world->checker, &place, "steers the system clock, though it must not");
        return;
    }
    node->host->updates += node->host->is_fresh;
    if (steer->step_ns != 0) {
        world_check_step(world, node, steer->step_ns);
        system_clock_step(&node->clock, now, steer->step_ns);
    }
    system_clock_set_rate(&node->clock, now, steer->frequency_ppm);
    node->steered_until = steer->until;
}

static void tell(struct world *world, const struct world_node *node, const char *text)
{
    if (world->listener != NULL) {
        char line[ACTION_TEXT_MAX + 100];
        snprintf(line, sizeof(line), "%.6f s, %s %zu: %s", (double)world->truth_ns / 1e9,
                 node->options->name, node->number, text);
        world->listener(world->listener_context, line);
    }
}

/* Each source of a node that follows none, and why not. */
static void tell_sources(struct world *world, struct world_node *node)
{
    char text[ACTION_TEXT_MAX];
    struct source_status status;
    const struct sync *sync = node_sync(node->node);
    struct reading now = world_core_read(world, node, 0);
    for (size_t i = 0; i < sync_source_count(sync); i++) {
        if (sync_source_status(sync, i, now, &status)) {
            snprintf(text, sizeof(text), "in the end %.60s: %.250s Interval %.3f to %.3f ms",
                     status.name, status.reason, (double)status.interval.earliest_ns / 1e6,
                     (double)status.interval.latest_ns / 1e6);
            tell(world, node, text);
        }
    }
}

void world_host_tell(struct world *world, struct world_node *node)
{
    char text[ACTION_TEXT_MAX];
    struct status status;
    sync_status(node_sync(node->node), world_core_read(world, node, 0), &status);
    snprintf(text, sizeof(text),
             "in the end %.9f s off, %s, stratum %u, reference %08x, selected %s, left %.0f ns, "
             "rate %.3f ppm. "
             "%.200s",
             (double)(status.now.wall.ns - world_core_utc_ns(world)) / 1e9,
             sync_condition_name(status.condition), (unsigned)status.state.stratum,
             (unsigned)status.state.refid, status.selected[0] != '\0' ? status.selected : "none",
             status.offset_ns, status.frequency_ppm, status.reason);
    tell(world, node, text);
    if (world->listener != NULL && status.condition == SYNC_HOLDOVER) {
        tell_sources(world, node);
    }
}

static void tell_measured(struct world *world, const struct world_node *node,
                          const struct measurement *measured)
{
    char text[ACTION_TEXT_MAX];
    snprintf(text, sizeof(text), "%s: %s, offset %.9f s, delay %.9f s. %s", measured->name,
             measured->verdict, (double)measured->offset_ns / 1e9, (double)measured->delay_ns / 1e9,
             measured->reason);
    tell(world, node, text);
}

static void perform(struct world *world, struct world_node *node, struct action *action,
                    struct reading now)
{
    struct world_host *host = node->host;
    struct world_association *association;
    switch (action->kind) {
    case ACTION_SEND:
        perform_send(world, node, &action->send);
        break;
    case ACTION_OPEN:
        perform_open(world, node, &action->open);
        break;
    case ACTION_CLOSE:
        association = find(host, action->close);
        if (association != NULL) {
            association->number = 0;
        }
        break;
    case ACTION_RESOLVE:
        perform_resolve(world, node, &action->resolve);
        break;
    case ACTION_STEER:
        perform_steer(world, node, &action->steer, now.mono);
        break;
    case ACTION_KERNEL:
        host->has_kernel = true;
        host->kernel = action->kernel;
        host->kernel_at = now.mono;
        plan_leap(world, node, now);
        break;
    case ACTION_PUBLISH:
        server_publish(node->server, &action->publish);
        break;
    case ACTION_SAVE:
        if (node->member != NULL) {
            world_member_save(node, &action->save);
        }
        world_core_plan(world, world->truth_ns + SAVE_NS, HAPPENING_SAVED,
                        world_core_which(world, node, action->save.what));
        break;
    case ACTION_REPORT:
        tell(world, node, action->report.text);
        break;
    case ACTION_MEASURED:
        world_check_measured(world, node, &action->measured, now);
        if (world->listener != NULL) {
            tell_measured(world, node, &action->measured);
        }
        break;
    case ACTION_REPLY:
        tell(world, node, action->reply.text);
        break;
    }
}

void world_host_handle(struct world *world, struct world_node *node, const struct event *event)
{
    struct actions actions;
    actions.count = 0;
    node->host->is_fresh = false;
    bool is_datagram = event->kind == EVENT_DATAGRAM;
    bool is_member = node->member != NULL;
    if (is_member) {
        world_member_check_before(world, node, event);
    }
    if ((is_datagram && event->datagram.association == 0 &&
         !node_wants(node->node, &event->datagram)) ||
        (event->kind == EVENT_SENT && event->sent.association == 0)) {
        server_handle(node->server, event, &actions);
        world_check_answers(world, node, event, &actions);
    } else if (is_member) {
        world_member_handle(world, node, event, &actions);
    } else {
        node_handle(node->node, event, &actions);
    }
    if (is_member) {
        world_member_check_after(world, node, event);
    }
    for (size_t i = 0; i < actions.count; i++) {
        if (is_member && actions.items[i].kind == ACTION_SEND) {
            world_member_check_answer(world, node, event, &actions.items[i].send);
        }
        perform(world, node, &actions.items[i], event->now);
    }
    world_check_event(world, node, event->now.mono);
}

static void command(struct world *world, struct world_node *node, size_t index)
{
    const struct scenario_command *given = &node->options->chimed.commands[index];
    struct event event = {.kind = EVENT_COMMAND};
    event.command.kind = (enum command_kind)given->kind;
    memcpy(event.command.source, given->source, sizeof(event.command.source));
    world_check_command(node, event.command.kind);
    deliver(world, node, &event);
}

void world_host_happen(struct world *world, enum happening kind, uint64_t which)
{
    if (kind == HAPPENING_RESOLVED) {
        resolved(world, which);
        return;
    }
    struct world_node *node = &world->nodes.items[which >> 32];
    size_t index = (size_t)(uint32_t)which;
    struct event event = {.kind = EVENT_SAVED};
    if (kind == HAPPENING_SAVED) {
        if (node->member != NULL && !node->member->is_down) {
            world_member_saved(node, (enum saved)index);
        }
        event.saved.what = (enum saved)index;
        deliver(world, node, &event);
    } else if (kind == HAPPENING_COMMAND) {
        command(world, node, index);
    } else if (kind == HAPPENING_SET) {
        const struct scenario_set *set = &node->options->chimed.sets[index];
        system_clock_step(&node->clock, oscillator_read(&node->oscillator, world->truth_ns),
                          set->by_ns);
        event.kind = EVENT_CLOCK_SET;
        event.disruption.by_ns = set->by_ns;
        world_check_disrupted(node);
        deliver(world, node, &event);
    } else if (kind == HAPPENING_RESUME) {
        /* The kernel adds what its RTC says was slept. */
        int64_t slept_ns = node->options->oscillator.suspends[index].duration_ns;
        system_clock_step(&node->clock, oscillator_read(&node->oscillator, world->truth_ns),
                          slept_ns + node->options->chimed.suspend_error_ns);
        event.kind = EVENT_DISRUPTED;
        event.disruption.by_ns = slept_ns;
        world_check_disrupted(node);
        deliver(world, node, &event);
    } else if (kind == HAPPENING_LEAP) {
        leap(world, node);
    } else if (kind == HAPPENING_KILL) {
        world_member_kill(world, node);
    } else if (kind == HAPPENING_BOOT) {
        world_member_boot(world, node);
    }
}
