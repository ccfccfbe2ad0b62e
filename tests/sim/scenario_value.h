/* SPDX-License-Identifier: MIT */
/* scenario_value.h - the text of one value of a scenario to numbers. Each call returns false, and
 * leaves what it was given alone, if the text is not what it reads. */
#ifndef TESTS_SIM_SCENARIO_VALUE_H
#define TESTS_SIM_SCENARIO_VALUE_H
#include "tests/sim/network.h"

#define SCENARIO_WORD_MAX 64
#define YEAR_NS (INT64_C(365) * 86400 * NS_PER_S)
#define RATE_MAX_PPM 100000.0

/* "250 us"; of any sign. */
bool value_duration(const char *text, int64_t minimum_ns, int64_t maximum_ns, int64_t *ns);
/* "5 ppm" within +/- the limit. */
bool value_rate(const char *text, double limit_ppm, double *ppm);
/* "5 %", 0 to 100, as a share of 1. */
bool value_share(const char *text, double *share);
/* A plain number. */
bool value_number(const char *text, double minimum, double maximum, double *number);
/* Cuts "A SEPARATOR B" into its two halves, without white space around; both of less than
 * SCENARIO_WORD_MAX characters. */
bool value_split(const char *text, const char *separator, char first[SCENARIO_WORD_MAX],
                 char second[SCENARIO_WORD_MAX]);
/* "20 ms at 1 h": a duration, and an instant not before the start. */
bool value_at(const char *text, int64_t minimum_ns, int64_t *ns, int64_t *at_ns);
/* "none", "exponential 10 us", "gaussian 200 us, 100 us", "lognormal 100 us, 1.2",
 * "pareto 100 us, 10 %, 1.5", "burst 100 us, 10, 600 s, 60 s". */
bool value_jitter(const char *text, struct jitter *jitter);
/* "5 %, 50 ms". */
bool value_straggling(const char *text, struct straggling *straggling);
/* A word of a list that ends with NULL: its place there. */
bool value_choice(const char *text, const char *const *words, int *choice);
/* "yes" or "no". */
bool value_yes(const char *text, bool *is_yes);
/* A whole number from 0 on. */
bool value_integer(const char *text, double maximum, int64_t *integer);
/* A name of less than room characters, without white space. */
bool value_name(const char *text, size_t room, char *name);
#endif
