/* SPDX-License-Identifier: MIT */
#include "client/cli/command.h"
#include "client/cli/doctor.h"
#include "client/cli/inquiry.h"
#include "client/cli/options.h"
#include "client/cli/paint.h"
#include "common/base/json.h"
#include <ctype.h>
#include <dirent.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM_START 16384
#define ROOM_MAX ((size_t)4 << 20)

static const char help[] =
    "chime doctor [OPTION]...\n"
    "\n"
    "Walks the checklist: does chimed run, may you ask it, does it reach anybody, which sources "
    "are\n"
    "rejected and why, what is the bound, is somebody else steering, does the kernel tell the "
    "truth,\n"
    "are clients answered. A line for each, with the command to run next. It changes nothing.\n"
    "\n"
    "      --socket PATH  where chimed listens ('socket' in [control]); without it: what\n"
    "                     $CHIMED_SOCKET says, else /run/chimed/chimed.sock, else\n"
    "                     $XDG_RUNTIME_DIR/chimed.sock\n"
    "      --json         a JSON document instead of text\n"
    "  -h, --help         this text\n"
    "\n"
    "Exit code: 0 if nothing failed (there may be warnings); 1 if something did; 2 for a mistake "
    "in "
    "the\n"
    "arguments.\n";

/* What was gathered, to be released at the end. */
struct examination {
    struct inquiry inquiry;
    struct doctor_facts facts;
    struct survey_result served;
    char served_name[ADDRESS_TEXT_MAX];
    char error[ASK_ERROR_MAX];
    json_t *version, *status, *status_after, *sources, *mesh;
    struct doctor doctor;
};

static json_t *ask(struct examination *examination, const char *request)
{
    const char *line = NULL;
    if (ask_send(&examination->inquiry.ask, request, examination->error)) {
        line = ask_receive(&examination->inquiry.ask, ASK_TIMEOUT_MS, examination->error);
    }
    return line != NULL ? answer_parse(line, examination->error) : NULL;
}

static void ask_daemon(struct examination *examination)
{
    struct doctor_facts *facts = &examination->facts;
    facts->ask = &examination->inquiry.ask;
    facts->ask_error = examination->error;
    facts->user = (unsigned)geteuid();
    facts->is_connected =
        ask_open(&examination->inquiry.ask, examination->inquiry.socket, examination->error);
    facts->kernel_error = kernel_clock_read(&facts->kernel);
    if (!facts->is_connected) {
        return;
    }
    facts->version = examination->version = ask(examination, "version");
    facts->sources = examination->sources = ask(examination, "sources");
    examination->mesh = ask(examination, "mesh");
    examination->error[0] = '\0'; /* it is an error where there is no mesh */
    facts->mesh = examination->mesh;
    facts->status = examination->status = ask(examination, "status");
    facts->kernel_error = kernel_clock_read(&facts->kernel);
    facts->status_after = examination->status_after = ask(examination, "status");
}

