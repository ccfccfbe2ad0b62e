/* SPDX-License-Identifier: MIT */
#include "common/mesh/berkeley.h"
#include <math.h>

/* Nobody lives to see so many elections; a liar must not end the count. */
#define TERM_MAX UINT32_C(0x7FFFFFFF)
/* So far from what was named before a term may be, once there is one. */
#define TERM_LEAP 65536
/* A difference about longer ago says little of a clock that was moved since. */
#define ABOUT_MOST_NS (60 * NS_PER_S)
/* Before it stands, a member listens to the others for so many intervals. */
#define LISTEN 2

const char *berkeley_verdict_name(enum berkeley_verdict verdict)
{
    static const char *const names[BERKELEY_VERDICTS] = {
        [BERKELEY_OK] = "ok",
        [BERKELEY_SIZE] = "size",
        [BERKELEY_RESERVED] = "reserved octets",
        [BERKELEY_TERM] = "impossible term",
        [BERKELEY_STALE] = "stale",
        [BERKELEY_SMALLER] = "smaller id is heard",
        [BERKELEY_STRANGER] = "not the coordinator's",
        [BERKELEY_RECIPIENT] = "for another member",
        [BERKELEY_OLD] = "about another time",
        [BERKELEY_UNKNOWN] = "unknown member",
    };
    return (unsigned)verdict < BERKELEY_VERDICTS ? names[verdict] : "unknown verdict";
}

void berkeley_elect_write(const struct berkeley_elect *elect, uint8_t out[BERKELEY_ELECT_SIZE])
{
    bytes_put_u32(out, elect->term);
    bytes_put_u64(out + 4, elect->coordinator);
    bytes_put_u16(out + 12, elect->heard);
    bytes_put_u16(out + 14, 0);
}

static bool is_term(uint32_t term, bool may_be_none)
{
    return term <= TERM_MAX && (term > 0 || may_be_none);
}

enum berkeley_verdict berkeley_elect_read(struct bytes body, struct berkeley_elect *elect)
{
    if (body.size != BERKELEY_ELECT_SIZE) {
        return BERKELEY_SIZE;
    }
    if (bytes_u16(body, 14) != 0) {
        return BERKELEY_RESERVED;
    }
    struct berkeley_elect read = {.term = bytes_u32(body, 0),
                                  .coordinator = bytes_u64(body, 4),
                                  .heard = bytes_u16(body, 12)};
    /* Who names nobody may not know of any election. */
    if (!is_term(read.term, read.coordinator == 0)) {
        return BERKELEY_TERM;
    }
    *elect = read;
    return BERKELEY_OK;
}

void berkeley_difference_write(const struct berkeley_difference *difference,
                               uint8_t out[BERKELEY_DIFFERENCE_SIZE])
{
    bytes_put_u32(out, difference->term);
    bytes_put_u32(out + 4, difference->round);
    bytes_put_u64(out + 8, difference->recipient);
    bytes_put_u64(out + 16, (uint64_t)difference->clock.ns);
    bytes_put_u64(out + 24, (uint64_t)difference->offset_ns);
    bytes_put_u32(out + 32, difference->sd_ns);
    bytes_put_u16(out + 36, difference->averaged);
    bytes_put_u16(out + 38, 0);
}

enum berkeley_verdict berkeley_difference_read(struct bytes body,
                                               struct berkeley_difference *difference)
{
    if (body.size != BERKELEY_DIFFERENCE_SIZE) {
        return BERKELEY_SIZE;
    }
    if (bytes_u16(body, 38) != 0) {
        return BERKELEY_RESERVED;
    }
    struct berkeley_difference read = {.term = bytes_u32(body, 0),
                                       .round = bytes_u32(body, 4),
                                       .recipient = bytes_u64(body, 8),
                                       .clock = {(int64_t)bytes_u64(body, 16)},
                                       .offset_ns = (int64_t)bytes_u64(body, 24),
                                       .sd_ns = bytes_u32(body, 32),
                                       .averaged = bytes_u16(body, 36)};
    if (!is_term(read.term, false)) {
        return BERKELEY_TERM;
    }
    *difference = read;
    return BERKELEY_OK;
}

