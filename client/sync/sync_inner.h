/* SPDX-License-Identifier: MIT */
/* sync_inner.h - what the files of the engine share; nobody else includes it. Each file keeps one
 * of its jobs: sync.c the events, sync_table.c the sources and their names, sync_judge.c what they
 * say together, sync_narrow.c what is known by that, sync_clock.c the clock, sync_claim.c what is
 * served, sync_leap.c leap seconds, sync_command.c what an operator asks for, sync_status.c what is
 * shown, sync_member.c the members of a mesh. */
#ifndef CLIENT_SYNC_SYNC_INNER_H
#define CLIENT_SYNC_SYNC_INNER_H
#include "client/sync/combine.h"
#include "client/sync/meshtime.h"
#include "client/sync/orphan.h"
#include "client/sync/selection.h"
#include "client/sync/span.h"
#include "client/sync/sync.h"

#define SYNC_NEVER INT64_MAX
#define SYNC_RENEWAL_NS (16 * NS_PER_S)
#define SYNC_ERROR_SHORT 160
#define SYNC_OWN_MAX 8 /* addresses of ours by which sources know us */
#define SYNC_DOOMED_MAX (2 * SYNC_SOURCES_MAX)
/* No answers for so many polls: holdover. */
#define SYNC_HOLDOVER_POLLS 8
#define SYNC_HOPS_NONE 255

/* A [source] section: a name, and the associations that its addresses became. */
struct sync_name {
    struct source_options options;
    uint32_t number; /* in ACTION_RESOLVE and EVENT_RESOLVED */
    bool is_offline;
    bool is_literal; /* the host is an address: nothing to resolve */
    bool is_resolving;
    struct mono resolve_at;  /* SYNC_NEVER: not due */
    struct mono resolved_at; /* the last answer; 0: none yet */
    unsigned failures;       /* in a row */
    char error[SYNC_ERROR_SHORT];
    size_t address_count;
    size_t next; /* address to try */
    struct address addresses[EVENT_ADDRESSES_MAX];
    struct member_verdict verdict; /* SOURCE_MEMBER: what the mesh thinks of it */
};

/* An association. */
struct sync_entry {
    struct source *source;
    size_t name;
    bool is_connected;
    struct address remote; /* to connect to, or connected to */
    uint32_t refid;        /* of remote */
    struct mono connect_at;
    struct mono hold_until; /* not to be polled before: spreads the polls of several sources */
    bool is_spread;
    struct mono bad_since; /* SYNC_NEVER: it is not */
    bool is_duplicate;     /* another one has its address */
    struct address local;  /* ours towards it, as last seen */

    /* As last judged. */
    enum source_state state;
    bool has_interval;
    struct interval interval;
    bool is_candidate; /* its interval is held against the others' */
    bool is_untried;   /* SOURCE_MEMBER: it has a sample that it was not tried by yet */
    double weight;
    struct mono reported; /* when the log was last told that it is a falseticker; 0: never */
    bool is_told_lost;    /* the log was told that it can't be used, and not yet that it can ... */
    struct mono lost_at;  /* ... when */
};

struct sync_table {
    size_t capacity; /* of both, as far as members may come */
    size_t name_count;
    struct sync_name *names;
    size_t count;
    struct sync_entry *entries;
};

/* Candidates of one judgement: the entries, and what they say. */
struct sync_panel {
    size_t count;
    size_t which[SYNC_SOURCES_MAX];
    bool is_out[SYNC_SOURCES_MAX]; /* not meeting what is agreed */
};

/* What the sources say together, as last judged. */
struct sync_judgement {
    size_t total; /* n */
    size_t faults;
    size_t answering;
    size_t needed;
    size_t agreeing;
    size_t fit;
    bool has_agreement;
    struct interval agreed;
    bool has_estimate; /* now; the last one is kept in any case */
    bool lacks_required;
    bool is_clipped;
    bool has_own; /* in a mesh our own aged interval is one more voice */
    struct interval own;
    bool has_server;   /* a source that is no member, and answers, counts in the estimate */
    unsigned hops_cut; /* members count that lead to UTC over at most so many hops */
};

/* The shadow clock: showed wall + fraction_ns at anchor, and gains rate_ppm on the oscillator. */
struct sync_line {
    struct mono anchor;
    struct wall wall;
    double fraction_ns;
    double rate_ppm;
};

