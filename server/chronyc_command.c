/* SPDX-License-Identifier: MIT */
/* What chronyc may have done. */
#include "ntpwire/candm.h"
#include "server/chronyc.h"
#include "server/chronyc_source.h"

#include <string.h>

static_assert(EVENT_NAME_MAX >= ADDRESS_TEXT_MAX, "an address fits in a command");

/* The commands that the engine knows too; for all sources, or for those that a selector names. */
static const struct {
    enum candm_command asked;
    enum command_kind kind;
    bool has_selector;
} known[] = {
    {CANDM_MAKESTEP, COMMAND_STEP, false},  {CANDM_REFRESH, COMMAND_REFRESH, false},
    {CANDM_BURST, COMMAND_BURST, true},     {CANDM_ONLINE, COMMAND_ONLINE, true},
    {CANDM_OFFLINE, COMMAND_OFFLINE, true},
};

/* Also refuses what is too short for its command. */
static bool read_header(struct bytes request, enum chronyc_channel channel,
                        struct candm_request *header)
{
    return channel == CHRONYC_OWNER && candm_parse_request(request, header) == CANDM_OK &&
           request.size >= candm_request_size(header->command);
}

/* The next source from *next on that is meant, under a name that the engine knows it by. */
static bool next_source(const struct chronyc_facts *facts, const struct candm_selector *selector,
                        size_t *next, char name[EVENT_NAME_MAX])
{
    struct source_status source;
    while (chronyc_source_at(facts, *next, &source)) {
        (*next)++;
        struct candm_address address = chronyc_source_address(&source);
        if (!candm_is_selected(selector, &address)) {
            continue;
        }
        if (address.family == CANDM_ID) {
            memcpy(name, source.name, EVENT_NAME_MAX);
        } else {
            address_format_port(&source.remote, name);
        }
        return true;
    }
    return false;
}

bool chronyc_next_command(struct bytes request, enum chronyc_channel channel,
                          const struct chronyc_facts *facts, size_t *next, struct command *command)
{
    struct candm_request header;
    struct candm_selector selector;
    if (!read_header(request, channel, &header)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].asked != header.command) {
            continue;
        }
        struct command found = {.kind = known[i].kind};
        if (known[i].has_selector && candm_parse_selector(request, &selector) &&
            selector.address.family != CANDM_UNSPECIFIED) {
            if (!next_source(facts, &selector, next, found.source)) {
                return false;
            }
        } else if ((*next)++ > 0) {
            return false;
        }
        *command = found;
        return true;
    }
    return false;
}

bool chronyc_wants_reload(struct bytes request, enum chronyc_channel channel)
{
    struct candm_request header;
    return read_header(request, channel, &header) && header.command == CANDM_RELOAD_SOURCES;
}
