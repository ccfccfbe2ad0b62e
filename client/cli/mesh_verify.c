/* SPDX-License-Identifier: MIT */
/* chime mesh verify: what a proof proves, without asking anybody. */
#include "client/cli/command.h"
#include "client/cli/key_file.h"
#include "client/cli/mesh_command.h"
#include "client/cli/options.h"
#include "common/base/json.h"
#include "common/base/quantity.h"
#include "common/mesh/proof.h"
#include "ntpwire/timestamp.h"
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME "mesh verify"
#define JSON_ROOM 16384
#define DATE_ROOM 40
/* Reports are of this century and the next. */
#define PIVOT_NS (INT64_C(3300000000) * NS_PER_S)

static const char help[] =
    "chime mesh verify [OPTION]... FILE\n"
    "\n"
    "Checks a proof that 'chime mesh evidence' printed, and says what it proves of whom. Nobody "
    "is\n"
    "asked: reports, keys and the membership document are in it, and with any bit changed it "
    "proves\n"
    "nothing.\n"
    "\n"
    "      --ca KEY       the public key of the mesh's CA: ed25519:..., or a file that holds it.\n"
    "                     Without it the proof says something of keys, and not of members; that "
    "is\n"
    "                     all there is in a mesh without a CA\n"
    "      --json         the same as a JSON document\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit code: 0 if it proves what it says; 1 if not; 2 for a mistake in the arguments, or a "
    "file\n"
    "that can't be read.\n";

struct request {
    const char *path;
    const char *ca;
    bool json;
};

/* What follows from it, and what does not. */
static const char *meaning_of(enum evidence_kind kind)
{
    switch (kind) {
    case EVIDENCE_EQUIVOCATION:
        return "It told two things under one number: an honest node makes one report for each. "
               "That convicts it, or whoever else has its key.";
    case EVIDENCE_STAMPS:
        return "Its logical clock went back. An honest node keeps a bound of it over a restart; "
               "this excludes it, and convicts nobody.";
    case EVIDENCE_INTERVALS:
        return "One of the two intervals did not hold the time, as its own oscillator shows. Who "
               "told it the time may have lied; this excludes it, and convicts nobody.";
    case EVIDENCE_TWINS:
        return "An older run of it went on beside a newer one: one key, two processes. Stop one of "
               "them, and give each node a key of its own.";
    default:
        return "The first report was seen before the last was made, and claims a later time: one "
               "of the two authors was wrong. It does not say which.";
    }
}

static const char *format_as_of(const struct report *report, char out[DATE_ROOM])
{
    int64_t ns = report_as_of_unix_ns(report, PIVOT_NS);
    time_t seconds = (time_t)(ns / NS_PER_S);
    struct tm parts;
    char date[DATE_ROOM / 2 + 4];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        date[0] = '\0';
    }
    snprintf(out, DATE_ROOM, "%s.%06dZ", date, (int)(ns % NS_PER_S / NS_PER_US));
    return out;
}

static char *format_width(uint32_t f28, char out[QUANTITY_TEXT_MAX])
{
    if (f28 == REPORT_WIDTH_UNBOUNDED) {
        snprintf(out, QUANTITY_TEXT_MAX, "unbounded");
        return out;
    }
    return quantity_format_duration(report_width_to_ns(f28), false, out);
}

static void print_accused(const struct proof *proof, uint64_t id)
{
    char text[IDENTITY_ID_TEXT_MAX];
    char address[CERTIFICATE_ADDRESS_MAX];
    const struct certificate_node *node =
        proof->has_document ? membership_find(&proof->membership, id) : NULL;
    printf("  %s  %s", proof->is_certified ? "member" : "key of", identity_id_format(id, text));
    if (node != NULL && node->port != 0) {
        printf("  %s", certificate_node_format_address(node, address));
    }
    if (node != NULL && node->domain[0] != '\0') {
        printf("  %s", node->domain);
    }
    printf("\n");
}

static void print_reports(const struct proof *proof)
{
    for (size_t i = 0; i < proof->report_count; i++) {
        const struct report *report = &proof->reports[i];
        char id[IDENTITY_ID_TEXT_MAX];
        char date[DATE_ROOM];
        char before[QUANTITY_TEXT_MAX];
        char after[QUANTITY_TEXT_MAX];
        printf("  report  %s  key epoch %u, run %" PRIu32 ", number %" PRIu32 "\n"
               "          %s%s  -%s +%s  hlc %016" PRIx64 "\n",
               identity_id_format(report->node, id), (unsigned)report->key_epoch,
               report->incarnation, report->sequence, format_as_of(report, date),
               report->timescale == REPORT_UTC ? "" : " of the mesh's own time",
               format_width(report->before_f28, before), format_width(report->after_f28, after),
               report->hlc);
    }
}

