/* SPDX-License-Identifier: MIT */
/* What chime doctor makes of what it finds; and how the daemon is looked for. */
#include "client/cli/ask.h"
#include "client/cli/doctor.h"
#include "tests/unit/unit.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char healthy[] =
    "{\"version\":1,\"answer\":\"status\",\"program\":\"chimed\",\"program_version\":\"0.1.0\","
    "\"uptime_ns\":5000000000,\"now_ns\":1700000000000000000,\"condition\":\"synchronised\","
    "\"reason\":\"they agree\",\"selected\":\"a\",\"claim\":{\"leap\":\"none\",\"stratum\":3},"
    "\"clock\":{\"control\":\"system\",\"shadow\":false,\"steering\":true,\"frequency_ppm\":10},"
    "\"interval\":{\"earliest_ns\":1699999999999000000,\"latest_ns\":1700000000001000000},"
    "\"assumptions\":{\"drift_class\":\"normal\",\"drift_ppm\":15,\"sources\":3,\"faults\":1,"
    "\"needed\":2,\"agreeing\":3},\"server\":{\"listening\":[\"127.0.0.1:1\"],\"received\":4,"
    "\"answered\":4,\"verdicts\":{\"answered\":4,\"access denied\":0,\"rate limited\":0}}}";
static const char healthy_sources[] =
    "{\"version\":1,\"sources\":["
    "{\"name\":\"a\",\"address\":\"192.0.2.1\",\"state\":\"selected\",\"reach\":255},"
    "{\"name\":\"b\",\"address\":\"192.0.2.2\",\"state\":\"combined\",\"reach\":1},"
    "{\"name\":\"c\",\"address\":\"192.0.2.3\",\"state\":\"combined\",\"reach\":128}]}";

static const char healthy_mesh[] =
    "{\"version\":1,\"self\":{\"id\":\"00112233445566aa\",\"key_epoch\":2,\"incarnation\":9,"
    "\"state_is_lost\":false,\"before_ns\":2000000,\"after_ns\":2000000},"
    "\"budget\":{\"nodes\":5,\"faults\":2,\"lost\":0,\"left\":2,\"degraded\":false},\"members\":["
    "{\"name\":\"m\",\"address\":\"192.0.2.9:123\",\"slot\":\"near\",\"state\":\"truechimer\","
    "\"cause\":\"agreed\",\"evidence\":null,\"report\":{\"same_membership\":true,"
    "\"before_ns\":2000000,\"after_ns\":2000000},\"measure\":{\"offset_ns\":3000000.0,"
    "\"delay_ns\":1000000}},"
    "{\"name\":\"o\",\"address\":null,\"slot\":null,\"state\":null,\"report\":null,"
    "\"measure\":null}]}";

struct patient {
    struct doctor_facts facts;
    struct doctor doctor;
    struct ask ask;
    struct survey_result served;
    json_t *status, *sources, *mesh;
};

static struct patient *patient_create(void)
{
    struct patient *patient = calloc(1, sizeof(*patient));
    CU_ASSERT_PTR_NOT_NULL_FATAL(patient);
    patient->status = json_loads(healthy, 0, NULL);
    patient->sources = json_loads(healthy_sources, 0, NULL);
    patient->mesh = json_loads(healthy_mesh, 0, NULL);
    patient->ask.place_count = 1;
    strcpy(patient->ask.places[0].path, "/run/x.sock");
    patient->served = (struct survey_result){.name = "127.0.0.1:1", .outcome = SURVEY_OK};
    patient->facts = (struct doctor_facts){
        .is_connected = true,
        .ask = &patient->ask,
        .ask_error = "it is broken",
        .user = 1000,
        .status = patient->status,
        .status_after = patient->status,
        .sources = patient->sources,
        .mesh = patient->mesh,
        .kernel = {.frequency_ppm = 10.2, .is_synchronised = true, .error_max_ns = 1000000},
        .served = &patient->served};
    return patient;
}

static void patient_destroy(struct patient *patient)
{
    json_decref(patient->status);
    json_decref(patient->sources);
    json_decref(patient->mesh);
    free(patient);
}

