/* SPDX-License-Identifier: MIT */
#include "common/auth/certificate.h"
#include "common/base/address.h"
#include "common/base/hexadecimal.h"
#include <stdio.h>
#include <string.h>

#define MAGIC 0x54434343U
#define VERSION 1

enum {
    AT_VERSION = 4,
    AT_DOMAIN_SIZE = 5,
    AT_HOST_SIZE = 6,
    AT_RESERVED = 7,
    AT_ID = 8,
    AT_KEY = 16,
    AT_EPOCH = 48,
    AT_PORT = 50,
    AT_EXPIRY = 52
};

const char *certificate_verdict_name(enum certificate_verdict verdict)
{
    static const char *const names[CERTIFICATE_VERDICTS] = {
        [CERTIFICATE_OK] = "ok",
        [CERTIFICATE_SHORT] = "too short",
        [CERTIFICATE_LENGTH] = "bad length",
        [CERTIFICATE_MAGIC_OTHER] = "other magic",
        [CERTIFICATE_VERSION_UNKNOWN] = "unknown version",
        [CERTIFICATE_RESERVED] = "reserved bits set",
        [CERTIFICATE_ID] = "the id is not the key's",
        [CERTIFICATE_DOMAIN] = "bad failure domain",
        [CERTIFICATE_ADDRESS] = "bad address",
        [CERTIFICATE_EXPIRY] = "bad expiry",
        [CERTIFICATE_FORGED] = "not signed by the CA",
    };
    return verdict < CERTIFICATE_VERDICTS ? names[verdict] : "unknown";
}

static bool is_word(const char *text, size_t size)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.";
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\0' || strchr(allowed, text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Of a terminated text. A scope means something on one machine only. */
static bool is_host(const char *text)
{
    struct address address;
    return (text[0] != '\0' && is_word(text, strlen(text))) ||
           (strchr(text, ':') != NULL && strchr(text, '%') == NULL &&
            address_parse(text, CERTIFICATE_PORT_DEFAULT, &address) && text[0] != '[');
}

/* What form alone can say against it; CERTIFICATE_OK if nothing. */
static enum certificate_verdict check(const struct certificate *certificate)
{
    const struct certificate_node *node = &certificate->node;
    uint64_t id;
    if (!public_key_id(&node->key, &id) || id != node->id) {
        return CERTIFICATE_ID;
    }
    if (!is_word(node->domain, strlen(node->domain))) {
        return CERTIFICATE_DOMAIN;
    }
    if (node->port == 0 ? node->host[0] != '\0' : !is_host(node->host)) {
        return CERTIFICATE_ADDRESS;
    }
    return certificate->expiry_s > CERTIFICATE_EXPIRY_MAX ? CERTIFICATE_EXPIRY : CERTIFICATE_OK;
}

size_t certificate_write(const struct certificate *certificate, const struct identity *ca,
                         const struct identity_scheme *scheme, uint8_t out[CERTIFICATE_SIZE_MAX])
{
    const struct certificate_node *node = &certificate->node;
    if (check(certificate) != CERTIFICATE_OK) {
        return 0;
    }
    size_t domain_size = strlen(node->domain);
    size_t host_size = strlen(node->host);
    size_t size = CERTIFICATE_HEAD_SIZE + domain_size + host_size;
    uint8_t octets[CERTIFICATE_SIZE_MAX] = {0};
    bytes_put_u32(octets, MAGIC);
    octets[AT_VERSION] = VERSION;
    octets[AT_DOMAIN_SIZE] = (uint8_t)domain_size;
    octets[AT_HOST_SIZE] = (uint8_t)host_size;
    bytes_put_u64(octets + AT_ID, node->id);
    memcpy(octets + AT_KEY, node->key.octets, sizeof node->key.octets);
    bytes_put_u16(octets + AT_EPOCH, certificate->epoch);
    bytes_put_u16(octets + AT_PORT, node->port);
    bytes_put_u64(octets + AT_EXPIRY, certificate->expiry_s);
    memcpy(octets + CERTIFICATE_HEAD_SIZE, node->domain, domain_size);
    memcpy(octets + CERTIFICATE_HEAD_SIZE + domain_size, node->host, host_size);
    if (!identity_scheme_sign(scheme, ca, IDENTITY_CERTIFICATE, bytes_make(octets, size),
                              octets + size)) {
        return 0;
    }
    size += IDENTITY_SIGNATURE_SIZE;
    memcpy(out, octets, size);
    return size;
}

/* What can be said before anything is read. */
static enum certificate_verdict check_layout(struct bytes octets)
{
    if (octets.size < CERTIFICATE_SIZE_MIN) {
        return CERTIFICATE_SHORT;
    }
    size_t domain_size = bytes_u8(octets, AT_DOMAIN_SIZE);
    size_t host_size = bytes_u8(octets, AT_HOST_SIZE);
    if (bytes_u32(octets, 0) != MAGIC) {
        return CERTIFICATE_MAGIC_OTHER;
    }
    if (bytes_u8(octets, AT_VERSION) != VERSION) {
        return CERTIFICATE_VERSION_UNKNOWN;
    }
    if (domain_size > CERTIFICATE_DOMAIN_MAX || host_size > CERTIFICATE_HOST_MAX ||
        octets.size != CERTIFICATE_SIZE_MIN + domain_size + host_size) {
        return CERTIFICATE_LENGTH;
    }
    return bytes_u8(octets, AT_RESERVED) != 0 ? CERTIFICATE_RESERVED : CERTIFICATE_OK;
}

