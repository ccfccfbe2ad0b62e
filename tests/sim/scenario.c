/* SPDX-License-Identifier: MIT */
#include "tests/sim/scenario.h"
#include "common/config/config_value.h"
#include "tests/sim/scenario_mesh.h"
#include "tests/sim/scenario_schema.h"
#include "tests/sim/scenario_value.h"
#include <ini.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE_MAX 512
#define NEAR_DISTANCE 3

static const char *const section_names[SECTIONS] = {"scenario", "node",   "link",  "fault",
                                                    "mesh",     "attack", "bounds"};

/* How far the text has been read. Lines are counted as they are handed to inih, since not every
 * build of it tells them; sections are read here, since one may be empty. */
struct scan {
    struct scenario *scenario;
    const char *file;
    const char *at;
    unsigned long line;
    unsigned long handled_line;
    bool wants_key;
    bool is_skipping; /* the section was complained about */
    enum scenario_section section;
    void *target; /* the struct of the section */
    bool is_given[SCENARIO_KEYS_MAX];
    unsigned long mistakes;
    void (*complain)(void *context, const char *sentence);
    void *context;
};

__attribute__((format(printf, 3, 4))) static void complain(struct scan *scan, unsigned long line,
                                                           const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    int size = line > 0 ? snprintf(sentence, sizeof(sentence), "%.200s:%lu: ", scan->file, line)
                        : snprintf(sentence, sizeof(sentence), "%.200s: ", scan->file);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence + size, sizeof(sentence) - (size_t)size, format, arguments);
    va_end(arguments);
    scan->mistakes++;
    scan->complain(scan->context, sentence);
}

