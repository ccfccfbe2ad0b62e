/* SPDX-License-Identifier: MIT */
/* What was known of UTC may be narrowed by what is agreed now, or not. */
#include "client/sync/sync_inner.h"

/* Those of f that lie may have been convicted: servers are held to all of f. */
static size_t faults_of_all(const struct sync *sync)
{
    size_t faults = sync->judgement.faults;
    for (size_t i = 0; i < sync->table.count; i++) {
        faults += sync_is_convicted(sync, &sync->table.entries[i]);
    }
    return faults;
}

/* What the servers that answer agree on by themselves; false: there are fewer than 2f + 1, or they
 * don't agree. */
static bool do_servers_agree(const struct sync *sync, struct interval *agreed)
{
    struct selection_candidate candidates[SELECTION_MAX];
    size_t faults = faults_of_all(sync);
    size_t count = 0;
    for (size_t i = 0; i < sync->table.count; i++) {
        const struct sync_entry *entry = &sync->table.entries[i];
        if (entry->is_candidate && !sync_is_member(sync, entry) && !sync_is_silent(entry)) {
            candidates[count++] = (struct selection_candidate){.interval = entry->interval};
        }
    }
    return count >= 2 * faults + 1 && selection_hull(candidates, count, count - faults, agreed);
}

/* Of a mesh that has lost more members than may lie nothing is sure, however many are left: what
 * was known before grows old. Servers that are enough by themselves know nothing of that; what they
 * agree on, and nothing that members say besides, counts then. */
static bool find_certain(const struct sync *sync, struct mono now, struct interval *agreed)
{
    struct interval known;
    *agreed = sync->judgement.agreed;
    return !sync->is_overspent || !span_interval(&sync->span, now, &known) ||
           do_servers_agree(sync, agreed);
}

static struct bound_rate learned_rate(const struct sync *sync, const struct estimate *estimate,
                                      struct mono now)
{
    struct bound_rate rate = {.is_learned = false};
    if (sync->selected != SIZE_MAX) {
        rate = source_rate(sync->table.entries[sync->selected].source, now);
    }
    if (rate.is_learned) {
        rate.rate_ppm = estimate->rate_ppm;
        rate.sd_ppm = estimate->rate_sd_bound_ppm;
        rate.wander_ppm2_per_s = estimate->wander_ppm2_per_s;
        rate.thermal_share = estimate->thermal_share;
    }
    return rate;
}

void sync_narrow(struct sync *sync, const struct estimate *estimate, struct mono now,
                 struct actions *out)
{
    struct interval agreed;
    if (!find_certain(sync, now, &agreed)) {
        return;
    }
    struct bound_rate rate = learned_rate(sync, estimate, now);
    if (span_meet(&sync->span, &agreed, &rate, now) == SPAN_BROKEN) {
        sync_end_epoch(sync,
                       "what the sources agree on now leaves nothing of what was known before; "
                       "a source stepped, more of them lied than may, or an assumption of the "
                       "drift class did not hold",
                       out);
    }
}
