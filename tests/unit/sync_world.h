/* SPDX-License-Identifier: MIT */
/* sync_world.h - a small world in virtual time for the sync engine: servers that answer from true
 * time, or lie, or don't; a clock that is steered; and checks on every event. */
#ifndef TESTS_UNIT_SYNC_WORLD_H
#define TESTS_UNIT_SYNC_WORLD_H
#include "client/sync/sync_member.h"
#include "common/base/random.h"

#define SYNC_WORLD_SERVERS 8
#define SYNC_WORLD_START INT64_C(1795190400000000000) /* the truth at the beginning */
#define SYNC_WORLD_MONO INT64_C(5000000000)
#define SYNC_WORLD_FLIGHTS 256
#define SYNC_WORLD_ASSOCIATIONS 256
#define SYNC_WORLD_TEXT 16384

struct sync_world_server {
    const char *address; /* "192.0.2.1" */
    int64_t lie_ns;      /* what it is off by */
    double lie_ppm;      /* and by how much more each second, from ramp_at on */
    int64_t delay_ns;    /* each way */
    double jitter_ns;    /* mean of what comes on top, each way */
    bool is_silent;
    bool is_forging; /* answers with another origin */
    uint8_t leap;
    uint8_t stratum; /* 0: 1 */
    uint32_t refid;
    int64_t root_dispersion_ns;
    uint32_t kiss; /* answers with this kiss code */
    uint64_t asked;
    uint64_t member; /* it is one of the mesh, and vouches for this; 0: a server */
    struct member_claim claim;
};

struct sync_world_name {
    const char *host;
    size_t count;
    const char *addresses[4];
};

struct sync_world_flight {
    bool is_used;
    int64_t at_ns; /* true time */
    size_t server;
    bool is_answer;
    uint32_t association;
    size_t size;
    uint8_t payload[128];
};

struct sync_world {
    struct random random;
    struct sync *sync;
    struct sync_world_server servers[SYNC_WORLD_SERVERS];
    size_t server_count;
    struct sync_world_name names[4];
    size_t name_count;

    int64_t start_ns;   /* UTC then */
    int64_t leap_at_ns; /* true time of a leap second; 0: none */
    int64_t leap_by_ns; /* -1 s: inserted */
    int64_t truth_ns;   /* since the start */
    double rate_ppm;    /* of the oscillator: fast if positive */
    int64_t slept_ns;   /* what the oscillator did not count */
    /* The system clock, as a line over the oscillator. */
    int64_t clock_mono_ns;
    int64_t clock_wall_ns;
    double clock_ppm;

    struct sync_world_flight flights[SYNC_WORLD_FLIGHTS];
    struct address remotes[SYNC_WORLD_ASSOCIATIONS]; /* of associations */
    bool is_open[SYNC_WORLD_ASSOCIATIONS];
    uint32_t highest;

    /* What was done. */
    unsigned leaps; /* of the kernel */
    unsigned steers, kernels, publishes, saves_rate, saves_time, steps, resolves, opens, closes;
    struct action_steer steer;
    struct action_kernel kernel;
    struct action_save rate;
    struct action_reply reply;
    struct sync_state state; /* published */
    char reports[SYNC_WORLD_TEXT];

    /* What is checked on every event. */
    bool is_checked;
    bool is_smeared; /* what is served is not UTC: only the interval is held to it */
    uint64_t checks;
    uint64_t outside;        /* truth not in the interval */
    uint64_t claims_outside; /* truth beyond the published claim */
    uint64_t kernel_outside;
    uint64_t backwards; /* earliest went back within an epoch */
    struct interval last;
    bool has_last;
    uint32_t last_epoch;
};

void sync_world_init(struct sync_world *world, uint64_t seed);
/* Sets up a server; the delay is 1 ms and the jitter 100 us. Returns its index. */
size_t sync_world_add(struct sync_world *world, const char *address);
/* options of a server at an address or name, polled every 16 s. */
struct source_options sync_world_source(const char *name, const char *host);
/* Begins; the system clock is off by offset_ns. */
bool sync_world_start(struct sync_world *world, const struct sync_options *options,
                      int64_t offset_ns);
void sync_world_end(struct sync_world *world);

struct reading sync_world_now(const struct sync_world *world);
/* As POSIX counts. */
int64_t sync_world_utc(const struct sync_world *world);
/* Lets so much true time pass. */
void sync_world_run(struct sync_world *world, int64_t by_ns);
void sync_world_handle(struct sync_world *world, struct event *event);
void sync_world_command(struct sync_world *world, enum command_kind kind, const char *source);
/* The clock that is steered - truth. */
int64_t sync_world_error(const struct sync_world *world);
struct status sync_world_status(const struct sync_world *world);
/* Does it claim UTC, rather than a clock of its own? */
bool sync_world_is_utc(const struct sync_world *world);
/* By name; the first one. */
struct source_status sync_world_source_status(const struct sync_world *world, const char *name);
#endif
