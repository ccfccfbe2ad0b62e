/* SPDX-License-Identifier: MIT */
/* What is heard by mDNS: lines of TXT records, and a set of services that stays bounded. */
#include "common/base/random.h"
#include "common/host/sightings.h"
#include "tests/unit/unit.h"
#include <stdio.h>
#include <string.h>

#define ID UINT64_C(0x0123456789abcdef)
#define OWN UINT64_C(0xfedcba9876543210)
#define CROWD 640
#define ROUNDS 400

static struct sightings sightings;

static struct bytes line_of(const char *text)
{
    return bytes_make(text, strlen(text));
}

static struct announcement read_lines(const char *const lines[])
{
    struct announcement announcement = {.has_mesh = false};
    for (; *lines != NULL; lines++) {
        announcement_take(&announcement, line_of(*lines));
    }
    return announcement;
}

#define READ(...) read_lines((const char *const[]){__VA_ARGS__, NULL})

static bool is_ours(struct announcement announcement)
{
    return announcement_is_for(&announcement, "office", OWN);
}

static void what_is_written_is_read(void)
{
    char lines[ANNOUNCEMENT_LINES][ANNOUNCEMENT_LINE_MAX];
    struct announcement read = {.has_mesh = false};
    static const char longest[] = "a123456789b123456789c123456789d"; /* 31 */
    announcement_write(longest, ID, lines);
    for (size_t i = 0; i < ANNOUNCEMENT_LINES; i++) {
        announcement_take(&read, line_of(lines[i]));
    }
    CU_ASSERT_STRING_EQUAL(lines[0], "txtvers=1"); /* first (RFC 6763, 6.7) */
    CU_ASSERT_STRING_EQUAL(lines[2], "id=0123456789abcdef");
    CU_ASSERT_STRING_EQUAL(read.mesh, longest);
    CU_ASSERT_EQUAL(read.id, ID);
    CU_ASSERT_TRUE(announcement_is_for(&read, longest, OWN));
    CU_ASSERT_FALSE(announcement_is_for(&read, longest, ID));
    CU_ASSERT_FALSE(announcement_is_for(&read, "a", OWN));
    CU_ASSERT_FALSE(announcement_is_for(&read, "", OWN));
}

static void lines_that_say_nothing_are_passed_over(void)
{
    CU_ASSERT_TRUE(is_ours(READ("txtvers=1", "mesh=office", "id=0123456789abcdef")));
    CU_ASSERT_TRUE(is_ours(
        READ("ID=0123456789abcdef", "", "=", "mesh", "idea=4", "MeSh=office", "x=y", "TXTVERS=1")));
    /* Of two the first holds. */
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=other", "mesh=office", "id=0123456789abcdef")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=", "mesh=office", "id=0123456789abcdef")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=office", "id=", "id=0123456789abcdef")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=2", "txtvers=1", "mesh=office", "id=0123456789abcdef")));
    /* And all must be there. */
    CU_ASSERT_FALSE(is_ours(READ("mesh=office", "id=0123456789abcdef")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "id=0123456789abcdef")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=office")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=11", "mesh=office", "id=0123456789abcdef")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=Office", "id=0123456789abcdef")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=office", "id=0123456789abcde")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=office", "id=0123456789abcdef0")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=office", "id=0123456789ABCDEF")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=office", "id=0000000000000000")));
    CU_ASSERT_FALSE(is_ours(READ("txtvers=1", "mesh=office", "id=fedcba9876543210")));
}

static void lines_of_any_octets_do_no_harm(void)
{
    struct random random;
    random_init_seeded(&random, 7);
    for (int i = 0; i < 20000; i++) {
        static const char *const keys[] = {"txtvers=", "mesh=", "id=", ""};
        uint8_t octets[255];
        const char *key = keys[random_below(&random, 4)];
        size_t size = random_below(&random, sizeof(octets) + 1);
        struct announcement announcement = {.has_mesh = false};
        for (size_t j = 0; j < size; j++) {
            octets[j] = (uint8_t)random_u32(&random);
        }
        memcpy(octets, key, size < strlen(key) ? size : strlen(key));
        announcement_take(&announcement, bytes_make(octets, size));
        CU_ASSERT_PTR_NOT_NULL_FATAL(memchr(announcement.mesh, 0, sizeof(announcement.mesh)));
    }
    struct announcement announcement = {.has_mesh = false};
    announcement_take(&announcement, bytes_make("mesh=off\0ice", 12));
    CU_ASSERT_STRING_EQUAL(announcement.mesh, "");
    announcement = (struct announcement){.has_mesh = false};
    announcement_take(&announcement, bytes_make("mesh=a123456789b123456789c123456789d1", 37));
    CU_ASSERT_STRING_EQUAL(announcement.mesh, "");
}

static size_t add(int interface, const char *name, uint32_t draw, bool *is_taken)
{
    struct sighting sighting = {.interface = interface, .protocol = 0};
    snprintf(sighting.name, sizeof(sighting.name), "%s", name);
    return sightings_add(&sightings, &sighting, draw, is_taken);
}

static struct address at(const char *text)
{
    struct address address;
    CU_ASSERT_TRUE_FATAL(address_parse(text, 123, &address));
    return address;
}

