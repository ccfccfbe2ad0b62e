/* SPDX-License-Identifier: MIT */
#include "server/sync_setup.h"
#include <string.h>

_Static_assert(CONFIG_SOURCES_MAX <= SYNC_SOURCES_MAX, "there is room for all sources");
_Static_assert(
    sizeof((struct config_source *)0)->name <= sizeof((struct source_options *)0)->name &&
        sizeof((struct config_source *)0)->host <= sizeof((struct source_options *)0)->host &&
        sizeof((struct config_source *)0)->device <= sizeof((struct source_options *)0)->device,
    "names are copied whole");

static enum filter_kind filter_of(enum config_filter filter)
{
    switch (filter) {
    case CONFIG_FILTER_NTP:
        return FILTER_NTP;
    case CONFIG_FILTER_REGRESSION:
        return FILTER_REGRESSION;
    default:
        return FILTER_BANK;
    }
}

static enum drift_class drift_of(enum config_drift drift)
{
    switch (drift) {
    case CONFIG_DRIFT_STRICT:
        return DRIFT_STRICT;
    case CONFIG_DRIFT_LEARNED:
        return DRIFT_LEARNED;
    default:
        return DRIFT_NORMAL;
    }
}

static enum sync_leap leap_of(enum config_leap leap)
{
    switch (leap) {
    case CONFIG_LEAP_SMEAR:
        return SYNC_LEAP_SMEAR;
    case CONFIG_LEAP_IGNORE:
        return SYNC_LEAP_IGNORE;
    default:
        return SYNC_LEAP_KERNEL;
    }
}

static struct source_options source_of(const struct config_source *from)
{
    /* Bursts are for those that answer at once; a peer asks us in its own time. */
    bool is_asked = from->kind == SOURCE_SERVER || from->kind == SOURCE_POOL;
    struct source_options to = {
        .port = from->port,
        .family = from->family,
        .kind = from->kind,
        .pool_size = from->pool_size,
        .poll_min = from->poll_min,
        .poll_max = from->poll_max,
        .is_iburst = is_asked && from->is_iburst,
        .is_burst = is_asked && from->is_burst,
        .is_interleaved = from->is_interleaved,
        .version = from->version,
        .key_id = from->key_id,
        .is_prefer = from->is_prefer,
        .is_noselect = from->is_noselect,
        .is_trust = from->is_trust,
        .is_require = from->is_require,
        .is_offline = from->is_offline,
        .offset_ns = from->offset_ns,
        .max_delay_ns = from->max_delay_ns,
        .max_delay_ratio = from->max_delay_ratio,
        .min_samples = from->min_samples,
        .local = from->local,
        .group = from->group,
        .dscp = from->dscp,
        .filter = filter_of(from->filter),
    };
    memcpy(to.name, from->name, sizeof from->name);
    memcpy(to.host, from->host, sizeof from->host);
    memcpy(to.device, from->device, sizeof from->device);
    return to;
}

static struct discipline_options discipline_of(const struct config *config)
{
    return (struct discipline_options){
        /* No offset is beyond this. */
        .step_ns = config->clock.step_ns > 0 ? config->clock.step_ns : INT64_MAX,
        .step_updates = config->clock.step_updates,
        .panic_ns = config->clock.panic_ns,
        .slew_max_ppm = config->clock.slew_max_ppm,
    };
}

/* Of members and other sources alike. Where nobody said it, it is the largest minority of all of
 * them, whatever they are. */
static int faults_of(const struct setup *setup)
{
    const struct config *config = &setup->config;
    if (setup->credentials.identity == NULL) {
        return config->selection.faults == CONFIG_FAULTS_AUTO ? SYNC_FAULTS_AUTO
                                                              : config->selection.faults;
    }
    bool is_said =
        config->mesh.faults != CONFIG_FAULTS_AUTO || setup->credentials.membership != NULL;
    return is_said ? setup->roster.terms.faults : SYNC_FAULTS_AUTO;
}

static struct sync_mesh_options mesh_of(const struct setup *setup)
{
    if (setup->credentials.identity == NULL) {
        return (struct sync_mesh_options){.is_on = false};
    }
    return (struct sync_mesh_options){
        .is_on = true,
        .members = setup->roster.deciding,
        .timescale_id = setup->roster.terms.timescale_id,
        .is_berkeley = setup->config.mesh.algorithm == CONFIG_BERKELEY,
    };
}

void sync_setup(const struct setup *setup, struct sync_options *options,
                struct source_options *sources)
{
    const struct config *config = &setup->config;
    for (size_t i = 0; i < config->sources.count; i++) {
        sources[i] = source_of(&config->sources.items[i]);
    }
    *options = sync_options_default();
    options->sources = sources;
    options->source_count = config->sources.count;
    options->keyring = &setup->keyring;
    options->faults = faults_of(setup);
    options->mesh = mesh_of(setup);
    options->min_sources = config->selection.min_sources;
    options->max_distance_ns = config->selection.max_distance_ns;
    options->void_after_ns = config->selection.void_after_ns;
    options->bound.drift_class = drift_of(config->clock.drift_class);
    options->bound.drift_start_ppm = config->clock.drift_start_ppm;
    options->discipline = discipline_of(config);
    options->leap = leap_of(config->clock.leap);
    options->leap_window_ns = config->clock.leap_window_ns;
    options->leaps = setup->leaps;
    options->local_stratum = config->server.local_stratum;
    options->is_orphan = config->server.is_orphan;
}
