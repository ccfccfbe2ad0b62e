/* SPDX-License-Identifier: MIT */
#include "common/base/address.h"
#include <stdio.h>
#include <string.h>

#define IPV6_GROUPS 8
#define NO_GAP 9

/* What is left of a text that is being read. Nothing is read at or beyond end. */
struct cursor {
    const char *at;
    const char *end;
};

static const uint8_t mapped_head[12] = {[10] = 0xff, [11] = 0xff};

static struct cursor cursor_over(const char *text)
{
    return (struct cursor){.at = text, .end = text + strlen(text)};
}

static bool take(struct cursor *cursor, char wanted)
{
    if (cursor->at == cursor->end || *cursor->at != wanted) {
        return false;
    }
    cursor->at++;
    return true;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Reads a number of 1 to digits_max digits, up to maximum. */
static bool take_number(struct cursor *cursor, unsigned base, unsigned digits_max, uint32_t maximum,
                        uint32_t *number)
{
    uint64_t value = 0;
    unsigned digits = 0;
    for (; cursor->at != cursor->end; cursor->at++, digits++) {
        int digit = digit_value(*cursor->at);
        if (digit < 0 || (unsigned)digit >= base) {
            break;
        }
        value = value * base + (unsigned)digit;
        if (digits == digits_max || value > maximum) {
            return false;
        }
    }
    *number = (uint32_t)value;
    return digits > 0;
}

/* The last 16 bits of the text behind a colon: a whole one, nothing after it. */
static bool take_last_port(struct cursor *cursor, uint16_t *port)
{
    uint32_t number;
    if (!take_number(cursor, 10, 5, UINT16_MAX, &number) || number == 0 ||
        cursor->at != cursor->end) {
        return false;
    }
    *port = (uint16_t)number;
    return true;
}

static bool take_ipv4(struct cursor *cursor, uint8_t octets[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0 && !take(cursor, '.')) {
            return false;
        }
        /* A leading zero means octal to some programs and nothing to others. */
        const char *start = cursor->at;
        uint32_t number;
        if (!take_number(cursor, 10, 3, UINT8_MAX, &number) ||
            (cursor->at - start > 1 && *start == '0')) {
            return false;
        }
        octets[i] = (uint8_t)number;
    }
    return true;
}

/* Reads one group of 16 bits, or the dotted end of an address, which counts as two. Returns how
 * many groups were read, 0 for a mistake. */
static unsigned take_group(struct cursor *cursor, unsigned room, uint8_t *octets)
{
    struct cursor start = *cursor;
    uint32_t number;
    if (!take_number(cursor, 16, 4, UINT16_MAX, &number)) {
        return 0;
    }
    if (cursor->at == cursor->end || *cursor->at != '.') {
        bytes_put_u16(octets, (uint16_t)number);
        return 1;
    }
    *cursor = start;
    return room >= 2 && take_ipv4(cursor, octets) ? 2 : 0;
}

static bool take_ipv6(struct cursor *cursor, uint8_t octets[16])
{
    uint8_t groups[2 * IPV6_GROUPS] = {0};
    unsigned count = 0;
    unsigned gap = NO_GAP; /* the groups before the "::" */
    if (take(cursor, ':')) {
        if (!take(cursor, ':')) {
            return false;
        }
        gap = 0;
    }
    while (count < IPV6_GROUPS && cursor->at != cursor->end && digit_value(*cursor->at) >= 0) {
        unsigned taken = take_group(cursor, IPV6_GROUPS - count, groups + (size_t)count * 2);
        if (taken == 0) {
            return false;
        }
        count += taken;
        if (taken == 2 || !take(cursor, ':')) {
            break;
        }
        if (take(cursor, ':')) {
            if (gap != NO_GAP) {
                return false;
            }
            gap = count;
        } else if (cursor->at == cursor->end || digit_value(*cursor->at) < 0) {
            return false;
        }
    }
    /* "::" stands for at least one group. */
    if (gap == NO_GAP ? count != IPV6_GROUPS : count == IPV6_GROUPS) {
        return false;
    }
    size_t head = gap == NO_GAP ? sizeof groups : (size_t)gap * 2;
    size_t tail = gap == NO_GAP ? 0 : (size_t)(count - gap) * 2;
    memset(octets, 0, 16);
    memcpy(octets, groups, head);
    memcpy(octets + 16 - tail, groups + head, tail);
    return true;
}

/* Only such addresses mean something different on each interface. */
static bool is_link_local(const uint8_t octets[16])
{
    return (octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80) ||
           (octets[0] == 0xff && ((octets[1] & 0x0f) == 1 || (octets[1] & 0x0f) == 2));
}

static bool take_ipv6_scoped(struct cursor *cursor, struct address *address)
{
    address->family = ADDRESS_IPV6;
    if (!take_ipv6(cursor, address->octets)) {
        return false;
    }
    if (take(cursor, '%')) {
        return is_link_local(address->octets) &&
               take_number(cursor, 10, 10, UINT32_MAX, &address->scope) && address->scope != 0;
    }
    return true;
}

