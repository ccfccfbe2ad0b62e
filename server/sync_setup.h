/* SPDX-License-Identifier: MIT */
/* sync_setup.h - the configuration as the engine of the node takes it. */
#ifndef SERVER_SYNC_SETUP_H
#define SERVER_SYNC_SETUP_H
#include "server/node.h"
#include "server/setup.h"

/* Fills *options, and sources, which has room for SYNC_SOURCES_MAX and to which options->sources
 * then points; options->keyring points into setup. All of it is copied by node_create() and
 * node_configure(): sources may go after the call. Nothing can fail: setup_load() refused what
 * would.
 *
 * The caller sets what only it knows, afterwards: is_shadow (from [clock] control and its rights),
 * precision, and has_rate, rate_ppm, rate_sd_ppm and shadow_offset_ns (from the state files). At a
 * reload the same call serves; is_shadow and the rate are then ignored by the engine. */
void sync_setup(const struct setup *setup, struct sync_options *options,
                struct source_options *sources);
#endif
