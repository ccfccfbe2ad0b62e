/* SPDX-License-Identifier: MIT */
#include "common/base/hlc.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"
#include <string.h>

#define OFFSET_NS (250 * NS_PER_MS)
#define OFFSET_GRANULES (HLC_GRANULES_PER_S / 4)
/* 2026-01-01 00:00:00 UTC, and the end of era 0. */
#define BASE_S INT64_C(1767225600)
#define ERA_1_S INT64_C(2085978496)

/* The latest instant that still rounds up to a granule after second_s. */
static int64_t ns_at(int64_t second_s, int64_t granule)
{
    int64_t before = granule < 0 ? 1 - granule / HLC_GRANULES_PER_S : 0;
    granule += before * HLC_GRANULES_PER_S;
    return (second_s - before) * NS_PER_S + granule * NS_PER_S / HLC_GRANULES_PER_S;
}

/* Our clock shows wall_ns, at an oscillator that agrees but for its zero; latest is the same. */
static struct hlc_now now_of(int64_t wall_ns)
{
    struct wall wall = {.ns = wall_ns};
    return (struct hlc_now){.reading = {.mono = {.ns = wall_ns - BASE_S * NS_PER_S}, .wall = wall},
                            .latest = wall};
}

static struct hlc_now now_at(int64_t granule)
{
    return now_of(ns_at(BASE_S, granule));
}

static struct hlc_stamp stamp_at(int64_t granule, uint32_t count)
{
    int64_t base = hlc_granules((struct wall){.ns = BASE_S * NS_PER_S});
    return hlc_stamp_make(base + granule, count);
}

static void save(struct hlc *hlc, struct hlc_now now)
{
    struct hlc_bound bound;
    if (hlc_save_due(hlc, &now, &bound)) {
        hlc_saved(hlc, true);
    }
}

/* Confirmed at now, and with a durable bound behind it. */
static void start(struct hlc *hlc, struct hlc_now now)
{
    CU_ASSERT_TRUE_FATAL(hlc_init(hlc, NULL, OFFSET_NS));
    hlc_confirm(hlc, now.reading);
    save(hlc, now);
}

static uint64_t send_at(struct hlc *hlc, struct hlc_now now)
{
    struct hlc_stamp stamp = {0};
    CU_ASSERT_EQUAL(hlc_send(hlc, &now, &stamp), HLC_OK);
    return stamp.bits;
}

static uint64_t receive_at(struct hlc *hlc, struct hlc_now now, struct hlc_stamp message)
{
    struct hlc_stamp stamp = {0};
    CU_ASSERT_EQUAL(hlc_receive(hlc, &now, message, &stamp), HLC_OK);
    return stamp.bits;
}

static void rounds_up(void)
{
    CU_ASSERT_EQUAL(hlc_granules((struct wall){.ns = 0}), INT64_C(2208988800) * 65536);
    CU_ASSERT_EQUAL(hlc_granules((struct wall){.ns = 1}), INT64_C(2208988800) * 65536 + 1);
    CU_ASSERT_EQUAL(hlc_granules((struct wall){.ns = 15258}), INT64_C(2208988800) * 65536 + 1);
    CU_ASSERT_EQUAL(hlc_granules((struct wall){.ns = 15259}), INT64_C(2208988800) * 65536 + 2);
    CU_ASSERT_EQUAL(hlc_granules((struct wall){.ns = -1}), INT64_C(2208988800) * 65536);
    CU_ASSERT_EQUAL(hlc_granules((struct wall){.ns = -15259}), INT64_C(2208988800) * 65536 - 1);
    CU_ASSERT_EQUAL(hlc_granules((struct wall){.ns = 999999999}), INT64_C(2208988801) * 65536);
    struct hlc hlc;
    start(&hlc, now_at(100));
    struct hlc_now now = now_at(100);
    now.reading.wall.ns++;
    CU_ASSERT_EQUAL(send_at(&hlc, now), stamp_at(101, 0).bits);
}

/* Brings the clock to (100, 3). */
static void start_at_100_3(struct hlc *hlc)
{
    start(hlc, now_at(100));
    for (uint32_t count = 0; count <= 3; count++) {
        CU_ASSERT_EQUAL(send_at(hlc, now_at(100)), stamp_at(100, count).bits);
    }
}

