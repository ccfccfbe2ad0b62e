/* SPDX-License-Identifier: MIT */
#include "client/cli/watch_screen.h"
#include "client/cli/sources_report.h"
#include "client/cli/status_report.h"
#include "common/base/instant.h"

#define LABEL_WIDTH 11
#define PLOT_ROWS_MAX 15
#define PLOT_ROWS_MIN 5
#define HEAD_ROWS 5
#define SCALE_NS_MIN (100.0)
/* An interval beyond so many times the largest offset is cut off: else the offset was a flat line.
 */
#define SCALE_OFFSETS 8

void watch_history_add(struct watch_history *history, const json_t *status)
{
    struct watch_point point = {0};
    double offset_ns;
    point.has_offset = answer_number(answer_part(status, "estimate"), "offset_ns", &offset_ns);
    point.has_interval = status_report_interval(status, &point.earliest_ns, &point.latest_ns);
    point.offset_ns = point.has_offset ? answer_round(offset_ns) : 0;
    history->points[history->next] = point;
    history->next = (history->next + 1) % WATCH_POINTS_MAX;
    history->count += history->count < WATCH_POINTS_MAX ? 1 : 0;
}

/* age 0 is the latest. */
static const struct watch_point *point_at(const struct watch_history *history, size_t age)
{
    size_t index = (history->next + WATCH_POINTS_MAX - 1 - age) % WATCH_POINTS_MAX;
    return &history->points[index];
}

static double magnitude(int64_t ns)
{
    return ns < 0 ? -(double)ns : (double)ns;
}

/* What the plot's edges stand for, in nanoseconds from zero. */
static double scale_of(const struct watch_history *history, size_t columns)
{
    double offset_ns = 0;
    double interval_ns = 0;
    for (size_t age = 0; age < history->count && age < columns; age++) {
        const struct watch_point *point = point_at(history, age);
        double here = point->has_offset ? magnitude(point->offset_ns) : 0;
        offset_ns = here > offset_ns ? here : offset_ns;
        if (point->has_interval) {
            here = magnitude(point->earliest_ns);
            interval_ns = here > interval_ns ? here : interval_ns;
            here = magnitude(point->latest_ns);
            interval_ns = here > interval_ns ? here : interval_ns;
        }
    }
    double most_ns = offset_ns * SCALE_OFFSETS;
    double scale_ns = interval_ns < most_ns || offset_ns == 0 ? interval_ns : most_ns;
    scale_ns = scale_ns > offset_ns ? scale_ns : offset_ns;
    return scale_ns > SCALE_NS_MIN ? scale_ns : SCALE_NS_MIN;
}

/* The row of a value, 0 at the top, which is +scale; may lie outside. */
static int64_t row_of(int64_t ns, double scale_ns, size_t rows)
{
    double row = (1 - (double)ns / scale_ns) / 2 * (double)(rows - 1);
    return row < -1 ? -1 : row > (double)rows ? (int64_t)rows : (int64_t)(row + 0.5);
}

static char mark_of(const struct watch_point *point, size_t row, double scale_ns, size_t rows)
{
    int64_t here = (int64_t)row;
    if (point->has_offset && row_of(point->offset_ns, scale_ns, rows) == here) {
        return '*';
    }
    if (point->has_interval && row_of(point->latest_ns, scale_ns, rows) <= here &&
        row_of(point->earliest_ns, scale_ns, rows) >= here) {
        return ':';
    }
    return row == rows / 2 ? '-' : ' ';
}

static void print_label(FILE *out, size_t row, size_t rows, double scale_ns)
{
    char text[QUANTITY_TEXT_MAX];
    if (row != 0 && row != rows / 2 && row != rows - 1) {
        fprintf(out, "%*s |", LABEL_WIDTH, "");
        return;
    }
    int64_t ns = row == 0 ? answer_round(scale_ns) : row == rows - 1 ? answer_round(-scale_ns) : 0;
    fprintf(out, "%*s |", LABEL_WIDTH, quantity_format_duration(ns, ns != 0, text));
}

