/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_node.h"
#include "tests/sim/world_host.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NTP_PORT 123
#define NETWORK_OCTET 10 /* nodes live in 10.0.0.0/8 */
#define CLIENTS_MAX 64
#define WAYS_MAX SYNC_SOURCES_MAX
/* Where each oscillator begins to count: far enough from zero that none comes below it. */
#define MONO_START_NS (1000 * NS_PER_S)

static struct address address_of(size_t index, uint16_t port)
{
    uint32_t host = (uint32_t)index + 1;
    return (struct address){
        .octets = {NETWORK_OCTET, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host},
        .port = port,
        .family = ADDRESS_IPV4};
}

struct world_node *world_nodes_find(const struct world_nodes *nodes, const struct address *address)
{
    if (address->family != ADDRESS_IPV4 || address->octets[0] != NETWORK_OCTET) {
        return NULL;
    }
    size_t host =
        (size_t)address->octets[1] << 16 | (size_t)address->octets[2] << 8 | address->octets[3];
    return host >= 1 && host <= nodes->count ? &nodes->items[host - 1] : NULL;
}

static struct world_way *find_way(const struct world_node *node, size_t to)
{
    for (size_t i = 0; i < node->way_count; i++) {
        if (node->ways[i].to == to) {
            return &node->ways[i];
        }
    }
    return NULL;
}

struct path *world_nodes_path(struct world_nodes *nodes, size_t from, size_t to, int64_t *more_ns)
{
    *more_ns = 0;
    if (nodes->items[from].member != NULL && nodes->items[to].member != NULL) {
        return world_mesh_path(nodes->mesh, nodes->items[from].member, nodes->items[to].member,
                               more_ns);
    }
    struct world_way *way = find_way(&nodes->items[from], to);
    if (way != NULL) {
        return &way->there;
    }
    way = find_way(&nodes->items[to], from);
    return way != NULL ? &way->back : NULL;
}

static double spread(struct random *random, double limit)
{
    return limit == 0 ? 0 : limit * (2 * random_unit(random) - 1);
}

static void start_clocks(struct world_node *node, const struct scenario *scenario,
                         struct random *random)
{
    struct oscillator_options options = node->options->oscillator;
    options.start_ns = MONO_START_NS + (int64_t)random_below(random, 1000000) * NS_PER_MS;
    options.rate_ppm += spread(random, node->options->rate_spread_ppm);
    oscillator_init(&node->oscillator, &options, random_u64(random));
    int64_t offset_ns = node->options->offset_ns;
    offset_ns += (int64_t)spread(random, (double)node->options->offset_spread_ns);
    struct reading start = {.mono = oscillator_read(&node->oscillator, 0),
                            .wall = {scenario->start_ns + offset_ns}};
    system_clock_init(&node->clock, start);
}

static int8_t precision_of(const struct scenario_node *options)
{
    int8_t precision = -30;
    while (precision < 0 && timestamp_log2_to_ns(precision) < options->precision_ns) {
        precision++;
    }
    return precision;
}

static int8_t log2_of(int64_t ns)
{
    int8_t log2 = SOURCE_POLL_MIN;
    while (timestamp_log2_to_ns(log2) < ns) {
        log2++;
    }
    return log2;
}

/* Everything of a process; truth_ns is when it starts. */
static bool start_node(struct world_nodes *nodes, struct world_node *node,
                       const struct node_options *node_options, struct random *random,
                       int64_t truth_ns, char error[WORLD_ERROR_MAX])
{
    const struct access *access = nodes->access;
    struct reading now =
        system_clock_read(&node->clock, oscillator_read(&node->oscillator, truth_ns));
    random_init_seeded(&node->random, random_u64(random));
    char why[SYNC_ERROR_MAX];
    node->node = node_create(node_options, &node->random, now, why);
    if (node->node == NULL) {
        snprintf(error, WORLD_ERROR_MAX, "%.200s", why);
        return false;
    }
    struct server_options options = {.access = access,
                                     .rate = {.interval_ns = NS_PER_S, .burst = 16},
                                     .clients_max = CLIENTS_MAX,
                                     .seed = random_u64(random)};
    char reason[KEYRING_ERROR_MAX];
    node->server = server_create(&options, reason);
    if (node->server == NULL) {
        snprintf(error, WORLD_ERROR_MAX, "%.200s", reason);
        return false;
    }
    server_publish(node->server, node_claim(node->node));
    return true;
}

