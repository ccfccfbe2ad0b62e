/* SPDX-License-Identifier: MIT */
/* The logical clock's rules, by every sequence of events up to a depth, for two nodes and three:
 * time passes, clocks are stepped and confirmed, stamps are given, messages come in any order and
 * more than once, bounds are saved or fail to be, and nodes crash in the midst of it. Rules that
 * are known to be wrong are found out by the same search. */
#include "common/base/hlc.h"
#include "tests/unit/unit.h"
#include <string.h>

#define BASE_NS (INT64_C(1767225600) * NS_PER_S)
#define NODES_MAX 3
#define TICK_NS (300 * NS_PER_MS)
#define STEP_NS (400 * NS_PER_MS)
#define MARGIN_NS (50 * NS_PER_MS)
#define OFFSET_NS HLC_MAX_OFFSET_DEFAULT_NS
#define TABLE (1U << 22)

enum rule {
    RULE_OURS,
    RULE_LOCAL_WINS, /* a clock ahead of the message is taken as it is (ALGORITHMS' wrong rule) */
    RULE_FORGETS,    /* a restart does not ask what was saved */
    RULE_BELIEVES    /* a bound counts before it is durable */
};

enum act {
    ACT_SEND,
    ACT_RECEIVE,        /* the last message of the next node, ... */
    ACT_RECEIVE_OLD,    /* ... the one before, once more ... */
    ACT_RECEIVE_FUTURE, /* ... or one that nobody honest sent */
    ACT_STEP_BACK,
    ACT_STEP_FORWARD,
    ACT_CONFIRM,
    ACT_DOUBT,
    ACT_SAVE,
    ACT_SAVED,
    ACT_SAVE_FAILED,
    ACT_CRASH,
    ACT_CRASH_WRITTEN, /* what was under way had reached the disk */
    ACTS
};

struct node {
    struct hlc hlc;
    int64_t error_ns; /* of its clock */
    bool has_disk;
    struct hlc_bound disk;
    bool is_saving;
    struct hlc_bound saving;
    uint64_t wrong_last; /* RULE_LOCAL_WINS keeps no more */
    uint64_t given;      /* its last stamp; 0: none */
    uint64_t merged;     /* the greatest message that was merged, and is not behind us yet */
    uint64_t sent[2];    /* messages; 0: none */
    uint64_t floor;      /* where this run began; 0: nowhere yet */
    bool has_line;       /* its clock was confirmed in this run, when it was so far off: */
    int64_t line_error_ns;
    bool is_sure; /* and nobody doubted it since */
};

struct world {
    int64_t now_ns;
    struct node nodes[NODES_MAX];
};

static enum rule rule;
static size_t count;
static uint64_t visited[TABLE];
static size_t states;
static size_t broken;

static void require(bool is_true)
{
    broken += !is_true;
}

static struct hlc_now now_of(const struct world *world, const struct node *node)
{
    struct wall wall = {BASE_NS + world->now_ns + node->error_ns};
    return (struct hlc_now){.reading = {.mono = {world->now_ns}, .wall = wall},
                            .latest = {BASE_NS + world->now_ns + MARGIN_NS}};
}

static bool is_after(uint64_t a, uint64_t b)
{
    return hlc_is_after((struct hlc_stamp){a}, (struct hlc_stamp){b});
}

/* A step of the clock enters stamps when it is confirmed: till then they go on from what was
 * confirmed before, or count. */
static void check_pace(const struct world *world, const struct node *node, uint64_t stamp)
{
    int64_t limit_ns = BASE_NS + world->now_ns + node->line_error_ns + OFFSET_NS;
    uint64_t limit = hlc_stamp_make(hlc_granules((struct wall){limit_ns}), 0).bits;
    bool is_counted =
        stamp == node->given + 1 || stamp == node->merged + 1 || stamp == node->floor + 1;
    require(is_counted || (node->has_line && !is_after(stamp, limit)));
}

