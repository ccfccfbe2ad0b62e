/* SPDX-License-Identifier: MIT */
/* fault.h - how a server lies: what is wrong with its clock, or with what it answers. Members of
 * a mesh lie in more ways: liar.h. */
#ifndef TESTS_SIM_FAULT_H
#define TESTS_SIM_FAULT_H
#include "common/base/instant.h"
#include "ntpwire/bytes.h"

enum fault_kind {
    FAULT_OFFSET, /* its clock is wrong by that much: a constant lie, or a step where it begins */
    FAULT_RAMP,   /* it goes wrong at a rate */
    FAULT_STUCK,  /* its clock stands still */
    FAULT_TWO_FACED, /* ahead for every second client, behind for the others */
    FAULT_LEAP,      /* it announces a leap second that does not come */
    FAULT_SILENT,    /* it does not answer */
    /* Of members of a mesh only, whose packets liar.h rewrites, as it does for the first ones: */
    FAULT_JUST_INSIDE, /* as wrong as still meets what the honest agree on */
    FAULT_LATE,        /* its answers leave later than they say */
    FAULT_WIDE,        /* it is wrong, and its interval wide enough to meet any other */
    FAULT_COLLUDING,   /* all of its group tell the same wrong time, and vouch for it narrowly */
    FAULT_EQUIVOCATE,  /* two reports of one number: one for each half of the members */
    FAULT_FORGE,       /* it sends reports in the name of others */
    FAULT_REPLAY,      /* it sends reports and packets of yesterday again */
    FAULT_HLC,         /* its logical clock is far ahead */
    FAULT_KINDS
};

struct fault {
    enum fault_kind kind;
    size_t node; /* index of the liar */
    int64_t from_ns;
    int64_t until_ns;
    int64_t offset_ns;
    double rate_ppm;
};

bool fault_is_active(const struct fault *fault, int64_t truth_ns);
/* What the fault adds to the reading of an honest clock, towards a client of that number. */
int64_t fault_offset_ns(const struct fault *fault, int64_t truth_ns, size_t client);
/* Changes the answer that leaves, which is at least a header long. False if it doesn't leave. */
bool fault_answer(const struct fault *fault, int64_t truth_ns, uint8_t *payload);
#endif