static bool is_rival(const char *name)
{
    static const char *const names[] = {"chronyd",         "ntpd",       "ntpsec",  "openntpd",
                                        "systemd-timesyn", "ntp-daemon", "phc2sys", "timesyncd",
                                        "busybox-ntpd"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void add_process(struct doctor_facts *facts, int pid, const char *name)
{
    if (strcmp(name, "chimed") == 0) {
        facts->chimed_pid = pid;
    } else if (is_rival(name) && facts->rival_count < DOCTOR_RIVALS_MAX) {
        struct doctor_rival *rival = &facts->rivals[facts->rival_count++];
        rival->pid = pid;
        /* The kernel cuts names at 15 octets. */
        snprintf(rival->program, sizeof(rival->program), "%s",
                 strcmp(name, "systemd-timesyn") == 0 ? "systemd-timesyncd" : name);
    }
}

static void look_at_processes(struct doctor_facts *facts)
{
    DIR *folder = opendir("/proc");
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char path[64];
        char name[32] = "";
        if (!isdigit((unsigned char)entry->d_name[0]) || strlen(entry->d_name) > 16) {
            continue;
        }
        snprintf(path, sizeof(path), "/proc/%.16s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL) {
            continue;
        }
        if (fgets(name, sizeof(name), file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
            add_process(facts, atoi(entry->d_name), name);
        }
        (void)fclose(file);
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
}

static void look_up(struct doctor_name *name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(name->host, NULL, &hints, &found);
    if (status != 0) {
        snprintf(name->error, sizeof(name->error), "%s", gai_strerror(status));
        return;
    }
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        name->addresses++;
    }
    freeaddrinfo(found);
}

static void look_up_names(struct doctor_facts *facts)
{
    const json_t *list = answer_part(facts->sources, "sources");
    for (size_t i = 0; i < json_array_size(list) && facts->name_count < DOCTOR_NAMES_MAX; i++) {
        const json_t *source = json_array_get(list, i);
        if (answer_is(source, "state", "unresolved")) {
            struct doctor_name *name = &facts->names[facts->name_count++];
            answer_text(source, "host", name->host);
            look_up(name);
        }
    }
}

/* An address of this machine on which chimed says that it listens; a wildcard is asked on
 * loopback. */
static bool choose_address(const json_t *status, char out[ADDRESS_TEXT_MAX])
{
    const json_t *listening = answer_part(answer_part(status, "server"), "listening");
    for (size_t i = 0; i < json_array_size(listening); i++) {
        const char *text = json_string_value(json_array_get(listening, i));
        struct address address;
        if (text == NULL || !address_parse(text, 123, &address)) {
            continue;
        }
        if (address_is_wildcard(&address)) {
            bool is_ipv4 = address.family == ADDRESS_IPV4;
            uint16_t port = address.port;
            if (!address_parse(is_ipv4 ? "127.0.0.1" : "::1", port, &address)) {
                continue;
            }
        }
        address_format_port(&address, out);
        return true;
    }
    return false;
}

static void ask_for_time(struct examination *examination)
{
    struct doctor_facts *facts = &examination->facts;
    struct survey_options options = {.count = 1,
                                     .interval_ns = 2 * NS_PER_S,
                                     .timeout_ns = NS_PER_S / 2,
                                     .port = 123,
                                     .version = PACKET_VERSION_MAX};
    char error[SURVEY_ERROR_MAX];
    if (!choose_address(facts->status, examination->served_name)) {
        return;
    }
    examination->served.name = examination->served_name;
    if (survey_run(&options, &examination->served, 1, error)) {
        facts->served = &examination->served;
    }
}

static bool write_json(const struct doctor *doctor, char *out, size_t room)
{
    struct json json;
    json_init(&json, out, room);
    json_open_object(&json, NULL);
    json_put_integer(&json, "version", ANSWER_VERSION);
    json_open_array(&json, "findings");
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_finding *finding = &doctor->findings[i];
        json_open_object(&json, NULL);
        json_put_string(&json, "step", finding->step);
        json_put_string(&json, "result", doctor_result_name(finding->result));
        json_put_string(&json, "text", finding->text);
        json_put_string(&json, "next", finding->next[0] != '\0' ? finding->next : NULL);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_put_boolean(&json, "ok", !doctor_has_failed(doctor));
    json_close_object(&json);
    return json_finish(&json);
}

static void print_json(const struct doctor *doctor)
{
    bool is_done = false;
    for (size_t room = ROOM_START; room <= ROOM_MAX && !is_done; room *= 4) {
        char *out = malloc(room);
        is_done = out != NULL && write_json(doctor, out, room);
        if (is_done) {
            puts(out);
        }
        free(out);
    }
}

static void print_text(const struct doctor *doctor)
{
    struct paint paint = paint_choose();
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_finding *finding = &doctor->findings[i];
        const char *colour = finding->result == DOCTOR_OK     ? paint.good
                             : finding->result == DOCTOR_WARN ? paint.doubt
                                                              : paint.bad;
        printf("%s%-4s%s  %-11s %s\n", colour, doctor_result_name(finding->result), paint.end,
               finding->step, finding->text);
        if (finding->next[0] != '\0') {
            printf("%*s-> %s\n", 18, "", finding->next);
        }
    }
}

static void release(struct examination *examination)
{
    survey_clear(&examination->served, 1);
    json_decref(examination->version);
    json_decref(examination->sources);
    json_decref(examination->mesh);
    json_decref(examination->status);
    json_decref(examination->status_after);
    inquiry_close(&examination->inquiry);
    free(examination);
}

int command_doctor(int argc, char **argv)
{
    static const struct inquiry_profile profile = {.command = "doctor", .help = help};
    struct examination *examination = calloc(1, sizeof(*examination));
    int exit_code;
    if (examination == NULL) {
        (void)options_complain("doctor", "out of memory");
        return COMMAND_FAILED;
    }
    if (inquiry_parse(&examination->inquiry, &profile, argc, argv, &exit_code)) {
        ask_daemon(examination);
        look_at_processes(&examination->facts);
        look_up_names(&examination->facts);
        ask_for_time(examination);
        doctor_examine(&examination->doctor, &examination->facts);
        if (examination->inquiry.json) {
            print_json(&examination->doctor);
        } else {
            print_text(&examination->doctor);
        }
        exit_code = doctor_has_failed(&examination->doctor) ? COMMAND_FAILED : COMMAND_OK;
    }
    release(examination);
    return exit_code;
}
