/* SPDX-License-Identifier: MIT */
#include "server/state_files.h"
#include "tests/unit/unit.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define S INT64_C(1000000000)
#define DAY (86400 * S)
#define SAVED_NS (INT64_C(1795203222) * S + 15175322) /* 2026-11-20 */

static char folder[64];
static unsigned warnings;
static char last_warning[STATE_FILES_ERROR_MAX];

static void on_warning(void *context, const char *sentence)
{
    (void)context;
    warnings++;
    snprintf(last_warning, sizeof(last_warning), "%s", sentence);
}

static struct state_files begin(void)
{
    char name[] = "/tmp/test_state_files.XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(name));
    snprintf(folder, sizeof(folder), "%s", name);
    warnings = 0;
    last_warning[0] = 0;
    /* What others left on this machine is none of the tests' business. */
    return (struct state_files){.folder = folder, .root = folder, .warn = on_warning};
}

static void remove_all(const char *path)
{
    DIR *all = opendir(path);
    struct dirent *entry;
    char inner[PATH_MAX];
    while (all != NULL && (entry = readdir(all)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
            if (unlink(inner) != 0) {
                remove_all(inner);
            }
        }
    }
    if (all != NULL) {
        closedir(all);
    }
    (void)rmdir(path);
}

static void end(void)
{
    remove_all(folder);
}

static void date(const char *name, int64_t ns)
{
    char path[PATH_MAX];
    struct timespec times[2] = {{.tv_sec = ns / S}, {.tv_sec = ns / S}};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* A file of the folder, folders of its own included, as of then. */
static void put(const char *name, const char *text, int64_t ns)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        (void)mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT(fputs(text, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
    date(name, ns);
}

static const struct wall now = {SAVED_NS};

static void test_rate_comes_back(void)
{
    struct state_files files = begin();
    char error[STATE_FILES_ERROR_MAX] = "";
    struct state_rate rate;
    struct action_save save = {.what = SAVED_RATE, .rate_ppm = -12.3456784, .rate_sd_ppm = 0.0123};
    CU_ASSERT_FALSE(state_files_read_rate(&files, now, &rate));
    CU_ASSERT_EQUAL(warnings, 0); /* the first start */
    CU_ASSERT_TRUE(state_files_save(&files, &save, error));
    date("drift", SAVED_NS);
    CU_ASSERT_TRUE_FATAL(state_files_read_rate(&files, now, &rate));
    CU_ASSERT_DOUBLE_EQUAL(rate.rate_ppm, -12.345678, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(rate.rate_sd_ppm, 0.0123, 1e-9);
    CU_ASSERT_PTR_NOT_NULL(strstr(rate.origin, "/drift"));
    CU_ASSERT_EQUAL(warnings, 0);
    end();
}

static void test_time_comes_back_to_the_nanosecond(void)
{
    struct state_files files = begin();
    char error[STATE_FILES_ERROR_MAX] = "";
    struct action_save save = {.what = SAVED_TIME, .time = {SAVED_NS}};
    struct wall time = {0};
    CU_ASSERT_FALSE(state_files_read_time(&files, now, &time));
    CU_ASSERT_TRUE(state_files_save(&files, &save, error));
    date("time", SAVED_NS);
    CU_ASSERT_TRUE(state_files_read_time(&files, now, &time));
    CU_ASSERT_EQUAL(time.ns, SAVED_NS);
    CU_ASSERT_EQUAL(warnings, 0);
    end();
}

/* The clock of a machine without a battery: at boot it shows 1970, or what the system was built. */
static void test_time_is_believed_where_the_clock_was_not_set(void)
{
    static const int64_t clocks[] = {0, SAVED_NS - 400 * DAY, SAVED_NS - S, SAVED_NS + 400 * DAY};
    struct state_files files = begin();
    struct wall time = {0};
    put("time", "chimed time 1\n1795203222.015175322\n", SAVED_NS + S);
    for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        CU_ASSERT_TRUE(state_files_read_time(&files, (struct wall){clocks[i]}, &time));
        CU_ASSERT_EQUAL(time.ns, SAVED_NS);
    }
    /* A shadow clock knew the time, and the system clock, which dates files, did not. */
    date("time", 100 * S);
    CU_ASSERT_TRUE(state_files_read_time(&files, (struct wall){200 * S}, &time));
    CU_ASSERT_EQUAL(warnings, 0);
    end();
}

static void test_time_to_come_is_ignored(void)
{
    struct state_files files = begin();
    struct wall time = {7};
    put("time", "chimed time 1\n1795400000.000000000\n", SAVED_NS);
    CU_ASSERT_FALSE(state_files_read_time(&files, now, &time));
    CU_ASSERT_EQUAL(warnings, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_warning, "has not come yet"));
    put("time", "chimed time 1\n9795400000.000000000\n", 100 * S);
    CU_ASSERT_FALSE(state_files_read_time(&files, now, &time));
    CU_ASSERT_EQUAL(warnings, 2);
    CU_ASSERT_EQUAL(time.ns, 7);
    end();
}

static void test_damaged_time_is_ignored(void)
{
    static const char *const texts[] = {
        "",
        "\n",
        "chimed time 1",
        "chimed time 1\n",
        "chimed time 2\n1795203222.015175322\n",
        "chimed drift 1\n1795203222.015175322\n",
        "chimed time 1\n-1795203222.015175322\n",
        "chimed time 1\n1795203222\n",
        "chimed time 1\n1795203222.0151\n",
        "chimed time 1\n1795203222.015175322 x\n",
        "chimed time 1\n17952032220000.015175322\n",
        "chimed time 1\n99999999999999999999999.015175322\n",
        "chimed time 1\n18446744073709551615.015175322\n",
        "chimed time 1\n1195203222.015175322\n", /* 2007: before all of this */
        "chimed time 1\nnan.015175322\n",
    };
    struct state_files files = begin();
    struct wall time = {7};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put("time", texts[i], SAVED_NS);
        CU_ASSERT_FALSE(state_files_read_time(&files, now, &time));
        CU_ASSERT_EQUAL(warnings, i + 1);
    }
    CU_ASSERT_EQUAL(time.ns, 7);
    end();
}