void address_unmap(struct address *address)
{
    if (address->family == ADDRESS_IPV6 &&
        memcmp(address->octets, mapped_head, sizeof mapped_head) == 0) {
        memcpy(address->octets, address->octets + sizeof mapped_head, 4);
        memset(address->octets + 4, 0, sizeof mapped_head);
        address->family = ADDRESS_IPV4;
        address->scope = 0;
    }
}

bool address_parse(const char *text, uint16_t default_port, struct address *address)
{
    struct cursor cursor = cursor_over(text);
    struct address parsed = {.port = default_port};
    bool may_have_port = true;
    if (take(&cursor, '[')) {
        if (!take_ipv6_scoped(&cursor, &parsed) || !take(&cursor, ']')) {
            return false;
        }
    } else {
        parsed.family = ADDRESS_IPV4;
        if (!take_ipv4(&cursor, parsed.octets)) {
            parsed = (struct address){.port = default_port};
            cursor = cursor_over(text);
            may_have_port = false;
            if (!take_ipv6_scoped(&cursor, &parsed)) {
                return false;
            }
        }
    }
    if (cursor.at != cursor.end &&
        !(may_have_port && take(&cursor, ':') && take_last_port(&cursor, &parsed.port))) {
        return false;
    }
    address_unmap(&parsed);
    *address = parsed;
    return true;
}

/* A host name's own rules are the resolver's business; these octets are in none. */
static bool is_host_text(struct cursor host)
{
    for (const char *at = host.at; at != host.end; at++) {
        if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '[' || *at == ']') {
            return false;
        }
    }
    return host.at != host.end;
}

bool address_split(const char *text, uint16_t default_port, char *host, size_t host_room,
                   uint16_t *port)
{
    struct cursor whole = cursor_over(text);
    struct cursor name = whole;
    bool is_bracketed = take(&name, '[');
    const char *colon = strchr(text, ':');
    struct cursor rest = {.at = whole.end, .end = whole.end};
    if (is_bracketed) {
        const char *bracket = strchr(text, ']');
        if (bracket == NULL || colon == NULL || colon > bracket) {
            return false;
        }
        name.end = bracket;
        rest.at = bracket + 1;
    } else if (colon != NULL && strchr(colon + 1, ':') == NULL) {
        name.end = colon;
        rest.at = colon;
    }
    uint16_t number = default_port;
    if (rest.at != rest.end && !(take(&rest, ':') && take_last_port(&rest, &number))) {
        return false;
    }
    size_t size = (size_t)(name.end - name.at);
    if (!is_host_text(name) || size >= host_room) {
        return false;
    }
    memcpy(host, name.at, size);
    host[size] = '\0';
    *port = number;
    return true;
}

static void format_ipv4(const uint8_t octets[4], char *out, size_t room)
{
    snprintf(out, room, "%u.%u.%u.%u", octets[0], octets[1], octets[2], octets[3]);
}

/* The length of the first of the longest runs of zero groups, and its start; *start stays as it is
 * where no run has two at least (RFC 5952, 4.2). */
static unsigned longest_zeros(const uint8_t octets[16], unsigned *start)
{
    unsigned longest = 1;
    unsigned run = 0;
    for (unsigned i = 0; i < IPV6_GROUPS; i++) {
        run = octets[i * 2] == 0 && octets[i * 2 + 1] == 0 ? run + 1 : 0;
        if (run > longest) {
            longest = run;
            *start = i + 1 - run;
        }
    }
    return longest;
}

static void format_ipv6(const uint8_t octets[16], char *out, size_t room)
{
    unsigned start = IPV6_GROUPS;
    unsigned zeros = longest_zeros(octets, &start);
    size_t size = 0;
    for (unsigned i = 0; i < IPV6_GROUPS; i++) {
        if (i == start) {
            size += (size_t)snprintf(out + size, room - size, "::");
            i += zeros - 1;
            continue;
        }
        bool needs_colon = i > 0 && i != start + zeros;
        unsigned group = bytes_u16(bytes_make(octets, 16), (size_t)i * 2);
        size += (size_t)snprintf(out + size, room - size, needs_colon ? ":%x" : "%x", group);
    }
}

char *address_format(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    if (address->family == ADDRESS_IPV4) {
        format_ipv4(address->octets, out, ADDRESS_TEXT_MAX);
        return out;
    }
    if (address->family != ADDRESS_IPV6) {
        snprintf(out, ADDRESS_TEXT_MAX, "none");
        return out;
    }
    if (memcmp(address->octets, mapped_head, sizeof mapped_head) == 0) {
        snprintf(out, ADDRESS_TEXT_MAX, "::ffff:");
        format_ipv4(address->octets + 12, out + 7, ADDRESS_TEXT_MAX - 7);
    } else {
        format_ipv6(address->octets, out, ADDRESS_TEXT_MAX);
    }
    if (address->scope != 0) {
        size_t size = strlen(out);
        snprintf(out + size, ADDRESS_TEXT_MAX - size, "%%%lu", (unsigned long)address->scope);
    }
    return out;
}

