/* SPDX-License-Identifier: MIT */
/* journal_line.h - the lines of the logs of tracking and of measurements, as CSV (RFC 4180, but
 * with a plain newline). New fields are only ever added at the end. Pure.
 *
 * Instants are UTC: "time" as ISO 8601, the others as seconds since 1970 with nine decimals; what
 * is not known is empty. */
#ifndef SERVER_JOURNAL_LINE_H
#define SERVER_JOURNAL_LINE_H
#include "common/base/measurement.h"
#include "common/base/status.h"

#define JOURNAL_LINE_MAX 2048

/* The first line of each file, with its newline. Constant. */
const char *journal_line_tracking_header(void);
const char *journal_line_measurements_header(void);

/* A line with its newline, and a final zero. system is what the system clock reads (a virtual
 * clock's with its fault) at status->now.mono. They return the length. */
size_t journal_line_tracking(const struct status *status, struct wall system,
                             char line[JOURNAL_LINE_MAX]);
/* clock is what our clock (that is steered) showed at measurement->at. */
size_t journal_line_measurement(const struct measurement *measurement, struct wall clock,
                                char line[JOURNAL_LINE_MAX]);
#endif
