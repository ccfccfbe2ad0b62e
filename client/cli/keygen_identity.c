/* SPDX-License-Identifier: MIT */
#include "client/cli/keygen_identity.h"
#include "client/cli/command.h"
#include "client/cli/key_file.h"
#include "client/cli/options.h"
#include "common/auth/node_state.h"
#include "common/base/json.h"
#include "common/host/entropy.h"
#include "common/host/files.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATE_DIR "/var/lib/chimed"
#define JSON_ROOM 8192

/* What is said at the end. */
struct outcome {
    const char *kind; /* "node" or "ca" */
    const char *path;
    const struct identity *identity;
    const char *state_path; /* NULL: none was written */
    uint16_t epoch;
};

bool keygen_identity_is_asked(const struct keygen_identity *asked)
{
    return asked->is_node || asked->is_ca || asked->is_public || asked->is_next_epoch ||
           asked->epoch > 0 || asked->state_dir != NULL;
}

static bool check(const struct keygen_identity *asked)
{
    if (asked->is_node + asked->is_ca + asked->is_public != 1) {
        (void)options_complain("keygen", "one of --node, --ca and --public is needed, and only one;"
                                         " 'chime keygen --help' says more");
        return false;
    }
    if (!asked->is_node && (asked->is_next_epoch || asked->state_dir != NULL)) {
        (void)options_complain("keygen", "%s goes with --node: a CA has no key epochs and no state",
                               asked->is_next_epoch ? "--next-epoch" : "--state-dir");
        return false;
    }
    if (asked->epoch > 0 && !asked->is_next_epoch) {
        (void)options_complain("keygen", "--epoch goes with --node --next-epoch");
        return false;
    }
    return true;
}

static void print_json(const struct outcome *outcome, const char *error)
{
    char out[JSON_ROOM];
    char id[IDENTITY_ID_TEXT_MAX];
    char key[IDENTITY_KEY_TEXT_MAX];
    struct json json;
    json_init(&json, out, sizeof out);
    json_open_object(&json, NULL);
    json_put_string(&json, "kind", outcome->kind);
    json_put_string(&json, "id", identity_id_format(identity_id(outcome->identity), id));
    json_put_string(&json, "public_key",
                    public_key_format(identity_public_key(outcome->identity), key));
    json_put_string(&json, "state", outcome->state_path);
    if (outcome->state_path != NULL) {
        json_put_integer(&json, "key_epoch", outcome->epoch);
    }
    json_put_boolean(&json, "ok", error == NULL);
    json_put_string(&json, "error", error);
    json_close_object(&json);
    if (json_finish(&json)) {
        puts(out);
    }
}

static void print_identity(FILE *stream, const struct identity *identity)
{
    char id[IDENTITY_ID_TEXT_MAX];
    char key[IDENTITY_KEY_TEXT_MAX];
    fprintf(stream, "  id          %s\n  public key  %s\n",
            identity_id_format(identity_id(identity), id),
            public_key_format(identity_public_key(identity), key));
}

static void print_advice(FILE *stream, const struct outcome *outcome, bool is_ca)
{
    char key[IDENTITY_KEY_TEXT_MAX];
    char *whole = realpath(outcome->path, NULL);
    const char *path = whole != NULL ? whole : outcome->path;
    public_key_format(identity_public_key(outcome->identity), key);
    if (is_ca) {
        fprintf(stream,
                "\nWhoever has this file decides who is a member: keep it off the nodes.\n"
                "  on each node   [mesh] ca = %s\n"
                "  for each node  chime certify --ca %s --key ed25519:... -o FILE\n"
                "  for the mesh   chime certify --ca %s --membership DRAFT -o FILE\n",
                key, path, path);
    } else {
        fprintf(stream,
                "\nThis file belongs to one node, and never leaves it.\n"
                "  on it       [mesh] identity = %s\n"
                "  on others   [member NAME] public-key = %s\n"
                "  or by a CA  chime certify --ca CAFILE --key %s -o FILE\n",
                path, key, key);
        if (outcome->state_path == NULL) {
            fprintf(stream,
                    "  before its first start, there\n"
                    "              chime keygen --node --next-epoch --epoch 1 %s\n",
                    path);
        }
    }
    free(whole);
}

/* A key that is handed out must be read back. */
static bool make_text(struct identity **identity, char pem[IDENTITY_PEM_MAX],
                      char error[IDENTITY_ERROR_MAX])
{
    struct random random;
    entropy_init(&random);
    *identity = identity_create(&random, error);
    explicit_bzero(&random, sizeof random);
    if (*identity == NULL) {
        return false;
    }
    snprintf(error, IDENTITY_ERROR_MAX, "the crypto library cannot write its own key");
    if (!identity_format(*identity, pem)) {
        return false;
    }
    struct identity *again = identity_parse(bytes_make(pem, strlen(pem)), error);
    bool ok = again != NULL && identity_id(again) == identity_id(*identity);
    identity_destroy(again);
    return ok;
}

