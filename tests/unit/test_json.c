/* SPDX-License-Identifier: MIT */
#include "common/base/json.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static void write_sample(struct json *json)
{
    json_open_object(json, NULL);
    json_put_string(json, "name", "a");
    json_put_integer(json, "count", -5);
    json_open_array(json, "list");
    json_put_integer(json, NULL, 1);
    json_open_object(json, NULL);
    json_close_object(json);
    json_open_array(json, NULL);
    json_close_array(json);
    json_put_boolean(json, NULL, true);
    json_close_array(json);
    json_put_boolean(json, "ok", false);
    json_put_null(json, "none");
    json_put_number(json, "half", 0.5);
    json_close_object(json);
}

static const char sample[] = "{\"name\":\"a\",\"count\":-5,\"list\":[1,{},[],true],\"ok\":false,"
                             "\"none\":null,\"half\":0.5}";

static void places_commas(void)
{
    char out[256];
    struct json json;
    json_init(&json, out, sizeof out);
    write_sample(&json);
    CU_ASSERT_TRUE(json_finish(&json));
    CU_ASSERT_STRING_EQUAL(out, sample);
}

static void remembers_overflow(void)
{
    for (size_t room = 0; room <= sizeof sample + 1; room++) {
        char out[sizeof sample + 8];
        memset(out, '~', sizeof out);
        struct json json;
        json_init(&json, out, room);
        write_sample(&json);
        CU_ASSERT_EQUAL(json_finish(&json), room >= sizeof sample);
        CU_ASSERT_EQUAL(out[room], '~');
        if (room > 0) {
            CU_ASSERT_PTR_NOT_NULL(memchr(out, '\0', room));
        }
    }
    /* What follows an overflow does not slip in, even if it would fit. */
    char out[8];
    struct json json;
    json_init(&json, out, sizeof out);
    json_open_array(&json, NULL);
    json_put_integer(&json, NULL, INT64_MIN);
    json_close_array(&json);
    CU_ASSERT_FALSE(json_finish(&json));
    CU_ASSERT_PTR_NULL(strchr(out, ']'));
}

static const char *written_string(const char *value, char *out, size_t room)
{
    struct json json;
    json_init(&json, out, room);
    json_put_string(&json, NULL, value);
    CU_ASSERT_TRUE(json_finish(&json));
    return out;
}

static void escapes_strings(void)
{
    static const struct {
        const char *value;
        const char *text;
    } cases[] = {
        {NULL, "null"},
        {"", "\"\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\n\t\r\x01\x1f\x7f", "\"\\u000a\\u0009\\u000d\\u0001\\u001f\x7f\""},
        {"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x95\x91",
         "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x95\x91\""},
        /* What is not UTF-8: a stray continuation, a cut character, an overlong one, a surrogate,
         * and one beyond U+10FFFF. */
        {"\x80", "\"\xef\xbf\xbd\""},
        {"a\xc3", "\"a\xef\xbf\xbd\""},
        {"\xc3\"", "\"\xef\xbf\xbd\\\"\""},
        {"\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf0\x9f\x95", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xe0\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xf5z", "\"\xef\xbf\xbdz\""},
        {"\xff", "\"\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[128];
        CU_ASSERT_STRING_EQUAL(written_string(cases[i].value, out, sizeof out), cases[i].text);
    }
    char out[32];
    struct json json;
    json_init(&json, out, sizeof out);
    json_put_null(&json, "a\"b");
    CU_ASSERT_TRUE(json_finish(&json));
    CU_ASSERT_STRING_EQUAL(out, "\"a\\\"b\":null");
}

static void writes_integers(void)
{
    char out[64];
    struct json json;
    json_init(&json, out, sizeof out);
    json_put_integer(&json, NULL, INT64_MIN);
    json_put_integer(&json, NULL, INT64_MAX);
    CU_ASSERT_TRUE(json_finish(&json));
    CU_ASSERT_STRING_EQUAL(out, "-9223372036854775808,9223372036854775807");
}

static void writes_numbers(void)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1e300, "1e+300"},
        {1e-9, "1e-09"},
        {1.0 / 3, "0.3333333333333333"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[64];
        struct json json;
        json_init(&json, out, sizeof out);
        json_put_number(&json, NULL, cases[i].value);
        CU_ASSERT_TRUE(json_finish(&json));
        CU_ASSERT_STRING_EQUAL(out, cases[i].text);
        if (isfinite(cases[i].value)) {
            CU_ASSERT_EQUAL(strtod(out, NULL), cases[i].value);
        }
    }
    char out[64];
    struct json json;
    json_init(&json, out, sizeof out);
    json_put_number(&json, "x", NAN);
    CU_ASSERT_TRUE(json_finish(&json));
    CU_ASSERT_STRING_EQUAL(out, "\"x\":null");
}

static const struct unit_case cases[] = {
    {"places commas", places_commas},     {"remembers overflow", remembers_overflow},
    {"escapes strings", escapes_strings}, {"writes integers", writes_integers},
    {"writes numbers", writes_numbers},
};
UNIT_MAIN("json", cases)
