/* SPDX-License-Identifier: MIT */
/* The table of sources is made anew for each configuration: what is unchanged is carried over. */
#include "client/sync/sync_inner.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t entries_of(const struct source_options *options)
{
    if (options->kind != SOURCE_POOL) {
        return 1;
    }
    return options->pool_size > 0 ? options->pool_size : 1;
}

static bool has_same_key(const struct sync *sync, uint32_t id)
{
    const struct key *old = keyring_find(&sync->keyring_before, id);
    const struct key *new = keyring_find(&sync->keyring, id);
    return id == 0 || (old != NULL && new != NULL && old->type == new->type &&
                       old->size == new->size &&memcmp(old->secret, new->secret, old->size) == 0);
}

/* A name and its entries go on in another table, at its end. */
static void carry(const struct sync *sync, size_t name, struct sync_table *table)
{
    size_t index = table->name_count++;
    table->names[index] = sync->table.names[name];
    for (size_t i = 0; i < sync->table.count; i++) {
        if (sync->table.entries[i].name == name) {
            table->entries[table->count] = sync->table.entries[i];
            table->entries[table->count++].name = index;
        }
    }
}

/* An unchanged section goes on. */
static bool take_over(const struct sync *sync, const struct sync_options *options, size_t index,
                      struct sync_table *table)
{
    const struct source_options *wanted = &options->sources[index];
    for (size_t i = 0; i < sync->table.name_count; i++) {
        const struct sync_name *name = &sync->table.names[i];
        if (!sync_options_same_source(&name->options, wanted) ||
            !has_same_key(sync, wanted->key_id)) {
            continue;
        }
        carry(sync, i, table);
        return true;
    }
    return false;
}

static size_t count_members(const struct sync *sync, const struct sync_options *options)
{
    size_t count = 0;
    for (size_t i = 0; options->mesh.is_on && i < sync->table.name_count; i++) {
        count += sync->table.names[i].options.kind == SOURCE_MEMBER;
    }
    return count;
}

/* Members are not configured here: who they are stays. */
static void take_over_members(const struct sync *sync, const struct sync_options *options,
                              struct sync_table *table)
{
    for (size_t i = 0; options->mesh.is_on && i < sync->table.name_count; i++) {
        if (sync->table.names[i].options.kind == SOURCE_MEMBER) {
            carry(sync, i, table);
        }
    }
}

struct source *sync_table_source(struct sync *sync, const struct source_options *options,
                                 struct mono now, char error[SYNC_ERROR_MAX])
{
    char why[STATUS_TEXT_MAX];
    struct source *source = source_create(options, &sync->common, sync->next_number, now, why);
    if (source == NULL) {
        snprintf(error, SYNC_ERROR_MAX, "[source %s]: %s", options->name, why);
        return NULL;
    }
    sync->next_number++;
    return source;
}

bool sync_table_begin(struct sync *sync, const struct source_options *options, struct mono now,
                      struct sync_table *table, char error[SYNC_ERROR_MAX])
{
    size_t index = table->name_count++;
    struct sync_name *name = &table->names[index];
    *name = (struct sync_name){.options = *options,
                               .number = sync->next_number++,
                               .is_offline = options->is_offline,
                               .resolve_at = now,
                               .verdict = {.id = options->member, .weight = MEMBER_AT_FIRST}};
    name->is_literal = address_parse(name->options.host, name->options.port, &name->addresses[0]);
    if (name->is_literal) {
        name->resolve_at.ns = SYNC_NEVER;
        name->address_count = 1;
    }
    for (size_t i = 0; i < entries_of(&name->options); i++) {
        struct source *source = sync_table_source(sync, &name->options, now, error);
        if (source == NULL) {
            return false;
        }
        table->entries[table->count++] = (struct sync_entry){.source = source,
                                                             .name = index,
                                                             .connect_at = {SYNC_NEVER},
                                                             .bad_since = {SYNC_NEVER},
                                                             .state = SOURCE_UNRESOLVED};
    }
    return true;
}

bool sync_table_build(struct sync *sync, const struct sync_options *options, struct mono now,
                      struct sync_table *table, char error[SYNC_ERROR_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < options->source_count; i++) {
        count += entries_of(&options->sources[i]);
    }
    size_t members = count_members(sync, options);
    if (count + members > SYNC_SOURCES_MAX) {
        char beside[SYNC_ERROR_SHORT] = "";
        if (members > 0) {
            snprintf(beside, sizeof(beside), ", and %zu members of the mesh", members);
        }
        snprintf(error, SYNC_ERROR_MAX,
                 "%zu sources, pools by their size%s, but at most %d are kept", count, beside,
                 SYNC_SOURCES_MAX);
        return false;
    }
    size_t capacity = options->mesh.is_on ? SYNC_SOURCES_MAX : count;
    size_t names = options->mesh.is_on ? SYNC_SOURCES_MAX : options->source_count;
    *table = (struct sync_table){.capacity = capacity};
    table->names = calloc(names + 1, sizeof(*table->names));
    table->entries = calloc(capacity + 1, sizeof(*table->entries));
    bool ok = table->names != NULL && table->entries != NULL;
    if (!ok) {
        snprintf(error, SYNC_ERROR_MAX, "out of memory");
    }
    for (size_t i = 0; ok && i < options->source_count; i++) {
        ok = take_over(sync, options, i, table) ||
             sync_table_begin(sync, &options->sources[i], now, table, error);
    }
    if (ok) {
        take_over_members(sync, options, table);
    }
    if (!ok) {
        sync_table_discard(table, &sync->table);
    }
    return ok;
}

static bool has_source(const struct sync_table *table, const struct source *source)
{
    for (size_t i = 0; table != NULL && i < table->count; i++) {
        if (table->entries[i].source == source) {
            return true;
        }
    }
    return false;
}

void sync_table_discard(struct sync_table *table, const struct sync_table *other)
{
    for (size_t i = 0; i < table->count; i++) {
        if (!has_source(other, table->entries[i].source)) {
            source_destroy(table->entries[i].source);
        }
    }
    free(table->names);
    free(table->entries);
    *table = (struct sync_table){.count = 0};
}
