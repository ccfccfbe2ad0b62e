/* SPDX-License-Identifier: MIT */
/* SRV records: how they are read, and in which order they are tried. */
#include "common/host/discovery.h"
#include "ntpwire/bytes.h"
#include "tests/unit/unit.h"
#include <string.h>

#define ROUNDS 4000

struct made {
    size_t size;
    uint8_t octets[1024];
};

static void put(struct made *made, const void *octets, size_t size)
{
    memcpy(made->octets + made->size, octets, size);
    made->size += size;
}

static void put_u16(struct made *made, uint16_t value)
{
    uint8_t octets[2];
    bytes_put_u16(octets, value);
    put(made, octets, sizeof(octets));
}

static void put_name(struct made *made, const char *name)
{
    while (*name != '\0') {
        size_t size = strcspn(name, ".");
        uint8_t octet = (uint8_t)size;
        put(made, &octet, 1);
        put(made, name, size);
        name += name[size] == '.' ? size + 1 : size;
    }
    put(made, "", 1);
}

static void begin(struct made *made, uint16_t answers)
{
    made->size = 0;
    put(made, "\x12\x34\x81\x80\x00\x01", 6);
    put_u16(made, answers);
    put_u16(made, 0);
    put_u16(made, 0);
    put_name(made, "_ntp._udp.mesh.example");
    put_u16(made, 33);
    put_u16(made, 1);
}

static void put_srv(struct made *made, const struct discovery_target *target)
{
    struct made data = {.size = 0};
    put_u16(&data, target->priority);
    put_u16(&data, target->weight);
    put_u16(&data, target->port);
    put_name(&data, target->host);
    put(made, "\xC0\x0C", 2); /* the question's name */
    put_u16(made, 33);
    put_u16(made, 1);
    put(made, "\0\0\0\x3C", 4);
    put_u16(made, (uint16_t)data.size);
    put(made, data.octets, data.size);
}

static void records_are_read(void)
{
    static const struct discovery_target targets[] = {{10, 60, 123, "a.mesh.example"},
                                                      {10, 0, 11123, "b.mesh.example"},
                                                      {20, 5, 124, "c.mesh.example"}};
    struct discovery_target found[DISCOVERY_TARGETS_MAX];
    struct made made;
    begin(&made, 4);
    put_srv(&made, &targets[0]);
    put_srv(&made, &(struct discovery_target){.priority = 0, .port = 123, .host = ""});
    put_srv(&made, &targets[1]);
    put_srv(&made, &targets[2]);
    CU_ASSERT_EQUAL_FATAL(discovery_read(bytes_make(made.octets, made.size), found), 3);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(found[i].priority, targets[i].priority);
        CU_ASSERT_EQUAL(found[i].weight, targets[i].weight);
        CU_ASSERT_EQUAL(found[i].port, targets[i].port);
        CU_ASSERT_STRING_EQUAL(found[i].host, targets[i].host);
    }
    /* Cut anywhere it is no more than that. */
    for (size_t size = 0; size < made.size; size++) {
        CU_ASSERT_TRUE(discovery_read(bytes_make(made.octets, size), found) <= 3);
    }
    /* More than there is room for. */
    begin(&made, 40);
    for (size_t i = 0; i < 40 && made.size < 900; i++) {
        put_srv(&made, &(struct discovery_target){.port = 1, .host = "d"});
    }
    CU_ASSERT_TRUE(discovery_read(bytes_make(made.octets, made.size), found) <=
                   DISCOVERY_TARGETS_MAX);
}

static void the_heavier_comes_first_more_often(void)
{
    struct random random;
    unsigned heavy_first = 0, weightless_first = 0;
    random_init_seeded(&random, 42);
    for (int i = 0; i < ROUNDS; i++) {
        struct discovery_target targets[] = {
            {20, 65535, 1, "last"}, {10, 0, 1, "none"}, {10, 30, 1, "light"}, {10, 90, 1, "heavy"}};
        uint32_t draws[4];
        for (size_t j = 0; j < 4; j++) {
            draws[j] = random_u32(&random);
        }
        discovery_order(targets, 4, draws);
        CU_ASSERT_STRING_EQUAL(targets[3].host, "last");
        heavy_first += strcmp(targets[0].host, "heavy") == 0;
        weightless_first += strcmp(targets[0].host, "none") == 0;
    }
    CU_ASSERT_TRUE(heavy_first > ROUNDS * 65 / 100 && heavy_first < ROUNDS * 82 / 100);
    CU_ASSERT_TRUE(weightless_first > 0 && weightless_first < ROUNDS * 5 / 100);
}

static const struct unit_case cases[] = {
    {"records are read", records_are_read},
    {"the heavier comes first more often", the_heavier_comes_first_more_often},
};
UNIT_MAIN("discovery", cases)
