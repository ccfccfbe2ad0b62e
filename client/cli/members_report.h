/* SPDX-License-Identifier: MIT */
/* members_report.h - the mesh, as chime mesh shows it to people. */
#ifndef CLIENT_CLI_MEMBERS_REPORT_H
#define CLIENT_CLI_MEMBERS_REPORT_H
#include "client/cli/answer.h"
#include "client/cli/paint.h"
#include <stdio.h>

/* The daemon's answer to "mesh". */
void members_report_print(FILE *out, const json_t *answer, bool is_verbose,
                          const struct paint *paint);
#endif
