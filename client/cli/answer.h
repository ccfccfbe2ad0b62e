/* SPDX-License-Identifier: MIT */
/* answer.h - reads the daemon's JSON (doc/protocol.md), for people. What is missing, or of another
 * type, is "unknown"; what a terminal would obey is replaced. */
#ifndef CLIENT_CLI_ANSWER_H
#define CLIENT_CLI_ANSWER_H
#include "common/base/quantity.h"
#include <jansson.h>
#include <stdint.h>

#define ANSWER_VERSION 1
#define ANSWER_ERROR_MAX 640
#define ANSWER_TEXT_MAX 640
#define ANSWER_UNKNOWN "unknown"

/* A line to an object, for json_decref(). NULL, and a sentence in error, for what is no answer, for
 * a version that this program does not know, and for an error that the daemon tells. */
json_t *answer_parse(const char *line, char error[ANSWER_ERROR_MAX]);

/* The object or array at key; NULL if there is none. object may be NULL, here and below. */
const json_t *answer_part(const json_t *object, const char *key);
bool answer_integer(const json_t *object, const char *key, int64_t *value) MUST_CHECK;
bool answer_number(const json_t *object, const char *key, double *value) MUST_CHECK;
bool answer_is_true(const json_t *object, const char *key);
/* Whether the text at key is this one. */
bool answer_is(const json_t *object, const char *key, const char *text);
/* Whether there is a text at key with something in it. */
bool answer_has_text(const json_t *object, const char *key);

/* These write what is there, or ANSWER_UNKNOWN, and return out. */
char *answer_text(const json_t *object, const char *key, char out[ANSWER_TEXT_MAX]);
char *answer_count(const json_t *object, const char *key, char out[QUANTITY_TEXT_MAX]);
char *answer_duration(const json_t *object, const char *key, bool sign,
                      char out[QUANTITY_TEXT_MAX]);
char *answer_rate(const json_t *object, const char *key, bool sign, char out[QUANTITY_TEXT_MAX]);
/* How long ago or how long, roughly: "12 s", "3 min", "4.5 h", "12 d". */
char *answer_age(const json_t *object, const char *key, char out[QUANTITY_TEXT_MAX]);
/* "2026-11-20 12:00:00.123 UTC", of nanoseconds since 1970. */
char *answer_date(const json_t *object, const char *key, char out[QUANTITY_TEXT_MAX]);
/* A power of two of seconds: "64 s", "0.125 s", "17 min". */
char *answer_poll(const json_t *object, const char *key, char out[QUANTITY_TEXT_MAX]);
/* "is behind", "is ahead", "is even": our clock, by an offset at key; ANSWER_UNKNOWN. */
const char *answer_side(const json_t *object, const char *key);

/* Any text as answer_text() would write it. */
char *answer_copy(const char *text, char out[ANSWER_TEXT_MAX]);
/* Nanoseconds as answer_age(). */
char *answer_format_age(int64_t ns, char out[QUANTITY_TEXT_MAX]);
/* A number of nanoseconds, saturated. */
int64_t answer_round(double ns);
#endif
