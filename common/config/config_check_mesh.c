/* SPDX-License-Identifier: MIT */
/* What only shows of the mesh when all has been read. What takes its files, the own key above all,
 * is checked by who reads these. */
#include "common/config/config_reading.h"
#include <string.h>

static const struct config_seen *seen_of(const struct config_reading *reading, const char *name)
{
    return config_seen_of(reading, &config_section_mesh, name);
}

static const struct config_seen *member_seen_of(const struct config_reading *reading, size_t index,
                                                const char *name)
{
    const struct config_key *key = config_key_find(&config_section_member, name);
    assert(key != NULL);
    return &reading->seen_member[index][key - config_section_member.keys];
}

static bool is_good(const struct config_seen *seen)
{
    return seen->line != 0 && !seen->is_refused;
}

static void keep_lines(struct config_reading *reading)
{
    struct config_mesh *mesh = &reading->draft.config.mesh;
    mesh->identity.line = seen_of(reading, "identity")->line;
    mesh->group_key.line = seen_of(reading, "group-key")->line;
    mesh->certificate.line = seen_of(reading, "certificate")->line;
    mesh->membership.line = seen_of(reading, "membership")->line;
    mesh->faults_line = seen_of(reading, "faults")->line;
    mesh->max_offset_line = seen_of(reading, "max-offset")->line;
    mesh->ca_line = seen_of(reading, "ca")->line;
}

/* The first key of [mesh] in the text; 0: there is none. */
static unsigned long first_line(const struct config_reading *reading)
{
    unsigned long first = 0;
    for (size_t i = 0; i < config_section_mesh.count; i++) {
        unsigned long line = seen_of(reading, config_section_mesh.keys[i].name)->line;
        first = first == 0 || (line != 0 && line < first) ? line : first;
    }
    return first;
}

static void check_identity(struct config_reading *reading)
{
    const struct config_members *members = &reading->draft.config.mesh.members;
    unsigned long line = first_line(reading);
    if (seen_of(reading, "identity")->line != 0) {
        return;
    }
    if (line != 0) {
        config_complain(reading, line,
                        "[mesh] has no identity, the key by which the others know this node: make "
                        "one with chime keygen --node /etc/chimed.pem, and add identity = "
                        "/etc/chimed.pem");
    } else if (members->count > 0) {
        config_complain(reading, members->items[0].line,
                        "[member %s] is in a mesh, and this node is in none: add [mesh] with "
                        "identity = PATH, the key that chime keygen --node makes",
                        members->items[0].name);
    }
}

