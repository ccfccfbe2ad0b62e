/* SPDX-License-Identifier: MIT */
#include "common/base/json.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_init(struct json *json, char *out, size_t room)
{
    *json = (struct json){.out = out, .room = room};
}

/* One octet is always kept for the final zero. */
static void put(struct json *json, const char *text, size_t size)
{
    if (json->overflowed || json->size >= json->room || size >= json->room - json->size) {
        json->overflowed = true;
        return;
    }
    memcpy(json->out + json->size, text, size);
    json->size += size;
}

static void put_text(struct json *json, const char *text)
{
    put(json, text, strlen(text));
}

/* The length of the UTF-8 character that begins at text, 0 if it is not one (RFC 3629, 4). */
static size_t utf8_size(const unsigned char *text)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        unsigned char size;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].first_low || text[0] > forms[i].first_high) {
            continue;
        }
        if (text[1] < forms[i].second_low || text[1] > forms[i].second_high) {
            return 0;
        }
        /* A final zero is no continuation, so nothing beyond it is read. */
        for (size_t j = 2; j < forms[i].size; j++) {
            if ((text[j] & 0xc0) != 0x80) {
                return 0;
            }
        }
        return forms[i].size;
    }
    return 0;
}

static void put_quoted(struct json *json, const char *value)
{
    put_text(json, "\"");
    const unsigned char *at = (const unsigned char *)value;
    while (*at != '\0') {
        size_t size = 1;
        if (*at == '"' || *at == '\\') {
            put(json, "\\", 1);
            put(json, (const char *)at, 1);
        } else if (*at < 0x20) {
            char escape[8];
            snprintf(escape, sizeof escape, "\\u%04x", *at);
            put_text(json, escape);
        } else if (*at < 0x80) {
            put(json, (const char *)at, 1);
        } else if ((size = utf8_size(at)) > 0) {
            put(json, (const char *)at, size);
        } else {
            /* JSON is UTF-8: what is not becomes the replacement character. */
            size = 1;
            put_text(json, "\xef\xbf\xbd");
        }
        at += size;
    }
    put_text(json, "\"");
}

static void begin_value(struct json *json, const char *key)
{
    if (json->needs_comma) {
        put_text(json, ",");
    }
    json->needs_comma = true;
    if (key != NULL) {
        put_quoted(json, key);
        put_text(json, ":");
    }
}

static void open_value(struct json *json, const char *key, const char *bracket)
{
    begin_value(json, key);
    put_text(json, bracket);
    json->needs_comma = false;
}

static void close_value(struct json *json, const char *bracket)
{
    put_text(json, bracket);
    json->needs_comma = true;
}

void json_open_object(struct json *json, const char *key)
{
    open_value(json, key, "{");
}

void json_close_object(struct json *json)
{
    close_value(json, "}");
}

void json_open_array(struct json *json, const char *key)
{
    open_value(json, key, "[");
}

void json_close_array(struct json *json)
{
    close_value(json, "]");
}

void json_put_string(struct json *json, const char *key, const char *value)
{
    begin_value(json, key);
    if (value == NULL) {
        put_text(json, "null");
    } else {
        put_quoted(json, value);
    }
}

void json_put_integer(struct json *json, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    begin_value(json, key);
    put_text(json, text);
}

void json_put_number(struct json *json, const char *key, double value)
{
    if (!isfinite(value)) {
        json_put_null(json, key);
        return;
    }
    /* The shortest of the texts that read back as the same number. */
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    begin_value(json, key);
    put_text(json, text);
}

void json_put_boolean(struct json *json, const char *key, bool value)
{
    begin_value(json, key);
    put_text(json, value ? "true" : "false");
}

void json_put_null(struct json *json, const char *key)
{
    begin_value(json, key);
    put_text(json, "null");
}

bool json_finish(struct json *json)
{
    if (json->room > 0) {
        json->out[json->size] = '\0';
    }
    return !json->overflowed && json->room > 0;
}
