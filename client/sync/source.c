/* SPDX-License-Identifier: MIT */
#include "client/sync/source_parts.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NTP_PORT 123

struct source_options source_options_default(void)
{
    return (struct source_options){.port = NTP_PORT,
                                   .kind = SOURCE_SERVER,
                                   .pool_size = 4,
                                   .poll_min = 6,
                                   .poll_max = 10,
                                   .is_iburst = true,
                                   .version = PACKET_VERSION_MAX,
                                   .max_delay_ns = 3 * NS_PER_S,
                                   .min_samples = 1,
                                   .filter = FILTER_BANK};
}

static bool is_broadcast(const struct source *source)
{
    enum source_kind kind = source->options.kind;
    return kind == SOURCE_BROADCAST_SERVER || kind == SOURCE_BROADCAST_CLIENT;
}

/* The contexts of the one key that is used here: a source has no business with the others. */
static bool make_macs(struct source *source, char error[STATUS_TEXT_MAX])
{
    uint32_t key_id = source->options.key_id;
    if (key_id == 0 && is_broadcast(source)) {
        snprintf(error, STATUS_TEXT_MAX,
                 "source \"%.80s\" is of kind %s and has no key, but anybody can send broadcasts: "
                 "name a key that both sides have (key)",
                 source->options.name, source_kind_name(source->options.kind));
        return false;
    }
    if (key_id == 0) {
        return true;
    }
    const struct keyring *keyring = source->common.keyring;
    const struct key *key = keyring != NULL ? keyring_find(keyring, key_id) : NULL;
    if (key == NULL) {
        snprintf(error, STATUS_TEXT_MAX,
                 "source \"%s\" uses key %u, which is not among the keys: add it to the keys file, "
                 "or name another key",
                 source->options.name, (unsigned)key_id);
        return false;
    }
    struct key copy = *key;
    struct keyring single = {.keys = &copy, .count = 1};
    char why[KEYRING_ERROR_MAX];
    source->macs = macs_create(&single, why);
    memset(&copy, 0, sizeof(copy));
    if (source->macs == NULL) {
        snprintf(error, STATUS_TEXT_MAX, "source \"%.40s\": %.180s", source->options.name, why);
    }
    return source->macs != NULL;
}

static void begin_exchange(struct source *source)
{
    struct exchange_options options = {.version = source->options.version,
                                       .precision = source->common.precision,
                                       .interleaved = source->options.is_interleaved,
                                       .key_id = source->options.key_id,
                                       .distance_max_ns = EXCHANGE_DISTANCE_MAX_NS,
                                       .is_extended = source->options.kind == SOURCE_MEMBER};
    exchange_init(&source->exchange, &options, source->common.random, source->macs);
}

static void init_polling(struct source *source)
{
    const struct source_options *options = &source->options;
    struct polling_options polling = {.poll_min = options->poll_min,
                                      .poll_max = options->poll_max,
                                      .is_iburst = options->is_iburst,
                                      .is_burst = options->is_burst};
    if (options->kind == SOURCE_BROADCAST_SERVER) {
        polling.poll_max = options->poll_min;
        polling.is_iburst = false;
        polling.is_burst = false;
    } else if (options->kind == SOURCE_BROADCAST_CLIENT) {
        polling.poll_min = source_broadcast_poll(source);
        polling.poll_max = polling.poll_min;
        polling.is_iburst = true;
        polling.is_burst = true;
    }
    polling_init(&source->polling, &polling, source->common.random);
}

struct source *source_create(const struct source_options *options,
                             const struct source_common *common, uint32_t association,
                             struct mono now, char error[STATUS_TEXT_MAX])
{
    (void)now;
    assert(association != 0);
    assert(options->poll_min >= SOURCE_POLL_MIN && options->poll_max <= SOURCE_POLL_MAX);
    assert(options->poll_min <= options->poll_max);
    struct source *source = calloc(1, sizeof(*source));
    if (source == NULL) {
        snprintf(error, STATUS_TEXT_MAX, "out of memory");
        return NULL;
    }
    source->options = *options;
    source->common = *common;
    source->association = association;
    source->is_online = !options->is_offline;
    if (!make_macs(source, error)) {
        source_destroy(source);
        return NULL;
    }
    source->filter = filter_create(options->filter, 2 * timestamp_log2_to_ns(common->precision));
    if (source->filter == NULL) {
        snprintf(error, STATUS_TEXT_MAX, "out of memory");
        source_destroy(source);
        return NULL;
    }
    source->common.keyring = NULL; /* it need not outlive us */
    bound_init(&source->bound, &common->bound);
    bound_init(&source->member.clock, &common->bound);
    init_polling(source);
    begin_exchange(source);
    return source;
}

