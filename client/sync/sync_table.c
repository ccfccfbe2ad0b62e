/* SPDX-License-Identifier: MIT */
/* The sources and their names: which address each association has, and when it is asked. */
#include "client/sync/sync_inner.h"
#include "ntpwire/refid.h"
#include <stdio.h>
#include <string.h>

#define SPREAD_BURST_NS (2 * NS_PER_S)
#define RESOLVE_FIRST_NS (2 * NS_PER_S)
#define RESOLVE_MOST_NS (3600 * NS_PER_S)
#define RESOLVE_AGAIN_NS (300 * NS_PER_S)
#define RESOLVE_DOUBLINGS_MAX 12
/* A bad source of a name is replaced after this; one that never answered as soon as its first
 * burst is over. */
#define REPLACE_AFTER_NS (600 * NS_PER_S)
#define REPLACE_SILENT_NS (24 * NS_PER_S)
/* What one source may append, and what the rest of the engine needs beside. */
#define ROOM_SOURCE 4
#define ROOM_REST 12

uint32_t sync_refid_of(const struct address *address)
{
    if (address->family == ADDRESS_IPV4) {
        return refid_from_ipv4(address->octets);
    }
    return address->family == ADDRESS_IPV6 ? refid_from_ipv6(address->octets) : 0;
}

const struct source_options *sync_entry_options(const struct sync *sync,
                                                const struct sync_entry *entry)
{
    return &sync->table.names[entry->name].options;
}

struct sync_entry *sync_table_find(struct sync *sync, uint32_t association)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        if (source_association(sync->table.entries[i].source) == association) {
            return &sync->table.entries[i];
        }
    }
    return NULL;
}

bool sync_is_member(const struct sync *sync, const struct sync_entry *entry)
{
    return sync_entry_options(sync, entry)->kind == SOURCE_MEMBER;
}

/* Sources are asked one after the other, so that they tell of the clock at different instants. */
static int64_t spread_ns(const struct source_options *options, size_t index, size_t count)
{
    /* A listener begins with a burst, too. */
    bool is_burst = options->is_iburst || options->kind == SOURCE_BROADCAST_CLIENT;
    int64_t whole_ns = is_burst ? SPREAD_BURST_NS : timestamp_log2_to_ns(options->poll_min);
    return whole_ns / (int64_t)count * (int64_t)index;
}

static bool is_in_use(const struct sync *sync, const struct address *address)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        if (entry->remote.family != ADDRESS_NONE && address_is_same(&entry->remote, address)) {
            return true;
        }
    }
    return false;
}

static void assign(struct sync *sync, struct sync_entry *entry, const struct address *address,
                   struct mono now)
{
    size_t index = (size_t)(entry - sync->table.entries);
    entry->remote = *address;
    entry->refid = sync_refid_of(address);
    entry->is_duplicate = false;
    entry->is_spread = false;
    entry->bad_since.ns = SYNC_NEVER;
    entry->connect_at.ns =
        now.ns + spread_ns(sync_entry_options(sync, entry), index, sync->table.count);
}

/* Another association in place of the one that is bad: its number is not used again. */
static bool renew(struct sync *sync, struct sync_entry *entry, struct mono now)
{
    char error[SYNC_ERROR_MAX];
    if (!entry->is_connected) {
        return true;
    }
    if (sync->doomed_count + sync->table.count >= SYNC_DOOMED_MAX) {
        return false;
    }
    struct source *source = sync_table_source(sync, sync_entry_options(sync, entry), now, error);
    if (source == NULL) {
        return false;
    }
    if (sync->table.names[entry->name].is_offline) {
        source_set_online(source, false, now);
    }
    sync->doomed[sync->doomed_count++] = entry->source;
    entry->source = source;
    entry->is_connected = false;
    entry->has_interval = false;
    entry->state = SOURCE_UNRESOLVED;
    return true;
}

/* The next address of the name that no association has; false if there is none. */
static bool try_next(struct sync *sync, struct sync_entry *entry, struct mono now)
{
    struct sync_name *name = &sync->table.names[entry->name];
    while (name->next < name->address_count) {
        const struct address *address = &name->addresses[name->next++];
        if (!is_in_use(sync, address)) {
            if (renew(sync, entry, now)) {
                assign(sync, entry, address, now);
            }
            return true;
        }
    }
    return false;
}

