/* SPDX-License-Identifier: MIT */
#include "server/credentials.h"
#include "common/auth/keyring.h"
#include "common/host/files.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FILE_SIZE_MAX MEMBERSHIP_TEXT_MAX
#define OTHERS 077U /* of a file's mode: what group and others may */
#define GROUP_ID_MAX UINT16_MAX

/* A file that [mesh] names, and the key that names it. */
struct naming {
    const struct config_file *file;
    const char *key;
    const char *how; /* it is made */
};

static char *read_file(const struct naming *naming, const struct setup_listener *listener)
{
    const char *path = naming->file->path;
    char *text = NULL;
    int status = files_read_text(path, FILE_SIZE_MAX, &text);
    if (status == -ENOENT) {
        setup_complain_at(listener, naming->file->line,
                          "[mesh] %s: there is no '%s'; check the path, or make it with: %s",
                          naming->key, path, naming->how);
        return NULL;
    }
    if (status != 0) {
        setup_complain_at(listener, naming->file->line, "[mesh] %s: can't read '%s': %s; %s",
                          naming->key, path, strerror(-status),
                          status == -EFBIG ? "check the path" : setup_advice(-status));
        return NULL;
    }
    return text;
}

static void free_secret(char *text)
{
    if (text != NULL) {
        secret_wipe(text, strlen(text));
        free(text);
    }
}

/* What holds a secret is its owner's alone, or it is none. */
static char *read_secret(const struct naming *naming, const struct setup_listener *listener)
{
    const char *path = naming->file->path;
    unsigned mode = 0;
    char *text = read_file(naming, listener);
    if (text == NULL) {
        return NULL;
    }
    int status = files_mode(path, &mode);
    if (status != 0 || (mode & OTHERS) != 0) {
        setup_complain_at(listener, naming->file->line,
                          "[mesh] %s: '%s' has mode %04o, by which others than its owner may open "
                          "it; 0600 is accepted: chmod 600 %s, and make a new one if somebody "
                          "may have read it",
                          naming->key, path, mode, path);
        free_secret(text);
        return NULL;
    }
    return text;
}

static bool load_identity(const struct config_mesh *mesh, const struct setup_listener *listener,
                          struct credentials *credentials)
{
    struct naming naming = {&mesh->identity, "identity", "chime keygen --node FILE"};
    char error[IDENTITY_ERROR_MAX];
    char *text = read_secret(&naming, listener);
    if (text == NULL) {
        return false;
    }
    struct bytes pem = bytes_make((const uint8_t *)text, strlen(text));
    credentials->identity = identity_parse(pem, error);
    free_secret(text);
    if (credentials->identity == NULL) {
        setup_complain_at(listener, mesh->identity.line, "[mesh] identity: '%s': %s",
                          mesh->identity.path, error);
    }
    return credentials->identity != NULL;
}

/* A keys file with the one key. */
static bool load_group_key(const struct config_mesh *mesh, const struct setup_listener *listener,
                           struct credentials *credentials)
{
    struct naming naming = {&mesh->group_key, "group-key", "chime keygen --type SHA256 FILE"};
    struct keyring keyring = {0};
    char error[KEYRING_ERROR_MAX];
    if (mesh->group_key.path[0] == '\0') {
        return true;
    }
    char *text = read_secret(&naming, listener);
    if (text == NULL) {
        return false;
    }
    bool is_good = keyring_parse(text, &keyring, error);
    free_secret(text);
    if (!is_good) {
        setup_complain_at(listener, mesh->group_key.line, "[mesh] group-key: '%s': %s",
                          mesh->group_key.path, error);
        return false;
    }
    is_good = keyring.count == 1 && keyring.keys[0].size == SECRET_SIZE &&
              keyring.keys[0].id <= GROUP_ID_MAX;
    if (is_good) {
        credentials->has_group = true;
        credentials->group_id = (uint16_t)keyring.keys[0].id;
        memcpy(credentials->group_key, keyring.keys[0].secret, SECRET_SIZE);
    } else {
        setup_complain_at(
            listener, mesh->group_key.line,
            "[mesh] group-key: '%s' has %zu keys, the first of %u octets with the id %" PRIu32
            "; accepted: one of %d octets with an id up to %d, as chime keygen --type SHA256 makes",
            mesh->group_key.path, keyring.count, keyring.count > 0 ? keyring.keys[0].size : 0U,
            keyring.count > 0 ? keyring.keys[0].id : 0, SECRET_SIZE, GROUP_ID_MAX);
    }
    keyring_clear(&keyring);
    return is_good;
}