void berkeley_init(struct berkeley *berkeley, const struct berkeley_options *options,
                   struct mono now)
{
    assert(options->id != 0);
    assert(options->interval_ns > 0);
    *berkeley = (struct berkeley){
        .options = *options,
        .deadline = now,
        .stands_from = {now.ns + LISTEN * options->interval_ns},
    };
}

static struct berkeley_vote *find_vote(struct berkeley *berkeley, uint64_t id)
{
    for (size_t i = 0; i < berkeley->vote_count; i++) {
        if (berkeley->votes[i].id == id) {
            return &berkeley->votes[i];
        }
    }
    return NULL;
}

static bool is_alive(const struct berkeley *berkeley, const struct berkeley_vote *vote,
                     struct mono now)
{
    return !vote->is_excluded && vote->at.ns > 0 &&
           now.ns - vote->at.ns <= BERKELEY_PATIENCE * berkeley->options.interval_ns;
}

/* Room for one more: in place of one that is silent and not excluded, if need be. */
static struct berkeley_vote *add_vote(struct berkeley *berkeley, uint64_t id, struct mono now)
{
    struct berkeley_vote *room = NULL;
    if (berkeley->vote_count < BERKELEY_MEMBERS_MAX) {
        room = &berkeley->votes[berkeley->vote_count++];
    }
    for (size_t i = 0; room == NULL && i < berkeley->vote_count; i++) {
        struct berkeley_vote *vote = &berkeley->votes[i];
        room = !vote->is_excluded && !is_alive(berkeley, vote, now) ? vote : NULL;
    }
    if (room != NULL) {
        *room = (struct berkeley_vote){.id = id};
    }
    return room;
}

void berkeley_exclude(struct berkeley *berkeley, uint64_t id, bool is_excluded)
{
    struct berkeley_vote *vote = find_vote(berkeley, id);
    if (vote == NULL && is_excluded) {
        vote = add_vote(berkeley, id, berkeley->deadline);
    }
    if (vote != NULL) {
        vote->is_excluded = is_excluded;
    }
    if (is_excluded && berkeley->coordinator == id) {
        berkeley->coordinator = 0;
    }
}

struct mono berkeley_deadline(const struct berkeley *berkeley)
{
    return berkeley->deadline;
}

uint64_t berkeley_coordinator(const struct berkeley *berkeley)
{
    return berkeley->coordinator;
}

static bool is_majority(const struct berkeley *berkeley, size_t count)
{
    return 2 * count > berkeley->options.members;
}

/* Ourselves included. */
static size_t count_heard(const struct berkeley *berkeley, struct mono now)
{
    size_t count = 1;
    for (size_t i = 0; i < berkeley->vote_count; i++) {
        count += is_alive(berkeley, &berkeley->votes[i], now);
    }
    return count;
}

static size_t count_votes(const struct berkeley *berkeley, uint64_t coordinator, uint32_t term,
                          struct mono now)
{
    size_t count = berkeley->coordinator == coordinator && berkeley->term == term;
    for (size_t i = 0; i < berkeley->vote_count; i++) {
        const struct berkeley_vote *vote = &berkeley->votes[i];
        count +=
            is_alive(berkeley, vote, now) && vote->coordinator == coordinator && vote->term == term;
    }
    return count;
}

static uint64_t smallest(const struct berkeley *berkeley, struct mono now)
{
    uint64_t least = berkeley->options.id;
    for (size_t i = 0; i < berkeley->vote_count; i++) {
        const struct berkeley_vote *vote = &berkeley->votes[i];
        least = is_alive(berkeley, vote, now) && vote->id < least ? vote->id : least;
    }
    return least;
}

/* Somebody else was named by us, and is not heard. */
static void forget_silent(struct berkeley *berkeley, struct mono now)
{
    int64_t patience_ns = BERKELEY_PATIENCE * berkeley->options.interval_ns;
    if (berkeley->coordinator != 0 && berkeley->coordinator != berkeley->options.id &&
        now.ns - berkeley->heard.ns > patience_ns) {
        berkeley->coordinator = 0;
    }
}