static void follows_the_rules(void)
{
    struct hlc hlc;
    /* The known wrong rule takes our clock when it is ahead of the message, and forgets our own
     * last stamp: (95, 0), backwards. */
    start_at_100_3(&hlc);
    CU_ASSERT_EQUAL(receive_at(&hlc, now_at(95), stamp_at(90, 0)), stamp_at(100, 4).bits);
    /* Equal times: the greater count leads, be it ours or the message's. */
    start_at_100_3(&hlc);
    CU_ASSERT_EQUAL(receive_at(&hlc, now_at(95), stamp_at(100, 9)), stamp_at(100, 10).bits);
    CU_ASSERT_EQUAL(receive_at(&hlc, now_at(95), stamp_at(100, 2)), stamp_at(100, 11).bits);
    CU_ASSERT_EQUAL(receive_at(&hlc, now_at(100), stamp_at(100, 11)), stamp_at(100, 12).bits);
    /* The message leads; then our clock does. */
    CU_ASSERT_EQUAL(receive_at(&hlc, now_at(101), stamp_at(200, 7)), stamp_at(200, 8).bits);
    CU_ASSERT_EQUAL(send_at(&hlc, now_at(102)), stamp_at(200, 9).bits);
    CU_ASSERT_EQUAL(receive_at(&hlc, now_at(201), stamp_at(200, 7)), stamp_at(201, 0).bits);
    struct hlc_bound last;
    CU_ASSERT_TRUE(hlc_last(&hlc, &last));
    CU_ASSERT_EQUAL(last.stamp.bits, stamp_at(201, 0).bits);
    CU_ASSERT_EQUAL(last.era, 0);
}

static void carries(void)
{
    struct hlc hlc;
    start(&hlc, now_at(100));
    CU_ASSERT_EQUAL(receive_at(&hlc, now_at(100), stamp_at(100, 0xFFFE)),
                    stamp_at(100, 0xFFFF).bits);
    CU_ASSERT_EQUAL(send_at(&hlc, now_at(100)), stamp_at(101, 0).bits);
    CU_ASSERT_EQUAL(send_at(&hlc, now_at(101)), stamp_at(101, 1).bits);
    CU_ASSERT_EQUAL(receive_at(&hlc, now_at(101), stamp_at(150, 0xFFFF)), stamp_at(151, 0).bits);
}

/* The paper's rule by its four cases. */
struct paper {
    int64_t l;
    int64_t c;
};

static void paper_receive(struct paper *own, struct paper message, int64_t clock)
{
    int64_t before = own->l;
    own->l = before > message.l ? before : message.l;
    own->l = own->l > clock ? own->l : clock;
    if (own->l == before && own->l == message.l) {
        own->c = (own->c > message.c ? own->c : message.c) + 1;
    } else if (own->l == before) {
        own->c++;
    } else {
        own->c = own->l == message.l ? message.c + 1 : 0;
    }
}

static void agrees_with_the_paper(void)
{
    struct random random;
    random_init_seeded(&random, 4);
    struct hlc hlc;
    struct paper own = {.l = 100, .c = 0};
    start(&hlc, now_at(100));
    CU_ASSERT_EQUAL(send_at(&hlc, now_at(100)), stamp_at(100, 0).bits);
    int64_t clock = 100;
    for (int i = 0; i < 100000; i++) {
        clock += random_below(&random, 4) == 0;
        int64_t shown = clock - random_below(&random, 3);
        struct hlc_now now = now_at(shown);
        save(&hlc, now);
        struct paper message = {.l = clock + random_below(&random, 5) - 3,
                                .c = random_below(&random, 6)};
        uint64_t got;
        if (random_below(&random, 2) == 0) {
            got = send_at(&hlc, now);
            paper_receive(&own, (struct paper){.l = INT64_MIN}, shown);
        } else {
            got = receive_at(&hlc, now, stamp_at(message.l, (uint32_t)message.c));
            paper_receive(&own, message, shown);
        }
        CU_ASSERT_EQUAL_FATAL(got, stamp_at(own.l, (uint32_t)own.c).bits);
    }
}