void source_destroy(struct source *source)
{
    if (source != NULL) {
        filter_destroy(source->filter);
        macs_destroy(source->macs);
        free(source);
    }
}

const struct source_options *source_options_of(const struct source *source)
{
    return &source->options;
}

uint32_t source_association(const struct source *source)
{
    return source->association;
}

const struct address *source_remote(const struct source *source)
{
    return &source->remote;
}

static void begin(struct source *source, struct mono now)
{
    begin_exchange(source);
    source_peer_begin(source);
    source->is_denied = false;
    source->is_unsynchronised = false;
    source->heard = 0;
    source->complaint[0] = '\0';
    source->refusal[0] = '\0';
    if (source->is_open && source->is_online) {
        polling_start(&source->polling, now);
    }
}

void source_open(struct source *source, struct actions *out)
{
    const struct source_options *options = &source->options;
    struct action_open *open = &actions_append(out, ACTION_OPEN)->open;
    *open = (struct action_open){.association = source->association,
                                 .remote = source->remote,
                                 .local = options->local,
                                 .dscp = options->dscp};
    memcpy(open->device, options->device, sizeof(open->device));
    switch (options->kind) {
    case SOURCE_PEER:
        open->is_shared = true;
        break;
    case SOURCE_BROADCAST_SERVER:
        open->is_shared = true;
        open->is_broadcast = true;
        break;
    case SOURCE_BROADCAST_CLIENT:
        open->is_shared = !source->broadcast.is_calibrating;
        open->group = open->is_shared ? options->group : open->group;
        break;
    default:
        break;
    }
    source->is_open = true;
}

void source_connect(struct source *source, const struct address *remote, struct mono now,
                    struct actions *out)
{
    source_disconnect(source, out);
    source->remote = *remote;
    source_broadcast_begin(source);
    source_open(source, out);
    source_forget(source);
    begin(source, now);
}

void source_disconnect(struct source *source, struct actions *out)
{
    polling_stop(&source->polling);
    if (source->is_open) {
        actions_append(out, ACTION_CLOSE)->close = source->association;
        source->is_open = false;
    }
}

struct mono source_deadline(const struct source *source)
{
    if (source->options.kind == SOURCE_BROADCAST_CLIENT) {
        return source_broadcast_deadline(source);
    }
    return source->polling.deadline;
}

enum source_news source_asked(struct source *source, struct mono now)
{
    uint8_t reach = source->polling.reach;
    polling_asked(&source->polling, now);
    source->heard = (uint8_t)(source->heard << 1);
    source->has_complained = false;
    return reach != 0 && source->polling.reach == 0 ? SOURCE_CHANGED : SOURCE_NOTHING;
}

void source_send(struct source *source, const uint8_t *payload, size_t size, struct actions *out)
{
    if (size == 0) {
        snprintf(source->refusal, sizeof(source->refusal),
                 "the crypto library made no MAC with key %u", (unsigned)source->options.key_id);
        return;
    }
    struct action_send *send = &actions_append(out, ACTION_SEND)->send;
    send->association = source->association;
    send->source = source->options.local;
    send->destination = source->remote;
    send->interface = 0;
    send->wants_stamp = true;
    send->size = size;
    memcpy(send->payload, payload, size);
    source->counts.sent++;
}

enum source_news source_ask_server(struct source *source, struct reading now, struct actions *out)
{
    uint8_t request[EXCHANGE_REQUEST_MAX];
    size_t size = exchange_request(&source->exchange, request);
    enum source_news news = source_asked(source, now.mono);
    struct sent sent = {.stamp = STAMP_DAEMON,
                        .association = source->association,
                        .at = now,
                        .payload = bytes_make(request, size)};
    exchange_sent(&source->exchange, &sent);
    source_send(source, request, size, out);
    return news;
}

enum source_news source_poll(struct source *source, const struct sync_state *claim,
                             struct reading now, struct actions *out)
{
    if (!source->is_open || now.mono.ns < source_deadline(source).ns) {
        return SOURCE_NOTHING;
    }
    switch (source->options.kind) {
    case SOURCE_PEER:
        return source_peer_send(source, claim, now, out);
    case SOURCE_BROADCAST_SERVER:
        return source_broadcast_send(source, claim, now, out);
    case SOURCE_BROADCAST_CLIENT:
        return source_broadcast_poll_server(source, now, out);
    default:
        return source_ask_server(source, now, out);
    }
}

