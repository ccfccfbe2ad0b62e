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
    bool was_out = opinion->is_out;
    opinion->is_known = true;
    opinion->state = state;
    opinion->is_excluded = is_excluded(verdict->underneath);
    opinion->is_out = opinion->is_excluded || verdict->is_silent;
    if (opinion->is_out && !was_out) {
        opinion->out_ns = world->truth_ns;
    }
    if (opinion->is_excluded && !was_excluded && other->member->liar == NULL) {
        blame(world, node, verdict->underneath);
    }
    tell(world, node, other, state);
}

void world_opinion_look(struct world *world, struct world_node *node)
{
    const struct mesh *engine = node_mesh(node->node);
    size_t known;
    const uint32_t *numbers =
        acquaintance_of(&world->nodes.mesh->acquaintance, node->member->number, &known);
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        const struct mesh_contact *contact = engine->contacts[i];
        size_t about = contact == NULL ? WORLD_MESH_NOBODY
                                       : world_mesh_find(world->nodes.mesh,
                                                         engine->members[contact->member].id);
        for (size_t j = 0; about != WORLD_MESH_NOBODY && j < known; j++) {
            if (numbers[j] == about) {
                form(world, node, about, &node->member->opinions[j], &contact->verdict);
            }
        }
    }
}

/* Until that one counted the liar out. */
static double rounds_of(const struct world *world, const struct world_opinion *opinion,
                        const struct world_member *liar)
{
    double since_ns = (double)(opinion->out_ns - liar->miss_ns);
    return opinion->is_out ? ceil(fmax(since_ns, 0) / (double)world->scenario->mesh.poll_ns)
                           : INFINITY;
}

double world_opinion_rounds(const struct world *world)
{
    const struct world_mesh *mesh = world->nodes.mesh;
    double worst = NAN;
    for (size_t i = 0; i < mesh->count; i++) {
        const struct world_member *member = &mesh->members[i];
        size_t known;
        const uint32_t *numbers = acquaintance_of(&mesh->acquaintance, i, &known);
        for (size_t j = 0; j < known && member->liar == NULL; j++) {
            const struct world_member *liar = &mesh->members[numbers[j]];
            if (liar->liar != NULL && liar->miss_ns >= 0 && member->opinions[j].is_known) {
                double rounds = rounds_of(world, &member->opinions[j], liar);
                worst = isnan(worst) || rounds > worst ? rounds : worst;
            }
        }
    }
    return worst;
}
