/* SPDX-License-Identifier: MIT */
#include "client/cli/doctor.h"
#include <string.h>

#define NODES_FOR(faults) (2 * (faults) + 1)

static int64_t integer_of(const json_t *object, const char *key)
{
    int64_t value;
    return answer_integer(object, key, &value) ? value : 0;
}

static void examine_identity(struct doctor *doctor, const json_t *mesh)
{
    const json_t *self = answer_part(mesh, "self");
    char id[ANSWER_TEXT_MAX];
    if (answer_is_true(self, "state_is_lost")) {
        doctor_add(
            doctor, "identity", DOCTOR_FAIL,
            "node %s does not join the mesh: what it told the others before is not known, as "
            "the state that goes with its key is missing",
            answer_text(self, "id", id));
        doctor_next(doctor,
                    "chime keygen --node --next-epoch KEYFILE, then: sudo systemctl restart "
                    "chimed");
        return;
    }
    doctor_add(doctor, "identity", DOCTOR_OK, "node %s, key epoch %lld, run %lld",
               answer_text(self, "id", id), (long long)integer_of(self, "key_epoch"),
               (long long)integer_of(self, "incarnation"));
}

/* n, f, and what is left of f. */
static void examine_budget(struct doctor *doctor, const json_t *mesh)
{
    const json_t *budget = answer_part(mesh, "budget");
    long long nodes = integer_of(budget, "nodes");
    long long faults = integer_of(budget, "faults");
    long long lost = integer_of(budget, "lost");
    if (nodes < NODES_FOR(faults)) {
        doctor_add(doctor, "faults", DOCTOR_FAIL,
                   "%lld liars among %lld nodes can't be outvoted: that takes %lld", faults, nodes,
                   NODES_FOR(faults));
        doctor_next(doctor,
                    "add members, or lower 'faults' in [mesh] or in the membership document");
    } else if (answer_is_true(budget, "degraded")) {
        doctor_add(
            doctor, "faults", DOCTOR_FAIL,
            "the fault budget is spent: %lld members are excluded, convicted or unreachable, "
            "which is more than may be; the interval only grows",
            lost);
        doctor_next(doctor, "chime mesh");
    } else if (lost > 0 && integer_of(budget, "left") == 0) {
        doctor_add(doctor, "faults", DOCTOR_WARN,
                   "%lld members are excluded, convicted or unreachable, and no more may be", lost);
        doctor_next(doctor, "chime mesh");
    } else {
        doctor_add(
            doctor, "faults", DOCTOR_OK,
            "of %lld nodes %lld are excluded, convicted or unreachable, and %lld more may be",
            nodes, lost, (long long)integer_of(budget, "left"));
    }
}

/* What the verdict on a member asks of an operator. Returns whether it is heard. */
static bool examine_verdict(struct doctor *doctor, const json_t *member, const char *name)
{
    char state[ANSWER_TEXT_MAX];
    char cause[ANSWER_TEXT_MAX];
    char address[ANSWER_TEXT_MAX];
    bool is_silent = answer_is(member, "state", "unreachable");
    if (is_silent) {
        doctor_add(doctor, "members", DOCTOR_WARN, "%s (%s) is unreachable: %s", name,
                   answer_text(member, "address", address), answer_text(member, "cause", cause));
        doctor_next(doctor, "chime query %.64s (is it down? does a firewall drop UDP port 123?)",
                    answer_has_text(member, "address") ? address : name);
    } else if (answer_is(member, "state", "convicted")) {
        doctor_add(doctor, "members", DOCTOR_WARN, "%s is convicted: %s", name,
                   answer_text(member, "cause", cause));
        doctor_next(doctor, "chime mesh evidence %lld", (long long)integer_of(member, "evidence"));
    } else if (answer_is(member, "state", "excluded") || answer_is(member, "state", "suspect")) {
        doctor_add(doctor, "members", DOCTOR_WARN, "%s is %s: %s", name,
                   answer_text(member, "state", state), answer_text(member, "cause", cause));
        doctor_next(doctor, "chime explain %.32s", state);
    }
    return !is_silent;
}

