/* SPDX-License-Identifier: MIT */
#include "client/sync/selection.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"

static struct selection_candidate around(int64_t offset_ns, int64_t half_ns)
{
    return (struct selection_candidate){.offset_ns = offset_ns,
                                        .interval = interval_around(offset_ns, half_ns)};
}

static void one_source_is_a_majority_of_one(void)
{
    struct selection_candidate candidate = around(100, 10);
    struct selection selection;
    selection_run(&candidate, 1, 1, 0, &selection);
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_EQUAL(selection.agreed.earliest_ns, 90);
    CU_ASSERT_EQUAL(selection.agreed.latest_ns, 110);
    CU_ASSERT_EQUAL(selection.offset_ns, 100);
    CU_ASSERT_EQUAL(selection.truechimers, 1);
    CU_ASSERT_FALSE(selection.is_outside[0]);
}

static void none_agrees_on_nothing(void)
{
    struct selection selection;
    selection_run(NULL, 0, 0, 0, &selection);
    CU_ASSERT_FALSE(selection.has_agreement);
    selection_run(NULL, 0, 3, 1, &selection);
    CU_ASSERT_FALSE(selection.has_agreement);
}

static void two_must_both_agree(void)
{
    struct selection_candidate candidates[] = {around(0, 10), around(20, 10)};
    struct selection selection;
    selection_run(candidates, 2, 2, selection_faults_max(2), &selection);
    /* They touch in one point, and the intervals are closed. */
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_EQUAL(selection.agreed.earliest_ns, 10);
    CU_ASSERT_EQUAL(selection.agreed.latest_ns, 10);
    CU_ASSERT_EQUAL(selection.offset_ns, 10);
    candidates[1] = around(21, 10);
    selection_run(candidates, 2, 2, selection_faults_max(2), &selection);
    CU_ASSERT_FALSE(selection.has_agreement);
    CU_ASSERT_TRUE(selection.is_outside[0]);
    CU_ASSERT_TRUE(selection.is_outside[1]);
    CU_ASSERT_EQUAL(selection.truechimers, 0);
}

static void a_liar_among_three_is_found(void)
{
    struct selection_candidate candidates[] = {around(5, 10), around(80000000, 10), around(-3, 10)};
    struct selection selection;
    selection_run(candidates, 3, 3, selection_faults_max(3), &selection);
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_EQUAL(selection.agreed.earliest_ns, -5);
    CU_ASSERT_EQUAL(selection.agreed.latest_ns, 7);
    CU_ASSERT_EQUAL(selection.truechimers, 2);
    CU_ASSERT_FALSE(selection.is_outside[0]);
    CU_ASSERT_TRUE(selection.is_outside[1]);
    CU_ASSERT_FALSE(selection.is_outside[2]);
    CU_ASSERT_EQUAL(selection.offset_ns, 1);
    CU_ASSERT_FALSE(selection.is_split);
}

static void the_silent_count(void)
{
    struct selection_candidate candidates[] = {around(0, 10), around(1, 10)};
    struct selection selection;
    selection_run(candidates, 2, 3, selection_faults_max(3), &selection);
    CU_ASSERT_TRUE(selection.has_agreement);
    selection_run(candidates, 2, 4, selection_faults_max(4), &selection);
    CU_ASSERT_FALSE(selection.has_agreement);
    selection_run(candidates, 1, 2, selection_faults_max(2), &selection);
    CU_ASSERT_FALSE(selection.has_agreement);
}

static void a_gap_is_told(void)
{
    /* Two pairs that agree among themselves, and one that covers both. */
    struct selection_candidate candidates[] = {around(0, 10), around(0, 10), around(100, 10),
                                               around(100, 10), around(50, 80)};
    struct selection selection;
    selection_run(candidates, 5, 5, selection_faults_max(5), &selection);
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_TRUE(selection.is_split);
    CU_ASSERT_EQUAL(selection.agreed.earliest_ns, -10);
    CU_ASSERT_EQUAL(selection.agreed.latest_ns, 110);
}

static void the_estimate_stays_inside(void)
{
    /* The wide one's guess is far off what both vouch for. */
    struct selection_candidate candidates[] = {around(0, 10), around(1000, 1000)};
    struct selection selection;
    selection_run(candidates, 2, 2, 0, &selection);
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_EQUAL(selection.agreed.earliest_ns, 0);
    CU_ASSERT_EQUAL(selection.agreed.latest_ns, 10);
    CU_ASSERT_TRUE(interval_contains(selection.agreed, selection.offset_ns));
    CU_ASSERT_TRUE(selection.offset_ns > 5);

    /* Years away no nanosecond is lost. */
    int64_t far = INT64_C(1700000000) * 1000000000 + 123456789;
    struct selection_candidate two[] = {around(far, 50), around(far + 10, 50)};
    selection_run(two, 2, 2, 0, &selection);
    CU_ASSERT_EQUAL(selection.offset_ns, far + 5);
    two[0] = around(-far, 50);
    two[1] = around(-far + 10, 50);
    selection_run(two, 2, 2, 0, &selection);
    CU_ASSERT_EQUAL(selection.offset_ns, -far + 5);
}

static void the_ends_of_the_numbers_are_taken(void)
{
    struct selection_candidate candidates[] = {around(INT64_MAX, INT64_MAX), around(0, INT64_MAX),
                                               around(INT64_MIN, INT64_MAX)};
    struct selection selection;
    selection_run(candidates, 3, 3, 1, &selection);
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_TRUE(interval_contains(selection.agreed, selection.offset_ns));
}

