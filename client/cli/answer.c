/* SPDX-License-Identifier: MIT */
#include "client/cli/answer.h"
#include "common/base/instant.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SHOWN_MAX 60

/* What would move the cursor or ring the bell becomes a question mark: the C0 and C1 controls and
 * DEL. JSON strings are UTF-8, where C1 is the octet 0xC2 and one from 0x80 to 0x9F. */
static void copy_printable(const char *from, char *out, size_t room)
{
    size_t used = 0;
    const unsigned char *at = (const unsigned char *)from;
    while (*at != '\0' && used + 1 < room) {
        bool is_c1 = *at == 0xC2 && at[1] >= 0x80 && at[1] <= 0x9F;
        bool is_control = *at < 0x20 || *at == 0x7F || is_c1;
        out[used++] = is_control ? '?' : (char)*at;
        at += is_c1 ? 2 : 1;
    }
    /* A character that was cut off in the middle. */
    while (used > 0 && *at != '\0' && ((unsigned char)*at & 0xC0) == 0x80) {
        at--;
        used--;
    }
    out[used] = '\0';
}

char *answer_copy(const char *text, char out[ANSWER_TEXT_MAX])
{
    copy_printable(text, out, ANSWER_TEXT_MAX);
    return out;
}

static json_t *check_object(json_t *object, char error[ANSWER_ERROR_MAX])
{
    int64_t version;
    char text[ANSWER_TEXT_MAX];
    if (!json_is_object(object) || !answer_integer(object, "version", &version)) {
        snprintf(error, ANSWER_ERROR_MAX,
                 "what answers there is not chimed: an object with a \"version\" was expected");
        return NULL;
    }
    if (version != ANSWER_VERSION) {
        snprintf(error, ANSWER_ERROR_MAX,
                 "chimed answers in version %lld of its format, this chime knows version %d: use "
                 "the chime that came with it (--json shows the answer as it is)",
                 (long long)version, ANSWER_VERSION);
        return NULL;
    }
    if (json_object_get(object, "error") != NULL) {
        /* Whoever asked goes by there being a sentence. */
        bool is_told = answer_has_text(object, "error");
        snprintf(error, ANSWER_ERROR_MAX, "%s",
                 is_told ? answer_text(object, "error", text)
                         : "chimed refuses and says no reason (a text was expected as its "
                           "\"error\"): look into its log");
        return NULL;
    }
    return object;
}

json_t *answer_parse(const char *line, char error[ANSWER_ERROR_MAX])
{
    json_error_t mistake;
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &mistake);
    if (object == NULL) {
        char shown[SHOWN_MAX];
        char why[sizeof(mistake.text)];
        copy_printable(line, shown, sizeof(shown));
        copy_printable(mistake.text, why, sizeof(why));
        snprintf(error, ANSWER_ERROR_MAX, "what answers there is not chimed: '%s' is no JSON (%s)",
                 shown, why);
        return NULL;
    }
    if (check_object(object, error) == NULL) {
        json_decref(object);
        return NULL;
    }
    return object;
}

const json_t *answer_part(const json_t *object, const char *key)
{
    const json_t *part = json_object_get(object, key);
    return json_is_object(part) || json_is_array(part) ? part : NULL;
}

bool answer_integer(const json_t *object, const char *key, int64_t *value)
{
    const json_t *part = json_object_get(object, key);
    if (!json_is_integer(part)) {
        return false;
    }
    *value = json_integer_value(part);
    return true;
}

bool answer_number(const json_t *object, const char *key, double *value)
{
    const json_t *part = json_object_get(object, key);
    if (!json_is_number(part)) {
        return false;
    }
    *value = json_number_value(part);
    return true;
}

bool answer_is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

bool answer_is(const json_t *object, const char *key, const char *text)
{
    const char *found = json_string_value(json_object_get(object, key));
    return found != NULL && strcmp(found, text) == 0;
}

bool answer_has_text(const json_t *object, const char *key)
{
    const char *found = json_string_value(json_object_get(object, key));
    return found != NULL && found[0] != '\0';
}

char *answer_text(const json_t *object, const char *key, char out[ANSWER_TEXT_MAX])
{
    const char *found = json_string_value(json_object_get(object, key));
    return answer_copy(found != NULL ? found : ANSWER_UNKNOWN, out);
}

