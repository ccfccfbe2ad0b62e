/* SPDX-License-Identifier: MIT */
#include "tests/sim/results.h"
#include "common/base/json.h"
#include "common/base/quantity.h"
#include "tests/sim/run_hash.h"
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 40
#define JSON_PER_RUN 3072

void text_clear(struct text *text)
{
    free(text->data);
    *text = (struct text){.size = 0};
}

/* Room for size more characters and the final zero. */
static bool text_reserve(struct text *text, size_t size)
{
    size_t wanted = text->size + size + 1;
    if (wanted > text->capacity) {
        size_t capacity = wanted * 2;
        char *data = realloc(text->data, capacity);
        if (data == NULL) {
            text->has_failed = true;
            return false;
        }
        text->data = data;
        text->capacity = capacity;
    }
    return true;
}

__attribute__((format(printf, 2, 3))) static void text_add(struct text *text, const char *format,
                                                           ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (size > 0 && text_reserve(text, strlen(line))) {
        memcpy(text->data + text->size, line, strlen(line) + 1);
        text->size += strlen(line);
    }
}

bool results_add(struct results *results, const struct figures *run)
{
    if (results->count == results->capacity) {
        size_t capacity = results->capacity > 0 ? results->capacity * 2 : 16;
        struct figures *runs = realloc(results->runs, capacity * sizeof(*runs));
        if (runs == NULL) {
            return false;
        }
        results->runs = runs;
        results->capacity = capacity;
    }
    results->runs[results->count++] = *run;
    return true;
}

void results_clear(struct results *results)
{
    free(results->runs);
    *results = (struct results){.count = 0};
}

static int compare_seeds(const void *a, const void *b)
{
    uint64_t left = ((const struct figures *)a)->seed;
    uint64_t right = ((const struct figures *)b)->seed;
    return (left > right) - (left < right);
}

void results_sort(struct results *results)
{
    if (results->count > 0) {
        qsort(results->runs, results->count, sizeof(*results->runs), compare_seeds);
    }
}

uint64_t results_hash(const struct results *results)
{
    uint64_t hash = RUN_HASH_START;
    for (size_t i = 0; i < results->count; i++) {
        hash = run_hash_add(run_hash_add(hash, results->runs[i].seed), results->runs[i].hash);
    }
    return hash;
}

static char *format_value(enum figure_unit unit, double value, char out[VALUE_MAX])
{
    char duration[QUANTITY_TEXT_MAX];
    if (isnan(value)) {
        snprintf(out, VALUE_MAX, "-");
    } else if (isinf(value)) {
        snprintf(out, VALUE_MAX, "never");
    } else if (unit == UNIT_NS) {
        quantity_format_duration((int64_t)llround(value), false, duration);
        snprintf(out, VALUE_MAX, "%s", duration);
    } else if (unit == UNIT_S) {
        snprintf(out, VALUE_MAX, "%.10g s", value);
    } else if (unit == UNIT_PPB) {
        snprintf(out, VALUE_MAX, "%.3g ppb", value);
    } else if (unit == UNIT_PERCENT) {
        snprintf(out, VALUE_MAX, "%.4f %%", value);
    } else {
        snprintf(out, VALUE_MAX, value < 100 && value != floor(value) ? "%.2f" : "%.0f", value);
    }
    return out;
}

/* The run that is worst in a figure: where it is too high, or too low. */
static const struct figures *worst_run(const struct results *results, enum figure figure,
                                       bool is_high)
{
    const struct figures *worst = &results->runs[0];
    for (size_t i = 1; i < results->count; i++) {
        double value = results->runs[i].values[figure];
        double so_far = worst->values[figure];
        if (isnan(value) || (is_high ? value > so_far : value < so_far)) {
            worst = &results->runs[i];
        }
    }
    return worst;
}

