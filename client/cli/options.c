/* SPDX-License-Identifier: MIT */
#include "client/cli/options.h"
#include "client/cli/command.h"
#include "common/base/quantity.h"
#include "common/host/files.h"
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_SIZE_MAX ((size_t)1 << 20)
#define INTERVAL_NS (2 * NS_PER_S)
#define TIMEOUT_NS NS_PER_S
#define NTP_PORT 123
/* Servers only keep the times of those who asked for it before: the first two replies are basic. */
#define INTERLEAVED_COUNT 4
#define HOST_MAX 256

enum long_option { OPTION_KEYS = 256, OPTION_JSON, OPTION_DRY_RUN, OPTION_STEP };

int options_complain(const char *command, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "chime %s: ", command);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    return COMMAND_USAGE;
}

int options_complain_of(const char *command, int result, int option, const char *argument)
{
    if (result == ':') {
        return options_complain(command, "option '%s' needs a value; 'chime %s --help' says which",
                                argument, command);
    }
    /* In a bundle such as -4z the letter says more than the word. */
    if (option > 0 && option < 256 && strncmp(argument, "--", 2) != 0) {
        return options_complain(
            command, "unknown option '-%c'; 'chime %s --help' lists all of them", option, command);
    }
    return options_complain(command,
                            "option '%s' is unknown or takes no value; 'chime %s --help' "
                            "lists all of them",
                            argument, command);
}

bool options_read_integer(const char *command, const char *option, const char *text,
                          const int64_t limits[2], int64_t *value)
{
    if (quantity_parse_integer(text, limits[0], limits[1], value)) {
        return true;
    }
    (void)options_complain(
        command, "option %s: '%s' was found, a whole number from %lld to %lld is accepted", option,
        text, (long long)limits[0], (long long)limits[1]);
    return false;
}

/* Seconds, or a duration with its unit. */
static bool read_duration(const char *command, const char *option, const char *text,
                          const int64_t limits[2], int64_t *ns)
{
    char with_unit[64];
    int64_t value;
    snprintf(with_unit, sizeof(with_unit), "%s s", text);
    if ((quantity_parse_duration(text, &value) ||
         (strlen(text) < sizeof(with_unit) - 3 && quantity_parse_duration(with_unit, &value))) &&
        value >= limits[0] && value <= limits[1]) {
        *ns = value;
        return true;
    }
    char least[QUANTITY_TEXT_MAX];
    char most[QUANTITY_TEXT_MAX];
    (void)options_complain(command, "option %s: '%s' was found, seconds from %s to %s are accepted",
                           option, text, quantity_format_duration(limits[0], false, least),
                           quantity_format_duration(limits[1], false, most));
    return false;
}

static bool set_family(struct options *options, const char *command, enum address_family family)
{
    enum address_family before = options->survey.family;
    if (before != ADDRESS_NONE && before != family) {
        (void)options_complain(command,
                               "-4 and -6 exclude each other: give one of them, or none for both");
        return false;
    }
    options->survey.family = family;
    return true;
}

static bool set_number(struct options *options, const char *command, int letter, const char *text)
{
    static const int64_t counts[] = {1, SURVEY_SAMPLES_MAX};
    static const int64_t ports[] = {1, 65535};
    static const int64_t versions[] = {1, PACKET_VERSION_MAX};
    static const int64_t keys[] = {1, UINT32_MAX};
    /* Faster than this is what servers call an attack. */
    static const int64_t intervals[] = {100 * NS_PER_MS, 3600 * NS_PER_S};
    static const int64_t timeouts[] = {10 * NS_PER_MS, 60 * NS_PER_S};
    struct survey_options *survey = &options->survey;
    int64_t value = 0;
    bool ok = false;
    switch (letter) {
    case 'c':
        ok = options_read_integer(command, "-c", text, counts, &value);
        survey->count = (unsigned)value;
        break;
    case 'p':
        ok = options_read_integer(command, "-p", text, ports, &value);
        survey->port = (uint16_t)value;
        break;
    case 'V':
        ok = options_read_integer(command, "-V", text, versions, &value);
        survey->version = (uint8_t)value;
        break;
    case 'k':
        ok = options_read_integer(command, "-k", text, keys, &value);
        survey->key_id = (uint32_t)value;
        break;
    case 'i':
        ok = read_duration(command, "-i", text, intervals, &survey->interval_ns);
        break;
    default: /* 't' */
        ok = read_duration(command, "-t", text, timeouts, &survey->timeout_ns);
        break;
    }
    return ok;
}

static bool set_option(struct options *options, const char *command, int letter, const char *text)
{
    switch (letter) {
    case '4':
        return set_family(options, command, ADDRESS_IPV4);
    case '6':
        return set_family(options, command, ADDRESS_IPV6);
    case 'x':
        options->survey.interleaved = true;
        return true;
    case OPTION_KEYS:
        options->keys_path = text;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_DRY_RUN:
        options->dry_run = true;
        return true;
    case OPTION_STEP:
        options->step = true;
        return true;
    default:
        return set_number(options, command, letter, text);
    }
}

