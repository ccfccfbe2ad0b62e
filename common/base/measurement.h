/* SPDX-License-Identifier: MIT */
/* measurement.h - one answer of a source and what became of it: a line of the log of measurements,
 * and what a mesh is told of its peers. A value. */
#ifndef COMMON_BASE_MEASUREMENT_H
#define COMMON_BASE_MEASUREMENT_H
#include "common/base/address.h"
#include "common/base/event.h"

#define MEASUREMENT_TEXT_MAX 256

struct measurement {
    char name[EVENT_NAME_MAX]; /* the source's */
    struct address remote;
    struct reading at;        /* when the answer came */
    bool is_good;             /* the answer passed every test: what follows is set */
    int64_t offset_ns;        /* source - us, by our clock then */
    int64_t delay_ns;         /* round trip */
    int64_t root_delay_ns;    /* as the source claims */
    int64_t root_distance_ns; /* half the delays, dispersion, precisions: the sample's bound */
    int64_t root_dispersion_ns;
    uint32_t refid;
    uint8_t stratum;
    uint8_t leap;
    uint8_t mode;
    int8_t poll; /* log2 s, ours */
    enum stamp_origin sent_stamp;
    enum stamp_origin received_stamp;
    bool is_interleaved;
    bool is_authenticated;
    const char *verdict; /* constant: "good", "doubted", "stepped", "root distance", ... */
    char reason[MEASUREMENT_TEXT_MAX]; /* a sentence; empty with "good" */
};
#endif