static bool start_server(struct world_nodes *nodes, struct world_node *node, struct random *random,
                         char error[WORLD_ERROR_MAX])
{
    struct sync_options sync_options = sync_options_default();
    sync_options.local_stratum = (unsigned)node->options->stratum;
    sync_options.precision = precision_of(node->options);
    struct node_options node_options = {.sync = &sync_options};
    return start_node(nodes, node, &node_options, random, 0, error);
}

/* In a ring a node has those next to it. */
static bool is_next_to(const struct world_node *node, int64_t count, size_t number)
{
    int64_t apart = llabs((int64_t)node->number - (int64_t)number);
    return apart == 1 || apart == count - 1;
}

/* The way to one node: there is one already if it is asked in two ways. */
static bool add_way(struct world_node *node, const struct scenario_link *link, bool is_turned,
                    size_t to, struct random *random)
{
    if (find_way(node, to) != NULL) {
        return true;
    }
    if (node->way_count == WAYS_MAX) {
        return false;
    }
    struct world_way *way = &node->ways[node->way_count++];
    way->to = to;
    path_init(&way->there, is_turned ? &link->back : &link->there, random_u64(random));
    path_init(&way->back, is_turned ? &link->there : &link->back, random_u64(random));
    return true;
}

/* Appends the paths to groups of nodes. */
static bool find_ways(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                      const struct scenario_groups *groups, struct random *random)
{
    struct world_node *node = &nodes->items[index];
    for (size_t i = 0; i < groups->count; i++) {
        const char *name = groups->names[i];
        int group = scenario_find_node(scenario, name);
        assert(group >= 0);
        bool is_turned = false;
        const struct scenario_link *link =
            scenario_find_link(scenario, node->options->name, name, &is_turned);
        assert(link != NULL);
        int64_t count = scenario->nodes[group].count;
        bool is_ring = groups == &node->options->chimed.peer && node->options->chimed.is_ring &&
                       &scenario->nodes[group] == node->options;
        for (size_t j = 0; j < (size_t)count; j++) {
            if (nodes->first[group] + j == index || (is_ring && !is_next_to(node, count, j))) {
                continue;
            }
            if (!add_way(node, link, is_turned, nodes->first[group] + j, random)) {
                return false;
            }
        }
    }
    return true;
}

static size_t count_members(const struct scenario *scenario, const struct scenario_groups *groups)
{
    size_t count = 0;
    for (size_t i = 0; i < groups->count; i++) {
        int group = scenario_find_node(scenario, groups->names[i]);
        count += group >= 0 ? (size_t)scenario->nodes[group].count : 0;
    }
    return count;
}

static bool find_all_ways(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                          struct random *random, char error[WORLD_ERROR_MAX])
{
    struct world_node *node = &nodes->items[index];
    const struct scenario_node *options = node->options;
    size_t most = count_members(scenario, &options->ask) +
                  count_members(scenario, &options->chimed.pool) +
                  count_members(scenario, &options->chimed.peer);
    node->ways = calloc(most < WAYS_MAX ? most + 1 : WAYS_MAX, sizeof(*node->ways));
    if (node->ways == NULL) {
        snprintf(error, WORLD_ERROR_MAX, "%s", "not enough memory for the nodes' ways");
        return false;
    }
    if (!find_ways(nodes, scenario, index, &options->ask, random) ||
        !find_ways(nodes, scenario, index, &options->chimed.pool, random) ||
        !find_ways(nodes, scenario, index, &options->chimed.peer, random)) {
        snprintf(error, WORLD_ERROR_MAX, "[node %.32s] asks more than %d nodes", options->name,
                 WAYS_MAX);
        return false;
    }
    return true;
}

static bool start_series(struct world_node *node, const struct scenario *scenario,
                         char error[WORLD_ERROR_MAX])
{
    size_t samples = (size_t)(scenario->duration_ns / scenario->sample_ns) + 1;
    if (!series_init(&node->series, samples)) {
        snprintf(error, WORLD_ERROR_MAX, "%s", "not enough memory for the nodes");
        return false;
    }
    node->series.settled = (size_t)(scenario->settle_ns / scenario->sample_ns);
    node->series.recovers = (size_t)(scenario->recover_ns / scenario->sample_ns);
    return true;
}