static void stand(struct berkeley *berkeley)
{
    if (berkeley->highest < TERM_MAX) {
        berkeley->term = berkeley->highest + 1;
        berkeley->highest = berkeley->term;
        berkeley->coordinator = berkeley->options.id;
        berkeley->round = 0;
    }
}

void berkeley_look(struct berkeley *berkeley, struct mono now, struct berkeley_elect *elect)
{
    uint64_t id = berkeley->options.id;
    size_t heard = count_heard(berkeley, now);
    berkeley->deadline.ns = now.ns + berkeley->options.interval_ns;
    forget_silent(berkeley, now);
    bool is_ours = smallest(berkeley, now) == id && is_majority(berkeley, heard) &&
                   now.ns >= berkeley->stands_from.ns;
    if (!is_ours && berkeley->coordinator == id) {
        berkeley->coordinator = 0;
    }
    /* Anew also where another election went on without us. */
    if (is_ours && (berkeley->coordinator != id || berkeley->highest > berkeley->term)) {
        stand(berkeley);
    }
    *elect = (struct berkeley_elect){
        .term = berkeley->term, .coordinator = berkeley->coordinator, .heard = (uint16_t)heard};
}

bool berkeley_is_coordinator(const struct berkeley *berkeley, struct mono now)
{
    uint64_t id = berkeley->options.id;
    return berkeley->coordinator == id &&
           is_majority(berkeley, count_votes(berkeley, id, berkeley->term, now));
}

/* Is somebody heard that should have been elected? One that names the other itself does not want
 * to, or does not hear enough. */
static bool is_passed_over(const struct berkeley *berkeley, const struct berkeley_elect *elect,
                           struct mono now)
{
    for (size_t i = 0; i < berkeley->vote_count; i++) {
        const struct berkeley_vote *vote = &berkeley->votes[i];
        if (vote->id < elect->coordinator && is_alive(berkeley, vote, now) &&
            vote->coordinator != elect->coordinator) {
            return true;
        }
    }
    return false;
}

static enum berkeley_verdict judge_term(struct berkeley *berkeley, uint32_t term)
{
    if (berkeley->highest > 0 && term > berkeley->highest && term - berkeley->highest > TERM_LEAP) {
        return BERKELEY_TERM;
    }
    berkeley->highest = term > berkeley->highest ? term : berkeley->highest;
    return BERKELEY_OK;
}

/* It stands, or goes on to coordinate. */
static enum berkeley_verdict follow(struct berkeley *berkeley, const struct berkeley_elect *elect,
                                    struct mono now)
{
    if (elect->term < berkeley->term ||
        (elect->term == berkeley->term && berkeley->coordinator != 0 &&
         berkeley->coordinator < elect->coordinator)) {
        return BERKELEY_STALE;
    }
    bool is_ours = berkeley->options.id < elect->coordinator &&
                   is_majority(berkeley, count_heard(berkeley, now)) &&
                   now.ns >= berkeley->stands_from.ns;
    if (is_ours || is_passed_over(berkeley, elect, now)) {
        return BERKELEY_SMALLER;
    }
    if (berkeley->coordinator != elect->coordinator || berkeley->term != elect->term) {
        berkeley->round = 0;
    }
    berkeley->term = elect->term;
    berkeley->coordinator = elect->coordinator;
    berkeley->heard = now;
    return BERKELEY_OK;
}

enum berkeley_verdict berkeley_take_elect(struct berkeley *berkeley, uint64_t author,
                                          const struct berkeley_elect *elect, struct mono now)
{
    struct berkeley_vote *vote = find_vote(berkeley, author);
    vote = vote != NULL ? vote : add_vote(berkeley, author, now);
    if (vote == NULL || vote->is_excluded || author == berkeley->options.id) {
        return BERKELEY_UNKNOWN;
    }
    enum berkeley_verdict verdict = judge_term(berkeley, elect->term);
    if (verdict != BERKELEY_OK) {
        return verdict;
    }
    vote->at = now;
    vote->term = elect->term;
    vote->coordinator = elect->coordinator;
    /* What others say of who stands is their vote, and not its own word. */
    return elect->coordinator == author ? follow(berkeley, elect, now) : BERKELEY_OK;
}

