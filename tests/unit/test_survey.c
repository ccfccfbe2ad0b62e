/* SPDX-License-Identifier: MIT */
#include "client/cli/command.h"
#include "client/cli/survey.h"
#include "client/cli/survey_report.h"
#include "common/host/files.h"
#include "common/host/udp.h"
#include "tests/unit/unit.h"
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

/* Servers of every character, on loopback, in a thread of their own. */
enum character {
    HONEST,
    WRONG,
    SILENT,
    GARBAGE,
    FORGED_FIRST,
    KISS,
    KISS_LATER,
    UNSYNCHRONISED,
    CHARACTERS
};

#define KISS_LATER_ANSWERS 2 /* before it has enough */

struct town {
    struct clock *clock;
    struct udp_batch *batch;
    struct udp sockets[CHARACTERS];
    struct address addresses[CHARACTERS];
    char names[CHARACTERS][ADDRESS_TEXT_MAX];
    unsigned answers; /* of the one that has enough */
    int stop[2];
    uv_thread_t thread;
};

static void answer(struct town *town, enum character character, const struct datagram *request)
{
    struct packet packet;
    if (character == SILENT || packet_parse(request->payload, &packet) != PACKET_OK) {
        return;
    }
    int64_t wrong_ns = character == WRONG ? 3600 * NS_PER_S : 0;
    packet.mode = MODE_SERVER;
    packet.stratum = 3;
    packet.precision = -20;
    packet.origin = packet.transmit;
    packet.receive = timestamp_from_unix_ns(request->received.wall.ns + wrong_ns);
    packet.refid = 0xC0000201;
    if (character == KISS || (character == KISS_LATER && town->answers++ >= KISS_LATER_ANSWERS)) {
        packet.stratum = 0;
        packet.refid = KISS_DENY;
    }
    if (character == UNSYNCHRONISED) {
        packet.leap = LEAP_UNSYNCHRONISED;
    }
    packet.transmit = timestamp_from_unix_ns(clock_read(town->clock).wall.ns + wrong_ns);
    uint8_t reply[PACKET_SIZE];
    packet_write(&packet, reply);
    struct udp *udp = &town->sockets[character];
    if (character == GARBAGE) {
        (void)!udp_send(udp, &request->source, bytes_make(reply, 20), false);
        return;
    }
    if (character == FORGED_FIRST) {
        reply[PACKET_ORIGIN_OFFSET] ^= 1;
        (void)!udp_send(udp, &request->source, bytes_make(reply, sizeof(reply)), false);
        reply[PACKET_ORIGIN_OFFSET] ^= 1;
    }
    (void)!udp_send(udp, &request->source, bytes_make(reply, sizeof(reply)), false);
}

static void serve(void *argument)
{
    struct town *town = argument;
    struct pollfd waits[CHARACTERS + 1];
    for (size_t i = 0; i < CHARACTERS; i++) {
        waits[i] = (struct pollfd){.fd = town->sockets[i].fd, .events = POLLIN};
    }
    waits[CHARACTERS] = (struct pollfd){.fd = town->stop[0], .events = POLLIN};
    while (poll(waits, CHARACTERS + 1, -1) > 0 && waits[CHARACTERS].revents == 0) {
        for (size_t i = 0; i < CHARACTERS; i++) {
            struct reading now;
            int count = udp_receive(&town->sockets[i], town->batch, town->clock, &now);
            for (int j = 0; j < count; j++) {
                answer(town, (enum character)i, &udp_batch_datagrams(town->batch)[j]);
            }
        }
    }
}

static void town_start(struct town *town)
{
    static const struct clock_fault no_fault = {0};
    town->answers = 0;
    town->clock = clock_create(&no_fault, 0);
    town->batch = udp_batch_create();
    CU_ASSERT_PTR_NOT_NULL_FATAL(town->clock);
    CU_ASSERT_PTR_NOT_NULL_FATAL(town->batch);
    for (size_t i = 0; i < CHARACTERS; i++) {
        struct udp_options options = {0};
        CU_ASSERT_TRUE_FATAL(address_parse("127.0.0.1", 1, &options.local));
        options.local.port = 0;
        CU_ASSERT_EQUAL_FATAL(udp_open(&options, &town->sockets[i]), 0);
        address_format_port(&town->sockets[i].local, town->names[i]);
    }
    CU_ASSERT_EQUAL_FATAL(pipe(town->stop), 0);
    CU_ASSERT_EQUAL_FATAL(uv_thread_create(&town->thread, serve, town), 0);
}

static void town_stop(struct town *town)
{
    CU_ASSERT_EQUAL(write(town->stop[1], "x", 1), 1);
    uv_thread_join(&town->thread);
    for (size_t i = 0; i < CHARACTERS; i++) {
        udp_close(&town->sockets[i]);
    }
    close(town->stop[0]);
    close(town->stop[1]);
    udp_batch_destroy(town->batch);
    clock_destroy(town->clock);
}