static void crosses_the_era(void)
{
    CU_ASSERT_TRUE(hlc_is_after((struct hlc_stamp){0}, (struct hlc_stamp){UINT64_MAX}));
    CU_ASSERT_FALSE(hlc_is_after((struct hlc_stamp){UINT64_MAX}, (struct hlc_stamp){0}));
    CU_ASSERT_FALSE(hlc_is_after((struct hlc_stamp){7}, (struct hlc_stamp){7}));
    CU_ASSERT_TRUE(hlc_is_after((struct hlc_stamp){8}, (struct hlc_stamp){7}));
    struct hlc hlc;
    struct hlc_now now = now_of(ns_at(ERA_1_S, -1));
    start(&hlc, now);
    CU_ASSERT_EQUAL(send_at(&hlc, now), UINT64_C(0xFFFFFFFFFFFF0000));
    CU_ASSERT_EQUAL(receive_at(&hlc, now, (struct hlc_stamp){UINT64_C(0xFFFFFFFFFFFFFFFE)}),
                    UINT64_MAX);
    struct hlc_bound last;
    CU_ASSERT_TRUE(hlc_last(&hlc, &last));
    CU_ASSERT_EQUAL(last.era, 0);
    CU_ASSERT_EQUAL(send_at(&hlc, now), 0);
    CU_ASSERT_TRUE(hlc_last(&hlc, &last));
    CU_ASSERT_EQUAL(last.era, 1);
    CU_ASSERT_EQUAL(send_at(&hlc, now), 1);
    CU_ASSERT_EQUAL(send_at(&hlc, now_of(ns_at(ERA_1_S, 5))), UINT64_C(5) << 16);
    /* A message from before the boundary is older than our stamp. */
    CU_ASSERT_EQUAL(receive_at(&hlc, now_of(ns_at(ERA_1_S, 5)), (struct hlc_stamp){UINT64_MAX}),
                    UINT64_C(5) << 16 | 1);
    CU_ASSERT_EQUAL(hlc_unfold((struct hlc_stamp){0}, now.latest), INT64_C(1) << 48);
    CU_ASSERT_EQUAL(hlc_unfold((struct hlc_stamp){UINT64_MAX}, (struct wall){ns_at(ERA_1_S, 9)}),
                    (INT64_C(1) << 48) - 1);
}

static void guards_against_the_future(void)
{
    struct hlc hlc;
    start(&hlc, now_at(100));
    struct hlc_now now = now_at(100);
    now.latest.ns = ns_at(BASE_S, 165);
    struct hlc_stamp stamp = {42};
    struct hlc_stamp limit = stamp_at(165 + OFFSET_GRANULES, 0);
    struct hlc_stamp beyond = {limit.bits + 1};
    CU_ASSERT_EQUAL(hlc_receive(&hlc, &now, beyond, &stamp), HLC_AHEAD);
    CU_ASSERT_EQUAL(hlc_receive(&hlc, &now, (struct hlc_stamp){limit.bits + INT64_MAX}, &stamp),
                    HLC_AHEAD);
    CU_ASSERT_EQUAL(stamp.bits, 42);
    CU_ASSERT_EQUAL(hlc_count(&hlc, HLC_AHEAD), 2);
    CU_ASSERT_EQUAL(send_at(&hlc, now), stamp_at(100, 0).bits);
    /* The limit itself is merged; that is further than our own clock explains. */
    CU_ASSERT_EQUAL(hlc_receive(&hlc, &now, limit, &stamp), HLC_STALLED);
    CU_ASSERT_EQUAL(stamp.bits, limit.bits + 1);
    CU_ASSERT_FALSE(hlc_is_ahead(limit, now.latest, OFFSET_NS));
    CU_ASSERT_TRUE(hlc_is_ahead(beyond, now.latest, OFFSET_NS));
    /* A latest without end allows nothing: no serial comparison reaches so far. */
    CU_ASSERT_TRUE(hlc_is_ahead(stamp_at(0, 0), (struct wall){INT64_MAX}, OFFSET_NS));
    /* Every other value is older. */
    CU_ASSERT_EQUAL(
        hlc_receive(&hlc, &now, (struct hlc_stamp){limit.bits + (UINT64_C(1) << 63)}, &stamp),
        HLC_STALLED);
    CU_ASSERT_EQUAL(stamp.bits, limit.bits + 2);
}

