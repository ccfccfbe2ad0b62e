/* SPDX-License-Identifier: MIT */
#include "client/sync/sync.h"
#include "client/sync/sync_inner.h"
#include "common/base/quantity.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PPM 1e-6

static bool copy_keys(const struct keyring *from, struct keyring *to)
{
    *to = (struct keyring){.count = 0};
    if (from == NULL || from->count == 0) {
        return true;
    }
    to->keys = calloc(from->count, sizeof(*to->keys));
    if (to->keys == NULL) {
        return false;
    }
    memcpy(to->keys, from->keys, from->count * sizeof(*to->keys));
    to->count = from->count;
    return true;
}

/* Takes over everything but the sources, and makes the table of these. On failure nothing is
 * changed. */
static bool adopt(struct sync *sync, const struct sync_options *options, struct mono now,
                  struct sync_table *table, char error[SYNC_ERROR_MAX])
{
    struct source_common common = sync->common;
    sync->keyring_before = sync->keyring;
    if (!copy_keys(options->keyring, &sync->keyring)) {
        sync->keyring = sync->keyring_before;
        snprintf(error, SYNC_ERROR_MAX, "out of memory");
        return false;
    }
    sync->common = (struct source_common){.random = sync->random,
                                          .keyring = &sync->keyring,
                                          .precision = options->precision,
                                          .bound = options->bound};
    if (!sync_table_build(sync, options, now, table, error)) {
        keyring_clear(&sync->keyring);
        sync->keyring = sync->keyring_before;
        sync->common = common;
        return false;
    }
    keyring_clear(&sync->keyring_before);
    bool is_shadow = sync->options.is_shadow;
    bool was_berkeley = sync->options.mesh.is_berkeley;
    sync->options = *options;
    sync->options.is_shadow = is_shadow;
    sync->options.sources = NULL;
    sync->options.source_count = 0;
    sync->options.keyring = NULL;
    sync->span.options = options->bound;
    sync->is_overspent = sync->is_overspent && options->mesh.is_on;
    if (!options->mesh.is_on || options->mesh.is_berkeley != was_berkeley) {
        sync_mesh_leave(sync);
    }
    return true;
}

struct sync *sync_create(const struct sync_options *options, struct random *random,
                         struct reading now, char error[SYNC_ERROR_MAX])
{
    struct sync *sync = calloc(1, sizeof(*sync));
    if (sync == NULL) {
        snprintf(error, SYNC_ERROR_MAX, "out of memory");
        return NULL;
    }
    sync->random = random;
    sync->next_number = 1;
    sync->options.is_shadow = options->is_shadow;
    sync->started = now.mono;
    sync->handled = now.mono;
    sync->selected = SIZE_MAX;
    sync->selected_told = SIZE_MAX;
    sync->hops = SYNC_HOPS_NONE;
    sync_mesh_leave(sync);
    sync->condition = SYNC_STARTING;
    if (!adopt(sync, options, now.mono, &sync->table, error)) {
        free(sync);
        return NULL;
    }
    span_init(&sync->span, &options->bound);
    sync_clock_init(sync, now);
    sync->publish_at = now.mono;
    sync->maintain_at = now.mono;
    sync->leap_at.ns = SYNC_NEVER;
    sync->save_time_at = now.mono;
    sync_claim_find_condition(sync, now, NULL);
    sync_claim_renew(sync, now);
    return sync;
}

void sync_destroy(struct sync *sync)
{
    if (sync != NULL) {
        for (size_t i = 0; i < sync->doomed_count; i++) {
            source_destroy(sync->doomed[i]);
        }
        sync_table_discard(&sync->table, NULL);
        keyring_clear(&sync->keyring);
        free(sync);
    }
}

static bool is_kept(const struct sync_table *table, const struct source *source)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->entries[i].source == source) {
            return true;
        }
    }
    return false;
}

/* Which entry of the new table is the one that is selected. */
static size_t find_kept(const struct sync *sync, const struct sync_table *table)
{
    for (size_t i = 0; sync->selected < sync->table.count && i < table->count; i++) {
        if (table->entries[i].source == sync->table.entries[sync->selected].source) {
            return i;
        }
    }
    return SIZE_MAX;
}

