/* SPDX-License-Identifier: MIT */
/* address.h - an Internet address and port, as a value; and prefixes of addresses. No I/O: names
 * are resolved elsewhere. Pure functions, safe in any thread. */
#ifndef COMMON_BASE_ADDRESS_H
#define COMMON_BASE_ADDRESS_H
#include "ntpwire/bytes.h"

#define ADDRESS_TEXT_MAX 64 /* "[ffff:…:ffff%4294967295]:65535" and the final zero */

enum address_family { ADDRESS_NONE = 0, ADDRESS_IPV4 = 4, ADDRESS_IPV6 = 6 };

struct address {
    uint8_t octets[16]; /* IPv4 in the first four, the rest zero; network order */
    uint32_t scope;     /* interface index of a link-local IPv6 address, else 0 */
    uint16_t port;      /* host order */
    uint8_t family;     /* enum address_family */
    uint8_t reserved;   /* zero */
};

/* An IPv4-mapped IPv6 address (::ffff:a.b.c.d) is kept as IPv4 everywhere. */
void address_unmap(struct address *address);

/* Reads "192.0.2.1", "192.0.2.1:123", "2001:db8::1", "[2001:db8::1]:123", "fe80::1%2" (a numeric
 * scope only). Without a port, port gets default_port. False, and *address untouched, for anything
 * else, a host name included. */
bool address_parse(const char *text, uint16_t default_port, struct address *address) MUST_CHECK;

/* Splits "host", "host:port", "[v6]", "[v6]:port", "v6" into a host (without brackets, copied to
 * host of host_room octets) and a port. False if the text is empty, the host does not fit or the
 * port is not 1 to 65535. */
bool address_split(const char *text, uint16_t default_port, char *host, size_t host_room,
                   uint16_t *port) MUST_CHECK;

/* Writes the address alone (RFC 5952; "none" without a family), or with its port as "192.0.2.1:123"
 * /
 * "[2001:db8::1]:123". Always terminated. Returns out. */
char *address_format(const struct address *address, char out[ADDRESS_TEXT_MAX]);
char *address_format_port(const struct address *address, char out[ADDRESS_TEXT_MAX]);

/* Compares family, octets and scope; _is_same() also the port. */
bool address_is_same_host(const struct address *a, const struct address *b);
bool address_is_same(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *address);
bool address_is_wildcard(const struct address *address);

/* The unit that rate limits count: an IPv4 address, or the /64 of an IPv6 one; without port and
 * scope, as one number: never 0, and different between the families (1 << 32 | the IPv4 address;
 * the first 64 bits of an IPv6 address; 2 << 32 for all that begins with 31 zero bits, which is
 * reserved and holds ::1). */
uint64_t address_client_key(const struct address *address);
/* The inverse: the IPv4 address, or the IPv6 prefix with a zero host part (::1 for 2 << 32). Port
 * 0. */
struct address address_from_client_key(uint64_t key);

/* A prefix: the first length bits of octets; what follows is zero. */
struct prefix {
    uint8_t octets[16];
    uint8_t family;
    uint8_t length; /* 0 to 32, or 0 to 128 */
};

/* Reads "192.0.2.0/24", "2001:db8::/32", "192.0.2.1" (a full-length prefix). Bits beyond the length
 * must be zero. "all" is not known here: it is two prefixes of length 0. */
bool prefix_parse(const char *text, struct prefix *prefix) MUST_CHECK;
bool prefix_contains(const struct prefix *prefix, const struct address *address);
#endif
