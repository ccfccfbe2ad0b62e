/* SPDX-License-Identifier: MIT */
/* herald.h - tells the service manager how the clock is, and everybody by
 * /run/systemd/timesync/synchronized, for which other units wait (time-sync.target). */
#ifndef SERVER_HERALD_H
#define SERVER_HERALD_H
#include "common/base/status.h"

/* Begins all zero. */
struct herald {
    bool has_told;
    enum sync_condition condition;
    char selected[EVENT_NAME_MAX];
    bool has_marked;
};

/* Tells what differs from what was told last. is_system: the clock that is kept is the machine's.
 */
void herald_tell(struct herald *herald, const struct status *status, bool is_system);
#endif
