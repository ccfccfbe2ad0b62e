/* SPDX-License-Identifier: MIT */
#include "common/mesh/view.h"
#include <string.h>

/* Of those that are there already: a fifth better than they look. */
#define HYSTERESIS 0.8
/* What each neighbour that they share is worth, of the delay. */
#define MUTUAL_GAIN 0.25
#define CHANGES_MAX 2
#define DRAWS 1000

struct choice {
    const struct view_options *options;
    struct view_candidate *candidates;
    size_t count;
    enum view_slot slots[VIEW_CANDIDATES_MAX]; /* as they will be */
    size_t taken;
    size_t members[VIEW_SIZE_MAX]; /* the taken ones */
};

const char *view_slot_name(enum view_slot slot)
{
    static const char *const names[VIEW_SLOTS] = {[VIEW_OUT] = "not asked",
                                                  [VIEW_NEAR] = "near",
                                                  [VIEW_RANDOM] = "random",
                                                  [VIEW_ANCHOR] = "anchor"};
    return (unsigned)slot < VIEW_SLOTS ? names[slot] : "unknown";
}

static size_t count_domain(const struct choice *choice, uint32_t domain)
{
    size_t count = 0;
    for (size_t i = 0; i < choice->taken; i++) {
        count += choice->candidates[choice->members[i]].domain == domain;
    }
    return count;
}

/* It is free, and its domain has not had its part yet. */
static bool may_take(const struct choice *choice, size_t index, bool heeds_domains)
{
    const struct view_candidate *candidate = &choice->candidates[index];
    size_t cap = choice->options->faults > 0 ? choice->options->faults : 1;
    return candidate->is_available && choice->slots[index] == VIEW_OUT && !candidate->is_poor &&
           (!heeds_domains || candidate->domain == 0 ||
            count_domain(choice, candidate->domain) < cap);
}

static void take(struct choice *choice, size_t index, enum view_slot slot)
{
    choice->slots[index] = slot;
    choice->members[choice->taken++] = index;
}

static void give_back(struct choice *choice, size_t index)
{
    choice->slots[index] = VIEW_OUT;
    for (size_t i = 0; i < choice->taken; i++) {
        if (choice->members[i] == index) {
            choice->members[i] = choice->members[--choice->taken];
        }
    }
}

static bool knows(const struct report *report, uint32_t tag)
{
    for (size_t i = 0; report != NULL && i < report->count; i++) {
        if (report->entries[i].peer == tag) {
            return true;
        }
    }
    return false;
}

/* How many of the near ones that are chosen know it, or are known to it. */
static size_t count_mutual(const struct choice *choice, size_t index)
{
    const struct view_candidate *candidate = &choice->candidates[index];
    size_t count = 0;
    for (size_t i = 0; i < choice->taken; i++) {
        const struct view_candidate *other = &choice->candidates[choice->members[i]];
        count += choice->slots[choice->members[i]] == VIEW_NEAR &&
                 (knows(candidate->report, other->tag) || knows(other->report, candidate->tag));
    }
    return count;
}

static double near_cost(const struct choice *choice, size_t index)
{
    const struct view_candidate *candidate = &choice->candidates[index];
    double delay = candidate->delay_ns == VIEW_UNKNOWN ? 1e18 : (double)candidate->delay_ns;
    double mutual = 1 + MUTUAL_GAIN * (double)count_mutual(choice, index);
    return delay / mutual * (candidate->slot == VIEW_NEAR ? HYSTERESIS : 1);
}

static double anchor_cost(const struct choice *choice, size_t index)
{
    const struct view_candidate *candidate = &choice->candidates[index];
    return (double)candidate->width_ns * (candidate->slot == VIEW_ANCHOR ? HYSTERESIS : 1);
}

/* The cheapest that may be taken; SIZE_MAX: none. */
static size_t find_cheapest(const struct choice *choice, bool heeds_domains, bool is_known_only,
                            double (*cost_of)(const struct choice *choice, size_t index))
{
    size_t best = SIZE_MAX;
    double least = 0;
    for (size_t i = 0; i < choice->count; i++) {
        const struct view_candidate *candidate = &choice->candidates[i];
        bool is_unknown = cost_of == anchor_cost ? candidate->width_ns == VIEW_UNKNOWN
                                                 : candidate->delay_ns == VIEW_UNKNOWN;
        if (!may_take(choice, i, heeds_domains) || (is_known_only && is_unknown)) {
            continue;
        }
        double cost = cost_of(choice, i);
        if (best == SIZE_MAX || cost < least) {
            best = i;
            least = cost;
        }
    }
    return best;
}

static bool has_domain(const struct choice *choice, uint32_t domain, enum view_slot slot)
{
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->slots[i] == slot && choice->candidates[i].domain == domain && domain != 0) {
            return true;
        }
    }
    return false;
}

