/* SPDX-License-Identifier: MIT */
#include "common/host/udp_stamp.h"
#include "common/host/socket_address.h"
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <time.h>

static void read_stamp(const struct cmsghdr *header, struct udp_ancillary *ancillary)
{
    struct timespec stamp;
    memcpy(&stamp, CMSG_DATA(header), sizeof(stamp));
    ancillary->stamp = STAMP_KERNEL;
    ancillary->realtime_ns = (int64_t)stamp.tv_sec * NS_PER_S + stamp.tv_nsec;
}

/* Three stamps, of which the last is the card's. */
static void read_card_stamp(const struct cmsghdr *header, struct udp_ancillary *ancillary)
{
    struct timespec stamps[3];
    memcpy(stamps, CMSG_DATA(header), sizeof(stamps));
    ancillary->card_ns = (int64_t)stamps[2].tv_sec * NS_PER_S + stamps[2].tv_nsec;
}

static void read_card(const struct cmsghdr *header, struct udp_ancillary *ancillary)
{
    struct scm_ts_pktinfo info;
    memcpy(&info, CMSG_DATA(header), sizeof(info));
    ancillary->card_interface = info.if_index;
}

/* Every entry of the error queue has one; a stamp's says ENOMSG. */
static void read_error(const struct cmsghdr *header, struct udp_ancillary *ancillary)
{
    struct sock_extended_err error;
    memcpy(&error, CMSG_DATA(header), sizeof(error));
    if (error.ee_origin != SO_EE_ORIGIN_TIMESTAMPING) {
        ancillary->error = (int)error.ee_errno;
    }
}

static bool is_error(const struct cmsghdr *header)
{
    return (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
           (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR);
}

static bool is_link_local(const struct address *ipv6)
{
    return ipv6->octets[0] == 0xFE && (ipv6->octets[1] & 0xC0) == 0x80;
}

struct udp_ancillary udp_ancillary_read(struct msghdr *message)
{
    struct udp_ancillary ancillary = {.stamp = STAMP_DAEMON};
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPNS) {
            read_stamp(header, &ancillary);
        } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPING) {
            read_card_stamp(header, &ancillary);
        } else if (header->cmsg_level == SOL_SOCKET &&
                   header->cmsg_type == SCM_TIMESTAMPING_PKTINFO) {
            read_card(header, &ancillary);
        } else if (is_error(header)) {
            read_error(header, &ancillary);
        } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(header), sizeof(info));
            /* spec_dst is ours even where the datagram went to a broadcast address: which of them
             * are, only the kernel's routes know. */
            ancillary.asked = socket_address_from_ipv4(&info.ipi_spec_dst, 0);
            ancillary.to_group =
                info.ipi_spec_dst.s_addr != 0 && info.ipi_spec_dst.s_addr != info.ipi_addr.s_addr;
            ancillary.interface = (uint32_t)info.ipi_ifindex;
        } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(header), sizeof(info));
            ancillary.asked = socket_address_from_ipv6(&info.ipi6_addr, 0);
            ancillary.interface = info.ipi6_ifindex;
            ancillary.to_group = ancillary.asked.octets[0] == 0xFF;
            if (is_link_local(&ancillary.asked)) {
                ancillary.asked.scope = info.ipi6_ifindex;
            }
        }
    }
    return ancillary;
}

static size_t append(uint8_t *control, int level, int type, const void *data, size_t size)
{
    struct cmsghdr header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = level, .cmsg_type = type};
    memset(control, 0, CMSG_SPACE(size)); /* what stands between the parts is read too */
    memcpy(control, &header, sizeof(header));
    memcpy(control + CMSG_LEN(0), data, size);
    return CMSG_SPACE(size);
}

size_t udp_stamp_request(uint8_t *control, bool of_card)
{
    uint32_t flags = SOF_TIMESTAMPING_TX_SOFTWARE;
    if (of_card) {
        flags |= SOF_TIMESTAMPING_TX_HARDWARE; /* the kernel's only where the card makes none */
    }
    return append(control, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags));
}

size_t udp_source_request(uint8_t *control, const struct address *source, uint32_t interface)
{
    if (source->family == ADDRESS_IPV4) {
        /* No interface: the route decides, as it does for every other service of the host. */
        struct in_pktinfo info = {.ipi_ifindex = 0};
        memcpy(&info.ipi_spec_dst, source->octets, 4);
        return append(control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
    struct in6_pktinfo info = {.ipi6_ifindex = 0};
    memcpy(&info.ipi6_addr, source->octets, 16);
    /* A link-local source means nothing without its link. */
    if (is_link_local(source)) {
        info.ipi6_ifindex = interface;
    }
    return append(control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}