static void set(json_t *object, const char *part, const char *key, json_t *value)
{
    json_t *holder = part != NULL ? json_object_get(object, part) : object;
    CU_ASSERT_EQUAL(json_object_set_new(holder, key, value), 0);
}

static json_t *source(struct patient *patient, size_t index)
{
    return json_array_get(json_object_get(patient->sources, "sources"), index);
}

/* Whether a finding of that step has that result, these words, and (unless NULL) that advice. */
static bool finds(struct patient *patient, const char *step, enum doctor_result result,
                  const char *words, const char *next)
{
    doctor_examine(&patient->doctor, &patient->facts);
    for (size_t i = 0; i < patient->doctor.count; i++) {
        const struct doctor_finding *finding = &patient->doctor.findings[i];
        if (strcmp(finding->step, step) == 0 && finding->result == result &&
            strstr(finding->text, words) != NULL &&
            (next == NULL || strstr(finding->next, next) != NULL)) {
            /* What is not well has a way on. */
            return result != DOCTOR_FAIL || finding->next[0] != '\0';
        }
    }
    for (size_t i = 0; i < patient->doctor.count; i++) {
        const struct doctor_finding *finding = &patient->doctor.findings[i];
        fprintf(stderr, "%s %s: %s -> %s\n", doctor_result_name(finding->result), finding->step,
                finding->text, finding->next);
    }
    return false;
}

static void finds_nothing_wrong(void)
{
    struct patient *patient = patient_create();
    doctor_examine(&patient->doctor, &patient->facts);
    CU_ASSERT_FALSE(doctor_has_failed(&patient->doctor));
    for (size_t i = 0; i < patient->doctor.count; i++) {
        CU_ASSERT_EQUAL(patient->doctor.findings[i].result, DOCTOR_OK);
    }
    CU_ASSERT_TRUE(
        finds(patient, "running", DOCTOR_OK, "chimed 0.1.0 answers at /run/x.sock", NULL));
    CU_ASSERT_TRUE(finds(patient, "reach", DOCTOR_OK, "3 of 3", NULL));
    CU_ASSERT_TRUE(finds(patient, "sources", DOCTOR_OK, "3 of 3 are used, 0 are rejected", NULL));
    CU_ASSERT_TRUE(finds(patient, "agreement", DOCTOR_OK, "3 of 3 sources agree, 2 must", NULL));
    CU_ASSERT_TRUE(finds(patient, "bound", DOCTOR_OK, "+/- 1.00 ms", NULL));
    CU_ASSERT_TRUE(finds(patient, "rivals", DOCTOR_OK, "nobody else", NULL));
    CU_ASSERT_TRUE(finds(patient, "kernel", DOCTOR_OK, "the kernel tells the same", NULL));
    CU_ASSERT_TRUE(finds(patient, "serving", DOCTOR_OK, "answers NTP", NULL));
    patient_destroy(patient);
}

static void explains_silence(void)
{
    struct patient *patient = patient_create();
    patient->facts.is_connected = false;
    patient->ask.places[0].status = -ENOENT;
    CU_ASSERT_TRUE(finds(patient, "running", DOCTOR_FAIL, "it is broken", "systemctl"));
    CU_ASSERT_TRUE(doctor_has_failed(&patient->doctor));
    patient->facts.chimed_pid = 77;
    CU_ASSERT_TRUE(finds(patient, "running", DOCTOR_FAIL, "process 77", "/proc/77"));
    patient->ask.places[0].status = -EACCES;
    CU_ASSERT_TRUE(finds(patient, "may ask", DOCTOR_FAIL, "it is broken", "sudo chime doctor"));
    patient->facts.is_connected = true;
    patient->facts.status = NULL;
    CU_ASSERT_TRUE(finds(patient, "running", DOCTOR_FAIL, "it is broken", "--json"));
    patient_destroy(patient);
}

