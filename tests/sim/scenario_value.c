/* SPDX-License-Identifier: MIT */
#include "tests/sim/scenario_value.h"
#include "common/base/quantity.h"
#include "common/config/config_value.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_MAX_NS (INT64_C(1000) * 86400 * NS_PER_S)

bool value_duration(const char *text, int64_t minimum_ns, int64_t maximum_ns, int64_t *ns)
{
    return config_take_duration(text, minimum_ns, maximum_ns, ns) == CONFIG_TAKEN;
}

bool value_rate(const char *text, double limit_ppm, double *ppm)
{
    return config_take_rate(text, -limit_ppm, limit_ppm, ppm) == CONFIG_TAKEN;
}

bool value_choice(const char *text, const char *const *words, int *choice)
{
    return config_take_choice(text, words, choice) == CONFIG_TAKEN;
}

bool value_name(const char *text, size_t room, char *name)
{
    return config_take_name(text, room, name) == CONFIG_TAKEN;
}

bool value_number(const char *text, double minimum, double maximum, double *number)
{
    if (strspn(text, "0123456789.eE+-") != strlen(text)) {
        return false; /* strtod() also knows "inf", "nan" and hexadecimal */
    }
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= minimum && value <= maximum)) {
        return false;
    }
    *number = value;
    return true;
}

bool value_share(const char *text, double *share)
{
    char number[SCENARIO_WORD_MAX];
    char rest[SCENARIO_WORD_MAX];
    double percent;
    if (!value_split(text, "%", number, rest) || rest[0] != '\0' ||
        !value_number(number, 0, 100, &percent)) {
        return false;
    }
    *share = percent / 100;
    return true;
}

/* Copies what stands between begin and end, without white space around. */
static bool copy_trimmed(const char *begin, const char *end, char out[SCENARIO_WORD_MAX])
{
    while (begin < end && (*begin == ' ' || *begin == '\t')) {
        begin++;
    }
    while (end > begin && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    if (end - begin >= SCENARIO_WORD_MAX) {
        return false;
    }
    memcpy(out, begin, (size_t)(end - begin));
    out[end - begin] = '\0';
    return true;
}

bool value_split(const char *text, const char *separator, char first[SCENARIO_WORD_MAX],
                 char second[SCENARIO_WORD_MAX])
{
    const char *at = strstr(text, separator);
    if (at == NULL) {
        return false;
    }
    const char *after = at + strlen(separator);
    return copy_trimmed(text, at, first) && copy_trimmed(after, after + strlen(after), second);
}

bool value_at(const char *text, int64_t minimum_ns, int64_t *ns, int64_t *at_ns)
{
    char what[SCENARIO_WORD_MAX];
    char when[SCENARIO_WORD_MAX];
    int64_t value_ns;
    if (!value_split(text, " at ", what, when) ||
        !value_duration(what, minimum_ns, DURATION_MAX_NS, &value_ns) ||
        !value_duration(when, 0, DURATION_MAX_NS, at_ns)) {
        return false;
    }
    *ns = value_ns;
    return true;
}

bool value_yes(const char *text, bool *is_yes)
{
    static const char *const words[] = {"no", "yes", NULL};
    int choice;
    if (!value_choice(text, words, &choice)) {
        return false;
    }
    *is_yes = choice != 0;
    return true;
}

bool value_integer(const char *text, double maximum, int64_t *integer)
{
    double number;
    if (!value_number(text, 0, maximum, &number) || number != floor(number)) {
        return false;
    }
    *integer = (int64_t)number;
    return true;
}

bool value_straggling(const char *text, struct straggling *straggling)
{
    char share[SCENARIO_WORD_MAX];
    char extra[SCENARIO_WORD_MAX];
    struct straggling read;
    if (!value_split(text, ",", share, extra) || !value_share(share, &read.share) ||
        !value_duration(extra, 0, DURATION_MAX_NS, &read.extra_ns)) {
        return false;
    }
    *straggling = read;
    return true;
}

/* Reads the numbers behind the scale: how many there must be depends on the shape. */
static bool jitter_rest(struct jitter *jitter, const char *rest)
{
    char first[SCENARIO_WORD_MAX];
    char second[SCENARIO_WORD_MAX];
    char third[SCENARIO_WORD_MAX];
    switch (jitter->shape) {
    case JITTER_GAUSSIAN:
        return value_duration(rest, 0, DURATION_MAX_NS, &jitter->sd_ns);
    case JITTER_LOGNORMAL:
        return value_number(rest, 0, 10, &jitter->parameter);
    case JITTER_PARETO:
        return value_split(rest, ",", first, second) && value_share(first, &jitter->parameter) &&
               value_number(second, 0.1, 100, &jitter->exponent);
    case JITTER_BURST:
        return value_split(rest, ",", first, second) &&
               value_number(first, 0, 1e6, &jitter->parameter) &&
               value_split(second, ",", first, third) &&
               value_duration(first, 1, DURATION_MAX_NS, &jitter->quiet_ns) &&
               value_duration(third, 1, DURATION_MAX_NS, &jitter->burst_ns);
    case JITTER_NONE:
    case JITTER_EXPONENTIAL:
        break;
    }
    return rest[0] == '\0';
}

bool value_jitter(const char *text, struct jitter *jitter)
{
    static const char *const shapes[] = {"none",   "exponential", "gaussian", "lognormal",
                                         "pareto", "burst",       NULL};
    char shape[SCENARIO_WORD_MAX];
    char numbers[SCENARIO_WORD_MAX];
    char scale[SCENARIO_WORD_MAX];
    char rest[SCENARIO_WORD_MAX] = "";
    struct jitter read = {.shape = JITTER_NONE};
    int choice;
    if (strcmp(text, "none") == 0) {
        *jitter = read;
        return true;
    }
    if (!value_split(text, " ", shape, numbers) || !value_choice(shape, shapes, &choice) ||
        choice == JITTER_NONE) {
        return false;
    }
    read.shape = (enum jitter_shape)choice;
    const char *first = value_split(numbers, ",", scale, rest) ? scale : numbers;
    if (!value_duration(first, 0, DURATION_MAX_NS, &read.scale_ns) || !jitter_rest(&read, rest)) {
        return false;
    }
    *jitter = read;
    return true;
}
