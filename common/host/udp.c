/* SPDX-License-Identifier: MIT */
#include "common/host/udp.h"
#include "common/host/socket_address.h"
#include "common/host/udp_hardware.h"
#include "common/host/udp_stamp.h"
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif
#ifndef SO_SELECT_ERR_QUEUE
#define SO_SELECT_ERR_QUEUE 45
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#define DSCP_SHIFT 2 /* the two bits below are ECN's */

static void set_option(int fd, int level, int name, int value)
{
    /* Whatever is refused here is done without: stamps are the daemon's then, answers leave from
     * the address that the route prefers. */
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void set_ipv4_options(int fd, const struct udp_options *options, bool is_connected)
{
    if (is_connected) {
        /* "No route to host" and the like, not "connection refused" alone. */
        set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
    } else {
        /* An answer is short, and never fragmented; the kernel then needs no identifier for it,
         * which makes it 5 % cheaper, and no forged ICMP message can shrink its path. */
        set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
        /* Else it hears every group that any socket of this machine has joined. */
        set_option(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    }
    if (options->dscp != 0) {
        set_option(fd, IPPROTO_IP, IP_TOS, options->dscp << DSCP_SHIFT);
    }
}

static void set_ipv6_options(int fd, const struct udp_options *options, bool is_connected)
{
    /* A wildcard of one family must not take the other's port too. */
    set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (is_connected) {
        set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
    } else {
        set_option(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    }
    if (options->dscp != 0) {
        set_option(fd, IPPROTO_IPV6, IPV6_TCLASS, options->dscp << DSCP_SHIFT);
    }
}

static void set_options(int fd, const struct udp_options *options, const struct address *local)
{
    bool is_connected = options->remote.family != ADDRESS_NONE;
    /* The plain stamp costs less than SO_TIMESTAMPING's three, and serves for those of departure
     * too. */
    set_option(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    if (options->transmit_stamps || is_connected) {
        /* What waits in the error queue alone looks like an error to libuv, which then gives the
         * handle up; as "priority" it does not. */
        set_option(fd, SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1);
    }
    if (options->in_group) {
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    bool is_ipv4 = local->family == ADDRESS_IPV4;
    if (is_ipv4) {
        set_ipv4_options(fd, options, is_connected);
    } else {
        set_ipv6_options(fd, options, is_connected);
    }
    if (address_is_wildcard(local) && !is_connected) {
        set_option(fd, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6, is_ipv4 ? IP_PKTINFO : IPV6_RECVPKTINFO,
                   1);
    }
}

static bool is_named(const char *device)
{
    return device != NULL && device[0] != 0;
}

static int bind_and_connect(int fd, const struct udp_options *options, const struct address *local)
{
    if (is_named(options->device) && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options->device,
                                                (socklen_t)strlen(options->device)) != 0) {
        return -errno;
    }
    union socket_address socket_address;
    socklen_t size = socket_address_make(local, &socket_address);
    if (bind(fd, &socket_address.generic, size) != 0) {
        return -errno;
    }
    if (options->remote.family == ADDRESS_NONE) {
        return 0;
    }
    size = socket_address_make(&options->remote, &socket_address);
    return connect(fd, &socket_address.generic, size) != 0 ? -errno : 0;
}

int udp_open(const struct udp_options *options, struct udp *udp)
{
    struct address local = options->local;
    if (local.family == ADDRESS_NONE) {
        local.family = options->remote.family;
    }
    int family = local.family == ADDRESS_IPV4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0) {
        return -errno;
    }
    set_options(fd, options, &local);
    int status = bind_and_connect(fd, options, &local);
    if (status != 0) {
        close(fd);
        return status;
    }

    bool names_source = address_is_wildcard(&local) && options->remote.family == ADDRESS_NONE;
    union socket_address bound;
    socklen_t size = sizeof(bound);
    if (getsockname(fd, &bound.generic, &size) == 0) {
        local = socket_address_read(&bound);
    }
    *udp = (struct udp){.fd = fd, .local = local, .names_source = names_source};
    return 0;
}

/* IPv4 and IPv6 alike (RFC 3678); the port means nothing. */
static int change_membership(const struct udp *udp, int change, const struct address *group,
                             const char *device)
{
    struct group_req request = {.gr_interface = group->scope};
    union socket_address name;
    if (is_named(device)) {
        request.gr_interface = if_nametoindex(device);
        if (request.gr_interface == 0) {
            return -errno;
        }
    }
    memcpy(&request.gr_group, &name, socket_address_make(group, &name));
    int level = group->family == ADDRESS_IPV4 ? IPPROTO_IP : IPPROTO_IPV6;
    return setsockopt(udp->fd, level, change, &request, sizeof(request)) != 0 ? -errno : 0;
}

int udp_join_group(const struct udp *udp, const struct address *group, const char *device)
{
    return change_membership(udp, MCAST_JOIN_GROUP, group, device);
}

void udp_leave_group(const struct udp *udp, const struct address *group, const char *device)
{
    (void)change_membership(udp, MCAST_LEAVE_GROUP, group, device);
}

int udp_allow_broadcast(const struct udp *udp)
{
    int on = 1;
    return setsockopt(udp->fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) != 0 ? -errno : 0;
}

void udp_close(struct udp *udp)
{
    if (udp->fd >= 0) {
        close(udp->fd);
        udp->fd = -1;
    }
}

/* The network header, seen from the payload where the filter's data begins. */
#define IPV4_SOURCE ((uint32_t)SKF_NET_OFF + 12)
#define IPV6_SOURCE ((uint32_t)SKF_NET_OFF + 8)
#define GOLDEN 0x9E3779B1u

int udp_group_attach(const struct udp *udp, unsigned size)
{
    assert(size > 0);
    struct sock_filter ipv4[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IPV4_SOURCE),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, GOLDEN),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, size),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    /* The upper 64 bits: what rate limits count as one client. */
    struct sock_filter ipv6[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IPV6_SOURCE + 4),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, GOLDEN),
        BPF_STMT(BPF_MISC | BPF_TAX, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IPV6_SOURCE),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0),
        BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, GOLDEN),
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, size),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    bool is_ipv4 = udp->local.family == ADDRESS_IPV4;
    struct sock_fprog program;
    memset(&program, 0, sizeof(program)); /* its padding goes to the kernel too */
    program.len = is_ipv4 ? sizeof(ipv4) / sizeof(ipv4[0]) : sizeof(ipv6) / sizeof(ipv6[0]);
    program.filter = is_ipv4 ? ipv4 : ipv6;
    int status =
        setsockopt(udp->fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
    return status != 0 ? -errno : 0;
}

