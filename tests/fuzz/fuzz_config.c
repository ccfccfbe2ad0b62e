/* SPDX-License-Identifier: MIT */
/* Configuration files: what is accepted is within its limits, what is refused is explained. */
#include "common/config/config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define NAME "fuzz.conf"

const struct fuzz_target fuzz_target = {.name = "config", .takes_packets = false};

static void complain(void *context, const char *sentence)
{
    size_t *complaints = context;
    (*complaints)++;
    FUZZ_REQUIRE(strncmp(sentence, NAME, strlen(NAME)) == 0);
    FUZZ_REQUIRE(strchr(sentence, '\n') == NULL);
}

static void check_addresses(const struct config_addresses *addresses)
{
    FUZZ_REQUIRE(addresses->count <= CONFIG_LISTEN_MAX);
    for (size_t i = 0; i < addresses->count; i++) {
        FUZZ_REQUIRE(addresses->items[i].port != 0);
        FUZZ_REQUIRE(addresses->items[i].family == ADDRESS_IPV4 ||
                     addresses->items[i].family == ADDRESS_IPV6);
    }
}

static void check_access(const struct config_access *access)
{
    FUZZ_REQUIRE(access->count <= CONFIG_PREFIXES_MAX);
    for (size_t i = 0; i < access->count; i++) {
        const struct prefix *prefix = &access->items[i].prefix;
        FUZZ_REQUIRE(prefix->family == ADDRESS_IPV4 || prefix->family == ADDRESS_IPV6);
        FUZZ_REQUIRE(prefix->length <= (prefix->family == ADDRESS_IPV4 ? 32 : 128));
    }
}

static void check_config(const struct config *config)
{
    FUZZ_REQUIRE(config->clock.control <= CONTROL_VIRTUAL);
    FUZZ_REQUIRE(config->server.workers >= CONFIG_WORKERS_AUTO);
    FUZZ_REQUIRE(config->server.workers <= CONFIG_WORKERS_MAX);
    FUZZ_REQUIRE(config->server.local_stratum <= 15);
    FUZZ_REQUIRE(config->server.clients_max > 0);
    FUZZ_REQUIRE(config->server.rate_burst >= 1 && config->server.rate_burst <= 255);
    FUZZ_REQUIRE(config->server.rate_leak != 1 && config->server.rate_leak <= 255);
    FUZZ_REQUIRE(config->server.rate_kod <= 255);
    FUZZ_REQUIRE(config->server.rate_interval_ns > 0);
    FUZZ_REQUIRE(memchr(config->server.user, 0, CONFIG_USER_MAX) != NULL);
    FUZZ_REQUIRE(memchr(config->keys.file, 0, CONFIG_PATH_MAX) != NULL);
    FUZZ_REQUIRE(memchr(config->control.chronyc_socket, 0, CONFIG_PATH_MAX) != NULL);
    FUZZ_REQUIRE(config->log.level <= CONFIG_LOG_DEBUG);
    check_addresses(&config->server.listen);
    check_addresses(&config->control.chronyc);
    check_access(&config->server.access);
    check_access(&config->control.chronyc_access);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct config *config = malloc(sizeof(*config));
    FUZZ_REQUIRE(config != NULL);
    size_t complaints = 0;
    if (config_parse(text, NAME, config, complain, &complaints)) {
        FUZZ_REQUIRE(complaints == 0);
        check_config(config);
    } else {
        FUZZ_REQUIRE(complaints > 0);
    }
    config_clear(config);
    free(config);
    free(text);
    return 0;
}
