/* SPDX-License-Identifier: MIT */
#include "common/auth/node_state.h"
#include "tests/unit/unit.h"
#include <string.h>

static const struct node_state known = {
    .id = UINT64_C(0x00fe31dfa154a261),
    .key_epoch = 3,
    .incarnation = 4294967295,
    .hlc_bound = UINT64_C(0xec123456789a0000),
};

static const char known_text[] = "chimed mesh 1\n"
                                 "node 00fe31dfa154a261 3\n"
                                 "incarnation 4294967295\n"
                                 "hlc ec123456789a0000\n";

static bool is_same(const struct node_state *a, const struct node_state *b)
{
    return a->id == b->id && a->key_epoch == b->key_epoch && a->incarnation == b->incarnation &&
           a->hlc_bound == b->hlc_bound;
}

static void reads_what_it_writes(void)
{
    char text[NODE_STATE_TEXT_MAX];
    char error[NODE_STATE_ERROR_MAX];
    struct node_state found;
    CU_ASSERT_STRING_EQUAL(node_state_format(&known, text), known_text);
    CU_ASSERT_TRUE_FATAL(node_state_parse(text, &found, error));
    CU_ASSERT_TRUE(is_same(&found, &known));
}

/* A changed digit is another state; whatever else changes is none. */
static void takes_one_spelling_only(void)
{
    char text[sizeof known_text];
    char error[NODE_STATE_ERROR_MAX];
    unsigned refused = 0;
    for (size_t bit = 0; bit < 8 * strlen(known_text); bit++) {
        memcpy(text, known_text, sizeof text);
        text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
        struct node_state found = {.key_epoch = 77};
        if (node_state_parse(text, &found, error)) {
            CU_ASSERT_FALSE(is_same(&found, &known));
        } else {
            refused++;
            CU_ASSERT_EQUAL(found.key_epoch, 77);
        }
    }
    CU_ASSERT_TRUE(refused > 0);
    for (size_t size = 0; size < strlen(known_text); size++) {
        struct node_state found;
        memcpy(text, known_text, size);
        text[size] = '\0';
        CU_ASSERT_FALSE(node_state_parse(text, &found, error));
    }
}

static void refuses_what_no_node_wrote(void)
{
    static const char *const texts[] = {
        "chimed mesh 2\nnode 00fe31dfa154a261 3\nincarnation 4\nhlc ec123456789a0000\n",
        "chimed mesh 1\nnode 00fe31dfa154a261 0\nincarnation 4\nhlc ec123456789a0000\n",
        "chimed mesh 1\nnode 00fe31dfa154a261 65536\nincarnation 4\nhlc ec123456789a0000\n",
        "chimed mesh 1\nnode 00fe31dfa154a261 3\nincarnation 4294967296\nhlc ec123456789a0000\n",
        "chimed mesh 1\nnode 00fe31dfa154a261 3\nincarnation 04\nhlc ec123456789a0000\n",
        "chimed mesh 1\nnode 00fe31dfa154a261 3\nincarnation -4\nhlc ec123456789a0000\n",
        "chimed mesh 1\nnode 00FE31DFA154A261 3\nincarnation 4\nhlc ec123456789a0000\n",
        "chimed mesh 1\nnode 00fe31dfa154a261 3\nincarnation 4\nhlc ec123456789a0000\n\n",
        "chimed mesh 1\nnode 0xfe31dfa154a261 3\nincarnation 4\nhlc ec123456789a0000\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct node_state found;
        char error[NODE_STATE_ERROR_MAX] = "";
        CU_ASSERT_FALSE(node_state_parse(texts[i], &found, error));
        CU_ASSERT_PTR_NOT_NULL(strstr(error, "chime keygen"));
    }
}

static void raises_until_the_last_epoch(void)
{
    struct node_state state = known;
    CU_ASSERT_TRUE(node_state_raise(&state));
    CU_ASSERT_EQUAL(state.key_epoch, 4);
    CU_ASSERT_EQUAL(state.incarnation, 0);
    CU_ASSERT_EQUAL(state.id, known.id);
    CU_ASSERT_EQUAL(state.hlc_bound, known.hlc_bound);
    state.key_epoch = UINT16_MAX;
    CU_ASSERT_FALSE(node_state_raise(&state));
    CU_ASSERT_EQUAL(state.key_epoch, UINT16_MAX);
}

static const struct unit_case cases[] = {
    {"reads what it writes", reads_what_it_writes},
    {"takes one spelling only", takes_one_spelling_only},
    {"refuses what no node wrote", refuses_what_no_node_wrote},
    {"raises until the last epoch", raises_until_the_last_epoch},
};

UNIT_MAIN("node_state", cases)
