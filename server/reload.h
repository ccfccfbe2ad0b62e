/* SPDX-License-Identifier: MIT */
/* reload.h - what a reload can't change, said. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H
#include "common/config/config.h"

/* Warns of each key that differs and takes effect at the next start only. */
void reload_warn(const struct config *before, const struct config *after);
#endif