static void each_address_is_told_once(void)
{
    struct address found[SIGHTINGS_MAX];
    struct address one = at("192.0.2.1"), two = at("192.0.2.2:1123"), local = at("fe80::1%3");
    bool is_taken;
    memset(&sightings, 0, sizeof(sightings));
    size_t a = add(1, "a", 0, &is_taken), b = add(2, "a", 0, &is_taken);
    size_t c = add(1, "b", 0, &is_taken), d = add(3, "b", 0, &is_taken);
    CU_ASSERT_FALSE(is_taken);
    CU_ASSERT_EQUAL(sightings_addresses(&sightings, found), 0);
    CU_ASSERT_EQUAL(add(1, "a", 0, &is_taken), SIGHTINGS_NONE);
    CU_ASSERT_EQUAL(add(1, "", 0, &is_taken), SIGHTINGS_NONE);
    CU_ASSERT_TRUE(sightings_locate(&sightings, a, &one));
    CU_ASSERT_TRUE(sightings_locate(&sightings, b, &one));
    CU_ASSERT_TRUE(sightings_locate(&sightings, c, &two));
    CU_ASSERT_TRUE(sightings_locate(&sightings, d, &local));
    CU_ASSERT_EQUAL_FATAL(sightings_addresses(&sightings, found), 3);
    CU_ASSERT_TRUE(address_is_same(&found[0], &one));
    CU_ASSERT_TRUE(address_is_same(&found[1], &two));
    CU_ASSERT_TRUE(address_is_same(&found[2], &local));
    /* Until the last who has it is gone. */
    CU_ASSERT_EQUAL(sightings_find(&sightings, 1, 0, "a"), a);
    CU_ASSERT_EQUAL(sightings_find(&sightings, 1, 1, "a"), SIGHTINGS_NONE);
    sightings_remove(&sightings, a);
    CU_ASSERT_EQUAL(sightings_find(&sightings, 1, 0, "a"), SIGHTINGS_NONE);
    CU_ASSERT_EQUAL(sightings_addresses(&sightings, found), 3);
    sightings_remove(&sightings, b);
    CU_ASSERT_EQUAL(sightings_addresses(&sightings, found), 2);
}

static void nobodys_address_is_left_out(void)
{
    static const char *const nobodys[] = {"127.0.0.1", "::1",     "0.0.0.0",         "::",
                                          "224.0.1.1", "ff02::1", "255.255.255.255", "239.1.2.3"};
    struct address found[SIGHTINGS_MAX];
    struct address good = at("192.0.2.1");
    bool is_taken;
    memset(&sightings, 0, sizeof(sightings));
    size_t place = add(1, "a", 0, &is_taken);
    for (size_t i = 0; i < sizeof(nobodys) / sizeof(nobodys[0]); i++) {
        struct address address = at(nobodys[i]);
        CU_ASSERT_TRUE(sightings_locate(&sightings, place, &good));
        CU_ASSERT_FALSE(sightings_locate(&sightings, place, &address));
        CU_ASSERT_EQUAL(sightings_addresses(&sightings, found), 0);
    }
    good.port = 0;
    CU_ASSERT_FALSE(sightings_locate(&sightings, place, &good));
}

/* An honest one that comes first, in the middle or last among a crowd of ten times what there is
 * room for. */
static unsigned times_kept(struct random *random, size_t position)
{
    unsigned kept = 0;
    for (int round = 0; round < ROUNDS; round++) {
        bool is_taken;
        memset(&sightings, 0, sizeof(sightings));
        for (size_t i = 0; i < CROWD; i++) {
            char name[SIGHTINGS_NAME_MAX];
            snprintf(name, sizeof(name), i == position ? "honest" : "false %zu", i);
            (void)add(1, name, random_u32(random), &is_taken);
        }
        kept += sightings_find(&sightings, 1, 0, "honest") != SIGHTINGS_NONE;
    }
    return kept;
}

static void a_crowd_can_not_keep_the_others_out(void)
{
    struct random random;
    struct address found[SIGHTINGS_MAX];
    bool is_taken;
    random_init_seeded(&random, 99);
    static const size_t positions[] = {0, CROWD / 2, CROWD - 1};
    for (size_t i = 0; i < 3; i++) {
        /* One in ten: 40 of 400, with a standard deviation of 6. */
        unsigned kept = times_kept(&random, positions[i]);
        CU_ASSERT_TRUE(kept > 16 && kept < 64);
    }
    /* Who takes a place takes no address with it. */
    memset(&sightings, 0, sizeof(sightings));
    for (size_t i = 0; i < SIGHTINGS_MAX; i++) {
        struct address address = at("192.0.2.1");
        char name[SIGHTINGS_NAME_MAX];
        snprintf(name, sizeof(name), "%zu", i);
        address.port = (uint16_t)(1000 + i);
        size_t place = add(1, name, 0, &is_taken);
        CU_ASSERT_FALSE(is_taken);
        CU_ASSERT_TRUE_FATAL(place < SIGHTINGS_MAX);
        CU_ASSERT_TRUE(sightings_locate(&sightings, place, &address));
    }
    CU_ASSERT_EQUAL(sightings_addresses(&sightings, found), SIGHTINGS_MAX);
    CU_ASSERT_EQUAL(add(1, "late", SIGHTINGS_MAX, &is_taken), SIGHTINGS_NONE);
    CU_ASSERT_FALSE(is_taken);
    CU_ASSERT_EQUAL(add(1, "lucky", 5, &is_taken), 5);
    CU_ASSERT_TRUE(is_taken);
    CU_ASSERT_EQUAL(sightings_find(&sightings, 1, 0, "5"), SIGHTINGS_NONE);
    CU_ASSERT_EQUAL(sightings_addresses(&sightings, found), SIGHTINGS_MAX - 1);
}

static const struct unit_case cases[] = {
    {"what is written is read", what_is_written_is_read},
    {"lines that say nothing are passed over", lines_that_say_nothing_are_passed_over},
    {"lines of any octets do no harm", lines_of_any_octets_do_no_harm},
    {"each address is told once", each_address_is_told_once},
    {"nobody's address is left out", nobodys_address_is_left_out},
    {"a crowd can not keep the others out", a_crowd_can_not_keep_the_others_out},
};
UNIT_MAIN("sightings", cases)
