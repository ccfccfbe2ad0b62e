/* SPDX-License-Identifier: MIT */
#include "tests/sim/scenario_mesh.h"
#include "common/mesh/mesh.h"
#include "tests/sim/attack.h"
#include "tests/sim/scenario_value.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Enough for a view with a choice left, and little beside the whole mesh. */
#define KNOWN_DEFAULT 48
#define VIEW_LEAST 4
#define SENTENCE_MAX 256
#define POLL_DEFAULT_NS (16 * NS_PER_S)

void scenario_mesh_defaults(struct scenario_mesh *mesh)
{
    *mesh = (struct scenario_mesh){.poll_ns = POLL_DEFAULT_NS,
                                   .max_offset_ns = HLC_MAX_OFFSET_DEFAULT_NS,
                                   .known = KNOWN_DEFAULT};
}

void scenario_member_defaults(struct scenario_member *member)
{
    *member = (struct scenario_member){.view = MESH_VIEW_MAX, .ask_count = -1, .ask_share = -1};
}

void scenario_attack_defaults(struct scenario_attack *attack)
{
    *attack = (struct scenario_attack){.kind = -1, .until_ns = INT64_MAX, .share = 1};
}

size_t scenario_asking(const struct scenario_node *node)
{
    const struct scenario_member *member = &node->chimed.member;
    double count = (double)node->count;
    if (member->ask_share >= 0) {
        count = ceil(member->ask_share * count);
    } else if (member->ask_count >= 0 && (double)member->ask_count < count) {
        count = (double)member->ask_count;
    }
    return (size_t)count;
}

size_t scenario_members(const struct scenario *scenario)
{
    size_t count = 0;
    for (size_t i = 0; i < scenario->node_count; i++) {
        const struct scenario_node *node = &scenario->nodes[i];
        count += node->chimed.member.is_member ? (size_t)node->count : 0;
    }
    return count;
}

bool scenario_mesh_can_lie(const struct scenario_node *node, int kind)
{
    if (node->chimed.member.is_member) {
        return kind != FAULT_STUCK && kind != FAULT_LEAP;
    }
    return node->kind == SCENARIO_SERVER && kind <= FAULT_SILENT;
}

static void check_member(const struct scenario *scenario, const struct scenario_node *node,
                         void (*complain)(void *context, unsigned long line, const char *sentence),
                         void *context)
{
    char sentence[SENTENCE_MAX];
    for (size_t i = 0; i < scenario->node_count; i++) {
        const struct scenario_node *other = &scenario->nodes[i];
        bool is_turned;
        if (other->chimed.member.is_member && other >= node && (other != node || node->count > 1) &&
            scenario_find_link(scenario, node->name, other->name, &is_turned) == NULL) {
            snprintf(sentence, sizeof(sentence),
                     "[node %s] is in a mesh with %s, but no [link %s %s] joins them", node->name,
                     other->name, node->name, other->name);
            complain(context, node->line, sentence);
        }
    }
    size_t members = scenario_members(scenario);
    int faults = node->chimed.sync.faults;
    if (members < 2 || (faults >= 0 && 2 * (size_t)faults + 1 > members)) {
        snprintf(sentence, sizeof(sentence),
                 "[node %s] is in a mesh of %zu: with faults = f at least 2 f + 1 are wanted, and "
                 "at least 2",
                 node->name, members);
        complain(context, node->line, sentence);
    }
}

void scenario_mesh_check(const struct scenario *scenario,
                         void (*complain)(void *context, unsigned long line, const char *sentence),
                         void *context)
{
    for (size_t i = 0; i < scenario->node_count; i++) {
        const struct scenario_node *node = &scenario->nodes[i];
        const struct scenario_member *member = &node->chimed.member;
        bool is_given = member->ask_count >= 0 || member->ask_share >= 0 ||
                        node->chimed.restart_count > 0 || member->is_berkeley;
        if (member->is_member && node->kind != SCENARIO_CHIMED) {
            complain(context, node->line, "mesh = yes needs kind = chimed");
        } else if (member->is_member) {
            check_member(scenario, node, complain, context);
        } else if (is_given) {
            complain(context, node->line,
                     "ask-count, ask-share, restart and algorithm need mesh = yes");
        }
    }
    for (size_t i = 0; i < scenario->attack_count; i++) {
        if (scenario->attacks[i].kind < 0 || scenario_members(scenario) == 0) {
            complain(context, scenario->attacks[i].line,
                     "an [attack] needs a kind, and a mesh: [node] sections with mesh = yes");
        }
    }
}

