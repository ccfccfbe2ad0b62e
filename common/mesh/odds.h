/* SPDX-License-Identifier: MIT */
/* odds.h - the chance that a view, drawn by lot among the members, holds more liars than it
 * bears. It says nothing of an adversary who chooses whom he corrupts, or who gets into the
 * view by being near: that is what caps per domain and new draws are for. */
#ifndef COMMON_MESH_ODDS_H
#define COMMON_MESH_ODDS_H
#include <stddef.h>
#include <stdint.h>

#define ODDS_VIEW_MAX 64

struct odds {
    uint32_t members; /* to draw from, ourselves not counted; 0: without end */
    uint32_t view;    /* how many are drawn; at most ODDS_VIEW_MAX */
    uint32_t faults;  /* how many liars among these do no harm */
};

/* The chance, from 0 to 1, of more liars in the view than faults if a share of the members lies,
 * from 0 to 1. Of a number of members the share is rounded up to whole ones. A view larger than the
 * membership is the membership. */
double odds_of_excess(const struct odds *odds, double share);
#endif
