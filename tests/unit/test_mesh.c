/* SPDX-License-Identifier: MIT */
#include "common/mesh/mesh_show.h"
#include "tests/unit/mesh_world.h"
#include "tests/unit/unit.h"
#include <string.h>

/* Two nodes that never met have a session, and each other's reports, within one poll. */
static void test_first_contact(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(opened.id, mesh_world_id(&world, 1));
    CU_ASSERT_TRUE(opened.claim.is_bounded);
    CU_ASSERT_EQUAL(opened.claim.timescale, TIMESCALE_UTC);
    CU_ASSERT_EQUAL(opened.claim.incarnation, 1);
    CU_ASSERT_EQUAL(opened.claim.hops, 1);
    /* Rounded up, by little. */
    CU_ASSERT_TRUE(opened.claim.before_ns >= 2 * NS_PER_MS);
    CU_ASSERT_TRUE(opened.claim.before_ns < 2 * NS_PER_MS + 100);
    CU_ASSERT_TRUE(opened.claim.after_ns >= 3 * NS_PER_MS);
    CU_ASSERT_TRUE(opened.claim.after_ns < 3 * NS_PER_MS + 100);
    /* The session serves both directions. */
    struct action_send send;
    struct mesh_opened request;
    CU_ASSERT_TRUE(mesh_world_request(&world, 1, 0, &send));
    CU_ASSERT_EQUAL(mesh_world_serve(&world, 1, 0, &send, &request), MESH_TIME);
    CU_ASSERT_EQUAL(request.id, mesh_world_id(&world, 1));
    mesh_world_clear(&world);
}

/* A report widens by what its author's clock may gain until the answer leaves. */
static void test_report_ages(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    mesh_world_pass(&world, NS_PER_S / 2); /* the report is sent once more */
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    /* 0.3 ppm over half a second are 150 ns. */
    CU_ASSERT_TRUE(opened.claim.before_ns >= 2 * NS_PER_MS + 150);
    CU_ASSERT_TRUE(opened.claim.before_ns < 2 * NS_PER_MS + 300);
    mesh_world_clear(&world);
}

/* A rate that is less sure than a report can say makes the interval wider by as much. */
static void test_unsure_rate(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    world.own[1].drift_ppm = world.own[1].drift_max_ppm = 500;
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    mesh_world_pass(&world, MESH_REPORT_NS - 1);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_TRUE(opened.claim.before_ns >= 2 * NS_PER_MS + 500000);
    CU_ASSERT_TRUE(opened.claim.before_ns < 2 * NS_PER_MS + 501000);
    CU_ASSERT_TRUE(opened.claim.after_ns >= 3 * NS_PER_MS + 500000);
    mesh_world_clear(&world);
}

