/* SPDX-License-Identifier: MIT */
#include "common/base/status.h"

const char *source_kind_name(enum source_kind kind)
{
    static const char *const names[SOURCE_KINDS] = {
        [SOURCE_SERVER] = "server",
        [SOURCE_POOL] = "pool",
        [SOURCE_PEER] = "peer",
        [SOURCE_BROADCAST_CLIENT] = "broadcast-client",
        [SOURCE_BROADCAST_SERVER] = "broadcast",
        [SOURCE_MEMBER] = "member",
    };
    return (unsigned)kind < SOURCE_KINDS ? names[kind] : "unknown";
}

const char *source_state_name(enum source_state state)
{
    static const char *const names[SOURCE_STATES] = {
        [SOURCE_OFFLINE] = "offline",
        [SOURCE_UNRESOLVED] = "unresolved",
        [SOURCE_DENIED] = "denied",
        [SOURCE_UNREACHABLE] = "unreachable",
        [SOURCE_WAITING] = "waiting",
        [SOURCE_UNSYNCHRONISED] = "unsynchronised",
        [SOURCE_LOOP] = "loop",
        [SOURCE_DISTANT] = "distant",
        [SOURCE_NOSELECT] = "noselect",
        [SOURCE_EXCLUDED] = "excluded",
        [SOURCE_ORPHAN] = "orphan",
        [SOURCE_FALSETICKER] = "falseticker",
        [SOURCE_UNTRUSTED] = "untrusted",
        [SOURCE_UNLIKELY] = "unlikely",
        [SOURCE_WAITS_REQUIRED] = "waits for others",
        [SOURCE_UNPREFERRED] = "not preferred",
        [SOURCE_COMBINED] = "combined",
        [SOURCE_SELECTED] = "selected",
    };
    return (unsigned)state < SOURCE_STATES ? names[state] : "unknown";
}

const char *sync_condition_name(enum sync_condition condition)
{
    static const char *const names[SYNC_CONDITIONS] = {
        [SYNC_STARTING] = "starting", [SYNC_SYNCHRONISED] = "synchronised",
        [SYNC_HOLDOVER] = "holdover", [SYNC_UNBOUNDED] = "unbounded",
        [SYNC_PANIC] = "panic",       [SYNC_LOCAL] = "local",
        [SYNC_ORPHAN] = "orphan",     [SYNC_MESH] = "mesh",
    };
    return (unsigned)condition < SYNC_CONDITIONS ? names[condition] : "unknown";
}