enum berkeley_verdict berkeley_take_difference(struct berkeley *berkeley, uint64_t author,
                                               const struct berkeley_difference *difference,
                                               struct reading clock, struct mono *at)
{
    int64_t about_ns;
    if (difference->recipient != berkeley->options.id) {
        return BERKELEY_RECIPIENT;
    }
    if (difference->term < berkeley->term) {
        return BERKELEY_STALE;
    }
    if (author != berkeley->coordinator || difference->term != berkeley->term) {
        return BERKELEY_STRANGER;
    }
    if (difference->round <= berkeley->round && author != berkeley->options.id) {
        return BERKELEY_STALE;
    }
    if (__builtin_sub_overflow(clock.wall.ns, difference->clock.ns, &about_ns) || about_ns < 0 ||
        about_ns > ABOUT_MOST_NS) {
        return BERKELEY_OLD;
    }
    berkeley->round = difference->round;
    berkeley->heard = clock.mono;
    at->ns = clock.mono.ns - about_ns;
    return BERKELEY_OK;
}

static bool is_excluded(struct berkeley *berkeley, uint64_t id)
{
    const struct berkeley_vote *vote = find_vote(berkeley, id);
    return vote != NULL && vote->is_excluded;
}

struct group {
    size_t count;
    double mean_ns;
    double sd_ns;
};

/* The largest one within gamma; of two as large ours, or the earlier one. offsets holds ours too,
 * at the end. */
static struct group find_group(struct berkeley *berkeley, const struct berkeley_offset *offsets,
                               size_t count)
{
    struct group best = {.count = 0};
    for (size_t i = 0; i < count; i++) {
        double least_ns = offsets[i].offset_ns;
        double most_ns = least_ns + (double)berkeley->options.gamma_ns;
        struct group group = {.count = 0};
        double variance = 0;
        for (size_t j = 0; j < count; j++) {
            if (offsets[j].offset_ns >= least_ns && offsets[j].offset_ns <= most_ns &&
                !is_excluded(berkeley, offsets[j].id)) {
                group.count++;
                group.mean_ns += offsets[j].offset_ns;
                variance += offsets[j].sd_ns * offsets[j].sd_ns;
            }
        }
        bool has_ours = least_ns <= 0 && most_ns >= 0;
        if (group.count > best.count || (group.count == best.count && has_ours)) {
            group.mean_ns /= (double)group.count;
            group.sd_ns = sqrt(variance) / (double)group.count;
            best = group;
        }
    }
    return best;
}

static struct berkeley_difference tell(const struct berkeley *berkeley,
                                       const struct berkeley_offset *to, const struct group *group,
                                       struct wall clock)
{
    double sd_ns = hypot(to->sd_ns, group->sd_ns);
    return (struct berkeley_difference){.term = berkeley->term,
                                        .round = berkeley->round,
                                        .recipient = to->id,
                                        .clock = {clock.ns + llround(to->offset_ns)},
                                        .offset_ns = llround(group->mean_ns - to->offset_ns),
                                        .sd_ns = sd_ns < (double)UINT32_MAX ? (uint32_t)sd_ns
                                                                            : UINT32_MAX,
                                        .averaged = (uint16_t)group->count};
}

size_t berkeley_round(struct berkeley *berkeley, const struct berkeley_offset *offsets,
                      size_t count, bool is_anchored, struct reading clock,
                      struct berkeley_difference out[BERKELEY_MEMBERS_MAX + 1])
{
    struct berkeley_offset all[BERKELEY_MEMBERS_MAX + 1];
    assert(count <= BERKELEY_MEMBERS_MAX);
    if (!berkeley_is_coordinator(berkeley, clock.mono)) {
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        all[i] = offsets[i];
    }
    all[count] = (struct berkeley_offset){.id = berkeley->options.id};
    struct group group = find_group(berkeley, all, count + 1);
    if (is_anchored) {
        group = (struct group){.count = 1};
    }
    berkeley->round++;
    for (size_t i = 0; i <= count; i++) {
        out[i] = tell(berkeley, &all[i], &group, clock.wall);
    }
    return count + 1;
}