/* Each octet of a packet under a session counts. */
static void test_every_octet_counts(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    struct action_send send;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_TRUE_FATAL(mesh_world_request(&world, 0, 1, &send));
    for (size_t i = 0; i < send.size; i++) {
        struct action_send changed = send;
        struct datagram datagram = {.source = mesh_world_address(0, 40001),
                                    .destination = mesh_world_address(1, 123),
                                    .payload = bytes_make(changed.payload, changed.size)};
        changed.payload[i] ^= 0x10;
        world.out.count = 0;
        enum mesh_verdict verdict =
            mesh_serve(world.nodes[1], &datagram, mesh_world_reading(&world), &opened, &world.out);
        CU_ASSERT_NOT_EQUAL(verdict, MESH_TIME);
        CU_ASSERT_EQUAL(world.out.count, 0);
    }
    CU_ASSERT_EQUAL(mesh_world_serve(&world, 0, 1, &send, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_serve(&world, 0, 1, &send, &opened), MESH_REPLAYED);
    mesh_world_clear(&world);
}

/* An answer comes back to whoever asked, and to nobody else. */
static void test_answers_are_not_reflected(void)
{
    struct mesh_world world;
    struct mesh_opened opened, request;
    struct action_send send, answer;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_TRUE(mesh_world_request(&world, 0, 1, &send));
    /* A request of ours, returned to us. */
    CU_ASSERT_EQUAL(mesh_world_open(&world, 0, 1, &send, &opened), MESH_UNASKED);
    CU_ASSERT_EQUAL(mesh_world_serve(&world, 0, 1, &send, &request), MESH_TIME);
    CU_ASSERT_TRUE(mesh_world_answer(&world, 1, &request, &answer));
    CU_ASSERT_EQUAL(mesh_world_open(&world, 2, 1, &answer, &opened), MESH_STRANGER);
    CU_ASSERT_EQUAL(mesh_world_open(&world, 0, 1, &answer, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_open(&world, 0, 1, &answer, &opened), MESH_REPLAYED);
    mesh_world_clear(&world);
}

/* A plain answer from a member's address is nothing. */
static void test_stripped_fields_gain_nothing(void)
{
    struct mesh_world world;
    struct mesh_opened opened, request;
    struct action_send send, answer;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_TRUE(mesh_world_request(&world, 0, 1, &send));
    CU_ASSERT_EQUAL(mesh_world_serve(&world, 0, 1, &send, &request), MESH_TIME);
    CU_ASSERT_TRUE(mesh_world_answer(&world, 1, &request, &answer));
    answer.size = PACKET_SIZE;
    CU_ASSERT_EQUAL(mesh_world_open(&world, 0, 1, &answer, &opened), MESH_PLAIN);
    mesh_world_clear(&world);
}

/* A stranger with a key of its own gets a cookie for its address, and then nothing. */
static void test_stranger(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 4);
    for (size_t i = 0; i < 3; i++) {
        struct mesh_options options = mesh_world_options(&world, i);
        options.member_count = 3;
        mesh_world_start(&world, i, &options);
    }
    struct mesh_options options = mesh_world_options(&world, 3);
    mesh_world_start(&world, 3, &options);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 3, 0, &opened), MESH_STRANGER);
    mesh_world_clear(&world);
}

/* Who restarts is heard again, though its partners know a session that it has lost. */
static void test_restart(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    struct mesh_options options = mesh_world_options(&world, 1);
    options.incarnation = 2;
    mesh_world_start(&world, 1, &options);
    enum mesh_verdict verdict = MESH_LOST;
    int polls = 0;
    while (verdict != MESH_TIME && polls < 8) {
        mesh_world_pass(&world, 16 * NS_PER_S);
        verdict = mesh_world_exchange(&world, 0, 1, &opened);
        polls++;
    }
    CU_ASSERT_EQUAL(verdict, MESH_TIME);
    CU_ASSERT_TRUE(polls <= 4);
    CU_ASSERT_EQUAL(opened.claim.incarnation, 2);
    mesh_world_clear(&world);
}

static bool has_text(const struct mesh_world *world, const char *text)
{
    for (size_t i = 0; i < world->out.count; i++) {
        if (world->out.items[i].kind == ACTION_REPORT &&
            strstr(world->out.items[i].report.text, text) != NULL) {
            return true;
        }
    }
    return false;
}

/* Two runs of one node, each with a session of its own: said, and neither is convicted. */
static void test_twins(void)
{
    struct mesh_world world;
    struct mesh_opened opened, request;
    struct action_send send;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 1, 0, &opened), MESH_TIME);
    mesh_world_pass(&world, 16 * NS_PER_S);
    CU_ASSERT_TRUE(mesh_world_request(&world, 1, 0, &send)); /* of the old run, on its way */
    struct mesh_options options = mesh_world_options(&world, 1);
    options.incarnation = 2;
    struct mesh *old = world.nodes[1];
    world.nodes[1] = NULL;
    mesh_world_start(&world, 1, &options);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 1, 0, &opened), MESH_TIME);
    mesh_destroy(world.nodes[1]);
    world.nodes[1] = old;
    mesh_world_pass(&world, 60 * NS_PER_S);
    bool is_said = false;
    for (int i = 0; i < 8 && !is_said; i++) {
        mesh_world_pass(&world, 16 * NS_PER_S);
        if (mesh_world_request(&world, 1, 0, &send)) {
            (void)mesh_world_serve(&world, 1, 0, &send, &request);
            is_said = has_text(&world, "one identity, two processes");
        }
        if (!is_said) {
            (void)mesh_world_exchange(&world, 1, 0, &opened);
            is_said = has_text(&world, "one identity, two processes");
        }
    }
    CU_ASSERT_TRUE(is_said);
    CU_ASSERT_NOT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_CONVICTED);
    mesh_world_clear(&world);
}