bool results_judge(const struct results *results, struct text *complaints)
{
    struct figures summary;
    if (results->scenario == NULL || results->count == 0) {
        return true;
    }
    if (!figures_summarise(results->runs, results->count, &summary)) {
        complaints->has_failed = true;
        return false;
    }
    bool is_kept = true;
    for (int i = 0; i < FIGURES; i++) {
        double most = results->scenario->most[i];
        double least = results->scenario->least[i];
        double value = summary.values[i];
        if (scenario_is_kept(results->scenario, (enum figure)i, value)) {
            continue;
        }
        is_kept = false;
        bool is_high = !isnan(most) && !(value <= most);
        const struct figures *worst = worst_run(results, (enum figure)i, is_high);
        char found[VALUE_MAX], limit[VALUE_MAX];
        text_add(complaints, "%s: %s: found %s, %s is the %s; seed %" PRIu64 " is the worst%s%s\n",
                 results->name, figure_infos[i].title,
                 format_value(figure_infos[i].unit, value, found),
                 format_value(figure_infos[i].unit, is_high ? most : least, limit),
                 is_high ? "most" : "least", worst->seed, i == FIGURE_VIOLATIONS ? ", first " : "",
                 i == FIGURE_VIOLATIONS ? worst->violation : "");
    }
    return is_kept;
}

/* One line of the table. */
static void table_line(const struct results *results, const struct figures *summary, enum figure i,
                       struct text *text)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t j = 0; j < results->count; j++) {
        low = fmin(low, results->runs[j].values[i]);
        high = fmax(high, results->runs[j].values[i]);
    }
    if (isnan(summary->values[i])) {
        return;
    }
    char value[VALUE_MAX], least[VALUE_MAX], greatest[VALUE_MAX], limit[VALUE_MAX];
    enum figure_unit unit = figure_infos[i].unit;
    text_add(text, "  %-28s %14s", figure_infos[i].title,
             format_value(unit, summary->values[i], value));
    if (results->count > 1) {
        text_add(text, " %14s %14s", format_value(unit, low, least),
                 format_value(unit, high, greatest));
    }
    if (results->scenario != NULL && !isnan(results->scenario->most[i])) {
        text_add(text, "   at most %s", format_value(unit, results->scenario->most[i], limit));
    }
    if (results->scenario != NULL && !isnan(results->scenario->least[i])) {
        text_add(text, "   at least %s", format_value(unit, results->scenario->least[i], limit));
    }
    if (results->scenario != NULL && !scenario_is_kept(results->scenario, i, summary->values[i])) {
        text_add(text, " - BROKEN");
    }
    text_add(text, "\n");
}

/* Of a mesh; not the same each time. 0: unknown. */
static double mean_cpu_us(const struct results *results)
{
    double sum_ns = 0;
    for (size_t i = 0; i < results->count; i++) {
        sum_ns += results->runs[i].cpu_ns;
    }
    return results->count > 0 ? sum_ns / (double)results->count / 1e3 : 0;
}

void results_table(const struct results *results, double speed, struct text *text)
{
    struct figures summary;
    if (results->count == 0) {
        text_add(text, "%s: no run\n", results->name);
        return;
    }
    if (!figures_summarise(results->runs, results->count, &summary)) {
        text->has_failed = true;
        return;
    }
    text_add(text, "%s, ", results->name);
    if (results->count == 1) {
        text_add(text, "seed %" PRIu64 "\n", results->runs[0].seed);
    } else {
        text_add(text, "%zu seeds\n  %-28s %14s %14s %14s\n", results->count, "", "median", "least",
                 "greatest");
    }
    for (int i = 0; i < FIGURES; i++) {
        table_line(results, &summary, (enum figure)i, text);
    }
    if (!isnan(speed)) {
        text_add(text, "  %-28s %14.0f\n", "virtual s per real s", speed);
    }
    if (results->node_kib > 0) {
        text_add(text, "  %-28s %14.1f\n", "KiB of memory per node", results->node_kib);
    }
    double cpu_us = mean_cpu_us(results);
    if (cpu_us > 0) {
        text_add(text, "  %-28s %14.1f us\n", "CPU per node and exchange", cpu_us);
    }
    text_add(text, "  %-28s %14.16" PRIx64 "\n", "hash", results_hash(results));
}