static bool take_integer(const char *value, int64_t minimum, int64_t maximum, int64_t *integer)
{
    int64_t taken;
    if (!value_integer(value, (double)maximum, &taken) || taken < minimum) {
        return false;
    }
    *integer = taken;
    return true;
}

static bool take_word(const char *value, const char *const *words, bool *is_second)
{
    int choice;
    if (!value_choice(value, words, &choice)) {
        return false;
    }
    *is_second = choice != 0;
    return true;
}

static bool take_restart(const char *value, struct scenario_chimed *chimed)
{
    struct scenario_restart *restart = &chimed->restarts[chimed->restart_count];
    if (chimed->restart_count == SCENARIO_COMMANDS_MAX ||
        !value_at(value, NS_PER_S, &restart->duration_ns, &restart->at_ns)) {
        return false;
    }
    chimed->restart_count++;
    return true;
}

static bool take_poll(const char *value, int64_t *ns)
{
    int64_t taken;
    if (!value_duration(value, NS_PER_S, 1024 * NS_PER_S, &taken) || taken % NS_PER_S != 0 ||
        (taken / NS_PER_S & (taken / NS_PER_S - 1)) != 0) {
        return false;
    }
    *ns = taken;
    return true;
}

static const char *const algorithms[] = {"agreement", "berkeley", NULL};
static const char *const signatures[] = {"ed25519", "stand-in", NULL};
static const char *const attacks[] = {"replay", "redirect", "reflect", "strip",
                                      "flip",   "garbage",  NULL};
_Static_assert(sizeof(attacks) / sizeof(attacks[0]) == ATTACK_KINDS + 1, "a word for each");

/* One function per key, by macros: a key is one line. */
#define TAKE(function, type, member, call)                                                         \
    bool function(void *target, const char *value)                                                 \
    {                                                                                              \
        type *to = member;                                                                         \
        return call;                                                                               \
    }
#define NODE (&((struct scenario_node *)target)->chimed)
#define MESH (&((struct scenario *)target)->mesh)

TAKE(scenario_mesh_member, struct scenario_member, &NODE->member, value_yes(value, &to->is_member))
TAKE(scenario_mesh_view, struct scenario_member, &NODE->member,
     take_integer(value, VIEW_LEAST, MESH_VIEW_MAX, &to->view))
TAKE(scenario_mesh_algorithm, struct scenario_member, &NODE->member,
     take_word(value, algorithms, &to->is_berkeley))
TAKE(scenario_mesh_domain, struct scenario_member, &NODE->member,
     value_name(value, SCENARIO_DOMAIN_MAX, to->domain))
TAKE(scenario_mesh_ask_count, struct scenario_member, &NODE->member,
     take_integer(value, 0, SCENARIO_NODES_MAX, &to->ask_count))
TAKE(scenario_mesh_ask_share, struct scenario_member, &NODE->member,
     value_share(value, &to->ask_share))
TAKE(scenario_mesh_restart, struct scenario_chimed, NODE, take_restart(value, to))
TAKE(scenario_mesh_signatures, struct scenario_mesh, MESH,
     take_word(value, signatures, &to->is_stand_in))
TAKE(scenario_mesh_poll, struct scenario_mesh, MESH, take_poll(value, &to->poll_ns))
TAKE(scenario_mesh_max_offset, struct scenario_mesh, MESH,
     value_duration(value, 0, HLC_MAX_OFFSET_NS_MAX, &to->max_offset_ns))
TAKE(scenario_mesh_known, struct scenario_mesh, MESH,
     take_integer(value, MESH_VIEW_MAX, MESH_MEMBERS_MAX - 1, &to->known))
TAKE(scenario_mesh_ring_delay, struct scenario_mesh, MESH,
     value_duration(value, 0, NS_PER_S, &to->ring_delay_ns))
TAKE(scenario_mesh_attack_kind, struct scenario_attack, target,
     value_choice(value, attacks, &to->kind))
TAKE(scenario_mesh_attack_from, struct scenario_attack, target,
     value_duration(value, 0, YEAR_NS, &to->from_ns))
TAKE(scenario_mesh_attack_until, struct scenario_attack, target,
     value_duration(value, 0, YEAR_NS, &to->until_ns))
TAKE(scenario_mesh_attack_share, struct scenario_attack, target, value_share(value, &to->share))