/* A key's next epoch begins with the first run of it. */
static void test_next_epoch(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    struct mesh_options options = mesh_world_options(&world, 1);
    mesh_world_start_all(&world);
    options.incarnation = 7;
    mesh_world_start(&world, 1, &options);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    mesh_world_pass(&world, 16 * NS_PER_S);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(opened.claim.incarnation, 7);
    options.key_epoch++;
    options.incarnation = 1;
    mesh_world_start(&world, 1, &options);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 1, 0, &opened), MESH_TIME);
    mesh_world_pass(&world, 16 * NS_PER_S);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(opened.claim.incarnation, 1);
    CU_ASSERT_EQUAL(opened.claim.key_epoch, options.key_epoch);
    CU_ASSERT_EQUAL(mesh_count(world.nodes[0], MESH_STALE), 0);
    mesh_world_clear(&world);
}

static void judge_as_hit(struct mesh_world *world, size_t by, size_t of)
{
    struct mesh_opened opened;
    mesh_world_pass(world, 16 * NS_PER_S);
    for (int polls = 0; polls < 8 && mesh_world_exchange(world, by, of, &opened) != MESH_TIME;
         polls++) {
        mesh_world_pass(world, 16 * NS_PER_S);
    }
    world->out.count = 0;
    mesh_tried(world->nodes[by], mesh_world_id(world, of), TRIAL_HIT, mesh_world_reading(world),
               &world->out);
}

/* A run that was disturbed three times ends; the next one counts from none, which is no flood of
 * disruptions: a truechimer stays one. */
static void test_restart_is_one_disruption(void)
{
    struct mesh_world world;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    world.own[1].epoch = 3;
    for (int i = 0; i < 20; i++) {
        judge_as_hit(&world, 0, 1);
    }
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_COUNTS);
    struct mesh_options options = mesh_world_options(&world, 1);
    options.incarnation = 2;
    mesh_world_start(&world, 1, &options);
    world.own[1].epoch = 0;
    judge_as_hit(&world, 0, 1);
    for (int i = 0; i < 2; i++) { /* a second miss in four rounds would make it a suspect */
        world.out.count = 0;
        mesh_tried(world.nodes[0], mesh_world_id(&world, 1), i == 0 ? TRIAL_MISS : TRIAL_HIT,
                   mesh_world_reading(&world), &world.out);
    }
    CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1), MEMBER_COUNTS);
    mesh_world_clear(&world);
}

/* Who looks for the time moves often, and vouches for nothing meanwhile; who vouches and moves as
 * often is out. */
static void test_looking_for_the_time_is_no_disruption(void)
{
    for (int vouches = 0; vouches < 2; vouches++) {
        struct mesh_world world;
        mesh_world_init(&world, 3);
        mesh_world_start_all(&world);
        for (int i = 0; i < 20; i++) {
            world.own[1].epoch++;
            world.own[1].is_bounded = vouches != 0;
            judge_as_hit(&world, 0, 1);
        }
        world.own[1].is_bounded = true;
        for (int i = 0; i < 20; i++) {
            judge_as_hit(&world, 0, 1);
        }
        CU_ASSERT_EQUAL(mesh_world_weight(&world, 0, 1),
                        vouches != 0 ? MEMBER_WATCHED : MEMBER_COUNTS);
        mesh_world_clear(&world);
    }
}

