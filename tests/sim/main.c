/* SPDX-License-Identifier: MIT */
#include "common/base/quantity.h"
#include "common/host/clock.h"
#include "common/host/files.h"
#include "config.h"
#include "tests/sim/campaign.h"
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCENARIO_SIZE_MAX (1 << 20)
#define RESULTS_SIZE_MAX (1 << 30)
#define ERROR_MAX 512
#define SCENARIOS_MAX 256
#define BAR_WIDTH 40

enum exit_code { LAB_OK = 0, LAB_FAILURE = 1, LAB_USAGE = 2 };
enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };

struct lab_options {
    int64_t seed;
    int64_t seeds;
    int64_t jobs;
    int64_t shard;
    int64_t shards;
    int filter; /* -1: as the scenario says */
    enum format format;
    bool is_verbose;
};

static const char help_text[] =
    "chime-lab run [OPTION]... SCENARIO...   simulates nodes, clocks and networks in virtual time\n"
    "chime-lab merge [--json|--csv] FILE...  joins what run --csv wrote in several shards\n"
    "\n"
    "  -s, --seed N       the first seed (default 1)\n"
    "  -n, --seeds N      how many seeds (default 1)\n"
    "  -j, --jobs N       processes at a time (default: the processors)\n"
    "      --shard I/N    of the seeds, only every N-th, from the I-th on\n"
    "  -f, --filter NAME  bank, ntp, regression or none, instead of the scenario's\n"
    "  -v, --verbose      what nodes log, and what becomes of each answer they get; one job\n"
    "      --json, --csv  instead of a table\n"
    "  -h, --help         this text\n"
    "      --version      the version\n"
    "\n"
    "Exit code: 0 all bounds were kept, 1 one was not, or a run failed, 2 a mistake in the\n"
    "arguments or in a scenario.\n";

static void print_sentence(void *context, const char *sentence)
{
    (void)context;
    fprintf(stderr, "%s\n", sentence);
}

static void print_line(void *context, const char *line)
{
    (void)context;
    printf("%s\n", line);
}

static void draw_bar(double part)
{
    static int drawn = -1;
    int filled = (int)(part * BAR_WIDTH);
    if (filled == drawn) {
        return;
    }
    drawn = filled;
    fprintf(stderr, "\r[%.*s%*s] %3.0f %%", filled, "########################################",
            BAR_WIDTH - filled, "", part * 100);
}

static void clear_bar(void)
{
    fprintf(stderr, "\r%*s\r", BAR_WIDTH + 10, "");
}

static bool load_scenario(const char *path, struct scenario *scenario)
{
    char *text;
    int result = files_read_text(path, SCENARIO_SIZE_MAX, &text);
    if (result < 0) {
        fprintf(stderr, "chime-lab: %s: %s\n", path, strerror(-result));
        return false;
    }
    bool ok = scenario_parse(text, path, scenario, print_sentence, NULL);
    free(text);
    if (ok && scenario->name[0] == '\0') {
        /* Without a name of its own it is called like its file. */
        const char *slash = strrchr(path, '/');
        const char *base = slash != NULL ? slash + 1 : path;
        snprintf(scenario->name, sizeof(scenario->name), "%.*s",
                 (int)strcspn(base, ".") < SCENARIO_NAME_MAX - 1 ? (int)strcspn(base, ".")
                                                                 : SCENARIO_NAME_MAX - 1,
                 base);
    }
    return ok;
}

/* Prints, and frees. False if memory was short. */
static bool put_text(struct text *text, FILE *stream)
{
    bool ok = !text->has_failed;
    if (!ok) {
        fprintf(stderr, "chime-lab: not enough memory to write the results\n");
    } else if (text->data != NULL) {
        fputs(text->data, stream);
    }
    text_clear(text);
    return ok;
}

static bool put_results(const struct results *results, double speed, enum format format)
{
    struct text text = {.size = 0};
    if (format == FORMAT_JSON) {
        results_json(results, speed, &text);
    } else if (format == FORMAT_CSV) {
        results_csv(results, &text);
    } else {
        results_table(results, speed, &text);
    }
    return put_text(&text, stdout);
}

