/* SPDX-License-Identifier: MIT */
#include "server/access.h"
#include <stdlib.h>

#define NODES_AT_FIRST 16
#define NO_NODE UINT32_MAX
#define WORD_BITS 64

enum verdict { VERDICT_NONE, VERDICT_DENY, VERDICT_ALLOW };

/* 128 bits, the first bit of an address being the highest of word[0]. */
struct bits {
    uint64_t word[2];
};

/* A node of a path-compressed binary trie: everything below it shares its first `length` bits. */
struct node {
    struct bits bits; /* zero beyond length */
    uint32_t child[2];
    uint8_t length;
    uint8_t verdict; /* VERDICT_NONE: only a fork */
};

enum root { ROOT_IPV4, ROOT_IPV6, ROOTS };

struct access {
    bool default_allow;
    size_t rules;
    uint32_t root[ROOTS];
    struct node *nodes;
    size_t count;
    size_t room;
};

static struct bits bits_from_octets(const uint8_t octets[16])
{
    struct bytes view = bytes_make(octets, 16);
    return (struct bits){{bytes_u64(view, 0), bytes_u64(view, 8)}};
}

static unsigned bits_at(struct bits bits, unsigned index)
{
    return (unsigned)(bits.word[index / WORD_BITS] >> (WORD_BITS - 1 - index % WORD_BITS)) & 1;
}

/* How many bits the two have in common from the start, at most limit. */
static unsigned bits_common(struct bits a, struct bits b, unsigned limit)
{
    uint64_t high = a.word[0] ^ b.word[0];
    uint64_t low = a.word[1] ^ b.word[1];
    unsigned common = 2 * WORD_BITS;
    if (high != 0) {
        common = (unsigned)__builtin_clzll(high);
    } else if (low != 0) {
        common = WORD_BITS + (unsigned)__builtin_clzll(low);
    }
    return common < limit ? common : limit;
}

static struct bits bits_cut(struct bits bits, unsigned length)
{
    for (unsigned i = 0; i < 2; i++) {
        unsigned kept = length > i * WORD_BITS ? length - i * WORD_BITS : 0;
        if (kept < WORD_BITS) {
            /* A shift by the whole width is undefined, hence the two steps. */
            bits.word[i] &= ~(UINT64_MAX >> kept);
        }
    }
    return bits;
}

struct access *access_create(bool default_allow)
{
    struct access *access = malloc(sizeof(*access));
    if (access != NULL) {
        *access = (struct access){.default_allow = default_allow, .root = {NO_NODE, NO_NODE}};
    }
    return access;
}

void access_destroy(struct access *access)
{
    if (access != NULL) {
        free(access->nodes);
        free(access);
    }
}

/* A rule needs at most two nodes: its own and a fork. */
static bool access_reserve(struct access *access)
{
    if (access->room - access->count >= 2) {
        return true;
    }
    size_t room = access->room == 0 ? NODES_AT_FIRST : 2 * access->room;
    struct node *nodes = realloc(access->nodes, room * sizeof(*nodes));
    if (nodes == NULL) {
        return false;
    }
    access->nodes = nodes;
    access->room = room;
    return true;
}

static uint32_t access_append(struct access *access, struct bits bits, unsigned length,
                              enum verdict verdict)
{
    assert(access->count < access->room);
    access->nodes[access->count] = (struct node){.bits = bits_cut(bits, length),
                                                 .child = {NO_NODE, NO_NODE},
                                                 .length = (uint8_t)length,
                                                 .verdict = (uint8_t)verdict};
    return (uint32_t)access->count++;
}

/* Puts a new node in place of *link: above what stands there, or beside it under a fork. */
static void access_split(struct access *access, uint32_t *link, struct bits bits, unsigned length,
                         enum verdict verdict)
{
    uint32_t below = *link;
    uint32_t added = access_append(access, bits, length, verdict);
    *link = added;
    if (below == NO_NODE) {
        return;
    }
    struct bits other = access->nodes[below].bits;
    unsigned limit = length < access->nodes[below].length ? length : access->nodes[below].length;
    unsigned common = bits_common(bits, other, limit);
    if (common == length) {
        access->nodes[added].child[bits_at(other, common)] = below;
        return;
    }
    uint32_t fork = access_append(access, bits, common, VERDICT_NONE);
    access->nodes[fork].child[bits_at(bits, common)] = added;
    access->nodes[fork].child[bits_at(other, common)] = below;
    *link = fork;
}

bool access_add(struct access *access, const struct prefix *prefix, bool allow)
{
    enum root root = prefix->family == ADDRESS_IPV4 ? ROOT_IPV4 : ROOT_IPV6;
    assert(prefix->family == ADDRESS_IPV4 || prefix->family == ADDRESS_IPV6);
    assert(prefix->length <= (root == ROOT_IPV4 ? 32 : 128));
    struct bits bits = bits_cut(bits_from_octets(prefix->octets), prefix->length);
    enum verdict verdict = allow ? VERDICT_ALLOW : VERDICT_DENY;
    if (!access_reserve(access)) {
        return false;
    }

    uint32_t *link = &access->root[root];
    while (*link != NO_NODE) {
        struct node *node = &access->nodes[*link];
        if (node->length > prefix->length ||
            bits_common(bits, node->bits, node->length) < node->length) {
            break;
        }
        if (node->length == prefix->length) {
            bool is_new = node->verdict == VERDICT_NONE;
            if (is_new && access->rules == ACCESS_RULES_MAX) {
                return false;
            }
            node->verdict = (uint8_t)verdict;
            access->rules += is_new;
            return true;
        }
        link = &node->child[bits_at(bits, node->length)];
    }
    if (access->rules == ACCESS_RULES_MAX) {
        return false;
    }
    access_split(access, link, bits, prefix->length, verdict);
    access->rules++;
    return true;
}

bool access_is_allowed(const struct access *access, const struct address *address)
{
    if (access->rules == 0 || address->family == ADDRESS_NONE) {
        return access->default_allow;
    }
    bool is_ipv4 = address->family == ADDRESS_IPV4;
    unsigned width = is_ipv4 ? 32 : 128;
    struct bits bits = bits_from_octets(address->octets);
    bool allowed = access->default_allow;
    uint32_t at = access->root[is_ipv4 ? ROOT_IPV4 : ROOT_IPV6];
    while (at != NO_NODE) {
        const struct node *node = &access->nodes[at];
        if (bits_common(bits, node->bits, node->length) < node->length) {
            break;
        }
        if (node->verdict != VERDICT_NONE) {
            allowed = node->verdict == VERDICT_ALLOW;
        }
        if (node->length == width) {
            break;
        }
        at = node->child[bits_at(bits, node->length)];
    }
    return allowed;
}