static int fail(const struct keygen_identity *asked, const struct outcome *outcome,
                const char *error)
{
    if (asked->json) {
        print_json(outcome, error);
    } else {
        (void)options_complain("keygen", "%s", error);
    }
    return COMMAND_FAILED;
}

static bool name_state(const char *folder, char path[PATH_MAX])
{
    int size = snprintf(path, PATH_MAX, "%s/" NODE_STATE_FILE, folder);
    if (size <= 0 || size >= PATH_MAX) {
        (void)options_complain("keygen", "--state-dir: a shorter path is needed");
        return false;
    }
    return true;
}

static int write_state(const char *path, const struct node_state *state, bool exclusive)
{
    char text[NODE_STATE_TEXT_MAX];
    node_state_format(state, text);
    return files_write(path, text, strlen(text), 0644, exclusive);
}

/* Writes the key, and the state of a node that has never run, if a folder for it is named. */
static int write_created(const struct keygen_identity *asked, struct outcome *outcome,
                         const char *pem)
{
    char error[IDENTITY_ERROR_MAX];
    char sentence[2 * IDENTITY_ERROR_MAX];
    char state_path[PATH_MAX];
    unsigned mode;
    bool is_output = strcmp(outcome->path, "-") == 0;
    if (asked->state_dir != NULL) {
        if (!name_state(asked->state_dir, state_path)) {
            return COMMAND_USAGE;
        }
        /* Before the key: a key without its state would have to be begun again. */
        int status = files_make_folder(asked->state_dir, 0755);
        if (status < 0) {
            snprintf(sentence, sizeof sentence,
                     "--state-dir: '%.120s' cannot be made: %s; nothing was written",
                     asked->state_dir, strerror(-status));
            return fail(asked, outcome, sentence);
        }
        if (files_mode(state_path, &mode) == 0) {
            return fail(asked, outcome, key_file_explain(state_path, -EEXIST, error));
        }
    }
    if (is_output) {
        int code = key_file_write("keygen", "-", pem, 0600);
        if (code != COMMAND_OK) {
            return code;
        }
    } else {
        int status = files_write(outcome->path, pem, strlen(pem), 0600, true);
        if (status < 0) {
            return fail(asked, outcome, key_file_explain(outcome->path, status, error));
        }
    }
    if (asked->state_dir != NULL) {
        struct node_state state = {.id = identity_id(outcome->identity), .key_epoch = 1};
        int status = write_state(state_path, &state, true);
        if (status < 0) {
            snprintf(sentence, sizeof sentence,
                     "the key was written, but %s; then: chime keygen --node --next-epoch "
                     "--epoch 1 --state-dir DIR '%.120s'",
                     key_file_explain(state_path, status, error), outcome->path);
            return fail(asked, outcome, sentence);
        }
        outcome->state_path = asked->state_dir; /* no advice on the first start is due */
        outcome->epoch = state.key_epoch;
    }
    return COMMAND_OK;
}

static int create(const struct keygen_identity *asked, const char *path)
{
    char pem[IDENTITY_PEM_MAX];
    char error[IDENTITY_ERROR_MAX];
    struct outcome outcome = {.kind = asked->is_ca ? "ca" : "node", .path = path};
    struct identity *identity = NULL;
    int code = COMMAND_FAILED;
    if (make_text(&identity, pem, error)) {
        outcome.identity = identity;
        code = write_created(asked, &outcome, pem);
    } else {
        (void)options_complain("keygen", "%s", error);
    }
    explicit_bzero(pem, sizeof pem);
    bool is_output = strcmp(path, "-") == 0;
    if (code == COMMAND_OK && asked->json && !is_output) {
        print_json(&outcome, NULL);
    } else if (code == COMMAND_OK) {
        /* The standard output is the key's alone. */
        FILE *stream = is_output ? stderr : stdout;
        fprintf(stream, "Wrote a %s's private key to %s%s:\n", asked->is_ca ? "CA" : "node",
                is_output ? "the standard output" : path, is_output ? "" : " (mode 0600)");
        print_identity(stream, identity);
        if (!is_output) {
            print_advice(stream, &outcome, asked->is_ca);
        }
    }
    identity_destroy(identity);
    return code;
}

