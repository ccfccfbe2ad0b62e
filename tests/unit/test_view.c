/* SPDX-License-Identifier: MIT */
#include "common/mesh/view.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

#define KNOWN 256
#define NODES 1000
#define ROUND_NS (16 * NS_PER_S)

static struct view_candidate candidates[KNOWN];
static struct report reports[KNOWN];

/* Candidates at the ends of longer and longer paths, in as many domains, all with wide intervals.
 */
static void make_candidates(size_t count, uint32_t domains)
{
    memset(candidates, 0, sizeof(candidates));
    for (size_t i = 0; i < count; i++) {
        candidates[i] = (struct view_candidate){
            .tag = (uint32_t)i + 1,
            .domain = domains == 0 ? 0 : (uint32_t)(i % domains) + 1,
            .delay_ns = (int64_t)(i + 1) * NS_PER_MS,
            .width_ns = 100 * NS_PER_MS,
            .is_available = true,
        };
    }
}

static size_t count_slot(size_t count, enum view_slot slot)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += candidates[i].slot == slot;
    }
    return found;
}

static size_t count_asked(size_t count)
{
    return count - count_slot(count, VIEW_OUT);
}

static void few_are_all_asked(void)
{
    struct random random;
    random_init_seeded(&random, 1);
    for (size_t count = 0; count <= 16; count++) {
        make_candidates(count, 2);
        view_choose(&(struct view_options){.size = 16, .faults = 1}, candidates, count, &random,
                    (struct mono){0});
        CU_ASSERT_EQUAL(count_asked(count), count);
    }
    /* Those that can't be asked aren't, and convicted ones only where there is room. */
    make_candidates(20, 0);
    for (size_t i = 0; i < 4; i++) {
        candidates[i].is_available = false;
    }
    candidates[10].is_poor = true;
    view_choose(&(struct view_options){.size = 16, .faults = 1}, candidates, 20, &random,
                (struct mono){0});
    CU_ASSERT_EQUAL(count_asked(20), 16);
    CU_ASSERT_NOT_EQUAL(candidates[10].slot, VIEW_OUT);
    candidates[0].is_available = true;
    view_choose(&(struct view_options){.size = 16, .faults = 1}, candidates, 20, &random,
                (struct mono){1});
    CU_ASSERT_EQUAL(count_asked(20), 16);
    CU_ASSERT_EQUAL(candidates[10].slot, VIEW_OUT);
}

/* All by chance, and they stay: who is near is known soon, and it must not matter yet. */
static void the_young_draw_all(void)
{
    const struct view_options young = {.size = 16, .faults = 5, .is_young = true};
    enum view_slot before[KNOWN];
    struct random random;
    random_init_seeded(&random, 9);
    make_candidates(KNOWN, 0);
    view_choose(&young, candidates, KNOWN, &random, (struct mono){0});
    CU_ASSERT_EQUAL(count_slot(KNOWN, VIEW_RANDOM), 16);
    for (size_t i = 0; i < KNOWN; i++) {
        before[i] = candidates[i].slot;
        candidates[i].delay_ns = 1000 + (int64_t)i;
    }
    view_choose(&young, candidates, KNOWN, &random, (struct mono){VIEW_REDRAW_NS / 4});
    for (size_t i = 0; i < KNOWN; i++) {
        CU_ASSERT_EQUAL(candidates[i].slot, before[i]);
    }
    struct view_options grown = young;
    grown.is_young = false;
    view_choose(&grown, candidates, KNOWN, &random, (struct mono){VIEW_REDRAW_NS / 4});
    CU_ASSERT_EQUAL(count_slot(KNOWN, VIEW_NEAR), 8);
    CU_ASSERT_EQUAL(count_asked(KNOWN), 16);
}

static void slots_are_divided(void)
{
    struct random random;
    random_init_seeded(&random, 2);
    make_candidates(KNOWN, 0);
    candidates[200].width_ns = NS_PER_MS;
    candidates[201].width_ns = 2 * NS_PER_MS;
    candidates[202].width_ns = 3 * NS_PER_MS;
    candidates[200].domain = 7;
    candidates[201].domain = 7;
    candidates[203].width_ns = 4 * NS_PER_MS;
    view_choose(&(struct view_options){.size = 16, .faults = 5}, candidates, KNOWN, &random,
                (struct mono){0});
    CU_ASSERT_EQUAL(count_slot(KNOWN, VIEW_NEAR), 8);
    CU_ASSERT_EQUAL(count_slot(KNOWN, VIEW_RANDOM), 5);
    CU_ASSERT_EQUAL(count_slot(KNOWN, VIEW_ANCHOR), 3);
    for (size_t i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(candidates[i].slot, VIEW_NEAR);
    }
    /* Of one domain, one anchor. */
    CU_ASSERT_EQUAL(candidates[200].slot, VIEW_ANCHOR);
    CU_ASSERT_NOT_EQUAL(candidates[201].slot, VIEW_ANCHOR);
    CU_ASSERT_EQUAL(candidates[202].slot, VIEW_ANCHOR);
    CU_ASSERT_EQUAL(candidates[203].slot, VIEW_ANCHOR);
}