/* Sessions are renewed within the exchanges, none of which is lost. */
static void test_renewal(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    for (int i = 0; i < 3 * 225; i++) { /* three hours */
        CU_ASSERT_EQUAL_FATAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
        mesh_world_pass(&world, 16 * NS_PER_S);
    }
    CU_ASSERT_EQUAL(mesh_count(world.nodes[0], MESH_NO_SESSION), 0);
    CU_ASSERT_EQUAL(mesh_count(world.nodes[1], MESH_NO_SESSION), 0);
    mesh_world_clear(&world);
}

/* Without its state an identity is silent. */
static void test_lost_state(void)
{
    struct mesh_world world;
    struct action_send send;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    struct mesh_options options = mesh_world_options(&world, 0);
    options.is_lost = true;
    mesh_world_start(&world, 0, &options);
    CU_ASSERT_FALSE(mesh_world_request(&world, 0, 1, &send));
    struct mesh_seat seats[MESH_VIEW_MAX];
    CU_ASSERT_EQUAL(mesh_seats(world.nodes[0], seats), 0);
    mesh_world_clear(&world);
}

/* A reload keeps the sessions of those that stay, and forgets the others. */
static void test_reload(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    struct mesh_seat seats[MESH_VIEW_MAX];
    char error[MESH_ERROR_MAX];
    mesh_world_init(&world, 4);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 3, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_seats(world.nodes[0], seats), 3);
    uint32_t version = mesh_view_version(world.nodes[0]);
    struct mesh_options options = mesh_world_options(&world, 0);
    options.member_count = 3;
    CU_ASSERT_TRUE(mesh_configure(world.nodes[0], &options, mesh_world_reading(&world), error));
    CU_ASSERT_NOT_EQUAL(mesh_view_version(world.nodes[0]), version);
    CU_ASSERT_EQUAL(mesh_seats(world.nodes[0], seats), 2);
    uint64_t handled = mesh_count(world.nodes[0], MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_count(world.nodes[0], MESH_HANDLED), handled);
    struct action_send send;
    CU_ASSERT_FALSE(mesh_world_request(&world, 0, 3, &send));
    mesh_world_clear(&world);
}

/* Programs pass stamps on: the receipt of a message lies behind it, and not behind one from too far
 * ahead. */
static void test_stamps(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    struct hlc_stamp first, message, receipt;
    mesh_world_init(&world, 3);
    mesh_world_start_all(&world);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    for (int i = 0; i < 2; i++) {
        struct mesh_outlook outlook = {.own = world.own[i]};
        outlook.own.clock = mesh_world_reading(&world).wall;
        world.out.count = 0;
        mesh_run(world.nodes[i], &outlook, mesh_world_reading(&world), &world.out);
        mesh_saved(world.nodes[i], true, world.now);
    }
    CU_ASSERT_EQUAL_FATAL(mesh_stamp(world.nodes[0], world.now, NULL, &first), HLC_OK);
    message.bits = first.bits + HLC_COUNTS_PER_GRANULE;
    CU_ASSERT_EQUAL(mesh_stamp(world.nodes[1], world.now, &message, &receipt), HLC_OK);
    CU_ASSERT_TRUE(hlc_is_after(receipt, message));
    struct hlc_stamp far = {first.bits + (uint64_t)HLC_GRANULES_PER_S * HLC_COUNTS_PER_GRANULE};
    CU_ASSERT_EQUAL(mesh_stamp(world.nodes[1], world.now, &far, &receipt), HLC_AHEAD);
    CU_ASSERT_EQUAL(mesh_stamp(world.nodes[1], world.now, NULL, &receipt), HLC_OK);
    CU_ASSERT_FALSE(hlc_is_after(receipt, far));
    mesh_world_clear(&world);
}

/* A group key keeps out who does not have it, before any other work. */
static void test_group(void)
{
    static const uint8_t key[SECRET_SIZE] = {1, 2, 3};
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 3);
    for (size_t i = 0; i < 3; i++) {
        struct mesh_options options = mesh_world_options(&world, i);
        options.group_key = i < 2 ? key : NULL;
        options.group_id = 7;
        mesh_world_start(&world, i, &options);
    }
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 2, 1, &opened), MESH_GROUP);
    mesh_world_clear(&world);
}

