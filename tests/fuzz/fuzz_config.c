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

static void check_source(const struct config_source *source)
{
    FUZZ_REQUIRE(memchr(source->name, 0, CONFIG_NAME_MAX) != NULL && source->name[0] != 0);
    FUZZ_REQUIRE(memchr(source->host, 0, ACTION_HOST_MAX) != NULL && source->host[0] != 0);
    FUZZ_REQUIRE(memchr(source->device, 0, ACTION_DEVICE_MAX) != NULL);
    FUZZ_REQUIRE(source->port != 0);
    FUZZ_REQUIRE(source->kind < SOURCE_KINDS);
    FUZZ_REQUIRE(source->pool_size >= 1 && source->pool_size <= CONFIG_POOL_MAX);
    FUZZ_REQUIRE(source->poll_min >= -3 && source->poll_min <= source->poll_max);
    FUZZ_REQUIRE(source->poll_max <= 17);
    FUZZ_REQUIRE(source->version >= 1 && source->version <= 4);
    FUZZ_REQUIRE(source->dscp <= 63);
    FUZZ_REQUIRE(source->max_delay_ns > 0);
    FUZZ_REQUIRE(source->max_delay_ratio == 0 || source->max_delay_ratio > 1);
    FUZZ_REQUIRE(source->min_samples >= 1 && source->min_samples <= 64);
    FUZZ_REQUIRE(source->local.port == 0 && source->group.port == 0);
    FUZZ_REQUIRE(source->key_id == 0 || source->key_line > 0);
}

static void check_sources(const struct config *config)
{
    unsigned associations = 0;
    FUZZ_REQUIRE(config->sources.count <= CONFIG_SOURCES_MAX);
    for (size_t i = 0; i < config->sources.count; i++) {
        check_source(&config->sources.items[i]);
        associations += config_source_associations(&config->sources.items[i]);
        for (size_t j = 0; j < i; j++) {
            FUZZ_REQUIRE(strcmp(config->sources.items[i].name, config->sources.items[j].name) != 0);
        }
    }
    FUZZ_REQUIRE(associations <= CONFIG_SOURCES_MAX);
    FUZZ_REQUIRE(config->selection.faults >= CONFIG_FAULTS_AUTO);
    FUZZ_REQUIRE(config->selection.faults <= 0 ||
                 2 * (unsigned)config->selection.faults < config_voters(config));
    FUZZ_REQUIRE(config->selection.min_sources >= 1);
    FUZZ_REQUIRE(config->selection.max_distance_ns > 0 && config->selection.void_after_ns > 0);
}

static void check_host(const struct config_host *host)
{
    FUZZ_REQUIRE(memchr(host->host, 0, ACTION_HOST_MAX) != NULL && host->host[0] != 0);
    FUZZ_REQUIRE(host->port != 0);
}

static void check_members(const struct config_members *members)
{
    FUZZ_REQUIRE(members->count <= CONFIG_MEMBERS_MAX);
    for (size_t i = 0; i < members->count; i++) {
        const struct config_member *member = &members->items[i];
        FUZZ_REQUIRE(member->line > 0 && member->key_line > 0);
        FUZZ_REQUIRE(memchr(member->name, 0, CONFIG_NAME_MAX) != NULL && member->name[0] != 0);
        FUZZ_REQUIRE(memchr(member->domain, 0, CONFIG_WORD_MAX) != NULL);
        check_host(&member->address);
        for (size_t j = 0; j < i; j++) {
            FUZZ_REQUIRE(strcmp(member->name, members->items[j].name) != 0);
            FUZZ_REQUIRE(
                memcmp(member->public_key, members->items[j].public_key, CONFIG_KEY_SIZE) != 0);
            FUZZ_REQUIRE(!config_host_is_same(&member->address, &members->items[j].address));
        }
    }
}

static void check_mesh(const struct config *config)
{
    const struct config_mesh *mesh = &config->mesh;
    FUZZ_REQUIRE(config_has_mesh(config) || mesh->members.count == 0);
    FUZZ_REQUIRE(mesh->has_ca || !config_is_open(mesh));
    FUZZ_REQUIRE(mesh->has_ca || mesh->certificate.path[0] == 0);
    FUZZ_REQUIRE(mesh->faults >= CONFIG_FAULTS_AUTO && mesh->faults <= CONFIG_FAULTS_MAX);
    FUZZ_REQUIRE(mesh->faults <= 0 || mesh->algorithm == CONFIG_AGREEMENT);
    FUZZ_REQUIRE(mesh->faults <= 0 || 2 * (unsigned)mesh->faults <= mesh->view);
    FUZZ_REQUIRE(mesh->algorithm == CONFIG_AGREEMENT || 2 * mesh->gamma_ns <= mesh->max_offset_ns);
    FUZZ_REQUIRE(mesh->interval_ns > 0 && mesh->gamma_ns > 0 && mesh->max_offset_ns > 0);
    FUZZ_REQUIRE(mesh->poll_min >= -3 && mesh->poll_min <= mesh->poll_max && mesh->poll_max <= 17);
    FUZZ_REQUIRE(mesh->payload == 1000 || mesh->payload == 1232);
    FUZZ_REQUIRE(mesh->view >= 4 && mesh->view <= CONFIG_VIEW_MAX);
    FUZZ_REQUIRE(mesh->join.count <= CONFIG_HOSTS_MAX && mesh->srv.count <= CONFIG_HOSTS_MAX);
    for (size_t i = 0; i < mesh->join.count; i++) {
        check_host(&mesh->join.items[i]);
    }
    for (size_t i = 0; i < mesh->srv.count; i++) {
        FUZZ_REQUIRE(memchr(mesh->srv.items[i], 0, ACTION_HOST_MAX) != NULL);
    }
    FUZZ_REQUIRE(memchr(mesh->name, 0, CONFIG_WORD_MAX) != NULL && mesh->name[0] != 0);
    check_members(&mesh->members);
}

static void check_clock(const struct config *config)
{
    FUZZ_REQUIRE(config->clock.step_ns >= 0 && config->clock.panic_ns >= 0);
    FUZZ_REQUIRE(config->clock.slew_max_ppm >= 1 && config->clock.drift_start_ppm >= 1);
    FUZZ_REQUIRE(config->clock.drift_class <= CONFIG_DRIFT_LEARNED);
    FUZZ_REQUIRE(config->clock.leap <= CONFIG_LEAP_IGNORE && config->clock.leap_window_ns > 0);
    FUZZ_REQUIRE(memchr(config->clock.state_dir, 0, CONFIG_PATH_MAX) != NULL);
    FUZZ_REQUIRE(memchr(config->clock.leap_list, 0, CONFIG_PATH_MAX) != NULL);
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
    FUZZ_REQUIRE(!config->server.is_orphan || config->server.local_stratum > 0);
    FUZZ_REQUIRE(!config->control.socket_is_auto || config->control.socket[0] == 0);
    check_clock(config);
    check_sources(config);
    check_mesh(config);
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
