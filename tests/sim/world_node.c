/* SPDX-License-Identifier: MIT */
#include "tests/sim/world_node.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define NTP_PORT 123
#define NETWORK_OCTET 10 /* nodes live in 10.0.0.0/8 */
#define CLIENTS_MAX 64
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

struct path *world_nodes_path(const struct world_nodes *nodes, size_t from, size_t to)
{
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

static bool start_server(struct world_node *node, struct access *access, struct random *random,
                         char error[WORLD_ERROR_MAX])
{
    struct sync_options sync_options = sync_options_default();
    sync_options.local_stratum = (unsigned)node->options->stratum;
    sync_options.precision = precision_of(node->options);
    struct reading now = system_clock_read(&node->clock, oscillator_read(&node->oscillator, 0));
    random_init_seeded(&node->random, random_u64(random));
    char why[SYNC_ERROR_MAX];
    node->node = node_create(&sync_options, &node->random, now, why);
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

/* Appends the nodes that are asked, and the paths to them. */
static bool find_ways(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                      struct random *random, char error[WORLD_ERROR_MAX])
{
    struct world_node *node = &nodes->items[index];
    node->ways = calloc(PROBER_SERVERS_MAX, sizeof(*node->ways));
    for (size_t i = 0; node->ways != NULL && i < node->options->ask_count; i++) {
        const char *name = node->options->ask[i];
        int group = scenario_find_node(scenario, name);
        assert(group >= 0);
        bool is_turned = false;
        const struct scenario_link *link =
            scenario_find_link(scenario, node->options->name, name, &is_turned);
        for (size_t j = 0; j < (size_t)scenario->nodes[group].count; j++) {
            if (nodes->first[group] + j == index) {
                continue;
            }
            if (link == NULL || node->way_count == PROBER_SERVERS_MAX) {
                snprintf(error, WORLD_ERROR_MAX,
                         link == NULL ? "[node %.32s] asks %.32s, but no [link] joins them"
                                      : "[node %.32s] asks more than 16 nodes, with %.32s",
                         node->options->name, name);
                return false;
            }
            struct world_way *way = &node->ways[node->way_count++];
            way->to = nodes->first[group] + j;
            path_init(&way->there, is_turned ? &link->back : &link->there, random_u64(random));
            path_init(&way->back, is_turned ? &link->there : &link->back, random_u64(random));
        }
    }
    if (node->way_count == 0) {
        snprintf(error, WORLD_ERROR_MAX, "%s", "not enough memory for the nodes' ways");
    }
    return node->way_count > 0;
}

static bool start_prober(struct world_nodes *nodes, const struct scenario *scenario, size_t index,
                         struct random *random, char error[WORLD_ERROR_MAX])
{
    struct world_node *node = &nodes->items[index];
    if (!find_ways(nodes, scenario, index, random, error)) {
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
    size_t samples = (size_t)(scenario->duration_ns / scenario->sample_ns) + 1;
    node->prober = prober_create(&options, oscillator_read(&node->oscillator, 0));
    if (node->prober == NULL || !series_init(&node->series, samples)) {
        snprintf(error, WORLD_ERROR_MAX, "%s", "not enough memory for the nodes");
        return false;
    }
    node->series.settled = (size_t)(scenario->settle_ns / scenario->sample_ns);
    node->series.recovers = (size_t)(scenario->recover_ns / scenario->sample_ns);
    return true;
}

bool world_node_read(const struct world_node *node, struct mono now, struct estimate *shown,
                     int64_t *left_ns)
{
    *left_ns = 0;
    if (!prober_estimate(node->prober, now, shown)) {
        return false;
    }
    if (node->options->is_steering) {
        struct reading reading = system_clock_read(&node->clock, now);
        *left_ns = llabs(shown->wall.ns - reading.wall.ns) + 1;
        shown->wall = reading.wall;
        shown->fraction_ns = 0;
        shown->rate_ppm = node->clock.rate_ppm;
    }
    return true;
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
    struct random random;
    random_init_seeded(&random, seed);
    for (size_t i = 0; i < scenario->node_count; i++) {
        for (size_t j = 0; j < (size_t)scenario->nodes[i].count; j++) {
            size_t index = nodes->first[i] + j;
            struct world_node *node = &nodes->items[index];
            node->options = &scenario->nodes[i];
            node->number = j;
            node->address = address_of(index, NTP_PORT);
            start_clocks(node, scenario, &random);
            bool ok = node->options->kind == SCENARIO_SERVER
                          ? start_server(node, nodes->access, &random, error)
                          : start_prober(nodes, scenario, index, &random, error);
            if (!ok) {
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
        free(node->ways);
        series_clear(&node->series);
    }
    access_destroy(nodes->access);
    free(nodes->items);
    *nodes = (struct world_nodes){.count = 0};
}