bool sync_configure(struct sync *sync, const struct sync_options *options, struct reading now,
                    struct actions *out, char error[SYNC_ERROR_MAX])
{
    struct sync_table table;
    if (sync->doomed_count + sync->table.count > SYNC_SOURCES_MAX) {
        snprintf(error, SYNC_ERROR_MAX, "the reload before is not finished yet: try again");
        return false;
    }
    if (!adopt(sync, options, now.mono, &table, error)) {
        return false;
    }
    for (size_t i = 0; i < sync->table.count; i++) {
        if (!is_kept(&table, sync->table.entries[i].source)) {
            sync->doomed[sync->doomed_count++] = sync->table.entries[i].source;
        }
    }
    sync->selected = find_kept(sync, &table);
    sync->selected_told = SIZE_MAX;
    free(sync->table.names);
    free(sync->table.entries);
    sync->table = table;
    sync->started = now.mono;
    sync->discipline.options = options->discipline;
    (void)sync_judge(sync, NULL, now, out);
    sync_claim_find_condition(sync, now, out);
    sync_claim_renew(sync, now);
    sync->publish_at = now.mono;
    return true;
}

/* Which address of ours a source knows us by. */
void sync_learn_address(struct sync *sync, struct sync_entry *entry, const struct address *address)
{
    if (address->family == ADDRESS_NONE || address_is_wildcard(address)) {
        return;
    }
    /* The digest of an IPv6 address is not computed anew for every datagram. */
    if (address_is_same_host(&entry->local, address)) {
        return;
    }
    entry->local = *address;
    uint32_t refid = sync_refid_of(address);
    /* Everything on this machine has the loopback address: it names no clock. */
    if (!address_is_loopback(address) && !sync_is_own_refid(sync, refid) &&
        sync->own_count < SYNC_OWN_MAX) {
        sync->own_refids[sync->own_count++] = refid;
    }
}

void sync_take_news(struct sync *sync, struct sync_entry *entry, enum source_news news,
                    struct reading now, struct actions *out)
{
    if (news == SOURCE_NOTHING) {
        return;
    }
    bool is_sample = news == SOURCE_SAMPLED || news == SOURCE_STEPPED;
    bool counts = sync_judge(sync, is_sample ? entry : NULL, now, out);
    if (counts) {
        enum sync_condition before = sync->condition;
        sync_clock_steer(sync, true, now, out);
        sync_claim_find_condition(sync, now, out);
        if (sync->condition != before) {
            sync_leap_look(sync, now.mono, out); /* it may be seconds to midnight */
        }
        sync_claim_publish(sync, now, out);
        sync_judge_report(sync, now.mono, out);
        if (!sync->has_saved_rate) {
            sync_claim_save(sync, false, now, out);
        }
        return;
    }
    if (news == SOURCE_CHANGED) {
        sync_claim_find_condition(sync, now, out);
    }
    if (sync_is_member(sync, entry)) {
        sync_mesh_run(sync, now, out);
    }
}

static struct sync_entry *find_wanting(struct sync *sync, const struct datagram *datagram)
{
    if (datagram->association != 0) {
        return sync_table_find(sync, datagram->association);
    }
    for (size_t i = 0; i < sync->table.count; i++) {
        if (sync->table.entries[i].is_connected &&
            source_wants(sync->table.entries[i].source, datagram)) {
            return &sync->table.entries[i];
        }
    }
    return NULL;
}

bool sync_wants(const struct sync *sync, const struct datagram *datagram)
{
    for (size_t i = 0; i < sync->table.count; i++) {
        if (sync->table.entries[i].is_connected &&
            source_wants(sync->table.entries[i].source, datagram)) {
            return true;
        }
    }
    return false;
}

static void take_datagram(struct sync *sync, const struct event *event, struct actions *out)
{
    struct sync_entry *entry = find_wanting(sync, &event->datagram);
    if (entry == NULL || !entry->is_connected || sync_is_member(sync, entry) ||
        sync_leap_is_near(sync, event->now.mono)) {
        return;
    }
    if (!event->datagram.to_group) {
        sync_learn_address(sync, entry, &event->datagram.destination);
    }
    enum source_news news =
        source_receive(entry->source, &event->datagram, &sync->state, event->now, out);
    sync_take_news(sync, entry, news, event->now, out);
}