/* Long timeouts: where an answer is expected, only a machine that stands still misses it. */
static const struct survey_options patient = {.count = 1,
                                              .interval_ns = 10 * NS_PER_MS,
                                              .timeout_ns = 20 * NS_PER_S,
                                              .port = 123,
                                              .version = 4};

static void ask(const struct survey_options *options, struct survey_result *results, size_t count,
                struct selection *selection)
{
    char error[SURVEY_ERROR_MAX] = "";
    CU_ASSERT_TRUE_FATAL(survey_run(options, results, count, error));
    survey_judge(results, count, selection);
}

static void answers_become_samples(void)
{
    struct town town;
    struct selection selection;
    struct survey_options options = patient;
    options.count = 3;
    town_start(&town);
    struct survey_result results[] = {{.name = town.names[HONEST]},
                                      {.name = town.names[FORGED_FIRST]}};
    ask(&options, results, 2, &selection);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(results[i].outcome, SURVEY_OK);
        CU_ASSERT_EQUAL(results[i].sample_count, 3);
        CU_ASSERT_EQUAL(results[i].requests, 3);
        CU_ASSERT_EQUAL(results[i].best.stratum, 3);
        /* It is the same clock: the truth is 0. */
        CU_ASSERT_TRUE(results[i].best.offset_ns <= results[i].best.bound_ns);
        CU_ASSERT_TRUE(results[i].best.offset_ns >= -results[i].best.bound_ns);
        CU_ASSERT_EQUAL(results[i].sentence[0], '\0');
    }
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_TRUE(survey_report_is_good(results, 2, &selection));
    survey_clear(results, 2);
    town_stop(&town);
}

static void a_liar_is_marked(void)
{
    struct town town;
    struct selection selection;
    town_start(&town);
    struct survey_result results[] = {{.name = town.names[HONEST]},
                                      {.name = town.names[WRONG]},
                                      {.name = town.names[FORGED_FIRST]}};
    ask(&patient, results, 3, &selection);
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_FALSE(results[0].is_outside);
    CU_ASSERT_TRUE(results[1].is_outside);
    CU_ASSERT_FALSE(results[2].is_outside);
    CU_ASSERT_TRUE(results[1].best.offset_ns > 3599 * NS_PER_S);
    survey_clear(results, 3);

    /* Two that contradict each other agree on nothing. */
    struct survey_result two[] = {{.name = town.names[HONEST]}, {.name = town.names[WRONG]}};
    ask(&patient, two, 2, &selection);
    CU_ASSERT_FALSE(selection.has_agreement);
    CU_ASSERT_FALSE(survey_report_is_good(two, 2, &selection));
    survey_clear(two, 2);
    town_stop(&town);
}

static void a_server_counts_once(void)
{
    struct town town;
    struct selection selection;
    town_start(&town);
    struct survey_result results[] = {{.name = town.names[WRONG]},
                                      {.name = town.names[HONEST]},
                                      {.name = town.names[WRONG]},
                                      {.name = town.names[FORGED_FIRST]}};
    ask(&patient, results, 4, &selection);
    CU_ASSERT_EQUAL(selection.total, 3);
    CU_ASSERT_TRUE(selection.has_agreement);
    CU_ASSERT_TRUE(selection.offset_ns < NS_PER_S);
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_EQUAL(results[i].is_repeat, i == 2);
        CU_ASSERT_EQUAL(results[i].is_outside, i % 2 == 0);
    }
    survey_clear(results, 4);
    town_stop(&town);
}

static void each_failure_has_its_sentence(void)
{
    struct town town;
    struct selection selection;
    struct survey_options options = patient;
    /* Silence and garbage are only known when the time is over. */
    options.timeout_ns = 300 * NS_PER_MS;
    town_start(&town);
    struct survey_result results[] = {
        {.name = town.names[SILENT]},         {.name = town.names[GARBAGE]},
        {.name = town.names[KISS]},           {.name = town.names[UNSYNCHRONISED]},
        {.name = "[2001:db8::1%nosuch]:123"},
    };
    static const struct {
        enum survey_outcome outcome;
        const char *words;
    } wanted[] = {
        {SURVEY_SILENT, "does not answer: 3 requests"},
        {SURVEY_GARBAGE, "20 octets"},
        {SURVEY_KISS, "DENY"},
        {SURVEY_REFUSED, "not synchronised"},
        {SURVEY_UNRESOLVED, "does not resolve"},
    };
    ask(&options, results, 5, &selection);
    for (size_t i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(results[i].outcome, wanted[i].outcome);
        CU_ASSERT_PTR_NOT_NULL(strstr(results[i].sentence, wanted[i].words));
        CU_ASSERT_EQUAL(results[i].sample_count, 0);
    }
    CU_ASSERT_EQUAL(results[3].verdict, EXCHANGE_UNSYNCHRONISED);
    CU_ASSERT_FALSE(selection.has_agreement);
    CU_ASSERT_FALSE(survey_report_is_good(results, 5, &selection));
    survey_clear(results, 5);
    town_stop(&town);
}

