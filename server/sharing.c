/* SPDX-License-Identifier: MIT */
#include "server/sharing.h"
#include "common/host/udp_route.h"
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member {
    struct action_open open; /* association 0: free */
    struct udp_route route;
};

struct sharing {
    struct station *const *stations;
    size_t station_count;
    struct handover *handover;
    struct member members[HANDOVER_ASSOCIATIONS_MAX];
};

static void tell_stations(struct sharing *sharing, const struct handover_list *list)
{
    for (size_t i = 0; i < sharing->station_count; i++) {
        station_share(sharing->stations[i], sharing->handover, list, i == 0);
    }
}

struct sharing *sharing_create(uv_loop_t *loop, struct station *const *stations,
                               size_t station_count,
                               void (*take)(void *context, struct event *event), void *context)
{
    struct sharing *sharing = calloc(1, sizeof(*sharing));
    if (sharing == NULL) {
        return NULL;
    }
    sharing->handover = handover_create(loop, take, context);
    if (sharing->handover == NULL) {
        free(sharing);
        return NULL;
    }
    sharing->stations = stations;
    sharing->station_count = station_count;
    tell_stations(sharing, &(struct handover_list){.count = 0});
    return sharing;
}

static void register_members(struct sharing *sharing)
{
    struct handover_list list = {.count = 0};
    for (size_t i = 0; i < HANDOVER_ASSOCIATIONS_MAX; i++) {
        const struct action_open *open = &sharing->members[i].open;
        if (open->association != 0) {
            list.items[list.count++] =
                (struct handover_remote){.association = open->association, .host = open->remote};
        }
    }
    tell_stations(sharing, &list);
}

void sharing_destroy(struct sharing *sharing)
{
    if (sharing != NULL) {
        struct handover_list none = {.count = 0};
        struct handover *handover = sharing->handover;
        sharing->handover = NULL;
        tell_stations(sharing, &none);
        handover_destroy(handover);
        free(sharing);
    }
}

static struct member *find(const struct sharing *sharing, uint32_t association)
{
    for (size_t i = 0; i < HANDOVER_ASSOCIATIONS_MAX; i++) {
        if (sharing->members[i].open.association == association) {
            return (struct member *)(uintptr_t)&sharing->members[i];
        }
    }
    return NULL;
}

bool sharing_has(const struct sharing *sharing, uint32_t association)
{
    return find(sharing, association) != NULL;
}

/* How well a socket suits to send from source to destination; 0: not at all. */
static int suitability(const struct udp *udp, const struct address *source,
                       const struct address *destination)
{
    if (udp->local.family != destination->family) {
        return 0;
    }
    if (source->family == udp->local.family && address_is_same_host(&udp->local, source)) {
        return 4;
    }
    if (udp->names_source) {
        return 3;
    }
    return address_is_loopback(&udp->local) == address_is_loopback(destination) ? 2 : 1;
}

/* One of the first station's: all stations have the same addresses. NULL if there is none. */
static const struct udp *choose_among(const struct sharing *sharing, bool is_outlet,
                                      const struct address *source,
                                      const struct address *destination)
{
    size_t count = 0;
    const struct udp *sockets =
        sharing->station_count > 0 ? station_sockets(sharing->stations[0], &count) : NULL;
    const struct udp *best = NULL;
    int best_suitability = 0;
    for (size_t i = 0; i < count; i++) {
        int suits =
            sockets[i].is_outlet == is_outlet ? suitability(&sockets[i], source, destination) : 0;
        if (suits > best_suitability) {
            best_suitability = suits;
            best = &sockets[i];
        }
    }
    return best;
}

static const struct udp *choose_socket(const struct sharing *sharing, const struct address *source,
                                       const struct address *destination)
{
    return choose_among(sharing, false, source, destination);
}

static const char *family_name(const struct address *address)
{
    return address->family == ADDRESS_IPV4 ? "IPv4" : "IPv6";
}

/* Whether another member hears the same group. */
static bool group_is_shared(const struct sharing *sharing, const struct member *member)
{
    for (size_t i = 0; i < HANDOVER_ASSOCIATIONS_MAX; i++) {
        const struct member *other = &sharing->members[i];
        if (other != member && other->open.association != 0 &&
            other->route.interface == member->route.interface &&
            address_is_same_host(&other->open.group, &member->open.group)) {
            return true;
        }
    }
    return false;
}

