/* SPDX-License-Identifier: MIT */
/* fakeclock.h - the hand on the simulated clock of fakeclock.c. */
#ifndef TESTS_INTEROP_FAKECLOCK_H
#define TESTS_INTEROP_FAKECLOCK_H
#include <stdint.h>

struct fakeclock_reading { /* of one instant, ns */
    int64_t realtime, monotonic, raw, boottime;
};

struct fakeclock_reading fakeclock_read(void);
/* The machine sleeps: BOOTTIME and REALTIME go on, MONOTONIC and RAW do not. */
void fakeclock_suspend(int64_t ns);
/* Time passes for all clocks, and for REALTIME and MONOTONIC as they are steered. */
void fakeclock_pass(int64_t ns);
/* Somebody else sets REALTIME by so much. */
void fakeclock_step(int64_t ns);
/* From now on, setting is refused with this errno; 0: it is not. */
void fakeclock_refuse(int error);
#endif
