/* SPDX-License-Identifier: MIT */
/* doctor.h - the checklist: from what was found on this machine to what is wrong and what to do.
 * Decides and words it; whoever calls has gathered the facts. */
#ifndef CLIENT_CLI_DOCTOR_H
#define CLIENT_CLI_DOCTOR_H
#include "client/cli/answer.h"
#include "client/cli/ask.h"
#include "client/cli/survey.h"
#include "common/host/kernel_clock.h"

#define DOCTOR_FINDINGS_MAX 192
#define DOCTOR_TEXT_MAX 1024
#define DOCTOR_NEXT_MAX 256
#define DOCTOR_NAMES_MAX 8  /* unresolved names that are looked up */
#define DOCTOR_RIVALS_MAX 8 /* other time daemons */

enum doctor_result { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_finding {
    const char *step; /* constant: "running" */
    enum doctor_result result;
    char text[DOCTOR_TEXT_MAX];
    char next[DOCTOR_NEXT_MAX]; /* the command to run; empty: none */
};

struct doctor_name {
    char host[ANSWER_TEXT_MAX];
    size_t addresses;
    char error[ANSWER_TEXT_MAX];
};

struct doctor_rival {
    char program[32];
    int pid;
};

/* What is known; whatever could not be found out is zero or NULL. */
struct doctor_facts {
    bool is_connected;
    const struct ask *ask;
    const char *ask_error;
    unsigned user;
    int chimed_pid; /* of a process of that name; 0: none */
    const json_t *version;
    const json_t *status;
    const json_t *status_after; /* asked again, after the kernel was */
    const json_t *sources;
    const json_t *mesh; /* NULL: it is no node of one */
    int kernel_error;   /* 0: kernel is set */
    struct kernel_state kernel;
    size_t rival_count;
    struct doctor_rival rivals[DOCTOR_RIVALS_MAX];
    size_t name_count;
    struct doctor_name names[DOCTOR_NAMES_MAX];
    const struct survey_result *served; /* what chimed answered to us; NULL: not asked */
};

struct doctor {
    size_t count;
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
};

/* Walks the checklist, and ends early where nothing more can be known. */
void doctor_examine(struct doctor *doctor, const struct doctor_facts *facts);
bool doctor_has_failed(const struct doctor *doctor);
const char *doctor_result_name(enum doctor_result result);

/* The parts, for each other: doctor.c the daemon itself, doctor_sources.c whom it asks,
 * doctor_clock.c the clock, doctor_mesh.c the mesh. */
void doctor_add(struct doctor *doctor, const char *step, enum doctor_result result,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Of the finding added last. */
void doctor_next(struct doctor *doctor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void doctor_examine_sources(struct doctor *doctor, const struct doctor_facts *facts);
void doctor_examine_mesh(struct doctor *doctor, const struct doctor_facts *facts);
void doctor_examine_clock(struct doctor *doctor, const struct doctor_facts *facts);
#endif
