/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_mesh.h"
#include "common/base/random.h"
#include "ntpwire/timestamp.h"
#include "tests/sim/attack.h"
#include "tests/sim/run_hash.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NTP_PORT 123
#define MEMBERSHIP_EPOCH 1
/* Of what chimed.conf(5) gives for Berkeley's algorithm. */
#define INTERVAL_NS (5 * NS_PER_S)
#define GAMMA_NS (50 * NS_PER_MS)
/* Draws of the mesh are its own: those of the nodes stay what they are without one. */
#define SEED_MESH UINT64_C(0x6d657368)

struct sorted_id {
    uint64_t id;
    uint32_t number;
};

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = ((const struct sorted_id *)a)->id;
    uint64_t right = ((const struct sorted_id *)b)->id;
    return (left > right) - (left < right);
}

static bool sort_ids(struct world_mesh *mesh)
{
    struct sorted_id *sorted = calloc(mesh->count, sizeof(*sorted));
    if (sorted == NULL) {
        return false;
    }
    for (size_t i = 0; i < mesh->count; i++) {
        sorted[i] = (struct sorted_id){mesh->members[i].id, (uint32_t)i};
    }
    qsort(sorted, mesh->count, sizeof(*sorted), compare_ids);
    for (size_t i = 0; i < mesh->count; i++) {
        mesh->by_id[i] = sorted[i].number;
    }
    free(sorted);
    return true;
}