/* Gives addresses to those of the name that have none. */
static void fill(struct sync *sync, size_t name, struct mono now)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        if (entry->name == name && entry->remote.family == ADDRESS_NONE &&
            !try_next(sync, entry, now)) {
            entry->is_duplicate = sync->table.names[name].address_count > 0;
        }
    }
}

static void resolve_again(struct sync_name *name, struct mono now)
{
    if (name->is_literal || name->is_resolving || name->resolve_at.ns != SYNC_NEVER) {
        return;
    }
    int64_t at_ns = name->resolved_at.ns + RESOLVE_AGAIN_NS;
    name->resolve_at.ns = at_ns > now.ns ? at_ns : now.ns;
}

void sync_table_resolved(struct sync *sync, const struct resolved *resolved, struct reading now,
                         struct actions *out)
{
    size_t index = 0;
    while (index < sync->table.name_count &&
           sync->table.names[index].number != resolved->association) {
        index++;
    }
    if (index == sync->table.name_count || !sync->table.names[index].is_resolving) {
        return;
    }
    struct sync_name *name = &sync->table.names[index];
    name->is_resolving = false;
    name->resolved_at = now.mono;
    size_t count = resolved->count < EVENT_ADDRESSES_MAX ? resolved->count : EVENT_ADDRESSES_MAX;
    if (count == 0) {
        unsigned doublings =
            name->failures < RESOLVE_DOUBLINGS_MAX ? name->failures : RESOLVE_DOUBLINGS_MAX;
        int64_t wait_ns = RESOLVE_FIRST_NS << doublings;
        name->resolve_at.ns = now.mono.ns + (wait_ns < RESOLVE_MOST_NS ? wait_ns : RESOLVE_MOST_NS);
        snprintf(name->error, sizeof(name->error), "%s",
                 resolved->error != NULL ? resolved->error : "no address");
        if (name->failures++ == 0) {
            actions_report(out, REPORT_WARNING, "%s: %s has no address yet: %s; tried again",
                           name->options.name, name->options.host, name->error);
        }
        return;
    }
    name->failures = 0;
    name->error[0] = '\0';
    name->address_count = count;
    name->next = 0;
    for (size_t i = 0; i < count; i++) {
        name->addresses[i] = resolved->addresses[i];
        if (name->addresses[i].port == 0) {
            name->addresses[i].port = name->options.port;
        }
    }
    fill(sync, index, now.mono);
}

static void run_names(struct sync *sync, struct reading now, struct actions *out)
{
    for (size_t i = 0; i < sync->table.name_count; i++) {
        struct sync_name *name = &sync->table.names[i];
        if (name->is_literal && name->next == 0) {
            fill(sync, i, now.mono);
            name->next = 1;
        }
        if (name->resolve_at.ns > now.mono.ns || actions_room(out) <= ROOM_REST) {
            continue;
        }
        name->resolve_at.ns = SYNC_NEVER;
        name->is_resolving = true;
        struct action_resolve *resolve = &actions_append(out, ACTION_RESOLVE)->resolve;
        *resolve = (struct action_resolve){.association = name->number,
                                           .port = name->options.port,
                                           .family = name->options.family};
        snprintf(resolve->host, sizeof(resolve->host), "%s", name->options.host);
    }
}

static void run_doomed(struct sync *sync, struct actions *out)
{
    while (sync->doomed_count > 0 && actions_room(out) > ROOM_REST) {
        struct source *source = sync->doomed[--sync->doomed_count];
        source_disconnect(source, out);
        source_destroy(source);
    }
}

static struct mono entry_deadline(const struct sync *sync, const struct sync_entry *entry)
{
    if (!entry->is_connected) {
        return entry->connect_at;
    }
    struct mono deadline = source_deadline(entry->source);
    if (sync_leap_is_near(sync, deadline) && deadline.ns < sync_leap_end(sync).ns) {
        return sync_leap_end(sync);
    }
    return deadline.ns > entry->hold_until.ns ? deadline : entry->hold_until;
}

/* When the first burst is over, the polls are moved apart, once. */
static void spread(const struct sync *sync, struct sync_entry *entry, struct mono now)
{
    int64_t poll_ns = timestamp_log2_to_ns(source_poll_log2(entry->source));
    int64_t wait_ns = source_deadline(entry->source).ns - now.ns;
    if (entry->is_spread || wait_ns < poll_ns - poll_ns / 4 || wait_ns > 2 * poll_ns) {
        return;
    }
    entry->is_spread = true;
    if (sync_entry_options(sync, entry)->is_iburst) {
        size_t index = (size_t)(entry - sync->table.entries);
        entry->hold_until.ns =
            now.ns + wait_ns + poll_ns / (int64_t)sync->table.count * (int64_t)index;
    }
}

