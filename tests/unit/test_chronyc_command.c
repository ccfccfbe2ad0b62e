/* SPDX-License-Identifier: MIT */
#include "tests/unit/chronyc_bench.h"

/* Gathers what a request asks the engine to do, as "name name". */
static size_t commands_of(const struct message *request, enum chronyc_channel channel,
                          const struct chronyc_facts *facts, enum command_kind *kind,
                          char names[512])
{
    struct command command;
    size_t next = 0;
    size_t count = 0;
    names[0] = '\0';
    while (chronyc_next_command(bytes_make(request->data, request->size), channel, facts, &next,
                                &command)) {
        *kind = command.kind;
        strcat(names, count > 0 ? " " : "");
        strcat(names, command.source);
        CU_ASSERT_TRUE_FATAL(++count <= SOURCES);
    }
    return count;
}

static uint16_t status_of(const struct message *request, enum chronyc_channel channel,
                          const struct chronyc_facts *facts)
{
    uint8_t out[CHRONYC_MESSAGE_MAX];
    struct candm_reply reply = {.status = 0xffff};
    size_t size = chronyc_answer(bytes_make(request->data, request->size), channel, facts, out);
    CU_ASSERT_EQUAL(size, CANDM_REPLY_HEADER);
    CU_ASSERT_TRUE(candm_parse_reply(bytes_make(out, size), &reply));
    CU_ASSERT_EQUAL(reply.code, CANDM_REPLY_NULL);
    return reply.status;
}

static const struct {
    uint16_t asked;
    enum command_kind kind;
} known[] = {
    {CANDM_MAKESTEP, COMMAND_STEP},   {CANDM_BURST, COMMAND_BURST},
    {CANDM_ONLINE, COMMAND_ONLINE},   {CANDM_OFFLINE, COMMAND_OFFLINE},
    {CANDM_REFRESH, COMMAND_REFRESH},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static void the_owner_may_command(void)
{
    const struct node_view node = node_make();
    struct chronyc_facts facts = facts_make(&node);
    for (size_t i = 0; i < KNOWN; i++) {
        struct message request = request_make(known[i].asked, candm_request_size(known[i].asked));
        enum command_kind kind = COMMAND_KINDS;
        char names[512];
        CU_ASSERT_EQUAL(commands_of(&request, CHRONYC_OWNER, &facts, &kind, names), 1);
        CU_ASSERT_EQUAL(kind, known[i].kind);
        CU_ASSERT_STRING_EQUAL(names, "");
        /* What became of it. */
        facts.changes = facts.changes_done = 0;
        CU_ASSERT_EQUAL(status_of(&request, CHRONYC_OWNER, &facts), CANDM_NO_SUCH_SOURCE);
        facts.changes = 2;
        CU_ASSERT_EQUAL(status_of(&request, CHRONYC_OWNER, &facts), CANDM_FAILED);
        facts.changes_done = 1;
        CU_ASSERT_EQUAL(status_of(&request, CHRONYC_OWNER, &facts), CANDM_SUCCESS);
    }
}

static void nobody_else_may(void)
{
    const struct node_view node = node_make();
    struct chronyc_facts facts = facts_make(&node);
    facts.changes = facts.changes_done = 1;
    static const enum chronyc_channel others[] = {CHRONYC_UDP, CHRONYC_LOCAL};
    for (size_t i = 0; i < 2; i++) {
        for (unsigned command = 0; command < 80; command++) {
            struct message request = request_make((uint16_t)command, 520);
            enum command_kind kind = COMMAND_KINDS;
            char names[512];
            CU_ASSERT_EQUAL(commands_of(&request, others[i], &facts, &kind, names), 0);
            CU_ASSERT_FALSE(chronyc_wants_reload(bytes_make(request.data, 520), others[i]));
        }
        for (size_t j = 0; j < KNOWN; j++) {
            struct message request = request_make(known[j].asked, 520);
            CU_ASSERT_EQUAL(status_of(&request, others[i], &facts), CANDM_UNAUTH);
        }
        struct message reload = request_make(CANDM_RELOAD_SOURCES, 28);
        CU_ASSERT_EQUAL(status_of(&reload, others[i], &facts), CANDM_UNAUTH);
    }
}

/* Every other command, at every length: nothing; and these, when they are cut short. */
static void only_what_is_known_is_done(void)
{
    const struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    for (unsigned command = 0; command < 80; command++) {
        for (size_t size = 0; size < 120; size++) {
            struct message request = request_make((uint16_t)command, size);
            enum command_kind kind = COMMAND_KINDS;
            char names[512];
            bool is_known = false;
            for (size_t i = 0; i < KNOWN; i++) {
                is_known =
                    is_known || (known[i].asked == command && size >= candm_request_size(command));
            }
            CU_ASSERT_EQUAL(commands_of(&request, CHRONYC_OWNER, &facts, &kind, names),
                            is_known ? 1 : 0);
            CU_ASSERT_EQUAL(chronyc_wants_reload(bytes_make(request.data, size), CHRONYC_OWNER),
                            command == CANDM_RELOAD_SOURCES && size >= 28);
        }
    }
    struct message request = request_make(CANDM_MAKESTEP, 28);
    request.data[0] = 5;
    enum command_kind kind = COMMAND_KINDS;
    char names[512];
    CU_ASSERT_EQUAL(commands_of(&request, CHRONYC_OWNER, &facts, &kind, names), 0);
}

static void sources_are_selected(void)
{
    const struct node_view node = node_make();
    const struct chronyc_facts facts = facts_make(&node);
    static const struct {
        struct candm_address mask, address;
        const char *names;
    } wanted[] = {
        {{{0}, 0}, {{192, 0, 2, 9}, CANDM_IPV4}, "192.0.2.9:123"},
        {{{255, 255, 255, 0}, CANDM_IPV4},
         {{192, 0, 2, 0}, CANDM_IPV4},
         "192.0.2.1:123 192.0.2.9:123"},
        {{{0}, CANDM_IPV4}, {{10}, CANDM_IPV4}, "192.0.2.1:123 192.0.2.9:123"},
        {{{0}, CANDM_IPV6}, {{0}, CANDM_IPV6}, "[2001:db8::5]:1234"},
        {{{0}, 0}, {{0, 0, 0, 14}, CANDM_ID}, "rome"},
        /* The broadcast server is none of chrony's sources. */
        {{{0}, 0}, {{192, 0, 2, 255}, CANDM_IPV4}, ""},
        {{{0}, 0}, {{192, 0, 2, 77}, CANDM_IPV4}, ""},
        {{{0}, CANDM_IPV6}, {{192, 0, 2, 9}, CANDM_IPV4}, ""},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        struct message request = request_make(CANDM_OFFLINE, 60);
        enum command_kind kind = COMMAND_KINDS;
        char names[512];
        candm_put_address(request.data + 20, &wanted[i].mask);
        candm_put_address(request.data + 40, &wanted[i].address);
        size_t count = commands_of(&request, CHRONYC_OWNER, &facts, &kind, names);
        CU_ASSERT_STRING_EQUAL(names, wanted[i].names);
        CU_ASSERT_EQUAL(kind, count > 0 ? COMMAND_OFFLINE : COMMAND_KINDS);
    }
}

static const struct unit_case cases[] = {
    {"the owner may command", the_owner_may_command},
    {"nobody else may", nobody_else_may},
    {"only what is known is done", only_what_is_known_is_done},
    {"sources are selected", sources_are_selected},
};

UNIT_MAIN("chronyc_command", cases)
