/* SPDX-License-Identifier: MIT */
/* chronyc_source.h - the sources in chrony's terms: which ones it knows, under what addresses, and
 * their reports. What chrony calls an offset is positive where our clock is ahead, but in ntpdata.
 * Pure. */
#ifndef SERVER_CHRONYC_SOURCE_H
#define SERVER_CHRONYC_SOURCE_H
#include "ntpwire/candm.h"
#include "server/chronyc.h"

/* chrony states the error of a frequency as large as 99.9 % of errors are at most. */
#define CHRONYC_SKEW_DEVIATIONS 3.29

struct candm_address chronyc_address(const struct address *address);
/* A source without an address yet goes by its association, as chronyc's ID#0000000001. */
struct candm_address chronyc_source_address(const struct source_status *source);

/* Broadcast servers are none of chrony's sources. */
size_t chronyc_source_count(const struct chronyc_facts *facts);
bool chronyc_source_at(const struct chronyc_facts *facts, size_t index,
                       struct source_status *source) MUST_CHECK;
bool chronyc_source_find(const struct chronyc_facts *facts, const struct candm_address *address,
                         struct source_status *source) MUST_CHECK;
/* The source that a refid is made from. */
bool chronyc_source_of_refid(const struct chronyc_facts *facts, uint32_t refid,
                             struct source_status *source) MUST_CHECK;

struct candm_source chronyc_source_data(const struct source_status *source, struct mono now);
struct candm_sourcestats chronyc_source_stats(const struct source_status *source);
struct candm_ntp_data chronyc_source_ntp(const struct source_status *source);
struct candm_select_data chronyc_source_select(const struct source_status *source, struct mono now);
/* keyring may be NULL. */
struct candm_auth_data chronyc_source_auth(const struct source_status *source,
                                           const struct keyring *keyring);
#endif