static void print_text(const struct proof *proof)
{
    printf("Proved: %s.\n", evidence_kind_name(proof->kind));
    print_accused(proof, proof->accused[0]);
    if (proof->accused[1] != 0) {
        print_accused(proof, proof->accused[1]);
    }
    print_reports(proof);
    if (proof->has_document) {
        printf("  mesh    %s, document %" PRIu32 ", epoch %08" PRIx32 "\n", proof->membership.mesh,
               proof->membership.serial, proof->membership.terms.epoch);
    }
    printf("%s\n", meaning_of(proof->kind));
    if (!proof->is_certified) {
        printf("No CA vouches for the key: whose it is, you must know otherwise.\n");
    }
}

static void put_reports(struct json *json, const struct proof *proof)
{
    json_open_array(json, "reports");
    for (size_t i = 0; i < proof->report_count; i++) {
        const struct report *report = &proof->reports[i];
        char text[IDENTITY_ID_TEXT_MAX];
        json_open_object(json, NULL);
        json_put_string(json, "author", identity_id_format(report->node, text));
        json_put_integer(json, "key_epoch", report->key_epoch);
        json_put_integer(json, "incarnation", report->incarnation);
        json_put_integer(json, "sequence", report->sequence);
        json_put_integer(json, "as_of_ns", report_as_of_unix_ns(report, PIVOT_NS));
        json_put_string(json, "hlc", identity_id_format(report->hlc, text));
        json_close_object(json);
    }
    json_close_array(json);
}

static void print_json(const struct proof *proof, enum proof_verdict verdict, const char *error)
{
    char out[JSON_ROOM];
    char id[IDENTITY_ID_TEXT_MAX];
    struct json json;
    json_init(&json, out, sizeof out);
    json_open_object(&json, NULL);
    json_put_boolean(&json, "ok", verdict == PROOF_OK);
    json_put_string(&json, "verdict", proof_verdict_name(verdict));
    json_put_string(&json, "error", error);
    if (verdict == PROOF_OK) {
        json_put_string(&json, "kind", evidence_kind_name(proof->kind));
        json_put_boolean(&json, "convicts", proof->kind == EVIDENCE_EQUIVOCATION);
        json_put_boolean(&json, "certified", proof->is_certified);
        json_open_array(&json, "accused");
        json_put_string(&json, NULL, identity_id_format(proof->accused[0], id));
        if (proof->accused[1] != 0) {
            json_put_string(&json, NULL, identity_id_format(proof->accused[1], id));
        }
        json_close_array(&json);
        json_put_string(&json, "mesh", proof->has_document ? proof->membership.mesh : NULL);
        put_reports(&json, proof);
    }
    json_close_object(&json);
    if (json_finish(&json)) {
        puts(out);
    }
}

static int judge(const struct request *request, const char *text, const struct public_key *ca,
                 struct proof *proof)
{
    char error[PROOF_ERROR_MAX] = "";
    enum proof_verdict verdict = proof_read(bytes_make(text, strlen(text)), ca, NULL, proof, error);
    if (request->json) {
        print_json(proof, verdict, verdict == PROOF_OK ? NULL : error);
    } else if (verdict == PROOF_OK) {
        print_text(proof);
    } else {
        (void)options_complain(NAME, "'%s' proves nothing: %s", request->path, error);
    }
    return verdict == PROOF_OK ? COMMAND_OK : COMMAND_FAILED;
}

static int verify(const struct request *request)
{
    struct public_key ca;
    if (request->ca != NULL && !key_file_read_public(NAME, request->ca, &ca)) {
        return COMMAND_USAGE;
    }
    char *text = key_file_read_text(NAME, request->path, PROOF_TEXT_MAX);
    if (text == NULL) {
        return COMMAND_USAGE;
    }
    struct proof *proof = proof_create();
    int code = COMMAND_FAILED;
    if (proof == NULL) {
        (void)options_complain(NAME, "memory is short");
    } else {
        code = judge(request, text, request->ca == NULL ? NULL : &ca, proof);
    }
    proof_destroy(proof);
    free(text);
    return code;
}

int mesh_verify(int argc, char **argv)
{
    static const struct option names[] = {
        {"ca", required_argument, NULL, 'c'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct request request = {0};
    opterr = 0;
    int letter;
    while ((letter = getopt_long(argc, argv, ":h", names, NULL)) != -1) {
        switch (letter) {
        case 'h':
            fputs(help, stdout);
            return COMMAND_OK;
        case 'c':
            request.ca = optarg;
            break;
        case 'j':
            request.json = true;
            break;
        default:
            return options_complain_of(NAME, letter, optopt, argv[optind - 1]);
        }
    }
    if (argc - optind != 1) {
        return options_complain(NAME,
                                "%d files are named, one is needed; 'chime mesh verify --help' "
                                "says more",
                                argc - optind);
    }
    request.path = argv[optind];
    return verify(&request);
}
