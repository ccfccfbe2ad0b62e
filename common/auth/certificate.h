/* SPDX-License-Identifier: MIT */
/* certificate.h - what a mesh's CA says of a node: that its key is a member's, until when, and
 * where the node is.
 *
 * The octets of a certificate, integers big-endian:
 *
 *      0 magic 0x54434343, "TCCC" (4)
 *      4 version 1 (1)
 *      5 d, octets of the failure domain, 0 to 31 (1)
 *      6 h, octets of the host, 0 to 64 (1)
 *      7 zero (1)
 *      8 node id (8), the one that follows from the key
 *     16 Ed25519 public key (32)
 *     48 key epoch (2): the certificate holds for it and all above
 *     50 port (2); 0 if and only if h is 0: no address
 *     52 expiry, seconds since 1970, UTC (8)
 *     60 failure domain (d): letters, digits, '-', '_' and '.'
 *        host (h): the same characters, or an IPv6 address
 *        signature (64): Ed25519 by the CA's key over "truechimer certificate v1", a zero octet,
 *        and all before it
 *
 * In files it is a line: "certificate:" and these octets as lower-case hex digits. Whoever holds
 * the key proves that by the handshake; the certificate itself is no secret. Pure functions; safe
 * in any thread. */
#ifndef COMMON_AUTH_CERTIFICATE_H
#define COMMON_AUTH_CERTIFICATE_H
#include "common/auth/identity.h"
#include "common/base/instant.h"

#define CERTIFICATE_DOMAIN_MAX 31 /* octets, without the final zero */
#define CERTIFICATE_HOST_MAX 64
#define CERTIFICATE_HEAD_SIZE 60
#define CERTIFICATE_SIZE_MIN (CERTIFICATE_HEAD_SIZE + IDENTITY_SIGNATURE_SIZE)
#define CERTIFICATE_SIZE_MAX (CERTIFICATE_SIZE_MIN + CERTIFICATE_DOMAIN_MAX + CERTIFICATE_HOST_MAX)
#define CERTIFICATE_TEXT_PREFIX "certificate:"
#define CERTIFICATE_TEXT_MAX (sizeof CERTIFICATE_TEXT_PREFIX + 2 * CERTIFICATE_SIZE_MAX)
#define CERTIFICATE_ADDRESS_MAX (CERTIFICATE_HOST_MAX + 9) /* brackets, colon, port, final zero */
#define CERTIFICATE_PORT_DEFAULT 123
/* 2262: what does not fit in struct wall is refused. */
#define CERTIFICATE_EXPIRY_MAX UINT64_C(9000000000)

enum certificate_verdict {
    CERTIFICATE_OK = 0,
    CERTIFICATE_SHORT,
    CERTIFICATE_LENGTH, /* longer or shorter than its own octets say */
    CERTIFICATE_MAGIC_OTHER,
    CERTIFICATE_VERSION_UNKNOWN,
    CERTIFICATE_RESERVED,
    CERTIFICATE_ID, /* not that of the key */
    CERTIFICATE_DOMAIN,
    CERTIFICATE_ADDRESS, /* characters that no host has, or a host without port, or the reverse */
    CERTIFICATE_EXPIRY,  /* beyond all time */
    CERTIFICATE_FORGED,  /* not signed by that CA */
    CERTIFICATE_VERDICTS
};

/* Who a node is and where: of certificates and membership documents. */
struct certificate_node {
    uint64_t id;
    struct public_key key;
    uint16_t port;                           /* 0: no address, and host is empty */
    char domain[CERTIFICATE_DOMAIN_MAX + 1]; /* empty: not given */
    char host[CERTIFICATE_HOST_MAX + 1];     /* a name, or an address without brackets */
};

struct certificate {
    struct certificate_node node;
    uint16_t epoch;
    uint64_t expiry_s;
};

/* A short English name, such as "not signed by the CA"; a constant string. */
const char *certificate_verdict_name(enum certificate_verdict verdict);

/* Writes the octets, signed. Returns their number; 0 if the certificate says what none may say (an
 * id that is not the key's, characters that no domain or host has, ...) or the crypto library
 * fails. scheme: NULL for Ed25519. */
size_t certificate_write(const struct certificate *certificate, const struct identity *ca,
                         const struct identity_scheme *scheme, uint8_t out[CERTIFICATE_SIZE_MAX]);
/* Form first, then the signature: *certificate is written only if all is well. It may have expired.
 */
enum certificate_verdict certificate_read(struct bytes octets, const struct public_key *ca,
                                          const struct identity_scheme *scheme,
                                          struct certificate *certificate) MUST_CHECK;
/* Is its time over? To be asked only by who trusts its wall clock; who does not takes it as it is.
 */
bool certificate_has_expired(const struct certificate *certificate, struct wall now);

/* The line for a file, without newline. Returns out. */
char *certificate_format(struct bytes octets, char out[CERTIFICATE_TEXT_MAX]);
/* Reads the line, which may end with a newline. False if it has any other spelling than
 * certificate_format() gives it; the octets are not looked at. */
bool certificate_parse(const char *text, uint8_t out[CERTIFICATE_SIZE_MAX],
                       size_t *size) MUST_CHECK;

/* Fills in key and id, and no more. False if the crypto library fails. */
bool certificate_node_set_key(struct certificate_node *node,
                              const struct public_key *key) MUST_CHECK;
/* False, and nothing changes, unless text is a failure domain as above, or empty. */
bool certificate_node_set_domain(struct certificate_node *node, const char *text) MUST_CHECK;
/* Reads HOST or HOST:PORT, "[v6]:PORT" too; the port is 123 if it is not given. False, and nothing
 * changes, for anything else. */
bool certificate_node_set_address(struct certificate_node *node, const char *text) MUST_CHECK;
/* Writes HOST:PORT, or nothing if there is no address. Returns out. */
char *certificate_node_format_address(const struct certificate_node *node,
                                      char out[CERTIFICATE_ADDRESS_MAX]);
#endif
