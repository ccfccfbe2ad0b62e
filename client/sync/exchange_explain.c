/* SPDX-License-Identifier: MIT */
#include "client/sync/exchange.h"
#include "common/base/quantity.h"
#include "ntpwire/refid.h"
#include <stdio.h>

const char *exchange_verdict_name(enum exchange_verdict verdict)
{
    static const char *const names[EXCHANGE_VERDICTS] = {
        [EXCHANGE_OK] = "ok",
        [EXCHANGE_MALFORMED] = "malformed",
        [EXCHANGE_MODE] = "mode",
        [EXCHANGE_DUPLICATE] = "duplicate",
        [EXCHANGE_BOGUS] = "bogus origin",
        [EXCHANGE_MAC_NAK] = "crypto-NAK",
        [EXCHANGE_MAC_MISSING] = "MAC missing",
        [EXCHANGE_MAC_KEY] = "MAC of another key",
        [EXCHANGE_MAC_BAD] = "MAC bad",
        [EXCHANGE_KISS] = "kiss code",
        [EXCHANGE_TIMESTAMP_UNSET] = "timestamp unset",
        [EXCHANGE_UNSYNCHRONISED] = "unsynchronised",
        [EXCHANGE_STRATUM] = "stratum",
        [EXCHANGE_ROOT_DISTANCE] = "root distance",
        [EXCHANGE_REFERENCE] = "reference time",
        [EXCHANGE_INTERLEAVED] = "interleaved timestamp",
        [EXCHANGE_TRANSMIT_EARLY] = "transmit before receive",
        [EXCHANGE_ROUND_TRIP] = "round trip negative",
        [EXCHANGE_DELAY_NEGATIVE] = "delay negative",
        [EXCHANGE_DISTANCE] = "distance",
    };
    return (unsigned)verdict < EXCHANGE_VERDICTS ? names[verdict] : "unknown verdict";
}

static void explain_malformed(const struct exchange_reply *reply, char out[EXCHANGE_TEXT_MAX])
{
    const char *wanted =
        "an NTP reply has 48 octets, or 48 and well-formed extension fields or a MAC";
    if (reply->size == 0) {
        snprintf(out, EXCHANGE_TEXT_MAX, "the reply is empty, or longer than any NTP reply: %s",
                 wanted);
        return;
    }
    switch (reply->packet_verdict) {
    case PACKET_VERSION_UNKNOWN:
        wanted = "versions 1 to 4 are understood";
        break;
    case PACKET_NOT_HEADER:
        wanted = "it is a control message, not a reply to a client";
        break;
    default:
        break;
    }
    snprintf(out, EXCHANGE_TEXT_MAX, "the reply of %zu octets is no NTP reply (%s): %s",
             reply->size, packet_verdict_name(reply->packet_verdict), wanted);
}

static void explain_kiss(const struct packet *packet, char out[EXCHANGE_TEXT_MAX])
{
    char code[REFID_TEXT_MAX];
    refid_format(packet->refid, 0, code);
    const char *advice = "ask another server";
    if (packet->refid == KISS_RATE) {
        advice = "wait some minutes, and ask less often (-i)";
    } else if (packet->refid == KISS_INIT || packet->refid == KISS_STEP) {
        advice = "try again in some minutes";
    }
    snprintf(out, EXCHANGE_TEXT_MAX, "the server answered with the kiss code %s: %s; %s", code,
             packet_kiss_meaning(packet->refid), advice);
}

