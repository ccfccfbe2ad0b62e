/* SPDX-License-Identifier: MIT */
#include "common/host/sightings.h"
#include "common/base/hexadecimal.h"
#include <stdio.h>
#include <string.h>

#define VERSION "1"
#define ID_DIGITS 16

static char lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (char)(octet - 'A' + 'a') : (char)octet;
}

/* Keys know no case (RFC 6763, 6.4). True with *value as what follows the sign. */
static bool has_key(struct bytes line, const char *key, struct bytes *value)
{
    size_t size = strlen(key);
    if (line.size <= size || line.data[size] != '=') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (lower(line.data[i]) != key[i]) {
            return false;
        }
    }
    *value = bytes_make(line.data + size + 1, line.size - size - 1);
    return true;
}

/* What does not fit, or has a zero in it, is nothing that we ever wrote: it is left empty. */
static void copy(struct bytes value, char *out, size_t room)
{
    out[0] = '\0';
    if (value.size < room && (value.size == 0 || memchr(value.data, 0, value.size) == NULL)) {
        memcpy(out, value.size > 0 ? (const char *)value.data : "", value.size);
        out[value.size] = '\0';
    }
}

void announcement_take(struct announcement *announcement, struct bytes line)
{
    struct bytes value;
    char text[ID_DIGITS + 1];
    uint8_t octets[sizeof(uint64_t)];
    if (has_key(line, "txtvers", &value) && !announcement->has_version) {
        copy(value, text, sizeof(text));
        announcement->has_version = true;
        announcement->is_known = strcmp(text, VERSION) == 0;
    } else if (has_key(line, "mesh", &value) && !announcement->has_mesh) {
        copy(value, announcement->mesh, sizeof(announcement->mesh));
        announcement->has_mesh = true;
    } else if (has_key(line, "id", &value) && !announcement->has_id) {
        copy(value, text, sizeof(text));
        announcement->has_id = true;
        if (strlen(text) == ID_DIGITS && hexadecimal_read(text, octets, sizeof(octets))) {
            announcement->id = bytes_u64(bytes_make(octets, sizeof(octets)), 0);
        }
    }
}

bool announcement_is_for(const struct announcement *announcement, const char *mesh, uint64_t own)
{
    return announcement->is_known && mesh[0] != '\0' && strcmp(announcement->mesh, mesh) == 0 &&
           announcement->id != 0 && announcement->id != own;
}

void announcement_write(const char *mesh, uint64_t id,
                        char lines[ANNOUNCEMENT_LINES][ANNOUNCEMENT_LINE_MAX])
{
    snprintf(lines[0], ANNOUNCEMENT_LINE_MAX, "txtvers=" VERSION);
    snprintf(lines[1], ANNOUNCEMENT_LINE_MAX, "mesh=%.*s", ANNOUNCEMENT_WORD_MAX - 1, mesh);
    snprintf(lines[2], ANNOUNCEMENT_LINE_MAX, "id=%016llx", (unsigned long long)id);
}

size_t sightings_find(const struct sightings *sightings, int interface, int protocol,
                      const char *name)
{
    for (size_t i = 0; i < SIGHTINGS_MAX; i++) {
        const struct sighting *sighting = &sightings->items[i];
        if (sighting->is_there && sighting->interface == interface &&
            sighting->protocol == protocol && strcmp(sighting->name, name) == 0) {
            return i;
        }
    }
    return SIGHTINGS_NONE;
}

static size_t find_room(const struct sightings *sightings)
{
    size_t place = 0;
    while (place < SIGHTINGS_MAX && sightings->items[place].is_there) {
        place++;
    }
    return place;
}

size_t sightings_add(struct sightings *sightings, const struct sighting *sighting, uint32_t draw,
                     bool *is_taken)
{
    size_t place = find_room(sightings);
    *is_taken = false;
    if (sighting->name[0] == '\0' ||
        sightings_find(sightings, sighting->interface, sighting->protocol, sighting->name) !=
            SIGHTINGS_NONE) {
        return SIGHTINGS_NONE;
    }
    if (place < SIGHTINGS_MAX) {
        sightings->seen = 0;
    } else {
        sightings->seen += sightings->seen < UINT32_MAX - SIGHTINGS_MAX;
        place = draw % (SIGHTINGS_MAX + sightings->seen);
        if (place >= SIGHTINGS_MAX) {
            return SIGHTINGS_NONE;
        }
        *is_taken = true;
    }
    sightings->items[place] = *sighting;
    sightings->items[place].is_there = true;
    sightings->items[place].address = (struct address){.family = ADDRESS_NONE};
    return place;
}

/* Whoever answers mDNS names any address it likes. */
static bool is_somebody(const struct address *address)
{
    uint8_t first = address->octets[0];
    bool is_group = address->family == ADDRESS_IPV4 ? first >= 224 : first == 0xff;
    return address->family != ADDRESS_NONE && address->port != 0 && !is_group &&
           !address_is_wildcard(address) && !address_is_loopback(address);
}

bool sightings_locate(struct sightings *sightings, size_t place, const struct address *address)
{
    struct sighting *sighting = &sightings->items[place];
    sighting->address = (struct address){.family = ADDRESS_NONE};
    if (sighting->is_there && is_somebody(address)) {
        sighting->address = *address;
        return true;
    }
    return false;
}

void sightings_remove(struct sightings *sightings, size_t place)
{
    sightings->items[place] = (struct sighting){.is_there = false};
}

size_t sightings_addresses(const struct sightings *sightings,
                           struct address addresses[SIGHTINGS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < SIGHTINGS_MAX; i++) {
        const struct sighting *sighting = &sightings->items[i];
        bool is_new = sighting->is_there && sighting->address.family != ADDRESS_NONE;
        for (size_t j = 0; j < count && is_new; j++) {
            is_new = !address_is_same(&addresses[j], &sighting->address);
        }
        if (is_new) {
            addresses[count++] = sighting->address;
        }
    }
    return count;
}
