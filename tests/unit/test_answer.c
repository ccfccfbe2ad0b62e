/* SPDX-License-Identifier: MIT */
/* What chime makes of the daemon's JSON, of what is missing in it, and of what never came from
 * chimed; and its glossary. */
#include "client/cli/answer.h"
#include "client/cli/glossary.h"
#include "client/cli/sources_report.h"
#include "client/cli/status_report.h"
#include "client/cli/watch_screen.h"
#include "client/sync/exchange.h"
#include "common/base/status.h"
#include "server/responder.h"
#include "tests/unit/unit.h"
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT_ROOM ((size_t)64 << 10)

static const char full[] =
    "{\"version\":1,\"answer\":\"status\",\"program\":\"chimed\",\"program_version\":\"0.1.0\","
    "\"uptime_ns\":90061000000000,\"now_ns\":1700000000000000000,\"condition\":\"synchronised\","
    "\"reason\":\"3 of 4 agree\",\"selected\":\"ntp1\",\"claim\":{\"leap\":\"none\",\"stratum\":3,"
    "\"refid\":\"C0000201\",\"reference\":\"192.0.2.1\",\"root_delay_ns\":10000000,"
    "\"root_dispersion_ns\":2500000,\"precision_log2_s\":-24,\"reference_time_ns\":1},"
    "\"clock\":{\"control\":\"system\",\"shadow\":false,\"steering\":true,\"frequency_ppm\":-12.5,"
    "\"steps\":2,\"last_step_ns\":-1500000000,\"last_step_at_ns\":1600000000000000000,"
    "\"leap\":\"insert\",\"tai_offset_s\":37,\"smear_ns\":0},"
    "\"interval\":{\"earliest_ns\":1699999999999000000,\"latest_ns\":1700000000002000000},"
    "\"epoch\":{\"number\":4,\"reason\":\"the machine slept\"},"
    "\"assumptions\":{\"drift_class\":\"normal\",\"drift_ppm\":15,\"sources\":4,\"faults\":1,"
    "\"needed\":3,\"agreeing\":3},"
    "\"estimate\":{\"offset_ns\":12345.6,\"offset_sd_ns\":100,\"rate_ppm\":1,\"rate_sd_ppm\":0.01,"
    "\"residual_ppm\":0.1},\"updates\":{\"age_ns\":5000000000,\"interval_ns\":64000000000,"
    "\"last_offset_ns\":-2000,\"rms_offset_ns\":3000},"
    "\"activity\":{\"online\":4,\"offline\":1,\"bursting_online\":0,\"bursting_offline\":0,"
    "\"unresolved\":2},\"server\":{\"listening\":[\"0.0.0.0:123\"],\"received\":10,\"answered\":7,"
    "\"clients\":2,\"verdicts\":{\"answered\":7,\"access denied\":3}}}";

static const char sources[] =
    "{\"version\":1,\"answer\":\"sources\",\"sources\":["
    "{\"name\":\"good\",\"host\":\"a.example\",\"kind\":\"server\",\"address\":\"192.0.2.1\","
    "\"port\":123,\"state\":\"selected\",\"reason\":\"it counts\",\"poll_log2_s\":6,\"reach\":253,"
    "\"answered_ago_ns\":12000000000,\"online\":true,\"sample\":{\"stratum\":2,"
    "\"offset_ns\":-5,\"reference\":\"GPS\"},\"estimate\":{\"offset_ns\":-1500},"
    "\"interval\":{\"earliest_ns\":-1000000,\"latest_ns\":3000000},\"weight\":0.5},"
    "{\"name\":\"liar\",\"state\":\"falseticker\",\"reason\":\"50 ms off what 3 agree on\","
    "\"poll_log2_s\":-3,\"reach\":0}]}";

static char *out;
static size_t out_size;

static FILE *begin_text(void)
{
    free(out);
    out = NULL;
    return open_memstream(&out, &out_size);
}

static bool says(const char *words)
{
    bool found = strstr(out, words) != NULL;
    if (!found) {
        fprintf(stderr, "'%s' is not in:\n%s\n", words, out);
    }
    return found;
}

