/* SPDX-License-Identifier: MIT */
/* What a node of a mesh keeps, in a real folder. */
#include "server/mesh_state.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ID UINT64_C(0x0123456789abcdef)

static const struct wall now = {INT64_C(1790000000) * NS_PER_S};

static struct {
    char folder[64];
    char error[MESH_STATE_ERROR_MAX];
} world;

static char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", world.folder, name);
    return path;
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fputs(text, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void open_world(void)
{
    snprintf(world.folder, sizeof(world.folder), "%s", "/tmp/chime-mesh-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(world.folder));
}

static void close_world(void)
{
    (void)unlink(path_of("mesh"));
    (void)unlink(path_of("members"));
    (void)unlink(path_of("membership"));
    CU_ASSERT_EQUAL(rmdir(world.folder), 0);
}

static void write_node(uint32_t incarnation, uint64_t bound)
{
    char text[NODE_STATE_TEXT_MAX];
    struct node_state node = {
        .id = ID, .key_epoch = 3, .incarnation = incarnation, .hlc_bound = bound};
    write_text("mesh", node_state_format(&node, text));
}

static struct mesh_state *open_state(void)
{
    struct mesh_state *state = calloc(1, sizeof(*state));
    CU_ASSERT_PTR_NOT_NULL_FATAL(state);
    CU_ASSERT_TRUE_FATAL(mesh_state_open(state, world.folder, ID, now, world.error));
    return state;
}

static void close_state(struct mesh_state *state)
{
    mesh_state_close(state);
    free(state);
}

static void each_run_is_another_incarnation(void)
{
    open_world();
    write_node(0, 0);
    for (uint32_t i = 1; i < 4; i++) {
        struct mesh_state *state = open_state();
        CU_ASSERT_STRING_EQUAL(world.error, "");
        CU_ASSERT_FALSE(state->is_lost);
        CU_ASSERT_EQUAL(state->node.key_epoch, 3);
        CU_ASSERT_EQUAL(state->node.incarnation, i);
        close_state(state);
    }
    struct mesh_state *state = open_state();
    CU_ASSERT_TRUE(mesh_state_raise(state, world.error));
    CU_ASSERT_EQUAL(state->node.incarnation, 5);
    close_state(state);
    state = open_state();
    CU_ASSERT_EQUAL(state->node.incarnation, 6);
    close_state(state);
    close_world();
}

static void saves_are_read_back(void)
{
    open_world();
    write_node(7, 0);
    struct mesh_state *state = open_state();
    struct hlc_stamp stamp = hlc_stamp_make(hlc_granules(now), 5);
    struct action_save bound = {.what = SAVED_HLC, .hlc = {.era = 0, .stamp = stamp}};
    struct action_save members = {.what = SAVED_MEMBERS};
    struct mesh_memory memories[MESH_MEMBERS_MAX];
    for (size_t i = 0; i < MESH_MEMBERS_MAX; i++) {
        memories[i] = (struct mesh_memory){
            .id = UINT64_MAX - i, .epoch = UINT16_MAX, .incarnation = UINT32_MAX - (uint32_t)i};
    }
    mesh_state_stage(state, memories, MESH_MEMBERS_MAX);
    CU_ASSERT_TRUE(mesh_state_save(state, &bound, world.error, sizeof(world.error)));
    CU_ASSERT_TRUE(mesh_state_save(state, &members, world.error, sizeof(world.error)));
    close_state(state);

    state = open_state();
    CU_ASSERT_STRING_EQUAL(world.error, "");
    CU_ASSERT_EQUAL(state->node.incarnation, 9);
    CU_ASSERT_EQUAL(state->node.hlc_bound, stamp.bits);
    CU_ASSERT_EQUAL(state->hlc.stamp.bits, stamp.bits);
    CU_ASSERT_EQUAL(state->hlc.era, 0);
    CU_ASSERT_EQUAL_FATAL(state->memory_count, MESH_MEMBERS_MAX);
    for (size_t i = 0; i < MESH_MEMBERS_MAX; i++) {
        CU_ASSERT_EQUAL(state->memories[i].id, memories[i].id);
        CU_ASSERT_EQUAL(state->memories[i].epoch, memories[i].epoch);
        CU_ASSERT_EQUAL(state->memories[i].incarnation, memories[i].incarnation);
    }
    close_state(state);
    close_world();
}

/* The engine begins anew while saves of the old one go on. */
static void another_run_goes_on_behind_the_bound(void)
{
    open_world();
    write_node(7, 0);
    struct mesh_state *state = open_state();
    struct hlc_stamp stamp = hlc_stamp_make(hlc_granules(now), 5);
    struct action_save bound = {.what = SAVED_HLC, .hlc = {.era = 0, .stamp = stamp}};
    CU_ASSERT_TRUE(mesh_state_save(state, &bound, world.error, sizeof(world.error)));
    CU_ASSERT_EQUAL(state->run.hlc_bound, 0);
    CU_ASSERT_EQUAL(state->run.incarnation, 8);
    CU_ASSERT_TRUE(mesh_state_raise(state, world.error));
    CU_ASSERT_EQUAL(state->run.incarnation, 9);
    CU_ASSERT_EQUAL(state->run.hlc_bound, stamp.bits);
    CU_ASSERT_EQUAL(state->hlc.stamp.bits, stamp.bits);
    bound.hlc.stamp.bits++;
    CU_ASSERT_TRUE(mesh_state_save(state, &bound, world.error, sizeof(world.error)));
    CU_ASSERT_EQUAL(state->hlc.stamp.bits, stamp.bits);
    close_state(state);
    close_world();
}

/* In 2036 the stamps begin anew: what was saved before is of the era before. */
static void stamps_find_their_era(void)
{
    static const struct {
        int64_t saved_s;
        int64_t now_s;
        int32_t era;
    } cases[] = {{2085978490, 2085978500, 0}, {2085978500, 2085978490, 1}, {1790000000, 0, 0}};
    open_world();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wall saved = {cases[i].saved_s * NS_PER_S};
        struct wall at = {cases[i].now_s * NS_PER_S};
        write_node(1, hlc_stamp_make(hlc_granules(saved), 0).bits);
        struct mesh_state *state = calloc(1, sizeof(*state));
        CU_ASSERT_TRUE_FATAL(mesh_state_open(state, world.folder, ID, at, world.error));
        CU_ASSERT_EQUAL(state->hlc.era, cases[i].era);
        close_state(state);
    }
    close_world();
}

static void an_older_document_is_refused(void)
{
    static struct membership document = {.mesh = "office", .serial = 7};
    open_world();
    write_node(1, 0);
    struct mesh_state *state = open_state();
    CU_ASSERT_TRUE(mesh_state_accepts(state, NULL, world.error));
    mesh_state_keep(state, NULL);
    CU_ASSERT_TRUE(mesh_state_accepts(state, &document, world.error));
    mesh_state_keep(state, &document);
    for (int start = 0; start < 2; start++) {
        document.serial = 6;
        CU_ASSERT_FALSE(mesh_state_accepts(state, &document, world.error));
        CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "'office' has serial 6, and one with serial 7"));
        CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "with a serial above 7"));
        CU_ASSERT_FALSE(mesh_state_would_accept(world.folder, &document, world.error));
        CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "serial 6, and one with serial 7"));
        CU_ASSERT_TRUE(mesh_state_would_accept(world.folder, NULL, world.error));
        CU_ASSERT_TRUE(mesh_state_would_accept("", &document, world.error));
        CU_ASSERT_TRUE(mesh_state_would_accept("/nowhere", &document, world.error));
        for (document.serial = 7; document.serial < 9; document.serial++) {
            CU_ASSERT_TRUE(mesh_state_accepts(state, &document, world.error));
            CU_ASSERT_TRUE(mesh_state_would_accept(world.folder, &document, world.error));
        }
        close_state(state);
        state = open_state();
        CU_ASSERT_STRING_EQUAL(world.error, "");
    }
    /* A document of another mesh is neither older nor newer. */
    document = (struct membership){.mesh = "lab", .serial = 1};
    CU_ASSERT_TRUE(mesh_state_accepts(state, &document, world.error));
    close_state(state);
    close_world();
}