static size_t cover(const struct selection_candidate *candidates, size_t count, int64_t at_ns)
{
    size_t covering = 0;
    for (size_t i = 0; i < count; i++) {
        covering += interval_contains(candidates[i].interval, at_ns);
    }
    return covering;
}

#define SPAN 60

/* Counts the cover at every point, and at the gaps between neighbours, which nothing but whole
 * numbers has. */
static void compare_with_counting(const struct selection_candidate *candidates, size_t count,
                                  size_t total, size_t faults)
{
    struct selection selection;
    selection_run(candidates, count, total, faults, &selection);
    bool found = false;
    struct interval hull = {0, 0};
    bool has_gap = false;
    bool was_covered = false;
    for (int64_t at = -SPAN; at <= SPAN; at++) {
        bool is_covered = cover(candidates, count, at) >= total - faults;
        if (is_covered) {
            has_gap = has_gap || (found && !was_covered);
            hull.earliest_ns = found ? hull.earliest_ns : at;
            hull.latest_ns = at;
            found = true;
        }
        was_covered = is_covered;
    }
    CU_ASSERT_EQUAL(selection.has_agreement, found);
    size_t truechimers = 0;
    for (size_t i = 0; i < count; i++) {
        bool touches = found && interval_overlaps(candidates[i].interval, hull);
        truechimers += touches;
        CU_ASSERT_EQUAL(selection.is_outside[i], !touches);
    }
    CU_ASSERT_EQUAL(selection.truechimers, truechimers);
    if (found) {
        CU_ASSERT_EQUAL(selection.agreed.earliest_ns, hull.earliest_ns);
        CU_ASSERT_EQUAL(selection.agreed.latest_ns, hull.latest_ns);
        CU_ASSERT_TRUE(interval_contains(hull, selection.offset_ns));
        /* Neighbouring whole numbers may be covered by different sources. */
        CU_ASSERT_TRUE(selection.is_split || !has_gap);
    }
}

static void random_intervals_agree_with_counting(void)
{
    struct random random;
    random_init_seeded(&random, 3);
    for (unsigned run = 0; run < 20000; run++) {
        struct selection_candidate candidates[9];
        size_t total = 1 + random_below(&random, 9);
        size_t count =
            random_below(&random, 4) == 0 ? random_below(&random, (uint32_t)total + 1) : total;
        size_t faults = random_below(&random, (uint32_t)selection_faults_max(total) + 1);
        for (size_t i = 0; i < count; i++) {
            int64_t centre = (int64_t)random_below(&random, 41) - 20;
            int64_t half = random_below(&random, 15);
            candidates[i] = around(centre, half);
        }
        compare_with_counting(candidates, count, total, faults);
    }
}

/* What it is all for: with at most f liars the truth lies in the agreed interval. */
static void the_truth_is_always_inside(void)
{
    struct random random;
    random_init_seeded(&random, 5);
    for (unsigned run = 0; run < 20000; run++) {
        struct selection_candidate candidates[9];
        size_t total = 1 + random_below(&random, 9);
        size_t faults = selection_faults_max(total);
        size_t liars = random_below(&random, (uint32_t)faults + 1);
        int64_t truth = (int64_t)random_below(&random, 2000) - 1000;
        for (size_t i = 0; i < total; i++) {
            int64_t half = 1 + random_below(&random, 200);
            int64_t error = (int64_t)random_below(&random, (uint32_t)(2 * half + 1)) - half;
            candidates[i] = around(truth + error + (i < liars ? 3 * half : 0), half);
        }
        struct selection selection;
        selection_run(candidates, total, total, faults, &selection);
        CU_ASSERT_TRUE(selection.has_agreement);
        CU_ASSERT_TRUE(interval_contains(selection.agreed, truth));
        for (size_t i = liars; i < total; i++) {
            CU_ASSERT_FALSE(selection.is_outside[i]);
        }
    }
}

static void fewer_widen_the_hull(void)
{
    const struct selection_candidate candidates[] = {around(0, 10), around(15, 10), around(100, 5)};
    struct interval hull = {.earliest_ns = 77};
    CU_ASSERT_FALSE(selection_hull(candidates, 3, 3, &hull));
    CU_ASSERT_EQUAL(hull.earliest_ns, 77);
    CU_ASSERT_TRUE(selection_hull(candidates, 3, 2, &hull));
    CU_ASSERT_EQUAL(hull.earliest_ns, 5);
    CU_ASSERT_EQUAL(hull.latest_ns, 10);
    CU_ASSERT_TRUE(selection_hull(candidates, 3, 1, &hull));
    CU_ASSERT_EQUAL(hull.earliest_ns, -10);
    CU_ASSERT_EQUAL(hull.latest_ns, 105);
}

static const struct unit_case cases[] = {
    {"fewer widen the hull", fewer_widen_the_hull},
    {"one source is a majority of one", one_source_is_a_majority_of_one},
    {"none agrees on nothing", none_agrees_on_nothing},
    {"two must both agree", two_must_both_agree},
    {"a liar among three is found", a_liar_among_three_is_found},
    {"the silent count", the_silent_count},
    {"a gap is told", a_gap_is_told},
    {"the estimate stays inside", the_estimate_stays_inside},
    {"the ends of the numbers are taken", the_ends_of_the_numbers_are_taken},
    {"random intervals agree with counting", random_intervals_agree_with_counting},
    {"the truth is always inside", the_truth_is_always_inside},
};

UNIT_MAIN("selection", cases)