static enum exit_code run_scenario(const struct scenario *scenario, const char *path,
                                   const struct lab_options *options, const struct clock *clock)
{
    struct campaign campaign = {.scenario = scenario,
                                .first_seed = (uint64_t)options->seed,
                                .seeds = (size_t)options->seeds,
                                .shard = (size_t)options->shard - 1,
                                .shards = (size_t)options->shards,
                                .jobs = (unsigned)options->jobs,
                                .listener = options->is_verbose ? print_line : NULL,
                                .progress = isatty(STDERR_FILENO) ? draw_bar : NULL};
    struct results results = {.scenario = scenario};
    snprintf(results.name, sizeof(results.name), "%s", scenario->name);
    char error[ERROR_MAX] = "";
    int64_t begun_ns = clock_read(clock).mono.ns;
    bool ok = campaign_run(&campaign, &results, error, sizeof(error));
    double real_ns = (double)(clock_read(clock).mono.ns - begun_ns);
    if (campaign.progress != NULL) {
        clear_bar();
    }
    if (!ok) {
        fprintf(stderr, "chime-lab: %s: %s\n", path, error);
        results_clear(&results);
        return LAB_FAILURE;
    }
    double speed = (double)scenario->duration_ns * (double)results.count / fmax(real_ns, 1);
    ok = put_results(&results, speed, options->format);
    struct text complaints = {.size = 0};
    if (!results_judge(&results, &complaints)) {
        ok = false;
        (void)put_text(&complaints, stderr);
        const char *filter = options->filter < 0 ? "" : scenario_filters[options->filter];
        fprintf(stderr, "%s: replay with: chime-lab run %s%s%s --seed N\n", scenario->name, path,
                options->filter < 0 ? "" : " --filter ", filter);
    }
    text_clear(&complaints);
    results_clear(&results);
    return ok ? LAB_OK : LAB_FAILURE;
}

static enum exit_code command_run(char **paths, int count, const struct lab_options *options)
{
    static struct scenario scenario;
    static const struct clock_fault no_fault;
    struct clock *clock = clock_create(&no_fault, 0);
    enum exit_code worst = clock == NULL ? LAB_FAILURE : LAB_OK;
    struct text head = {.size = 0};
    if (options->format == FORMAT_CSV) {
        results_csv_head(&head);
        (void)put_text(&head, stdout);
    }
    for (int i = 0; i < count && clock != NULL; i++) {
        enum exit_code code = LAB_USAGE;
        if (load_scenario(paths[i], &scenario)) {
            scenario.filter = options->filter >= 0 ? options->filter : scenario.filter;
            code = run_scenario(&scenario, paths[i], options, clock);
        }
        worst = code > worst ? code : worst;
        fflush(stdout);
    }
    clock_destroy(clock);
    return worst;
}

/* Adds the runs of one file to those of their scenarios. */
static bool merge_file(const char *path, struct results *all, size_t *count)
{
    char *text;
    int result = files_read_text(path, RESULTS_SIZE_MAX, &text);
    if (result < 0) {
        fprintf(stderr, "chime-lab: %s: %s\n", path, strerror(-result));
        return false;
    }
    unsigned long line = 0;
    bool ok = true;
    for (const char *at = text; *at != '\0' && ok; at += strcspn(at, "\n"), at += *at == '\n') {
        char name[SCENARIO_NAME_MAX];
        struct figures run;
        line++;
        if (strncmp(at, "scenario,", strlen("scenario,")) == 0) {
            continue;
        }
        size_t place = 0;
        if (!results_read_csv(at, name, &run)) {
            fprintf(stderr, "chime-lab: %s:%lu: no line that chime-lab run --csv writes\n", path,
                    line);
            ok = false;
            break;
        }
        while (place < *count && strcmp(all[place].name, name) != 0) {
            place++;
        }
        if (place == *count && *count < SCENARIOS_MAX) {
            snprintf(all[(*count)++].name, SCENARIO_NAME_MAX, "%s", name);
        }
        ok = place < SCENARIOS_MAX && results_add(&all[place], &run);
    }
    free(text);
    return ok;
}

static bool has_twice(const struct results *results)
{
    for (size_t i = 1; i < results->count; i++) {
        if (results->runs[i].seed == results->runs[i - 1].seed) {
            fprintf(stderr, "chime-lab: %s: seed %llu is there twice\n", results->name,
                    (unsigned long long)results->runs[i].seed);
            return true;
        }
    }
    return false;
}