static void test_damaged_rate_is_ignored(void)
{
    static const char *const texts[] = {
        "",
        "-12.3 0.1\n",
        "chimed drift 1\n",
        "chimed drift 1\n12.3\n",
        "chimed drift 1\n12.3 0.1 7\n",
        "chimed drift 1\nnan 0.1\n",
        "chimed drift 1\n12.3 nan\n",
        "chimed drift 1\ninf 0.1\n",
        "chimed drift 1\n1e308 0.1\n",
        "chimed drift 1\n1000.001 0.1\n",
        "chimed drift 1\n-1000.001 0.1\n",
        "chimed drift 1\n12.3 -0.1\n",
        "chimed drift 1\n12.3 0.1\nmore\n",
        "chimed drift 9\n12.3 0.1\n",
    };
    struct state_files files = begin();
    struct state_rate rate = {.rate_ppm = 7};
    put("var/lib/chrony/drift", "1.0 0.1\n", SAVED_NS); /* no way around our own */
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put("drift", texts[i], SAVED_NS);
        CU_ASSERT_FALSE(state_files_read_rate(&files, now, &rate));
        CU_ASSERT_EQUAL(warnings, i + 1);
    }
    CU_ASSERT_EQUAL(rate.rate_ppm, 7);
    end();
}

static void test_rate_of_the_future_is_ignored(void)
{
    struct state_files files = begin();
    struct state_rate rate;
    put("drift", "chimed drift 1\n12.3 0.1\n", SAVED_NS + 2 * DAY);
    CU_ASSERT_FALSE(state_files_read_rate(&files, now, &rate));
    CU_ASSERT_EQUAL(warnings, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(last_warning, "future"));
    end();
}

static void test_what_is_no_file_is_ignored(void)
{
    struct state_files files = begin();
    struct state_rate rate;
    struct wall time;
    put("drift/inner", "", SAVED_NS);
    CU_ASSERT_FALSE(state_files_read_rate(&files, now, &rate));
    CU_ASSERT_EQUAL(warnings, 1);
    char *large = malloc(100000);
    CU_ASSERT_PTR_NOT_NULL_FATAL(large);
    memset(large, '1', 100000);
    large[99999] = 0;
    put("time", large, SAVED_NS);
    free(large);
    CU_ASSERT_FALSE(state_files_read_time(&files, now, &time));
    CU_ASSERT_EQUAL(warnings, 2);
    end();
}

struct foreign {
    const char *path, *text;
    double rate_ppm, sd_ppm;
};

static void test_others_rates_are_read(void)
{
    static const struct foreign others[] = {
        {"var/lib/chrony/drift", "           -5.402142             0.236189\n", 5.402142, 0.236189},
        {"var/lib/chrony/drift", "4.0 0.001\n", -4.0, 0.1},
        {"var/lib/chrony/chrony.drift", "4.0 0.2\n", -4.0, 0.2},
        {"var/lib/ntpsec/ntp.drift", "-17.208\n", -17.208, 1.0},
        {"var/lib/ntp/ntp.drift", "17.208\n", 17.208, 1.0},
        {"var/lib/ntp/drift", "0.5", 0.5, 1.0},
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct state_files files = begin();
        struct state_rate rate;
        put(others[i].path, others[i].text, SAVED_NS);
        CU_ASSERT_TRUE_FATAL(state_files_read_rate(&files, now, &rate));
        CU_ASSERT_DOUBLE_EQUAL(rate.rate_ppm, others[i].rate_ppm, 1e-9);
        CU_ASSERT_DOUBLE_EQUAL(rate.rate_sd_ppm, others[i].sd_ppm, 1e-9);
        CU_ASSERT_PTR_NOT_NULL(strstr(rate.origin, others[i].path));
        CU_ASSERT_EQUAL(warnings, 0);

        put("drift", "chimed drift 1\n1.5 0.1\n", SAVED_NS); /* but once */
        CU_ASSERT_TRUE_FATAL(state_files_read_rate(&files, now, &rate));
        CU_ASSERT_DOUBLE_EQUAL(rate.rate_ppm, 1.5, 1e-9);
        end();
    }
}

