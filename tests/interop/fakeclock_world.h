/* SPDX-License-Identifier: MIT */
/* fakeclock_world.h - the simulated clock itself, for the functions of libc that show it. */
#ifndef TESTS_INTEROP_FAKECLOCK_WORLD_H
#define TESTS_INTEROP_FAKECLOCK_WORLD_H
#include "tests/interop/fakeclock.h"
#include <stdbool.h>
#include <sys/timex.h>
#include <sys/types.h>

#define NS_PER_S INT64_C(1000000000)

/* Before it, libc's own clocks are read. It begins by itself, at the latest before main(). */
bool fakeclock_has_begun(void);
void fakeclock_begin(void);
int fakeclock_tai(void);
/* 0, or -1 with errno. */
int fakeclock_may_set(void);
int fakeclock_adjust(clockid_t id, struct timex *timex);

/* libc's own function. */
void *fakeclock_next(const char *name);
/* The clock was set. */
void fakeclock_cancel_timers(void);
#endif