/* What all said of each other, as an operator sees it: one way and the other, and whether it can be
 * true. */
static void test_matrix(void)
{
    static struct mesh_status status;
    struct mesh_world world;
    struct mesh_opened opened;
    mesh_world_init(&world, 4);
    mesh_world_start_all(&world);
    for (int round = 0; round < 2; round++) {
        bool is_false = round == 1;
        world.measured_ns = is_false ? 50e6 : 1000;
        mesh_world_pass(&world, 16 * NS_PER_S);
        for (size_t other = 1; other < 4; other++) {
            CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, other, &opened), MESH_TIME);
        }
        mesh_world_run(&world, 0);
        mesh_status(world.nodes[0], mesh_world_reading(&world), &status);
        CU_ASSERT_EQUAL_FATAL(status.matrix_count, 4);
        CU_ASSERT_EQUAL(status.is_impossible, is_false);
        for (size_t i = 0; i < 4; i++) {
            CU_ASSERT_FALSE(status.matrix[i][i].is_known);
            for (size_t j = i + 1; j < 4; j++) {
                const struct mesh_status_pair *there = &status.matrix[i][j];
                const struct mesh_status_pair *back = &status.matrix[j][i];
                CU_ASSERT_TRUE(there->is_known && there->is_measured && back->is_known);
                CU_ASSERT_EQUAL(there->offset_ns, -back->offset_ns);
                CU_ASSERT_TRUE(there->error_ns >= NS_PER_MS / 2);
                CU_ASSERT_TRUE(is_false || (there->offset_ns >= -1000 && there->offset_ns <= 1000));
            }
        }
    }
    mesh_world_clear(&world);
}

/* Who comes to know more members tells of more: its answers find room again by the third request,
 * though whoever asks knows but one of them. */
static void test_report_grows(void)
{
    struct mesh_world world;
    struct mesh_opened opened;
    char error[MESH_ERROR_MAX];
    mesh_world_init(&world, MESH_WORLD_MAX);
    struct mesh_options few = mesh_world_options(&world, 1);
    few.member_count = 2;
    mesh_world_start(&world, 1, &few);
    few = mesh_world_options(&world, 0);
    few.member_count = 2;
    mesh_world_start(&world, 0, &few);
    CU_ASSERT_EQUAL(mesh_world_exchange(&world, 0, 1, &opened), MESH_TIME);
    size_t before = opened.size;
    struct mesh_options all = mesh_world_options(&world, 1);
    CU_ASSERT_TRUE(mesh_configure(world.nodes[1], &all, mesh_world_reading(&world), error));
    for (int polls = 0; polls < 4; polls++) {
        opened.size = 0;
        mesh_world_pass(&world, 16 * NS_PER_S);
        (void)mesh_world_exchange(&world, 0, 1, &opened);
        CU_ASSERT_TRUE(opened.size > before || polls < 2);
    }
    CU_ASSERT_EQUAL(mesh_count(world.nodes[1], MESH_TOO_SMALL), 2);
    mesh_world_clear(&world);
}

static const struct unit_case cases[] = {
    {"first contact", test_first_contact},
    {"a report ages", test_report_ages},
    {"a rate that is unsure", test_unsure_rate},
    {"every octet counts", test_every_octet_counts},
    {"answers are not reflected", test_answers_are_not_reflected},
    {"stripped fields gain nothing", test_stripped_fields_gain_nothing},
    {"a stranger", test_stranger},
    {"a restart", test_restart},
    {"a report grows", test_report_grows},
    {"twins", test_twins},
    {"the next key epoch", test_next_epoch},
    {"a restart is one disruption", test_restart_is_one_disruption},
    {"looking for the time is no disruption", test_looking_for_the_time_is_no_disruption},
    {"renewal", test_renewal},
    {"lost state", test_lost_state},
    {"a reload", test_reload},
    {"stamps for programs", test_stamps},
    {"a group key", test_group},
    {"the matrix is shown", test_matrix},
};
UNIT_MAIN("mesh", cases)