static json_t *load(const char *line)
{
    char error[ANSWER_ERROR_MAX] = "";
    json_t *object = answer_parse(line, error);
    if (object == NULL) {
        fprintf(stderr, "%s\n", error);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(object);
    return object;
}

static void refuses_what_is_no_answer(void)
{
    static const struct {
        const char *line;
        const char *said;
    } cases[] = {
        {"", "is no JSON"},
        {"SSH-2.0-OpenSSH", "'SSH-2.0-OpenSSH' is no JSON"},
        {"{\"version\":1", "is no JSON"},
        {"\x1b[2Jboo", "'?[2Jboo' is no JSON"},
        {"[]", "not chimed"},
        {"{}", "not chimed"},
        {"{\"version\":\"1\"}", "not chimed"},
        {"{\"version\":99999999999999999999}", "is no JSON"},
        {"{\"version\":1,\"version\":1}", "is no JSON"},
        {"{\"version\":2,\"answer\":\"status\"}",
         "version 2 of its format, this chime knows version 1"},
        {"{\"version\":0}", "version 0 of its format"},
        {"{\"version\":1,\"error\":\"no, you\\u001b may not\"}", "no, you? may not"},
        {"{\"version\":1,\"error\":5}", "says no reason"},
        {"{\"version\":1,\"error\":\"\"}", "says no reason"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char error[ANSWER_ERROR_MAX] = "";
        CU_ASSERT_PTR_NULL(answer_parse(cases[i].line, error));
        CU_ASSERT_PTR_NOT_NULL(strstr(error, cases[i].said));
    }
    /* Deep nesting ends in an error, not in a crash. */
    char *deep = malloc(200001);
    char error[ANSWER_ERROR_MAX] = "";
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    CU_ASSERT_PTR_NULL(answer_parse(deep, error));
    free(deep);
}

static void formats_what_is_there(void)
{
    char text[ANSWER_TEXT_MAX];
    char few[QUANTITY_TEXT_MAX];
    json_t *object =
        load("{\"version\":1,\"d\":-1500,\"r\":1e300,\"big\":9223372036854775807,\"f\":-1e300,"
             "\"t\":\"a\\u001b[31m\\u0085\\u007f\\u00fc\",\"p\":17,\"q\":-3,\"w\":99,\"null\":null,"
             "\"min\":-9223372036854775808,\"day\":1700000000123456789,\"before\":-1}");
    CU_ASSERT_STRING_EQUAL(answer_duration(object, "d", true, few), "-1.50 us");
    CU_ASSERT_STRING_EQUAL(answer_side(object, "d"), "is ahead");
    CU_ASSERT_STRING_EQUAL(answer_side(object, "null"), "unknown");
    CU_ASSERT_STRING_EQUAL(answer_duration(object, "null", true, few), "unknown");
    CU_ASSERT_STRING_EQUAL(answer_duration(object, "r", true, few), "+9223372037 s");
    CU_ASSERT_STRING_EQUAL(answer_duration(object, "f", true, few), "-9223372037 s");
    CU_ASSERT_STRING_EQUAL(answer_rate(object, "r", true, few), "+1e+300 ppm");
    CU_ASSERT_STRING_EQUAL(answer_rate(object, "d", true, few), "-1500.000 ppm");
    CU_ASSERT_STRING_EQUAL(answer_text(object, "t", text), "a?[31m??\xc3\xbc");
    CU_ASSERT_STRING_EQUAL(answer_text(object, "d", text), "unknown");
    CU_ASSERT_STRING_EQUAL(answer_count(object, "big", few), "9223372036854775807");
    CU_ASSERT_STRING_EQUAL(answer_count(object, "r", few), "unknown");
    CU_ASSERT_STRING_EQUAL(answer_poll(object, "p", few), "131072 s");
    CU_ASSERT_STRING_EQUAL(answer_poll(object, "q", few), "1/8 s");
    CU_ASSERT_STRING_EQUAL(answer_poll(object, "w", few), "unknown");
    CU_ASSERT_STRING_EQUAL(answer_date(object, "day", few), "2023-11-14 22:13:20.123 UTC");
    CU_ASSERT_STRING_EQUAL(answer_date(object, "before", few), "1969-12-31 23:59:59.999 UTC");
    CU_ASSERT_STRING_EQUAL(answer_date(object, "min", few), "unknown");
    CU_ASSERT_STRING_EQUAL(answer_date(object, "big", few), "2262-04-11 23:47:16.854 UTC");
    CU_ASSERT_STRING_EQUAL(answer_format_age(0, few), "0.0 s");
    CU_ASSERT_STRING_EQUAL(answer_format_age(INT64_C(64000000000), few), "64 s");
    CU_ASSERT_STRING_EQUAL(answer_format_age(INT64_C(150000000000), few), "2.5 min");
    CU_ASSERT_STRING_EQUAL(answer_format_age(INT64_C(90061000000000), few), "25 h");
    CU_ASSERT_STRING_EQUAL(answer_format_age(INT64_MAX, few), "106752 d");
    CU_ASSERT_STRING_EQUAL(answer_duration(NULL, "d", true, few), "unknown");
    json_decref(object);
}

static void cuts_long_texts(void)
{
    char text[ANSWER_TEXT_MAX];
    char *line = malloc(8192);
    /* 639 octets fit; a character of two octets must not be cut in half. */
    for (size_t shift = 0; shift < 2; shift++) {
        strcpy(line, "{\"version\":1,\"t\":\"");
        strcat(line, shift == 1 ? "x" : "");
        for (int i = 0; i < 1000; i++) {
            strcat(line, "\xc3\xbc");
        }
        strcat(line, "\"}");
        json_t *object = load(line);
        answer_text(object, "t", text);
        CU_ASSERT_EQUAL(strlen(text), shift == 0 ? 638 : 639);
        CU_ASSERT_STRING_EQUAL(text + strlen(text) - 2, "\xc3\xbc");
        json_decref(object);
    }
    free(line);
}

static void prints_a_status(void)
{
    json_t *object = load(full);
    FILE *file = begin_text();
    status_report_print(file, object, "/run/x", &paint_none);
    fclose(file);
    static const char *const words[] = {
        "chimed 0.1.0 at /run/x, up for 25 h",
        "synchronised: 3 of 4 agree",
        "+12.35 us, standard deviation 100 ns: our clock is behind",
        "UTC is -1.00 ms to +2.00 ms from our clock: +/- 1.50 ms",
        "at most 1 of 4 sources lie or are silent, and the clock drifts by at most 15.000 ppm "
        "(class normal)",
        "4, since the machine slept",
        "system; steered; frequency -12.500 ppm",
        "2, the last by -1.50 s at 2020-09-13 12:26:40.000 UTC",
        "insert at the end of this UTC day",
        "37 s",
        "5.0 s ago, 64 s after the one before; it found -2.00 us (root mean square 3.00 us)",
        "4 online, 1 offline, 2 unresolved; 3 agree, 3 must",
        "stratum 3, reference 192.0.2.1 (ntp1), root delay 10.0 ms, root dispersion 2.50 ms",
        "0.0.0.0:123",
        "7 of 10 answered; clients remembered: 2",
        "access denied: 3",
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        CU_ASSERT_TRUE(says(words[i]));
    }
    CU_ASSERT_PTR_NULL(strchr(out, '\x1b'));
    CU_ASSERT_PTR_NULL(strstr(out, "unknown"));
    json_decref(object);
}

/* Every key taken away, or turned into something else: never a crash, and no nonsense. */
static void survives_what_is_missing(void)
{
    static const char *const others[] = {"null", "\"x\"", "-9223372036854775808", "1e308", "[]",
                                         "{}",   "true"};
    json_t *whole = load(full);
    json_t *list = load(sources);
    json_t *holders[] = {whole, list, json_array_get(json_object_get(list, "sources"), 0)};
    struct watch_history history = {0};
    for (size_t holder = 0; holder < COUNT(holders); holder++) {
        json_t *keys = json_copy(holders[holder]);
        const char *key;
        json_t *value;
        json_object_foreach(keys, key, value)
        {
            for (size_t other = 0; other <= COUNT(others); other++) {
                if (other == COUNT(others)) {
                    json_object_del(holders[holder], key);
                } else {
                    json_object_set_new(holders[holder], key,
                                        json_loads(others[other], JSON_DECODE_ANY, NULL));
                }
                FILE *file = begin_text();
                status_report_print(file, whole, "/run/x", &paint_none);
                status_report_tracking(file, whole);
                sources_report_print(file, list, false, &paint_none);
                sources_report_print(file, list, true, &paint_none);
                watch_history_add(&history, whole);
                watch_screen_print(file, &history, whole, list, (struct watch_size){80, 24},
                                   &paint_none);
                watch_screen_line(file, whole, list);
                fclose(file);
                CU_ASSERT_PTR_NULL(strstr(out, "(null)"));
                CU_ASSERT_PTR_NULL(strstr(out, "nan"));
            }
            json_object_set(holders[holder], key, value);
        }
        json_decref(keys);
    }
    FILE *file = begin_text();
    json_t *empty = load("{\"version\":1}");
    status_report_print(file, empty, "/run/x", &paint_none);
    status_report_tracking(file, empty);
    fclose(file);
    CU_ASSERT_TRUE(says("interval      none"));
    json_decref(empty);
    json_decref(list);
    json_decref(whole);
}

static void prints_sources(void)
{
    json_t *object = load(sources);
    FILE *file = begin_text();
    sources_report_print(file, object, false, &paint_none);
    fclose(file);
    CU_ASSERT_TRUE(says("good             192.0.2.1              selected               2    64 s "
                        "7 of 8     12 s    -1.50 us    2.00 ms\n"));
    CU_ASSERT_TRUE(says("liar             -                      falseticker            -   1/8 s "
                        "0 of 8        -           -          -\n"));
    CU_ASSERT_TRUE(says("liar is not used (falseticker): 50 ms off what 3 agree on\n"));
    CU_ASSERT_PTR_NULL(strstr(out, "good is not used"));
    file = begin_text();
    sources_report_print(file, object, true, &paint_none);
    fclose(file);
    CU_ASSERT_TRUE(says("good: server a.example at 192.0.2.1 port 123\n"));
    CU_ASSERT_TRUE(says("reference GPS"));
    CU_ASSERT_TRUE(says("our clock is ahead"));
    CU_ASSERT_TRUE(says("last asked: never, last answer: 12 s ago"));
    json_decref(object);
    object = load("{\"version\":1,\"sources\":[]}");
    file = begin_text();
    sources_report_print(file, object, false, &paint_none);
    fclose(file);
    CU_ASSERT_TRUE(says("No source is configured"));
    json_decref(object);
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text != '\0'; text++) {
        lines += *text == '\n' ? 1 : 0;
    }
    return lines;
}

static void keeps_to_the_screen(void)
{
    json_t *status = load(full);
    json_t *list = load(sources);
    struct watch_history history = {0};
    for (int i = 0; i < 600; i++) {
        watch_history_add(&history, status);
    }
    CU_ASSERT_EQUAL(history.count, WATCH_POINTS_MAX);
    for (size_t rows = 11; rows < 60; rows++) {
        for (size_t columns = 1; columns < 700; columns += 77) {
            FILE *file = begin_text();
            watch_screen_print(file, &history, status, list, (struct watch_size){columns, rows},
                               &paint_none);
            fclose(file);
            CU_ASSERT_TRUE(lines_of(out) <= rows);
        }
    }
    json_decref(list);
    json_decref(status);
}

static void plots_offset_and_interval(void)
{
    struct watch_history history = {0};
    json_t *status = load(full);
    FILE *file = begin_text();
    watch_screen_plot(file, &history, (struct watch_size){20, 5}, &paint_none);
    fclose(file);
    CU_ASSERT_EQUAL(lines_of(out), 5);
    CU_ASSERT_PTR_NULL(strchr(out, '*'));
    /* Behind by 1 ms, within -1 ms to 2 ms. */
    json_object_set_new(json_object_get(status, "estimate"), "offset_ns", json_integer(1000000));
    watch_history_add(&history, status);
    file = begin_text();
    watch_screen_plot(file, &history, (struct watch_size){17, 5}, &paint_none);
    fclose(file);
    CU_ASSERT_STRING_EQUAL(out, "   +2.00 ms |  :\n"
                                "            |  *\n"
                                "       0 ns |--:\n"
                                "            |  :\n"
                                "   -2.00 ms |   \n");
    json_decref(status);
}

static void explains_every_word(void)
{
    for (int i = 0; i < SOURCE_STATES; i++) {
        CU_ASSERT_PTR_NOT_NULL(glossary_find(source_state_name((enum source_state)i)));
    }
    for (int i = 0; i < SOURCE_KINDS; i++) {
        CU_ASSERT_PTR_NOT_NULL(glossary_find(source_kind_name((enum source_kind)i)));
    }
    for (int i = 0; i < SYNC_CONDITIONS; i++) {
        CU_ASSERT_PTR_NOT_NULL(glossary_find(sync_condition_name((enum sync_condition)i)));
    }
    for (int i = 0; i < RESPONDER_VERDICTS; i++) {
        CU_ASSERT_PTR_NOT_NULL(glossary_find(responder_verdict_name((enum responder_verdict)i)));
    }
    for (int i = 0; i < EXCHANGE_VERDICTS; i++) {
        CU_ASSERT_PTR_NOT_NULL(glossary_find(exchange_verdict_name((enum exchange_verdict)i)));
    }
    static const char *const words[] = {
        "offset", "delay",       "root distance", "Root_Dispersion", "stratum",       "refid",
        "reach",  "poll",        "jitter",        "falseticker",     "truechimer",    "interval",
        "bound",  "drift class", "holdover",      "panic",           "leap second",   "smear",
        "orphan", "step",        "slew",          "interleaved",     "kiss of death", "shadow",
        "epoch",  "faults"};
    for (size_t i = 0; i < COUNT(words); i++) {
        CU_ASSERT_PTR_NOT_NULL(glossary_find(words[i]));
    }
    CU_ASSERT_PTR_NULL(glossary_find("xyzzy"));
    CU_ASSERT_PTR_NULL(glossary_find(""));
}

/* No word stands for two things, and every "see also" is there. */
static void has_a_sound_glossary(void)
{
    for (size_t i = 0; i < glossary_count(); i++) {
        const struct glossary_entry *entry = glossary_entry(i);
        const char *lists[] = {entry->names, entry->see != NULL ? entry->see : ""};
        for (size_t list = 0; list < COUNT(lists); list++) {
            for (const char *at = lists[list]; *at != '\0';) {
                char name[64];
                size_t size = glossary_title_size(at);
                snprintf(name, sizeof(name), "%.*s", (int)size, at);
                const struct glossary_entry *found = glossary_find(name);
                CU_ASSERT_PTR_NOT_NULL(found);
                CU_ASSERT_TRUE(list == 1 || found == entry);
                if (found == NULL || (list == 0 && found != entry)) {
                    fprintf(stderr, "'%s' of '%s'\n", name, entry->names);
                }
                at += size + (at[size] == '|' ? 1 : 0);
            }
        }
    }
    CU_ASSERT_PTR_NULL(glossary_entry(glossary_count()));
}

static void finds_near_words(void)
{
    static const struct {
        const char *word;
        const char *nearest; /* the first; NULL: none */
    } cases[] = {
        {"falsticker", "falseticker"}, {"stratm", "stratum"}, {"sinchronised", "synchronised"},
        {"kod!", "kiss of death"},     {"xyzzy", NULL},       {"", NULL}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct glossary_entry *nearest[GLOSSARY_NEAREST_MAX];
        size_t count = glossary_nearest(cases[i].word, nearest, GLOSSARY_NEAREST_MAX);
        CU_ASSERT_EQUAL(count > 0, cases[i].nearest != NULL);
        if (count > 0 && cases[i].nearest != NULL) {
            size_t size = strlen(cases[i].nearest);
            CU_ASSERT_EQUAL(strncmp(nearest[0]->names, cases[i].nearest, size), 0);
        }
    }
}

static const struct unit_case cases[] = {
    {"refuses what is no answer", refuses_what_is_no_answer},
    {"formats what is there", formats_what_is_there},
    {"cuts long texts", cuts_long_texts},
    {"prints a status", prints_a_status},
    {"survives what is missing", survives_what_is_missing},
    {"prints sources", prints_sources},
    {"keeps to the screen", keeps_to_the_screen},
    {"plots offset and interval", plots_offset_and_interval},
    {"explains every word", explains_every_word},
    {"has a sound glossary", has_a_sound_glossary},
    {"finds near words", finds_near_words},
};

int main(void)
{
    int status = unit_run("answer", cases, sizeof(cases) / sizeof(cases[0]));
    free(out);
    return status;
}