static void a_damaged_document_file_is_said(void)
{
    static const char *const texts[] = {"", "chimed membership 2\noffice 7\n",
                                        "chimed membership 1\noffice\n",
                                        "chimed membership 1\noffice 7\n8\n", NULL};
    static const struct membership document = {.mesh = "office", .serial = 6};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        open_world();
        write_node(1, 0);
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%.200s/membership", world.folder);
        if (texts[i] != NULL) {
            write_text("membership", texts[i]);
        } else { /* nor can a folder be read */
            CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
        }
        struct mesh_state *state = open_state();
        CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "membership is damaged"));
        CU_ASSERT_FALSE(state->is_lost);
        CU_ASSERT_TRUE(mesh_state_accepts(state, &document, world.error));
        CU_ASSERT_TRUE(mesh_state_would_accept(world.folder, &document, world.error));
        CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "membership is damaged"));
        close_state(state);
        (void)rmdir(path);
        close_world();
    }
}

/* A save that failed is done by the next call. */
static void a_document_is_kept_at_last(void)
{
    static struct membership document = {.mesh = "office", .serial = 7};
    char path[PATH_MAX];
    open_world();
    write_node(1, 0);
    snprintf(path, sizeof(path), "%.200s/membership", world.folder);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    struct mesh_state *state = open_state();
    mesh_state_keep(state, &document);
    CU_ASSERT_EQUAL_FATAL(rmdir(path), 0);
    document.serial = 6;
    CU_ASSERT_FALSE(mesh_state_accepts(state, &document, world.error));
    document.serial = 7;
    mesh_state_keep(state, &document);
    close_state(state);
    state = open_state();
    CU_ASSERT_EQUAL(state->document_serial, 7);
    close_state(state);
    close_world();
}