static bool start_prober(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                         struct random *random, char error[WORLD_ERROR_MAX])
{
    struct world_node *node = &nodes->items[index];
    if (!find_all_ways(nodes, scenario, index, random, error)) {
        return false;
    }
    if (node->way_count > PROBER_SERVERS_MAX) {
        snprintf(error, WORLD_ERROR_MAX, "[node %.32s] asks more than %d nodes",
                 node->options->name, PROBER_SERVERS_MAX);
        return false;
    }
    const struct scenario_node *given = node->options;
    struct prober_options options = {
        .own = node->address,
        .server_count = node->way_count,
        .filter = (enum filter_kind)(given->filter >= 0 ? given->filter : scenario->filter),
        .poll_ns = given->poll_ns > 0 ? given->poll_ns : scenario->poll_ns,
        .burst = (unsigned)given->burst,
        .is_steering = given->is_steering,
        .precision = precision_of(given),
        .seed = random_u64(random)};
    for (size_t i = 0; i < node->way_count; i++) {
        options.servers[i] = address_of(node->ways[i].to, NTP_PORT);
    }
    node->poll_ns = options.poll_ns;
    node->prober = prober_create(&options, oscillator_read(&node->oscillator, 0));
    if (node->prober == NULL) {
        snprintf(error, WORLD_ERROR_MAX, "%s", "not enough memory for the nodes");
        return false;
    }
    return start_series(node, scenario, error);
}

/* A source for each node of a group, or one for all of it. */
static void add_sources(const struct world_nodes *nodes, const struct scenario *scenario,
                        const struct world_node *node, const struct scenario_groups *groups,
                        enum source_kind kind)
{
    const struct scenario_node *given = node->options;
    int64_t poll_ns = given->poll_ns > 0 ? given->poll_ns : scenario->poll_ns;
    for (size_t i = 0; i < groups->count; i++) {
        int group = scenario_find_node(scenario, groups->names[i]);
        assert(group >= 0);
        size_t count = kind == SOURCE_POOL ? 1 : (size_t)scenario->nodes[group].count;
        bool is_ring =
            given->chimed.is_ring && kind == SOURCE_PEER && &scenario->nodes[group] == given;
        for (size_t j = 0; j < count; j++) {
            if (kind != SOURCE_POOL && (&nodes->items[nodes->first[group] + j] == node ||
                                        (is_ring && !is_next_to(node, (int64_t)count, j)))) {
                continue;
            }
            assert(node->host->sync.source_count < SYNC_SOURCES_MAX);
            struct source_options *source = &node->host->sources[node->host->sync.source_count++];
            *source = source_options_default();
            source->kind = kind;
            source->is_iburst = given->chimed.is_iburst;
            source->is_interleaved = given->chimed.is_interleaved;
            source->poll_min =
                log2_of(given->chimed.poll_min_ns > 0 ? given->chimed.poll_min_ns : poll_ns);
            source->poll_max =
                log2_of(given->chimed.poll_max_ns > 0 ? given->chimed.poll_max_ns : poll_ns);
            int filter = given->filter >= 0 ? given->filter : scenario->filter;
            source->filter = filter < FILTER_KINDS ? (enum filter_kind)filter : FILTER_BANK;
            snprintf(source->host, sizeof(source->host), count > 1 ? "%s.%zu" : "%s",
                     groups->names[i], j);
            snprintf(source->name, sizeof(source->name), "%.*s", EVENT_NAME_MAX - 1, source->host);
        }
    }
}

static bool is_asking(const struct world_node *node)
{
    return node->member == NULL || node->member->is_asking;
}

/* The daemon's own engines, with what is on its disk. */
static bool start_engines(struct world_nodes *nodes, const struct scenario *scenario,
                          struct world_node *node, struct random *random, int64_t truth_ns,
                          char error[WORLD_ERROR_MAX])
{
    const struct scenario_chimed *given = &node->options->chimed;
    struct source_options *sources = calloc(SYNC_SOURCES_MAX, sizeof(*sources));
    struct mesh_options mesh;
    struct node_options options = {.sync = &node->host->sync};
    if (sources == NULL) {
        snprintf(error, WORLD_ERROR_MAX, "%s", "not enough memory for the nodes");
        return false;
    }
    node->host->sources = sources;
    node->host->sync = given->sync;
    if (is_asking(node)) {
        add_sources(nodes, scenario, node, &node->options->ask, SOURCE_SERVER);
        add_sources(nodes, scenario, node, &given->pool, SOURCE_POOL);
        add_sources(nodes, scenario, node, &given->peer, SOURCE_PEER);
    }
    node->host->sync.sources = sources;
    node->host->sync.is_shadow = given->is_shadow;
    node->host->sync.precision = precision_of(node->options);
    if (node->member != NULL) {
        world_mesh_options(nodes->mesh, node->member, &mesh);
        options.mesh = &mesh;
        node->host->sync.has_rate = node->member->has_rate;
        node->host->sync.rate_ppm = node->member->rate_ppm;
        node->host->sync.rate_sd_ppm = node->member->rate_sd_ppm;
    }
    bool ok = start_node(nodes, node, &options, random, truth_ns, error);
    /* The engine has its own copy. */
    free(sources);
    node->host->sources = NULL;
    node->host->sync.sources = NULL;
    return ok;
}