static void judges_sources(void)
{
    struct patient *patient = patient_create();
    set(source(patient, 1), NULL, "state", json_string("falseticker"));
    set(source(patient, 1), NULL, "reason", json_string("50 ms off"));
    CU_ASSERT_TRUE(finds(patient, "sources", DOCTOR_WARN, "b is not used: falseticker: 50 ms off",
                         "chime explain falseticker"));
    CU_ASSERT_TRUE(finds(patient, "sources", DOCTOR_OK, "2 of 3 are used, 1 are rejected", NULL));
    CU_ASSERT_FALSE(doctor_has_failed(&patient->doctor));
    set(source(patient, 2), NULL, "state", json_string("noselect"));
    CU_ASSERT_TRUE(finds(patient, "sources", DOCTOR_OK, "c is not used: noselect", NULL));
    set(source(patient, 2), NULL, "reach", json_integer(0));
    CU_ASSERT_TRUE(finds(patient, "reach", DOCTOR_WARN, "2 of 3", "chime query 192.0.2.3"));
    for (size_t i = 0; i < 3; i++) {
        set(source(patient, i), NULL, "reach", json_integer(0));
        set(source(patient, i), NULL, "state", json_string("unreachable"));
    }
    CU_ASSERT_TRUE(finds(patient, "reach", DOCTOR_FAIL, "0 of 3", "chime query"));
    CU_ASSERT_TRUE(finds(patient, "sources", DOCTOR_FAIL, "none of 3", NULL));
    for (size_t i = 0; i < 3; i++) {
        set(source(patient, i), NULL, "state", json_string("offline"));
    }
    CU_ASSERT_TRUE(finds(patient, "reach", DOCTOR_FAIL, "no source is asked", "chime online"));
    json_array_clear(json_object_get(patient->sources, "sources"));
    CU_ASSERT_TRUE(finds(patient, "sources", DOCTOR_WARN, "served as stratum 3", "[source"));
    set(patient->status, "claim", "leap", json_string("unsynchronised"));
    CU_ASSERT_TRUE(finds(patient, "sources", DOCTOR_FAIL, "nothing is known", "[source"));
    patient_destroy(patient);
}

static void looks_at_names(void)
{
    struct patient *patient = patient_create();
    patient->facts.name_count = 2;
    patient->facts.names[0] = (struct doctor_name){.host = "x.example", .error = "no such name"};
    patient->facts.names[1] = (struct doctor_name){.host = "y.example", .addresses = 3};
    CU_ASSERT_TRUE(finds(patient, "names", DOCTOR_FAIL, "no such name", "getent ahosts x.example"));
    CU_ASSERT_TRUE(finds(patient, "names", DOCTOR_WARN, "resolves here now (3)", "chime refresh"));
    patient_destroy(patient);
}

static void judges_agreement_and_state(void)
{
    struct patient *patient = patient_create();
    set(patient->status, "assumptions", "agreeing", json_integer(1));
    CU_ASSERT_TRUE(finds(patient, "agreement", DOCTOR_FAIL, "1 of 3 sources agree, 2 must", NULL));
    set(patient->status, "assumptions", "faults", json_integer(0));
    set(patient->status, "assumptions", "needed", json_integer(1));
    CU_ASSERT_TRUE(finds(patient, "agreement", DOCTOR_WARN, "none may lie", "[source NAME]"));
    set(patient->status, NULL, "condition", json_string("panic"));
    CU_ASSERT_TRUE(finds(patient, "state", DOCTOR_FAIL, "panic", "chime accept"));
    set(patient->status, NULL, "condition", json_string("unbounded"));
    CU_ASSERT_TRUE(finds(patient, "state", DOCTOR_FAIL, "unbounded", "chime sources"));
    set(patient->status, NULL, "condition", json_string("holdover"));
    CU_ASSERT_TRUE(finds(patient, "state", DOCTOR_WARN, "holdover", "chime explain holdover"));
    set(patient->status, NULL, "interval", json_null());
    CU_ASSERT_TRUE(finds(patient, "bound", DOCTOR_FAIL, "no error is vouched for", NULL));
    json_t *wide = json_pack("{sI sI}", "earliest_ns", (json_int_t)1699999999000000000, "latest_ns",
                             (json_int_t)1700000001000000000);
    set(patient->status, NULL, "interval", wide);
    CU_ASSERT_TRUE(finds(patient, "bound", DOCTOR_WARN, "+/- 1.00 s", NULL));
    patient_destroy(patient);
}

