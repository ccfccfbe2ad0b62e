/* SPDX-License-Identifier: MIT */
/* setup_warn.h - what a configuration that works will hardly do as meant. */
#ifndef SERVER_SETUP_WARN_H
#define SERVER_SETUP_WARN_H
#include "server/setup.h"

/* Logs a warning for each. name stands for the configuration in them. */
void setup_warn(const struct setup *setup, const char *name);
#endif