int udp_make_outlet(struct udp *group, unsigned size)
{
    /* Broadcasts reach every socket that is bound there: it drops what nobody would read. */
    struct sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog program;
    int status = udp_group_attach(&group[0], size);
    if (status != 0) {
        return status;
    }
    memset(&program, 0, sizeof(program));
    program.len = sizeof(nothing) / sizeof(nothing[0]);
    program.filter = nothing;
    if (setsockopt(group[size].fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0) {
        return -errno;
    }
    group[size].is_outlet = true;
    return 0;
}

int udp_send(const struct udp *udp, const struct address *remote, struct bytes payload,
             bool wants_stamp)
{
    union socket_address name;
    union udp_control control;
    struct iovec vector = {.iov_base = (void *)(uintptr_t)payload.data, .iov_len = payload.size};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    if (remote != NULL) {
        message.msg_namelen = socket_address_make(remote, &name);
        message.msg_name = &name;
    }
    if (wants_stamp) {
        message.msg_control = &control;
        message.msg_controllen = udp_stamp_request(control.octets, udp->card != NULL);
    }
    ssize_t size;
    do {
        size = sendmsg(udp->fd, &message, MSG_NOSIGNAL);
    } while (size < 0 && errno == EINTR);
    return size < 0 ? -errno : 0;
}

/* A stamp that can't be dated is as good as none: the daemon's own stands. Beside a card's stamp
 * the kernel invents one of its own for departures, the time of reading. */
static bool date(const struct udp *udp, const struct udp_ancillary *ancillary,
                 const struct clock *clock, struct sent *sent)
{
    struct reading at, now = clock_read(clock);
    enum stamp_origin stamp = ancillary->card_ns != 0 ? STAMP_HARDWARE : ancillary->stamp;
    bool is_dated =
        stamp == STAMP_HARDWARE
            ? udp->card != NULL &&
                  udp_card_date(udp->card, ancillary->card_interface, ancillary->card_ns, now, &at)
            : stamp == STAMP_KERNEL && clock_date(clock, ancillary->realtime_ns, now, &at);
    if (is_dated) {
        *sent = (struct sent){.stamp = stamp, .at = at};
    }
    return is_dated;
}

int udp_read_stamp(const struct udp *udp, const struct clock *clock, uint8_t *buffer, size_t room,
                   struct sent *sent)
{
    for (;;) {
        union udp_control control;
        struct iovec vector = {.iov_base = buffer, .iov_len = room};
        struct msghdr message = {.msg_iov = &vector,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};
        ssize_t size = recvmsg(udp->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (size < 0) {
            /* Nothing is left. Where errors are not queued one may wait as the socket's own. */
            int error = 0;
            socklen_t error_size = sizeof(error);
            (void)getsockopt(udp->fd, SOL_SOCKET, SO_ERROR, &error, &error_size);
            return -error;
        }
        struct udp_ancillary ancillary = udp_ancillary_read(&message);
        if (ancillary.error != 0) {
            return -ancillary.error;
        }
        if (date(udp, &ancillary, clock, sent)) {
            sent->payload = bytes_make(buffer, (size_t)size);
            return 1;
        }
    }
}