static bool load_ca(const struct config_mesh *mesh, const struct setup_listener *listener,
                    struct credentials *credentials)
{
    struct public_key key;
    char text[IDENTITY_KEY_TEXT_MAX];
    char error[IDENTITY_ERROR_MAX];
    if (!mesh->has_ca) {
        return true;
    }
    memcpy(key.octets, mesh->ca, sizeof key.octets);
    if (!public_key_parse(public_key_format(&key, text), &credentials->ca, error)) {
        setup_complain_at(listener, mesh->ca_line, "[mesh] ca: %s", error);
        return false;
    }
    return true;
}

static bool load_certificate(const struct config_mesh *mesh, const struct setup_listener *listener,
                             struct credentials *credentials)
{
    struct naming naming = {&mesh->certificate, "certificate", "chime certify"};
    struct certificate certificate;
    uint64_t self = identity_id(credentials->identity);
    if (mesh->certificate.path[0] == '\0') {
        return true;
    }
    char *text = read_file(&naming, listener);
    if (text == NULL) {
        return false;
    }
    bool is_line =
        certificate_parse(text, credentials->certificate, &credentials->certificate_size);
    free(text);
    if (!is_line) {
        setup_complain_at(listener, mesh->certificate.line,
                          "[mesh] certificate: '%s' holds none; a line is expected that begins "
                          "with %s, as chime certify makes",
                          mesh->certificate.path, CERTIFICATE_TEXT_PREFIX);
        return false;
    }
    enum certificate_verdict verdict =
        certificate_read(bytes_make(credentials->certificate, credentials->certificate_size),
                         &credentials->ca, NULL, &certificate);
    if (verdict != CERTIFICATE_OK) {
        setup_complain_at(listener, mesh->certificate.line,
                          "[mesh] certificate: '%s': %s; have it made by the CA whose key ca names",
                          mesh->certificate.path, certificate_verdict_name(verdict));
        return false;
    }
    if (certificate.node.id != self) {
        char theirs[IDENTITY_ID_TEXT_MAX];
        char ours[IDENTITY_ID_TEXT_MAX];
        setup_complain_at(listener, mesh->certificate.line,
                          "[mesh] certificate: '%s' is of node %s, and identity is of node %s; "
                          "name this node's own",
                          mesh->certificate.path, identity_id_format(certificate.node.id, theirs),
                          identity_id_format(self, ours));
        return false;
    }
    credentials->expiry_s = certificate.expiry_s;
    return true;
}

static bool load_membership(const struct config_mesh *mesh, const struct setup_listener *listener,
                            struct credentials *credentials)
{
    struct naming naming = {&mesh->membership, "membership", "chime certify"};
    char error[MEMBERSHIP_ERROR_MAX];
    if (mesh->membership.path[0] == '\0') {
        return true;
    }
    char *text = read_file(&naming, listener);
    if (text == NULL) {
        return false;
    }
    credentials->membership = calloc(1, sizeof *credentials->membership);
    if (credentials->membership == NULL) {
        free(text);
        setup_complain(listener, "out of memory while reading the membership");
        return false;
    }
    enum membership_verdict verdict =
        membership_read(bytes_make((const uint8_t *)text, strlen(text)), &credentials->ca, NULL,
                        credentials->membership, error);
    credentials->document = text;
    if (verdict != MEMBERSHIP_OK) {
        setup_complain_at(listener, mesh->membership.line, "[mesh] membership: '%s': %s",
                          mesh->membership.path, error);
        return false;
    }
    if (membership_is_revoked(credentials->membership, identity_id(credentials->identity))) {
        setup_complain_at(listener, mesh->membership.line,
                          "[mesh] membership: '%s' revokes the key of this node; make a new one "
                          "with chime keygen --node, and have it admitted",
                          mesh->membership.path);
        return false;
    }
    return true;
}

bool credentials_load(const struct config_mesh *mesh, const struct setup_listener *listener,
                      struct credentials *credentials)
{
    *credentials = (struct credentials){.identity = NULL};
    if (mesh->identity.path[0] == '\0') {
        return true;
    }
    bool has_identity = load_identity(mesh, listener, credentials);
    bool has_group = load_group_key(mesh, listener, credentials);
    bool has_ca = load_ca(mesh, listener, credentials);
    /* What belongs to the identity, and is signed by the CA, is judged by these. */
    bool is_good = has_identity && has_group && has_ca;
    if (has_identity && has_ca) {
        is_good &= load_certificate(mesh, listener, credentials);
        is_good &= load_membership(mesh, listener, credentials);
    }
    if (!is_good) {
        credentials_clear(credentials);
    }
    return is_good;
}

void credentials_clear(struct credentials *credentials)
{
    identity_destroy(credentials->identity);
    free(credentials->membership);
    free(credentials->document);
    secret_wipe(credentials, sizeof *credentials);
    *credentials = (struct credentials){.identity = NULL};
}
