/* SPDX-License-Identifier: MIT */
/* The keys of [source NAME]. */
#include "common/config/config_reading.h"
#include <string.h>

#define VERSION_MAX 4
#define DSCP_MAX 63
#define SAMPLES_MAX 64
#define OFFSET_NS_MAX (24 * (3600 * NS_PER_S))
#define DELAY_NS_MIN NS_PER_US
#define DELAY_NS_MAX (1000 * NS_PER_S)
#define RATIO_MAX 1e6

#define BIT(kind) (1U << (kind))
#define ASKED (BIT(SOURCE_SERVER) | BIT(SOURCE_POOL))
#define HEARD (ASKED | BIT(SOURCE_PEER) | BIT(SOURCE_BROADCAST_CLIENT))
#define TALKS (ASKED | BIT(SOURCE_PEER) | BIT(SOURCE_BROADCAST_SERVER))

static enum config_verdict take_address(struct config_draft *draft, const char *item)
{
    struct config_source *source = draft->source;
    return config_take_host(item, sizeof source->host, source->host, &source->port);
}

static enum config_verdict take_kind(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"server",           "pool", "peer", "broadcast",
                                        "broadcast-client", NULL};
    static const enum source_kind kinds[] = {SOURCE_SERVER, SOURCE_POOL, SOURCE_PEER,
                                             SOURCE_BROADCAST_SERVER, SOURCE_BROADCAST_CLIENT};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->source->kind = kinds[choice];
    return verdict;
}

static enum config_verdict take_port(struct config_draft *draft, const char *item)
{
    int64_t port = CONFIG_PORT_DEFAULT;
    enum config_verdict verdict = config_take_integer(item, 1, UINT16_MAX, &port);
    draft->ports[draft->source - draft->config.sources.items] = (uint16_t)port;
    return verdict;
}

static enum config_verdict take_family(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"any", "ipv4", "ipv6", NULL};
    static const uint8_t families[] = {ADDRESS_NONE, ADDRESS_IPV4, ADDRESS_IPV6};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->source->family = families[choice];
    return verdict;
}

static enum config_verdict take_key(struct config_draft *draft, const char *item)
{
    int64_t id = 0;
    enum config_verdict verdict = config_take_integer(item, 1, UINT32_MAX, &id);
    draft->source->key_id = (uint32_t)id;
    return verdict;
}

static enum config_verdict take_poll(struct config_draft *draft, const char *item)
{
    return config_take_poll(item, &draft->source->poll_min, &draft->source->poll_max);
}

static enum config_verdict take_iburst(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->source->is_iburst);
}

static enum config_verdict take_burst(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->source->is_burst);
}

static enum config_verdict take_interleaved(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->source->is_interleaved);
}

static enum config_verdict take_prefer(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->source->is_prefer);
}

static enum config_verdict take_noselect(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->source->is_noselect);
}

static enum config_verdict take_trust(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->source->is_trust);
}

static enum config_verdict take_require(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->source->is_require);
}

static enum config_verdict take_offline(struct config_draft *draft, const char *item)
{
    return config_take_flag(item, &draft->source->is_offline);
}

static enum config_verdict take_version(struct config_draft *draft, const char *item)
{
    int64_t value = 1;
    enum config_verdict verdict = config_take_integer(item, 1, VERSION_MAX, &value);
    draft->source->version = (uint8_t)value;
    return verdict;
}

static enum config_verdict take_offset(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, -OFFSET_NS_MAX, OFFSET_NS_MAX, &draft->source->offset_ns);
}

static enum config_verdict take_max_delay(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, DELAY_NS_MIN, DELAY_NS_MAX, &draft->source->max_delay_ns);
}

static enum config_verdict take_max_delay_ratio(struct config_draft *draft, const char *item)
{
    double ratio = 0;
    enum config_verdict verdict = config_take_number(item, 0, RATIO_MAX, &ratio);
    draft->source->max_delay_ratio = ratio;
    /* No delay but the least itself is within one time the least. */
    return ratio != 0 && ratio <= 1 ? CONFIG_UNREADABLE : verdict;
}

static enum config_verdict take_min_samples(struct config_draft *draft, const char *item)
{
    int64_t value = 1;
    enum config_verdict verdict = config_take_integer(item, 1, SAMPLES_MAX, &value);
    draft->source->min_samples = (unsigned)value;
    return verdict;
}

static enum config_verdict take_pool_size(struct config_draft *draft, const char *item)
{
    int64_t value = 1;
    enum config_verdict verdict = config_take_integer(item, 1, CONFIG_POOL_MAX, &value);
    draft->source->pool_size = (unsigned)value;
    return verdict;
}

static enum config_verdict take_bind(struct config_draft *draft, const char *item)
{
    return config_take_plain_address(item, &draft->source->local);
}

static enum config_verdict take_device(struct config_draft *draft, const char *item)
{
    return strchr(item, '/') != NULL
               ? CONFIG_UNREADABLE
               : config_take_name(item, sizeof draft->source->device, draft->source->device);
}

static enum config_verdict take_dscp(struct config_draft *draft, const char *item)
{
    int64_t value = 0;
    enum config_verdict verdict = config_take_integer(item, 0, DSCP_MAX, &value);
    draft->source->dscp = (uint8_t)value;
    return verdict;
}

