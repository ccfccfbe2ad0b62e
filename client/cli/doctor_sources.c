/* SPDX-License-Identifier: MIT */
#include "client/cli/doctor.h"
#include "client/cli/sources_report.h"
#include <string.h>

/* n sources tell a liar apart from n = 3 on: two of them must be right. */
#define SOURCES_FOR_ONE_LIAR 3

static bool is_asked(const json_t *source)
{
    return !answer_is(source, "state", "offline") && !answer_is(source, "state", "unresolved") &&
           !answer_is(source, "kind", "broadcast");
}

static bool is_heard(const json_t *source)
{
    int64_t reach;
    return answer_integer(source, "reach", &reach) && reach != 0;
}

static void examine_names(struct doctor *doctor, const struct doctor_facts *facts)
{
    for (size_t i = 0; i < facts->name_count; i++) {
        const struct doctor_name *name = &facts->names[i];
        if (name->addresses > 0) {
            doctor_add(doctor, "names", DOCTOR_WARN,
                       "chimed has no address for '%s' yet, but it resolves here now (%zu)",
                       name->host, name->addresses);
            doctor_next(doctor, "sudo chime refresh");
        } else {
            doctor_add(doctor, "names", DOCTOR_FAIL, "'%s' does not resolve: %s", name->host,
                       name->error);
            doctor_next(doctor, "getent ahosts %.128s; cat /etc/resolv.conf", name->host);
        }
    }
    if (facts->name_count == 0) {
        doctor_add(doctor, "names", DOCTOR_OK, "every source has an address");
    }
}

static void examine_reach(struct doctor *doctor, const json_t *list)
{
    size_t asked = 0;
    size_t heard = 0;
    size_t index;
    json_t *source;
    char host[ANSWER_TEXT_MAX] = "HOST";
    json_array_foreach((json_t *)list, index, source)
    {
        if (!is_asked(source)) {
            continue;
        }
        asked++;
        if (is_heard(source)) {
            heard++;
        } else if (answer_has_text(source, "address")) {
            answer_text(source, "address", host);
        }
    }
    enum doctor_result result = asked == 0 || heard == 0 ? DOCTOR_FAIL
                                : heard < asked          ? DOCTOR_WARN
                                                         : DOCTOR_OK;
    if (asked == 0) {
        doctor_add(doctor, "reach", result, "no source is asked: all are offline or unresolved");
        doctor_next(doctor, "chime sources, sudo chime online");
        return;
    }
    doctor_add(doctor, "reach", result, "%zu of %zu sources that are asked have answered lately",
               heard, asked);
    if (heard < asked) {
        doctor_next(doctor, "chime query %.64s (does a firewall drop UDP port 123?)", host);
    }
}

/* A source that is not used for no fault of its own, or as it was told. */
static bool is_harmless(const json_t *source)
{
    static const char *const states[] = {"noselect", "not preferred", "waiting",
                                         "offline",  "orphan",        "excluded"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (answer_is(source, "state", states[i])) {
            return true;
        }
    }
    return answer_is(source, "kind", "broadcast");
}

static void examine_verdicts(struct doctor *doctor, const json_t *list)
{
    size_t used = 0;
    size_t rejected = 0;
    size_t index;
    json_t *source;
    json_array_foreach((json_t *)list, index, source)
    {
        char name[ANSWER_TEXT_MAX];
        char state[ANSWER_TEXT_MAX];
        char reason[ANSWER_TEXT_MAX];
        if (sources_report_is_used(source)) {
            used++;
            continue;
        }
        bool is_fine = is_harmless(source);
        rejected += is_fine ? 0 : 1;
        doctor_add(doctor, "sources", is_fine ? DOCTOR_OK : DOCTOR_WARN, "%s is not used: %s%s%s",
                   answer_text(source, "name", name), answer_text(source, "state", state),
                   answer_has_text(source, "reason") ? ": " : "",
                   answer_has_text(source, "reason") ? answer_text(source, "reason", reason) : "");
        if (!is_fine) {
            doctor_next(doctor, "chime explain %.64s", state);
        }
    }
    if (used > 0) {
        doctor_add(doctor, "sources", DOCTOR_OK, "%zu of %zu are used, %zu are rejected", used,
                   json_array_size(list), rejected);
    } else {
        doctor_add(doctor, "sources", DOCTOR_FAIL, "none of %zu is used", json_array_size(list));
        doctor_next(doctor, "chime sources -v");
    }
}

static void examine_quorum(struct doctor *doctor, const json_t *status)
{
    const json_t *assumptions = answer_part(status, "assumptions");
    int64_t sources = 0;
    int64_t faults = 0;
    int64_t agreeing = 0;
    int64_t needed = 0;
    if (!answer_integer(assumptions, "sources", &sources) ||
        !answer_integer(assumptions, "faults", &faults) ||
        !answer_integer(assumptions, "agreeing", &agreeing) ||
        !answer_integer(assumptions, "needed", &needed)) {
        doctor_add(doctor, "agreement", DOCTOR_WARN, "chimed does not say who agrees");
        return;
    }
    if (agreeing < needed || sources == 0) {
        doctor_add(doctor, "agreement", DOCTOR_FAIL,
                   "%lld of %lld sources agree, %lld must (%lld may lie)", (long long)agreeing,
                   (long long)sources, (long long)needed, (long long)faults);
        doctor_next(doctor, "chime sources -v");
    } else if (faults == 0) {
        doctor_add(
            doctor, "agreement", DOCTOR_WARN,
            "%lld of %lld sources agree, and none may lie: to outvote one that does takes %d",
            (long long)agreeing, (long long)sources, SOURCES_FOR_ONE_LIAR);
        doctor_next(doctor, "add [source NAME] sections to chimed.conf, then: sudo chime reload");
    } else {
        doctor_add(doctor, "agreement", DOCTOR_OK,
                   "%lld of %lld sources agree, %lld must: %lld may lie", (long long)agreeing,
                   (long long)sources, (long long)needed, (long long)faults);
    }
}

void doctor_examine_sources(struct doctor *doctor, const struct doctor_facts *facts)
{
    const json_t *list = answer_part(facts->sources, "sources");
    char stratum[QUANTITY_TEXT_MAX];
    if (json_array_size(list) == 0) {
        const json_t *claim = answer_part(facts->status, "claim");
        bool serves = !answer_is(claim, "leap", "unsynchronised");
        doctor_add(doctor, "sources", serves ? DOCTOR_WARN : DOCTOR_FAIL,
                   "no source is configured: %s%s",
                   serves ? "this machine's own clock is served as stratum "
                          : "nothing is known of the time",
                   serves ? answer_count(claim, "stratum", stratum) : "");
        doctor_next(doctor, "add a [source NAME] section to chimed.conf, then: sudo chime reload");
        return;
    }
    doctor_add(doctor, "configured", DOCTOR_OK, "%zu source%s", json_array_size(list),
               json_array_size(list) == 1 ? "" : "s");
    examine_names(doctor, facts);
    examine_reach(doctor, list);
    examine_verdicts(doctor, list);
    examine_quorum(doctor, facts->status);
}