/* A stamp was given: it is after all that it must be after, and below what is durable. */
static void check_stamp(const struct world *world, struct node *node, uint64_t stamp)
{
    require(node->given == 0 || is_after(stamp, node->given));
    require(node->merged == 0 || is_after(stamp, node->merged));
    if (rule != RULE_LOCAL_WINS) {
        require(node->has_disk && !is_after(stamp, node->disk.stamp.bits));
        check_pace(world, node, stamp);
    }
    node->given = stamp;
    node->merged = 0;
}

static bool gives(enum hlc_verdict verdict)
{
    return verdict == HLC_OK || verdict == HLC_STALLED;
}

/* A stamp that is not stalled means our clock, give or take max-offset. */
static void check_meaning(const struct node *node, const struct hlc_now *now,
                          enum hlc_verdict verdict)
{
    struct wall limit = {now->reading.wall.ns > now->latest.ns ? now->reading.wall.ns
                                                               : now->latest.ns};
    require(verdict != HLC_OK ||
            !hlc_is_ahead((struct hlc_stamp){node->given}, limit, OFFSET_NS + NS_PER_MS));
}

static uint64_t wrong_physical(const struct world *world, const struct node *node)
{
    return hlc_stamp_make(hlc_granules(now_of(world, node).reading.wall), 0).bits;
}

static void send_wrong(const struct world *world, struct node *node, uint64_t message)
{
    uint64_t clock = wrong_physical(world, node);
    uint64_t last = node->wrong_last;
    uint64_t next = is_after(clock, last) ? clock : last + 1;
    if (message != 0) {
        node->merged = message;
        next = is_after(clock, message) ? clock : (is_after(message, last) ? message : last) + 1;
    }
    node->wrong_last = next;
    check_stamp(world, node, next);
}

static void send(const struct world *world, struct node *node)
{
    if (rule == RULE_LOCAL_WINS) {
        send_wrong(world, node, 0);
    } else {
        struct hlc_now now = now_of(world, node);
        struct hlc_stamp stamp;
        enum hlc_verdict verdict = hlc_send(&node->hlc, &now, &stamp);
        if (!gives(verdict)) {
            return;
        }
        check_stamp(world, node, stamp.bits);
        check_meaning(node, &now, verdict);
    }
    node->sent[1] = node->sent[0];
    node->sent[0] = node->given;
}

static bool is_same_clock(struct hlc *a, struct hlc *b)
{
    return atomic_load(&a->last) == atomic_load(&b->last) &&
           atomic_load(&a->seen) == atomic_load(&b->seen);
}

static void receive(const struct world *world, struct node *node, uint64_t message)
{
    if (message == 0) {
        return;
    }
    if (rule == RULE_LOCAL_WINS) {
        send_wrong(world, node, message);
        return;
    }
    struct hlc_now now = now_of(world, node);
    struct hlc before = node->hlc;
    struct hlc_stamp stamp;
    bool is_ahead = hlc_is_ahead((struct hlc_stamp){message}, now.latest, OFFSET_NS);
    enum hlc_verdict verdict = hlc_receive(&node->hlc, &now, (struct hlc_stamp){message}, &stamp);
    if (verdict == HLC_AHEAD || verdict == HLC_UNSYNCHRONISED || verdict == HLC_UNSTARTED) {
        require(is_same_clock(&before, &node->hlc));
        return;
    }
    /* Nobody is pulled ahead of what he knows to be possible, or where he knows nothing. */
    require(!is_ahead && node->is_sure);
    if (node->merged == 0 || is_after(message, node->merged)) {
        node->merged = message;
    }
    if (gives(verdict)) {
        check_stamp(world, node, stamp.bits);
        check_meaning(node, &now, verdict);
    }
}

static void crash(struct node *node, bool is_written)
{
    if (is_written && node->is_saving) {
        node->disk = node->saving;
        node->has_disk = true;
    }
    bool asks = node->has_disk && rule != RULE_FORGETS;
    require(hlc_init(&node->hlc, asks ? &node->disk : NULL, OFFSET_NS));
    node->is_saving = false;
    node->merged = 0;
    node->floor = asks ? node->disk.stamp.bits : 0;
    node->has_line = false;
    node->is_sure = false;
}