static enum config_verdict take_group(struct config_draft *draft, const char *item)
{
    struct address group;
    enum config_verdict verdict = config_take_plain_address(item, &group);
    if (verdict == CONFIG_TAKEN && !config_is_group(&group)) {
        return CONFIG_UNREADABLE;
    }
    if (verdict == CONFIG_TAKEN) {
        draft->source->group = group;
    }
    return verdict;
}

static enum config_verdict take_filter(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"bank", "ntp", "regression", NULL};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->source->filter = (enum config_filter)choice;
    return verdict;
}

#define YES_OR_NO "yes or no"
static const struct config_key source_keys[] = {
    {.name = "address",
     .accepted = "a name or an address, with a port if it is not 123: time.example, 192.0.2.1, "
                 "192.0.2.1:11123 or [2001:db8::1]:11123",
     .take = take_address},
    {.name = "kind",
     .accepted = "server, pool, peer, broadcast or broadcast-client",
     .take = take_kind},
    {.name = "port", .accepted = "a number from 1 to 65535", .take = take_port},
    {.name = "family", .accepted = "any, ipv4 or ipv6", .take = take_family, .kinds = HEARD},
    {.name = "key",
     .accepted = "the number of a key in the [keys] file, from 1 to 4294967295",
     .take = take_key},
    {.name = "poll",
     .accepted = "one or two powers of two from 125 ms to 131072 s, the least and the most, such "
                 "as 64 s 1024 s",
     .take = take_poll,
     .kinds = TALKS},
    {.name = "iburst", .accepted = YES_OR_NO, .take = take_iburst, .kinds = ASKED},
    {.name = "burst", .accepted = YES_OR_NO, .take = take_burst, .kinds = ASKED},
    {.name = "interleaved",
     .accepted = YES_OR_NO,
     .take = take_interleaved,
     .kinds = ASKED | BIT(SOURCE_PEER)},
    {.name = "version", .accepted = "a number from 1 to 4", .take = take_version, .kinds = TALKS},
    {.name = "prefer", .accepted = YES_OR_NO, .take = take_prefer, .kinds = HEARD},
    {.name = "noselect", .accepted = YES_OR_NO, .take = take_noselect, .kinds = HEARD},
    {.name = "trust", .accepted = YES_OR_NO, .take = take_trust, .kinds = HEARD},
    {.name = "require", .accepted = YES_OR_NO, .take = take_require, .kinds = HEARD},
    {.name = "offline", .accepted = YES_OR_NO, .take = take_offline},
    {.name = "offset",
     .accepted = "a duration with its unit such as 2 ms or -150 us, up to 24 h either way",
     .take = take_offset,
     .kinds = HEARD},
    {.name = "max-delay",
     .accepted = "a duration with its unit, from 1 us to 1000 s",
     .take = take_max_delay,
     .kinds = HEARD},
    {.name = "max-delay-ratio",
     .accepted = "a number above 1 such as 1.5, or 0 for no limit",
     .take = take_max_delay_ratio,
     .kinds = HEARD},
    {.name = "min-samples",
     .accepted = "a number from 1 to 64",
     .take = take_min_samples,
     .kinds = HEARD},
    {.name = "pool-size",
     .accepted = "a number from 1 to 16",
     .take = take_pool_size,
     .kinds = BIT(SOURCE_POOL)},
    {.name = "bind",
     .accepted = "an address of this machine without a port, such as 192.0.2.1",
     .take = take_bind,
     .kinds = ASKED | BIT(SOURCE_PEER)},
    {.name = "device",
     .accepted = "the name of a network device, up to 15 characters, such as eth0",
     .take = take_device,
     .kinds = ASKED | BIT(SOURCE_BROADCAST_CLIENT)},
    {.name = "dscp",
     .accepted = "a number from 0 to 63",
     .take = take_dscp,
     .kinds = ASKED | BIT(SOURCE_PEER)},
    {.name = "group",
     .accepted = "the address of a multicast group without a port, such as 224.0.1.1 or ff05::101",
     .take = take_group,
     .kinds = BIT(SOURCE_BROADCAST_CLIENT)},
    {.name = "filter", .accepted = "bank, ntp or regression", .take = take_filter, .kinds = HEARD},
};
_Static_assert(sizeof source_keys / sizeof source_keys[0] <= CONFIG_KEYS_MAX, "too many keys");

const struct config_section config_section_source = {.name = "source",
                                                     .keys = source_keys,
                                                     .count =
                                                         sizeof source_keys / sizeof source_keys[0],
                                                     .has_name = true};

struct config_source config_source_default(void)
{
    return (struct config_source){.kind = SOURCE_SERVER,
                                  .pool_size = 4,
                                  .poll_min = 6,
                                  .poll_max = 10,
                                  .is_iburst = true,
                                  .version = VERSION_MAX,
                                  .max_delay_ns = 3 * NS_PER_S,
                                  .min_samples = 1,
                                  .filter = CONFIG_FILTER_BANK};
}

unsigned config_source_associations(const struct config_source *source)
{
    return source->kind == SOURCE_POOL ? source->pool_size : 1;
}

unsigned config_voters(const struct config *config)
{
    unsigned voters = 0;
    for (size_t i = 0; i < config->sources.count; i++) {
        const struct config_source *source = &config->sources.items[i];
        if (!source->is_noselect && source->kind != SOURCE_BROADCAST_SERVER) {
            voters += config_source_associations(source);
        }
    }
    return voters;
}