/* The mesh's own time, while that is kept. */
struct sync_mesh {
    bool is_in;
    struct meshtime line;
    struct meshtime before;  /* the last one, until it was moved */
    struct mono settle_at;   /* a majority has seen us where we are, not before */
    struct mono majority_at; /* when more than half of the members were heard last */
    struct mono tick_at;     /* SYNC_NEVER: not in */
};

/* Who has a say in the mesh's time now. */
struct sync_choir {
    size_t heard; /* ourselves included */
    size_t near;  /* of those that have a say, how many are near ours */
    size_t count;
    struct meshtime_voice voices[SYNC_SOURCES_MAX];
    bool is_settled[SYNC_SOURCES_MAX];
};

struct sync {
    struct sync_options options;   /* without sources and keyring */
    struct keyring keyring;        /* a copy */
    struct keyring keyring_before; /* while a new table is built */
    struct source_common common;
    struct random *random;
    struct sync_table table;
    uint32_t next_number;
    struct source *doomed[SYNC_DOOMED_MAX]; /* to be closed and destroyed; with those of the table
                                               never more than there is room for here */
    size_t doomed_count;
    uint32_t own_refids[SYNC_OWN_MAX];
    size_t own_count;

    struct mono handled; /* the last event's instant */
    struct mono started; /* or disrupted: since when agreement is awaited */
    struct sync_judgement judgement;
    struct span span;
    uint32_t epoch;
    char epoch_reason[STATUS_TEXT_MAX];
    unsigned hops;          /* to UTC, when a sample last counted; SYNC_HOPS_NONE: never */
    struct mono lengthened; /* when these last became more */
    size_t selected;        /* entry; SIZE_MAX: none */
    size_t selected_told;
    struct mono selected_told_at;
    bool is_followed; /* the estimate is that of an orphan */
    uint32_t orphan_root;
    bool has_estimate;
    struct estimate estimate; /* the last one */
    bool has_agreed;
    struct mono agreed_at;  /* the last sample on which the sources agreed */
    struct mono updated_at; /* the last that the clock followed, an orphan's included */
    int64_t poll_ns;
    int64_t update_interval_ns;

    struct sync_mesh mesh;
    bool is_overspent; /* more members are lost than may lie */
    struct discipline discipline;
    struct sync_line line; /* shadow */
    int64_t stepped_ns;    /* within this event: what the host's reading does not know yet */
    double frequency_ppm;  /* of the clock that is steered */
    bool has_steered;
    struct mono steer_at;
    int64_t last_offset_ns;
    bool is_settled;        /* the offsets shrink no more, since the start or a step */
    double mean_square_ns2; /* of them */
    double residual_ppm;
    uint32_t steps;
    int64_t last_step_ns;
    struct wall last_step;
    unsigned clock_sets; /* by others, lately */
    struct mono clock_set_at;

    enum packet_leap leap; /* announced: LEAP_NONE, or what comes at midnight ... */
    struct wall midnight;
    struct mono leap_at;     /* ... and when the oscillator reads that */
    enum packet_leap passed; /* the last one */
    struct wall passed_midnight;
    struct mono passed_at;

    enum sync_condition condition;
    struct sync_state state;
    struct wall reference;
    struct mono publish_at;
    struct mono maintain_at;
    struct mono save_rate_at;
    struct mono save_time_at;
    bool has_saved_rate;
};

/* sync_table.c and sync_table_build.c */
bool sync_table_build(struct sync *sync, const struct sync_options *options, struct mono now,
                      struct sync_table *table, char error[SYNC_ERROR_MAX]) MUST_CHECK;
/* Frees the table, and the sources that only it has. */
void sync_table_discard(struct sync_table *table, const struct sync_table *other);
/* What is due: closes, resolves, connects, asks. */
void sync_table_run(struct sync *sync, struct reading now, struct actions *out);
/* Looks for addresses in place of bad ones; every 16 s. */
void sync_table_maintain(struct sync *sync, struct reading now, struct actions *out);
void sync_table_resolved(struct sync *sync, const struct resolved *resolved, struct reading now,
                         struct actions *out);
/* The source at its address could not be reached at all. */
void sync_table_refused(struct sync *sync, struct sync_entry *entry, struct reading now);
struct mono sync_table_deadline(const struct sync *sync);
struct sync_entry *sync_table_find(struct sync *sync, uint32_t association);
const struct source_options *sync_entry_options(const struct sync *sync,
                                                const struct sync_entry *entry);
