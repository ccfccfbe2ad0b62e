/* SPDX-License-Identifier: MIT */
/* liar.h - a member of a mesh that lies: its packets are rewritten on their way out, and signed
 * with its own key again; it has nobody else's. How it lies is a [fault] of the scenario. The
 * engine that made the packets is an honest one and knows nothing of it. */
#ifndef TESTS_SIM_LIAR_H
#define TESTS_SIM_LIAR_H
#include "common/auth/identity.h"
#include "common/base/action.h"
#include "ntpwire/report.h"
#include "tests/sim/scenario.h"

/* What it knows of the world, which is all of it. */
struct liar_scene {
    int64_t truth_ns;
    const struct identity *identity;
    const struct identity_scheme *scheme;
    size_t reader;     /* the number of the member that the packet goes to */
    uint64_t other_id; /* of an honest member */
    int64_t error_ns;  /* its own clock less UTC */
    /* How far from its own clock what the honest agree on ends, either way. */
    int64_t room_up_ns;
    int64_t room_down_ns;
};

enum liar_act {
    LIAR_KEEPS,   /* the packet is as it was */
    LIAR_CHANGES, /* the session's tag does not fit any more */
    LIAR_SWALLOWS /* it does not leave */
};

struct liar;

struct liar *liar_create(uint64_t seed); /* NULL if memory is short */
void liar_destroy(struct liar *liar);    /* NULL is allowed */
/* One more of its lies; it outlives the liar. */
void liar_tell(struct liar *liar, const struct scenario_fault *fault);
bool liar_is_active(const struct liar *liar, int64_t truth_ns);
/* Whether room_up_ns and room_down_ns matter to it now. */
bool liar_wants_room(const struct liar *liar, int64_t truth_ns);
/* A packet of size octets leaves. *hold_ns: how long it waits. */
enum liar_act liar_send(struct liar *liar, const struct liar_scene *scene, uint8_t *payload,
                        size_t size, int64_t *hold_ns);
#endif
