/* SPDX-License-Identifier: MIT */
/* entropy.h - the kernel's random generator behind struct random. */
#ifndef COMMON_HOST_ENTROPY_H
#define COMMON_HOST_ENTROPY_H
#include "common/base/random.h"

/* getrandom(), or /dev/urandom where it is refused. Ends the program with a sentence if neither
 * works: nothing unpredictable could be sent. */
void entropy_init(struct random *random);
#endif
