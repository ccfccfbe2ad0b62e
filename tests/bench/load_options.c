/* SPDX-License-Identifier: MIT */
#include "tests/bench/load.h"
#include <arpa/inet.h>
#include <getopt.h>
#include <math.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char USAGE[] =
    "usage: load [options] SERVER-IPV4 PORT\n"
    "  --interface NAME --server-mac MAC   send frames there, from many source addresses\n"
    "  --sources N                         how many (1; at most 100000)\n"
    "  --first ADDRESS                     the first of them (10.200.0.0)\n"
    "  --rate N                            requests per second (0: as many as possible)\n"
    "  --window N                          at most so many under way (0: any number)\n"
    "  --seconds S --warm S --wait S       measure for S, after S, giving the first answer S\n"
    "  --key 'ID TYPE KEY'                 requests with a MAC\n"
    "  --sample N                          read one answer in N, count the others\n"
    "  --echo                              the answer is the request itself\n"
    "  --watch PID                         whose CPU time to count (at most 4 times)\n";

static bool complain(const char *name, const char *value, const char *accepted)
{
    fprintf(stderr, "load: %s: expected %s, found '%s'\n%s", name, accepted, value, USAGE);
    return false;
}

static bool read_number(const char *name, const char *text, double limit, double *value)
{
    char *end;

    *value = strtod(text, &end);
    if (end == text || *end || !(*value >= 0 && *value <= limit)) {
        char accepted[64];
        snprintf(accepted, sizeof(accepted), "a number from 0 to %.0f", limit);
        return complain(name, text, accepted);
    }
    return true;
}

static bool read_address(const char *name, const char *text, uint32_t *address)
{
    struct in_addr parsed;

    if (inet_pton(AF_INET, text, &parsed) != 1) {
        return complain(name, text, "an IPv4 address");
    }
    *address = ntohl(parsed.s_addr);
    return true;
}

static bool read_mac(const char *text, uint8_t *mac)
{
    int end = 0;

    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5], &end) != 6 ||
        text[end]) {
        return complain("--server-mac", text, "six octets such as 02:00:00:00:00:02");
    }
    return true;
}

static bool read_interface(const char *name, struct load_options *options)
{
    struct ifreq request = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
    int failed = ioctl(fd, SIOCGIFHWADDR, &request);
    close(fd);
    if (failed) {
        return complain("--interface", name, "a network interface that is there");
    }
    memcpy(options->path.local_mac, request.ifr_hwaddr.sa_data, 6);
    options->interface = name;
    return true;
}

enum load_option {
    OPTION_INTERFACE = 1,
    OPTION_SERVER_MAC,
    OPTION_SOURCES,
    OPTION_FIRST,
    OPTION_RATE,
    OPTION_WINDOW,
    OPTION_SECONDS,
    OPTION_WARM,
    OPTION_WAIT,
    OPTION_KEY,
    OPTION_SAMPLE,
    OPTION_ECHO,
    OPTION_WATCH
};

static const struct option LONG_OPTIONS[] = {
    {"interface", required_argument, NULL, OPTION_INTERFACE},
    {"server-mac", required_argument, NULL, OPTION_SERVER_MAC},
    {"sources", required_argument, NULL, OPTION_SOURCES},
    {"first", required_argument, NULL, OPTION_FIRST},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"warm", required_argument, NULL, OPTION_WARM},
    {"wait", required_argument, NULL, OPTION_WAIT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"sample", required_argument, NULL, OPTION_SAMPLE},
    {"echo", no_argument, NULL, OPTION_ECHO},
    {"watch", required_argument, NULL, OPTION_WATCH},
    {NULL, 0, NULL, 0},
};

/* The options whose value is a number. */
static bool read_numeric(int which, const char *text, struct load_options *options)
{
    double number = 0;

    switch (which) {
    case OPTION_SOURCES:
        if (!read_number("--sources", text, LOAD_SOURCES_MAX, &number)) {
            return false;
        }
        options->sources = number < 1 ? 1 : (uint32_t)number;
        return true;
    case OPTION_RATE:
        return read_number("--rate", text, 1e8, &options->rate);
    case OPTION_WINDOW:
        if (!read_number("--window", text, 1e6, &number)) {
            return false;
        }
        options->window = (int64_t)number;
        return true;
    case OPTION_SECONDS:
        return read_number("--seconds", text, 3600, &options->seconds);
    case OPTION_WARM:
        return read_number("--warm", text, 3600, &options->warm_s);
    case OPTION_WAIT:
        return read_number("--wait", text, 3600, &options->wait_s);
    case OPTION_SAMPLE:
        if (!read_number("--sample", text, 1e6, &number)) {
            return false;
        }
        options->sample = number < 1 ? 1 : (unsigned)number;
        return true;
    case OPTION_WATCH:
        if (options->watched == LOAD_WATCH_MAX || !read_number("--watch", text, 1e9, &number)) {
            return false;
        }
        options->watch[options->watched++] = (int)number;
        return true;
    default:
        fputs(USAGE, stderr);
        return false;
    }
}

static bool read_option(int which, const char *text, struct load_options *options)
{
    switch (which) {
    case OPTION_INTERFACE:
        return read_interface(text, options);
    case OPTION_SERVER_MAC:
        return read_mac(text, options->path.server_mac);
    case OPTION_FIRST:
        return read_address("--first", text, &options->path.first_source);
    case OPTION_KEY:
        options->key = text;
        return true;
    case OPTION_ECHO:
        options->expects_echo = true;
        return true;
    default:
        return read_numeric(which, text, options);
    }
}

bool load_options_parse(int argc, char **argv, struct load_options *options)
{
    double port;
    int which;

    *options =
        (struct load_options){.sources = 1, .seconds = 1, .warm_s = 0.1, .wait_s = 5, .sample = 1};
    options->path.first_source = 0x0ac80000; /* 10.200.0.0 */
    while ((which = getopt_long(argc, argv, "", LONG_OPTIONS, NULL)) != -1) {
        if (!read_option(which, optarg, options)) {
            return false;
        }
    }
    if (argc - optind != 2) {
        fputs(USAGE, stderr);
        return false;
    }
    if (!read_address("SERVER", argv[optind], &options->path.server) ||
        !read_number("PORT", argv[optind + 1], UINT16_MAX, &port)) {
        return false;
    }
    options->path.server_port = (uint16_t)port;
    /* A fixed port of its own, below the ephemeral ones, since frames carry it. */
    options->path.local_port = options->interface ? 20123 : 0;
    return true;
}