static void all_that_is_damaged_is_said(void)
{
    open_world();
    write_text("mesh", "nonsense");
    write_text("membership", "nonsense");
    write_text("members", "nonsense");
    struct mesh_state *state = open_state();
    CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "--next-epoch"));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "; "));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "membership is damaged"));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "members is damaged"));
    close_state(state);
    close_world();
}

static void what_is_lost_does_not_join(void)
{
    static const char *const texts[] = {
        NULL, "", "chimed mesh 2\n",
        "chimed mesh 1\nnode 0000000000000001 1\nincarnation 1\nhlc 0000000000000000\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        open_world();
        if (texts[i] != NULL) {
            write_text("mesh", texts[i]);
        }
        struct mesh_state *state = open_state();
        CU_ASSERT_TRUE(state->is_lost);
        CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "chime keygen --node --next-epoch"));
        struct action_save bound = {.what = SAVED_HLC};
        char error[MESH_STATE_ERROR_MAX];
        CU_ASSERT_FALSE(mesh_state_save(state, &bound, error, sizeof(error)));
        close_state(state);
        close_world();
    }
    struct mesh_state nowhere = {.is_open = false};
    CU_ASSERT_TRUE(mesh_state_open(&nowhere, "", ID, now, world.error));
    CU_ASSERT_TRUE(nowhere.is_lost);
    mesh_state_close(&nowhere);
}

static void two_can_t_have_one_folder(void)
{
    open_world();
    write_node(1, 0);
    struct mesh_state *state = open_state();
    struct mesh_state other = {.is_open = false};
    CU_ASSERT_FALSE(mesh_state_open(&other, world.folder, ID, now, world.error));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "in use by another process"));
    mesh_state_close(&other);
    close_state(state);
    close_state(open_state());
    close_world();
    CU_ASSERT_FALSE(mesh_state_open(&other, "/nonexistent/folder", ID, now, world.error));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "can't lock /nonexistent/folder"));
}

static void the_last_incarnation_is_said(void)
{
    open_world();
    write_node(UINT32_MAX, 0);
    struct mesh_state state = {.is_open = false};
    CU_ASSERT_FALSE(mesh_state_open(&state, world.folder, ID, now, world.error));
    CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "--next-epoch"));
    mesh_state_close(&state);
    close_world();
}

static void damaged_members_are_forgotten(void)
{
    open_world();
    write_node(1, 0);
    write_text("members", "chimed members 1\n0000000000000001 1 2\nnonsense\n");
    struct mesh_state *state = open_state();
    CU_ASSERT_PTR_NOT_NULL(strstr(world.error, "damaged"));
    CU_ASSERT_FALSE(state->is_lost);
    CU_ASSERT_EQUAL(state->memory_count, 1);
    CU_ASSERT_EQUAL(state->memories[0].incarnation, 2);
    close_state(state);
    close_world();
}

static const struct unit_case cases[] = {
    {"each run is another incarnation", each_run_is_another_incarnation},
    {"saves are read back", saves_are_read_back},
    {"another run goes on behind the bound", another_run_goes_on_behind_the_bound},
    {"stamps find their era", stamps_find_their_era},
    {"an older document is refused", an_older_document_is_refused},
    {"a damaged document file is said", a_damaged_document_file_is_said},
    {"a document is kept at last", a_document_is_kept_at_last},
    {"all that is damaged is said", all_that_is_damaged_is_said},
    {"what is lost does not join", what_is_lost_does_not_join},
    {"two can't have one folder", two_can_t_have_one_folder},
    {"the last incarnation is said", the_last_incarnation_is_said},
    {"damaged members are forgotten", damaged_members_are_forgotten},
};
UNIT_MAIN("mesh state", cases)
