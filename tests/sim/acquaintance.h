/* SPDX-License-Identifier: MIT */
/* acquaintance.h - who of a mesh is configured at whom: everybody while it is small; else members
 * next to each other in a ring, who know each other mutually, and as many that are drawn. Whom
 * somebody knows knows him. */
#ifndef TESTS_SIM_ACQUAINTANCE_H
#define TESTS_SIM_ACQUAINTANCE_H
#include "ntpwire/bytes.h"

struct acquaintance {
    size_t count;    /* of members, numbered from 0 */
    size_t room;     /* most that one knows */
    uint32_t *known; /* room for each, of which the first known_counts are set */
    uint32_t *known_counts;
};

/* About `most` are known to each of a larger mesh. False if memory is short. */
bool acquaintance_init(struct acquaintance *acquaintance, size_t count, size_t most,
                       uint64_t seed) MUST_CHECK;
void acquaintance_clear(struct acquaintance *acquaintance);
/* Those that a member knows; *count becomes how many. */
const uint32_t *acquaintance_of(const struct acquaintance *acquaintance, size_t member,
                                size_t *count);
bool acquaintance_knows(const struct acquaintance *acquaintance, size_t member, size_t other);
/* How far they stand apart in the ring, 0 to 1: opposite to each other. */
double acquaintance_distance(const struct acquaintance *acquaintance, size_t member, size_t other);
#endif
