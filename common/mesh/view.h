/* SPDX-License-Identifier: MIT */
/* view.h - whom to ask, of more members than can be: so that the load does not grow with the mesh.
 *
 * Half of a view are near ones that know each other (their reports correct each other's paths),
 * three of sixteen are anchors of the narrowest intervals and different failure domains, and the
 * rest are drawn by chance and drawn anew one at a time, which keeps the mesh in one piece and
 * makes it hard to surround a node. Until a time was found all are drawn: so it is found soonest,
 * where near ones would first agree among each other. No failure domain has more than f of a view,
 * as long as others are there. Pure, no allocation. */
#ifndef COMMON_MESH_VIEW_H
#define COMMON_MESH_VIEW_H
#include "common/base/instant.h"
#include "common/base/random.h"
#include "ntpwire/report.h"

#define VIEW_SIZE_MAX 16
#define VIEW_CANDIDATES_MAX 256
#define VIEW_UNKNOWN INT64_MAX
#define VIEW_REDRAW_NS (600 * NS_PER_S)

enum view_slot { VIEW_OUT = 0, VIEW_NEAR, VIEW_RANDOM, VIEW_ANCHOR, VIEW_SLOTS };

/* Such as "near"; a constant string. */
const char *view_slot_name(enum view_slot slot);

struct view_candidate {
    uint32_t tag;
    uint32_t domain;   /* 0: none is known */
    int64_t delay_ns;  /* the least round trip of late; VIEW_UNKNOWN */
    int64_t width_ns;  /* of its interval; VIEW_UNKNOWN */
    bool is_available; /* it may be asked */
    bool is_poor;      /* convicted, excluded or silent for long: it makes room for others */
    const struct report *report; /* its newest, which says whom it knows; NULL: none */
    enum view_slot slot;         /* where it is, and after view_choose() will be */
    struct mono drawn;           /* into a random slot; kept by view_choose() */
};

struct view_options {
    size_t size;   /* 1 to VIEW_SIZE_MAX */
    size_t faults; /* f */
    bool is_young; /* no time was found for long: all are drawn */
};

/* Chooses anew. What is there already keeps its place against what is better by less than a fifth,
 * and no more than two near ones change at a time. */
void view_choose(const struct view_options *options, struct view_candidate *candidates,
                 size_t count, struct random *random, struct mono now);
#endif
