/* SPDX-License-Identifier: MIT */
/* What [mesh] names: the files of a member, and by what the members count. */
#include "common/base/random.h"
#include "server/sync_setup.h"
#include "tests/unit/setup_bench.h"

#define QUIET "[clock]\nstate-dir = @\nleap-list = off\n"
#define MESH QUIET "[mesh]\nidentity = @/node.pem\n" /* identity is on line 5 */
#define NODES 5
/* Two keys whose SHA-256 begin with the same 32 bits, found by trying. */
#define TWIN_A "ed25519:5922ed545548a56f59e65ad301aa50bb0fd3ea94c0272614111dabcbc8f2fbf6"
#define TWIN_B "ed25519:c3907275d720b0c886de60ef549fef85da771a0dc7cc1ba5985462c2d66d7586"

static struct identity *nodes[NODES]; /* we are the first */
static struct identity *ca;
static char keys[NODES + 1][IDENTITY_KEY_TEXT_MAX]; /* the last is the CA's */
static char large[TEXT_MAX];
static struct setup *held;

static void write_pem(const char *name, const struct identity *identity)
{
    char pem[IDENTITY_PEM_MAX];
    CU_ASSERT_TRUE_FATAL(identity_format(identity, pem));
    write_file(name, pem);
}

static void begin(void)
{
    struct random random;
    char error[IDENTITY_ERROR_MAX];
    snprintf(folder, sizeof folder, "/tmp/test_setup.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    random_init_seeded(&random, 1);
    for (size_t i = 0; i < NODES; i++) {
        nodes[i] = identity_create(&random, error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(nodes[i]);
        public_key_format(identity_public_key(nodes[i]), keys[i]);
    }
    ca = identity_create(&random, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(ca);
    public_key_format(identity_public_key(ca), keys[NODES]);
    write_pem("node.pem", nodes[0]);
}

/* A mesh, further lines of [mesh], and the nodes from that one to that one as its members. */
static const char *text_of(const char *lines, size_t from, size_t to)
{
    static char text[TEXT_MAX / 2];
    size_t size = (size_t)snprintf(text, sizeof text, MESH "%s", lines);
    for (size_t i = from; i < to; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "[member n%zu]\naddress = h%zu\npublic-key = %s\n", i, i, keys[i]);
    }
    return text;
}

static const char *text_of_ca(const char *lines)
{
    static char text[1024];
    snprintf(text, sizeof text, "ca = %s\n%s", keys[NODES], lines);
    return text_of(text, 0, 0);
}

static void hold(const char *text)
{
    setup_destroy(held);
    held = load(text);
    if (held == NULL) {
        printf("\n%s", said);
        CU_FAIL_FATAL("a good configuration was refused");
    }
}

static void without_a_mesh_nothing_is_held(void)
{
    hold(QUIET "[server]\nlocal-stratum = 10\n");
    CU_ASSERT_PTR_NULL(held->credentials.identity);
    CU_ASSERT_EQUAL(held->roster.count, 0);
}

static void an_identity_is_read(void)
{
    hold(text_of("", 1, 3));
    CU_ASSERT_PTR_NOT_NULL_FATAL(held->credentials.identity);
    CU_ASSERT_EQUAL(identity_id(held->credentials.identity), identity_id(nodes[0]));
    CU_ASSERT_STRING_EQUAL(logged, "");
    refuses(QUIET "[mesh]\nidentity = @/none.pem\n", "a.conf:5: [mesh] identity: there is no '");
    expect(said, "chime keygen --node");
    refuses(QUIET "[mesh]\nidentity = @\n", "a file is expected");
    write_file("other", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    refuses(QUIET "[mesh]\nidentity = @/other\n", "a.conf:5: [mesh] identity: '");
    expect(said, "no unencrypted private key in PEM");
}

static void secrets_are_their_owners_alone(void)
{
    static const struct {
        mode_t mode;
        bool is_good;
    } modes[] = {{0600, true},  {0400, true},  {0700, true},  {0640, false}, {0604, false},
                 {0644, false}, {0620, false}, {0601, false}, {0777, false}};
    static const char *const names[] = {"node.pem", "group"};
    char path[128];
    char words[64];
    write_file("group", "7 SHA256 HEX:"
                        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    for (size_t j = 0; j < 2; j++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[j]);
        for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
            CU_ASSERT_EQUAL(chmod(path, modes[i].mode), 0);
            const char *text = text_of("group-key = @/group\n", 1, 3);
            if (modes[i].is_good) {
                accept(text);
            } else {
                refuses(text, "by which others than its owner may open it");
                snprintf(words, sizeof words, "has mode %04o", (unsigned)modes[i].mode);
                expect(said, words);
                snprintf(words, sizeof words, "a.conf:%d: [mesh] %s: '", j == 0 ? 5 : 6,
                         j == 0 ? "identity" : "group-key");
                expect(said, words);
                expect(said, "chmod 600 /tmp/");
            }
        }
        CU_ASSERT_EQUAL(chmod(path, 0600), 0);
    }
}

static void a_group_key_is_one_key(void)
{
#define HEX_64 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    static const char *const bad[] = {"", "7 SHA256 HEX:00\n", "65536 SHA256 HEX:" HEX_64 "\n",
                                      "7 SHA256 HEX:" HEX_64 "\n8 SHA256 HEX:" HEX_64 "\n"};
    const char *text = text_of("group-key = @/group\n", 1, 3);
    write_file("group", "# made by chime keygen\n65535 SHA256 HEX:" HEX_64 "\n");
    hold(text);
    CU_ASSERT_TRUE(held->credentials.has_group);
    CU_ASSERT_EQUAL(held->credentials.group_id, 65535);
    CU_ASSERT_EQUAL(held->credentials.group_key[31], 0x1f);
    write_file("group", "7 " HEX_64 "\n");
    hold(text);
    CU_ASSERT_EQUAL(held->credentials.group_id, 7);
    CU_ASSERT_EQUAL(held->credentials.group_key[31], 0x1f);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        write_file("group", bad[i]);
        refuses(text, "a.conf:6: [mesh] group-key: '");
        expect(said, "accepted: one of 32 octets with an id up to 65535");
    }
    write_file("group", "7 SHA257 HEX:00\n");
    refuses(text, "a.conf:6: [mesh] group-key: '");
    expect(said, "line 1");
}