static void json_figures(struct json *json, const struct figures *figures)
{
    for (int i = 0; i < FIGURES; i++) {
        if (figure_infos[i].unit == UNIT_COUNT && isfinite(figures->values[i]) &&
            figures->values[i] == floor(figures->values[i])) {
            json_put_integer(json, figure_infos[i].column, (int64_t)figures->values[i]);
        } else {
            json_put_number(json, figure_infos[i].column, figures->values[i]);
        }
    }
}

static void json_hash(struct json *json, uint64_t hash)
{
    /* Text: a number of 64 bits does not survive every reader. */
    char text[VALUE_MAX];
    snprintf(text, sizeof(text), "%016" PRIx64, hash);
    json_put_string(json, "hash", text);
}

void results_json(const struct results *results, double speed, struct text *text)
{
    struct figures summary;
    size_t room = JSON_PER_RUN * (results->count + 2);
    if (!text_reserve(text, room) || results->count == 0 ||
        !figures_summarise(results->runs, results->count, &summary)) {
        text->has_failed = true;
        return;
    }
    struct json json;
    json_init(&json, text->data + text->size, room);
    json_open_object(&json, NULL);
    json_put_string(&json, "scenario", results->name);
    json_hash(&json, results_hash(results));
    json_put_number(&json, "virtual_s_per_s", speed);
    json_put_number(&json, "node_kib", results->node_kib > 0 ? results->node_kib : NAN);
    double cpu_us = mean_cpu_us(results);
    json_put_number(&json, "cpu_us", cpu_us > 0 ? cpu_us : NAN);
    json_open_object(&json, "summary");
    json_figures(&json, &summary);
    json_close_object(&json);
    json_open_array(&json, "runs");
    for (size_t i = 0; i < results->count; i++) {
        json_open_object(&json, NULL);
        json_put_integer(&json, "seed", (int64_t)results->runs[i].seed);
        json_hash(&json, results->runs[i].hash);
        json_figures(&json, &results->runs[i]);
        json_put_string(&json, "violation",
                        results->runs[i].violation[0] != '\0' ? results->runs[i].violation : NULL);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_close_object(&json);
    text->has_failed |= !json_finish(&json);
    text->size += strlen(text->data + text->size);
    text_add(text, "\n");
}

void results_csv_head(struct text *text)
{
    text_add(text, "scenario,seed,hash");
    for (size_t i = 0; i < FIGURES; i++) {
        text_add(text, ",%s", figure_infos[i].column);
    }
    text_add(text, ",violation\n");
}

void results_csv(const struct results *results, struct text *text)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct figures *run = &results->runs[i];
        text_add(text, "%s,%" PRIu64 ",%016" PRIx64, results->name, run->seed, run->hash);
        for (size_t j = 0; j < FIGURES; j++) {
            text_add(text, ",%.17g", run->values[j]);
        }
        /* The last column, so that a comma in the sentence needs no quotes. */
        text_add(text, ",%s\n", run->violation);
    }
}

/* The next field, as text of less than room characters; NULL when there is none. */
static const char *take_field(const char *line, size_t room, char *out)
{
    size_t size = line == NULL ? room : strcspn(line, ",\n");
    if (size >= room) {
        return NULL;
    }
    memcpy(out, line, size);
    out[size] = '\0';
    return line[size] == ',' ? line + size + 1 : NULL;
}

bool results_read_csv(const char *line, char name[SCENARIO_NAME_MAX], struct figures *run)
{
    struct figures read = {.seed = 0};
    char field[VALUE_MAX];
    char *end = NULL;
    line = take_field(line, SCENARIO_NAME_MAX, name);
    line = take_field(line, sizeof(field), field);
    if (line == NULL) {
        return false;
    }
    read.seed = strtoull(field, &end, 10);
    line = *end == '\0' ? take_field(line, sizeof(field), field) : NULL;
    if (line == NULL) {
        return false;
    }
    read.hash = strtoull(field, &end, 16);
    for (size_t i = 0; i < FIGURES && *end == '\0'; i++) {
        line = take_field(line, sizeof(field), field);
        if (line == NULL) {
            return false;
        }
        read.values[i] = strtod(field, &end);
    }
    if (*end != '\0') {
        return false;
    }
    snprintf(read.violation, sizeof(read.violation), "%.*s", (int)strcspn(line, "\n"), line);
    *run = read;
    return true;
}