bool source_wants(const struct source *source, const struct datagram *datagram)
{
    if (!source->is_open || datagram->payload.size == 0 ||
        !address_is_same_host(&datagram->source, &source->remote)) {
        return false;
    }
    unsigned mode = packet_mode_of(bytes_u8(datagram->payload, 0));
    switch (source->options.kind) {
    case SOURCE_PEER:
        return mode == MODE_ACTIVE || mode == MODE_PASSIVE;
    case SOURCE_BROADCAST_CLIENT:
        return mode == MODE_BROADCAST && !source->broadcast.is_calibrating;
    default:
        return false;
    }
}

/* An answer to an ordinary request. */
static enum source_news receive_reply(struct source *source, const struct datagram *datagram,
                                      struct reading now, struct actions *out)
{
    /* A connected socket lets nobody else through; a simulated one might. */
    if (!address_is_same(&datagram->source, &source->remote)) {
        return SOURCE_NOTHING;
    }
    bool was_waiting = exchange_is_waiting(&source->exchange);
    struct source_answer answer = {.datagram = datagram};
    answer.verdict = exchange_reply(&source->exchange, datagram, &answer.reply);
    /* Only our own nonce, and our key, closes a request. */
    answer.is_heard = was_waiting && !exchange_is_waiting(&source->exchange);
    return source_judge(source, &answer, now, out);
}

enum source_news source_receive(struct source *source, const struct datagram *datagram,
                                const struct sync_state *claim, struct reading now,
                                struct actions *out)
{
    if (!source->is_open || !source->is_online || source->is_denied) {
        return SOURCE_NOTHING;
    }
    enum source_kind kind = source->options.kind;
    bool is_listening = kind == SOURCE_PEER ||
                        (kind == SOURCE_BROADCAST_CLIENT && !source->broadcast.is_calibrating);
    if (!is_listening) {
        bool is_deaf = kind == SOURCE_BROADCAST_SERVER || kind == SOURCE_MEMBER;
        return is_deaf ? SOURCE_NOTHING : receive_reply(source, datagram, now, out);
    }
    if (!source_wants(source, datagram)) {
        return SOURCE_NOTHING;
    }
    return kind == SOURCE_PEER ? source_peer_receive(source, datagram, claim, now, out)
                               : source_broadcast_receive(source, datagram, now, out);
}

void source_sent(struct source *source, const struct sent *sent)
{
    departure_end(&source->departure, sent);
    if (source->options.kind == SOURCE_BROADCAST_SERVER) {
        return;
    }
    if (source->options.kind == SOURCE_PEER) {
        symmetric_sent(&source->peer.symmetric, sent);
    } else {
        exchange_sent(&source->exchange, sent);
    }
}

enum source_news source_refused(struct source *source, const char *error, struct mono now)
{
    (void)now;
    source->counts.refused++;
    snprintf(source->refusal, sizeof(source->refusal), "%s", error);
    return source->polling.reach == 0 ? SOURCE_CHANGED : SOURCE_NOTHING;
}

void source_set_online(struct source *source, bool is_online, struct mono now)
{
    if (source->is_online == is_online) {
        return;
    }
    source->is_online = is_online;
    if (is_online) {
        begin(source, now);
    } else {
        polling_stop(&source->polling);
    }
}

void source_burst(struct source *source, unsigned count, struct mono now)
{
    polling_burst(&source->polling, count, now);
}

void source_hurry(struct source *source, unsigned count, struct mono now)
{
    polling_hurry(&source->polling, count, now);
}

void source_void(struct source *source, struct mono now)
{
    source_forget(source);
    /* What was asked before is answered across a gap that nobody counted. */
    bool is_denied = source->is_denied;
    begin(source, now);
    if (is_denied) {
        source->is_denied = true;
        polling_stop(&source->polling);
    }
}

void source_shift(struct source *source, int64_t by_ns)
{
    if (source->filter != NULL) {
        filter_shift(source->filter, by_ns);
    }
    exchange_forget(&source->exchange);
    bound_shift(&source->bound, by_ns);
    bound_shift(&source->member.clock, by_ns);
    source->sample.wall.ns += by_ns;
    source->sample.source_received.ns += by_ns;
    source->sample.source_sent.ns += by_ns;
    source_peer_shift(source, by_ns);
    source_broadcast_shift(source, by_ns);
}