/* The tests that compare two durations: what stands before, between and after them. */
static const struct {
    const char *before;
    const char *between;
    const char *after;
} comparisons[EXCHANGE_VERDICTS] = {
    [EXCHANGE_ROOT_DISTANCE] = {"the server's own root distance is ", ", at most ",
                                " is accepted: it is too far from a reference clock"},
    [EXCHANGE_REFERENCE] = {"the server says that its clock was last set ",
                            " after it sent the reply; at most ",
                            " is accepted: it contradicts itself"},
    [EXCHANGE_INTERLEAVED] = {"the interleaved transmit timestamp is off by ", ", at most ",
                              " is accepted: it does not belong to the reply before"},
    [EXCHANGE_TRANSMIT_EARLY] = {"the reply left ", " before its request arrived; at most ",
                                 " is accepted: the server's clock went back"},
    [EXCHANGE_ROUND_TRIP] = {"the reply came ", " before its request left; at most ",
                             " is accepted: our own clock was set meanwhile, try again"},
    [EXCHANGE_DELAY_NEGATIVE] = {"the server says that it took ",
                                 " to answer, but the whole round trip was ",
                                 ": one of the two clocks was set meanwhile, try again"},
    [EXCHANGE_DISTANCE] = {"the server's time is only known to +/- ", ", at most +/- ",
                           " is accepted"},
};

static const char *plain_sentence(enum exchange_verdict verdict)
{
    switch (verdict) {
    case EXCHANGE_OK:
        return "the reply passed every test";
    case EXCHANGE_DUPLICATE:
        return "the reply came a second time, one is expected: the first one counts";
    case EXCHANGE_BOGUS:
        return "the reply's origin timestamp is not the one we sent: it answers another request, "
               "or is forged";
    case EXCHANGE_MAC_NAK:
        return "the server answered with a crypto-NAK: it has no such key, or another secret for "
               "it; compare "
               "the two keys files";
    case EXCHANGE_MAC_MISSING:
        return "the reply has no MAC, one was asked for: the server does not have the key, or uses "
               "none; "
               "compare the two keys files";
    case EXCHANGE_MAC_BAD:
        return "the reply's MAC is wrong: the server has another secret for this key; compare the "
               "two keys "
               "files";
    case EXCHANGE_TIMESTAMP_UNSET:
        return "the reply's receive or transmit timestamp is zero, both are needed: the server "
               "does not know "
               "the time";
    case EXCHANGE_UNSYNCHRONISED:
        return "the server says that it is not synchronised (leap indicator 3): it does not know "
               "the time; "
               "try later, or ask another server";
    default:
        return "the reply was refused";
    }
}

void exchange_explain(enum exchange_verdict verdict, const struct exchange_reply *reply,
                      char out[EXCHANGE_TEXT_MAX])
{
    char value[QUANTITY_TEXT_MAX];
    char limit[QUANTITY_TEXT_MAX];
    switch (verdict) {
    case EXCHANGE_MALFORMED:
        explain_malformed(reply, out);
        return;
    case EXCHANGE_KISS:
        explain_kiss(&reply->packet, out);
        return;
    case EXCHANGE_MODE:
        snprintf(out, EXCHANGE_TEXT_MAX,
                 "the reply has mode %u, a server's has 4: this is no NTP server",
                 reply->packet.mode);
        return;
    case EXCHANGE_MAC_KEY:
        snprintf(out, EXCHANGE_TEXT_MAX,
                 "the reply's MAC was made with key %u, not with the one that was asked for",
                 (unsigned)reply->key_id);
        return;
    case EXCHANGE_STRATUM:
        snprintf(out, EXCHANGE_TEXT_MAX,
                 "the reply has stratum %u, 1 to 15 are accepted: the server is not synchronised",
                 reply->packet.stratum);
        return;
    default:
        break;
    }
    if ((unsigned)verdict >= EXCHANGE_VERDICTS || comparisons[verdict].before == NULL) {
        snprintf(out, EXCHANGE_TEXT_MAX, "%s", plain_sentence(verdict));
        return;
    }
    quantity_format_duration(reply->value_ns, false, value);
    quantity_format_duration(reply->limit_ns, false, limit);
    snprintf(out, EXCHANGE_TEXT_MAX, "%s%s%s%s%s", comparisons[verdict].before, value,
             comparisons[verdict].between, limit, comparisons[verdict].after);
}
