/* SPDX-License-Identifier: MIT */
#include "tests/sim/acquaintance.h"
#include "common/base/random.h"
#include <stdlib.h>

bool acquaintance_knows(const struct acquaintance *acquaintance, size_t member, size_t other)
{
    const uint32_t *known = acquaintance->known + member * acquaintance->room;
    for (size_t i = 0; i < acquaintance->known_counts[member]; i++) {
        if (known[i] == other) {
            return true;
        }
    }
    return false;
}

static void introduce(struct acquaintance *acquaintance, size_t member, size_t other)
{
    if (member != other && !acquaintance_knows(acquaintance, member, other)) {
        uint32_t *counts = acquaintance->known_counts;
        assert(counts[member] < acquaintance->room && counts[other] < acquaintance->room);
        acquaintance->known[member * acquaintance->room + counts[member]++] = (uint32_t)other;
        acquaintance->known[other * acquaintance->room + counts[other]++] = (uint32_t)member;
    }
}

static void introduce_neighbours(struct acquaintance *acquaintance, size_t each_side)
{
    for (size_t i = 0; i < acquaintance->count; i++) {
        for (size_t j = 1; j <= each_side; j++) {
            introduce(acquaintance, i, (i + j) % acquaintance->count);
        }
    }
}

static void shuffle(struct random *random, uint32_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = random_below(random, (uint32_t)i);
        uint32_t other = order[j];
        order[j] = order[i - 1];
        order[i - 1] = other;
    }
}

/* All members in a random round: each meets the one before and the one behind. */
static void introduce_round(struct acquaintance *acquaintance, struct random *random,
                            uint32_t *order)
{
    size_t count = acquaintance->count;
    for (size_t i = 0; i < count; i++) {
        order[i] = (uint32_t)i;
    }
    shuffle(random, order, count);
    for (size_t i = 0; i < count; i++) {
        introduce(acquaintance, order[i], order[(i + 1) % count]);
    }
}

bool acquaintance_init(struct acquaintance *acquaintance, size_t count, size_t most, uint64_t seed)
{
    bool is_small = count <= most + 1;
    *acquaintance = (struct acquaintance){.count = count, .room = is_small ? count : most};
    acquaintance->known = calloc(count * acquaintance->room, sizeof(*acquaintance->known));
    acquaintance->known_counts = calloc(count, sizeof(*acquaintance->known_counts));
    uint32_t *order = calloc(count, sizeof(*order));
    if (acquaintance->known == NULL || acquaintance->known_counts == NULL || order == NULL) {
        free(order);
        acquaintance_clear(acquaintance);
        return false;
    }
    struct random random;
    random_init_seeded(&random, seed);
    if (is_small) {
        introduce_neighbours(acquaintance, count / 2);
    } else {
        introduce_neighbours(acquaintance, most / 4);
        for (size_t i = 0; i < most / 4; i++) {
            introduce_round(acquaintance, &random, order);
        }
    }
    /* That somebody is near does not show in where he stands in a list. */
    for (size_t i = 0; i < count; i++) {
        shuffle(&random, acquaintance->known + i * acquaintance->room,
                acquaintance->known_counts[i]);
    }
    free(order);
    return true;
}

void acquaintance_clear(struct acquaintance *acquaintance)
{
    free(acquaintance->known);
    free(acquaintance->known_counts);
    *acquaintance = (struct acquaintance){.count = 0};
}

const uint32_t *acquaintance_of(const struct acquaintance *acquaintance, size_t member,
                                size_t *count)
{
    *count = acquaintance->known_counts[member];
    return acquaintance->known + member * acquaintance->room;
}

double acquaintance_distance(const struct acquaintance *acquaintance, size_t member, size_t other)
{
    size_t apart = member > other ? member - other : other - member;
    if (apart > acquaintance->count / 2) {
        apart = acquaintance->count - apart;
    }
    return acquaintance->count < 2 ? 0 : (double)apart / (double)(acquaintance->count / 2);
}
