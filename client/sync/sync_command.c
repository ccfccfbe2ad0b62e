/* SPDX-License-Identifier: MIT */
/* What an operator asks for. */
#include "client/sync/sync_inner.h"
#include "common/base/quantity.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BURST_COUNT 4

/* By the section's name, its host, or the address; empty: all. */
static bool is_meant(const struct sync *sync, const struct sync_entry *entry, const char *wanted)
{
    char address[ADDRESS_TEXT_MAX];
    const struct source_options *options = sync_entry_options(sync, entry);
    return wanted[0] == '\0' || strcmp(options->name, wanted) == 0 ||
           strcmp(options->host, wanted) == 0 ||
           strcmp(address_format(&entry->remote, address), wanted) == 0 ||
           strcmp(address_format_port(&entry->remote, address), wanted) == 0;
}

static void reply_unknown(const struct sync *sync, const char *wanted, struct actions *out)
{
    char names[ACTION_TEXT_MAX / 2] = "";
    size_t size = 0;
    for (size_t i = 0; i < sync->table.name_count && size < sizeof(names); i++) {
        int written = snprintf(names + size, sizeof(names) - size, "%s%s", i > 0 ? ", " : "",
                               sync->table.names[i].options.name);
        size += written > 0 ? (size_t)written : 0;
    }
    if (sync->table.name_count == 0) {
        actions_reply(out, false, "there is no source: add a [source NAME] to the configuration");
    } else {
        actions_reply(out, false, "there is no source %.80s; there are: %s", wanted, names);
    }
}

static void set_online(struct sync *sync, struct sync_entry *entry, bool is_online, struct mono now)
{
    sync->table.names[entry->name].is_offline = !is_online;
    source_set_online(entry->source, is_online, now);
}

static void refresh(struct sync *sync, const struct sync_entry *entry, struct mono now)
{
    struct sync_name *name = &sync->table.names[entry->name];
    if (!name->is_literal && !name->is_resolving) {
        name->resolve_at = now;
    }
}

static void tell_sources(struct sync *sync, const struct command *command, struct reading now,
                         struct actions *out)
{
    static const char *const texts[COMMAND_KINDS] = {[COMMAND_BURST] = "asked quickly",
                                                     [COMMAND_ONLINE] = "asked from now on",
                                                     [COMMAND_OFFLINE] = "not asked any more",
                                                     [COMMAND_REFRESH] = "resolved anew"};
    size_t count = 0;
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        if (!is_meant(sync, entry, command->source)) {
            continue;
        }
        count++;
        if (command->kind == COMMAND_BURST) {
            source_burst(entry->source, BURST_COUNT, now.mono);
            entry->hold_until.ns = 0;
        } else if (command->kind == COMMAND_REFRESH) {
            refresh(sync, entry, now.mono);
        } else {
            set_online(sync, entry, command->kind == COMMAND_ONLINE, now.mono);
            entry->hold_until.ns = 0;
        }
    }
    if (count == 0) {
        reply_unknown(sync, command->source, out);
        return;
    }
    (void)sync_judge(sync, NULL, now, out);
    actions_reply(out, true, "%zu %s %s", count, count == 1 ? "source is" : "sources are",
                  texts[command->kind]);
}

static void end_panic(struct sync *sync, struct reading now, struct actions *out)
{
    if (sync->discipline.state != DISCIPLINE_PANIC) {
        actions_reply(out, false, "there is nothing to accept: the clock %s",
                      sync->has_steered ? "is steered" : "waits for its sources");
        return;
    }
    discipline_accept(&sync->discipline);
    (void)sync_judge(sync, NULL, now, out);
    if (!sync->judgement.has_estimate) {
        actions_reply(out, true, "accepted: the clock is set as soon as the sources agree again");
        return;
    }
    sync_clock_steer(sync, true, now, out);
    sync_claim_find_condition(sync, now, out);
    sync_claim_publish(sync, now, out);
    actions_reply(out, true, "accepted: the clock follows its sources again");
}

static void step(struct sync *sync, struct reading now, struct actions *out)
{
    (void)sync_judge(sync, NULL, now, out);
    if (!sync->judgement.has_estimate || sync->discipline.state == DISCIPLINE_PANIC) {
        actions_reply(
            out, false,
            sync->judgement.has_estimate
                ? "the sources are not believed: look at them, then accept them"
                : "the sources don't agree on a time to step to: 'chime sources' says why");
        return;
    }
    char by[QUANTITY_TEXT_MAX];
    quantity_format_duration(llround(sync_clock_left_ns(sync, now)), true, by);
    sync_clock_step(sync, now, out);
    sync_claim_publish(sync, now, out);
    actions_reply(out, true, "the clock is stepped by %s", by);
}

void sync_command_perform(struct sync *sync, const struct command *command, struct reading now,
                          struct actions *out)
{
    switch (command->kind) {
    case COMMAND_ACCEPT:
        end_panic(sync, now, out);
        break;
    case COMMAND_STEP:
        step(sync, now, out);
        break;
    case COMMAND_BURST:
    case COMMAND_ONLINE:
    case COMMAND_OFFLINE:
    case COMMAND_REFRESH:
        tell_sources(sync, command, now, out);
        break;
    case COMMAND_READMIT:
        actions_reply(out, false,
                      "this chimed is no node of a mesh: it has no [mesh] with an identity");
        break;
    case COMMAND_KINDS:
        actions_reply(out, false, "unknown command");
        break;
    }
}