static void is_not_dragged_back_by_an_ancient_message(void)
{
    /* Restarted on a clock that is two years behind the bound: a message of 67 years ago lies more
     * than 68 years behind our stamps, where a plain serial comparison would call it later. */
    struct hlc_bound saved = {.era = 0, .stamp = stamp_at(0, 0)};
    struct hlc_now now = now_of((BASE_S - INT64_C(63072000)) * NS_PER_S);
    struct hlc hlc;
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, &saved, OFFSET_NS));
    hlc_confirm(&hlc, now.reading);
    save(&hlc, now);
    struct hlc_stamp ancient =
        hlc_stamp_make(hlc_granules(now.latest) - INT64_C(67) * 31557600 * HLC_GRANULES_PER_S, 0);
    CU_ASSERT_TRUE(hlc_is_after(ancient, saved.stamp));
    struct hlc_stamp stamp;
    CU_ASSERT_EQUAL(hlc_receive(&hlc, &now, ancient, &stamp), HLC_STALLED);
    CU_ASSERT_EQUAL(stamp.bits, saved.stamp.bits + 1);
}

static void stalls_when_the_clock_goes_back(void)
{
    struct hlc hlc;
    start_at_100_3(&hlc);
    CU_ASSERT_EQUAL(send_at(&hlc, now_at(100 - OFFSET_GRANULES + 1)), stamp_at(100, 4).bits);
    struct hlc_now now = now_at(99 - OFFSET_GRANULES);
    struct hlc_stamp stamp;
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_STALLED);
    CU_ASSERT_EQUAL(stamp.bits, stamp_at(100, 5).bits);
    CU_ASSERT_EQUAL(hlc_count(&hlc, HLC_STALLED), 1);
    CU_ASSERT_EQUAL(send_at(&hlc, now_at(101)), stamp_at(101, 0).bits);
}

static void waits_for_a_step_to_be_confirmed(void)
{
    struct hlc hlc;
    start_at_100_3(&hlc);
    /* The oscillator says that a granule has passed; the wall clock has jumped by max_offset. */
    struct hlc_now now = now_at(101);
    now.reading.wall.ns += OFFSET_NS;
    CU_ASSERT_EQUAL(send_at(&hlc, now), stamp_at(101 + OFFSET_GRANULES, 0).bits);
    start_at_100_3(&hlc);
    now.reading.wall.ns += 1;
    CU_ASSERT_EQUAL(send_at(&hlc, now), stamp_at(101, 0).bits);
    now.reading.wall.ns = INT64_MAX;
    CU_ASSERT_EQUAL(send_at(&hlc, now), stamp_at(101, 1).bits);
    now = now_at(102);
    now.reading.wall.ns += 3600 * NS_PER_S;
    hlc_confirm(&hlc, now.reading);
    save(&hlc, now);
    CU_ASSERT_EQUAL(send_at(&hlc, now), stamp_at(102 + 3600 * HLC_GRANULES_PER_S, 0).bits);
}

static void merges_only_when_synchronised(void)
{
    struct hlc hlc;
    struct hlc_now now = now_at(100);
    struct hlc_stamp stamp;
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, NULL, OFFSET_NS));
    struct hlc_bound bound;
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_UNSTARTED);
    CU_ASSERT_EQUAL(hlc_receive(&hlc, &now, stamp_at(100, 0), &stamp), HLC_UNSTARTED);
    CU_ASSERT_FALSE(hlc_last(&hlc, &bound));
    CU_ASSERT_FALSE(hlc_save_due(&hlc, &now, &bound));
    start_at_100_3(&hlc);
    hlc_doubt(&hlc);
    CU_ASSERT_EQUAL(hlc_receive(&hlc, &now, stamp_at(200, 0), &stamp), HLC_UNSYNCHRONISED);
    CU_ASSERT_EQUAL(send_at(&hlc, now), stamp_at(100, 4).bits);
    hlc_confirm(&hlc, now.reading);
    CU_ASSERT_EQUAL(receive_at(&hlc, now, stamp_at(200, 0)), stamp_at(200, 1).bits);
    for (int verdict = 0; verdict < HLC_VERDICTS; verdict++) {
        CU_ASSERT_TRUE(strlen(hlc_verdict_name((enum hlc_verdict)verdict)) > 0);
    }
}

