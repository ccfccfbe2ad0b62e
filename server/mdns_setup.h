/* SPDX-License-Identifier: MIT */
/* mdns_setup.h - what of the configuration is announced by mDNS, and looked for. */
#ifndef SERVER_MDNS_SETUP_H
#define SERVER_MDNS_SETUP_H
#include "common/host/mdns_service.h"
#include "server/setup.h"

/* False, and *service is undefined, if nobody is to be looked for that way. */
bool mdns_setup(const struct setup *setup, struct mdns_service *service) MUST_CHECK;
#endif
