/* SPDX-License-Identifier: MIT */
/* The keys of [mesh] and [member NAME]. */
#include "common/config/config_reading.h"
#include <string.h>

#define INTERVAL_NS_MIN NS_PER_S
#define INTERVAL_NS_MAX (1024 * NS_PER_S)
#define GAMMA_NS_MIN (10 * NS_PER_US)
#define GAMMA_NS_MAX (1000 * NS_PER_S)
#define MAX_OFFSET_NS_MIN NS_PER_MS
#define MAX_OFFSET_NS_MAX (3600 * NS_PER_S)
#define VIEW_MIN 4
#define JOIN_HOST_MAX (ACTION_HOST_MAX - 9) /* brackets, colon and port are written around it */

static enum config_verdict take_identity(struct config_draft *draft, const char *item)
{
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.mesh.identity.path);
}

static enum config_verdict take_faults(struct config_draft *draft, const char *item)
{
    int64_t faults = CONFIG_FAULTS_AUTO;
    enum config_verdict verdict = CONFIG_TAKEN;
    if (strcmp(item, "auto") != 0) {
        verdict = config_take_integer(item, 0, CONFIG_FAULTS_MAX, &faults);
    }
    draft->config.mesh.faults = (int)faults;
    return verdict;
}

static enum config_verdict take_algorithm(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"agreement", "berkeley", NULL};
    /* A misspelt word counts as berkeley here, so that the keys for it draw no complaint besides.
     */
    int choice = CONFIG_BERKELEY;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.mesh.algorithm = (enum config_algorithm)choice;
    return verdict;
}

static enum config_verdict take_interval(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, INTERVAL_NS_MIN, INTERVAL_NS_MAX,
                                &draft->config.mesh.interval_ns);
}

static enum config_verdict take_gamma(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, GAMMA_NS_MIN, GAMMA_NS_MAX, &draft->config.mesh.gamma_ns);
}

static enum config_verdict take_poll(struct config_draft *draft, const char *item)
{
    return config_take_poll(item, &draft->config.mesh.poll_min, &draft->config.mesh.poll_max);
}

static enum config_verdict take_max_offset(struct config_draft *draft, const char *item)
{
    return config_take_duration(item, MAX_OFFSET_NS_MIN, MAX_OFFSET_NS_MAX,
                                &draft->config.mesh.max_offset_ns);
}

static enum config_verdict take_payload(struct config_draft *draft, const char *item)
{
    static const char *const words[] = {"1000", "1232", NULL};
    static const unsigned payloads[] = {1000, 1232};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    draft->config.mesh.payload = payloads[choice];
    return verdict;
}

static enum config_verdict take_view(struct config_draft *draft, const char *item)
{
    int64_t view = CONFIG_VIEW_MAX;
    enum config_verdict verdict = config_take_integer(item, VIEW_MIN, CONFIG_VIEW_MAX, &view);
    draft->config.mesh.view = (unsigned)view;
    return verdict;
}

static enum config_verdict take_group_key(struct config_draft *draft, const char *item)
{
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.mesh.group_key.path);
}

static enum config_verdict take_ca(struct config_draft *draft, const char *item)
{
    enum config_verdict verdict = config_take_public_key(item, draft->config.mesh.ca);
    draft->config.mesh.has_ca = verdict == CONFIG_TAKEN;
    return verdict;
}

static enum config_verdict take_certificate(struct config_draft *draft, const char *item)
{
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.mesh.certificate.path);
}

static enum config_verdict take_membership(struct config_draft *draft, const char *item)
{
    return config_take_path(item, CONFIG_PATH_MAX, draft->config.mesh.membership.path);
}

static enum config_verdict take_host(const char *item, struct config_host *host)
{
    enum config_verdict verdict =
        config_take_host(item, sizeof host->host, host->host, &host->port);
    if (verdict == CONFIG_TAKEN && host->port == 0) {
        host->port = CONFIG_PORT_DEFAULT;
    }
    return verdict;
}

static enum config_verdict take_join(struct config_draft *draft, const char *item)
{
    struct config_hosts *join = &draft->config.mesh.join;
    struct config_host host = {.port = 0};
    enum config_verdict verdict = take_host(item, &host);
    if (verdict == CONFIG_TAKEN && strlen(host.host) > JOIN_HOST_MAX) {
        return CONFIG_UNREADABLE;
    }
    for (size_t i = 0; verdict == CONFIG_TAKEN && i < join->count; i++) {
        verdict = config_host_is_same(&join->items[i], &host) ? CONFIG_REPEATED : CONFIG_TAKEN;
    }
    if (verdict != CONFIG_TAKEN) {
        return verdict;
    }
    if (join->count == CONFIG_HOSTS_MAX) {
        return CONFIG_FULL;
    }
    join->items[join->count++] = host;
    return CONFIG_TAKEN;
}

