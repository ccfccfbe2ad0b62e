/* SPDX-License-Identifier: MIT */
/* command_source.h - a source as a JSON object, and the names that its parts share with the rest of
 * an answer. Pure. */
#ifndef SERVER_COMMAND_SOURCE_H
#define SERVER_COMMAND_SOURCE_H
#include "common/base/json.h"
#include "common/base/status.h"

/* "none", "insert", "delete", "unsynchronised". */
const char *command_leap_name(unsigned leap);
/* "daemon", "kernel", "hardware". */
const char *command_stamp_name(enum stamp_origin stamp);
/* now is when the status was made. */
void command_source_write(struct json *json, const struct source_status *source, struct mono now);
#endif
