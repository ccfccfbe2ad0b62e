/* SPDX-License-Identifier: MIT */
#include "client/cli/certify_text.h"
#include "common/base/json.h"
#include "common/base/quantity.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DATE_ROOM 32
#define JSON_ROOM 8192
#define JSON_MEMBER_ROOM 400
#define JSON_REVOKED_ROOM 32

static const char *format_date(uint64_t seconds, char out[DATE_ROOM])
{
    time_t time = (time_t)seconds;
    struct tm parts;
    if (gmtime_r(&time, &parts) == NULL ||
        strftime(out, DATE_ROOM, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0) {
        snprintf(out, DATE_ROOM, "%" PRIu64 " s", seconds);
    }
    return out;
}

static const char *or_none(const char *text)
{
    return text[0] == '\0' ? "none" : text;
}

void certify_text_print_certificate(FILE *stream, const struct certificate *certificate)
{
    const struct certificate_node *node = &certificate->node;
    char id[IDENTITY_ID_TEXT_MAX];
    char key[IDENTITY_KEY_TEXT_MAX];
    char address[CERTIFICATE_ADDRESS_MAX];
    char date[DATE_ROOM];
    fprintf(stream,
            "  id          %s\n  public key  %s\n  key epoch   %u and above\n"
            "  domain      %s\n  address     %s\n  expires     %s\n",
            identity_id_format(node->id, id), public_key_format(&node->key, key),
            (unsigned)certificate->epoch, or_none(node->domain),
            or_none(certificate_node_format_address(node, address)),
            format_date(certificate->expiry_s, date));
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void put_node(struct json *json, const struct certificate_node *node)
{
    char id[IDENTITY_ID_TEXT_MAX];
    char key[IDENTITY_KEY_TEXT_MAX];
    char address[CERTIFICATE_ADDRESS_MAX];
    json_put_string(json, "id", identity_id_format(node->id, id));
    json_put_string(json, "public_key", public_key_format(&node->key, key));
    json_put_string(json, "domain", or_null(node->domain));
    json_put_string(json, "address", or_null(certificate_node_format_address(node, address)));
}

static void finish(struct json *json, const char *out, const char *path, const char *error)
{
    json_put_string(json, "file", path);
    json_put_boolean(json, "ok", error == NULL);
    json_put_string(json, "error", error);
    json_close_object(json);
    if (json_finish(json)) {
        puts(out);
    }
}

void certify_text_json_certificate(const struct certificate *certificate, const char *path,
                                   const char *error)
{
    char out[JSON_ROOM];
    struct json json;
    json_init(&json, out, sizeof out);
    json_open_object(&json, NULL);
    json_put_string(&json, "kind", "certificate");
    put_node(&json, &certificate->node);
    json_put_integer(&json, "key_epoch", certificate->epoch);
    json_put_integer(&json, "expiry_s", (int64_t)certificate->expiry_s);
    finish(&json, out, path, error);
}

void certify_text_print_membership(FILE *stream, const struct membership *membership)
{
    const struct membership_terms *terms = &membership->terms;
    char offset[QUANTITY_TEXT_MAX];
    fprintf(stream,
            "  mesh        %s\n  serial      %" PRIu32 "\n  epoch       %08" PRIx32 "\n"
            "  nodes       %u, of which %u may lie\n  max-offset  %s\n"
            "  listed      %zu members, %zu revoked keys\n",
            membership->mesh, membership->serial, terms->epoch, (unsigned)terms->nodes,
            (unsigned)terms->faults, quantity_format_duration(terms->max_offset_ns, false, offset),
            membership->member_count, membership->revoked_count);
}

void certify_text_json_membership(const struct membership *membership, const char *path,
                                  const char *error)
{
    size_t room = JSON_ROOM + membership->member_count * JSON_MEMBER_ROOM +
                  membership->revoked_count * JSON_REVOKED_ROOM;
    char *out = malloc(room);
    char text[IDENTITY_ID_TEXT_MAX];
    struct json json;
    if (out == NULL) {
        return;
    }
    json_init(&json, out, room);
    json_open_object(&json, NULL);
    json_put_string(&json, "kind", "membership");
    json_put_string(&json, "mesh", membership->mesh);
    json_put_integer(&json, "serial", membership->serial);
    snprintf(text, sizeof text, "%08" PRIx32, membership->terms.epoch);
    json_put_string(&json, "epoch", text);
    json_put_integer(&json, "nodes", membership->terms.nodes);
    json_put_integer(&json, "faults", membership->terms.faults);
    json_put_integer(&json, "max_offset_ns", membership->terms.max_offset_ns);
    json_open_array(&json, "members");
    for (size_t i = 0; i < membership->member_count; i++) {
        json_open_object(&json, NULL);
        put_node(&json, &membership->members[i]);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_open_array(&json, "revoked");
    for (size_t i = 0; i < membership->revoked_count; i++) {
        json_put_string(&json, NULL, identity_id_format(membership->revoked[i], text));
    }
    json_close_array(&json);
    finish(&json, out, path, error);
    free(out);
}
