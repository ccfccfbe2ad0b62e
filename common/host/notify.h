/* SPDX-License-Identifier: MIT */
/* notify.h - tells the service manager how we are (the sd_notify protocol, over NOTIFY_SOCKET). */
#ifndef COMMON_HOST_NOTIFY_H
#define COMMON_HOST_NOTIFY_H

/* state is what the protocol says, such as "READY=1\nSTATUS=serving". Without NOTIFY_SOCKET nothing
 * happens; a refusal is ignored, since nobody could be told. */
void notify_send(const char *state);
#endif