/* What is of use with the CA's key only: by that alone are those admitted whom no section names. */
static void check_ca(struct config_reading *reading)
{
    static const struct {
        const char *key;
        const char *why;
    } needs[] = {
        {"certificate", "whose signature it bears"},
        {"membership", "whose signature it bears"},
        {"join", "or nobody who is met there could be admitted: only keys that it certified are"},
        {"discover", "or nobody who is found could be admitted: only keys that it certified are"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        const struct config_seen *seen = seen_of(reading, needs[i].key);
        if (seen->line != 0 && seen_of(reading, "ca")->line == 0) {
            config_complain(reading, seen->line,
                            "[mesh] %s: needs ca = ed25519:..., the public key of the CA, %s",
                            needs[i].key, needs[i].why);
        }
    }
}

static void check_berkeley(struct config_reading *reading)
{
    const struct config_mesh *mesh = &reading->draft.config.mesh;
    const struct config_seen *offset = seen_of(reading, "max-offset");
    if (mesh->algorithm != CONFIG_BERKELEY || seen_of(reading, "algorithm")->is_refused) {
        return;
    }
    if (mesh->faults > 0 && !seen_of(reading, "faults")->is_refused) {
        config_complain(reading, mesh->faults_line,
                        "[mesh] faults = %d: algorithm = berkeley tolerates none, every member "
                        "trusts the coordinator, whoever that is; use algorithm = agreement, or "
                        "remove this line",
                        mesh->faults);
    }
    /* Two that are averaged may be that far apart, one on either side. */
    if (mesh->gamma_ns > mesh->max_offset_ns / 2 && !offset->is_refused &&
        !seen_of(reading, "gamma")->is_refused) {
        unsigned long line = offset->line != 0 ? offset->line : seen_of(reading, "gamma")->line;
        config_complain(
            reading, line,
            "[mesh] max-offset: gamma = %g ms averages clocks that are up to %g ms apart, and "
            "max-offset = %g ms refuses their stamps; make it %g ms or more, or lower gamma",
            (double)mesh->gamma_ns / 1e6, 2 * (double)mesh->gamma_ns / 1e6,
            (double)mesh->max_offset_ns / 1e6, 2 * (double)mesh->gamma_ns / 1e6);
    }
}

/* Nobody knows of more liars than those that it hears, and itself, can outvote. */
static void check_view(struct config_reading *reading)
{
    const struct config_mesh *mesh = &reading->draft.config.mesh;
    if (mesh->faults > 0 && 2 * (unsigned)mesh->faults > mesh->view) {
        config_complain(reading, mesh->faults_line,
                        "[mesh] faults = %d needs %d members that decide, and view = %u gives %u "
                        "(this node included); raise that, or lower this",
                        mesh->faults, 2 * mesh->faults + 1, mesh->view, mesh->view + 1);
    }
}

static void check_selection(struct config_reading *reading)
{
    int faults = reading->draft.config.selection.faults;
    if (faults != CONFIG_FAULTS_AUTO) {
        config_complain(reading, config_seen_of(reading, &config_section_selection, "faults")->line,
                        "[selection] faults = %d: in a mesh, faults in [mesh] says it of members "
                        "and other sources alike; remove this line",
                        faults);
    }
}

static void check_members_differ(struct config_reading *reading, size_t index)
{
    const struct config_member *items = reading->draft.config.mesh.members.items;
    const struct config_member *member = &items[index];
    bool has_key = is_good(member_seen_of(reading, index, "public-key"));
    bool has_address = is_good(member_seen_of(reading, index, "address"));
    for (size_t i = 0; i < index; i++) {
        if (has_key && is_good(member_seen_of(reading, i, "public-key")) &&
            memcmp(items[i].public_key, member->public_key, CONFIG_KEY_SIZE) == 0) {
            config_complain(reading, member->key_line,
                            "[member %s] public-key: [member %s] on line %lu has the same key; "
                            "every node makes its own, and counts once",
                            member->name, items[i].name, items[i].line);
            return;
        }
        if (has_address && is_good(member_seen_of(reading, i, "address")) &&
            config_host_is_same(&items[i].address, &member->address)) {
            config_complain(reading, member_seen_of(reading, index, "address")->line,
                            "[member %s] address: [member %s] on line %lu has the same address; "
                            "name where each can be reached",
                            member->name, items[i].name, items[i].line);
            return;
        }
    }
}

/* A node that were a source too would vote twice. */
static void check_sources_differ(struct config_reading *reading, size_t index)
{
    const struct config_member *member = &reading->draft.config.mesh.members.items[index];
    const struct config_sources *sources = &reading->draft.config.sources;
    for (size_t i = 0; i < sources->count; i++) {
        const struct config_source *source = &sources->items[i];
        struct config_host host = {.port = source->port};
        memcpy(host.host, source->host, sizeof source->host);
        if (source->kind != SOURCE_BROADCAST_SERVER &&
            config_host_is_same(&host, &member->address)) {
            config_complain(reading, member_seen_of(reading, index, "address")->line,
                            "[member %s] address: [source %s] on line %lu has the same address; a "
                            "node counts once, remove one of the two",
                            member->name, source->name, source->line);
            return;
        }
    }
}

static void check_member(struct config_reading *reading, size_t index)
{
    struct config_mesh *mesh = &reading->draft.config.mesh;
    struct config_member *member = &mesh->members.items[index];
    const struct config_seen *address = member_seen_of(reading, index, "address");
    const struct config_seen *key = member_seen_of(reading, index, "public-key");
    struct address found;
    member->key_line = key->line;
    if (address->line == 0) {
        config_complain(reading, member->line, "[member %s] has no address; add address = HOST",
                        member->name);
    }
    if (key->line == 0) {
        config_complain(reading, member->line,
                        "[member %s] has no public-key; add public-key = ed25519:..., which chime "
                        "keygen --node printed there",
                        member->name);
    }
    check_members_differ(reading, index);
    if (is_good(key) && mesh->has_ca &&
        memcmp(mesh->ca, member->public_key, CONFIG_KEY_SIZE) == 0) {
        config_complain(reading, key->line,
                        "[member %s] public-key: it is the key of the CA, which is no node; name "
                        "the node's own",
                        member->name);
    }
    if (!is_good(address)) {
        return;
    }
    check_sources_differ(reading, index);
    if (address_parse(member->address.host, member->address.port, &found) &&
        config_is_group(&found)) {
        config_complain(reading, address->line,
                        "[member %s] address: '%s' is a multicast group, nobody's own address; "
                        "name the node's",
                        member->name, member->address.host);
    }
}

void config_check_mesh(struct config_reading *reading)
{
    struct config_mesh *mesh = &reading->draft.config.mesh;
    keep_lines(reading);
    check_identity(reading);
    check_ca(reading);
    check_berkeley(reading);
    check_view(reading);
    for (size_t i = 0; i < mesh->members.count; i++) {
        check_member(reading, i);
    }
    if (config_has_mesh(&reading->draft.config)) {
        check_selection(reading);
    }
}

bool config_has_mesh(const struct config *config)
{
    return config->mesh.identity.path[0] != '\0';
}

bool config_has_upstream(const struct config *config)
{
    return config->sources.count > 0 || config_has_mesh(config);
}

bool config_is_open(const struct config_mesh *mesh)
{
    return mesh->join.count > 0 || mesh->srv.count > 0 || mesh->is_mdns ||
           mesh->membership.path[0] != '\0';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool config_host_is_same(const struct config_host *a, const struct config_host *b)
{
    const char *left = a->host;
    const char *right = b->host;
    while (*left != '\0' && lower(*left) == lower(*right)) {
        left++;
        right++;
    }
    return a->port == b->port && *left == '\0' && *right == '\0';
}