static void run_entry(struct sync *sync, struct sync_entry *entry, struct reading now,
                      struct actions *out)
{
    if (!entry->is_connected) {
        source_connect(entry->source, &entry->remote, now.mono, out);
        entry->is_connected = true;
        entry->connect_at.ns = SYNC_NEVER;
        return;
    }
    entry->hold_until.ns = 0;
    enum source_news news = source_poll(entry->source, &sync->state, now, out);
    (void)news; /* a poll may find that a source is silent: judged with the next answers */
    spread(sync, entry, now.mono);
}

void sync_table_run(struct sync *sync, struct reading now, struct actions *out)
{
    run_doomed(sync, out);
    run_names(sync, now, out);
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        /* Connected and asked at once. */
        for (int turn = 0; turn < 2 && entry_deadline(sync, entry).ns <= now.mono.ns &&
                           actions_room(out) > ROOM_REST + ROOM_SOURCE;
             turn++) {
            run_entry(sync, entry, now, out);
        }
    }
}

struct mono sync_table_deadline(const struct sync *sync)
{
    struct mono deadline = {sync->doomed_count > 0 ? 0 : SYNC_NEVER};
    for (size_t i = 0; i < sync->table.name_count; i++) {
        const struct sync_name *name = &sync->table.names[i];
        if (name->is_literal && name->next == 0) {
            deadline.ns = 0;
        } else if (name->resolve_at.ns < deadline.ns) {
            deadline = name->resolve_at;
        }
    }
    for (size_t i = 0; i < sync->table.count; i++) {
        struct mono next = entry_deadline(sync, &sync->table.entries[i]);
        if (next.ns < deadline.ns) {
            deadline = next;
        }
    }
    return deadline;
}

static bool is_bad(const struct sync *sync, const struct sync_entry *entry)
{
    bool is_pool = sync_entry_options(sync, entry)->kind == SOURCE_POOL;
    return entry->state == SOURCE_UNREACHABLE || entry->state == SOURCE_DENIED ||
           (is_pool &&
            (entry->state == SOURCE_FALSETICKER || entry->state == SOURCE_UNSYNCHRONISED));
}

static void replace(struct sync *sync, struct sync_entry *entry, struct reading now,
                    struct actions *out)
{
    char old[ADDRESS_TEXT_MAX], new[ADDRESS_TEXT_MAX];
    enum source_state state = entry->state; /* what try_next() leaves is the new one's */
    address_format(&entry->remote, old);
    if (try_next(sync, entry, now.mono)) {
        actions_report(out, REPORT_NOTICE, "%s: %s in place of %s, which is %s",
                       sync_entry_options(sync, entry)->name, address_format(&entry->remote, new),
                       old, source_state_name(state));
    } else {
        resolve_again(&sync->table.names[entry->name], now.mono);
    }
}

void sync_table_maintain(struct sync *sync, struct reading now, struct actions *out)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        struct sync_name *name = &sync->table.names[entry->name];
        if (entry->remote.family == ADDRESS_NONE) {
            resolve_again(name, now.mono);
        }
        if (name->is_literal || !entry->is_connected) {
            continue;
        }
        if (!is_bad(sync, entry)) {
            entry->bad_since.ns = SYNC_NEVER;
        } else if (entry->bad_since.ns == SYNC_NEVER) {
            entry->bad_since = now.mono;
        }
        bool is_silent = entry->state == SOURCE_UNREACHABLE && source_sample(entry->source) == NULL;
        int64_t patience_ns = is_silent ? REPLACE_SILENT_NS : REPLACE_AFTER_NS;
        if (entry->bad_since.ns != SYNC_NEVER && now.mono.ns - entry->bad_since.ns >= patience_ns &&
            actions_room(out) > ROOM_REST) {
            replace(sync, entry, now, out);
        }
    }
}

void sync_table_refused(struct sync *sync, struct sync_entry *entry, struct reading now)
{
    if (!sync->table.names[entry->name].is_literal && source_sample(entry->source) == NULL) {
        (void)try_next(sync, entry, now.mono);
    }
}
