/* SPDX-License-Identifier: MIT */
#include "common/host/udp_hardware.h"
#include "common/host/socket_address.h"
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/net_tstamp.h>
#include <linux/ptp_clock.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CARDS_MAX 16
#define SAMPLES 5

struct udp_card {
    char name[IF_NAMESIZE];
    uint32_t interface;
    int device; /* its clock's; -1: it has no stamps */
    struct udp_hardware_line line;
};

struct udp_hardware {
    const struct clock *clock;
    size_t count;
    struct udp_card cards[CARDS_MAX];
};

struct udp_hardware *udp_hardware_create(const struct clock *clock)
{
    struct udp_hardware *hardware = calloc(1, sizeof(*hardware));
    if (hardware != NULL) {
        hardware->clock = clock;
    }
    return hardware;
}

void udp_hardware_destroy(struct udp_hardware *hardware)
{
    if (hardware == NULL) {
        return;
    }
    for (size_t i = 0; i < hardware->count; i++) {
        if (hardware->cards[i].device >= 0) {
            close(hardware->cards[i].device);
        }
    }
    free(hardware);
}

/* The interface that has this address. */
static bool find_interface(const struct address *local, char name[IF_NAMESIZE])
{
    struct ifaddrs *all;
    bool is_found = false;
    if (getifaddrs(&all) != 0) {
        return false;
    }
    for (struct ifaddrs *one = all; one != NULL && !is_found; one = one->ifa_next) {
        if (one->ifa_addr == NULL ||
            (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6)) {
            continue;
        }
        union socket_address socket_address;
        memcpy(&socket_address, one->ifa_addr,
               one->ifa_addr->sa_family == AF_INET ? sizeof(socket_address.ipv4)
                                                   : sizeof(socket_address.ipv6));
        struct address theirs = socket_address_read(&socket_address);
        is_found = address_is_same_host(&theirs, local);
        if (is_found) {
            snprintf(name, IF_NAMESIZE, "%s", one->ifa_name);
        }
    }
    freeifaddrs(all);
    return is_found;
}

static int ask_card(int fd, const char *name, unsigned long request, void *data)
{
    struct ifreq ifreq;
    memset(&ifreq, 0, sizeof(ifreq));
    snprintf(ifreq.ifr_name, sizeof(ifreq.ifr_name), "%s", name);
    ifreq.ifr_data = data;
    return ioctl(fd, request, &ifreq) != 0 ? -errno : 0;
}

/* Turns the card's stamps on. What somebody else (ptp4l) has asked of it stays; it must then do for
 * us too. */
static bool enable(int fd, const char *name, uint32_t filters, char reason[UDP_HARDWARE_TEXT_MAX])
{
    struct hwtstamp_config config;
    memset(&config, 0, sizeof(config));
    bool is_known = ask_card(fd, name, SIOCGHWTSTAMP, &config) == 0;
    bool has_all =
        config.rx_filter == HWTSTAMP_FILTER_ALL || config.rx_filter == HWTSTAMP_FILTER_NTP_ALL;
    if (is_known && config.tx_type == HWTSTAMP_TX_ON && has_all) {
        return true;
    }
    if (is_known && config.rx_filter != HWTSTAMP_FILTER_NONE && !has_all) {
        snprintf(reason, UDP_HARDWARE_TEXT_MAX, "another program has set them to PTP alone");
        return false;
    }
    memset(&config, 0, sizeof(config));
    config.tx_type = HWTSTAMP_TX_ON;
    config.rx_filter = (filters & (1u << HWTSTAMP_FILTER_NTP_ALL)) != 0 ? HWTSTAMP_FILTER_NTP_ALL
                                                                        : HWTSTAMP_FILTER_ALL;
    int status = ask_card(fd, name, SIOCSHWTSTAMP, &config);
    if (status != 0) {
        snprintf(reason, UDP_HARDWARE_TEXT_MAX, "they can't be turned on: %s%s", strerror(-status),
                 status == -EPERM ? " (that needs CAP_NET_ADMIN, or hwstamp_ctl at boot)" : "");
    }
    return status == 0;
}

/* The card's clock, opened; -1, and why not. */
static int probe(int fd, const char *name, char reason[UDP_HARDWARE_TEXT_MAX])
{
    const uint32_t stamps =
        SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
    struct ethtool_ts_info info = {.cmd = ETHTOOL_GET_TS_INFO};
    int status = ask_card(fd, name, SIOCETHTOOL, &info);
    if (status != 0) {
        snprintf(reason, UDP_HARDWARE_TEXT_MAX, "its driver does not say: %s", strerror(-status));
        return -1;
    }
    uint32_t usable = (1u << HWTSTAMP_FILTER_ALL) | (1u << HWTSTAMP_FILTER_NTP_ALL);
    if ((info.so_timestamping & stamps) != stamps || info.phc_index < 0) {
        snprintf(reason, UDP_HARDWARE_TEXT_MAX, "it has none");
        return -1;
    }
    if ((info.rx_filters & usable) == 0) {
        snprintf(reason, UDP_HARDWARE_TEXT_MAX, "it has them for PTP alone");
        return -1;
    }
    if (!enable(fd, name, info.rx_filters, reason)) {
        return -1;
    }
    char path[32];
    snprintf(path, sizeof(path), "/dev/ptp%d", info.phc_index);
    int device = open(path, O_RDONLY | O_CLOEXEC);
    if (device < 0) {
        snprintf(reason, UDP_HARDWARE_TEXT_MAX, "its clock %s can't be read: %s", path,
                 strerror(errno));
    }
    return device;
}