/* The first, by id, whose id is not below that. */
static size_t rank_of(const struct world_mesh *mesh, uint64_t id)
{
    size_t low = 0, high = mesh->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mesh->members[mesh->by_id[middle]].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t world_mesh_find(const struct world_mesh *mesh, uint64_t id)
{
    size_t rank = rank_of(mesh, id);
    return rank < mesh->count && mesh->members[mesh->by_id[rank]].id == id ? mesh->by_id[rank]
                                                                           : WORLD_MESH_NOBODY;
}

size_t world_mesh_find_tag(const struct world_mesh *mesh, uint32_t tag)
{
    size_t rank = rank_of(mesh, (uint64_t)tag << 32);
    bool is_found = rank < mesh->count && identity_tag(mesh->members[mesh->by_id[rank]].id) == tag;
    return is_found ? mesh->by_id[rank] : WORLD_MESH_NOBODY;
}

static bool make_member(struct world_mesh *mesh, size_t number, size_t group, size_t place,
                        struct random *random)
{
    const struct scenario_node *node = &mesh->scenario->nodes[group];
    struct world_member *member = &mesh->members[number];
    char error[IDENTITY_ERROR_MAX];
    member->number = number;
    member->group = group;
    member->is_asking = place < scenario_asking(node);
    member->incarnation = 1;
    member->miss_ns = -1;
    member->missed_ns = -1;
    member->fooled_ns = -1;
    member->identity = identity_create(random, error);
    if (member->identity == NULL) {
        return false;
    }
    member->id = identity_id(member->identity);
    if (node->chimed.restart_count > 0) {
        member->memories = calloc(2 * MESH_MEMBERS_MAX, sizeof(*member->memories));
        member->memories_saving = member->memories + MESH_MEMBERS_MAX;
        return member->memories != NULL;
    }
    return true;
}

static bool make_opinions(struct world_mesh *mesh)
{
    for (size_t i = 0; i < mesh->count; i++) {
        size_t known;
        (void)acquaintance_of(&mesh->acquaintance, i, &known);
        mesh->members[i].opinions = calloc(known + 1, sizeof(*mesh->members[i].opinions));
        if (mesh->members[i].opinions == NULL) {
            return false;
        }
    }
    return true;
}

static bool make_liars(struct world_mesh *mesh, uint64_t seed)
{
    const struct scenario *scenario = mesh->scenario;
    for (size_t i = 0; i < scenario->fault_count; i++) {
        int group = scenario_find_node(scenario, scenario->faults[i].node);
        for (size_t j = 0; j < mesh->count; j++) {
            struct world_member *member = &mesh->members[j];
            if ((int)member->group != group) {
                continue;
            }
            if (member->liar == NULL) {
                member->liar = liar_create(run_hash_add(seed, j));
            }
            if (member->liar == NULL) {
                return false;
            }
            liar_tell(member->liar, &scenario->faults[i]);
        }
    }
    return true;
}

static bool make_attacks(struct world_mesh *mesh, uint64_t seed)
{
    const struct scenario *scenario = mesh->scenario;
    mesh->attack_count = scenario->attack_count;
    mesh->attacks = calloc(mesh->attack_count + 1, sizeof(*mesh->attacks));
    for (size_t i = 0; i < mesh->attack_count && mesh->attacks != NULL; i++) {
        struct attack *attack = &mesh->attacks[i];
        attack_init(attack, (enum attack_kind)scenario->attacks[i].kind,
                    run_hash_add(seed, UINT64_MAX - i));
        attack->from_ns = scenario->attacks[i].from_ns;
        attack->until_ns = scenario->attacks[i].until_ns;
        attack->share = scenario->attacks[i].share;
    }
    return mesh->attacks != NULL;
}

static bool make_all(struct world_mesh *mesh, const size_t *first, uint64_t seed)
{
    const struct scenario *scenario = mesh->scenario;
    struct random random;
    random_init_seeded(&random, seed);
    mesh->members = calloc(mesh->count, sizeof(*mesh->members));
    mesh->by_id = calloc(mesh->count, sizeof(*mesh->by_id));
    mesh->node_of = calloc(mesh->count, sizeof(*mesh->node_of));
    if (mesh->members == NULL || mesh->by_id == NULL || mesh->node_of == NULL) {
        return false;
    }
    stand_in_init(&mesh->stand_in, &random);
    size_t number = 0;
    for (size_t i = 0; i < scenario->node_count; i++) {
        for (size_t j = 0;
             scenario->nodes[i].chimed.member.is_member && j < (size_t)scenario->nodes[i].count;
             j++) {
            mesh->node_of[number] = (uint32_t)(first[i] + j);
            if (!make_member(mesh, number, i, j, &random)) {
                return false;
            }
            number++;
        }
    }
    mesh->paths.seed = run_hash_add(seed, 0);
    return sort_ids(mesh) &&
           acquaintance_init(&mesh->acquaintance, mesh->count, (size_t)scenario->mesh.known,
                             run_hash_add(seed, 1)) &&
           make_opinions(mesh) && make_liars(mesh, run_hash_add(seed, 2)) &&
           make_attacks(mesh, run_hash_add(seed, 3));
}

struct world_mesh *world_mesh_create(const struct scenario *scenario, const size_t *first,
                                     uint64_t seed, char *error, size_t room)
{
    struct world_mesh *mesh = calloc(1, sizeof(*mesh));
    if (mesh != NULL) {
        mesh->scenario = scenario;
        mesh->count = scenario_members(scenario);
        mesh->decisions = RUN_HASH_START;
        mesh->apart_ns = NAN;
    }
    if (mesh == NULL || !make_all(mesh, first, run_hash_add(SEED_MESH, seed))) {
        world_mesh_destroy(mesh);
        snprintf(error, room, "not enough memory for the mesh, or no Ed25519 keys on this machine");
        return NULL;
    }
    return mesh;
}

void world_mesh_destroy(struct world_mesh *mesh)
{
    if (mesh == NULL) {
        return;
    }
    for (size_t i = 0; mesh->members != NULL && i < mesh->count; i++) {
        struct world_member *member = &mesh->members[i];
        identity_destroy(member->identity);
        liar_destroy(member->liar);
        free(member->memories);
        free(member->opinions);
    }
    acquaintance_clear(&mesh->acquaintance);
    world_paths_clear(&mesh->paths);
    free(mesh->attacks);
    free(mesh->members);
    free(mesh->by_id);
    free(mesh->node_of);
    free(mesh);
}

struct world_member *world_mesh_member(struct world_mesh *mesh, size_t group, size_t number)
{
    size_t before = 0;
    if (mesh == NULL || !mesh->scenario->nodes[group].chimed.member.is_member) {
        return NULL;
    }
    for (size_t i = 0; i < group; i++) {
        const struct scenario_node *node = &mesh->scenario->nodes[i];
        before += node->chimed.member.is_member ? (size_t)node->count : 0;
    }
    return &mesh->members[before + number];
}

static int8_t log2_of(int64_t ns)
{
    int8_t log2 = 0;
    while (timestamp_log2_to_ns(log2) < ns) {
        log2++;
    }
    return log2;
}

static unsigned faults_of(const struct world_mesh *mesh, const struct scenario_node *node)
{
    size_t judged = mesh->count < (size_t)node->chimed.member.view
                        ? mesh->count
                        : (size_t)node->chimed.member.view;
    return node->chimed.sync.faults >= 0 ? (unsigned)node->chimed.sync.faults
                                         : (unsigned)((judged - 1) / 2);
}

static void put_known(struct world_mesh *mesh, const struct world_member *member,
                      struct mesh_options *options)
{
    const uint32_t *known =
        acquaintance_of(&mesh->acquaintance, member->number, &options->member_count);
    options->members = mesh->scratch;
    for (size_t i = 0; i < options->member_count; i++) {
        const struct world_member *other = &mesh->members[known[i]];
        const struct scenario_node *node = &mesh->scenario->nodes[other->group];
        size_t place = other->number - world_mesh_member(mesh, other->group, 0)->number;
        struct mesh_member_options *entry = &mesh->scratch[i];
        *entry = (struct mesh_member_options){.port = NTP_PORT};
        snprintf(entry->host, sizeof(entry->host), node->count > 1 ? "%s.%zu" : "%s", node->name,
                 place);
        memcpy(entry->name, entry->host, sizeof(entry->name) - 1);
        entry->key = *identity_public_key(other->identity);
        memcpy(entry->domain, node->chimed.member.domain, sizeof(entry->domain));
    }
}
_Static_assert(MESH_DOMAIN_MAX == SCENARIO_DOMAIN_MAX, "a domain fits");

void world_mesh_options(struct world_mesh *mesh, const struct world_member *member,
                        struct mesh_options *options)
{
    const struct scenario *scenario = mesh->scenario;
    const struct scenario_node *node = &scenario->nodes[member->group];
    int8_t poll = log2_of(scenario->mesh.poll_ns);
    *options = (struct mesh_options){
        .identity = member->identity,
        .scheme = scenario->mesh.is_stand_in ? &mesh->stand_in.scheme : NULL,
        .key_epoch = 0,
        .incarnation = member->incarnation,
        .hlc = member->has_hlc ? &member->hlc : NULL,
        .membership_epoch = MEMBERSHIP_EPOCH,
        .timescale_id = MEMBERSHIP_EPOCH,
        .memories = member->memories,
        .memory_count = member->memory_count,
        .faults = faults_of(mesh, node),
        .view_size = (size_t)node->chimed.member.view,
        .algorithm = node->chimed.member.is_berkeley ? MESH_BERKELEY : MESH_AGREEMENT,
        .interval_ns = INTERVAL_NS,
        .gamma_ns = GAMMA_NS,
        .poll_min = poll,
        .poll_max = poll,
        .max_offset_ns = scenario->mesh.max_offset_ns,
        .payload_max = REPORT_PAYLOAD_MAX};
    memcpy(options->domain, node->chimed.member.domain, sizeof(options->domain));
    put_known(mesh, member, options);
}

struct path *world_mesh_path(struct world_mesh *mesh, const struct world_member *from,
                             const struct world_member *to, int64_t *more_ns)
{
    const struct scenario *scenario = mesh->scenario;
    bool is_turned = false;
    const struct scenario_link *link = scenario_find_link(
        scenario, scenario->nodes[from->group].name, scenario->nodes[to->group].name, &is_turned);
    *more_ns = (int64_t)(acquaintance_distance(&mesh->acquaintance, from->number, to->number) *
                         (double)scenario->mesh.ring_delay_ns);
    return link == NULL
               ? NULL
               : world_paths_get(&mesh->paths, mesh->node_of[from->number],
                                 mesh->node_of[to->number], is_turned ? &link->back : &link->there);
}
