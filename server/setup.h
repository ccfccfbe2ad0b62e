/* SPDX-License-Identifier: MIT */
/* setup.h - the configuration with all that it names: the file read, the keys and the list of leap
 * seconds loaded, the access rules built. Made anew at each reload; the old one lives until nothing
 * uses it. */
#ifndef SERVER_SETUP_H
#define SERVER_SETUP_H
#include "common/auth/keyring.h"
#include "common/config/config.h"
#include "server/access.h"
#include "server/node.h"
#include "server/roster.h"

#define SETUP_STATE_DIR "/var/lib/chimed"

struct setup {
    struct config config;
    struct keyring keyring;
    struct credentials credentials; /* for the mesh; without one they are empty */
    struct roster roster;           /* the same */
    struct access *access;
    struct access *chronyc_access;
    struct leap_table leaps; /* count 0: no list, or none that can be read */
    /* Where state is kept: as configured (which need not be there), else SETUP_STATE_DIR if that
     * may be written and the clock is not a virtual one; empty: nowhere. */
    char state_dir[CONFIG_PATH_MAX];
};

/* path is NULL for the embedded default. Every mistake is told to complain as one sentence. NULL if
 * there was one. What works, but hardly as meant, is a warning in the log: call it before the
 * privileges are given up, and once the log is open. */
struct setup *setup_load(const char *path, void (*complain)(void *context, const char *sentence),
                         void *context);
/* Whether after may follow before in a running daemon: the node of the mesh is the same, or there
 * is none in either. */
bool setup_is_same_node(const struct setup *before, const struct setup *after) MUST_CHECK;
/* Of the same node: after gets the identity that before has, since the engine of the mesh goes on
 * using that; the other way round. */
void setup_inherit(struct setup *before, struct setup *after);
void setup_destroy(struct setup *setup); /* NULL is allowed */
#endif
