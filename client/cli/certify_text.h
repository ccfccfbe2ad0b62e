/* SPDX-License-Identifier: MIT */
/* certify_text.h - what a certificate or a membership document says, for people and as JSON. */
#ifndef CLIENT_CLI_CERTIFY_TEXT_H
#define CLIENT_CLI_CERTIFY_TEXT_H
#include "common/auth/certificate.h"
#include "common/auth/membership.h"
#include <stdio.h>

/* path: where it was written, or NULL; error: what is wrong with it, or NULL. */
void certify_text_print_certificate(FILE *stream, const struct certificate *certificate);
void certify_text_json_certificate(const struct certificate *certificate, const char *path,
                                   const char *error);
void certify_text_print_membership(FILE *stream, const struct membership *membership);
void certify_text_json_membership(const struct membership *membership, const char *path,
                                  const char *error);
#endif
