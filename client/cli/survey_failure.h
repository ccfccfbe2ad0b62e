/* SPDX-License-Identifier: MIT */
/* survey_failure.h - why a server gave no sample, in a sentence that says what to check. */
#ifndef CLIENT_CLI_SURVEY_FAILURE_H
#define CLIENT_CLI_SURVEY_FAILURE_H
#include "client/cli/probe.h"
#include "client/cli/survey.h"

/* 0, or -EKEYREJECTED if the key is not for that address. */
int survey_failure_key(const struct survey_options *options, const struct address *address);

/* Fills in outcome, sentence, address and reply, from the most telling of the probes (at least
 * one); result->name, requests and elapsed_ns are set. */
void survey_failure_explain(const struct probe *probes, size_t count, struct survey_result *result);

/* The probe gave samples, but its last answer was refused: fills in sentence, address and reply. */
void survey_failure_note(const struct probe *probe, struct survey_result *result);
#endif