static void passes_no_bound(void)
{
    struct hlc hlc;
    struct hlc_now now = now_at(100);
    struct hlc_stamp stamp = {42};
    struct hlc_bound bound;
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, NULL, OFFSET_NS));
    hlc_confirm(&hlc, now.reading);
    CU_ASSERT_FALSE(hlc_last(&hlc, &bound));
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_UNSAVED);
    CU_ASSERT_TRUE(hlc_save_due(&hlc, &now, &bound));
    CU_ASSERT_EQUAL(bound.stamp.bits, stamp_at(100 + HLC_GRANULES_PER_S, 0).bits);
    CU_ASSERT_FALSE(hlc_save_due(&hlc, &now, &bound));
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_UNSAVED);
    hlc_saved(&hlc, false);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_UNSAVED);
    CU_ASSERT_EQUAL(stamp.bits, 42);
    CU_ASSERT_TRUE(hlc_save_due(&hlc, &now, &bound));
    hlc_saved(&hlc, true);
    CU_ASSERT_EQUAL(send_at(&hlc, now), stamp_at(100, 0).bits);

    now = now_at(100 + HLC_GRANULES_PER_S / 2);
    CU_ASSERT_FALSE(hlc_save_due(&hlc, &now, &bound));
    now = now_at(101 + HLC_GRANULES_PER_S / 2);
    struct hlc_bound next;
    CU_ASSERT_TRUE(hlc_save_due(&hlc, &now, &next));
    /* While that is under way the old one holds, up to its last stamp. */
    now = now_at(100 + HLC_GRANULES_PER_S);
    CU_ASSERT_EQUAL(send_at(&hlc, now), bound.stamp.bits);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_UNSAVED);
    /* A message is remembered though no stamp can be given yet. */
    struct hlc_stamp message = stamp_at(100 + HLC_GRANULES_PER_S + 500, 5);
    CU_ASSERT_EQUAL(hlc_receive(&hlc, &now, message, &stamp), HLC_UNSAVED);
    hlc_saved(&hlc, true);
    CU_ASSERT_EQUAL(send_at(&hlc, now), message.bits + 1);

    /* So is one that our wide interval allows, and the next bound makes room for it. */
    now.latest.ns += 5 * NS_PER_S;
    message = stamp_at(100 + 6 * HLC_GRANULES_PER_S, 0);
    CU_ASSERT_EQUAL(hlc_receive(&hlc, &now, message, &stamp), HLC_UNSAVED);
    save(&hlc, now);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_STALLED);
    CU_ASSERT_EQUAL(stamp.bits, message.bits + 1);
}

static void restarts_behind_the_bound(void)
{
    struct hlc_bound saved = {.era = 0, .stamp = stamp_at(100, 0)};
    struct hlc_now now = now_at(100 - HLC_GRANULES_PER_S / 2);
    struct hlc_stamp stamp = {42};
    struct hlc_bound bound;
    struct hlc hlc;
    /* Within reach: wait for it. */
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, &saved, OFFSET_NS));
    hlc_confirm(&hlc, now.reading);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_WAITING);
    /* A process that ends again before that leaves the bound where it was. */
    CU_ASSERT_FALSE(hlc_save_due(&hlc, &now, &bound));
    now = now_at(99);
    CU_ASSERT_TRUE(hlc_save_due(&hlc, &now, &bound));
    CU_ASSERT_EQUAL(bound.stamp.bits, stamp_at(99 + HLC_GRANULES_PER_S, 0).bits);
    hlc_saved(&hlc, true);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_WAITING);
    CU_ASSERT_EQUAL(stamp.bits, 42);
    CU_ASSERT_EQUAL(send_at(&hlc, now_at(100)), stamp_at(100, 1).bits);
    CU_ASSERT_EQUAL(send_at(&hlc, now_at(99)), stamp_at(100, 2).bits);

    /* Out of reach: go on from it. */
    now = now_at(99 - HLC_GRANULES_PER_S - OFFSET_GRANULES);
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, &saved, OFFSET_NS));
    hlc_confirm(&hlc, now.reading);
    CU_ASSERT_TRUE(hlc_last(&hlc, &bound));
    CU_ASSERT_EQUAL(bound.stamp.bits, saved.stamp.bits);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_UNSAVED);
    save(&hlc, now);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_STALLED);
    CU_ASSERT_EQUAL(stamp.bits, stamp_at(100, 1).bits);

    /* Without a clock that anybody confirmed, far ahead or not. */
    now = now_at(HLC_GRANULES_PER_S * INT64_C(86400));
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, &saved, OFFSET_NS));
    CU_ASSERT_TRUE(hlc_save_due(&hlc, &now, &bound));
    CU_ASSERT_EQUAL(bound.stamp.bits, stamp_at(100 + HLC_GRANULES_PER_S, 0).bits);
    hlc_saved(&hlc, true);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_STALLED);
    CU_ASSERT_EQUAL(stamp.bits, stamp_at(100, 1).bits);
}

