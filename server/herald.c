/* SPDX-License-Identifier: MIT */
#include "server/herald.h"
#include "common/host/notify.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK "/run/systemd/timesync/synchronized"
#define TEXT_MAX 512

/* Others than systemd's own daemon may leave it too, where the folder lets them. */
static void mark(void)
{
    int fd = open(MARK, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
    if (fd >= 0) {
        (void)futimens(fd, NULL);
        close(fd);
    }
}

void herald_tell(struct herald *herald, const struct status *status, bool is_system)
{
    if (is_system && status->condition == SYNC_SYNCHRONISED && !herald->has_marked) {
        herald->has_marked = true;
        mark();
    }
    if (herald->has_told && herald->condition == status->condition &&
        strcmp(herald->selected, status->selected) == 0) {
        return;
    }
    herald->has_told = true;
    herald->condition = status->condition;
    snprintf(herald->selected, sizeof(herald->selected), "%s", status->selected);

    char text[TEXT_MAX];
    const char *name = sync_condition_name(status->condition);
    if (status->reason[0] != '\0') {
        snprintf(text, sizeof(text), "STATUS=%s: %s", name, status->reason);
    } else if (status->selected[0] != '\0') {
        snprintf(text, sizeof(text), "STATUS=%s to %s", name, status->selected);
    } else {
        snprintf(text, sizeof(text), "STATUS=%s", name);
    }
    notify_send(text);
}
