/* SPDX-License-Identifier: MIT */
/* What only shows of the sources when all has been read. */
#include "common/config/config_reading.h"
#include <string.h>

static const struct config_seen *seen_of(const struct config_reading *reading, size_t index,
                                         const char *name)
{
    const struct config_key *key = config_key_find(&config_section_source, name);
    assert(key != NULL);
    return &reading->seen_source[index][key - config_section_source.keys];
}

static const char *kind_word(enum source_kind kind)
{
    static const char *const words[SOURCE_KINDS] = {
        [SOURCE_SERVER] = "server",
        [SOURCE_POOL] = "pool",
        [SOURCE_PEER] = "peer",
        [SOURCE_BROADCAST_CLIENT] = "broadcast-client",
        [SOURCE_BROADCAST_SERVER] = "broadcast",
        [SOURCE_MEMBER] = "member",
    };
    return words[kind];
}

/* The key "port", or the one behind the address; the latter is in source->port so far. */
static void settle_port(struct config_reading *reading, size_t index)
{
    struct config_source *source = &reading->draft.config.sources.items[index];
    uint16_t port = reading->draft.ports[index];
    if (source->port != 0 && port != 0) {
        config_complain(reading, seen_of(reading, index, "port")->line,
                        "[source %s] port: the address has a port already, %u; keep one of the two",
                        source->name, source->port);
    }
    if (source->port == 0) {
        source->port = port != 0 ? port : CONFIG_PORT_DEFAULT;
    }
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_same_host(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

/* The IPv4 and the IPv6 address of a name may be two sources. */
static bool is_same_family(const struct config_source *a, const struct config_source *b)
{
    return a->family == b->family || a->family == ADDRESS_NONE || b->family == ADDRESS_NONE;
}

static void check_unique(struct config_reading *reading, size_t index)
{
    const struct config_source *items = reading->draft.config.sources.items;
    for (size_t i = 0; i < index; i++) {
        if (items[i].kind == items[index].kind && items[i].port == items[index].port &&
            is_same_family(&items[i], &items[index]) &&
            is_same_host(items[i].host, items[index].host)) {
            config_complain(reading, seen_of(reading, index, "address")->line,
                            "[source %s] address: [source %s] on line %lu has the same address and "
                            "kind; a source counts once, remove one of the two",
                            items[index].name, items[i].name, items[i].line);
            return;
        }
    }
}

/* Whether one of the labels is "pool". */
static bool is_pool_name(const char *host)
{
    while (*host != '\0') {
        size_t size = strcspn(host, ".");
        if (size == 4 && memcmp(host, "pool", size) == 0) {
            return true;
        }
        host += size + (host[size] == '.' ? 1 : 0);
    }
    return false;
}

static bool is_good_group_of(const struct config_source *source, const struct address *address)
{
    return source->kind == SOURCE_BROADCAST_SERVER || !config_is_group(address);
}

/* What the address must be, for the kind. */
static void check_address(struct config_reading *reading, size_t index)
{
    const struct config_source *source = &reading->draft.config.sources.items[index];
    unsigned long line = seen_of(reading, index, "address")->line;
    struct address address;
    bool is_address = address_parse(source->host, source->port, &address);
    if (source->kind == SOURCE_POOL && is_address) {
        config_complain(reading, line,
                        "[source %s] address: a pool is a name with several addresses, found '%s'; "
                        "use kind = server",
                        source->name, source->host);
    } else if (source->kind == SOURCE_PEER && is_pool_name(source->host)) {
        config_complain(reading, line,
                        "[source %s] address: '%s' is a pool, whose servers are no peers of ours; "
                        "use kind = pool",
                        source->name, source->host);
    } else if (source->kind == SOURCE_BROADCAST_SERVER && !is_address) {
        config_complain(reading, line,
                        "[source %s] address: found the name '%s'; a broadcast goes to a "
                        "broadcast or multicast address, such as 192.0.2.255 or 224.0.1.1",
                        source->name, source->host);
    } else if (is_address && !is_good_group_of(source, &address)) {
        config_complain(reading, line,
                        "[source %s] address: '%s' is a multicast group, nobody's own address; "
                        "name the server%s",
                        source->name, source->host,
                        source->kind == SOURCE_BROADCAST_CLIENT
                            ? " that sends there, and give group = the group"
                            : "");
    }
}

static void check_family(struct config_reading *reading, size_t index)
{
    const struct config_source *source = &reading->draft.config.sources.items[index];
    struct address address;
    uint8_t family = source->family;
    if (address_parse(source->host, source->port, &address)) {
        if (family != ADDRESS_NONE && family != address.family) {
            config_complain(reading, seen_of(reading, index, "family")->line,
                            "[source %s] family: found ipv%d, and the address '%s' is none; remove "
                            "one of the two",
                            source->name, family, source->host);
            return;
        }
        family = address.family;
    }
    const struct address *local =
        source->local.family != ADDRESS_NONE ? &source->local : &source->group;
    if (family != ADDRESS_NONE && local->family != ADDRESS_NONE && local->family != family) {
        const char *key = local == &source->local ? "bind" : "group";
        config_complain(reading, seen_of(reading, index, key)->line,
                        "[source %s] %s: found an IPv%d address, and the source has IPv%d only; "
                        "use one family",
                        source->name, key, local->family, family);
    }
}

static void check_key(struct config_reading *reading, size_t index)
{
    struct config_source *source = &reading->draft.config.sources.items[index];
    const struct config_seen *key = seen_of(reading, index, "key");
    source->key_line = key->line;
    if (key->line != 0 && reading->draft.config.keys.file[0] == '\0' && !reading->skips_keys) {
        config_complain(reading, key->line,
                        "[source %s] key: there are no keys; name their file in [keys], such as "
                        "file = /etc/chimed.keys",
                        source->name);
    }
    if (key->line == 0 &&
        (source->kind == SOURCE_BROADCAST_SERVER || source->kind == SOURCE_BROADCAST_CLIENT)) {
        config_complain(reading, source->line,
                        "[source %s] has no key; kind = %s needs one, or anybody on the network "
                        "could set the clock: add key = ID",
                        source->name, kind_word(source->kind));
    }
}

/* Options that mean nothing for the kind. */
static void check_kinds(struct config_reading *reading, size_t index)
{
    const struct config_source *source = &reading->draft.config.sources.items[index];
    for (size_t i = 0; i < config_section_source.count; i++) {
        const struct config_key *key = &config_section_source.keys[i];
        unsigned long line = reading->seen_source[index][i].line;
        if (line != 0 && key->kinds != 0 && (key->kinds >> source->kind & 1) == 0) {
            config_complain(reading, line,
                            "[source %s] %s: means nothing with kind = %s; remove this line",
                            source->name, key->name, kind_word(source->kind));
        }
    }
}

/* Who requires a source that is never selected would follow nobody, for ever. */
static void check_noselect(struct config_reading *reading, size_t index)
{
    const struct config_source *source = &reading->draft.config.sources.items[index];
    const struct {
        const char *key;
        bool is_set;
    } marks[] = {{"prefer", source->is_prefer},
                 {"trust", source->is_trust},
                 {"require", source->is_require}};
    for (size_t i = 0; source->is_noselect && i < sizeof marks / sizeof marks[0]; i++) {
        if (marks[i].is_set) {
            config_complain(reading, seen_of(reading, index, marks[i].key)->line,
                            "[source %s] %s: noselect = yes means that it is never followed; "
                            "remove one of the two",
                            source->name, marks[i].key);
        }
    }
}

void config_check_sources(struct config_reading *reading)
{
    for (size_t i = 0; i < reading->draft.config.sources.count; i++) {
        const struct config_source *source = &reading->draft.config.sources.items[i];
        const struct config_seen *address = seen_of(reading, i, "address");
        settle_port(reading, i);
        if (address->line == 0) {
            config_complain(reading, source->line, "[source %s] has no address; add address = HOST",
                            source->name);
        }
        if (seen_of(reading, i, "kind")->is_refused) {
            reading->skipped_source = true; /* how many it stands for is not known */
            continue;
        }
        check_kinds(reading, i);
        check_noselect(reading, i);
        check_key(reading, i);
        if (address->line != 0 && !address->is_refused) {
            check_unique(reading, i);
            check_address(reading, i);
            check_family(reading, i);
        }
    }
}
