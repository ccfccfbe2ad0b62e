/* SPDX-License-Identifier: MIT */
/* credentials.h - what a node of a mesh proves itself by, and knows the others by: the files that
 * [mesh] names, read. */
#ifndef SERVER_CREDENTIALS_H
#define SERVER_CREDENTIALS_H
#include "common/auth/membership.h"
#include "common/config/config.h"
#include "server/setup_complain.h"

struct credentials {
    struct identity *identity; /* NULL: there is no mesh, and all else is empty */
    bool has_group;
    uint16_t group_id;
    uint8_t group_key[SECRET_SIZE];
    struct public_key ca;    /* if the configuration has one */
    size_t certificate_size; /* 0: none */
    uint8_t certificate[CERTIFICATE_SIZE_MAX];
    uint64_t expiry_s;             /* of the certificate; 0: none */
    struct membership *membership; /* NULL: none */
    char *document;                /* the text of it, as signed; NULL: none */
};

/* Reads them into *credentials. Each mistake is told to listener. False if there was one; nothing
 * is then held. */
bool credentials_load(const struct config_mesh *mesh, const struct setup_listener *listener,
                      struct credentials *credentials) MUST_CHECK;
/* Wipes and frees. */
void credentials_clear(struct credentials *credentials);
#endif
