/* SPDX-License-Identifier: MIT */
/* Where libavahi-client was not there when this was built. */
#include "common/host/mdns.h"

struct mdns *mdns_create(const struct mdns_options *options)
{
    (void)options;
    return NULL;
}

void mdns_configure(struct mdns *mdns, const struct mdns_service *service)
{
    (void)mdns;
    (void)service;
}

void mdns_stop(struct mdns *mdns)
{
    (void)mdns;
}

bool mdns_is_busy(struct mdns *mdns)
{
    (void)mdns;
    return false;
}

void mdns_destroy(struct mdns *mdns)
{
    (void)mdns;
}
