/* SPDX-License-Identifier: MIT */
/* What only shows when all has been read; and what holds without being said. */
#include "common/config/config_reading.h"
#include <string.h>

const struct config_section *const config_sections[CONFIG_SECTIONS] = {
    &config_section_clock,  &config_section_selection, &config_section_source,
    &config_section_server, &config_section_mesh,      &config_section_member,
    &config_section_keys,   &config_section_control,   &config_section_log};

const struct config_key *config_key_find(const struct config_section *section, const char *name)
{
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->keys[i].name, name) == 0) {
            return &section->keys[i];
        }
    }
    return NULL;
}

/* A key of a section that is there once. */
const struct config_seen *config_seen_of(const struct config_reading *reading,
                                         const struct config_section *section, const char *name)
{
    const struct config_key *key = config_key_find(section, name);
    assert(key != NULL);
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        if (config_sections[i] == section) {
            return &reading->seen_plain[i][key - section->keys];
        }
    }
    assert(false);
    return NULL;
}

static unsigned long line_of(const struct config_reading *reading,
                             const struct config_section *section, const char *name)
{
    return config_seen_of(reading, section, name)->line;
}

static void keep_lines(struct config_reading *reading)
{
    struct config *config = &reading->draft.config;
    config->clock.state_dir_line = line_of(reading, &config_section_clock, "state-dir");
    config->clock.leap_list_line = line_of(reading, &config_section_clock, "leap-list");
    config->server.user_line = line_of(reading, &config_section_server, "user");
    config->keys.file_line = line_of(reading, &config_section_keys, "file");
    config->control.group_line = line_of(reading, &config_section_control, "group");
}

static void check_keys(struct config_reading *reading, const struct config_section *section,
                       const struct config_seen *seen)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct config_key *key = &section->keys[i];
        if (seen[i].line == 0) {
            continue;
        }
        if (key->is_list && seen[i].items == 0) {
            config_complain(reading, seen[i].line, "[%s] %s: the list is empty; accepted: %s",
                            section->name, key->name, key->accepted);
        }
        if (key->is_virtual && reading->draft.config.clock.control != CONTROL_VIRTUAL) {
            config_complain(reading, seen[i].line,
                            "[%s] %s: needs control = virtual; set that, or remove this line",
                            section->name, key->name);
        }
        if (key->is_berkeley && reading->draft.config.mesh.algorithm != CONFIG_BERKELEY) {
            config_complain(reading, seen[i].line,
                            "[%s] %s: needs algorithm = berkeley; set that, or remove this line",
                            section->name, key->name);
        }
    }
}

static void check_orphan(struct config_reading *reading)
{
    const struct config *config = &reading->draft.config;
    const struct config_seen *stratum =
        config_seen_of(reading, &config_section_server, "local-stratum");
    if (config->server.is_orphan && config->server.local_stratum == 0 && !stratum->is_refused) {
        config_complain(reading, line_of(reading, &config_section_server, "orphan"),
                        "[server] orphan: needs local-stratum, the stratum that the orphans serve; "
                        "set local-stratum = 10, or remove this line");
    }
}

/* The members that are asked are sources too. How many there are says who has the mesh's files. */
static void check_room(struct config_reading *reading, unsigned associations)
{
    const struct config_mesh *mesh = &reading->draft.config.mesh;
    if (associations <= CONFIG_SOURCES_MAX && associations + mesh->view > CONFIG_SOURCES_MAX) {
        config_complain(reading, 0,
                        "the sources, pools with their pool-size, are %u, and view = %u in [mesh] "
                        "makes them %u; up to %d are accepted",
                        associations, mesh->view, associations + mesh->view, CONFIG_SOURCES_MAX);
    }
}

