/* SPDX-License-Identifier: MIT */
#include "client/cli/members_report.h"
#include <string.h>

#define COLUMNS_MAX 8 /* of the matrix, as a terminal has room for */
#define COLUMN 13

static const char *dash(const char *text)
{
    return strcmp(text, ANSWER_UNKNOWN) == 0 ? "-" : text;
}

static const char *colour(const json_t *member, const struct paint *paint)
{
    if (answer_is(member, "state", "truechimer")) {
        return paint->good;
    }
    bool is_bad = answer_is(member, "state", "excluded") ||
                  answer_is(member, "state", "convicted") ||
                  answer_is(member, "state", "unreachable");
    return is_bad ? paint->bad : paint->doubt;
}

static const char *timescale(const json_t *object)
{
    return answer_is(object, "timescale", "utc") ? "UTC"
                                                 : "the mesh's own time, not traceable to UTC";
}

static void print_self(FILE *out, const json_t *answer, const struct paint *paint)
{
    const json_t *self = answer_part(answer, "self");
    char id[ANSWER_TEXT_MAX];
    char epoch[QUANTITY_TEXT_MAX];
    char incarnation[QUANTITY_TEXT_MAX];
    char hops[QUANTITY_TEXT_MAX];
    char before[QUANTITY_TEXT_MAX];
    char after[QUANTITY_TEXT_MAX];
    int64_t bound;
    fprintf(out, "%snode%s       %s, key epoch %s, incarnation %s\n", paint->strong, paint->end,
            answer_text(self, "id", id), answer_count(self, "key_epoch", epoch),
            answer_count(self, "incarnation", incarnation));
    if (answer_is_true(self, "state_is_lost")) {
        fprintf(out,
                "           %sit does not join: what it told the others is lost; run 'chime keygen "
                "--node --next-epoch' and start chimed anew%s\n",
                paint->bad, paint->end);
    }
    fprintf(out, "keeps      %s", timescale(self));
    if (answer_integer(self, "hops", &bound)) {
        fprintf(out, ", %s hops from it", answer_count(self, "hops", hops));
    }
    if (answer_integer(self, "before_ns", &bound)) {
        fprintf(out, "; its interval: our clock -%s +%s\n",
                answer_duration(self, "before_ns", false, before),
                answer_duration(self, "after_ns", false, after));
    } else {
        fprintf(out, "; it vouches for no interval\n");
    }
}

static void print_odds(FILE *out, const json_t *budget)
{
    const json_t *odds = answer_part(budget, "odds");
    size_t index;
    json_t *item;
    char asked[QUANTITY_TEXT_MAX];
    if (!json_is_array(odds) || json_array_size(odds) == 0) {
        return;
    }
    fprintf(out, "odds       that the %s it asks hold more liars than that:",
            answer_count(budget, "asked", asked));
    json_array_foreach((json_t *)odds, index, item)
    {
        double share = 0;
        double chance = 0;
        if (answer_number(item, "liars_share", &share) && answer_number(item, "chance", &chance)) {
            fprintf(out, "%s %.2g %% if %.0f %% of all lie", index > 0 ? "," : "", chance * 100,
                    share * 100);
        }
    }
    fputc('\n', out);
}

static void print_budget(FILE *out, const json_t *answer, const struct paint *paint)
{
    const json_t *budget = answer_part(answer, "budget");
    char nodes[QUANTITY_TEXT_MAX];
    char faults[QUANTITY_TEXT_MAX];
    char lost[QUANTITY_TEXT_MAX];
    char left[QUANTITY_TEXT_MAX];
    fprintf(out, "faults     of %s nodes %s may lie or be gone; %s are, %s more may be%s%s%s\n",
            answer_count(budget, "nodes", nodes), answer_count(budget, "faults", faults),
            answer_count(budget, "lost", lost), answer_count(budget, "left", left), paint->bad,
            answer_is_true(budget, "degraded") ? ": DEGRADED, what is said of the time may be wrong"
                                               : "",
            paint->end);
    print_odds(out, budget);
}

static void print_clock(FILE *out, const json_t *answer)
{
    const json_t *hlc = answer_part(answer, "hlc");
    char state[ANSWER_TEXT_MAX];
    char last[ANSWER_TEXT_MAX];
    fprintf(out, "stamps     %s, the last one %s\n", answer_text(hlc, "state", state),
            answer_has_text(hlc, "last") ? answer_text(hlc, "last", last) : "none yet");
}