bool sync_is_member(const struct sync *sync, const struct sync_entry *entry);
/* A name at the end of the table, with its entries, for which there is room. */
bool sync_table_begin(struct sync *sync, const struct source_options *options, struct mono now,
                      struct sync_table *table, char error[SYNC_ERROR_MAX]) MUST_CHECK;
/* Has a number of its own. NULL, and a sentence in error that names it. */
struct source *sync_table_source(struct sync *sync, const struct source_options *options,
                                 struct mono now, char error[SYNC_ERROR_MAX]);
uint32_t sync_refid_of(const struct address *address);

/* sync_judge.c and sync_explain.c */
/* Judges all sources at now. fresh is who has a new sample; NULL: nobody. Returns whether the
 * sample counts, so that the clock is to be steered by it. */
bool sync_judge(struct sync *sync, const struct sync_entry *fresh, struct reading now,
                struct actions *out);
/* Why the entry is in its state. */
void sync_judge_explain(const struct sync *sync, const struct sync_entry *entry, struct mono now,
                        char reason[STATUS_TEXT_MAX]);
/* Ends the epoch of the interval. */
void sync_end_epoch(struct sync *sync, const char *reason, struct actions *out);
/* Tells the log of who is a falseticker, or selected, now and then. */
void sync_judge_report(struct sync *sync, struct mono now, struct actions *out);
/* Tells the log which sources are silent or useless for a while, and when they are back. */
void sync_judge_report_lost(struct sync *sync, struct mono now, struct actions *out);
/* What all candidates but `without` (NULL: all) agree on, as of the last judgement; false: not f +
 * 1 of them do. */
bool sync_judge_agreed(const struct sync *sync, const struct sync_entry *without,
                       struct interval *agreed) MUST_CHECK;
/* The same for what one entry alone says, as of a judgement of all at now. */
enum member_trial sync_judge_without(const struct sync *sync, const struct sync_entry *entry);
bool sync_is_convicted(const struct sync *sync, const struct sync_entry *entry);
bool sync_is_own_refid(const struct sync *sync, uint32_t refid);

/* sync_narrow.c */
/* What is agreed may only narrow what was known. estimate: of a judgement at now. */
void sync_narrow(struct sync *sync, const struct estimate *estimate, struct mono now,
                 struct actions *out);

/* sync_member.c */
/* NULL: there is no such member. */
const struct source *sync_member_source(const struct sync *sync, uint64_t id);

/* sync_mesh.c */
/* Begins to keep the mesh's time if it is time to, and moves our line. */
void sync_mesh_run(struct sync *sync, struct reading now, struct actions *out);
/* Judges members by what they say of the mesh's time, in place of UTC. */
void sync_mesh_judge(struct sync *sync, struct mono now);
/* Is the member's line where those of the others agree that the mesh's time is? */
enum member_trial sync_mesh_try(const struct sync *sync, const struct sync_entry *entry,
                                struct mono now);
void sync_mesh_leave(struct sync *sync);
/* Its steps, for sync_berkeley.c too: the line begins where we are; others have to see where it is
 * before it is relied on; it jumped, and what was said of it ends; the clock follows, and it is
 * published. */
void sync_mesh_enter(struct sync *sync, struct reading now, struct wall ours);
void sync_mesh_begin_settling(struct sync *sync, struct mono now);
void sync_mesh_tell_jump(struct sync *sync, int64_t jump_ns, bool is_first, struct actions *out);
void sync_mesh_keep_estimate(struct sync *sync, struct mono now);
void sync_mesh_carry_out(struct sync *sync, struct reading now, struct actions *out);
/* Who is heard, and how far each is from ours. */
void sync_mesh_gather(const struct sync *sync, struct reading now, struct wall ours,
                      struct sync_choir *choir);
/* The longest poll in use: who is asked less often is measured less often. */
int64_t sync_mesh_poll_ns(const struct sync *sync);
/* f among those that are left. */
size_t sync_mesh_faults(const struct sync *sync);
bool sync_mesh_is_time(const struct sync *sync, const struct member_claim *claim);
bool sync_mesh_is_trusted(const struct sync *sync, const struct sync_entry *entry);
/* Of one that has a claim: it is relied on. */
bool sync_mesh_is_settled(const struct sync_entry *entry);
/* Was a majority heard lately? */
bool sync_mesh_is_held(const struct sync *sync, struct mono now);
struct own_claim;
/* What own_claim says of the mesh's time, beside the clock. */
void sync_mesh_claim(const struct sync *sync, struct reading now, struct own_claim *claim);

