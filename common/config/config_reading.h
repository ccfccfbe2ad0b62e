/* SPDX-License-Identifier: MIT */
/* config_reading.h - a configuration that is being read, and the table of all keys. Used by the
 * files of common/config only. */
#ifndef COMMON_CONFIG_CONFIG_READING_H
#define COMMON_CONFIG_CONFIG_READING_H
#include "common/config/config_value.h"

#define CONFIG_KEYS_MAX 32 /* of a section */
#define CONFIG_SECTIONS 9
#define CONFIG_MEMBER_KEYS_MAX 4
#define CONFIG_SHOWN_MAX 64

/* What is kept of the text beside the values. */
struct config_draft {
    struct config config;
    struct config_source *source;       /* whose section is being read; NULL in any other */
    struct config_member *member;       /* the same */
    uint16_t ports[CONFIG_SOURCES_MAX]; /* of the key "port"; 0: not given */
    bool chronyc_is_off;                /* "off" was given */
};

struct config_key {
    const char *name;
    const char *accepted; /* what stands in a complaint behind "accepted: " */
    enum config_verdict (*take)(struct config_draft *draft, const char *item);
    bool is_list;     /* take is called for each item, and the key may repeat */
    bool is_virtual;  /* makes sense with control = virtual only */
    bool is_berkeley; /* makes sense with algorithm = berkeley only */
    unsigned kinds;   /* of a source: the bits 1 << enum source_kind it makes sense for; 0: all */
};

struct config_section {
    const char *name;
    const struct config_key *keys;
    size_t count;
    bool has_name; /* [source NAME], [member NAME]: each is another one */
};

/* All sections, in the order in which people are told of them. */
extern const struct config_section *const config_sections[CONFIG_SECTIONS];
extern const struct config_section config_section_clock;
extern const struct config_section config_section_selection;
extern const struct config_section config_section_source;
extern const struct config_section config_section_server;
extern const struct config_section config_section_mesh;
extern const struct config_section config_section_member;
extern const struct config_section config_section_keys;
extern const struct config_section config_section_control;
extern const struct config_section config_section_log;
/* NULL if the section has no such key. */
const struct config_key *config_key_find(const struct config_section *section, const char *name);

/* A key in the text. */
struct config_seen {
    unsigned long line; /* 0: not there */
    unsigned items;     /* of a list */
    bool is_refused;    /* its value was complained about */
};

/* How far the text has been read. inih cuts lines into sections, keys and values, but Debian's
 * build of it tells neither line numbers nor any mistake but the first, and cuts the names of
 * sections: so the lines are counted, and looked at, as they are handed to it. */
struct config_reading {
    struct config_draft draft;
    const char *name;
    const char *at;   /* the next line */
    const char *text; /* the current one */
    unsigned long line;
    unsigned long handled_line; /* the last line that inih found a key in */
    bool wants_key;             /* the current line must hold a key */
    bool skips_section;         /* the section was complained about */
    bool skips_keys;            /* the [keys] file was complained about */
    bool skipped_source;        /* one may be missing: sums over all sources say nothing */
    bool skipped_member;        /* the same of members */
    const struct config_section *section; /* NULL before the first */
    struct config_seen *seen;             /* its keys, in the order of the table */
    struct config_seen seen_plain[CONFIG_SECTIONS][CONFIG_KEYS_MAX];
    struct config_seen seen_source[CONFIG_SOURCES_MAX][CONFIG_KEYS_MAX];
    struct config_seen seen_member[CONFIG_MEMBERS_MAX][CONFIG_MEMBER_KEYS_MAX];
    unsigned long mistakes;
    void (*complain)(void *context, const char *sentence);
    void *context;
};

/* The state before the first line: every default but the addresses to listen on. */
void config_draft_init(struct config_draft *draft);
/* Defaults that others replace as a whole. */
void config_draft_finish(struct config_draft *draft);
struct config_source config_source_default(void);
/* The name of the section that is being read, as complaints write it: "[clock]", "[source a]". */
const char *config_section_shown(const struct config_reading *reading,
                                 char out[2 * CONFIG_SHOWN_MAX]);

/* The text cut to what a line of a log bears, in quotes, with '?' for what cannot be printed. */
const char *config_quoted(const char *text, char out[CONFIG_SHOWN_MAX]);
/* A sentence about a line; 0: about the whole. Beyond 20 of them it only counts. */
void config_complain(struct config_reading *reading, unsigned long line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Says how many were only counted. */
void config_complain_rest(struct config_reading *reading);
void config_complain_section(struct config_reading *reading, const char *name);
void config_complain_line(struct config_reading *reading);
void config_complain_key(struct config_reading *reading, const char *name);
void config_complain_value(struct config_reading *reading, const struct config_key *key,
                           const char *item, enum config_verdict verdict);

/* What only shows when all has been read. */
void config_check(struct config_reading *reading);
/* The same of the sources, and of the mesh. */
void config_check_sources(struct config_reading *reading);
void config_check_mesh(struct config_reading *reading);
/* What the text has of a key of a section that is there once. */
const struct config_seen *config_seen_of(const struct config_reading *reading,
                                         const struct config_section *section, const char *name);
#endif