void watch_screen_plot(FILE *out, const struct watch_history *history, struct watch_size size,
                       const struct paint *paint)
{
    size_t columns = size.columns > LABEL_WIDTH + 3 ? size.columns - LABEL_WIDTH - 3 : 1;
    columns = columns < WATCH_POINTS_MAX ? columns : WATCH_POINTS_MAX;
    size_t rows = size.rows | 1U; /* so that zero has a row */
    double scale_ns = scale_of(history, columns);
    for (size_t row = 0; row < rows; row++) {
        print_label(out, row, rows, scale_ns);
        for (size_t column = 0; column < columns; column++) {
            size_t age = columns - 1 - column;
            char mark = age < history->count ? mark_of(point_at(history, age), row, scale_ns, rows)
                        : row == rows / 2    ? '-'
                                             : ' ';
            if (mark == '*') {
                fprintf(out, "%s*%s", paint->good, paint->end);
            } else {
                fputc(mark, out);
            }
        }
        fputc('\n', out);
    }
}

static void print_head(FILE *out, const json_t *status, const struct paint *paint)
{
    const json_t *estimate = answer_part(status, "estimate");
    const json_t *clock = answer_part(status, "clock");
    char text[ANSWER_TEXT_MAX];
    char reason[ANSWER_TEXT_MAX];
    char a[QUANTITY_TEXT_MAX];
    char b[QUANTITY_TEXT_MAX];
    int64_t earliest_ns;
    int64_t latest_ns;
    fprintf(out, "%schimed%s  %s  %s%s%s  %s\n", paint->strong, paint->end,
            answer_date(status, "now_ns", a), status_report_colour(status, paint),
            answer_text(status, "condition", text), paint->end,
            answer_has_text(status, "reason") ? answer_text(status, "reason", reason) : "");
    fprintf(out, "offset    %s (sd %s): our clock %s\n",
            answer_duration(estimate, "offset_ns", true, a),
            answer_duration(estimate, "offset_sd_ns", false, b),
            answer_side(estimate, "offset_ns"));
    if (status_report_interval(status, &earliest_ns, &latest_ns)) {
        fprintf(out, "interval  %s to %s", quantity_format_duration(earliest_ns, true, a),
                quantity_format_duration(latest_ns, true, b));
    } else {
        fprintf(out, "interval  none");
    }
    fprintf(out, ";  frequency %s;  %s\n", answer_rate(clock, "frequency_ppm", true, a),
            answer_is_true(clock, "steering") ? "steered" : "not steered");
}

void watch_screen_print(FILE *out, const struct watch_history *history, const json_t *status,
                        const json_t *sources, struct watch_size size, const struct paint *paint)
{
    const json_t *list = answer_part(sources, "sources");
    size_t wanted = json_array_size(list) + 1;
    size_t rows = size.rows > HEAD_ROWS + PLOT_ROWS_MIN ? size.rows - HEAD_ROWS : PLOT_ROWS_MIN;
    size_t plot = rows > wanted ? rows - wanted : 0;
    plot = plot > PLOT_ROWS_MAX ? PLOT_ROWS_MAX : plot < PLOT_ROWS_MIN ? PLOT_ROWS_MIN : plot;
    plot -= plot % 2 == 0 ? 1 : 0;
    print_head(out, status, paint);
    watch_screen_plot(out, history, (struct watch_size){size.columns, plot}, paint);
    if (rows > plot + 1) {
        (void)sources_report_table(out, list, rows - plot, paint);
    }
    fprintf(out, "* offset   : interval   + behind   - ahead   q ends\n");
}

void watch_screen_line(FILE *out, const json_t *status, const json_t *sources)
{
    const json_t *estimate = answer_part(status, "estimate");
    const json_t *list = answer_part(sources, "sources");
    char condition[ANSWER_TEXT_MAX];
    char a[QUANTITY_TEXT_MAX];
    char b[QUANTITY_TEXT_MAX];
    int64_t earliest_ns;
    int64_t latest_ns;
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        used += sources_report_is_used(json_array_get(list, i)) ? 1 : 0;
    }
    fprintf(out, "%s  %s  ", answer_date(status, "now_ns", a),
            answer_text(status, "condition", condition));
    fprintf(out, "offset %s sd %s  ", answer_duration(estimate, "offset_ns", true, a),
            answer_duration(estimate, "offset_sd_ns", false, b));
    if (status_report_interval(status, &earliest_ns, &latest_ns)) {
        fprintf(out, "interval %s to %s  ", quantity_format_duration(earliest_ns, true, a),
                quantity_format_duration(latest_ns, true, b));
    } else {
        fprintf(out, "interval none  ");
    }
    fprintf(out, "frequency %s  sources %zu of %zu used\n",
            answer_rate(answer_part(status, "clock"), "frequency_ppm", true, a), used,
            json_array_size(list));
}
