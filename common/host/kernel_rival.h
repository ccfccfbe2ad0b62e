/* SPDX-License-Identifier: MIT */
/* kernel_rival.h - is a program at work that steers system clocks? */
#ifndef COMMON_HOST_KERNEL_RIVAL_H
#define COMMON_HOST_KERNEL_RIVAL_H
#include "ntpwire/bytes.h"

#define KERNEL_RIVAL_NAME_MAX 64

enum kernel_rival { KERNEL_RIVAL_NONE, KERNEL_RIVAL_FOUND, KERNEL_RIVAL_HIDDEN };

/* Looks through the processes ("/proc") for the daemons that are known to. HIDDEN: not all of the
 * machine's processes can be seen from here (a container, hidepid). name is set when FOUND. */
enum kernel_rival kernel_rival_find(const char *processes, char name[KERNEL_RIVAL_NAME_MAX]);
#endif