/* sync_berkeley.c */
/* Nobody said lately how our clock is off: it runs on. */
void sync_berkeley_run(struct sync *sync, struct reading now, struct actions *out);

/* sync_choose.c */
/* Those that agree, as far as options, verdicts and hops leave them. Returns how many are to be
 * combined. */
size_t sync_choose(struct sync *sync, const struct sync_panel *panel, bool heeds_prefer,
                   struct mono now, size_t which[SYNC_SOURCES_MAX]);
/* Their estimates to one; false if none of them is likely. Sets weights, and who is selected. */
bool sync_choose_combine(struct sync *sync, const size_t *which, size_t count, struct mono now,
                         struct estimate *estimate);
/* A sample counts: over how many hops we have UTC now. */
/* It has as many hops as we have: it counts with those that have fewer, never without. */
bool sync_choose_is_beside(const struct sync *sync, const struct sync_entry *entry);
void sync_choose_hops(struct sync *sync, struct mono now);
/* No sample counts any more: nobody is to take ours for a way to UTC. */
bool sync_choose_is_stale(const struct sync *sync, struct mono now);
bool sync_is_silent(const struct sync_entry *entry);

/* sync_clock.c */
void sync_clock_init(struct sync *sync, struct reading now);
/* is_fresh: the estimate has a new sample; else only time went by. */
void sync_clock_steer(struct sync *sync, bool is_fresh, struct reading now, struct actions *out);
void sync_clock_step(struct sync *sync, struct reading now, struct actions *out);
/* Like new: an offset may be stepped again. */
void sync_clock_restart(struct sync *sync);
void sync_clock_stop(struct sync *sync, struct reading now, struct actions *out);
/* The clock was disrupted, or set by somebody else, by that much. */
void sync_clock_disturb(struct sync *sync, int64_t by_ns, bool is_set, struct reading now);
/* What the clock has to go to be where the estimate is. */
double sync_clock_left_ns(const struct sync *sync, struct reading now);

/* sync_claim.c */
void sync_claim_find_condition(struct sync *sync, struct reading now, struct actions *out);
void sync_claim_renew(struct sync *sync, struct reading now);
void sync_claim_publish(struct sync *sync, struct reading now, struct actions *out);
void sync_claim_save(struct sync *sync, bool is_last, struct reading now, struct actions *out);
bool sync_is_bounded(const struct sync *sync);

/* sync_leap.c */
/* Whether one is announced; every 16 s, and as soon as the time is known. */
void sync_leap_look(struct sync *sync, struct mono now, struct actions *out);
/* It is due: shifts all that is known. */
void sync_leap_pass(struct sync *sync, struct reading now, struct actions *out);
/* So near to one that readings are ambiguous; until when. */
bool sync_leap_is_near(const struct sync *sync, struct mono now);
struct mono sync_leap_end(const struct sync *sync);
/* For how long nobody was asked between the two because of one, at most. */
int64_t sync_leap_pause_ns(const struct sync *sync, struct mono since, struct mono now);
/* The interval as POSIX counts, near a leap second. */
void sync_leap_break(const struct sync *sync, struct mono now, struct interval *interval);
/* What is to be added to UTC for the clock and for whoever is served; and its rate. */
int64_t sync_leap_smear(const struct sync *sync, struct wall utc, double *ppm);
void sync_leap_serve(const struct sync *sync, struct estimate *estimate);
/* So that it comes in time for those who are served, however late we are. */
void sync_leap_foretell(const struct sync *sync, struct sync_state *state);
/* What is announced to others. */
enum packet_leap sync_leap_shown(const struct sync *sync);

/* sync.c */
/* What an answer did to its source: all are judged, and the clock follows. */
void sync_take_news(struct sync *sync, struct sync_entry *entry, enum source_news news,
                    struct reading now, struct actions *out);
void sync_learn_address(struct sync *sync, struct sync_entry *entry, const struct address *address);

/* sync_command.c */
void sync_command_perform(struct sync *sync, const struct command *command, struct reading now,
                          struct actions *out);

/* sync_options.c */
bool sync_options_same_source(const struct source_options *a, const struct source_options *b);
#endif