static void f_follows_from_n(void)
{
    static const struct {
        const char *lines;
        size_t from, to;
        unsigned nodes, faults;
    } good[] = {
        {"", 0, 0, 1, 0},
        {"", 1, 2, 2, 0},
        {"", 1, 3, 3, 1},
        {"", 0, 3, 3, 1},
        {"", 1, 5, 5, 2},
        {"", 0, 4, 4, 1},
        {"faults = 0\n", 0, 5, 5, 0},
        {"faults = 1\n", 0, 5, 5, 1},
        {"faults = 2\n", 1, 5, 5, 2},
        {"view = 4\n", 1, 5, 5, 2},
        {"algorithm = berkeley\n", 1, 5, 5, 2},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        hold(text_of(good[i].lines, good[i].from, good[i].to));
        CU_ASSERT_EQUAL(held->roster.count, good[i].to - good[i].from);
        CU_ASSERT_EQUAL(held->roster.terms.nodes, good[i].nodes);
        CU_ASSERT_EQUAL(held->roster.terms.faults, good[i].faults);
        CU_ASSERT_EQUAL(held->roster.deciding, good[i].nodes);
        CU_ASSERT_EQUAL(held->roster.terms.max_offset_ns, 250 * NS_PER_MS);
    }
    refuses(text_of("faults = 2\n", 1, 4),
            "a.conf:6: [mesh] faults = 2 needs 5 members, 4 are configured (this node included)");
    refuses(text_of("faults = 2\n", 0, 4), "4 are configured (this node included)");
    refuses(text_of("faults = 1\n", 0, 0), "1 is configured (this node included)");
    refuses(text_of("faults = 1\n", 0, 1), "1 is configured (this node included)");
    expect(said, "lower it to 0");
}

/* Who names the same members counts alike, whoever it is. */
static void the_epoch_is_that_of_the_members(void)
{
    hold(text_of("", 1, 4));
    struct membership_terms terms = held->roster.terms;
    CU_ASSERT_NOT_EQUAL(terms.epoch, 0);
    hold(text_of("", 0, 4));
    CU_ASSERT_EQUAL(held->roster.terms.epoch, terms.epoch);
    CU_ASSERT_EQUAL(held->roster.terms.timescale_id, terms.timescale_id);
    hold(text_of("", 0, 5));
    CU_ASSERT_NOT_EQUAL(held->roster.terms.epoch, terms.epoch);
    hold(text_of("faults = 0\n", 0, 4));
    CU_ASSERT_NOT_EQUAL(held->roster.terms.epoch, terms.epoch);
    hold(text_of("max-offset = 1 s\n", 0, 4));
    CU_ASSERT_NOT_EQUAL(held->roster.terms.epoch, terms.epoch);
    write_pem("node.pem", nodes[3]);
    hold(text_of("", 0, 4));
    CU_ASSERT_EQUAL(held->roster.terms.epoch, terms.epoch);
    write_pem("node.pem", nodes[0]);
}

