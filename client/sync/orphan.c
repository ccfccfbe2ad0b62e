/* SPDX-License-Identifier: MIT */
#include "client/sync/orphan.h"
#include "ntpwire/packet.h"

bool orphan_is_one(const struct orphan_self *self, unsigned stratum)
{
    return stratum >= self->stratum && stratum <= PACKET_STRATUM_MAX;
}

uint32_t orphan_root(const struct orphan_self *self, const struct orphan_peer *peer)
{
    return peer->stratum == self->stratum ? peer->address : peer->refid;
}

bool orphan_is_own(const struct orphan_self *self, uint32_t refid)
{
    for (size_t i = 0; i < self->own_count; i++) {
        if (self->own[i] == refid) {
            return true;
        }
    }
    return false;
}

/* By the smallest of our own refids we are known to somebody: whoever is smaller is so for all. */
static uint32_t own_root(const struct orphan_self *self)
{
    uint32_t least = UINT32_MAX;
    for (size_t i = 0; i < self->own_count; i++) {
        least = self->own[i] < least ? self->own[i] : least;
    }
    return least;
}

bool orphan_choose(const struct orphan_self *self, const struct orphan_peer *peers, size_t count,
                   struct orphan_choice *choice)
{
    uint32_t least = own_root(self);
    bool has_choice = false;
    for (size_t i = 0; i < count; i++) {
        uint32_t root = orphan_root(self, &peers[i]);
        if (!orphan_is_one(self, peers[i].stratum) || peers[i].stratum >= PACKET_STRATUM_MAX ||
            orphan_is_own(self, root) || root >= least) {
            continue;
        }
        const struct orphan_peer *best = has_choice ? &peers[choice->index] : NULL;
        bool is_better = best == NULL || root < choice->root ||
                         (root == choice->root &&
                          (peers[i].stratum < best->stratum || (peers[i].stratum == best->stratum &&
                                                                peers[i].address < best->address)));
        if (is_better) {
            *choice = (struct orphan_choice){
                .index = i, .root = root, .stratum = (uint8_t)(peers[i].stratum + 1)};
            has_choice = true;
        }
    }
    return has_choice;
}