char *address_format_port(const struct address *address, char out[ADDRESS_TEXT_MAX])
{
    bool wants_brackets = address->family == ADDRESS_IPV6;
    char host[ADDRESS_TEXT_MAX];
    address_format(address, host);
    out[0] = '\0';
    size_t size = 0;
    if (wants_brackets) {
        out[size++] = '[';
    }
    size_t host_size = strlen(host);
    /* The longest: 45 octets of address, 11 of scope, 2 of brackets, 6 of port. */
    assert(size + host_size + sizeof "]:65535" <= ADDRESS_TEXT_MAX);
    memcpy(out + size, host, host_size);
    size += host_size;
    snprintf(out + size, ADDRESS_TEXT_MAX - size, wants_brackets ? "]:%u" : ":%u", address->port);
    return out;
}

bool address_is_same_host(const struct address *a, const struct address *b)
{
    return a->family == b->family && a->scope == b->scope &&
           memcmp(a->octets, b->octets, sizeof a->octets) == 0;
}

bool address_is_same(const struct address *a, const struct address *b)
{
    return a->port == b->port && address_is_same_host(a, b);
}

bool address_is_loopback(const struct address *address)
{
    static const uint8_t loopback[16] = {[15] = 1};
    struct address plain = *address;
    address_unmap(&plain);
    if (plain.family == ADDRESS_IPV4) {
        return plain.octets[0] == 127;
    }
    return plain.family == ADDRESS_IPV6 && memcmp(plain.octets, loopback, sizeof loopback) == 0;
}

bool address_is_wildcard(const struct address *address)
{
    static const uint8_t zero[16];
    return address->family != ADDRESS_NONE && memcmp(address->octets, zero, sizeof zero) == 0;
}

#define CLIENT_KEY_IPV4 (UINT64_C(1) << 32)
#define CLIENT_KEY_RESERVED (UINT64_C(2) << 32)

uint64_t address_client_key(const struct address *address)
{
    struct bytes octets = bytes_make(address->octets, sizeof address->octets);
    if (address->family == ADDRESS_IPV4) {
        return CLIENT_KEY_IPV4 | bytes_u32(octets, 0);
    }
    /* The rest of ::/31 is reserved and holds ::1; it shares one key, apart from those of IPv4. */
    uint64_t network = bytes_u64(octets, 0);
    return network < CLIENT_KEY_RESERVED ? CLIENT_KEY_RESERVED : network;
}

struct address address_from_client_key(uint64_t key)
{
    struct address address = {.family = ADDRESS_IPV6};
    if (key >> 32 == 1) {
        address.family = ADDRESS_IPV4;
        bytes_put_u32(address.octets, (uint32_t)key);
    } else if (key == CLIENT_KEY_RESERVED) {
        address.octets[15] = 1;
    } else {
        bytes_put_u64(address.octets, key);
    }
    return address;
}

/* Are all bits from length on zero? */
static bool is_zero_beyond(const uint8_t octets[16], unsigned length)
{
    for (unsigned bit = length; bit < 128; bit++) {
        if ((octets[bit / 8] & 0x80 >> bit % 8) != 0) {
            return false;
        }
    }
    return true;
}

bool prefix_parse(const char *text, struct prefix *prefix)
{
    struct cursor cursor = cursor_over(text);
    struct address address = {.family = ADDRESS_IPV4};
    if (!take_ipv4(&cursor, address.octets)) {
        address = (struct address){.family = ADDRESS_IPV6};
        cursor = cursor_over(text);
        if (!take_ipv6(&cursor, address.octets)) {
            return false;
        }
    }
    uint32_t length_max = address.family == ADDRESS_IPV4 ? 32 : 128;
    uint32_t length = length_max;
    if (take(&cursor, '/') && !take_number(&cursor, 10, 3, length_max, &length)) {
        return false;
    }
    if (cursor.at != cursor.end || !is_zero_beyond(address.octets, length)) {
        return false;
    }
    /* Addresses are unmapped before they are looked up, so a mapped prefix must be as well. */
    if (address.family == ADDRESS_IPV6 && length >= 96) {
        address_unmap(&address);
        length -= address.family == ADDRESS_IPV4 ? 96 : 0;
    }
    *prefix = (struct prefix){.family = address.family, .length = (uint8_t)length};
    memcpy(prefix->octets, address.octets, sizeof prefix->octets);
    return true;
}

bool prefix_contains(const struct prefix *prefix, const struct address *address)
{
    assert(prefix->length <= (prefix->family == ADDRESS_IPV4 ? 32 : 128));
    if (prefix->family != address->family || prefix->family == ADDRESS_NONE) {
        return false;
    }
    size_t whole = prefix->length / 8;
    unsigned rest = prefix->length % 8;
    if (memcmp(prefix->octets, address->octets, whole) != 0) {
        return false;
    }
    unsigned mask = 0xff00U >> rest & 0xff;
    return rest == 0 || ((prefix->octets[whole] ^ address->octets[whole]) & mask) == 0;
}