/* Above the size of a view it decides; f is never more than the largest can outvote. */
static void a_large_mesh_is_decided_by_views(void)
{
    static const struct {
        unsigned view, others, deciding, faults;
    } cases[] = {{4, 4, 5, 2},    {4, 5, 4, 1},    {16, 14, 15, 7}, {16, 15, 16, 7},
                 {16, 16, 17, 7}, {16, 17, 16, 7}, {5, 19, 5, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = (size_t)snprintf(large, sizeof large, MESH "view = %u\n", cases[i].view);
        for (unsigned j = 1; j <= cases[i].others; j++) {
            size += (size_t)snprintf(large + size, sizeof large - size,
                                     "[member n%u]\naddress = h%u\npublic-key = ed25519:%064x\n", j,
                                     j, j + 1);
        }
        hold(large);
        CU_ASSERT_EQUAL(held->roster.terms.nodes, cases[i].others + 1);
        CU_ASSERT_EQUAL(held->roster.deciding, cases[i].deciding);
        CU_ASSERT_EQUAL(held->roster.terms.faults, cases[i].faults);
    }
}

static void sync_gets_the_mesh(void)
{
    static struct sync_options options;
    static struct source_options sources[SYNC_SOURCES_MAX];
    hold(text_of("", 1, 5));
    sync_setup(held, &options, sources);
    CU_ASSERT_TRUE(options.mesh.is_on);
    CU_ASSERT_EQUAL(options.mesh.members, 5);
    CU_ASSERT_EQUAL(options.mesh.timescale_id, held->roster.terms.timescale_id);
    CU_ASSERT_FALSE(options.mesh.is_berkeley);
    CU_ASSERT_EQUAL(options.faults, SYNC_FAULTS_AUTO);
    hold(text_of("faults = 1\n", 1, 5));
    sync_setup(held, &options, sources);
    CU_ASSERT_EQUAL(options.faults, 1);
    hold(text_of("algorithm = berkeley\n", 1, 3));
    sync_setup(held, &options, sources);
    CU_ASSERT_TRUE(options.mesh.is_berkeley);
    hold(QUIET "[server]\nlocal-stratum = 10\n");
    sync_setup(held, &options, sources);
    CU_ASSERT_FALSE(options.mesh.is_on);
}

/* Whoever names another node is another, or none; who stays the same keeps what it has. */
static void a_reload_is_of_the_same_node(void)
{
    struct setup *same = load(text_of("", 1, 3));
    CU_ASSERT_PTR_NOT_NULL_FATAL(same);
    hold(text_of("", 1, 4));
    const struct identity *kept = held->credentials.identity;
    CU_ASSERT_TRUE(setup_is_same_node(held, same));
    setup_inherit(held, same);
    CU_ASSERT_PTR_EQUAL(same->credentials.identity, kept);
    CU_ASSERT_PTR_NOT_EQUAL(held->credentials.identity, kept);
    write_pem("node.pem", nodes[4]);
    hold(text_of("", 1, 3));
    CU_ASSERT_FALSE(setup_is_same_node(same, held));
    write_pem("node.pem", nodes[0]);
    hold(QUIET "[server]\nlocal-stratum = 10\n");
    CU_ASSERT_FALSE(setup_is_same_node(same, held));
    CU_ASSERT_FALSE(setup_is_same_node(held, same));
    CU_ASSERT_TRUE(setup_is_same_node(held, held));
    setup_destroy(same);
}

static void keys_are_looked_at(void)
{
    char text[1024];
    snprintf(text, sizeof text,
             MESH "[member a]\naddress = a\npublic-key = %s\n"
                  "[member b]\naddress = b\npublic-key = %s\n",
             TWIN_A, TWIN_B);
    refuses(text, "a.conf:11: [member b]: the id of its key, ");
    expect(said, "begins as that of member a");
    snprintf(text, sizeof text, MESH "[member a]\naddress = a\npublic-key = ed25519:01%062d\n", 0);
    refuses(text, "a.conf:8: [member a] public-key: ");
    snprintf(text, sizeof text, MESH "ca = ed25519:00%062d\n", 0);
    refuses(text, "a.conf:6: [mesh] ca: ");
}

static void write_certificate(size_t node, const struct identity *signer, uint64_t expiry_s)
{
    struct certificate certificate = {.epoch = 1, .expiry_s = expiry_s};
    uint8_t octets[CERTIFICATE_SIZE_MAX];
    char text[CERTIFICATE_TEXT_MAX];
    CU_ASSERT_TRUE_FATAL(
        certificate_node_set_key(&certificate.node, identity_public_key(nodes[node])));
    size_t size = certificate_write(&certificate, signer, NULL, octets);
    CU_ASSERT_TRUE_FATAL(size > 0);
    write_file("cert", certificate_format(bytes_make(octets, size), text));
}

static void a_certificate_is_ours_and_the_cas(void)
{
    const uint64_t far = CERTIFICATE_EXPIRY_MAX;
    const char *text = text_of_ca("certificate = @/cert\n");
    write_certificate(0, ca, far);
    hold(text);
    CU_ASSERT_TRUE(held->credentials.certificate_size >= CERTIFICATE_SIZE_MIN);
    CU_ASSERT_EQUAL(held->credentials.expiry_s, far);
    CU_ASSERT_EQUAL(memcmp(&held->credentials.ca, identity_public_key(ca), IDENTITY_KEY_SIZE), 0);
    CU_ASSERT_PTR_NULL(strstr(logged, "expired"));
    write_certificate(0, ca, 86400);
    warns(text, "a.conf:7: [mesh] certificate: '");
    expect(logged, "expired on 1970-01-02");
    write_certificate(1, ca, far);
    refuses(text, "a.conf:7: [mesh] certificate: '");
    expect(said, "name this node's own");
    write_certificate(0, nodes[1], far);
    refuses(text, "not signed by the CA");
    write_file("cert", "certificate:00\n");
    refuses(text, "a.conf:7: [mesh] certificate: '");
    write_file("cert", keys[0]);
    refuses(text, "a line is expected that begins with certificate:");
    refuses(text_of_ca("certificate = @/none\n"), "a.conf:7: [mesh] certificate: there is no '");
}

/* A membership of the nodes up to that one, of which the last may be revoked instead. */
static void write_membership(size_t count, unsigned total, unsigned faults, bool revokes_last)
{
    static struct membership membership;
    char draft[2048];
    char id[IDENTITY_ID_TEXT_MAX];
    size_t size = (size_t)snprintf(draft, sizeof draft,
                                   "mesh = office\nserial = 1\nnodes = %u\nfaults = %u\n"
                                   "max-offset = 100 ms\n",
                                   total, faults);
    for (size_t i = 0; i < count; i++) {
        bool is_revoked = revokes_last && i == count - 1;
        size += (size_t)snprintf(draft + size, sizeof draft - size,
                                 is_revoked ? "revoked = %s\n" : "member = %s %s west h:%zu\n",
                                 identity_id_format(identity_id(nodes[i]), id), keys[i], i + 1);
    }
    said[0] = '\0';
    CU_ASSERT_TRUE_FATAL(membership_read_draft(draft, "draft", &membership, collect, said));
    char *text = membership_sign(&membership, ca, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    write_file("members", text);
    free(text);
}

static void a_membership_says_who_counts(void)
{
    static struct sync_options options;
    static struct source_options sources[SYNC_SOURCES_MAX];
    char lines[1024];
    write_membership(4, 4, 1, false);
    hold(text_of_ca("membership = @/members\n"));
    CU_ASSERT_EQUAL_FATAL(held->roster.count, 4);
    CU_ASSERT_EQUAL(held->roster.terms.nodes, 4);
    CU_ASSERT_EQUAL(held->roster.terms.faults, 1);
    CU_ASSERT_EQUAL(held->roster.terms.max_offset_ns, 100 * NS_PER_MS);
    sync_setup(held, &options, sources);
    CU_ASSERT_EQUAL(options.faults, 1);
    CU_ASSERT_EQUAL(options.mesh.members, 4);
    CU_ASSERT_STRING_EQUAL(held->roster.items[0].domain, "west");
    CU_ASSERT_STRING_EQUAL(held->roster.items[0].address.host, "h");
    CU_ASSERT_STRING_EQUAL(logged, "");
    /* A section says where a member is; who is not in the document is admitted, and changes no n.
     */
    snprintf(lines, sizeof lines, "ca = %s\nmembership = @/members\nfaults = 1\n", keys[NODES]);
    hold(text_of(lines, 3, 5));
    CU_ASSERT_EQUAL_FATAL(held->roster.count, 5);
    CU_ASSERT_STRING_EQUAL(held->roster.items[0].name, "n3");
    CU_ASSERT_STRING_EQUAL(held->roster.items[0].address.host, "h3");
    CU_ASSERT_STRING_EQUAL(held->roster.items[0].domain, "west");
    CU_ASSERT_EQUAL(held->roster.terms.nodes, 4);
}

static void a_membership_and_its_mesh_agree(void)
{
    char lines[1024];
    write_membership(5, 5, 2, false);
    accept(text_of_ca("membership = @/members\nmax-offset = 100 ms\nfaults = 2\nview = 5\n"));
    refuses(text_of_ca("membership = @/members\nfaults = 1\n"), "a.conf:8: [mesh] faults = 1: '");
    expect(said, "has 2, by which all members count");
    refuses(text_of_ca("membership = @/members\nmax-offset = 250 ms\n"),
            "a.conf:8: [mesh] max-offset = 250 ms: '");
    expect(said, "has 100 ms");
    accept(text_of_ca("membership = @/members\nview = 4\n"));
    refuses(text_of_ca("membership = @/members\nalgorithm = berkeley\n"), "tolerates none");
    write_membership(5, 5, 0, false);
    accept(text_of_ca("membership = @/members\nalgorithm = berkeley\n"));
    refuses(text_of_ca("membership = @/members\nalgorithm = berkeley\ngamma = 51 ms\n"),
            "has max-offset = 100 ms, and gamma = 51 ms averages clocks that are up to 102 ms");
    write_membership(1, 20, 3, false);
    accept(text_of_ca("membership = @/members\nview = 7\n"));
    refuses(text_of_ca("membership = @/members\nview = 6\n"),
            "needs a view of 7 members, view = 6");
    write_membership(1, 1, 0, true);
    refuses(text_of_ca("membership = @/members\n"), "revokes the key of this node");
    write_membership(4, 4, 1, true);
    snprintf(lines, sizeof lines, "ca = %s\nmembership = @/members\n", keys[NODES]);
    refuses(text_of(lines, 3, 4), "a.conf:8: [member n3]: '");
    expect(said, "revokes its key");
    write_file("members", "truechimer membership 1\n");
    refuses(text_of_ca("membership = @/members\n"), "a.conf:7: [mesh] membership: '");
}

static void what_hardly_works_is_a_warning(void)
{
    warns(text_of("", 1, 2), "the mesh has n = 2 and f = 0: it stands no liar");
    accept(text_of("algorithm = berkeley\n", 1, 2));
    CU_ASSERT_STRING_EQUAL(logged, "");
    warns(text_of_ca("join = h\n"), "join and discover find members, and don't make them count");
    expect(logged, "ca without certificate");
    warns("[clock]\ncontrol = virtual\n[mesh]\nidentity = @/node.pem\n",
          "a.conf:4: [mesh] identity: there is no state-dir");
    if (geteuid() == 0) {
        warns(text_of("[server]\nuser = nobody\n", 1, 3), "is not nobody's, who can't read it");
    }
}

static void end(void)
{
    static const char *const names[] = {"a.conf", "node.pem", "other", "group",
                                        "cert",   "members",  "log"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
    for (size_t i = 0; i < NODES; i++) {
        identity_destroy(nodes[i]);
    }
    identity_destroy(ca);
    setup_destroy(held);
}

static const struct unit_case cases[] = {
    {"a folder is made", begin},
    {"without a mesh nothing is held", without_a_mesh_nothing_is_held},
    {"an identity is read", an_identity_is_read},
    {"secrets are their owners' alone", secrets_are_their_owners_alone},
    {"a group key is one key", a_group_key_is_one_key},
    {"f follows from n", f_follows_from_n},
    {"the epoch is that of the members", the_epoch_is_that_of_the_members},
    {"a large mesh is decided by views", a_large_mesh_is_decided_by_views},
    {"sync gets the mesh", sync_gets_the_mesh},
    {"a reload is of the same node", a_reload_is_of_the_same_node},
    {"keys are looked at", keys_are_looked_at},
    {"a certificate is ours and the CA's", a_certificate_is_ours_and_the_cas},
    {"a membership says who counts", a_membership_says_who_counts},
    {"a membership and its mesh agree", a_membership_and_its_mesh_agree},
    {"what hardly works is a warning", what_hardly_works_is_a_warning},
    {"the folder is removed", end},
};
UNIT_MAIN("setup_mesh", cases)