static enum config_verdict take_discover(struct config_draft *draft, const char *item)
{
    static const char prefix[] = "srv:";
    struct config_names *srv = &draft->config.mesh.srv;
    struct config_host name = {.port = 0};
    struct address address;
    if (strcmp(item, "mdns") == 0) {
        bool is_repeated = draft->config.mesh.is_mdns;
        draft->config.mesh.is_mdns = true;
        return is_repeated ? CONFIG_REPEATED : CONFIG_TAKEN;
    }
    /* Its answer has the ports and addresses, so the name has neither. */
    const char *text = item + strlen(prefix);
    if (strncmp(item, prefix, strlen(prefix)) != 0 || address_parse(text, 1, &address) ||
        config_take_host(text, sizeof name.host, name.host, &name.port) != CONFIG_TAKEN ||
        name.port != 0) {
        return CONFIG_UNREADABLE;
    }
    for (size_t i = 0; i < srv->count; i++) {
        if (strcmp(srv->items[i], name.host) == 0) {
            return CONFIG_REPEATED;
        }
    }
    if (srv->count == CONFIG_HOSTS_MAX) {
        return CONFIG_FULL;
    }
    memcpy(srv->items[srv->count++], name.host, sizeof name.host);
    return CONFIG_TAKEN;
}

static enum config_verdict take_address(struct config_draft *draft, const char *item)
{
    return take_host(item, &draft->config.mesh.address);
}

static enum config_verdict take_domain(struct config_draft *draft, const char *item)
{
    return config_take_word(item, CONFIG_WORD_MAX, draft->config.mesh.domain);
}

static enum config_verdict take_name(struct config_draft *draft, const char *item)
{
    return config_take_word(item, CONFIG_WORD_MAX, draft->config.mesh.name);
}

static enum config_verdict take_member_address(struct config_draft *draft, const char *item)
{
    return take_host(item, &draft->member->address);
}

static enum config_verdict take_member_key(struct config_draft *draft, const char *item)
{
    return config_take_public_key(item, draft->member->public_key);
}

static enum config_verdict take_member_domain(struct config_draft *draft, const char *item)
{
    return config_take_word(item, CONFIG_WORD_MAX, draft->member->domain);
}

static enum config_verdict take_member_epoch(struct config_draft *draft, const char *item)
{
    int64_t epoch = 0;
    enum config_verdict verdict = config_take_integer(item, 0, UINT16_MAX, &epoch);
    draft->member->epoch = (uint16_t)epoch;
    return verdict;
}

#define HOST "a name or an address, with a port behind it if that is not 123, such as node2.example"
#define WORD "a word of up to 31 letters, digits and . _ -"
#define PUBLIC_KEY                                                                                 \
    "ed25519: and 64 hexadecimal digits, the public key that chime keygen prints of a key"

static const struct config_key mesh_keys[] = {
    {.name = "identity",
     .accepted = "the absolute path of the key that chime keygen --node made, such as "
                 "/etc/chimed.pem",
     .take = take_identity},
    {.name = "faults",
     .accepted = "auto (the largest minority of the members), or a number from 0 to 7",
     .take = take_faults},
    {.name = "algorithm", .accepted = "agreement or berkeley", .take = take_algorithm},
    {.name = "interval",
     .accepted = "a duration with its unit, from 1 s to 1024 s",
     .take = take_interval,
     .is_berkeley = true},
    {.name = "gamma",
     .accepted = "a duration with its unit, from 10 us to 1000 s",
     .take = take_gamma,
     .is_berkeley = true},
    {.name = "poll",
     .accepted = "one or two powers of two from 125 ms to 131072 s, the least and the most, such "
                 "as 16 s 64 s",
     .take = take_poll},
    {.name = "max-offset",
     .accepted = "a duration with its unit, from 1 ms to 1 h",
     .take = take_max_offset},
    {.name = "payload", .accepted = "1000 or 1232", .take = take_payload},
    {.name = "view", .accepted = "a number from 4 to 16", .take = take_view},
    {.name = "group-key",
     .accepted = "an absolute path such as /etc/chimed.group",
     .take = take_group_key},
    {.name = "ca", .accepted = PUBLIC_KEY, .take = take_ca},
    {.name = "certificate",
     .accepted = "the absolute path of what chime certify made, such as /etc/chimed.cert",
     .take = take_certificate},
    {.name = "membership",
     .accepted = "the absolute path of a document that the CA signed, such as /etc/chimed.members",
     .take = take_membership},
    {.name = "join", .accepted = HOST, .take = take_join, .is_list = true},
    {.name = "discover",
     .accepted = "mdns, and srv: with a name in the DNS such as srv:_ntp._udp.mesh.example",
     .take = take_discover,
     .is_list = true},
    {.name = "address", .accepted = HOST, .take = take_address},
    {.name = "domain", .accepted = WORD, .take = take_domain},
    {.name = "name", .accepted = WORD, .take = take_name},
};
_Static_assert(sizeof mesh_keys / sizeof mesh_keys[0] <= CONFIG_KEYS_MAX, "too many keys");
_Static_assert(CONFIG_FAULTS_MAX == 7 && CONFIG_WORD_MAX == 32, "as the table says");

static const struct config_key member_keys[] = {
    {.name = "address", .accepted = HOST, .take = take_member_address},
    {.name = "public-key", .accepted = PUBLIC_KEY, .take = take_member_key},
    {.name = "domain", .accepted = WORD, .take = take_member_domain},
    {.name = "epoch", .accepted = "a number from 0 to 65535", .take = take_member_epoch},
};
_Static_assert(sizeof member_keys / sizeof member_keys[0] <= CONFIG_MEMBER_KEYS_MAX,
               "too many keys");

const struct config_section config_section_mesh = {
    .name = "mesh", .keys = mesh_keys, .count = sizeof mesh_keys / sizeof mesh_keys[0]};
const struct config_section config_section_member = {.name = "member",
                                                     .keys = member_keys,
                                                     .count =
                                                         sizeof member_keys / sizeof member_keys[0],
                                                     .has_name = true};