static void test_damaged_rates_of_others_are_passed_over(void)
{
    struct state_files files = begin();
    struct state_rate rate;
    put("var/lib/chrony/drift", "nan nan\n", SAVED_NS);
    put("var/lib/ntpsec/ntp.drift", "", SAVED_NS);
    put("var/lib/ntp/ntp.drift", "2.5\n", SAVED_NS);
    CU_ASSERT_TRUE(state_files_read_rate(&files, now, &rate));
    CU_ASSERT_DOUBLE_EQUAL(rate.rate_ppm, 2.5, 1e-9);
    CU_ASSERT_EQUAL(warnings, 2);
    end();
}

static void test_refused_save_says_why(void)
{
    struct state_files files = begin();
    char error[STATE_FILES_ERROR_MAX] = "";
    char missing[PATH_MAX];
    struct action_save save = {.what = SAVED_RATE, .rate_ppm = 1, .rate_sd_ppm = 1};
    snprintf(missing, sizeof(missing), "%.64s/missing", folder);
    files.folder = missing;
    CU_ASSERT_FALSE(state_files_save(&files, &save, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "missing/drift: No such file"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "make the folder"));
    files.folder = NULL;
    CU_ASSERT_FALSE(state_files_save(&files, &save, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "state-dir"));
    files.folder = folder;
    save.rate_ppm = 50000;
    CU_ASSERT_FALSE(state_files_save(&files, &save, error));
    save.rate_ppm = NAN;
    CU_ASSERT_FALSE(state_files_save(&files, &save, error));
    end();
}

static void test_damaged_file_is_replaced(void)
{
    struct state_files files = begin();
    char error[STATE_FILES_ERROR_MAX] = "";
    struct state_rate rate;
    struct action_save save = {.what = SAVED_RATE, .rate_ppm = 3, .rate_sd_ppm = 1};
    put("drift", "rubbish", SAVED_NS);
    CU_ASSERT_TRUE(state_files_save(&files, &save, error));
    date("drift", SAVED_NS);
    CU_ASSERT_TRUE(state_files_read_rate(&files, now, &rate));
    CU_ASSERT_DOUBLE_EQUAL(rate.rate_ppm, 3, 1e-9);
    CU_ASSERT_EQUAL(warnings, 0);
    end();
}

static void test_mark_is_found_until_it_is_removed(void)
{
    struct state_files files = begin();
    char error[STATE_FILES_ERROR_MAX] = "";
    double rate_ppm = 7;
    CU_ASSERT_FALSE(state_files_find_mark(&files, &rate_ppm));
    CU_ASSERT_EQUAL(rate_ppm, 7);
    CU_ASSERT_TRUE(state_files_mark(&files, -4.25, error));
    CU_ASSERT_TRUE(state_files_find_mark(&files, &rate_ppm));
    CU_ASSERT_DOUBLE_EQUAL(rate_ppm, -4.25, 1e-9);
    put("steering", "rubbish", SAVED_NS); /* somebody steered all the same */
    CU_ASSERT_TRUE(state_files_find_mark(&files, &rate_ppm));
    CU_ASSERT_EQUAL(rate_ppm, 0);
    CU_ASSERT_EQUAL(warnings, 1);
    state_files_unmark(&files);
    CU_ASSERT_FALSE(state_files_find_mark(&files, &rate_ppm));
    end();
}

static const struct unit_case cases[] = {
    {"the rate comes back", test_rate_comes_back},
    {"the time comes back to the nanosecond", test_time_comes_back_to_the_nanosecond},
    {"a time is believed where the clock was not set",
     test_time_is_believed_where_the_clock_was_not_set},
    {"a time to come is ignored", test_time_to_come_is_ignored},
    {"a damaged time is ignored", test_damaged_time_is_ignored},
    {"a damaged rate is ignored", test_damaged_rate_is_ignored},
    {"a rate of the future is ignored", test_rate_of_the_future_is_ignored},
    {"what is no file is ignored", test_what_is_no_file_is_ignored},
    {"others' rates are read", test_others_rates_are_read},
    {"damaged rates of others are passed over", test_damaged_rates_of_others_are_passed_over},
    {"a refused save says why", test_refused_save_says_why},
    {"a damaged file is replaced", test_damaged_file_is_replaced},
    {"a mark is found until it is removed", test_mark_is_found_until_it_is_removed},
};
UNIT_MAIN("state_files", cases)
