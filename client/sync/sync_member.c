/* SPDX-License-Identifier: MIT */
/* The members of a mesh as sources: they come and go, and what they say comes through the mesh. */
#include "client/sync/sync_member.h"
#include "client/sync/sync_inner.h"
#include <stdio.h>
#include <string.h>

static size_t find_name(const struct sync *sync, uint64_t id)
{
    for (size_t i = 0; i < sync->table.name_count; i++) {
        const struct source_options *options = &sync->table.names[i].options;
        if (options->kind == SOURCE_MEMBER && options->member == id) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* NULL: there is no such member. Each has one entry. */
static struct sync_entry *find_entry(const struct sync *sync, uint64_t id)
{
    size_t name = find_name(sync, id);
    for (size_t i = 0; name != SIZE_MAX && i < sync->table.count; i++) {
        if (sync->table.entries[i].name == name) {
            return &sync->table.entries[i];
        }
    }
    return NULL;
}

static bool has_room(const struct sync *sync, char error[SYNC_ERROR_MAX])
{
    if (!sync->options.mesh.is_on) {
        snprintf(error, SYNC_ERROR_MAX, "members are added only where a mesh is configured");
        return false;
    }
    if (sync->table.count >= sync->table.capacity || sync->table.name_count >= SYNC_SOURCES_MAX) {
        snprintf(error, SYNC_ERROR_MAX,
                 "at most %d sources and members are kept, and there are as many: remove sources, "
                 "or choose a smaller view",
                 SYNC_SOURCES_MAX);
        return false;
    }
    if (sync->doomed_count + sync->table.count >= SYNC_DOOMED_MAX) {
        snprintf(error, SYNC_ERROR_MAX, "too many members were dropped just now: try again");
        return false;
    }
    return true;
}

bool sync_member_add(struct sync *sync, const struct source_options *options, struct mono now,
                     char error[SYNC_ERROR_MAX])
{
    assert(options->kind == SOURCE_MEMBER);
    assert(options->member != 0);
    if (find_name(sync, options->member) != SIZE_MAX) {
        snprintf(error, SYNC_ERROR_MAX, "member %.80s is there already", options->name);
        return false;
    }
    if (!has_room(sync, error)) {
        return false;
    }
    if (!sync_table_begin(sync, options, now, &sync->table, error)) {
        sync->table.name_count--;
        return false;
    }
    return true;
}

static size_t index_after(size_t index, size_t removed)
{
    if (index == removed) {
        return SIZE_MAX;
    }
    return index != SIZE_MAX && index > removed ? index - 1 : index;
}

/* Closes the gaps: who stood behind moves up. */
static void remove_entry(struct sync *sync, size_t index)
{
    struct sync_table *table = &sync->table;
    size_t name = table->entries[index].name;
    memmove(&table->entries[index], &table->entries[index + 1],
            (table->count - index - 1) * sizeof(table->entries[0]));
    memmove(&table->names[name], &table->names[name + 1],
            (table->name_count - name - 1) * sizeof(table->names[0]));
    table->count--;
    table->name_count--;
    for (size_t i = 0; i < table->count; i++) {
        table->entries[i].name -= table->entries[i].name > name;
    }
    sync->selected = index_after(sync->selected, index);
    sync->selected_told = index_after(sync->selected_told, index);
}

void sync_member_drop(struct sync *sync, uint64_t id, struct mono now)
{
    struct sync_entry *entry = find_entry(sync, id);
    if (entry == NULL) {
        return;
    }
    assert(sync->doomed_count < SYNC_DOOMED_MAX);
    if (entry->is_connected) {
        sync->doomed[sync->doomed_count++] = entry->source;
    } else {
        source_destroy(entry->source);
    }
    remove_entry(sync, (size_t)(entry - sync->table.entries));
    sync->handled = now;
}

const struct source *sync_member_source(const struct sync *sync, uint64_t id)
{
    const struct sync_entry *entry = find_entry(sync, id);
    return entry != NULL ? entry->source : NULL;
}

uint64_t sync_member_of(const struct sync *sync, uint32_t association)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        if (source_association(entry->source) == association) {
            return sync_entry_options(sync, entry)->member;
        }
    }
    return 0;
}

uint32_t sync_member_association(const struct sync *sync, uint64_t id)
{
    const struct sync_entry *entry = find_entry(sync, id);
    return entry != NULL && entry->is_connected ? source_association(entry->source) : 0;
}

const struct address *sync_member_address(const struct sync *sync, uint64_t id)
{
    const struct sync_entry *entry = find_entry(sync, id);
    return entry != NULL && entry->remote.family != ADDRESS_NONE ? &entry->remote : NULL;
}

void sync_member_receive(struct sync *sync, uint64_t id, const struct event *event,
                         const struct member_claim *claim, struct actions *out)
{
    struct sync_entry *entry = find_entry(sync, id);
    if (entry == NULL || !entry->is_connected || sync_leap_is_near(sync, event->now.mono)) {
        return;
    }
    sync->handled = event->now.mono;
    sync_learn_address(sync, entry, &event->datagram.destination);
    enum source_news news =
        source_member_receive(entry->source, &event->datagram, claim, event->now, out);
    /* A step too: or a clock that jumps at every other answer would never be judged. An honest one
     * that steps vouches for an interval that holds all the same. */
    entry->is_untried = news == SOURCE_SAMPLED || news == SOURCE_STEPPED;
    sync_take_news(sync, entry, news, event->now, out);
    sync->stepped_ns = 0;
}

void sync_member_hurry(struct sync *sync, uint64_t id, unsigned count, struct mono now)
{
    struct sync_entry *entry = find_entry(sync, id);
    if (entry != NULL && entry->is_connected) {
        source_hurry(entry->source, count, now);
        entry->hold_until.ns = 0;
    }
}

enum member_trial sync_member_try(struct sync *sync, uint64_t id, struct mono now)
{
    struct sync_entry *entry = find_entry(sync, id);
    if (entry == NULL || !entry->is_untried) {
        return TRIAL_NONE;
    }
    entry->is_untried = false;
    if (sync->mesh.is_in && !sync->options.mesh.is_berkeley) {
        return sync_mesh_try(sync, entry, now);
    }
    /* The intervals are those of the judgement that its sample led to. */
    return sync_judge_without(sync, entry);
}

void sync_member_weigh(struct sync *sync, const struct member_verdict *verdicts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t name = find_name(sync, verdicts[i].id);
        if (name != SIZE_MAX) {
            sync->table.names[name].verdict = verdicts[i];
        }
    }
}

void sync_member_budget(struct sync *sync, bool is_spent)
{
    sync->is_overspent = is_spent;
}

void sync_member_total(struct sync *sync, unsigned members)
{
    sync->options.mesh.members = members;
}