/* Offset with its error bar. */
static void format_offset(const json_t *member, char out[ANSWER_TEXT_MAX])
{
    const json_t *measure = answer_part(member, "measure");
    char offset[QUANTITY_TEXT_MAX];
    double sd_ns = 0;
    double delay_ns = 0;
    char error[QUANTITY_TEXT_MAX];
    if (measure == NULL || !answer_number(measure, "offset_sd_ns", &sd_ns) ||
        !answer_number(measure, "delay_ns", &delay_ns)) {
        snprintf(out, ANSWER_TEXT_MAX, "-");
        return;
    }
    snprintf(out, ANSWER_TEXT_MAX, "%s +- %s", answer_duration(measure, "offset_ns", true, offset),
             quantity_format_duration(answer_round(delay_ns / 2 + 3 * sd_ns), false, error));
}

static void print_line(FILE *out, const json_t *member, const struct paint *paint)
{
    const json_t *report = answer_part(member, "report");
    const json_t *measure = answer_part(member, "measure");
    char name[ANSWER_TEXT_MAX];
    char id[ANSWER_TEXT_MAX];
    char domain[ANSWER_TEXT_MAX];
    char state[ANSWER_TEXT_MAX];
    char slot[ANSWER_TEXT_MAX];
    char offset[ANSWER_TEXT_MAX];
    char delay[QUANTITY_TEXT_MAX];
    char hops[QUANTITY_TEXT_MAX];
    char age[QUANTITY_TEXT_MAX];
    format_offset(member, offset);
    fprintf(out, "%-14.20s %-16s %-9.12s %s%-11s%s %-7s %23s %9s %4s %8s\n",
            answer_text(member, "name", name), answer_text(member, "id", id),
            dash(answer_text(member, "domain", domain)), colour(member, paint),
            dash(answer_text(member, "state", state)), paint->end,
            dash(answer_text(member, "slot", slot)), offset,
            dash(answer_duration(measure, "delay_ns", false, delay)),
            dash(answer_count(report, "hops", hops)), dash(answer_age(report, "age_ns", age)));
}

static void print_table(FILE *out, const json_t *members, const struct paint *paint)
{
    size_t index;
    json_t *member;
    fprintf(out, "\n%s%-14s %-16s %-9s %-11s %-7s %23s %9s %4s %8s%s\n", paint->strong, "MEMBER",
            "ID", "DOMAIN", "VERDICT", "ASKED", "OFFSET", "DELAY", "HOPS", "REPORT", paint->end);
    json_array_foreach((json_t *)members, index, member)
    {
        print_line(out, member, paint);
    }
    fprintf(out,
            "\nOFFSET is the member's clock less ours: '+' means that ours is behind, '-' that "
            "it is ahead.\n'chime explain WORD' says what a verdict means.\n");
}

/* Why it is not simply believed. */
static void print_verdict(FILE *out, const json_t *member, const char *name)
{
    static const char *const told[] = {"suspect", "excluded", "probation", "convicted",
                                       "unreachable"};
    char state[ANSWER_TEXT_MAX];
    char cause[ANSWER_TEXT_MAX];
    char age[QUANTITY_TEXT_MAX];
    char number[QUANTITY_TEXT_MAX];
    int64_t value;
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        if (!answer_is(member, "state", told[i])) {
            continue;
        }
        fprintf(out, "%s: %s for %s: %s", name, answer_text(member, "state", state),
                answer_age(member, "state_age_ns", age), answer_text(member, "cause", cause));
        if (answer_integer(member, "evidence", &value)) {
            fprintf(out, "; 'chime mesh evidence %s' proves it",
                    answer_count(member, "evidence", number));
        }
        fputc('\n', out);
    }
}

/* What the loops through it tell. */
static void print_loops(FILE *out, const json_t *member, const char *name)
{
    const json_t *asymmetry = answer_part(member, "asymmetry");
    char corrected[QUANTITY_TEXT_MAX];
    if (answer_is_true(member, "two_faced")) {
        fprintf(out,
                "%s shows different clocks to different members: more of them contradict it than "
                "may lie\n",
                name);
    } else if (answer_is_true(member, "suspected")) {
        fprintf(out,
                "%s may show different clocks to different members, or those that it differs with "
                "have made that up\n",
                name);
    }
    if (json_is_object(asymmetry) &&
        json_number_value(json_object_get(asymmetry, "corrected_ns")) != 0) {
        fprintf(out,
                "%s: its path is slower one way: %s is taken from its offset, and nothing from any "
                "interval (that of an access link can't be seen)\n",
                name, answer_duration(asymmetry, "corrected_ns", true, corrected));
    }
}

