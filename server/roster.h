/* SPDX-License-Identifier: MIT */
/* roster.h - who is a member of the mesh by name, and by what this node counts: the sections
 * [member NAME] and the membership document put together. */
#ifndef SERVER_ROSTER_H
#define SERVER_ROSTER_H
#include "server/credentials.h"

struct roster {
    size_t count;
    struct config_member *items; /* at most CONFIG_MEMBERS_MAX; this node may be among them */
    struct membership_terms terms;
    unsigned deciding; /* of the n in terms: all, or in a large mesh as many as in a view */
};

/* Each mistake, such as an f that so few members can't stand, is told to listener. False if there
 * was one; nothing is then held. Without an identity the roster is empty. */
bool roster_build(const struct config_mesh *mesh, const struct credentials *credentials,
                  const struct setup_listener *listener, struct roster *roster) MUST_CHECK;
void roster_clear(struct roster *roster);
#endif
