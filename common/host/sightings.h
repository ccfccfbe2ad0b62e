/* SPDX-License-Identifier: MIT */
/* sightings.h - what was heard of services in the local network (DNS-SD, RFC 6763): a bounded set
 * of them, and the lines of their TXT records. Pure; whoever asks the network fills it. */
#ifndef COMMON_HOST_SIGHTINGS_H
#define COMMON_HOST_SIGHTINGS_H
#include "common/base/address.h"

#define SIGHTINGS_MAX 64
#define SIGHTINGS_NONE SIGHTINGS_MAX
#define SIGHTINGS_NAME_MAX 64    /* a label of the DNS, and the final zero */
#define ANNOUNCEMENT_WORD_MAX 32 /* as the name of a mesh */
#define ANNOUNCEMENT_LINES 3
#define ANNOUNCEMENT_LINE_MAX 64

/* What a TXT record says: of which mesh the service is, and who it says it is. */
struct announcement {
    bool has_version, has_mesh, has_id; /* was there such a line? */
    bool is_known;                      /* the version is one that we know */
    char mesh[ANNOUNCEMENT_WORD_MAX];   /* empty: none that could be ours */
    uint64_t id;                        /* 0: none that could be read */
};

/* Takes one line; of several with the same key the first holds, others are passed over. Begin with
 * all zero. */
void announcement_take(struct announcement *announcement, struct bytes line);
/* Whether it is of that mesh, in a version that we know, and of another node than us. Nothing of it
 * is believed for that: whoever it is must show its key. */
bool announcement_is_for(const struct announcement *announcement, const char *mesh, uint64_t own);
/* The lines to announce ourselves by. */
void announcement_write(const char *mesh, uint64_t id,
                        char lines[ANNOUNCEMENT_LINES][ANNOUNCEMENT_LINE_MAX]);

/* A service, on one interface and by one protocol. */
struct sighting {
    bool is_there;
    int interface;
    int protocol;
    char name[SIGHTINGS_NAME_MAX];
    struct address address; /* family NONE: not known yet, or not one for us */
};

/* Begins with all zero. */
struct sightings {
    uint32_t seen; /* since there was room last */
    struct sighting items[SIGHTINGS_MAX];
};

/* Its place, or SIGHTINGS_NONE. */
size_t sightings_find(const struct sightings *sightings, int interface, int protocol,
                      const char *name);
/* Gives a new one a place, without an address. When there is no room it takes another one's, by
 * lot: the last to come is as likely to be in the set as the first, so that a crowd of false ones
 * can't keep all of the others out by being early. SIGHTINGS_NONE if the lot is against it, it is
 * there already, or its name is no label. *is_taken: somebody else lost that place. */
size_t sightings_add(struct sightings *sightings, const struct sighting *sighting, uint32_t draw,
                     bool *is_taken);
/* Where it can be asked. False, and it has no address then, for what is nobody's own: a group,
 * everybody, this machine's loopback, port 0. */
bool sightings_locate(struct sightings *sightings, size_t place, const struct address *address);
void sightings_remove(struct sightings *sightings, size_t place);
/* The addresses, each once. Returns their number. */
size_t sightings_addresses(const struct sightings *sightings,
                           struct address addresses[SIGHTINGS_MAX]);
#endif
