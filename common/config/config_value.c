/* SPDX-License-Identifier: MIT */
#include "common/config/config_value.h"
#include "common/base/quantity.h"
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 24
#define LABEL_MAX 63
#define POLL_MIN (-3) /* 125 ms */
#define POLL_MAX 17   /* 131072 s */

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

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

enum config_verdict config_take_flag(const char *item, bool *flag)
{
    static const char *const words[] = {"no", "yes", NULL};
    int choice = 0;
    enum config_verdict verdict = config_take_choice(item, words, &choice);
    *flag = choice == 1;
    return verdict;
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

enum config_verdict config_take_duration_or_off(const char *item, int64_t minimum_ns,
                                                int64_t maximum_ns, int64_t *ns)
{
    if (strcmp(item, "off") == 0) {
        *ns = 0;
        return CONFIG_TAKEN;
    }
    return config_take_duration(item, minimum_ns, maximum_ns, ns);
}

enum config_verdict config_take_number(const char *item, double minimum, double maximum,
                                       double *value)
{
    /* strtod() alone would take "inf", "0x1p3" and " 1" as well. */
    size_t size = strlen(item);
    if (size == 0 || size > NUMBER_MAX || strspn(item, "0123456789.") != size || item[0] == '.') {
        return CONFIG_UNREADABLE;
    }
    char *end;
    double number = strtod(item, &end);
    if (*end != '\0' || !(number >= minimum && number <= maximum)) {
        return CONFIG_UNREADABLE;
    }
    *value = number;
    return CONFIG_TAKEN;
}

static bool parse_poll(const char *text, int8_t *poll)
{
    int64_t ns;
    if (!quantity_parse_duration(text, &ns)) {
        return false;
    }
    for (int log2_s = POLL_MIN; log2_s <= POLL_MAX; log2_s++) {
        if (ns == (log2_s < 0 ? NS_PER_S >> -log2_s : NS_PER_S << log2_s)) {
            *poll = (int8_t)log2_s;
            return true;
        }
    }
    return false;
}

enum config_verdict config_take_poll(const char *item, int8_t *least, int8_t *most)
{
    char text[CONFIG_ITEM_MAX];
    size_t size = strlen(item);
    int8_t polls[2];
    if (parse_poll(item, &polls[0])) {
        *least = *most = polls[0];
        return CONFIG_TAKEN;
    }
    /* A blank may also stand before a unit: the pair is where both halves mean something. */
    for (size_t i = 1; i < size && size < sizeof text; i++) {
        memcpy(text, item, size + 1);
        bool is_blank = strchr(" \t,", text[i]) != NULL;
        text[i] = '\0';
        const char *second = item + i + strspn(item + i, " \t,");
        if (is_blank && parse_poll(text, &polls[0]) && parse_poll(second, &polls[1])) {
            if (polls[0] > polls[1]) {
                return CONFIG_CROSSED;
            }
            *least = polls[0];
            *most = polls[1];
            return CONFIG_TAKEN;
        }
    }
    return CONFIG_UNREADABLE;
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

static bool is_made_of(const char *text, const char *others, size_t room)
{
    const char *at = text;
    while (is_alphanumeric(*at) || (*at != '\0' && strchr(others, *at) != NULL)) {
        at++;
    }
    return *at == '\0' && at > text && (size_t)(at - text) < room;
}

enum config_verdict config_take_word(const char *item, size_t room, char *word)
{
    if (!is_made_of(item, "._-", room)) {
        return CONFIG_UNREADABLE;
    }
    memcpy(word, item, strlen(item) + 1);
    return CONFIG_TAKEN;
}

bool config_is_source_name(const char *name)
{
    return is_made_of(name, "._-:", CONFIG_NAME_MAX);
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c - 'A' + 10;
}

enum config_verdict config_take_public_key(const char *item, uint8_t key[CONFIG_KEY_SIZE])
{
    static const char prefix[] = "ed25519:";
    const char *digits = item + strlen(prefix);
    if (strncmp(item, prefix, strlen(prefix)) != 0 || strlen(digits) != 2 * CONFIG_KEY_SIZE ||
        strspn(digits, "0123456789abcdefABCDEF") != 2 * CONFIG_KEY_SIZE) {
        return CONFIG_UNREADABLE;
    }
    for (size_t i = 0; i < CONFIG_KEY_SIZE; i++) {
        key[i] = (uint8_t)(digit_of(digits[2 * i]) << 4 | digit_of(digits[2 * i + 1]));
    }
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

/* A host's name: labels of letters, digits, hyphens and underscores, of which the last is no
 * number, or it would be a misspelt address. */
static bool is_host_name(const char *name)
{
    const char *label = name;
    for (const char *at = name;; at++) {
        if (*at == '.' || *at == '\0') {
            bool is_root = *at == '\0' && at == label && at != name;
            size_t size = (size_t)(at - label);
            if ((size == 0 && !is_root) || size > LABEL_MAX || *label == '-') {
                return false;
            }
            if (*at == '\0') {
                return is_root || strspn(label, "0123456789") != size;
            }
            label = at + 1;
        } else if (strchr("-_", *at) == NULL && !is_alphanumeric(*at)) {
            return false;
        }
    }
}

enum config_verdict config_take_host(const char *item, size_t room, char *host, uint16_t *port)
{
    char text[CONFIG_ITEM_MAX];
    uint16_t found = 0;
    struct address address;
    if (!address_split(item, 0, text, sizeof text, &found) || strlen(text) >= room) {
        return CONFIG_UNREADABLE;
    }
    bool is_address = address_parse(text, 0, &address);
    if (is_address ? address_is_wildcard(&address) : !is_host_name(text)) {
        return CONFIG_UNREADABLE;
    }
    memcpy(host, text, strlen(text) + 1);
    *port = found;
    return CONFIG_TAKEN;
}

bool config_is_group(const struct address *address)
{
    uint8_t first = address->octets[0];
    return address->family == ADDRESS_IPV4 ? first >= 224 && first < 240 : first == 0xff;
}

enum config_verdict config_take_plain_address(const char *item, struct address *address)
{
    struct address found;
    /* With a port it would have that of the text, not this one, and two tell them apart. */
    struct address again;
    if (!address_parse(item, 1, &found) || !address_parse(item, 2, &again) ||
        found.port == again.port || address_is_wildcard(&found)) {
        return CONFIG_UNREADABLE;
    }
    found.port = 0;
    *address = found;
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