static void take_refusal(struct sync *sync, const struct event *event, struct actions *out)
{
    struct sync_entry *entry = sync_table_find(sync, event->refused.association);
    if (entry == NULL) {
        return;
    }
    enum source_news news = source_refused(entry->source, event->refused.error, event->now.mono);
    sync_take_news(sync, entry, news, event->now, out);
    sync_table_refused(sync, entry, event->now);
}

/* A source is asked at its time; the clock is looked after; what we say is renewed. */
static void take_timer(struct sync *sync, struct reading now, struct actions *out)
{
    sync_leap_pass(sync, now, out);
    if (sync->steer_at.ns <= now.mono.ns) {
        (void)sync_judge(sync, NULL, now, out);
        sync_clock_steer(sync, false, now, out);
    }
    if (sync->maintain_at.ns <= now.mono.ns) {
        sync->maintain_at.ns = now.mono.ns + SYNC_RENEWAL_NS;
        if (sync->condition != SYNC_SYNCHRONISED) {
            (void)sync_judge(sync, NULL, now, out);
        }
        sync_table_maintain(sync, now, out);
        sync_claim_find_condition(sync, now, out);
        sync_judge_report_lost(sync, now.mono, out);
        sync_leap_look(sync, now.mono, out);
        sync_claim_save(sync, false, now, out);
    }
    if (sync->mesh.tick_at.ns <= now.mono.ns) {
        (void)sync_judge(sync, NULL, now, out);
        sync_mesh_run(sync, now, out);
    }
    if (sync->publish_at.ns <= now.mono.ns) {
        sync_claim_publish(sync, now, out);
    }
    sync_table_run(sync, now, out);
}

/* Nothing that was measured before holds for what comes: the oscillator did not count all. */
static void take_disruption(struct sync *sync, const struct event *event, struct actions *out)
{
    char by[QUANTITY_TEXT_MAX], reason[STATUS_TEXT_MAX];
    int64_t by_ns = event->disruption.by_ns;
    quantity_format_duration(by_ns, false, by);
    for (size_t i = 0; i < sync->table.count; i++) {
        struct sync_entry *entry = &sync->table.entries[i];
        if (entry->is_connected) {
            source_void(entry->source, event->now.mono);
            entry->is_spread = false;
            entry->hold_until.ns = 0;
        }
    }
    sync_clock_disturb(sync, by_ns, false, event->now);
    if (sync->table.count == 0) {
        sync_claim_publish(sync, event->now, out);
        return;
    }
    span_void(&sync->span);
    sync_mesh_leave(sync);
    sync->has_estimate = false;
    sync->started = event->now.mono;
    snprintf(reason, sizeof(reason),
             "the machine slept or was moved, and its oscillator missed %s; all sources are asked "
             "again",
             by);
    sync_end_epoch(sync, reason, out);
    (void)sync_judge(sync, NULL, event->now, out);
    sync_clock_steer(sync, false, event->now, out);
    sync_claim_find_condition(sync, event->now, out);
    sync_claim_publish(sync, event->now, out);
}

/* Samples and intervals are of the oscillator, which nobody set: only the clock is wrong. */
static void take_clock_set(struct sync *sync, const struct event *event, struct actions *out)
{
    char by[QUANTITY_TEXT_MAX];
    if (sync->options.is_shadow || !sync->has_steered || sync_leap_is_near(sync, event->now.mono)) {
        return;
    }
    quantity_format_duration(event->disruption.by_ns, true, by);
    if (sync->discipline.state == DISCIPLINE_PANIC) {
        /* Perhaps the cure. If the sources are still too far from it, they were not believed
         * before, and are not now. */
        actions_report(out, REPORT_WARNING, "somebody else set the system clock, by %s", by);
    } else {
        sync_clock_disturb(sync, event->disruption.by_ns, true, event->now);
        actions_report(out, REPORT_WARNING,
                       "somebody else set the system clock, by %s; it is %s what the sources say",
                       by,
                       sync->discipline.state == DISCIPLINE_STARTING ? "set back to" : "slewed to");
    }
    if (sync_judge(sync, NULL, event->now, out) || sync->judgement.has_estimate) {
        sync_clock_steer(sync, true, event->now, out);
    }
    sync_claim_find_condition(sync, event->now, out);
    sync_claim_publish(sync, event->now, out);
}

