/* SPDX-License-Identifier: MIT */
/* config_value.h - the text of one value to its type, and the table of all keys. Used by config.c
 * only. */
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
    CONFIG_NO_MEMORY
};

/* A configuration that is being read. */
struct config_draft {
    struct config config;
    bool chronyc_is_off; /* "off" was given */
};

struct config_key {
    const char *section;
    const char *name;
    const char *accepted; /* what stands in a complaint behind "accepted: " */
    enum config_verdict (*take)(struct config_draft *draft, const char *item);
    bool is_list;    /* take is called for each item, and the key may repeat */
    bool is_virtual; /* makes sense with control = virtual only */
};

/* All keys, grouped by section. */
extern const struct config_key config_keys[];
extern const size_t config_keys_count;
#define CONFIG_KEYS_MAX 32 /* no fewer than config_keys_count */

/* The state before the first line: every default but the addresses to listen on. */
void config_draft_init(struct config_draft *draft);
/* What only shows at the end of the text: defaults that others replace as a whole. */
void config_draft_finish(struct config_draft *draft);

/* How many letters must be changed, added or removed to make one word of the other; 100 where one
 * has more than 31 letters. */
unsigned config_distance(const char *a, const char *b);

/* A word of a list of words to its place there; the list ends with NULL. */
enum config_verdict config_take_choice(const char *item, const char *const *words, int *choice);
enum config_verdict config_take_integer(const char *item, int64_t minimum, int64_t maximum,
                                        int64_t *value);
enum config_verdict config_take_duration(const char *item, int64_t minimum_ns, int64_t maximum_ns,
                                         int64_t *ns);
enum config_verdict config_take_rate(const char *item, double minimum_ppm, double maximum_ppm,
                                     double *ppm);
/* An absolute path of less than room octets. */
enum config_verdict config_take_path(const char *item, size_t room, char *path);
/* A name of less than room octets, without white space. */
enum config_verdict config_take_name(const char *item, size_t room, char *name);
enum config_verdict config_take_address(const char *item, uint16_t default_port,
                                        struct config_addresses *addresses);
/* A prefix, or "all" for every address of both families. */
enum config_verdict config_take_prefix(const char *item, bool allow, struct config_access *access);
#endif
