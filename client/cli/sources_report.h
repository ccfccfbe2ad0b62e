/* SPDX-License-Identifier: MIT */
/* sources_report.h - the daemon's sources, for people: a table, and why some are not used. */
#ifndef CLIENT_CLI_SOURCES_REPORT_H
#define CLIENT_CLI_SOURCES_REPORT_H
#include "client/cli/answer.h"
#include "client/cli/paint.h"
#include <stdio.h>

/* What chime sources prints: with is_verbose a block for each source instead of a line. */
void sources_report_print(FILE *out, const json_t *answer, bool is_verbose,
                          const struct paint *paint);
/* The table's lines alone, its head included; at most lines_max, 0 for no limit. Returns how many
 * were printed. */
size_t sources_report_table(FILE *out, const json_t *sources, size_t lines_max,
                            const struct paint *paint);
/* Whether the source counts in the estimate. */
bool sources_report_is_used(const json_t *source);
/* A colour by the source's state. */
const char *sources_report_colour(const json_t *source, const struct paint *paint);
#endif