static void take_saved(const struct event *event, struct actions *out)
{
    bool is_ours = event->saved.what == SAVED_RATE || event->saved.what == SAVED_TIME;
    if (is_ours && event->saved.error != NULL) {
        actions_report(out, REPORT_WARNING, "the %s was not saved: %s; tried again later",
                       event->saved.what == SAVED_RATE ? "clock's rate" : "time",
                       event->saved.error);
    }
}

static void take_sent(struct sync *sync, const struct sent *sent)
{
    struct sync_entry *entry = sync_table_find(sync, sent->association);
    if (entry != NULL) {
        source_sent(entry->source, sent);
    }
}

void sync_handle(struct sync *sync, const struct event *event, struct actions *out)
{
    sync->handled = event->now.mono;
    switch (event->kind) {
    case EVENT_DATAGRAM:
        take_datagram(sync, event, out);
        break;
    case EVENT_SENT:
        take_sent(sync, &event->sent);
        break;
    case EVENT_TIMER:
        take_timer(sync, event->now, out);
        break;
    case EVENT_RESOLVED:
        sync_table_resolved(sync, &event->resolved, event->now, out);
        break;
    case EVENT_REFUSED:
        take_refusal(sync, event, out);
        break;
    case EVENT_CLOCK_SET:
        take_clock_set(sync, event, out);
        break;
    case EVENT_DISRUPTED:
        take_disruption(sync, event, out);
        break;
    case EVENT_SAVED:
        take_saved(event, out);
        break;
    case EVENT_COMMAND:
        sync_command_perform(sync, &event->command, event->now, out);
        break;
    }
    /* The next reading knows of the steps. */
    sync->stepped_ns = 0;
}

struct mono sync_deadline(const struct sync *sync)
{
    struct mono deadline = sync_table_deadline(sync);
    if (sync->table.count > 0 && sync->maintain_at.ns < deadline.ns) {
        deadline = sync->maintain_at;
    }
    deadline.ns = sync->leap_at.ns < deadline.ns ? sync->leap_at.ns : deadline.ns;
    deadline.ns = sync->publish_at.ns < deadline.ns ? sync->publish_at.ns : deadline.ns;
    deadline.ns = sync->steer_at.ns < deadline.ns ? sync->steer_at.ns : deadline.ns;
    deadline.ns = sync->mesh.tick_at.ns < deadline.ns ? sync->mesh.tick_at.ns : deadline.ns;
    /* What found no room among the last event's actions is due at once. */
    return deadline.ns > sync->handled.ns ? deadline : sync->handled;
}

void sync_stop(struct sync *sync, struct reading now, struct actions *out)
{
    sync_clock_stop(sync, now, out);
    sync_claim_save(sync, true, now, out);
    for (size_t i = 0; i < sync->table.count && actions_room(out) > 1; i++) {
        source_disconnect(sync->table.entries[i].source, out);
    }
}

const struct sync_state *sync_claim(const struct sync *sync)
{
    return &sync->state;
}

bool sync_interval(const struct sync *sync, struct mono now, struct interval *interval)
{
    if (!sync_is_bounded(sync) || !span_interval(&sync->span, now, interval)) {
        return false;
    }
    sync_leap_break(sync, now, interval);
    return true;
}

bool sync_estimate(const struct sync *sync, struct mono now, struct estimate *estimate)
{
    if (!sync->has_estimate) {
        return false;
    }
    int64_t elapsed_ns = now.ns - sync->estimate.at.ns;
    double gain_ns =
        sync->estimate.fraction_ns + (double)elapsed_ns * sync->estimate.rate_ppm * PPM;
    double whole_ns = rint(gain_ns);
    double rate_ns = (double)elapsed_ns * sync->estimate.rate_sd_ppm * PPM;
    *estimate = sync->estimate;
    estimate->at = now;
    estimate->wall.ns += elapsed_ns + (int64_t)whole_ns;
    estimate->fraction_ns = gain_ns - whole_ns;
    estimate->offset_sd_ns = hypot(estimate->offset_sd_ns, rate_ns);
    return true;
}

uint32_t sync_epoch(const struct sync *sync)
{
    return sync->epoch;
}
