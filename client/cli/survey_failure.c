/* SPDX-License-Identifier: MIT */
#include "client/cli/survey_failure.h"
#include "common/base/quantity.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SUBJECT_MAX 160

const char *survey_outcome_name(enum survey_outcome outcome)
{
    static const char *const names[SURVEY_OUTCOMES] = {
        [SURVEY_OK] = "ok",          [SURVEY_UNRESOLVED] = "unresolved",
        [SURVEY_CLOSED] = "closed",  [SURVEY_UNREACHABLE] = "unreachable",
        [SURVEY_SILENT] = "silent",  [SURVEY_GARBAGE] = "garbage",
        [SURVEY_KISS] = "kiss code", [SURVEY_REFUSED] = "refused",
        [SURVEY_FAILED] = "failed",
    };
    return (unsigned)outcome < SURVEY_OUTCOMES ? names[outcome] : "unknown";
}

int survey_failure_key(const struct survey_options *options, const struct address *address)
{
    if (options->key_id == 0) {
        return 0;
    }
    const struct key *key = keyring_find(options->keyring, options->key_id);
    return key != NULL && key_is_allowed(key, address) ? 0 : -EKEYREJECTED;
}

static enum survey_outcome outcome_of(const struct probe *probe)
{
    if (probe->has_answer) {
        return probe->verdict == EXCHANGE_KISS ? SURVEY_KISS : SURVEY_REFUSED;
    }
    if (probe->has_stray) {
        bool is_unproven =
            probe->stray_verdict >= EXCHANGE_MAC_NAK && probe->stray_verdict <= EXCHANGE_MAC_BAD;
        return is_unproven ? SURVEY_REFUSED : SURVEY_GARBAGE;
    }
    switch (probe->status) {
    case 0:
        return SURVEY_SILENT;
    case -ECONNREFUSED:
        return SURVEY_CLOSED;
    case -ENETUNREACH:
    case -EHOSTUNREACH:
    case -EADDRNOTAVAIL:
    case -EAFNOSUPPORT:
    case -ENETDOWN:
    case -EACCES:
    case -EPERM:
        return SURVEY_UNREACHABLE;
    default:
        return SURVEY_FAILED;
    }
}

/* An answer tells more than silence, silence more than an address that we can't even send to. */
static const struct probe *most_telling(const struct probe *probes, size_t count)
{
    static const unsigned rank[SURVEY_OUTCOMES] = {
        [SURVEY_REFUSED] = 6, [SURVEY_KISS] = 6,   [SURVEY_GARBAGE] = 5,     [SURVEY_CLOSED] = 4,
        [SURVEY_SILENT] = 3,  [SURVEY_FAILED] = 2, [SURVEY_UNREACHABLE] = 1,
    };
    const struct probe *best = &probes[0];
    for (size_t i = 1; i < count; i++) {
        if (rank[outcome_of(&probes[i])] > rank[outcome_of(best)]) {
            best = &probes[i];
        }
    }
    return best;
}

/* The name as it was asked for, and the address if that is another text. */
static void write_subject(const struct survey_result *result, char out[SUBJECT_MAX])
{
    char bare[ADDRESS_TEXT_MAX];
    char whole[ADDRESS_TEXT_MAX];
    address_format(&result->address, bare);
    address_format_port(&result->address, whole);
    if (strcmp(bare, result->name) == 0 || strcmp(whole, result->name) == 0) {
        snprintf(out, SUBJECT_MAX, "%s", result->name);
    } else {
        snprintf(out, SUBJECT_MAX, "%.80s (%s)", result->name, bare);
    }
}

static const char *system_advice(const struct address *address, int status)
{
    switch (-status) {
    case EINVAL:
        return address->family == ADDRESS_IPV6 && address->octets[0] == 0xFE && address->scope == 0
                   ? "a link-local address needs its interface, as a number: fe80::1%2 (see 'ip "
                     "link')"
                   : "check the address";
    case EAFNOSUPPORT:
        return "this machine lacks that address family; try -4 or -6";
    case EACCES:
    case EPERM:
        return "a local firewall or policy forbids it";
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case EADDRNOTAVAIL:
        return "check this machine's network and routes";
    case EKEYREJECTED:
        return "the keys file does not allow this key for that address";
    default:
        return "try again";
    }
}

static void explain_reply(const struct exchange_reply *reply, enum exchange_verdict verdict,
                          const char *subject, struct survey_result *result)
{
    char reason[EXCHANGE_TEXT_MAX];
    exchange_explain(verdict, reply, reason);
    result->has_reply = true;
    result->verdict = verdict;
    result->reply = *reply;
    snprintf(result->sentence, SURVEY_TEXT_MAX, "%s: %s (test: %s)", subject, reason,
             exchange_verdict_name(verdict));
}

void survey_failure_note(const struct probe *probe, struct survey_result *result)
{
    char subject[SUBJECT_MAX];
    result->address = probe->address;
    write_subject(result, subject);
    explain_reply(&probe->reply, probe->verdict, subject, result);
}

void survey_failure_explain(const struct probe *probes, size_t count, struct survey_result *result)
{
    const struct probe *probe = most_telling(probes, count);
    char subject[SUBJECT_MAX];
    result->address = probe->address;
    write_subject(result, subject);
    result->outcome = outcome_of(probe);

    char elapsed[QUANTITY_TEXT_MAX];
    char others[64] = "";
    if (count > 1) {
        snprintf(others, sizeof(others), " to %zu addresses", count);
    }
    switch (result->outcome) {
    case SURVEY_REFUSED:
    case SURVEY_KISS:
    case SURVEY_GARBAGE:
        if (probe->has_answer) {
            explain_reply(&probe->reply, probe->verdict, subject, result);
        } else {
            explain_reply(&probe->stray, probe->stray_verdict, subject, result);
        }
        break;
    case SURVEY_CLOSED:
        /* The port stands in the sentence already. */
        if (strcmp(subject, result->name) == 0) {
            address_format(&result->address, subject);
        }
        snprintf(result->sentence, SURVEY_TEXT_MAX,
                 "nothing listens on UDP port %u of %s (connection refused): is a server running "
                 "there, on that port?",
                 result->address.port, subject);
        break;
    case SURVEY_SILENT:
        quantity_format_duration(result->elapsed_ns, false, elapsed);
        snprintf(result->sentence, SURVEY_TEXT_MAX,
                 "%s does not answer: %u requests%s in %s, no reply; check the address, that a "
                 "server runs there, and that no firewall drops UDP port %u",
                 subject, result->requests, others, elapsed, result->address.port);
        break;
    default:
        snprintf(result->sentence, SURVEY_TEXT_MAX, "%s cannot be asked: %s; %s", subject,
                 strerror(-probe->status), system_advice(&probe->address, probe->status));
        break;
    }
}
