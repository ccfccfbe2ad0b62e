/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_opinion.h"
#include "common/mesh/mesh_inner.h"
#include <math.h>
#include <stdio.h>

#define LINE_MAX_SIZE 200

static void tell(const struct world *world, const struct world_node *node,
                 const struct world_node *other, enum verdict_state state)
{
    char line[LINE_MAX_SIZE];
    if (world->listener != NULL) {
        snprintf(line, sizeof(line), "%.6f s, %s %zu: thinks that %s %zu is %s",
                 (double)world->truth_ns / 1e9, node->options->name, node->number,
                 other->options->name, other->number, verdict_state_name(state));
        world->listener(world->listener_context, line);
    }
}

static bool is_excluded(enum verdict_state underneath)
{
    return underneath == VERDICT_EXCLUDED || underneath == VERDICT_PROBATION ||
           underneath == VERDICT_CONVICTED;
}

static void blame(struct world *world, struct world_node *node, enum verdict_state underneath)
{
    node->member->false_exclusions++;
    if (underneath == VERDICT_CONVICTED) {
        struct checker_place place = world_core_place(world, node);
        checker_fail(&world->checker, &place, "convicts an honest member");
    }
}

/* A liar that was asked by all, and whose lie missed nobody, has stopped. */
static int64_t silence_ns(const struct world *world)
{
    return 2 * world->scenario->mesh.poll_ns;
}

static void form(struct world *world, struct world_node *node, size_t about,
                 struct world_opinion *opinion, const struct verdict *verdict)
{
    struct world_mesh *mesh = world->nodes.mesh;
    const struct world_node *other = &world->nodes.items[mesh->node_of[about]];
    enum verdict_state state = verdict_state(verdict);
    if (opinion->is_known && opinion->state == state) {
        return;
    }
    mesh->decisions = run_hash_add(mesh->decisions, (uint64_t)world->truth_ns);
    mesh->decisions = run_hash_add(mesh->decisions, (uint64_t)node->member->number << 32 |
                                                        about << 8 | (uint64_t)state);
    bool was_excluded = opinion->is_excluded;
    opinion->is_known = true;
    opinion->state = state;
    opinion->is_excluded = is_excluded(verdict->underneath);
    opinion->is_out = opinion->is_excluded || verdict->is_silent;
    if (opinion->is_excluded && !was_excluded && other->member->liar == NULL) {
        blame(world, node, verdict->underneath);
    }
    tell(world, node, other, state);
}

void world_opinion_miss(const struct world *world, struct world_node *liar)
{
    struct world_member *member = liar->member;
    if (member->missed_ns < 0 || world->truth_ns - member->missed_ns > silence_ns(world)) {
        member->miss_ns = world->truth_ns;
    }
    member->missed_ns = world->truth_ns;
}

/* Does it count a liar whose lie misses? */
static void time_fooled(const struct world *world, struct world_member *member,
                        struct world_opinion *opinion, const struct world_member *liar)
{
    int64_t now_ns = world->truth_ns;
    int64_t last_ns = now_ns - world->scenario->sample_ns;
    if (opinion->looked_ns < last_ns) {
        opinion->since_ns = -1; /* they did not talk meanwhile */
    }
    opinion->looked_ns = now_ns;
    if (liar->missed_ns < 0 || now_ns - liar->missed_ns > silence_ns(world)) {
        opinion->since_ns = -1;
        return;
    }
    if (!opinion->is_out && opinion->since_ns < 0) {
        opinion->since_ns = liar->miss_ns > last_ns ? liar->miss_ns : last_ns;
    }
    int64_t fooled_ns = opinion->since_ns >= 0 ? now_ns - opinion->since_ns : 0;
    member->fooled_ns = fooled_ns > member->fooled_ns ? fooled_ns : member->fooled_ns;
    if (opinion->is_out) {
        opinion->since_ns = -1;
    }
}

void world_opinion_look(struct world *world, struct world_node *node)
{
    const struct mesh *engine = node_mesh(node->node);
    const struct world_mesh *mesh = world->nodes.mesh;
    size_t known;
    const uint32_t *numbers = acquaintance_of(&mesh->acquaintance, node->member->number, &known);
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        const struct mesh_contact *contact = engine->contacts[i];
        size_t about = contact == NULL ? WORLD_MESH_NOBODY
                                       : world_mesh_find(mesh, engine->members[contact->member].id);
        for (size_t j = 0; about != WORLD_MESH_NOBODY && j < known; j++) {
            if (numbers[j] == about) {
                struct world_opinion *opinion = &node->member->opinions[j];
                form(world, node, about, opinion, &contact->verdict);
                time_fooled(world, node->member, opinion, &mesh->members[about]);
            }
        }
    }
}

double world_opinion_rounds(const struct world *world)
{
    const struct world_mesh *mesh = world->nodes.mesh;
    int64_t worst_ns = -1;
    for (size_t i = 0; i < mesh->count; i++) {
        int64_t fooled_ns = mesh->members[i].fooled_ns;
        worst_ns = fooled_ns > worst_ns ? fooled_ns : worst_ns;
    }
    return worst_ns < 0 ? NAN : ceil((double)worst_ns / (double)world->scenario->mesh.poll_ns);
}