/* Nothing is measured yet: all by chance, and no more change than is due once they are. */
static void before_anything_is_measured_chance_decides(void)
{
    struct random random;
    random_init_seeded(&random, 3);
    make_candidates(KNOWN, 0);
    for (size_t i = 0; i < KNOWN; i++) {
        candidates[i].delay_ns = VIEW_UNKNOWN;
        candidates[i].width_ns = VIEW_UNKNOWN;
    }
    view_choose(&(struct view_options){.size = 16, .faults = 5}, candidates, KNOWN, &random,
                (struct mono){0});
    CU_ASSERT_EQUAL(count_slot(KNOWN, VIEW_RANDOM), 16);
}

static void caps_of_domains_hold(void)
{
    struct random random;
    random_init_seeded(&random, 4);
    for (size_t faults = 1; faults <= 5; faults += 2) {
        make_candidates(KNOWN, 32);
        /* The nearest hundred, and the narrowest, are of one domain. */
        for (size_t i = 0; i < 100; i++) {
            candidates[i].domain = 99;
            candidates[i].width_ns = NS_PER_MS;
        }
        for (int64_t round = 0; round < 60; round++) {
            size_t of_domain[100] = {0};
            view_choose(&(struct view_options){.size = 16, .faults = faults}, candidates, KNOWN,
                        &random, (struct mono){round * ROUND_NS});
            CU_ASSERT_EQUAL(count_asked(KNOWN), 16);
            for (size_t i = 0; i < KNOWN; i++) {
                if (candidates[i].slot != VIEW_OUT) {
                    of_domain[candidates[i].domain]++;
                }
            }
            for (size_t i = 0; i < 100; i++) {
                CU_ASSERT_TRUE(of_domain[i] <= faults);
            }
        }
    }
    /* Where there are no others, the cap gives way. */
    make_candidates(40, 1);
    view_choose(&(struct view_options){.size = 16, .faults = 2}, candidates, 40, &random,
                (struct mono){0});
    CU_ASSERT_EQUAL(count_asked(40), 16);
}

/* Delays that wobble by less than a fifth move nobody; random ones are drawn anew one by one. */
static void views_are_stable(void)
{
    struct random random, noise;
    random_init_seeded(&random, 5);
    random_init_seeded(&noise, 6);
    make_candidates(KNOWN, 0);
    size_t changed_most = 0, changes = 0;
    for (int64_t round = 0; round < 500; round++) {
        enum view_slot before[KNOWN];
        size_t joined = 0;
        for (size_t i = 0; i < KNOWN; i++) {
            before[i] = candidates[i].slot;
            candidates[i].delay_ns =
                (int64_t)((double)((int64_t)(i + 1) * 10 * NS_PER_MS + 300 * NS_PER_MS) *
                          (1 + 0.1 * random_unit(&noise)));
        }
        view_choose(&(struct view_options){.size = 16, .faults = 5}, candidates, KNOWN, &random,
                    (struct mono){round * ROUND_NS});
        for (size_t i = 0; round > 0 && i < KNOWN; i++) {
            joined += before[i] == VIEW_OUT && candidates[i].slot != VIEW_OUT;
        }
        changes += joined;
        changed_most = joined > changed_most ? joined : changed_most;
    }
    CU_ASSERT_TRUE(changed_most <= 2);
    /* 500 rounds are 13 terms of 10 minutes; a place is drawn anew about once in a term. */
    CU_ASSERT_TRUE(changes >= 13);
    CU_ASSERT_TRUE(changes <= 13 * 5 * 2);
}

/* Who knows many of the near ones is preferred to one that is a little nearer. */
static void near_ones_know_each_other(void)
{
    struct random random;
    random_init_seeded(&random, 7);
    make_candidates(40, 0);
    memset(reports, 0, sizeof(reports));
    for (size_t i = 0; i < 40; i++) {
        candidates[i].delay_ns = 10 * NS_PER_MS + (int64_t)i * NS_PER_MS / 10;
        candidates[i].report = &reports[i];
        /* Two circles of acquaintances, even and odd. */
        for (size_t j = i % 2; j < 40; j += 2) {
            if (j != i) {
                reports[i].entries[reports[i].count++].peer = candidates[j].tag;
            }
        }
    }
    for (int64_t round = 0; round < 10; round++) {
        view_choose(&(struct view_options){.size = 16, .faults = 5}, candidates, 40, &random,
                    (struct mono){round * ROUND_NS});
    }
    size_t circles[2] = {0};
    for (size_t i = 0; i < 40; i++) {
        circles[i % 2] += candidates[i].slot == VIEW_NEAR;
    }
    CU_ASSERT_EQUAL(circles[0] + circles[1], 8);
    CU_ASSERT_TRUE(circles[0] >= 7 || circles[1] >= 7);
}

