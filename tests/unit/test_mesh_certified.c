/* SPDX-License-Identifier: MIT */
/* Certificates that come one after the other: what is in force of them, and where a member is. */
#include "common/mesh/mesh_inner.h"
#include "tests/unit/mesh_world.h"
#include "tests/unit/unit.h"
#include <string.h>

#define SOON_S (MESH_WORLD_START_NS / NS_PER_S + 1000)
#define LATER_S (SOON_S + 1000000)

static struct mesh_world world;
static struct identity *ca;
static struct public_key ca_key;

/* One node, that knows the other by its key, or not at all. */
static struct mesh *begin(bool is_listed)
{
    char error[IDENTITY_ERROR_MAX];
    mesh_world_init(&world, 2);
    ca = identity_create(&world.random, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ca);
    ca_key = *identity_public_key(ca);
    world.members[1].host[0] = '\0';
    struct mesh_options options = mesh_world_options(&world, 0);
    options.members = &world.members[1];
    options.member_count = is_listed;
    options.ca = &ca_key;
    mesh_world_start(&world, 0, &options);
    mesh_world_run(&world, 0);
    return world.nodes[0];
}

static void end(void)
{
    mesh_world_clear(&world);
    identity_destroy(ca);
}

static enum mesh_verdict take(const struct public_key *key, uint16_t epoch, int64_t expiry_s,
                              const char *host)
{
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    struct certificate certificate = {.epoch = epoch, .expiry_s = (uint64_t)expiry_s};
    CU_ASSERT_TRUE(certificate_node_set_key(&certificate.node, key));
    CU_ASSERT_TRUE(certificate_node_set_address(&certificate.node, host));
    size_t size = certificate_write(&certificate, ca, NULL, octets);
    return mesh_admit_certified(world.nodes[0], bytes_make(octets, size), 0, world.now);
}

static const char *place(void)
{
    static struct mesh_seat seats[MESH_VIEW_MAX];
    return mesh_seats(world.nodes[0], seats) == 1 ? seats[0].host : "";
}

static void is_where_the_newest_says(void)
{
    for (int is_listed = 0; is_listed < 2; is_listed++) {
        struct mesh *mesh = begin(is_listed != 0);
        const struct public_key *key = identity_public_key(world.identities[1]);
        CU_ASSERT_EQUAL(take(key, 0, SOON_S, "a.example"), MESH_HANDLED);
        CU_ASSERT_STRING_EQUAL(place(), "a.example");
        unsigned version = mesh->view_version;
        CU_ASSERT_EQUAL(take(key, 0, LATER_S, "b.example"), MESH_HANDLED);
        CU_ASSERT_STRING_EQUAL(place(), "b.example");
        CU_ASSERT_NOT_EQUAL(mesh->view_version, version);
        /* Where it was found meanwhile is not where it is. */
        struct mesh_member *member = &mesh->members[0];
        member->is_moved = true;
        member->address = mesh_world_address(5, 123);
        CU_ASSERT_EQUAL(take(key, 0, LATER_S + 1, "c.example"), MESH_HANDLED);
        CU_ASSERT_STRING_EQUAL(place(), "c.example");
        /* An older one says nothing. */
        CU_ASSERT_EQUAL(take(key, 0, SOON_S, "a.example"), MESH_HANDLED);
        CU_ASSERT_STRING_EQUAL(place(), "c.example");
        end();
    }
}

/* One of a higher epoch that has expired is none: another one that holds is taken. */
static void what_expired_is_none(void)
{
    struct mesh *mesh = begin(false);
    const struct public_key *key = identity_public_key(world.identities[1]);
    CU_ASSERT_EQUAL(take(key, 2, SOON_S, "a.example"), MESH_HANDLED);
    CU_ASSERT_EQUAL(take(key, 1, LATER_S, "b.example"), MESH_HANDLED);
    CU_ASSERT_STRING_EQUAL(place(), "a.example");
    mesh_world_pass(&world, 2000 * NS_PER_S);
    mesh_world_run(&world, 0);
    CU_ASSERT_TRUE(mesh->members[0].has_expired);
    CU_ASSERT_EQUAL(take(key, 2, SOON_S, "a.example"), MESH_REVOKED);
    CU_ASSERT_EQUAL(take(key, 1, LATER_S, "b.example"), MESH_HANDLED);
    CU_ASSERT_FALSE(mesh->members[0].has_expired);
    CU_ASSERT_STRING_EQUAL(place(), "b.example");
    end();
}

/* Of one that is listed the certificate that has expired stays, to say where it is; but nobody is
 * told of it. */
static void what_expired_is_not_told(void)
{
    struct mesh *mesh = begin(true);
    const struct public_key *key = identity_public_key(world.identities[1]);
    CU_ASSERT_EQUAL(take(key, 0, SOON_S, "a.example"), MESH_HANDLED);
    for (int is_over = 0; is_over < 2; is_over++) {
        uint32_t letters = mesh->post_sequence;
        for (int i = 0; i < 20; i++) {
            mesh_world_pass(&world, 1000 * NS_PER_S);
            mesh->own.clock = mesh_world_reading(&world).wall;
            if (is_over == 0) {
                mesh->own.clock.ns = MESH_WORLD_START_NS;
            }
            mesh_post_gossip(mesh, world.now);
        }
        CU_ASSERT_EQUAL(mesh->post_sequence > letters, is_over == 0);
    }
    CU_ASSERT_STRING_EQUAL(place(), "a.example");
    end();
}

/* A table full of those whose certificates have expired has room for one that has not. */
static void the_expired_make_room(void)
{
    struct mesh *mesh = begin(false);
    struct public_key key = *identity_public_key(world.identities[1]);
    for (unsigned i = 0; mesh->count < MESH_MEMBERS_MAX; i++) {
        key.octets[0] = (uint8_t)i;
        key.octets[1] = (uint8_t)(i >> 8);
        CU_ASSERT_EQUAL_FATAL(take(&key, 0, i % 2 != 0 ? SOON_S : LATER_S, "a.example"),
                              MESH_HANDLED);
    }
    CU_ASSERT_PTR_NOT_NULL(mesh_contact_make(mesh, 1, world.now));
    key.octets[2] ^= 1;
    CU_ASSERT_EQUAL(take(&key, 0, LATER_S, "b.example"), MESH_NO_ROOM);
    mesh_world_pass(&world, 2000 * NS_PER_S);
    mesh_world_run(&world, 0);
    CU_ASSERT_EQUAL(take(&key, 0, LATER_S, "b.example"), MESH_HANDLED);
    CU_ASSERT_EQUAL(mesh->count, MESH_MEMBERS_MAX);
    uint64_t id;
    CU_ASSERT_TRUE(public_key_id(&key, &id));
    size_t member = mesh_find(mesh, id);
    CU_ASSERT_NOT_EQUAL_FATAL(member, MESH_NOBODY);
    CU_ASSERT_TRUE(mesh_is_member(mesh, member));
    CU_ASSERT_PTR_NULL(mesh_contact_of(mesh, member));
    end();
}

static const struct unit_case cases[] = {
    {"is where the newest says", is_where_the_newest_says},
    {"what expired is none", what_expired_is_none},
    {"what expired is not told", what_expired_is_not_told},
    {"the expired make room", the_expired_make_room},
};
UNIT_MAIN("mesh, certificates", cases)
