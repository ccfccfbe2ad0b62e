/* SPDX-License-Identifier: MIT */
#include "common/config/config_value.h"
#include "common/base/quantity.h"
#include <stdlib.h>
#include <string.h>

enum config_verdict config_take_choice(const char *item, const char *const *words, int *choice)
{
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(item, words[i]) == 0) {
            *choice = i;
            return CONFIG_TAKEN;
        }
    }
    return CONFIG_UNREADABLE;
}

enum config_verdict config_take_integer(const char *item, int64_t minimum, int64_t maximum,
                                        int64_t *value)
{
    return quantity_parse_integer(item, minimum, maximum, value) ? CONFIG_TAKEN : CONFIG_UNREADABLE;
}

enum config_verdict config_take_duration(const char *item, int64_t minimum_ns, int64_t maximum_ns,
                                         int64_t *ns)
{
    int64_t value;
    if (!quantity_parse_duration(item, &value) || value < minimum_ns || value > maximum_ns) {
        return CONFIG_UNREADABLE;
    }
    *ns = value;
    return CONFIG_TAKEN;
}

enum config_verdict config_take_rate(const char *item, double minimum_ppm, double maximum_ppm,
                                     double *ppm)
{
    double value;
    if (!quantity_parse_rate(item, &value) || !(value >= minimum_ppm && value <= maximum_ppm)) {
        return CONFIG_UNREADABLE;
    }
    *ppm = value;
    return CONFIG_TAKEN;
}

enum config_verdict config_take_path(const char *item, size_t room, char *path)
{
    /* A daemon's working directory is nobody's intention: what is relative to it is a mistake. */
    size_t size = strlen(item);
    /* A path may hold " #", but who writes that means a comment. */
    if (item[0] != '/' || size >= room || strstr(item, " #") != NULL) {
        return CONFIG_UNREADABLE;
    }
    memcpy(path, item, size + 1);
    return CONFIG_TAKEN;
}

enum config_verdict config_take_name(const char *item, size_t room, char *name)
{
    size_t size = strlen(item);
    if (size == 0 || size >= room || strcspn(item, " \t") != size) {
        return CONFIG_UNREADABLE;
    }
    memcpy(name, item, size + 1);
    return CONFIG_TAKEN;
}

/* Whether a socket can be somebody's there: a group or a broadcast is nobody's own address, and a
 * link-local one names nothing without its link. */
static bool is_listenable(const struct address *address)
{
    const uint8_t *octets = address->octets;
    if (address->family == ADDRESS_IPV4) {
        return octets[0] < 224;
    }
    bool is_link_local = octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
    return octets[0] != 0xff && (!is_link_local || address->scope != 0);
}

enum config_verdict config_take_address(const char *item, uint16_t default_port,
                                        struct config_addresses *addresses)
{
    struct address address;
    if (!address_parse(item, default_port, &address) || !is_listenable(&address)) {
        return CONFIG_UNREADABLE;
    }
    for (size_t i = 0; i < addresses->count; i++) {
        if (address_is_same(&addresses->items[i], &address)) {
            return CONFIG_REPEATED;
        }
    }
    if (addresses->count == CONFIG_LISTEN_MAX) {
        return CONFIG_FULL;
    }
    addresses->items[addresses->count++] = address;
    return CONFIG_TAKEN;
}

static bool prefix_is_same(const struct prefix *a, const struct prefix *b)
{
    return a->family == b->family && a->length == b->length &&
           memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

static enum config_verdict append_prefix(struct config_access *access, const struct prefix *prefix,
                                         bool allow)
{
    for (size_t i = 0; i < access->count; i++) {
        if (prefix_is_same(&access->items[i].prefix, prefix)) {
            return access->items[i].allow == allow ? CONFIG_REPEATED : CONFIG_OPPOSED;
        }
    }
    if (access->count == CONFIG_PREFIXES_MAX) {
        return CONFIG_FULL;
    }
    if (access->items == NULL) {
        access->items = calloc(CONFIG_PREFIXES_MAX, sizeof *access->items);
    }
    if (access->items == NULL) {
        return CONFIG_NO_MEMORY;
    }
    access->items[access->count++] = (struct config_prefix){.prefix = *prefix, .allow = allow};
    return CONFIG_TAKEN;
}

enum config_verdict config_take_prefix(const char *item, bool allow, struct config_access *access)
{
    if (strcmp(item, "all") == 0) {
        struct prefix every_ipv4 = {.family = ADDRESS_IPV4};
        struct prefix every_ipv6 = {.family = ADDRESS_IPV6};
        enum config_verdict verdict = append_prefix(access, &every_ipv4, allow);
        return verdict == CONFIG_TAKEN ? append_prefix(access, &every_ipv6, allow) : verdict;
    }
    struct prefix prefix;
    return prefix_parse(item, &prefix) ? append_prefix(access, &prefix, allow) : CONFIG_UNREADABLE;
}

#define WORD_MAX 31

unsigned config_distance(const char *a, const char *b)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size > WORD_MAX || b_size > WORD_MAX) {
        return 100;
    }
    /* Levenshtein's table, one row at a time: row[j] is the distance of the first i letters of a
     * from the first j of b. */
    unsigned row[WORD_MAX + 1];
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            unsigned best = diagonal + (a[i - 1] != b[j - 1]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_size];
}
