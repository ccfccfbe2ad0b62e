/* SPDX-License-Identifier: MIT */
/* json.h - writes JSON into a caller's buffer. It places commas, escapes strings and remembers
 * overflow; it checks nothing else. Numbers that are not finite become null. No name here is one of
 * jansson's, which a program may use for reading. */
#ifndef COMMON_BASE_JSON_H
#define COMMON_BASE_JSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    char *out;
    size_t room;
    size_t size;
    bool needs_comma;
    bool overflowed;
};

void json_init(struct json *json, char *out, size_t room);
/* key is NULL inside an array and for the outermost value. */
void json_open_object(struct json *json, const char *key);
void json_close_object(struct json *json);
void json_open_array(struct json *json, const char *key);
void json_close_array(struct json *json);
void json_put_string(struct json *json, const char *key, const char *value); /* NULL becomes null */
void json_put_integer(struct json *json, const char *key, int64_t value);
void json_put_number(struct json *json, const char *key, double value);
void json_put_boolean(struct json *json, const char *key, bool value);
void json_put_null(struct json *json, const char *key);
/* Terminates. False if the text did not fit; what is there is then not JSON. */
bool json_finish(struct json *json);
#endif