static int show(const struct keygen_identity *asked, const char *path)
{
    struct identity *identity = key_file_read("keygen", path);
    if (identity == NULL) {
        return COMMAND_USAGE;
    }
    if (asked->json) {
        struct outcome outcome = {.path = path, .identity = identity};
        print_json(&outcome, NULL);
    } else {
        print_identity(stdout, identity);
    }
    identity_destroy(identity);
    return COMMAND_OK;
}

/* What was kept; its id is 0 if nothing usable was. False, and complained, if it can't be told. */
static bool read_state(const char *path, struct node_state *state)
{
    char error[NODE_STATE_ERROR_MAX];
    char *text;
    *state = (struct node_state){0};
    int status = files_read_text(path, NODE_STATE_TEXT_MAX, &text);
    if (status == -ENOENT || status == -EINVAL || status == -EFBIG) {
        return true;
    }
    if (status < 0) {
        (void)options_complain("keygen", "'%s' cannot be read: %s", path, strerror(-status));
        return false;
    }
    (void)!node_state_parse(text, state, error);
    free(text);
    return true;
}

/* The state to go on with. The others refuse an epoch lower than one that they saw, so one is never
 * guessed; the HLC goes on even if the key changes, because the machine's clock does. */
static bool choose_epoch(const struct keygen_identity *asked, const char *path, uint64_t id,
                         struct node_state *state)
{
    bool is_known = state->id == id && state->key_epoch > 0;
    if (is_known && asked->epoch == 0) {
        if (!node_state_raise(state)) {
            (void)options_complain("keygen", "key epoch 65535 was the last one: this node needs a "
                                             "new key; make one with 'chime keygen --node FILE'");
            return false;
        }
        return true;
    }
    if (asked->epoch == 0) {
        (void)options_complain("keygen",
                               "%s does not tell this key's epoch. Give --epoch N: 1 if it has "
                               "never been used, else one more than 'chime mesh' shows of this "
                               "node on another member",
                               path);
        return false;
    }
    if (is_known && asked->epoch <= state->key_epoch) {
        (void)options_complain("keygen",
                               "--epoch %u was found, but %s says that this key is in epoch %u "
                               "already; %u or more is accepted",
                               asked->epoch, path, state->key_epoch, state->key_epoch + 1U);
        return false;
    }
    state->id = id;
    state->key_epoch = asked->epoch;
    state->incarnation = 0;
    return true;
}

static int raise_locked(const struct keygen_identity *asked, const char *key_path, const char *path)
{
    char error[IDENTITY_ERROR_MAX];
    struct node_state state;
    struct identity *identity = key_file_read("keygen", key_path);
    if (identity == NULL) {
        return COMMAND_USAGE;
    }
    struct outcome outcome = {.kind = "node", .path = key_path, .identity = identity};
    int code = COMMAND_USAGE;
    if (read_state(path, &state) && choose_epoch(asked, path, identity_id(identity), &state)) {
        int status = write_state(path, &state, false);
        outcome.state_path = path;
        outcome.epoch = state.key_epoch;
        code =
            status == 0 ? COMMAND_OK : fail(asked, &outcome, key_file_explain(path, status, error));
    }
    if (code == COMMAND_OK && asked->json) {
        print_json(&outcome, NULL);
    } else if (code == COMMAND_OK) {
        printf("Key epoch %u of this node begins, as %s says:\n", state.key_epoch, path);
        print_identity(stdout, identity);
        printf("\nchimed goes on from there when it starts.\n");
    }
    identity_destroy(identity);
    return code;
}

/* A chimed that runs would write its own epoch over ours. *lock is negative if the folder can't be
 * locked for another reason: then it can't be written either, which is said there. */
static bool lock_state(const char *folder, int *lock)
{
    int status = files_lock(folder, lock);
    if (status == -EWOULDBLOCK) {
        (void)options_complain("keygen", "%s is in use by a chimed that runs: stop it first",
                               folder);
        return false;
    }
    *lock = status < 0 ? -1 : *lock;
    return true;
}

static int raise_epoch(const struct keygen_identity *asked, const char *key_path)
{
    const char *folder = asked->state_dir != NULL ? asked->state_dir : STATE_DIR;
    char path[PATH_MAX];
    int lock;
    if (!name_state(folder, path)) {
        return COMMAND_USAGE;
    }
    if (!lock_state(folder, &lock)) {
        return COMMAND_FAILED;
    }
    int code = raise_locked(asked, key_path, path);
    if (lock >= 0) {
        files_unlock(lock);
    }
    return code;
}

int keygen_identity_run(const struct keygen_identity *asked, const char *path)
{
    if (!check(asked)) {
        return COMMAND_USAGE;
    }
    if (asked->is_public) {
        return show(asked, path);
    }
    return asked->is_next_epoch ? raise_epoch(asked, path) : create(asked, path);
}
