/* SPDX-License-Identifier: MIT */
/* spelling.h - how far a word is from the one that may have been meant. */
#ifndef CLIENT_CLI_SPELLING_H
#define CLIENT_CLI_SPELLING_H

#define SPELLING_LENGTH_MAX 32
#define SPELLING_NEAR 3 /* edits, beyond which a word is no misspelling of another */

/* How many letters must be changed, added or left out to get from one to the other;
 * SPELLING_LENGTH_MAX for a word that is longer than that. */
unsigned spelling_distance(const char *from, const char *to);
#endif
