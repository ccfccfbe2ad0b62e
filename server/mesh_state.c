/* SPDX-License-Identifier: MIT */
#include "server/mesh_state.h"
#include "common/auth/identity.h"
#include "common/host/files.h"
#include "common/host/log.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODE 0644U
#define TEXT_SIZE_MAX 65536
#define FIRST_LINE "chimed members 1\n"
#define LINE_MAX_SIZE 64
#define DOCUMENT_TEXT_MAX (MEMBERSHIP_NAME_MAX + 64)
#define DOCUMENT_FORMAT "chimed membership 1\n%s %" PRIu32 "\n"
#define GRANULES_PER_ERA (INT64_C(1) << 48)

static bool make_path(const struct mesh_state *state, const char *name, char path[PATH_MAX])
{
    int size = snprintf(path, PATH_MAX, "%s/%s", state->folder, name);
    return size > 0 && size < PATH_MAX;
}

static void say(char error[MESH_STATE_ERROR_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* After what was said before. */
static void say(char error[MESH_STATE_ERROR_MAX], const char *format, ...)
{
    va_list arguments;
    size_t used = strlen(error);
    if (used > 0 && used + 2 < MESH_STATE_ERROR_MAX) {
        memcpy(error + used, "; ", 3);
        used += 2;
    }
    va_start(arguments, format);
    vsnprintf(error + used, MESH_STATE_ERROR_MAX - used, format, arguments);
    va_end(arguments);
}

static bool write_file(const struct mesh_state *state, const char *name, const char *text,
                       char *error, size_t room)
{
    char path[PATH_MAX];
    int status = make_path(state, name, path) ? files_write(path, text, strlen(text), MODE, false)
                                              : -ENAMETOOLONG;
    if (status != 0) {
        snprintf(error, room,
                 "can't write %.256s/%s: %s; let the daemon's user write there, make room, or name "
                 "another folder as state-dir in [clock]",
                 state->folder, name, strerror(-status));
    }
    return status == 0;
}

/* Under the mutex. */
static bool write_node(const struct mesh_state *state, const struct node_state *node, char *error,
                       size_t room)
{
    char text[NODE_STATE_TEXT_MAX];
    return write_file(state, NODE_STATE_FILE, node_state_format(node, text), error, room);
}

bool mesh_state_raise(struct mesh_state *state, char error[MESH_STATE_ERROR_MAX])
{
    if (state->is_lost) {
        return true;
    }
    uv_mutex_lock(&state->mutex);
    struct node_state raised = state->node;
    bool ok = raised.incarnation < UINT32_MAX;
    if (!ok) {
        snprintf(error, MESH_STATE_ERROR_MAX,
                 "%.256s/%s: this node has begun as often as can be in one key epoch; raise that "
                 "with 'chime keygen --node --next-epoch'",
                 state->folder, NODE_STATE_FILE);
    } else {
        raised.incarnation++;
        ok = write_node(state, &raised, error, MESH_STATE_ERROR_MAX);
    }
    if (ok) {
        state->node = raised;
        state->run = raised;
        state->hlc.stamp.bits = raised.hlc_bound;
    }
    uv_mutex_unlock(&state->mutex);
    return ok;
}

/* Stamps leave their era out: it is that which brings them nearest to the clock. */
static struct hlc_bound bound_of(uint64_t bits, struct wall now)
{
    struct hlc_stamp stamp = {bits};
    int64_t granules = hlc_unfold(stamp, now);
    int64_t era = granules >= 0 ? granules / GRANULES_PER_ERA
                                : -((GRANULES_PER_ERA - 1 - granules) / GRANULES_PER_ERA);
    return (struct hlc_bound){.era = (int32_t)era, .stamp = stamp};
}

/* Sets is_lost where there is nothing that goes with the identity; error then says why. */
static void read_node(struct mesh_state *state, uint64_t id, struct wall now,
                      char error[MESH_STATE_ERROR_MAX])
{
    char path[PATH_MAX] = "";
    char why[NODE_STATE_ERROR_MAX] = "there is no such file";
    char *text = NULL;
    int status = make_path(state, NODE_STATE_FILE, path)
                     ? files_read_text(path, TEXT_SIZE_MAX, &text)
                     : -ENAMETOOLONG;
    bool ok = status == 0 && node_state_parse(text, &state->node, why);
    if (ok && state->node.id != id) {
        ok = false;
        snprintf(why, sizeof(why), "it belongs to another identity");
    } else if (status != 0 && status != -ENOENT) {
        snprintf(why, sizeof(why), "%s", strerror(-status));
    }
    free(text);
    if (!ok) {
        state->is_lost = true;
        say(error,
            "%.300s: %.256s: what this node told the others is not known, so it does not "
            "join the mesh; run 'chime keygen --node --next-epoch', then start chimed anew",
            path, why);
        return;
    }
    state->hlc = bound_of(state->node.hlc_bound, now);
}

/* A member that we forget may come back with an older incarnation once; no more follows from it. */
static void read_members(struct mesh_state *state, char error[MESH_STATE_ERROR_MAX])
{
    char path[PATH_MAX];
    char *text = NULL;
    if (!make_path(state, MESH_STATE_MEMBERS_FILE, path) ||
        files_read_text(path, TEXT_SIZE_MAX, &text) != 0) {
        return;
    }
    bool ok = strncmp(text, FIRST_LINE, sizeof(FIRST_LINE) - 1) == 0;
    const char *at = text + (ok ? sizeof(FIRST_LINE) - 1 : 0);
    while (ok && *at != '\0' && state->memory_count < MESH_MEMBERS_MAX) {
        struct mesh_memory memory;
        int used = 0;
        ok = sscanf(at, "%16" SCNx64 " %5" SCNu16 " %10" SCNu32 "%n", &memory.id, &memory.epoch,
                    &memory.incarnation, &used) == 3 &&
             at[used] == '\n';
        if (ok) {
            state->memories[state->memory_count++] = memory;
            at += used + 1;
        }
    }
    if (!ok) {
        say(error, "%.300s is damaged: what it says of the members is forgotten from there on",
            path);
    }
    free(text);
}

/* Which document was in force. No other spelling than that of mesh_state_keep(). */
static void read_document(struct mesh_state *state, char error[MESH_STATE_ERROR_MAX])
{
    char path[PATH_MAX];
    char again[DOCUMENT_TEXT_MAX];
    char mesh[MEMBERSHIP_NAME_MAX + 1];
    uint32_t serial;
    char *text = NULL;
    if (!make_path(state, MESH_STATE_DOCUMENT_FILE, path)) {
        return;
    }
    int status = files_read_text(path, TEXT_SIZE_MAX, &text);
    if (status == -ENOENT) {
        return;
    }
    bool ok =
        status == 0 && sscanf(text, "chimed membership 1\n%31s %10" SCNu32, mesh, &serial) == 2;
    if (ok) {
        snprintf(again, sizeof(again), DOCUMENT_FORMAT, mesh, serial);
        ok = strcmp(again, text) == 0;
    }
    free(text);
    if (ok) {
        memcpy(state->document_mesh, mesh, sizeof(mesh));
        state->document_serial = serial;
        state->is_document_kept = true;
    } else {
        say(error,
            "%.300s is damaged, or can't be read: a membership document older than the one in "
            "force would not be noticed at this start; see to it that the newest is there",
            path);
    }
}

static bool take_lock(struct mesh_state *state, char error[MESH_STATE_ERROR_MAX])
{
    int status = files_lock(state->folder, &state->lock);
    if (status == -EWOULDBLOCK) {
        snprintf(error, MESH_STATE_ERROR_MAX,
                 "%.256s is in use by another process: two can't be one node of a mesh; stop that "
                 "one, or name another folder as state-dir in [clock]",
                 state->folder);
    } else if (status != 0) {
        snprintf(error, MESH_STATE_ERROR_MAX,
                 "can't lock %.256s: %s; make the folder, or name another as state-dir in [clock]",
                 state->folder, strerror(-status));
    }
    return status == 0;
}

bool mesh_state_open(struct mesh_state *state, const char *folder, uint64_t id, struct wall now,
                     char error[MESH_STATE_ERROR_MAX])
{
    error[0] = '\0';
    state->folder = folder;
    if (folder[0] == '\0') {
        /* setup_load() said so. */
        state->is_lost = true;
        return true;
    }
    if (!take_lock(state, error)) {
        return false;
    }
    if (uv_mutex_init(&state->mutex) != 0) {
        files_unlock(state->lock);
        snprintf(error, MESH_STATE_ERROR_MAX, "out of memory");
        return false;
    }
    state->is_open = true;
    read_node(state, id, now, error);
    read_document(state, error);
    read_members(state, error);
    return mesh_state_raise(state, error);
}

void mesh_state_close(struct mesh_state *state)
{
    if (state != NULL && state->is_open) {
        files_unlock(state->lock);
        uv_mutex_destroy(&state->mutex);
        state->is_open = false;
    }
}

bool mesh_state_accepts(const struct mesh_state *state, const struct membership *membership,
                        char error[MESH_STATE_ERROR_MAX])
{
    if (membership == NULL || strcmp(membership->mesh, state->document_mesh) != 0 ||
        membership->serial >= state->document_serial) {
        return true;
    }
    snprintf(error, MESH_STATE_ERROR_MAX,
             "the document of mesh '%s' has serial %" PRIu32 ", and one with serial %" PRIu32
             " was in force here: an older one does not replace it; put the newest one there, or "
             "have 'chime certify --membership' sign this one with a serial above %" PRIu32,
             membership->mesh, membership->serial, state->document_serial, state->document_serial);
    return false;
}

bool mesh_state_would_accept(const char *folder, const struct membership *membership,
                             char error[MESH_STATE_ERROR_MAX])
{
    error[0] = '\0';
    if (membership == NULL || folder[0] == '\0') {
        return true;
    }
    struct mesh_state *state = calloc(1, sizeof(*state));
    if (state == NULL) {
        return true;
    }
    state->folder = folder;
    read_document(state, error);
    bool ok = mesh_state_accepts(state, membership, error);
    free(state);
    return ok;
}

void mesh_state_keep(struct mesh_state *state, const struct membership *membership)
{
    char text[DOCUMENT_TEXT_MAX];
    char error[MESH_STATE_ERROR_MAX];
    bool is_same = membership != NULL && strcmp(membership->mesh, state->document_mesh) == 0 &&
                   membership->serial == state->document_serial;
    if (membership == NULL || (is_same && state->is_document_kept)) {
        return;
    }
    memcpy(state->document_mesh, membership->mesh, sizeof(state->document_mesh));
    state->document_serial = membership->serial;
    snprintf(text, sizeof(text), DOCUMENT_FORMAT, membership->mesh, membership->serial);
    state->is_document_kept = !state->is_open || write_file(state, MESH_STATE_DOCUMENT_FILE, text,
                                                            error, MESH_STATE_ERROR_MAX);
    if (!state->is_document_kept) {
        log_message(LOG_LEVEL_WARNING, "mesh: %s", error);
    }
}

void mesh_state_stage(struct mesh_state *state, const struct mesh_memory *memories, size_t count)
{
    assert(count <= MESH_MEMBERS_MAX);
    if (state->is_open) {
        uv_mutex_lock(&state->mutex);
        memcpy(state->staged, memories, count * sizeof(*memories));
        state->staged_count = count;
        uv_mutex_unlock(&state->mutex);
    }
}

/* Under the mutex. */
static bool save_members(const struct mesh_state *state, char *error, size_t room)
{
    char text[sizeof(FIRST_LINE) + MESH_MEMBERS_MAX * LINE_MAX_SIZE];
    size_t size = (size_t)snprintf(text, sizeof(text), FIRST_LINE);
    for (size_t i = 0; i < state->staged_count; i++) {
        const struct mesh_memory *memory = &state->staged[i];
        char id[IDENTITY_ID_TEXT_MAX];
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s %u %" PRIu32 "\n",
                                 identity_id_format(memory->id, id), (unsigned)memory->epoch,
                                 memory->incarnation);
    }
    return write_file(state, MESH_STATE_MEMBERS_FILE, text, error, room);
}

static bool save_bound(struct mesh_state *state, struct hlc_stamp stamp, char *error, size_t room)
{
    struct node_state node = state->node;
    node.hlc_bound = stamp.bits;
    if (!write_node(state, &node, error, room)) {
        return false;
    }
    state->node = node;
    return true;
}

bool mesh_state_save(struct mesh_state *state, const struct action_save *save, char *error,
                     size_t room)
{
    if (state == NULL || !state->is_open || state->is_lost) {
        snprintf(error, room, "the state of the mesh is not kept");
        return false;
    }
    uv_mutex_lock(&state->mutex);
    bool ok = save->what == SAVED_MEMBERS ? save_members(state, error, room)
                                          : save_bound(state, save->hlc.stamp, error, room);
    uv_mutex_unlock(&state->mutex);
    return ok;
}