/* The arithmetic of quorums. */
static void check_sums(struct config_reading *reading)
{
    const struct config *config = &reading->draft.config;
    unsigned associations = 0;
    unsigned voters = config_voters(config);
    int faults = config->selection.faults;
    for (size_t i = 0; i < config->sources.count; i++) {
        associations += config_source_associations(&config->sources.items[i]);
    }
    if (associations > CONFIG_SOURCES_MAX) {
        config_complain(reading, 0,
                        "the sources, pools with their pool-size, are %u; up to %d are accepted",
                        associations, CONFIG_SOURCES_MAX);
    }
    if (config_has_mesh(config)) {
        check_room(reading, associations);
        return;
    }
    if (faults > 0 && voters < 2 * (unsigned)faults + 1) {
        config_complain(reading, line_of(reading, &config_section_selection, "faults"),
                        "[selection] faults = %d needs %d sources, %u %s configured; add sources, "
                        "or lower it",
                        faults, 2 * faults + 1, voters, voters == 1 ? "is" : "are");
    }
    if (config->selection.min_sources > voters && config->selection.min_sources > 1) {
        config_complain(reading, line_of(reading, &config_section_selection, "min-sources"),
                        "[selection] min-sources = %u needs %u sources, %u %s configured; add "
                        "sources, or lower it",
                        config->selection.min_sources, config->selection.min_sources, voters,
                        voters == 1 ? "is" : "are");
    }
}

void config_check(struct config_reading *reading)
{
    keep_lines(reading);
    reading->skips_keys = config_seen_of(reading, &config_section_keys, "file")->is_refused;
    for (size_t i = 0; i < CONFIG_SECTIONS; i++) {
        check_keys(reading, config_sections[i], reading->seen_plain[i]);
    }
    check_orphan(reading);
    config_check_sources(reading);
    config_check_mesh(reading);
    if (!reading->skipped_source) {
        check_sums(reading);
    }
}

void config_draft_init(struct config_draft *draft)
{
    static const char leap_list[] = CONFIG_LEAP_LIST_DEFAULT;
    static const char mesh_name[] = "truechimer";
    struct config *config = &draft->config;
    *draft = (struct config_draft){0};
    config->clock.step_ns = NS_PER_S;
    config->clock.step_updates = 3;
    config->clock.panic_ns = 1000 * NS_PER_S;
    config->clock.slew_max_ppm = 80000;
    config->clock.drift_start_ppm = 500;
    config->clock.leap_window_ns = 24 * (3600 * NS_PER_S);
    memcpy(config->clock.leap_list, leap_list, sizeof leap_list);
    config->clock.hardware_timestamps = true;
    config->selection.faults = CONFIG_FAULTS_AUTO;
    config->selection.min_sources = 1;
    config->selection.max_distance_ns = 3 * NS_PER_S;
    config->selection.void_after_ns = 1000 * NS_PER_S;
    config->mesh.faults = CONFIG_FAULTS_AUTO;
    config->mesh.interval_ns = 5 * NS_PER_S;
    config->mesh.gamma_ns = 50 * NS_PER_MS;
    config->mesh.poll_min = config->mesh.poll_max = 4;
    config->mesh.max_offset_ns = 250 * NS_PER_MS;
    config->mesh.payload = 1000;
    config->mesh.view = CONFIG_VIEW_MAX;
    memcpy(config->mesh.name, mesh_name, sizeof mesh_name);
    config->server.workers = CONFIG_WORKERS_AUTO;
    config->server.access.default_allow = true;
    config->server.rate_interval_ns = NS_PER_S;
    config->server.rate_burst = 16;
    config->server.rate_leak = 4;
    config->server.rate_kod = 4;
    config->server.clients_max = 131072;
    config->control.socket_is_auto = true;
    config->log.level = CONFIG_LOG_NOTICE;
}

void config_draft_finish(struct config_draft *draft)
{
    struct config *config = &draft->config;
    if (config->server.listen.count == 0) {
        config->server.listen = (struct config_addresses){
            .count = 2,
            .items = {{.family = ADDRESS_IPV4, .port = CONFIG_PORT_DEFAULT},
                      {.family = ADDRESS_IPV6, .port = CONFIG_PORT_DEFAULT}},
        };
    }
}