enum certificate_verdict certificate_read(struct bytes octets, const struct public_key *ca,
                                          const struct identity_scheme *scheme,
                                          struct certificate *certificate)
{
    enum certificate_verdict verdict = check_layout(octets);
    if (verdict != CERTIFICATE_OK) {
        return verdict;
    }
    struct certificate found = {
        .node = {.id = bytes_u64(octets, AT_ID), .port = bytes_u16(octets, AT_PORT)},
        .epoch = bytes_u16(octets, AT_EPOCH),
        .expiry_s = bytes_u64(octets, AT_EXPIRY),
    };
    size_t domain_size = bytes_u8(octets, AT_DOMAIN_SIZE);
    size_t host_size = bytes_u8(octets, AT_HOST_SIZE);
    size_t signed_size = octets.size - IDENTITY_SIGNATURE_SIZE;
    memcpy(found.node.key.octets, octets.data + AT_KEY, sizeof found.node.key.octets);
    memcpy(found.node.domain, octets.data + CERTIFICATE_HEAD_SIZE, domain_size);
    memcpy(found.node.host, octets.data + CERTIFICATE_HEAD_SIZE + domain_size, host_size);
    if (strlen(found.node.domain) != domain_size) {
        return CERTIFICATE_DOMAIN;
    }
    if (strlen(found.node.host) != host_size) {
        return CERTIFICATE_ADDRESS;
    }
    verdict = check(&found);
    if (verdict == CERTIFICATE_OK &&
        !identity_scheme_verify(scheme, ca, IDENTITY_CERTIFICATE,
                                bytes_slice(octets, 0, signed_size), octets.data + signed_size)) {
        verdict = CERTIFICATE_FORGED;
    }
    if (verdict == CERTIFICATE_OK) {
        *certificate = found;
    }
    return verdict;
}

bool certificate_has_expired(const struct certificate *certificate, struct wall now)
{
    return now.ns >= 0 && (uint64_t)(now.ns / NS_PER_S) >= certificate->expiry_s;
}

char *certificate_format(struct bytes octets, char out[CERTIFICATE_TEXT_MAX])
{
    assert(octets.size <= CERTIFICATE_SIZE_MAX);
    size_t prefix_size = strlen(CERTIFICATE_TEXT_PREFIX);
    memcpy(out, CERTIFICATE_TEXT_PREFIX, prefix_size);
    hexadecimal_write(octets, out + prefix_size);
    return out;
}

bool certificate_parse(const char *text, uint8_t out[CERTIFICATE_SIZE_MAX], size_t *size)
{
    size_t prefix_size = strlen(CERTIFICATE_TEXT_PREFIX);
    if (strncmp(text, CERTIFICATE_TEXT_PREFIX, prefix_size) != 0) {
        return false;
    }
    const char *digits = text + prefix_size;
    size_t count = strcspn(digits, "\n");
    uint8_t found[CERTIFICATE_SIZE_MAX];
    if (count % 2 != 0 || count > 2 * sizeof found || count < 2 * CERTIFICATE_SIZE_MIN ||
        (digits[count] == '\n' && digits[count + 1] != '\0') ||
        !hexadecimal_read(digits, found, count / 2)) {
        return false;
    }
    memcpy(out, found, count / 2);
    *size = count / 2;
    return true;
}

bool certificate_node_set_key(struct certificate_node *node, const struct public_key *key)
{
    uint64_t id;
    if (!public_key_id(key, &id)) {
        return false;
    }
    node->id = id;
    node->key = *key;
    return true;
}

bool certificate_node_set_domain(struct certificate_node *node, const char *text)
{
    size_t size = strlen(text);
    if (size > CERTIFICATE_DOMAIN_MAX || !is_word(text, size)) {
        return false;
    }
    memcpy(node->domain, text, size + 1);
    return true;
}

bool certificate_node_set_address(struct certificate_node *node, const char *text)
{
    char host[CERTIFICATE_HOST_MAX + 1];
    uint16_t port;
    if (!address_split(text, CERTIFICATE_PORT_DEFAULT, host, sizeof host, &port) ||
        !is_host(host)) {
        return false;
    }
    memcpy(node->host, host, strlen(host) + 1);
    node->port = port;
    return true;
}

char *certificate_node_format_address(const struct certificate_node *node,
                                      char out[CERTIFICATE_ADDRESS_MAX])
{
    bool is_bracketed = strchr(node->host, ':') != NULL;
    out[0] = '\0';
    if (node->port != 0) {
        snprintf(out, CERTIFICATE_ADDRESS_MAX, "%s%s%s:%u", is_bracketed ? "[" : "", node->host,
                 is_bracketed ? "]" : "", (unsigned)node->port);
    }
    return out;
}
