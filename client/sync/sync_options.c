/* SPDX-License-Identifier: MIT */
#include "client/sync/sync_inner.h"
#include <string.h>

struct sync_options sync_options_default(void)
{
    return (struct sync_options){.precision = -20,
                                 .faults = SYNC_FAULTS_AUTO,
                                 .min_sources = 1,
                                 .max_distance_ns = 3 * NS_PER_S,
                                 .void_after_ns = 1000 * NS_PER_S,
                                 .bound = {.drift_class = DRIFT_NORMAL, .drift_start_ppm = 500},
                                 .discipline = discipline_defaults,
                                 .leap_window_ns = 86400 * NS_PER_S};
}

static bool has_same_role(const struct source_options *a, const struct source_options *b)
{
    return a->kind == b->kind && a->pool_size == b->pool_size && a->is_prefer == b->is_prefer &&
           a->is_noselect == b->is_noselect && a->is_trust == b->is_trust &&
           a->is_require == b->is_require && a->is_offline == b->is_offline &&
           a->filter == b->filter;
}

static bool has_same_asking(const struct source_options *a, const struct source_options *b)
{
    return a->poll_min == b->poll_min && a->poll_max == b->poll_max &&
           a->is_iburst == b->is_iburst && a->is_burst == b->is_burst &&
           a->is_interleaved == b->is_interleaved && a->version == b->version &&
           a->key_id == b->key_id;
}

/* Configured numbers are compared, not computed ones: equal means not touched. */
static bool has_same_limits(const struct source_options *a, const struct source_options *b)
{
    return a->offset_ns == b->offset_ns && a->max_delay_ns == b->max_delay_ns &&
           !(a->max_delay_ratio < b->max_delay_ratio) &&
           !(a->max_delay_ratio > b->max_delay_ratio) && a->min_samples == b->min_samples;
}

static bool has_same_place(const struct source_options *a, const struct source_options *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port &&
           a->family == b->family && address_is_same(&a->local, &b->local) &&
           address_is_same(&a->group, &b->group) &&
           strncmp(a->device, b->device, sizeof(a->device)) == 0 && a->dscp == b->dscp;
}

bool sync_options_same_source(const struct source_options *a, const struct source_options *b)
{
    return has_same_role(a, b) && has_same_asking(a, b) && has_same_limits(a, b) &&
           has_same_place(a, b);
}
