/* SPDX-License-Identifier: MIT */
#include "tests/bench/load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 128
#define SOCKET_BUFFER_SIZE (8 << 20)

struct wire {
    int receiver; /* UDP */
    int sender;   /* AF_PACKET, or the receiver */
    size_t skip;  /* octets of the frame that the sender's kernel makes itself */
    struct sockaddr_in server;
    struct mmsghdr out[WIRE_BATCH];
    struct iovec out_vectors[WIRE_BATCH];
    struct mmsghdr in[WIRE_BATCH];
    struct iovec in_vectors[WIRE_BATCH];
    uint8_t answers[WIRE_BATCH][ANSWER_MAX];
};

static bool wire_failed(struct wire *wire, const char *object)
{
    fprintf(stderr, "load: %s: %s\n", object, strerror(errno));
    wire_close(wire);
    return false;
}

/* Frames spare the generator the sending half of the IP stack: it must be faster than the server,
 * on a core of equal speed. */
static bool wire_open_sender(struct wire *wire, const char *interface)
{
    int one = 1;
    int size = SOCKET_BUFFER_SIZE;
    struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                  .sll_ifindex = (int)if_nametoindex(interface)};

    wire->sender = socket(AF_PACKET, SOCK_RAW, 0);
    if (wire->sender < 0 || address.sll_ifindex == 0 ||
        bind(wire->sender, (struct sockaddr *)&address, sizeof(address)) < 0) {
        return wire_failed(wire, interface);
    }
    /* Refused, both only make it slower. */
    (void)setsockopt(wire->sender, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
    (void)setsockopt(wire->sender, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    return true;
}

static bool wire_open_receiver(struct wire *wire, const struct path *path)
{
    int size = SOCKET_BUFFER_SIZE;
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_port = htons(path->local_port)};

    wire->receiver = socket(AF_INET, SOCK_DGRAM, 0);
    if (wire->receiver < 0 || bind(wire->receiver, (struct sockaddr *)&local, sizeof(local)) < 0) {
        return wire_failed(wire, "UDP socket");
    }
    if (setsockopt(wire->receiver, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0) {
        (void)setsockopt(wire->receiver, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    return true;
}

struct wire *wire_open(const struct load_options *options)
{
    struct wire *wire = calloc(1, sizeof(*wire));

    if (!wire) {
        return NULL;
    }
    wire->receiver = -1;
    wire->sender = -1;
    if (!wire_open_receiver(wire, &options->path)) {
        return NULL;
    }
    wire->server = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons(options->path.server_port),
                                        .sin_addr = {htonl(options->path.server)}};
    if (!options->interface) {
        wire->sender = wire->receiver;
        wire->skip = FRAME_HEADER_SIZE;
    } else if (!wire_open_sender(wire, options->interface)) {
        return NULL;
    }
    for (size_t i = 0; i < WIRE_BATCH; i++) {
        wire->out[i].msg_hdr.msg_iov = &wire->out_vectors[i];
        wire->out[i].msg_hdr.msg_iovlen = 1;
        wire->out[i].msg_hdr.msg_name = options->interface ? NULL : &wire->server;
        wire->out[i].msg_hdr.msg_namelen = options->interface ? 0 : sizeof(wire->server);
        wire->in_vectors[i] = (struct iovec){wire->answers[i], ANSWER_MAX};
        wire->in[i].msg_hdr.msg_iov = &wire->in_vectors[i];
        wire->in[i].msg_hdr.msg_iovlen = 1;
    }
    return wire;
}

void wire_close(struct wire *wire)
{
    if (wire->sender >= 0 && wire->sender != wire->receiver) {
        close(wire->sender);
    }
    if (wire->receiver >= 0) {
        close(wire->receiver);
    }
    free(wire);
}

size_t wire_send(struct wire *wire, struct request *const *batch, size_t count, size_t size)
{
    for (size_t i = 0; i < count; i++) {
        wire->out_vectors[i] =
            (struct iovec){batch[i]->frame + wire->skip, FRAME_HEADER_SIZE - wire->skip + size};
    }
    int sent = sendmmsg(wire->sender, wire->out, (unsigned)count, 0);
    return sent > 0 ? (size_t)sent : 0;
}

size_t wire_receive(struct wire *wire, struct bytes *answers)
{
    int count = recvmmsg(wire->receiver, wire->in, WIRE_BATCH, MSG_DONTWAIT, NULL);

    for (int i = 0; i < count; i++) {
        answers[i] = (struct bytes){wire->answers[i], wire->in[i].msg_len};
    }
    return count > 0 ? (size_t)count : 0;
}

bool wire_sample(struct wire *wire, unsigned sample)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)SKF_AD_OFF + SKF_AD_RANDOM),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sample),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    if (sample > 1 &&
        setsockopt(wire->receiver, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0) {
        perror("load: --sample: SO_ATTACH_FILTER");
        return false;
    }
    return true;
}

int64_t wire_dropped(const struct wire *wire)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof(info);

    (void)getsockopt(wire->receiver, SOL_SOCKET, SO_MEMINFO, info, &size);
    return info[SK_MEMINFO_DROPS];
}