/* Whatever a person should know of a member. */
static void print_remark(FILE *out, const json_t *member)
{
    char name[ANSWER_TEXT_MAX];
    char surplus[QUANTITY_TEXT_MAX];
    const json_t *report = answer_part(member, "report");
    int64_t value;
    print_verdict(out, member, answer_text(member, "name", name));
    if (report != NULL && !answer_is_true(report, "same_membership")) {
        fprintf(out,
                "%s counts by another membership: it is measured and shown, not counted; give all "
                "nodes the same document or members\n",
                name);
    }
    if (answer_integer(member, "surplus_ns", &value) && value > 0) {
        fprintf(out,
                "%s: a way round three members misses its beginning by %s more than the error bars "
                "allow: one of them lies, or a path is slower one way\n",
                name, answer_duration(member, "surplus_ns", false, surplus));
    }
    print_loops(out, member, name);
    if (answer_is_true(member, "revoked")) {
        fprintf(out, "%s is revoked: nothing that it says is taken\n", name);
    } else if (answer_is_true(member, "expired")) {
        fprintf(out,
                "%s is no member any more: its certificate has expired; have the CA certify it "
                "until a later date ('chime certify'), and reload its chimed\n",
                name);
    } else if (answer_is_true(member, "left")) {
        fprintf(out, "%s said goodbye\n", name);
    } else if (answer_has_text(member, "slot") && !answer_is_true(member, "session")) {
        fprintf(out, "%s has no session with us: it is down, or does not know our key\n", name);
    }
}

static void print_cell(FILE *out, const json_t *pair)
{
    char offset[QUANTITY_TEXT_MAX];
    fprintf(out, " %*s", COLUMN,
            json_is_object(pair) ? answer_duration(pair, "offset_ns", true, offset) : ".");
}

/* The name of the member at that place of the matrix. */
static const char *name_at(const json_t *members, size_t place, char name[ANSWER_TEXT_MAX])
{
    size_t index;
    json_t *member;
    snprintf(name, ANSWER_TEXT_MAX, "%s", place == 0 ? "ourselves" : "?");
    json_array_foreach((json_t *)members, index, member)
    {
        int64_t found;
        if (answer_integer(member, "place", &found) && found == (int64_t)place) {
            return answer_text(member, "name", name);
        }
    }
    return name;
}

static void print_matrix(FILE *out, const json_t *answer, const struct paint *paint)
{
    const json_t *matrix = answer_part(answer, "matrix");
    const json_t *members = answer_part(answer, "members");
    size_t count = json_is_array(matrix) ? json_array_size(matrix) : 0;
    size_t columns = count < COLUMNS_MAX ? count : COLUMNS_MAX;
    char name[ANSWER_TEXT_MAX];
    if (count < 2) {
        return;
    }
    fprintf(out, "\n%sThe clock of each (column) less that of each (line)%s\n%-14s", paint->strong,
            paint->end, "");
    for (size_t j = 0; j < columns; j++) {
        fprintf(out, " %*.*s", COLUMN, COLUMN, name_at(members, j, name));
    }
    fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(matrix, i);
        fprintf(out, "%-14.14s", name_at(members, i, name));
        for (size_t j = 0; j < columns; j++) {
            print_cell(out, json_array_get(row, j));
        }
        fputc('\n', out);
    }
    if (answer_is_true(answer, "contradictory")) {
        fprintf(out, "%sSome of it is false: along a loop it contradicts itself.%s\n", paint->doubt,
                paint->end);
    }
    if (columns < count) {
        fprintf(out, "(%zu more columns with --json)\n", count - columns);
    }
}

static void print_counts(FILE *out, const json_t *counts, const char *title)
{
    const char *key;
    json_t *value;
    fprintf(out, "\n%s\n", title);
    json_object_foreach((json_t *)counts, key, value)
    {
        char text[ANSWER_TEXT_MAX];
        if (json_is_integer(value) && json_integer_value(value) > 0) {
            fprintf(out, "  %12lld %s\n", (long long)json_integer_value(value),
                    answer_copy(key, text));
        }
    }
}

void members_report_print(FILE *out, const json_t *answer, bool is_verbose,
                          const struct paint *paint)
{
    const json_t *members = answer_part(answer, "members");
    size_t index;
    json_t *member;
    print_self(out, answer, paint);
    print_budget(out, answer, paint);
    print_clock(out, answer);
    if (!json_is_array(members) || json_array_size(members) == 0) {
        fprintf(out, "\nNo member is known: name them in [member NAME], or where one is by 'join' "
                     "or 'discover' in [mesh]; see chimed.conf(5).\n");
        return;
    }
    print_table(out, members, paint);
    json_array_foreach((json_t *)members, index, member)
    {
        print_remark(out, member);
    }
    print_matrix(out, answer, paint);
    if (is_verbose) {
        print_counts(out, answer_part(answer, "packets"),
                     "Packets of the mesh, by what became of "
                     "them");
        print_counts(out, answer_part(answer, "gate"), "Requests at the workers, the same");
    }
}
