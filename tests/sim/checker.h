/* SPDX-License-Identifier: MIT */
/* checker.h - what must hold on every event of a run, whatever the scenario. It counts breaches and
 * keeps the first one in words. */
#ifndef TESTS_SIM_CHECKER_H
#define TESTS_SIM_CHECKER_H
#include "client/sync/exchange.h"
#include "common/base/action.h"

#define CHECKER_TEXT_MAX 320

struct checker {
    uint64_t violations;
    char first[CHECKER_TEXT_MAX];
    void (*listener)(void *context, const char *line); /* told of each; NULL: nobody is */
    void *listener_context;
};

/* Where and when something happens. */
struct checker_place {
    int64_t truth_ns;
    const char *node;
    size_t number; /* of the node, within its group */
};

/* A request leaves, since_ns after the one before; none may within least_ns. */
void checker_poll(struct checker *checker, const struct checker_place *place, int64_t since_ns,
                  int64_t least_ns);
/* A system clock is stepped; none may be after its start. */
void checker_step(struct checker *checker, const struct checker_place *place, int64_t step_ns,
                  bool is_starting);
/* A server answers: never more than the request had, only to a request, with timestamps that are in
 * order and agree with its own clock, which reads now. */
void checker_answer(struct checker *checker, const struct checker_place *place,
                    struct bytes request, const struct action_send *reply, struct wall now);
/* An honest server's sample: the truth lies within its bound. truth is UTC when the reply came;
 * rate_ppm how fast our oscillator ran during the exchange. */
void checker_sample(struct checker *checker, const struct checker_place *place,
                    const struct sample *sample, struct wall truth, double rate_ppm);
/* The memory for what is in flight is gone, or another impossibility: text says what. */
void checker_fail(struct checker *checker, const struct checker_place *place, const char *text);
#endif