static void sees_who_else_steers(void)
{
    struct patient *patient = patient_create();
    patient->facts.rival_count = 1;
    patient->facts.rivals[0] = (struct doctor_rival){.program = "chronyd", .pid = 99};
    CU_ASSERT_TRUE(finds(patient, "rivals", DOCTOR_FAIL, "chronyd runs as well (process 99)",
                         "systemctl disable --now $(ps -o unit= 99)"));
    set(patient->status, "clock", "shadow", json_true());
    CU_ASSERT_TRUE(
        finds(patient, "rivals", DOCTOR_OK, "chronyd runs as well (process 99); it may", NULL));
    CU_ASSERT_TRUE(finds(patient, "steering", DOCTOR_WARN, "shadow clock", "CAP_SYS_TIME"));
    set(patient->status, "clock", "shadow", json_false());
    patient->facts.rival_count = 0;
    patient->facts.kernel.frequency_ppm = 11.5;
    CU_ASSERT_TRUE(finds(patient, "rivals", DOCTOR_FAIL, "+11.500 ppm, 1.500 ppm off", "ps -e"));
    /* It was slewing in between: one of the two looks fits. */
    json_t *after = json_deep_copy(patient->status);
    set(after, "clock", "frequency_ppm", json_real(11.4));
    patient->facts.status_after = after;
    CU_ASSERT_TRUE(finds(patient, "rivals", DOCTOR_OK, "nobody else", NULL));
    patient->facts.kernel.is_pll = true;
    CU_ASSERT_TRUE(finds(patient, "rivals", DOCTOR_FAIL, "PLL", "ps -e"));
    json_decref(after);
    patient->facts.kernel_error = -ENOSYS;
    CU_ASSERT_TRUE(finds(patient, "rivals", DOCTOR_WARN, "can't be read", NULL));
    patient_destroy(patient);
}

static void holds_the_kernel_to_the_truth(void)
{
    struct patient *patient = patient_create();
    patient->facts.kernel.is_synchronised = false;
    CU_ASSERT_TRUE(finds(patient, "kernel", DOCTOR_FAIL, "'unsynchronised'", "adjtimex"));
    patient->facts.kernel.is_synchronised = true;
    patient->facts.kernel.error_max_ns = 500000;
    CU_ASSERT_TRUE(
        finds(patient, "kernel", DOCTOR_WARN, "at most 500 us, chimed of 1.00 ms", NULL));
    set(patient->status, NULL, "condition", json_string("holdover"));
    CU_ASSERT_TRUE(finds(patient, "kernel", DOCTOR_FAIL, "'synchronised'", "adjtimex"));
    set(patient->status, "clock", "control", json_string("virtual"));
    CU_ASSERT_TRUE(finds(patient, "kernel", DOCTOR_OK, "not chimed's to say", NULL));
    CU_ASSERT_TRUE(finds(patient, "steering", DOCTOR_WARN, "for trials only", "control = auto"));
    patient_destroy(patient);
}

static void looks_at_the_answers(void)
{
    struct patient *patient = patient_create();
    strcpy(patient->served.sentence, "because.");
    patient->served.outcome = SURVEY_REFUSED;
    CU_ASSERT_TRUE(
        finds(patient, "serving", DOCTOR_WARN, "clients will refuse it: because.", NULL));
    patient->served.outcome = SURVEY_SILENT;
    CU_ASSERT_TRUE(finds(patient, "serving", DOCTOR_WARN, "'allow'", NULL));
    patient->served.outcome = SURVEY_CLOSED;
    CU_ASSERT_TRUE(finds(patient, "serving", DOCTOR_FAIL, "does not answer NTP: because.", "ss "));
    set(json_object_get(patient->status, "server"), "verdicts", "access denied", json_integer(9));
    CU_ASSERT_TRUE(finds(patient, "requests", DOCTOR_WARN, "9 were denied", "'allow'"));
    patient->facts.served = NULL;
    CU_ASSERT_TRUE(finds(patient, "serving", DOCTOR_OK, "nobody is served", NULL));
    patient_destroy(patient);
}