static void restarts_in_any_era(void)
{
    struct hlc hlc;
    struct hlc_bound last = {0};
    struct hlc_now now = now_of(ns_at(ERA_1_S, 0) + NS_PER_S);
    struct hlc_bound saved = {.era = 0, .stamp = {UINT64_MAX}};
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, &saved, OFFSET_NS));
    hlc_confirm(&hlc, now.reading);
    save(&hlc, now);
    CU_ASSERT_EQUAL(send_at(&hlc, now), UINT64_C(1) << 32);
    /* A bound of era 2 and a clock that woke up in 1970: the difference exceeds 68 years. */
    saved = (struct hlc_bound){.era = 2, .stamp = {7}};
    now = now_of(0);
    struct hlc_stamp stamp;
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, &saved, OFFSET_NS));
    hlc_confirm(&hlc, now.reading);
    save(&hlc, now);
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_STALLED);
    CU_ASSERT_TRUE(hlc_last(&hlc, &last));
    CU_ASSERT_EQUAL(last.era, 2);
    CU_ASSERT_EQUAL(last.stamp.bits, 8);
    saved.era = -1;
    saved.stamp.bits = UINT64_MAX;
    CU_ASSERT_TRUE_FATAL(hlc_init(&hlc, &saved, OFFSET_NS));
    CU_ASSERT_TRUE(hlc_last(&hlc, &last));
    CU_ASSERT_EQUAL(last.era, -1);
    CU_ASSERT_EQUAL(last.stamp.bits, UINT64_MAX);
    for (int32_t era = 3; era > 0; era = era == 3 ? INT32_MAX : INT32_MIN) {
        saved.era = era;
        CU_ASSERT_FALSE(hlc_init(&hlc, &saved, OFFSET_NS));
    }
    saved.era = -3;
    CU_ASSERT_FALSE(hlc_init(&hlc, &saved, OFFSET_NS));
}

static void ends_after_68_years_without_a_wrong_stamp(void)
{
    struct hlc hlc;
    start(&hlc, now_at(100));
    uint64_t first = send_at(&hlc, now_at(100));
    struct hlc_now now = now_of(INT64_MAX);
    hlc_confirm(&hlc, now.reading);
    save(&hlc, now);
    struct hlc_stamp stamp;
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_OK);
    CU_ASSERT_TRUE(hlc_is_after(stamp, (struct hlc_stamp){first}));
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_UNSAVED);
    struct hlc_bound bound;
    CU_ASSERT_FALSE(hlc_save_due(&hlc, &now, &bound));
    now.reading.wall.ns = INT64_MIN;
    now.latest.ns = INT64_MIN;
    CU_ASSERT_EQUAL(hlc_send(&hlc, &now, &stamp), HLC_UNSAVED);
}

static const struct unit_case cases[] = {
    {"rounds up", rounds_up},
    {"follows the rules", follows_the_rules},
    {"a full counter carries", carries},
    {"agrees with the paper", agrees_with_the_paper},
    {"crosses the era", crosses_the_era},
    {"guards against the future", guards_against_the_future},
    {"is not dragged back by an ancient message", is_not_dragged_back_by_an_ancient_message},
    {"stalls when the clock goes back", stalls_when_the_clock_goes_back},
    {"waits for a step to be confirmed", waits_for_a_step_to_be_confirmed},
    {"merges only when synchronised", merges_only_when_synchronised},
    {"passes no bound", passes_no_bound},
    {"restarts behind the bound", restarts_behind_the_bound},
    {"restarts in any era", restarts_in_any_era},
    {"ends after 68 years without a wrong stamp", ends_after_68_years_without_a_wrong_stamp},
};
UNIT_MAIN("hlc", cases)