static int64_t ns_of(const struct ptp_clock_time *time)
{
    return (int64_t)time->sec * NS_PER_S + time->nsec;
}

/* Reads the card's clock between two readings of the system's; the closest pair counts. */
static bool compare(const struct clock *clock, struct udp_card *card)
{
    struct ptp_sys_offset_extended offsets = {.n_samples = SAMPLES};
    struct udp_hardware_pair best = {.error_ns = INT64_MAX};
    if (ioctl(card->device, PTP_SYS_OFFSET_EXTENDED, &offsets) != 0) {
        return false;
    }
    struct reading now = clock_read(clock), at;
    for (size_t i = 0; i < SAMPLES; i++) {
        int64_t before = ns_of(&offsets.ts[i][0]), after = ns_of(&offsets.ts[i][2]);
        int64_t error_ns = (after - before) / 2;
        if (error_ns >= 0 && error_ns < best.error_ns &&
            clock_date(clock, before + error_ns, now, &at)) {
            best = (struct udp_hardware_pair){
                .card_ns = ns_of(&offsets.ts[i][1]), .mono = at.mono, .error_ns = error_ns};
        }
    }
    if (best.error_ns == INT64_MAX) {
        return false;
    }
    udp_hardware_line_add(&card->line, &best);
    return true;
}

static struct udp_card *find_card(struct udp_hardware *hardware, const char *name)
{
    for (size_t i = 0; i < hardware->count; i++) {
        if (strcmp(hardware->cards[i].name, name) == 0) {
            return &hardware->cards[i];
        }
    }
    return NULL;
}

/* Probes it, and says so. */
static struct udp_card *meet_card(struct udp_hardware *hardware, const struct udp *udp,
                                  const char *name, char sentence[UDP_HARDWARE_TEXT_MAX])
{
    char reason[UDP_HARDWARE_TEXT_MAX] = "its clock can't be compared with ours";
    struct udp_card *card = &hardware->cards[hardware->count++];
    *card = (struct udp_card){.interface = if_nametoindex(name),
                              .device = probe(udp->fd, name, reason)};
    snprintf(card->name, sizeof(card->name), "%s", name);
    if (card->device >= 0 && !compare(hardware->clock, card)) {
        close(card->device);
        card->device = -1;
    }
    if (card->device >= 0) {
        snprintf(sentence, UDP_HARDWARE_TEXT_MAX, "%s stamps datagrams by its own clock", name);
    } else {
        snprintf(sentence, UDP_HARDWARE_TEXT_MAX,
                 "no hardware timestamps of %s: %.160s; the kernel's are used", name, reason);
    }
    return card;
}

bool udp_hardware_attach(struct udp_hardware *hardware, struct udp *udp,
                         char sentence[UDP_HARDWARE_TEXT_MAX])
{
    char name[IF_NAMESIZE];
    udp->card = NULL;
    if (!find_interface(&udp->local, name)) {
        return false;
    }
    struct udp_card *card = find_card(hardware, name);
    bool is_new = card == NULL && hardware->count < CARDS_MAX;
    if (is_new) {
        card = meet_card(hardware, udp, name, sentence);
    }
    int flags =
        SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE | SOF_TIMESTAMPING_OPT_PKTINFO;
    if (card != NULL && card->device >= 0 &&
        setsockopt(udp->fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof(flags)) == 0) {
        udp->card = card;
    }
    return is_new;
}

bool udp_hardware_compare(struct udp_hardware *hardware)
{
    bool has_cards = false;
    for (size_t i = 0; i < hardware->count; i++) {
        if (hardware->cards[i].device >= 0) {
            has_cards = true;
            (void)compare(hardware->clock, &hardware->cards[i]); /* its line ages, and ends */
        }
    }
    return has_cards;
}

bool udp_card_date(const struct udp_card *card, uint32_t interface, int64_t card_ns,
                   struct reading now, struct reading *at)
{
    struct mono mono;
    /* Another card's clock means nothing here: the route changed. */
    if ((interface != 0 && interface != card->interface) ||
        !udp_hardware_line_date(&card->line, card_ns, &mono) || mono.ns > now.mono.ns) {
        return false;
    }
    *at = (struct reading){.mono = mono, .wall = {now.wall.ns - (now.mono.ns - mono.ns)}};
    return true;
}