/* What came until then is of use all the same. */
static void a_late_kiss_is_told(void)
{
    struct town town;
    struct selection selection;
    struct survey_options options = patient;
    options.count = 5;
    town_start(&town);
    struct survey_result result = {.name = town.names[KISS_LATER]};
    ask(&options, &result, 1, &selection);
    CU_ASSERT_EQUAL(result.outcome, SURVEY_OK);
    CU_ASSERT_EQUAL(result.sample_count, KISS_LATER_ANSWERS);
    CU_ASSERT_EQUAL(result.requests, KISS_LATER_ANSWERS + 1);
    CU_ASSERT_TRUE(result.has_reply);
    CU_ASSERT_EQUAL(result.verdict, EXCHANGE_KISS);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.sentence, "kiss code DENY"));
    survey_clear(&result, 1);
    town_stop(&town);
}

static void a_closed_port_is_told_at_once(void)
{
    /* A port that was free a moment ago. */
    struct udp_options options = {0};
    struct udp udp;
    CU_ASSERT_TRUE_FATAL(address_parse("127.0.0.1", 1, &options.local));
    options.local.port = 0;
    CU_ASSERT_EQUAL_FATAL(udp_open(&options, &udp), 0);
    char name[ADDRESS_TEXT_MAX];
    address_format_port(&udp.local, name);
    udp_close(&udp);

    struct selection selection;
    struct survey_result result = {.name = name};
    ask(&patient, &result, 1, &selection);
    CU_ASSERT_EQUAL(result.outcome, SURVEY_CLOSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(result.sentence, "nothing listens on UDP port"));
    CU_ASSERT_EQUAL(result.requests, 1);
    survey_clear(&result, 1);
}

/* Runs keygen with its standard output thrown away. */
static int run_keygen(const char *type, const char *path)
{
    const char *words[] = {"keygen", "-t", type, "-i", "7", "-n", "3", "--", path};
    char copies[9][64];
    char *arguments[10] = {NULL};
    for (size_t i = 0; i < 9; i++) {
        snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
        arguments[i] = copies[i];
    }
    fflush(stdout);
    int saved = dup(1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(freopen("/dev/null", "w", stdout));
    optind = 0; /* glibc: begin afresh */
    int exit_code = command_keygen(9, arguments);
    fflush(stdout);
    dup2(saved, 1);
    close(saved);
    return exit_code;
}

static void keys_can_be_read_back(void)
{
    char folder[] = "/tmp/test_survey.XXXXXX";
    char path[64];
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/keys", folder);
    for (enum key_type type = 0; type < KEY_TYPES; type++) {
        CU_ASSERT_EQUAL_FATAL(run_keygen(key_type_name(type), path), COMMAND_OK);
        struct stat status;
        CU_ASSERT_EQUAL_FATAL(stat(path, &status), 0);
        CU_ASSERT_EQUAL(status.st_mode & 07777, 0600);

        char *text;
        char error[KEYRING_ERROR_MAX];
        struct keyring keyring;
        CU_ASSERT_EQUAL_FATAL(files_read_text(path, 65536, &text), 0);
        CU_ASSERT_TRUE_FATAL(keyring_parse(text, &keyring, error));
        CU_ASSERT_EQUAL(keyring.count, 3);
        for (uint32_t id = 7; id < 10; id++) {
            const struct key *key = keyring_find(&keyring, id);
            CU_ASSERT_PTR_NOT_NULL_FATAL(key);
            CU_ASSERT_EQUAL(key->type, type);
            /* Neither guessed, nor too long for ntpd. */
            CU_ASSERT_TRUE(key->size >= 16 && key->size <= 32);
        }
        CU_ASSERT_NOT_EQUAL(memcmp(keyring.keys[0].secret, keyring.keys[1].secret, 16), 0);
        keyring_clear(&keyring);

        /* It is not replaced. */
        char *again;
        CU_ASSERT_EQUAL(run_keygen(key_type_name(type), path), COMMAND_FAILED);
        CU_ASSERT_EQUAL_FATAL(files_read_text(path, 65536, &again), 0);
        CU_ASSERT_STRING_EQUAL(text, again);
        free(text);
        free(again);
        unlink(path);
    }
    CU_ASSERT_EQUAL(run_keygen("DES", path), COMMAND_USAGE);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static const struct unit_case cases[] = {
    {"answers become samples", answers_become_samples},
    {"a liar is marked", a_liar_is_marked},
    {"a server counts once", a_server_counts_once},
    {"each failure has its sentence", each_failure_has_its_sentence},
    {"a late kiss is told", a_late_kiss_is_told},
    {"a closed port is told at once", a_closed_port_is_told_at_once},
    {"keys can be read back", keys_can_be_read_back},
};

UNIT_MAIN("survey", cases)
