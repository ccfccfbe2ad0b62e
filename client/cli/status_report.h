/* SPDX-License-Identifier: MIT */
/* status_report.h - the daemon's status, for people. */
#ifndef CLIENT_CLI_STATUS_REPORT_H
#define CLIENT_CLI_STATUS_REPORT_H
#include "client/cli/answer.h"
#include "client/cli/paint.h"
#include <stdio.h>

/* What chime status prints; path is where the daemon answered. */
void status_report_print(FILE *out, const json_t *status, const char *path,
                         const struct paint *paint);
/* What chime tracking prints. */
void status_report_tracking(FILE *out, const json_t *tracking);

/* The earliest and latest time of the interval, from our own clock: an offset, positive where we
 * are behind. False if nothing is vouched for. */
bool status_report_interval(const json_t *status, int64_t *earliest_ns,
                            int64_t *latest_ns) MUST_CHECK;
/* The colour that a condition deserves. */
const char *status_report_colour(const json_t *status, const struct paint *paint);
#endif