static void finish_save(struct node *node, bool is_durable)
{
    if (!node->is_saving) {
        return;
    }
    hlc_saved(&node->hlc, is_durable || rule == RULE_BELIEVES);
    node->is_saving = false;
    if (is_durable) {
        node->disk = node->saving;
        node->has_disk = true;
    }
}

static void save(const struct world *world, struct node *node)
{
    struct hlc_now now = now_of(world, node);
    if (!node->is_saving && hlc_save_due(&node->hlc, &now, &node->saving)) {
        node->is_saving = true;
    }
}

static void perform(struct world *world, size_t index, enum act act)
{
    struct node *node = &world->nodes[index];
    const struct node *other = &world->nodes[(index + 1) % count];
    int64_t future_ns = BASE_NS + world->now_ns + OFFSET_NS + MARGIN_NS + NS_PER_MS;
    switch (act) {
    case ACT_SEND:
        send(world, node);
        break;
    case ACT_RECEIVE:
    case ACT_RECEIVE_OLD:
        receive(world, node, other->sent[act == ACT_RECEIVE_OLD]);
        break;
    case ACT_RECEIVE_FUTURE:
        receive(world, node,
                rule == RULE_LOCAL_WINS
                    ? 0
                    : hlc_stamp_make(hlc_granules((struct wall){future_ns}), 0).bits);
        break;
    case ACT_STEP_BACK:
        node->error_ns -= STEP_NS;
        break;
    case ACT_STEP_FORWARD:
        node->error_ns += STEP_NS;
        break;
    case ACT_CONFIRM:
        hlc_confirm(&node->hlc, now_of(world, node).reading);
        if (node->floor == 0) {
            /* The first start ever: it begins one granule before the clock. */
            struct wall wall = now_of(world, node).reading.wall;
            node->floor = hlc_stamp_make(hlc_granules(wall) - 1, 0).bits;
        }
        node->has_line = true;
        node->is_sure = true;
        node->line_error_ns = node->error_ns;
        break;
    case ACT_DOUBT:
        hlc_doubt(&node->hlc);
        node->is_sure = false;
        break;
    case ACT_SAVE:
        save(world, node);
        break;
    case ACT_SAVED:
    case ACT_SAVE_FAILED:
        finish_save(node, act == ACT_SAVED);
        break;
    default:
        crash(node, act == ACT_CRASH_WRITTEN);
        break;
    }
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static uint64_t hash_of(struct world *world)
{
    uint64_t hash = mix(1, (uint64_t)world->now_ns);
    for (size_t i = 0; i < count; i++) {
        struct node *node = &world->nodes[i];
        struct hlc *hlc = &node->hlc;
        uint64_t parts[] = {(uint64_t)atomic_load(&hlc->last),
                            (uint64_t)atomic_load(&hlc->seen),
                            (uint64_t)atomic_load(&hlc->bound),
                            (uint64_t)atomic_load(&hlc->line_ns),
                            (uint64_t)hlc->origin_granules,
                            (uint64_t)hlc->resumed,
                            (uint64_t)hlc->saving,
                            (uint64_t)node->error_ns,
                            node->has_disk ? node->disk.stamp.bits : 0,
                            node->is_saving ? node->saving.stamp.bits : 0,
                            node->wrong_last,
                            node->given,
                            node->merged,
                            node->sent[0],
                            node->sent[1],
                            node->floor,
                            (uint64_t)node->line_error_ns,
                            (uint64_t)atomic_load(&hlc->is_started) << 2 |
                                (uint64_t)atomic_load(&hlc->has_line) << 1 |
                                (uint64_t)atomic_load(&hlc->is_synchronised)};
        for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++) {
            hash = mix(hash, parts[k]);
        }
    }
    return hash;
}