char *answer_count(const json_t *object, const char *key, char out[QUANTITY_TEXT_MAX])
{
    int64_t value;
    if (answer_integer(object, key, &value)) {
        snprintf(out, QUANTITY_TEXT_MAX, "%lld", (long long)value);
    } else {
        snprintf(out, QUANTITY_TEXT_MAX, "%s", ANSWER_UNKNOWN);
    }
    return out;
}

int64_t answer_round(double ns)
{
    return ns >= 9.2e18 ? INT64_MAX : ns <= -9.2e18 ? INT64_MIN : (int64_t)llround(ns);
}

char *answer_duration(const json_t *object, const char *key, bool sign, char out[QUANTITY_TEXT_MAX])
{
    double ns;
    if (answer_number(object, key, &ns)) {
        return quantity_format_duration(answer_round(ns), sign, out);
    }
    snprintf(out, QUANTITY_TEXT_MAX, "%s", ANSWER_UNKNOWN);
    return out;
}

char *answer_rate(const json_t *object, const char *key, bool sign, char out[QUANTITY_TEXT_MAX])
{
    double ppm;
    if (!answer_number(object, key, &ppm)) {
        snprintf(out, QUANTITY_TEXT_MAX, "%s", ANSWER_UNKNOWN);
    } else if (fabs(ppm) < 1e9) {
        snprintf(out, QUANTITY_TEXT_MAX, sign ? "%+.3f ppm" : "%.3f ppm", ppm);
    } else {
        snprintf(out, QUANTITY_TEXT_MAX, sign ? "%+.3g ppm" : "%.3g ppm", ppm);
    }
    return out;
}

char *answer_format_age(int64_t ns, char out[QUANTITY_TEXT_MAX])
{
    static const struct {
        double s;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    double s = (double)ns / (double)NS_PER_S;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (fabs(s) >= 2 * units[i].s) {
            double value = s / units[i].s;
            snprintf(out, QUANTITY_TEXT_MAX, fabs(value) < 10 ? "%.1f %s" : "%.0f %s", value,
                     units[i].unit);
            return out;
        }
    }
    snprintf(out, QUANTITY_TEXT_MAX, fabs(s) < 9.95 ? "%.1f s" : "%.0f s", s);
    return out;
}

char *answer_age(const json_t *object, const char *key, char out[QUANTITY_TEXT_MAX])
{
    int64_t ns;
    if (answer_integer(object, key, &ns)) {
        return answer_format_age(ns, out);
    }
    snprintf(out, QUANTITY_TEXT_MAX, "%s", ANSWER_UNKNOWN);
    return out;
}

char *answer_date(const json_t *object, const char *key, char out[QUANTITY_TEXT_MAX])
{
    int64_t ns;
    struct tm date;
    snprintf(out, QUANTITY_TEXT_MAX, "%s", ANSWER_UNKNOWN);
    if (!answer_integer(object, key, &ns) || ns < INT64_MIN + NS_PER_S) {
        return out;
    }
    int64_t rest = (ns % NS_PER_S + NS_PER_S) % NS_PER_S;
    time_t seconds = (time_t)((ns - rest) / NS_PER_S);
    char day[24];
    if (gmtime_r(&seconds, &date) != NULL &&
        strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S", &date) > 0) {
        snprintf(out, QUANTITY_TEXT_MAX, "%s.%03d UTC", day, (int)(rest / NS_PER_MS));
    }
    return out;
}

char *answer_poll(const json_t *object, const char *key, char out[QUANTITY_TEXT_MAX])
{
    int64_t log2_s;
    if (!answer_integer(object, key, &log2_s) || log2_s < -30 || log2_s > 30) {
        snprintf(out, QUANTITY_TEXT_MAX, "%s", ANSWER_UNKNOWN);
    } else if (log2_s < 0) {
        snprintf(out, QUANTITY_TEXT_MAX, "1/%d s", 1 << -log2_s);
    } else {
        snprintf(out, QUANTITY_TEXT_MAX, "%d s", 1 << log2_s);
    }
    return out;
}

const char *answer_side(const json_t *object, const char *key)
{
    double ns;
    if (!answer_number(object, key, &ns)) {
        return ANSWER_UNKNOWN;
    }
    int64_t rounded = answer_round(ns);
    return rounded > 0 ? "is behind" : rounded < 0 ? "is ahead" : "is even";
}