/* Of different domains, or of none. */
static void choose_anchors(struct choice *choice, size_t wanted)
{
    bool is_passed[VIEW_CANDIDATES_MAX] = {false};
    for (size_t taken = 0; taken < wanted;) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < choice->count; i++) {
            bool is_fit = !is_passed[i] && may_take(choice, i, true) &&
                          choice->candidates[i].width_ns != VIEW_UNKNOWN;
            if (is_fit &&
                (best == SIZE_MAX || anchor_cost(choice, i) < anchor_cost(choice, best))) {
                best = i;
            }
        }
        if (best == SIZE_MAX) {
            return;
        }
        is_passed[best] = true;
        if (!has_domain(choice, choice->candidates[best].domain, VIEW_ANCHOR)) {
            take(choice, best, VIEW_ANCHOR);
            taken++;
        }
    }
}

static void choose_near(struct choice *choice, size_t wanted)
{
    size_t changes = 0, kept = 0;
    for (size_t i = 0; i < choice->count; i++) {
        kept += choice->candidates[i].slot == VIEW_NEAR;
    }
    bool is_settled = kept >= wanted; /* then it changes slowly */
    for (size_t taken = 0; taken < wanted; taken++) {
        size_t best = find_cheapest(choice, true, true, near_cost);
        bool is_change = best != SIZE_MAX && choice->candidates[best].slot != VIEW_NEAR;
        if (is_change && is_settled && changes == CHANGES_MAX) {
            best = SIZE_MAX; /* the best of those that are there stays instead */
            for (size_t i = 0; i < choice->count; i++) {
                bool is_there =
                    choice->candidates[i].slot == VIEW_NEAR && may_take(choice, i, true);
                if (is_there &&
                    (best == SIZE_MAX || near_cost(choice, i) < near_cost(choice, best))) {
                    best = i;
                }
            }
            is_change = false;
        }
        if (best == SIZE_MAX) {
            return;
        }
        changes += is_change;
        take(choice, best, VIEW_NEAR);
    }
}

/* One of the random ones makes room when the time has come: whoever is there longest. */
static void keep_random(struct choice *choice, size_t wanted, struct mono now)
{
    size_t oldest = SIZE_MAX, kept = 0;
    for (size_t i = 0; i < choice->count; i++) {
        const struct view_candidate *candidate = &choice->candidates[i];
        if (candidate->slot == VIEW_RANDOM && may_take(choice, i, true) && kept < wanted) {
            take(choice, i, VIEW_RANDOM);
            kept++;
            bool is_older =
                oldest == SIZE_MAX || candidate->drawn.ns < choice->candidates[oldest].drawn.ns;
            oldest = is_older ? i : oldest;
        }
    }
    if (oldest != SIZE_MAX && now.ns - choice->candidates[oldest].drawn.ns >= VIEW_REDRAW_NS) {
        give_back(choice, oldest);
    }
}

/* What is left is drawn, from those of other domains first. */
static void draw(struct choice *choice, struct random *random, struct mono now)
{
    for (int heeds_domains = 1; heeds_domains >= 0; heeds_domains--) {
        while (choice->taken < choice->options->size) {
            size_t eligible = 0;
            for (size_t i = 0; i < choice->count; i++) {
                eligible += may_take(choice, i, heeds_domains != 0);
            }
            if (eligible == 0) {
                break;
            }
            size_t turn = random_below(random, (uint32_t)eligible);
            for (size_t i = 0; i < choice->count; i++) {
                if (may_take(choice, i, heeds_domains != 0) && turn-- == 0) {
                    take(choice, i, VIEW_RANDOM);
                    /* Not all of them at once, the next time. */
                    int64_t early_ns = random_below(random, DRAWS) * (VIEW_REDRAW_NS / 2 / DRAWS);
                    choice->candidates[i].drawn.ns = now.ns - early_ns;
                    break;
                }
            }
        }
    }
}

/* Poor ones are asked if there is nobody else: they may come back. */
static void fill(struct choice *choice)
{
    for (size_t i = 0; i < choice->count && choice->taken < choice->options->size; i++) {
        if (choice->candidates[i].is_available && choice->slots[i] == VIEW_OUT) {
            take(choice, i, VIEW_NEAR);
        }
    }
}

void view_choose(const struct view_options *options, struct view_candidate *candidates,
                 size_t count, struct random *random, struct mono now)
{
    struct choice choice = {.options = options, .candidates = candidates, .count = count};
    size_t available = 0;
    assert(count <= VIEW_CANDIDATES_MAX);
    assert(options->size <= VIEW_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        available += candidates[i].is_available;
    }
    if (available > options->size) {
        size_t anchors = options->is_young ? 0 : options->size * 3 / 16;
        size_t randoms = options->is_young ? options->size : options->size * 5 / 16;
        keep_random(&choice, randoms, now);
        choose_anchors(&choice, anchors);
        choose_near(&choice, options->size - anchors - randoms);
        draw(&choice, random, now);
    }
    fill(&choice);
    for (size_t i = 0; i < count; i++) {
        candidates[i].slot = choice.slots[i];
    }
}