static bool read_keys(struct options *options, const char *command)
{
    char *text;
    int status = files_read_text(options->keys_path, KEYS_SIZE_MAX, &text);
    if (status < 0) {
        (void)options_complain(command, "keys file %s cannot be read: %s", options->keys_path,
                               strerror(-status));
        return false;
    }
    char error[KEYRING_ERROR_MAX];
    bool ok = keyring_parse(text, &options->keyring, error);
    /* It held secrets. */
    explicit_bzero(text, strlen(text));
    free(text);
    if (!ok) {
        (void)options_complain(command, "keys file %s: %s", options->keys_path, error);
        return false;
    }
    if (keyring_find(&options->keyring, options->survey.key_id) == NULL) {
        (void)options_complain(command, "keys file %s has no key %u, which -k asks for",
                               options->keys_path, (unsigned)options->survey.key_id);
        return false;
    }
    bool is_private = true;
    if (files_is_private(options->keys_path, &is_private) == 0 && !is_private) {
        (void)options_complain(
            command, "warning: others can read the secrets in %s; chmod 600 would end that",
            options->keys_path);
    }
    options->survey.keyring = &options->keyring;
    return true;
}

static bool check_keys(struct options *options, const char *command)
{
    bool has_key = options->survey.key_id != 0;
    if (has_key != (options->keys_path != NULL)) {
        (void)options_complain(
            command, "%s was found alone: authentication needs both -k ID and --keys FILE",
            has_key ? "-k" : "--keys");
        return false;
    }
    return !has_key || read_keys(options, command);
}

static bool check_hosts(const struct options *options, const char *command)
{
    if (options->host_count == 0) {
        (void)options_complain(
            command, "no server is named; give one or several, as in 'chime %s pool.ntp.org'",
            command);
        return false;
    }
    if (options->host_count > SURVEY_SERVERS_MAX) {
        (void)options_complain(command, "%zu servers are named, at most %d are accepted",
                               options->host_count, SURVEY_SERVERS_MAX);
        return false;
    }
    for (size_t i = 0; i < options->host_count; i++) {
        char host[HOST_MAX];
        uint16_t port;
        if (!address_split(options->hosts[i], options->survey.port, host, sizeof(host), &port)) {
            (void)options_complain(
                command,
                "'%.200s' is no server: HOST, HOST:PORT or [IPv6]:PORT is accepted, with "
                "a port from 1 to 65535",
                options->hosts[i]);
            return false;
        }
    }
    return true;
}

static bool check(struct options *options, const struct options_profile *profile)
{
    if (options->survey.count == 0) {
        options->survey.count = profile->count;
        if (options->survey.interleaved && profile->count < INTERLEAVED_COUNT) {
            options->survey.count = INTERLEAVED_COUNT;
        }
    }
    if (options->survey.interleaved && options->survey.count < 2) {
        (void)options_complain(
            profile->command,
            "-x needs -c 2 or more: an interleaved reply completes the one before");
        return false;
    }
    return check_hosts(options, profile->command) && check_keys(options, profile->command);
}

bool options_parse(struct options *options, const struct options_profile *profile, int argc,
                   char **argv, int *exit_code)
{
    static const struct option names[] = {
        {"count", required_argument, NULL, 'c'},
        {"interval", required_argument, NULL, 'i'},
        {"ipv4", no_argument, NULL, '4'},
        {"ipv6", no_argument, NULL, '6'},
        {"port", required_argument, NULL, 'p'},
        {"ntp-version", required_argument, NULL, 'V'},
        {"key", required_argument, NULL, 'k'},
        {"keys", required_argument, NULL, OPTION_KEYS},
        {"interleaved", no_argument, NULL, 'x'},
        {"timeout", required_argument, NULL, 't'},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, 'h'},
        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
        {"step", no_argument, NULL, OPTION_STEP},
        {0},
    };
    *options = (struct options){.survey = {.interval_ns = INTERVAL_NS,
                                           .timeout_ns = TIMEOUT_NS,
                                           .port = NTP_PORT,
                                           .version = PACKET_VERSION_MAX,
                                           .distance_max_ns = profile->distance_max_ns}};
    *exit_code = COMMAND_USAGE;
    opterr = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, ":c:i:46p:V:k:xt:h", names, NULL)) != -1) {
        bool is_foreign = !profile->is_sync && (letter == OPTION_DRY_RUN || letter == OPTION_STEP);
        if (letter == 'h') {
            fputs(profile->help, stdout);
            *exit_code = COMMAND_OK;
            return false;
        }
        if (letter == '?' || letter == ':' || is_foreign) {
            *exit_code = options_complain_of(profile->command, is_foreign ? '?' : letter, optopt,
                                             argv[optind - 1]);
            return false;
        }
        if (!set_option(options, profile->command, letter, optarg)) {
            return false;
        }
    }
    options->hosts = argv + optind;
    options->host_count = (size_t)(argc - optind);
    return check(options, profile);
}

void options_clear(struct options *options)
{
    keyring_clear(&options->keyring);
}