/* Whatever is missing or odd in the answers, the checklist is walked. */
static json_t *member(struct patient *patient)
{
    return json_array_get(json_object_get(patient->mesh, "members"), 0);
}

static void examines_members(void)
{
    struct patient *patient = patient_create();
    CU_ASSERT_TRUE(finds(patient, "identity", DOCTOR_OK, "key epoch 2, run 9", NULL));
    CU_ASSERT_TRUE(finds(patient, "members", DOCTOR_OK, "1 of 1 members", NULL));
    CU_ASSERT_TRUE(finds(patient, "faults", DOCTOR_OK,
                         "of 5 nodes 0 are excluded, convicted or unreachable, and 2 more", NULL));
    set(member(patient), "measure", "offset_ns", json_real(5e6));
    CU_ASSERT_TRUE(finds(patient, "clocks", DOCTOR_WARN, "m's clock is +5.00 ms", "on m"));
    set(member(patient), "measure", "offset_ns", json_real(-5e6));
    CU_ASSERT_TRUE(finds(patient, "clocks", DOCTOR_WARN, "m's clock is -5.00 ms", "on m"));
    set(patient->mesh, NULL, "contradictory", json_true());
    CU_ASSERT_TRUE(finds(patient, "loops", DOCTOR_WARN, "can't all be true", "chime mesh"));
    set(member(patient), "report", "same_membership", json_false());
    CU_ASSERT_TRUE(finds(patient, "membership", DOCTOR_WARN, "1 of 1 members", "chime reload"));
    set(member(patient), NULL, "state", json_string("excluded"));
    CU_ASSERT_TRUE(finds(patient, "members", DOCTOR_WARN, "m is excluded: agreed", "excluded"));
    set(member(patient), NULL, "state", json_string("convicted"));
    set(member(patient), NULL, "evidence", json_integer(3));
    CU_ASSERT_TRUE(finds(patient, "members", DOCTOR_WARN, "m is convicted", "evidence 3"));
    set(member(patient), NULL, "state", json_string("unreachable"));
    CU_ASSERT_TRUE(finds(patient, "members", DOCTOR_WARN, "m (192.0.2.9:123)", "192.0.2.9"));
    CU_ASSERT_TRUE(finds(patient, "members", DOCTOR_FAIL, "0 of 1 members", "firewall"));
    patient_destroy(patient);
}

static void examines_the_budget(void)
{
    struct patient *patient = patient_create();
    set(patient->mesh, "budget", "lost", json_integer(2));
    set(patient->mesh, "budget", "left", json_integer(0));
    CU_ASSERT_TRUE(finds(patient, "faults", DOCTOR_WARN, "no more may be", "chime mesh"));
    set(patient->mesh, "budget", "degraded", json_true());
    CU_ASSERT_TRUE(finds(patient, "faults", DOCTOR_FAIL, "budget is spent", "chime mesh"));
    set(patient->mesh, "budget", "faults", json_integer(3));
    CU_ASSERT_TRUE(finds(patient, "faults", DOCTOR_FAIL, "that takes 7", "'faults'"));
    CU_ASSERT_TRUE(finds(patient, "UTC", DOCTOR_WARN, "3 servers of UTC", "[source NAME]"));
    set(source(patient, 0), NULL, "trust", json_true());
    doctor_examine(&patient->doctor, &patient->facts);
    for (size_t i = 0; i < patient->doctor.count; i++) {
        CU_ASSERT_STRING_NOT_EQUAL(patient->doctor.findings[i].step, "UTC");
    }
    set(patient->mesh, "self", "state_is_lost", json_true());
    CU_ASSERT_TRUE(finds(patient, "identity", DOCTOR_FAIL, "does not join", "--next-epoch"));
    patient_destroy(patient);
}

