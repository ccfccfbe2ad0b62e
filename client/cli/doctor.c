/* SPDX-License-Identifier: MIT */
#include "client/cli/doctor.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *doctor_result_name(enum doctor_result result)
{
    switch (result) {
    case DOCTOR_OK:
        return "ok";
    case DOCTOR_WARN:
        return "warn";
    default:
        return "fail";
    }
}

void doctor_add(struct doctor *doctor, const char *step, enum doctor_result result,
                const char *format, ...)
{
    if (doctor->count == DOCTOR_FINDINGS_MAX) {
        return;
    }
    struct doctor_finding *finding = &doctor->findings[doctor->count++];
    va_list arguments;
    finding->step = step;
    finding->result = result;
    finding->next[0] = '\0';
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
}

void doctor_next(struct doctor *doctor, const char *format, ...)
{
    struct doctor_finding *finding = &doctor->findings[doctor->count - 1];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->next, sizeof(finding->next), format, arguments);
    va_end(arguments);
}

bool doctor_has_failed(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++) {
        if (doctor->findings[i].result == DOCTOR_FAIL) {
            return true;
        }
    }
    return false;
}

static bool is_denied(const struct ask *ask)
{
    for (size_t i = 0; i < ask->place_count; i++) {
        if (ask->places[i].status == -EACCES) {
            return true;
        }
    }
    return false;
}

/* Why nobody answers. */
static void examine_silence(struct doctor *doctor, const struct doctor_facts *facts)
{
    if (is_denied(facts->ask)) {
        doctor_add(doctor, "running", DOCTOR_OK, "chimed has a socket at %s", ask_path(facts->ask));
        doctor_add(doctor, "may ask", DOCTOR_FAIL, "%s", facts->ask_error);
        doctor_next(doctor, "sudo chime doctor");
    } else if (facts->chimed_pid != 0) {
        doctor_add(doctor, "running", DOCTOR_FAIL,
                   "a chimed runs (process %d), but not with a socket where this looked: %s",
                   facts->chimed_pid, facts->ask_error);
        doctor_next(doctor, "tr '\\0' ' ' < /proc/%d/cmdline, then look for 'socket' in [control]",
                    facts->chimed_pid);
    } else {
        doctor_add(doctor, "running", DOCTOR_FAIL, "%s", facts->ask_error);
        doctor_next(doctor, "systemctl status chimed");
    }
}

static void examine_daemon(struct doctor *doctor, const struct doctor_facts *facts)
{
    char program[ANSWER_TEXT_MAX];
    char version[ANSWER_TEXT_MAX];
    char uptime[QUANTITY_TEXT_MAX];
    doctor_add(doctor, "running", DOCTOR_OK, "%s %s answers at %s, up for %s",
               answer_text(facts->status, "program", program),
               answer_text(facts->status, "program_version", version), ask_path(facts->ask),
               answer_age(facts->status, "uptime_ns", uptime));
    doctor_add(doctor, "may ask", DOCTOR_OK, "uid %u may ask%s", facts->user,
               answer_is_true(facts->version, "may_change")
                   ? ", and change"
                   : "; changing something is for root and chimed's own user");
}

static void examine_condition(struct doctor *doctor, const json_t *status)
{
    char condition[ANSWER_TEXT_MAX];
    char reason[ANSWER_TEXT_MAX];
    enum doctor_result result = DOCTOR_WARN;
    const char *next = "chime explain";
    answer_text(status, "condition", condition);
    if (answer_is(status, "condition", "synchronised") || answer_is(status, "condition", "local")) {
        result = DOCTOR_OK;
        next = "";
    } else if (answer_is(status, "condition", "panic")) {
        result = DOCTOR_FAIL;
        next = "chime sources; if they are right: sudo chime accept";
    } else if (answer_is(status, "condition", "unbounded")) {
        result = DOCTOR_FAIL;
        next = "chime sources";
    }
    doctor_add(doctor, "state", result, "%s%s%s", condition,
               answer_has_text(status, "reason") ? ": " : "",
               answer_has_text(status, "reason") ? answer_text(status, "reason", reason) : "");
    if (strcmp(next, "chime explain") == 0) {
        doctor_next(doctor, "chime explain %.32s", condition);
    } else {
        doctor_next(doctor, "%s", next);
    }
}

/* What the answers are worth to those who ask this machine. */
static void examine_claim(struct doctor *doctor, const struct survey_result *served)
{
    char offset[QUANTITY_TEXT_MAX];
    switch (served->outcome) {
    case SURVEY_OK:
        doctor_add(doctor, "serving", DOCTOR_OK,
                   "%s answers NTP: stratum %u, %s from the system's clock", served->name,
                   served->best.stratum,
                   quantity_format_duration(served->best.offset_ns, true, offset));
        break;
    case SURVEY_REFUSED:
        doctor_add(doctor, "serving", DOCTOR_WARN, "%s answers NTP, but clients will refuse it: %s",
                   served->name, served->sentence);
        doctor_next(doctor, "chime sources");
        break;
    case SURVEY_SILENT:
    case SURVEY_KISS:
        doctor_add(doctor, "serving", DOCTOR_WARN,
                   "%s gave this machine itself no time: %s Do 'allow', 'deny' and 'rate-limit' in "
                   "[server] mean that?",
                   served->name, served->sentence);
        doctor_next(doctor, "chime status");
        break;
    default:
        doctor_add(doctor, "serving", DOCTOR_FAIL, "%s does not answer NTP: %s", served->name,
                   served->sentence);
        doctor_next(doctor, "ss -lunp");
        break;
    }
}

static void examine_serving(struct doctor *doctor, const struct doctor_facts *facts)
{
    const json_t *server = answer_part(facts->status, "server");
    const json_t *verdicts = answer_part(server, "verdicts");
    char answered[QUANTITY_TEXT_MAX];
    char received[QUANTITY_TEXT_MAX];
    int64_t denied;
    int64_t limited;
    if (facts->served == NULL) {
        doctor_add(doctor, "serving", DOCTOR_OK, "no address is listened on: nobody is served");
        return;
    }
    examine_claim(doctor, facts->served);
    if (!answer_integer(verdicts, "access denied", &denied)) {
        denied = 0;
    }
    if (!answer_integer(verdicts, "rate limited", &limited)) {
        limited = 0;
    }
    doctor_add(doctor, "requests", denied > 0 ? DOCTOR_WARN : DOCTOR_OK,
               "%s of %s requests were answered so far; %lld were denied by address, %lld came too "
               "often",
               answer_count(server, "answered", answered),
               answer_count(server, "received", received), (long long)denied, (long long)limited);
    if (denied > 0) {
        doctor_next(doctor, "look at 'allow' and 'deny' in [server] of chimed.conf");
    }
}

void doctor_examine(struct doctor *doctor, const struct doctor_facts *facts)
{
    doctor->count = 0;
    if (!facts->is_connected) {
        examine_silence(doctor, facts);
        return;
    }
    if (facts->status == NULL || facts->sources == NULL) {
        doctor_add(doctor, "running", DOCTOR_FAIL, "%s", facts->ask_error);
        doctor_next(doctor, "chime status --json");
        return;
    }
    examine_daemon(doctor, facts);
    doctor_examine_sources(doctor, facts);
    doctor_examine_mesh(doctor, facts);
    examine_condition(doctor, facts->status);
    doctor_examine_clock(doctor, facts);
    examine_serving(doctor, facts);
}