/* True if this was seen with at least so many steps to go. The lowest bits hold them. */
static bool is_known(uint64_t hash, unsigned depth)
{
    uint64_t key = hash & ~UINT64_C(15);
    size_t slot = (size_t)(hash >> 40) % TABLE;
    while (visited[slot] != 0 && (visited[slot] & ~UINT64_C(15)) != key) {
        slot = (slot + 1) % TABLE;
    }
    if (visited[slot] != 0 && (visited[slot] & 15) >= depth) {
        return true;
    }
    states += visited[slot] == 0;
    CU_ASSERT_FATAL(states < TABLE - TABLE / 8);
    visited[slot] = key | depth;
    return false;
}

static void explore(const struct world *world, unsigned depth)
{
    for (size_t i = 0; i < count * ACTS + 1 && depth > 0; i++) {
        struct world next = *world;
        if (i == count * ACTS) {
            next.now_ns += TICK_NS;
        } else {
            perform(&next, i / ACTS, (enum act)(i % ACTS));
        }
        if (!is_known(hash_of(&next), depth - 1)) {
            explore(&next, depth - 1);
        }
    }
}

enum start {
    START_FRESH,
    START_RUNNING, /* with a bound that is saved */
    START_LATE /* the same, when it is used up; the last node saved anew, and sent two messages */
};

static void begin(struct world *world, enum start start)
{
    memset(world, 0, sizeof *world);
    for (size_t i = 0; i < count; i++) {
        require(hlc_init(&world->nodes[i].hlc, NULL, OFFSET_NS));
        world->nodes[i].wrong_last = wrong_physical(world, &world->nodes[i]) - 1;
        if (start != START_FRESH) {
            perform(world, i, ACT_CONFIRM);
            perform(world, i, ACT_SAVE);
            perform(world, i, ACT_SAVED);
        }
    }
    if (start == START_LATE) {
        world->now_ns += 4 * TICK_NS;
        perform(world, count - 1, ACT_SAVE);
        perform(world, count - 1, ACT_SAVED);
        perform(world, count - 1, ACT_SEND);
        perform(world, count - 1, ACT_SEND);
    }
}

static void search(enum rule by, size_t nodes, enum start start, unsigned depth)
{
    struct world world;
    rule = by;
    count = nodes;
    broken = 0;
    states = 0;
    memset(visited, 0, sizeof visited);
    begin(&world, start);
    explore(&world, depth);
}

static void rules_hold_for_two(void)
{
    search(RULE_OURS, 2, START_RUNNING, 7);
    CU_ASSERT_EQUAL(broken, 0);
    CU_ASSERT_TRUE(states > 100000);
    search(RULE_OURS, 2, START_FRESH, 7);
    CU_ASSERT_EQUAL(broken, 0);
    search(RULE_OURS, 2, START_LATE, 6);
    CU_ASSERT_EQUAL(broken, 0);
}

/* One node by itself is searched deeper: it is its own neighbour, and gets what it sent back. */
static void rules_hold_for_one(void)
{
    search(RULE_OURS, 1, START_RUNNING, 10);
    CU_ASSERT_EQUAL(broken, 0);
    CU_ASSERT_TRUE(states > 100000);
}

static void rules_hold_for_three(void)
{
    search(RULE_OURS, 3, START_RUNNING, 6);
    CU_ASSERT_EQUAL(broken, 0);
    CU_ASSERT_TRUE(states > 100000);
}

static void wrong_rules_are_found_out(void)
{
    search(RULE_LOCAL_WINS, 2, START_RUNNING, 6);
    CU_ASSERT_TRUE(broken > 0);
    search(RULE_FORGETS, 1, START_RUNNING, 6);
    CU_ASSERT_TRUE(broken > 0);
    search(RULE_BELIEVES, 1, START_FRESH, 4);
    CU_ASSERT_TRUE(broken > 0);
}

static const struct unit_case cases[] = {
    {"rules hold for two", rules_hold_for_two},
    {"rules hold for one", rules_hold_for_one},
    {"rules hold for three", rules_hold_for_three},
    {"wrong rules are found out", wrong_rules_are_found_out},
};
UNIT_MAIN("hlc_model", cases)