/* A third of the members are an adversary's, and nearer and narrower than any other: he has the
 * near and the anchors' places, and of the random ones his share. */
static void nobody_is_surrounded(void)
{
    struct random random;
    size_t honest = 0, drawn = 0, surrounded = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        random_init_seeded(&random, seed);
        make_candidates(KNOWN, 0);
        for (size_t i = 0; i < KNOWN / 3; i++) {
            candidates[i].delay_ns = 10 * NS_PER_US;
            candidates[i].width_ns = 10 * NS_PER_US;
        }
        for (int64_t round = 0; round < 50; round++) {
            view_choose(&(struct view_options){.size = 16, .faults = 5}, candidates, KNOWN, &random,
                        (struct mono){round * ROUND_NS});
        }
        size_t good = 0;
        for (size_t i = 0; i < KNOWN; i++) {
            drawn += candidates[i].slot == VIEW_RANDOM;
            good += candidates[i].slot == VIEW_RANDOM && i >= KNOWN / 3;
        }
        honest += good;
        surrounded += good == 0;
    }
    CU_ASSERT_EQUAL(drawn, 250);
    CU_ASSERT_TRUE(honest >= 150 && honest <= 200); /* 179 expected: those left to draw from */
    CU_ASSERT_TRUE(surrounded <= 1);
}

struct place {
    double x, y;
};

static struct place places[NODES];
static bool asks[NODES][NODES];

/* Each knows KNOWN members by chance, and measured them all. */
static void choose_for(size_t node, struct random *random)
{
    size_t known[KNOWN];
    make_candidates(KNOWN, 0);
    for (size_t i = 0; i < KNOWN; i++) {
        bool is_new = false;
        while (!is_new) {
            known[i] = random_below(random, NODES);
            is_new = known[i] != node;
            for (size_t j = 0; j < i; j++) {
                is_new &= known[j] != known[i];
            }
        }
        double x = places[known[i]].x - places[node].x, y = places[known[i]].y - places[node].y;
        candidates[i].tag = (uint32_t)known[i] + 1;
        candidates[i].delay_ns = (int64_t)(hypot(x, y) * 50e6) + NS_PER_MS / 10;
        candidates[i].width_ns = VIEW_UNKNOWN;
    }
    view_choose(&(struct view_options){.size = 16, .faults = 5}, candidates, KNOWN, random,
                (struct mono){0});
    for (size_t i = 0; i < KNOWN; i++) {
        asks[node][known[i]] = candidates[i].slot != VIEW_OUT;
    }
}

/* How far the farthest is from the first, either way along a question; NODES: not to be reached. */
static size_t find_depth(void)
{
    static size_t queue[NODES], depth[NODES];
    size_t head = 0, tail = 0;
    for (size_t i = 0; i < NODES; i++) {
        depth[i] = NODES;
    }
    depth[0] = 0;
    queue[tail++] = 0;
    while (head < tail) {
        size_t node = queue[head++];
        for (size_t i = 0; i < NODES; i++) {
            if (depth[i] == NODES && (asks[node][i] || asks[i][node])) {
                depth[i] = depth[node] + 1;
                queue[tail++] = i;
            }
        }
    }
    size_t deepest = 0;
    for (size_t i = 0; i < NODES; i++) {
        deepest = depth[i] > deepest ? depth[i] : deepest;
    }
    return deepest;
}

/* A thousand nodes on a line, a ring, a plane: in one piece, a few steps across. */
static void a_thousand_are_near_each_other(void)
{
    struct random random;
    for (int shape = 0; shape < 3; shape++) {
        random_init_seeded(&random, (uint64_t)shape + 20);
        memset(asks, 0, sizeof(asks));
        for (size_t i = 0; i < NODES; i++) {
            double turn = 2 * 3.14159265358979 * (double)i / NODES;
            places[i] = shape == 0   ? (struct place){(double)i / NODES, 0}
                        : shape == 1 ? (struct place){cos(turn), sin(turn)}
                                     : (struct place){random_unit(&random), random_unit(&random)};
        }
        for (size_t i = 0; i < NODES; i++) {
            choose_for(i, &random);
        }
        CU_ASSERT_TRUE(find_depth() <= 5);
    }
}

static const struct unit_case cases[] = {
    {"few are all asked", few_are_all_asked},
    {"the young draw all", the_young_draw_all},
    {"slots are divided", slots_are_divided},
    {"before anything is measured chance decides", before_anything_is_measured_chance_decides},
    {"caps of domains hold", caps_of_domains_hold},
    {"views are stable", views_are_stable},
    {"near ones know each other", near_ones_know_each_other},
    {"nobody is surrounded", nobody_is_surrounded},
    {"a thousand are near each other", a_thousand_are_near_each_other},
};
UNIT_MAIN("view", cases)