/* The first station's wildcard hears for all. */
static bool join(const struct sharing *sharing, const struct member *member,
                 char error[SHARING_ERROR_MAX])
{
    char text[ADDRESS_TEXT_MAX];
    const struct address *group = &member->open.group;
    const struct udp *udp = choose_socket(sharing, &(struct address){.family = 0}, group);
    if (udp == NULL || !udp->names_source) {
        snprintf(error, SHARING_ERROR_MAX,
                 "to hear the group %s, [server] listen needs the wildcard address of %s",
                 address_format(group, text), family_name(group));
        return false;
    }
    int status = udp_join_group(udp, group, member->open.device);
    if (status != 0 && status != -EADDRINUSE) {
        snprintf(error, SHARING_ERROR_MAX, "the group %s can't be joined: %s",
                 address_format(group, text), strerror(-status));
        return false;
    }
    return true;
}

static void leave(const struct sharing *sharing, const struct member *member)
{
    const struct address *group = &member->open.group;
    const struct udp *udp = choose_socket(sharing, &(struct address){.family = 0}, group);
    if (udp != NULL && udp->names_source && !group_is_shared(sharing, member)) {
        udp_leave_group(udp, group, member->open.device);
    }
}

bool sharing_open(struct sharing *sharing, const struct action_open *open,
                  char error[SHARING_ERROR_MAX])
{
    struct member *member = find(sharing, open->association);
    member = member != NULL ? member : find(sharing, 0);
    if (member == NULL) {
        snprintf(error, SHARING_ERROR_MAX, "there are %d associations already",
                 HANDOVER_ASSOCIATIONS_MAX);
        return false;
    }
    member->open = *open;
    member->route =
        (struct udp_route){.interface = if_nametoindex(open->device), .dscp = open->dscp};
    register_members(sharing);
    if (open->device[0] != '\0' && member->route.interface == 0) {
        snprintf(error, SHARING_ERROR_MAX, "there is no network interface '%s'", open->device);
        return false;
    }
    const struct udp *udp = choose_socket(sharing, &open->local, &open->remote);
    if (udp == NULL) {
        snprintf(error, SHARING_ERROR_MAX,
                 "it speaks through the server's sockets, and [server] listen has no %s address",
                 family_name(&open->remote));
        return false;
    }
    int status = open->is_broadcast ? udp_allow_broadcast(udp) : 0;
    if (status != 0) {
        snprintf(error, SHARING_ERROR_MAX, "broadcasts are refused: %s", strerror(-status));
        return false;
    }
    return open->group.family == ADDRESS_NONE || join(sharing, member, error);
}

void sharing_close(struct sharing *sharing, uint32_t association)
{
    struct member *member = association != 0 ? find(sharing, association) : NULL;
    if (member == NULL) {
        return;
    }
    if (member->open.group.family != ADDRESS_NONE) {
        leave(sharing, member);
    }
    *member = (struct member){.open = {.association = 0}};
    register_members(sharing);
    handover_forget(sharing->handover, association);
}

/* udp: NULL if none suits. */
static bool send_by(struct sharing *sharing, const struct udp *udp, const struct action_send *send,
                    const struct udp_route *route, char error[SHARING_ERROR_MAX])
{
    if (udp == NULL) {
        snprintf(error, SHARING_ERROR_MAX, "[server] listen has no %s address to send from",
                 family_name(&send->destination));
        return false;
    }
    if (send->wants_stamp) {
        uint32_t association = send->association != 0 ? send->association : HANDOVER_SERVER;
        handover_await(sharing->handover, association, bytes_make(send->payload, send->size));
    }
    int status = udp_route_send(udp, send, route);
    if (status != 0) {
        snprintf(error, SHARING_ERROR_MAX, "%s", strerror(-status));
    }
    return status == 0;
}

bool sharing_send(struct sharing *sharing, const struct action_send *send,
                  char error[SHARING_ERROR_MAX])
{
    const struct member *member = find(sharing, send->association);
    assert(member != NULL);
    struct udp_route route = member->route;
    route.source = send->source.family != ADDRESS_NONE ? send->source : member->open.local;
    const struct udp *udp = choose_socket(sharing, &route.source, &send->destination);
    return send_by(sharing, udp, send, &route, error);
}

bool sharing_answer(struct sharing *sharing, const struct action_send *send,
                    char error[SHARING_ERROR_MAX])
{
    struct udp_route route = {.source = send->source, .interface = send->interface};
    const struct udp *udp = choose_among(sharing, true, &route.source, &send->destination);
    if (udp == NULL) {
        udp = choose_socket(sharing, &route.source, &send->destination);
    }
    return send_by(sharing, udp, send, &route, error);
}

uint64_t sharing_dropped(const struct sharing *sharing)
{
    return handover_dropped(sharing->handover);
}
