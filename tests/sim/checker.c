/* SPDX-License-Identifier: MIT */
#include "tests/sim/checker.h"
#include "ntpwire/packet.h"
#include "ntpwire/timestamp.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Timestamps are cut to 2^-32 s, made odd or even, and counted up where two would be equal. */
#define STAMP_TOLERANCE_NS 8

void checker_fail(struct checker *checker, const struct checker_place *place, const char *text)
{
    char line[CHECKER_TEXT_MAX];
    checker->violations++;
    if (checker->violations > 1 && checker->listener == NULL) {
        return;
    }
    snprintf(line, sizeof(line), "at %.9f s, %s %zu: %.200s", (double)place->truth_ns / 1e9,
             place->node, place->number, text);
    if (checker->violations == 1) {
        memcpy(checker->first, line, sizeof(line));
    }
    if (checker->listener != NULL) {
        checker->listener(checker->listener_context, line);
    }
}

void checker_poll(struct checker *checker, const struct checker_place *place, int64_t since_ns,
                  int64_t least_ns)
{
    if (since_ns >= least_ns) {
        return;
    }
    char text[CHECKER_TEXT_MAX];
    snprintf(text, sizeof(text), "asks again after %.9f s, %.9f s are the least",
             (double)since_ns / 1e9, (double)least_ns / 1e9);
    checker_fail(checker, place, text);
}

void checker_step(struct checker *checker, const struct checker_place *place, int64_t step_ns,
                  bool is_starting)
{
    if (is_starting) {
        return;
    }
    char text[CHECKER_TEXT_MAX];
    snprintf(text, sizeof(text), "steps its clock by %.9f s after the start",
             (double)step_ns / 1e9);
    checker_fail(checker, place, text);
}

static void check_stamps(struct checker *checker, const struct checker_place *place,
                         const struct packet *reply, struct wall now)
{
    char text[CHECKER_TEXT_MAX];
    int64_t receive_ns = timestamp_to_unix_ns(reply->receive, now.ns);
    int64_t transmit_ns = timestamp_to_unix_ns(reply->transmit, now.ns);
    if (transmit_ns < receive_ns) {
        snprintf(text, sizeof(text), "its answer leaves %" PRId64 " ns before the request came",
                 receive_ns - transmit_ns);
        checker_fail(checker, place, text);
    }
    int64_t worst_ns = llabs(receive_ns - now.ns) > llabs(transmit_ns - now.ns)
                           ? receive_ns - now.ns
                           : transmit_ns - now.ns;
    if (llabs(worst_ns) > STAMP_TOLERANCE_NS) {
        snprintf(text, sizeof(text), "a timestamp is %" PRId64 " ns off its own clock", worst_ns);
        checker_fail(checker, place, text);
    }
}

void checker_answer(struct checker *checker, const struct checker_place *place,
                    struct bytes request, const struct action_send *reply, struct wall now)
{
    if (reply->size > request.size) {
        checker_fail(checker, place, "its answer is longer than the request");
    }
    struct packet asked, answered;
    if (packet_parse(request, &asked) != PACKET_OK ||
        packet_parse(bytes_make(reply->payload, reply->size), &answered) != PACKET_OK) {
        checker_fail(checker, place, "answers something, or with something, that is no NTP packet");
        return;
    }
    if (asked.mode != MODE_CLIENT && asked.mode != MODE_ACTIVE &&
        !(asked.mode == MODE_RESERVED && asked.version == 1)) {
        checker_fail(checker, place, "answers what is no request");
    }
    /* A kiss bears no time; an interleaved answer bears that of the one before. */
    if (!packet_is_kiss(&answered) && answered.origin.bits == asked.transmit.bits) {
        check_stamps(checker, place, &answered, now);
    }
}

void checker_sample(struct checker *checker, const struct checker_place *place,
                    const struct sample *sample, struct wall truth, double rate_ppm)
{
    int64_t trip_ns = sample->received.mono.ns - sample->sent.mono.ns;
    int64_t since_ns = sample->received.mono.ns - sample->at.ns;
    int64_t error_ns = sample->wall.ns + since_ns - truth.ns;
    /* Our oscillator measures the trip, and carries the sample over half of it. */
    double slack_ns = fabs(rate_ppm) * 1e-6 * (double)trip_ns + 2;
    if (fabs((double)error_ns) <= (double)sample->bound_ns + slack_ns) {
        return;
    }
    char text[CHECKER_TEXT_MAX];
    snprintf(text, sizeof(text),
             "the truth is %" PRId64 " ns off an honest sample, whose bound is %" PRId64 " ns",
             error_ns, sample->bound_ns);
    checker_fail(checker, place, text);
}