int scenario_find_node(const struct scenario *scenario, const char *name)
{
    for (size_t i = 0; i < scenario->node_count; i++) {
        if (strcmp(scenario->nodes[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool joins(const char *end, const char *name, unsigned *exact)
{
    *exact += strcmp(end, name) == 0;
    return strcmp(end, name) == 0 || strcmp(end, "*") == 0;
}

const struct scenario_link *scenario_find_link(const struct scenario *scenario, const char *a,
                                               const char *b, bool *is_turned)
{
    const struct scenario_link *best = NULL;
    unsigned best_exact = 0;
    for (size_t i = 0; i < scenario->link_count; i++) {
        const struct scenario_link *link = &scenario->links[i];
        for (int turned = 0; turned < 2; turned++) {
            unsigned exact = 1;
            if (joins(link->a, turned ? b : a, &exact) && joins(link->b, turned ? a : b, &exact) &&
                exact > best_exact) {
                best = link;
                best_exact = exact;
                *is_turned = turned != 0;
            }
        }
    }
    return best;
}

bool scenario_is_kept(const struct scenario *scenario, enum figure figure, double value)
{
    double most = scenario->most[figure];
    double least = scenario->least[figure];
    return (isnan(most) || value <= most) && (isnan(least) || value >= least);
}

/* Cuts the words of a section's head: returns how many there are, at most 4. */
static size_t cut_words(const char *text, size_t size, char words[4][SCENARIO_NAME_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < size && count < 4;) {
        at += strspn(text + at, " \t");
        size_t length = at < size ? strcspn(text + at, " \t]") : 0;
        if (length == 0) {
            break;
        }
        snprintf(words[count++], SCENARIO_NAME_MAX, "%.*s", (int)length, text + at);
        at += length;
    }
    return count;
}

static void begin_node(struct scan *scan, const char *name)
{
    struct scenario *scenario = scan->scenario;
    if (scenario_find_node(scenario, name) >= 0) {
        complain(scan, scan->line, "[node %s] is there already; each node has one section", name);
    } else if (scenario->node_count == SCENARIO_SECTIONS_MAX) {
        complain(scan, scan->line, "more than %d [node] sections; use count",
                 SCENARIO_SECTIONS_MAX);
    } else {
        struct scenario_node *node = &scenario->nodes[scenario->node_count++];
        scenario_node_defaults(node);
        snprintf(node->name, sizeof(node->name), "%s", name);
        node->line = scan->line;
        scan->target = node;
    }
}

static void begin_link(struct scan *scan, const char *a, const char *b)
{
    struct scenario *scenario = scan->scenario;
    if (scenario->link_count == SCENARIO_SECTIONS_MAX) {
        complain(scan, scan->line, "more than %d [link] sections; * stands for every node",
                 SCENARIO_SECTIONS_MAX);
        return;
    }
    struct scenario_link *link = &scenario->links[scenario->link_count++];
    scenario_link_defaults(link);
    snprintf(link->a, sizeof(link->a), "%s", a);
    snprintf(link->b, sizeof(link->b), "%s", b);
    link->line = scan->line;
    scan->target = link;
}

static void begin_fault(struct scan *scan, const char *name)
{
    struct scenario *scenario = scan->scenario;
    if (scenario->fault_count == SCENARIO_SECTIONS_MAX) {
        complain(scan, scan->line, "more than %d [fault] sections", SCENARIO_SECTIONS_MAX);
        return;
    }
    struct scenario_fault *fault = &scenario->faults[scenario->fault_count++];
    scenario_fault_defaults(fault);
    snprintf(fault->name, sizeof(fault->name), "%s", name);
    fault->line = scan->line;
    scan->target = fault;
}

static void begin_attack(struct scan *scan, const char *name)
{
    struct scenario *scenario = scan->scenario;
    if (scenario->attack_count == SCENARIO_SECTIONS_MAX) {
        complain(scan, scan->line, "more than %d [attack] sections", SCENARIO_SECTIONS_MAX);
        return;
    }
    struct scenario_attack *attack = &scenario->attacks[scenario->attack_count++];
    scenario_attack_defaults(attack);
    snprintf(attack->name, sizeof(attack->name), "%s", name);
    attack->line = scan->line;
    scan->target = attack;
}

static void begin_section(struct scan *scan, const char *text, size_t size)
{
    static const size_t names_wanted[SECTIONS] = {0, 1, 2, 1, 0, 1, 0};
    char words[4][SCENARIO_NAME_MAX];
    size_t count = cut_words(text + 1, size - 1, words);
    int section = -1;
    for (int i = 0; i < SECTIONS && count > 0; i++) {
        section = strcmp(words[0], section_names[i]) == 0 ? i : section;
    }
    scan->target = NULL;
    memset(scan->is_given, 0, sizeof(scan->is_given));
    if (section < 0 || count != names_wanted[section] + 1 || text[size - 1] != ']') {
        complain(scan, scan->line,
                 "%.*s is no section; accepted: [scenario], [node NAME], [link NODE NODE], "
                 "[fault NAME], [mesh], [attack NAME], [bounds]",
                 (int)(size < 60 ? size : 60), text);
    } else {
        scan->section = (enum scenario_section)section;
        if (section == SECTION_NODE) {
            begin_node(scan, words[1]);
        } else if (section == SECTION_LINK) {
            begin_link(scan, words[1], words[2]);
        } else if (section == SECTION_FAULT) {
            begin_fault(scan, words[1]);
        } else if (section == SECTION_ATTACK) {
            begin_attack(scan, words[1]);
        } else {
            scan->target = scan->scenario;
        }
    }
    scan->is_skipping = scan->target == NULL;
}

static void complain_key(struct scan *scan, const char *name)
{
    char list[SENTENCE_MAX] = "";
    unsigned distance = NEAR_DISTANCE;
    const char *nearest = NULL;
    for (size_t i = 0; i < scenario_keys_count; i++) {
        const struct scenario_key *key = &scenario_keys[i];
        if (key->section != scan->section) {
            continue;
        }
        size_t size = strlen(list);
        snprintf(list + size, sizeof(list) - size, size > 0 ? ", %s" : "%s", key->name);
        if (config_distance(key->name, name) < distance) {
            distance = config_distance(key->name, name);
            nearest = key->name;
        }
    }
    for (size_t i = 0; i < FIGURES && scan->section == SECTION_BOUNDS; i++) {
        size_t size = strlen(list);
        snprintf(list + size, sizeof(list) - size, size > 0 ? ", %s" : "%s", figure_infos[i].name);
    }
    const char *behind = scan->section == SECTION_BOUNDS ? ", each with -max or -min" : "";
    if (nearest != NULL) {
        complain(scan, scan->line, "[%s] %.60s: unknown key; did you mean '%s'?",
                 section_names[scan->section], name, nearest);
    } else {
        complain(scan, scan->line, "[%s] %.60s: unknown key; accepted: %s%s",
                 section_names[scan->section], name, list, behind);
    }
}

static void complain_value(struct scan *scan, const char *name, const char *value,
                           const char *accepted)
{
    complain(scan, scan->line, "[%s] %s: found '%.60s'; accepted: %s", section_names[scan->section],
             name, value, accepted);
}

static void take_bound(struct scan *scan, const char *name, const char *value)
{
    bool is_read;
    if (!scenario_take_bound(scan->scenario, name, value, &is_read)) {
        complain_key(scan, name);
    } else if (!is_read) {
        complain_value(
            scan, name, value,
            "a duration, a rate, a share or a number, with the unit that the figure has");
    }
}

static void take_key(struct scan *scan, const char *name, const char *value)
{
    for (size_t i = 0; i < scenario_keys_count; i++) {
        const struct scenario_key *key = &scenario_keys[i];
        if (key->section != scan->section || strcmp(key->name, name) != 0) {
            continue;
        }
        if (scan->is_given[i] && !key->repeats) {
            complain(scan, scan->line, "[%s] %s: given before in this section; remove one of them",
                     section_names[scan->section], name);
        } else if (!key->take(scan->target, value)) {
            complain_value(scan, name, value, key->accepted);
        }
        scan->is_given[i] = true;
        return;
    }
    complain_key(scan, name);
}

#if INI_HANDLER_LINENO
static int handle(void *context, const char *section, const char *name, const char *value, int line)
#else
static int handle(void *context, const char *section, const char *name, const char *value)
#endif
{
#if INI_HANDLER_LINENO
    (void)line;
#endif
    (void)section;
    struct scan *scan = context;
    scan->handled_line = scan->line;
    value = value == NULL ? "" : value;
    if (scan->is_skipping) {
        return 1;
    }
    if (scan->target == NULL) {
        complain(scan, scan->line, "%.60s stands before the first section", name);
    } else if (scan->section == SECTION_BOUNDS) {
        take_bound(scan, name, value);
    } else {
        take_key(scan, name, value);
    }
    return 1;
}

/* Did inih make anything of the line before? */
static void check_handled(struct scan *scan)
{
    if (scan->wants_key && scan->handled_line != scan->line) {
        complain(scan, scan->line,
                 "neither a section nor a key; accepted: \"key = value\", \"[section]\", or a "
                 "comment behind #");
    }
    scan->wants_key = false;
}

/* Called by inih for each line, like fgets(): hands over keys, without what is before and behind.
 */
static char *next_line(char *out, int room, void *stream)
{
    struct scan *scan = stream;
    check_handled(scan);
    if (*scan->at == '\0') {
        return NULL;
    }
    scan->line++;
    const char *text = scan->at;
    size_t size = strcspn(text, "\n");
    scan->at += size + (text[size] == '\n' ? 1 : 0);
    size_t indent = strspn(text, " \t");
    indent = indent < size ? indent : size;
    text += indent;
    size -= indent;
    while (size > 0 && strchr(" \t\r", text[size - 1]) != NULL) {
        size--;
    }
    memcpy(out, "\n", 2);
    if (size == 0 || text[0] == '#' || text[0] == ';') {
        return out;
    }
    if (text[0] == '[') {
        begin_section(scan, text, size);
        return out;
    }
    if (size > (size_t)room - 2) {
        complain(scan, scan->line, "the line has %zu characters, up to %d are accepted", size,
                 room - 2);
        return out;
    }
    scan->wants_key = true;
    memcpy(out, text, size);
    memcpy(out + size, "\n", 2);
    return out;
}

static void check_groups(struct scan *scan, const struct scenario_node *node, const char *key,
                         const struct scenario_groups *groups)
{
    bool is_peer = strcmp(key, "peer") == 0;
    for (size_t i = 0; i < groups->count; i++) {
        bool is_turned;
        const char *name = groups->names[i];
        int asked = scenario_find_node(scan->scenario, name);
        int kind = asked < 0 ? -1 : scan->scenario->nodes[asked].kind;
        if (kind != SCENARIO_CHIMED && (is_peer || kind != SCENARIO_SERVER)) {
            complain(scan, node->line, "[node %s] %s: '%s' is no %s with a [node] section",
                     node->name, key, name, is_peer ? "chimed" : "server or chimed");
        } else if (scenario_find_link(scan->scenario, node->name, name, &is_turned) == NULL) {
            complain(scan, node->line, "[node %s] asks %s, but no [link %s %s] joins them",
                     node->name, name, node->name, name);
        }
    }
}

static bool is_power(int64_t ns)
{
    while (ns < NS_PER_S) {
        ns *= 2;
    }
    while (ns > NS_PER_S && ns % 2 == 0) {
        ns /= 2;
    }
    return ns == NS_PER_S;
}

static void check_chimed(struct scan *scan, const struct scenario_node *node)
{
    const struct scenario_chimed *chimed = &node->chimed;
    int64_t poll_ns = node->poll_ns > 0 ? node->poll_ns : scan->scenario->poll_ns;
    int64_t least_ns = chimed->poll_min_ns > 0 ? chimed->poll_min_ns : poll_ns;
    int64_t most_ns = chimed->poll_max_ns > 0 ? chimed->poll_max_ns : poll_ns;
    check_groups(scan, node, "pool", &chimed->pool);
    check_groups(scan, node, "peer", &chimed->peer);
    if (least_ns > most_ns) {
        complain(scan, node->line, "[node %s] poll-min is more than poll-max", node->name);
    }
    if (!is_power(least_ns) || !is_power(most_ns)) {
        complain(scan, node->line,
                 "[node %s] poll of a chimed: a power of two of seconds, such "
                 "as \"64 s\"",
                 node->name);
    }
}

static void complain_mesh(void *context, unsigned long line, const char *sentence)
{
    complain(context, line, "%s", sentence);
}

/* What only shows when all has been read. */
static void check_whole(struct scan *scan)
{
    struct scenario *scenario = scan->scenario;
    int64_t nodes = 0;
    for (size_t i = 0; i < scenario->node_count; i++) {
        const struct scenario_node *node = &scenario->nodes[i];
        nodes += node->count;
        if (node->kind < 0) {
            complain(scan, node->line, "[node %s] has no kind; accepted: server, prober or chimed",
                     node->name);
        } else if (node->kind == SCENARIO_PROBER && node->ask.count == 0) {
            complain(scan, node->line, "[node %s] asks nobody; a prober needs \"ask = NODE\"",
                     node->name);
        }
        check_groups(scan, node, "ask", &node->ask);
        if (node->kind == SCENARIO_CHIMED) {
            check_chimed(scan, node);
        }
    }
    for (size_t i = 0; i < scenario->link_count; i++) {
        struct scenario_link *link = &scenario->links[i];
        const char *ends[2] = {link->a, link->b};
        for (size_t j = 0; j < 2; j++) {
            if (strcmp(ends[j], "*") != 0 && scenario_find_node(scenario, ends[j]) < 0) {
                complain(scan, link->line, "[link %s %s]: no [node %s]", link->a, link->b, ends[j]);
            }
        }
        scenario_link_finish(link);
    }
    for (size_t i = 0; i < scenario->fault_count; i++) {
        const struct scenario_fault *fault = &scenario->faults[i];
        int node = scenario_find_node(scenario, fault->node);
        const struct scenario_node *liar = node < 0 ? NULL : &scenario->nodes[node];
        if (fault->kind < 0 || liar == NULL || !scenario_mesh_can_lie(liar, fault->kind)) {
            complain(scan, fault->line,
                     "[fault %s] needs a kind, and as node a server, or members of a mesh",
                     fault->name);
        }
    }
    scenario_mesh_check(scenario, complain_mesh, scan);
    if (scenario->node_count == 0 || nodes > SCENARIO_NODES_MAX) {
        complain(scan, 0, "%lld nodes; 1 to %d are accepted", (long long)nodes, SCENARIO_NODES_MAX);
    }
    if (scenario->reference[0] != '\0' && scenario_find_node(scenario, scenario->reference) < 0) {
        complain(scan, 0, "[scenario] reference: no [node %s]", scenario->reference);
    }
    if (scenario->settle_ns >= scenario->duration_ns ||
        scenario->recover_ns >= scenario->duration_ns) {
        complain(scan, 0, "[scenario] settle and recover must be shorter than duration");
    }
}

bool scenario_parse(const char *text, const char *file, struct scenario *scenario,
                    void (*complain_to)(void *context, const char *sentence), void *context)
{
    struct scan scan = {.scenario = scenario,
                        .file = file,
                        .at = text,
                        .complain = complain_to,
                        .context = context};
    scenario_set_defaults(scenario);
    int result = ini_parse_stream(next_line, &scan, handle, &scan);
    if (result < 0) {
        complain(&scan, 0, "no memory to read it");
    }
    if (scan.mistakes == 0) {
        check_whole(&scan);
    }
    return scan.mistakes == 0;
}