static bool start_chimed(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                         struct random *random, char error[WORLD_ERROR_MAX])
{
    struct world_node *node = &nodes->items[index];
    const struct scenario_chimed *given = &node->options->chimed;
    if (is_asking(node) && !find_all_ways(nodes, scenario, index, random, error)) {
        return false;
    }
    node->host = calloc(1, sizeof(*node->host));
    if (node->host == NULL) {
        snprintf(error, WORLD_ERROR_MAX, "%s", "not enough memory for the nodes");
        return false;
    }
    int64_t poll_ns = node->options->poll_ns > 0 ? node->options->poll_ns : scenario->poll_ns;
    node->poll_ns = given->poll_min_ns > 0 ? given->poll_min_ns : poll_ns;
    if (node->member != NULL && scenario->mesh.poll_ns < node->poll_ns) {
        node->poll_ns = scenario->mesh.poll_ns;
    }
    node->start_ns = (int64_t)(random_unit(random) * (double)NS_PER_S);
    return start_engines(nodes, scenario, node, random, 0, error) &&
           start_series(node, scenario, error);
}

bool world_nodes_restart(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                         int64_t truth_ns, char error[WORLD_ERROR_MAX])
{
    struct world_node *node = &nodes->items[index];
    struct random random;
    random_init_seeded(&random, random_u64(&node->random));
    server_destroy(node->server);
    node_destroy(node->node);
    node->server = NULL;
    node->node = NULL;
    return start_engines(nodes, scenario, node, &random, truth_ns, error);
}

static bool start(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                  struct random *random, char error[WORLD_ERROR_MAX])
{
    struct world_node *node = &nodes->items[index];
    switch ((enum scenario_kind)node->options->kind) {
    case SCENARIO_SERVER:
        return start_server(nodes, node, random, error);
    case SCENARIO_PROBER:
        return start_prober(nodes, scenario, index, random, error);
    case SCENARIO_CHIMED:
        return start_chimed(nodes, scenario, index, random, error);
    }
    return false;
}

bool world_nodes_create(struct world_nodes *nodes, const struct scenario *scenario, uint64_t seed,
                        char error[WORLD_ERROR_MAX])
{
    *nodes = (struct world_nodes){.count = 0};
    for (size_t i = 0; i < scenario->node_count; i++) {
        nodes->first[i] = nodes->count;
        nodes->count += (size_t)scenario->nodes[i].count;
    }
    nodes->items = calloc(nodes->count > 0 ? nodes->count : 1, sizeof(*nodes->items));
    nodes->access = access_create(true);
    if (nodes->items == NULL || nodes->access == NULL) {
        snprintf(error, WORLD_ERROR_MAX, "not enough memory for %zu nodes", nodes->count);
        return false;
    }
    if (scenario_members(scenario) > 0) {
        nodes->mesh = world_mesh_create(scenario, nodes->first, seed, error, WORLD_ERROR_MAX);
        if (nodes->mesh == NULL) {
            return false;
        }
    }
    struct random random;
    random_init_seeded(&random, seed);
    for (size_t i = 0; i < scenario->node_count; i++) {
        for (size_t j = 0; j < (size_t)scenario->nodes[i].count; j++) {
            size_t index = nodes->first[i] + j;
            struct world_node *node = &nodes->items[index];
            node->member = world_mesh_member(nodes->mesh, i, j);
            node->options = &scenario->nodes[i];
            node->number = j;
            node->address = address_of(index, NTP_PORT);
            start_clocks(node, scenario, &random);
            if (!start(nodes, scenario, index, &random, error)) {
                return false;
            }
        }
    }
    return true;
}

void world_nodes_destroy(struct world_nodes *nodes)
{
    for (size_t i = 0; nodes->items != NULL && i < nodes->count; i++) {
        struct world_node *node = &nodes->items[i];
        server_destroy(node->server);
        node_destroy(node->node);
        prober_destroy(node->prober);
        free(node->host);
        free(node->ways);
        series_clear(&node->series);
    }
    world_mesh_destroy(nodes->mesh);
    access_destroy(nodes->access);
    free(nodes->items);
    *nodes = (struct world_nodes){.count = 0};
}
