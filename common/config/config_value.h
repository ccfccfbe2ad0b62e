/* SPDX-License-Identifier: MIT */
/* config_value.h - the text of one value to its type. Used by the files of common/config only. */
#ifndef COMMON_CONFIG_CONFIG_VALUE_H
#define COMMON_CONFIG_CONFIG_VALUE_H
#include "common/config/config.h"

#define CONFIG_ITEM_MAX 256 /* one item of a list, and the final zero */

/* What becomes of an item. */
enum config_verdict {
    CONFIG_TAKEN = 0,
    CONFIG_UNREADABLE, /* not what the key accepts */
    CONFIG_REPEATED,   /* the list has it already */
    CONFIG_OPPOSED,    /* a prefix that is both allowed and denied */
    CONFIG_OFF_MIXED,  /* "off" beside addresses */
    CONFIG_FULL,       /* the list has as many as it may */
    CONFIG_CROSSED,    /* the least stands behind the most */
    CONFIG_NO_MEMORY
};

/* How many letters must be changed, added or removed to make one word of the other; 100 where one
 * has more than 31 letters. */
unsigned config_distance(const char *a, const char *b);

/* A word of a list of words to its place there; the list ends with NULL. */
enum config_verdict config_take_choice(const char *item, const char *const *words, int *choice);
/* "yes" or "no". */
enum config_verdict config_take_flag(const char *item, bool *flag);
enum config_verdict config_take_integer(const char *item, int64_t minimum, int64_t maximum,
                                        int64_t *value);
enum config_verdict config_take_duration(const char *item, int64_t minimum_ns, int64_t maximum_ns,
                                         int64_t *ns);
/* "off" leaves 0. */
enum config_verdict config_take_duration_or_off(const char *item, int64_t minimum_ns,
                                                int64_t maximum_ns, int64_t *ns);
/* A number without a unit, such as 1.5. */
enum config_verdict config_take_number(const char *item, double minimum, double maximum,
                                       double *value);
/* One or two powers of two between 125 ms and 131072 s, as log2 s. */
enum config_verdict config_take_poll(const char *item, int8_t *least, int8_t *most);
/* "HOST[:PORT]"; port is 0 without one. */
enum config_verdict config_take_host(const char *item, size_t room, char *host, uint16_t *port);
enum config_verdict config_take_rate(const char *item, double minimum_ppm, double maximum_ppm,
                                     double *ppm);
/* Names of sources stand in logs, tables and commands. */
bool config_is_source_name(const char *name);
/* Letters, digits and . _ -, less than room of them. */
enum config_verdict config_take_word(const char *item, size_t room, char *word);
/* "ed25519:" and 64 hexadecimal digits, as public_key_format() writes them. Whether it is a point
 * that anybody should trust is for who has the crypto library. */
enum config_verdict config_take_public_key(const char *item, uint8_t key[CONFIG_KEY_SIZE]);
/* An absolute path of less than room octets. */
enum config_verdict config_take_path(const char *item, size_t room, char *path);
/* A name of less than room octets, without white space. */
enum config_verdict config_take_name(const char *item, size_t room, char *name);
bool config_is_group(const struct address *address);
/* An address without a port. */
enum config_verdict config_take_plain_address(const char *item, struct address *address);
enum config_verdict config_take_address(const char *item, uint16_t default_port,
                                        struct config_addresses *addresses);
/* A prefix, or "all" for every address of both families. */
enum config_verdict config_take_prefix(const char *item, bool allow, struct config_access *access);
#endif