static void survives_odd_answers(void)
{
    static const char *const values[] = {"null", "[]", "\"x\"", "-1", "1e308"};
    struct patient *patient = patient_create();
    json_t *keys = json_copy(patient->status);
    const char *key;
    json_t *value;
    json_object_foreach(keys, key, value)
    {
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
            set(patient->status, NULL, key, json_loads(values[i], JSON_DECODE_ANY, NULL));
            doctor_examine(&patient->doctor, &patient->facts);
            CU_ASSERT_TRUE(patient->doctor.count >= 8);
        }
        json_object_set(patient->status, key, value);
    }
    json_decref(keys);
    /* More rejected sources than there is room for. */
    json_t *list = json_object_get(patient->sources, "sources");
    for (int i = 0; i < 2 * DOCTOR_FINDINGS_MAX; i++) {
        json_array_append_new(list, json_pack("{ss}", "state", "falseticker"));
    }
    doctor_examine(&patient->doctor, &patient->facts);
    CU_ASSERT_EQUAL(patient->doctor.count, DOCTOR_FINDINGS_MAX);
    patient_destroy(patient);
}

static void says_where_it_looked(void)
{
    char folder[] = "/tmp/test_doctor.XXXXXX";
    char path[64];
    char error[ASK_ERROR_MAX];
    struct ask ask;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/chimed.sock", folder);
    unsetenv("CHIMED_SOCKET");
    setenv("XDG_RUNTIME_DIR", folder, 1);
    CU_ASSERT_FALSE(ask_open(&ask, path, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, path));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "systemctl start chimed"));
    CU_ASSERT_EQUAL(ask.place_count, 1);
    setenv("CHIMED_SOCKET", "/nowhere/x", 1);
    CU_ASSERT_FALSE(ask_open(&ask, NULL, error));
    CU_ASSERT_STRING_EQUAL(ask_path(&ask), "/nowhere/x");
    unsetenv("CHIMED_SOCKET");

    struct stream_socket_access access = {0600, STREAM_SOCKET_KEEP, STREAM_SOCKET_KEEP};
    struct stream_socket socket;
    CU_ASSERT_EQUAL_FATAL(stream_socket_open(path, &access, &socket), 0);
    struct stat status;
    /* Unless this machine's own comes first. */
    if (stat("/run/chimed/chimed.sock", &status) != 0) {
        CU_ASSERT_TRUE(ask_open(&ask, NULL, error));
        CU_ASSERT_STRING_EQUAL(ask_path(&ask), path);
        ask_close(&ask);
        close(stream_socket_accept(&socket, 4096));
    }
    CU_ASSERT_TRUE_FATAL(ask_open(&ask, path, error));
    CU_ASSERT_PTR_NULL(ask_receive(&ask, 0, error));
    CU_ASSERT_STRING_EQUAL(error, "");
    CU_ASSERT_PTR_NULL(ask_receive(&ask, 20, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "no answer within"));
    int fd = stream_socket_accept(&socket, 4096);
    CU_ASSERT_EQUAL(stream_socket_write(fd, "one\ntwo\nth", 10), 10);
    CU_ASSERT_STRING_EQUAL(ask_receive(&ask, 1000, error), "one");
    CU_ASSERT_STRING_EQUAL(ask_receive(&ask, 1000, error), "two");
    close(fd);
    CU_ASSERT_PTR_NULL(ask_receive(&ask, 1000, error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error, "closed the connection"));
    ask_close(&ask);
    stream_socket_close(&socket);
    rmdir(folder);
}

static const struct unit_case cases[] = {
    {"finds nothing wrong", finds_nothing_wrong},
    {"explains silence", explains_silence},
    {"judges sources", judges_sources},
    {"looks at names", looks_at_names},
    {"judges agreement and state", judges_agreement_and_state},
    {"sees who else steers", sees_who_else_steers},
    {"holds the kernel to the truth", holds_the_kernel_to_the_truth},
    {"looks at the answers", looks_at_the_answers},
    {"examines members", examines_members},
    {"examines the budget", examines_the_budget},
    {"survives odd answers", survives_odd_answers},
    {"says where it looked", says_where_it_looked},
};
UNIT_MAIN("doctor", cases)