/* Its interval, as we measured it, must meet ours. */
static void examine_interval(struct doctor *doctor, const json_t *mesh, const json_t *member,
                             const char *name)
{
    const json_t *self = answer_part(mesh, "self");
    const json_t *report = answer_part(member, "report");
    const json_t *measure = answer_part(member, "measure");
    char offset[QUANTITY_TEXT_MAX];
    int64_t before, after, their_before, their_after, delay;
    double offset_ns;
    if (!answer_number(measure, "offset_ns", &offset_ns) ||
        !answer_integer(measure, "delay_ns", &delay) ||
        !answer_integer(self, "before_ns", &before) || !answer_integer(self, "after_ns", &after) ||
        !answer_integer(report, "before_ns", &their_before) ||
        !answer_integer(report, "after_ns", &their_after)) {
        return;
    }
    double error_ns = (double)delay / 2;
    double first_ns = offset_ns - error_ns - (double)their_before;
    double last_ns = offset_ns + error_ns + (double)their_after;
    if (first_ns > (double)after || last_ns < -(double)before) {
        doctor_add(
            doctor, "clocks", DOCTOR_WARN,
            "%s's clock is %s from ours, and its interval does not meet ours: one of the two "
            "is wrong",
            name, quantity_format_duration(answer_round(offset_ns), true, offset));
        doctor_next(doctor, "chime mesh -v; chime doctor on %.64s", name);
    }
}

static void examine_members(struct doctor *doctor, const json_t *mesh)
{
    const json_t *members = answer_part(mesh, "members");
    size_t asked = 0, heard = 0, others = 0, reports = 0;
    size_t index;
    json_t *member;
    json_array_foreach((json_t *)members, index, member)
    {
        const json_t *report = answer_part(member, "report");
        char name[ANSWER_TEXT_MAX];
        answer_text(member, "name", name);
        if (answer_has_text(member, "slot")) {
            asked++;
            heard += examine_verdict(doctor, member, name) ? 1 : 0;
            examine_interval(doctor, mesh, member, name);
        }
        if (json_is_object(report)) {
            reports++;
            others += answer_is_true(report, "same_membership") ? 0 : 1;
        }
    }
    doctor_add(doctor, "members", asked > 0 && heard == 0 ? DOCTOR_FAIL : DOCTOR_OK,
               "%zu of %zu members that are asked are heard", heard, asked);
    if (asked > 0 && heard == 0) {
        doctor_next(doctor, "ss -lunp; a firewall may drop UDP port 123");
    }
    if (answer_is_true(mesh, "contradictory")) {
        doctor_add(
            doctor, "loops", DOCTOR_WARN,
            "what the members say of each other's clocks can't all be true: one of them lies, "
            "or a clock was set meanwhile");
        doctor_next(doctor, "chime mesh (the surplus says around whom)");
    }
    if (others > 0) {
        doctor_add(doctor, "membership", DOCTOR_WARN,
                   "%zu of %zu members count by another membership document or configuration than "
                   "this node, and are not counted here: %s",
                   others, reports,
                   2 * others > reports ? "this node's is likely to be the old one"
                                        : "theirs is likely to be the old one");
        doctor_next(doctor, "put the newest document (and the same [member] sections) everywhere, "
                            "then: sudo chime reload");
    }
}

/* Of servers outside of the mesh, f may lie: f + 1 must say the same, unless they are trusted. */
static void examine_servers(struct doctor *doctor, const struct doctor_facts *facts)
{
    const json_t *sources = answer_part(facts->sources, "sources");
    long long faults = integer_of(answer_part(facts->mesh, "budget"), "faults");
    size_t servers = 0, trusted = 0;
    size_t index;
    json_t *source;
    json_array_foreach((json_t *)sources, index, source)
    {
        bool is_server = !answer_is(source, "kind", "member");
        servers += is_server ? 1 : 0;
        trusted += is_server && answer_is_true(source, "trust") ? 1 : 0;
    }
    if (servers > 0 && trusted == 0 && (long long)servers <= faults) {
        doctor_add(doctor, "UTC", DOCTOR_WARN,
                   "%zu server%s of UTC, and 'faults' is %lld: all of them may lie, so this node "
                   "takes no UTC from them; that takes %lld, or 'trust = yes' for one",
                   servers, servers == 1 ? "" : "s", faults, faults + 1);
        doctor_next(doctor, "add [source NAME] sections to chimed.conf, then: sudo chime reload");
    }
}

void doctor_examine_mesh(struct doctor *doctor, const struct doctor_facts *facts)
{
    if (facts->mesh == NULL) {
        return;
    }
    examine_identity(doctor, facts->mesh);
    examine_members(doctor, facts->mesh);
    examine_budget(doctor, facts->mesh);
    examine_servers(doctor, facts);
}