static enum exit_code command_merge(char **paths, int count, const struct lab_options *options)
{
    static struct results all[SCENARIOS_MAX];
    size_t scenarios = 0;
    bool ok = true;
    for (int i = 0; i < count && ok; i++) {
        ok = merge_file(paths[i], all, &scenarios);
    }
    struct text head = {.size = 0};
    if (options->format == FORMAT_CSV && ok) {
        results_csv_head(&head);
        ok = put_text(&head, stdout);
    }
    for (size_t i = 0; i < scenarios; i++) {
        results_sort(&all[i]);
        ok = ok && !has_twice(&all[i]) && put_results(&all[i], NAN, options->format);
        results_clear(&all[i]);
    }
    return ok ? LAB_OK : LAB_FAILURE;
}

/* "2/8": both of them, from 1 on. */
static bool read_shard(const char *text, struct lab_options *options)
{
    char part[16];
    const char *slash = strchr(text, '/');
    if (slash == NULL || (size_t)(slash - text) >= sizeof(part)) {
        return false;
    }
    memcpy(part, text, (size_t)(slash - text));
    part[slash - text] = '\0';
    return quantity_parse_integer(slash + 1, 1, 1000000, &options->shards) &&
           quantity_parse_integer(part, 1, options->shards, &options->shard);
}

static bool read_filter(const char *text, struct lab_options *options)
{
    for (int i = 0; scenario_filters[i] != NULL; i++) {
        if (strcmp(text, scenario_filters[i]) == 0) {
            options->filter = i;
            return true;
        }
    }
    return false;
}

/* False after a complaint. */
static bool read_option(int letter, const char *text, struct lab_options *options)
{
    bool ok = true;
    const char *wanted = "a whole number, at least 1";
    if (letter == 's') {
        ok = quantity_parse_integer(text, 0, INT64_MAX / 2, &options->seed);
    } else if (letter == 'n') {
        ok = quantity_parse_integer(text, 1, 1000000, &options->seeds);
    } else if (letter == 'j') {
        ok = quantity_parse_integer(text, 1, 256, &options->jobs);
    } else if (letter == 'S') {
        ok = read_shard(text, options);
        wanted = "I/N, such as 1/4";
    } else if (letter == 'f') {
        ok = read_filter(text, options);
        wanted = "bank, ntp, regression or none";
    } else if (letter == 'v') {
        options->is_verbose = true;
        options->jobs = 1;
    } else if (letter == 'J') {
        options->format = FORMAT_JSON;
    } else if (letter == 'C') {
        options->format = FORMAT_CSV;
    } else {
        fprintf(stderr, "chime-lab: 'chime-lab --help' lists the options\n");
        return false;
    }
    if (!ok) {
        fprintf(stderr, "chime-lab: found '%.60s'; accepted: %s\n", text, wanted);
    }
    return ok;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"seed", required_argument, NULL, 's'},
                                          {"seeds", required_argument, NULL, 'n'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"shard", required_argument, NULL, 'S'},
                                          {"filter", required_argument, NULL, 'f'},
                                          {"json", no_argument, NULL, 'J'},
                                          {"csv", no_argument, NULL, 'C'},
                                          {"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {NULL, 0, NULL, 0}};
    struct lab_options options = {.seed = 1,
                                  .seeds = 1,
                                  .jobs = sysconf(_SC_NPROCESSORS_ONLN),
                                  .shard = 1,
                                  .shards = 1,
                                  .filter = -1};
    files_keep_standard();
    options.jobs = options.jobs > 0 ? options.jobs : 1;
    int letter;
    while ((letter = getopt_long(argc, argv, "s:n:j:f:vh", longs, NULL)) != -1) {
        if (letter == 'h') {
            fputs(help_text, stdout);
            return LAB_OK;
        }
        if (letter == 'V') {
            printf("chime-lab %s\n", PACKAGE_VERSION);
            return LAB_OK;
        }
        if (!read_option(letter, optarg, &options)) {
            return LAB_USAGE;
        }
    }
    char **rest = argv + optind;
    int count = argc - optind;
    if (count >= 2 && strcmp(rest[0], "run") == 0) {
        return (int)command_run(rest + 1, count - 1, &options);
    }
    if (count >= 2 && strcmp(rest[0], "merge") == 0) {
        return (int)command_merge(rest + 1, count - 1, &options);
    }
    fprintf(stderr, "chime-lab: accepted: chime-lab run SCENARIO... or chime-lab merge FILE...; "
                    "'chime-lab --help' says more\n");
    return LAB_USAGE;
}
