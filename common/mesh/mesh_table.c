/* SPDX-License-Identifier: MIT */
/* Who is a member, and with whom we talk. */
#include "common/mesh/mesh_inner.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Views are drawn for so many polls after a time was found: rates are known later than offsets. */
#define YOUNG_POLLS 16
/* So long a member that never answered is looked for at one place, if there are two. */
#define HINT_NS_MIN (64 * NS_PER_S)
#define HINT_POLLS 4
#define MISSED_MIN 8 /* requests in a row that a member left unanswered */
/* So long a member that is silent makes room for others. */
#define POOR_NS (600 * NS_PER_S)

size_t mesh_find(const struct mesh *mesh, uint64_t id)
{
    for (size_t i = 0; i < mesh->count; i++) {
        if (mesh->members[i].id == id) {
            return i;
        }
    }
    return MESH_NOBODY;
}

size_t mesh_find_tag(const struct mesh *mesh, uint32_t tag)
{
    for (size_t i = 0; i < mesh->count; i++) {
        if (identity_tag(mesh->members[i].id) == tag) {
            return i;
        }
    }
    return MESH_NOBODY;
}

bool mesh_is_member(const struct mesh *mesh, size_t member)
{
    return member != MESH_NOBODY && !mesh->members[member].is_revoked &&
           !mesh->members[member].has_expired;
}

struct mesh_contact *mesh_contact_of(const struct mesh *mesh, size_t member)
{
    uint8_t contact = member != MESH_NOBODY ? mesh->members[member].contact : 0;
    return contact > 0 ? mesh->contacts[contact - 1] : NULL;
}

void mesh_contact_drop(struct mesh *mesh, size_t index)
{
    struct mesh_contact *contact = mesh->contacts[index];
    if (contact != NULL) {
        mesh->members[contact->member].contact = 0;
        pairing_clear(&contact->pairing);
        free(contact);
        mesh->contacts[index] = NULL;
        mesh->gate_version++;
    }
}

/* Who was found out stays so: it is not forgotten because others come. */
static bool is_held(const struct verdict *verdict, struct mono now)
{
    return verdict->underneath == VERDICT_CONVICTED ||
           (verdict->underneath == VERDICT_EXCLUDED && now.ns < verdict->cooled.ns);
}

/* A free place, or that of whoever is not asked and was silent longest. Who was heard in this very
 * event is the sender of what is being taken: its contact is in use. */
static size_t find_place(const struct mesh *mesh, struct mono now)
{
    size_t oldest = MESH_NOBODY;
    for (size_t i = 0; i < MESH_CONTACTS_MAX; i++) {
        const struct mesh_contact *contact = mesh->contacts[i];
        if (contact == NULL) {
            return i;
        }
        if (!mesh->members[contact->member].is_seated && contact->heard.ns < now.ns &&
            !is_held(&contact->verdict, now) &&
            (oldest == MESH_NOBODY || contact->heard.ns < mesh->contacts[oldest]->heard.ns)) {
            oldest = i;
        }
    }
    return oldest;
}

struct mesh_contact *mesh_contact_make(struct mesh *mesh, size_t member, struct mono now)
{
    struct mesh_contact *contact = mesh_contact_of(mesh, member);
    if (contact != NULL) {
        return contact;
    }
    size_t place = find_place(mesh, now);
    contact = place != MESH_NOBODY ? calloc(1, sizeof(*contact)) : NULL;
    if (contact == NULL ||
        !pairing_init(&contact->pairing, &mesh->members[member].key, mesh->members[member].epoch)) {
        free(contact);
        return NULL;
    }
    mesh_contact_drop(mesh, place);
    contact->member = member;
    contact->handshake_at = now;
    contact->heard = now;
    contact->requests.at = now;
    contact->handshakes.at = now;
    contact->renewals.at = now;
    contact->post.at = now;
    contact->requests.tokens = -1;
    contact->handshakes.tokens = -1;
    contact->renewals.tokens = -1;
    contact->post.tokens = -1;
    verdict_init(&contact->verdict, now);
    /* What was told to another one that had the place. */
    for (size_t i = 0; i < MESH_LETTERS_MAX; i++) {
        mesh->letters[i].told[place] = 0;
    }
    mesh->contacts[place] = contact;
    mesh->members[member].contact = (uint8_t)(place + 1);
    return contact;
}

bool mesh_bucket_take(struct mesh_bucket *bucket, double per_s, double most, struct mono now)
{
    double gained = (double)(now.ns - bucket->at.ns) / (double)NS_PER_S * per_s;
    double tokens = bucket->tokens < 0 ? most : bucket->tokens + gained;
    bucket->tokens = tokens < most ? tokens : most;
    bucket->at = now;
    if (bucket->tokens < 1) {
        return false;
    }
    bucket->tokens -= 1;
    return true;
}

/* FNV-1a. */
uint32_t mesh_domain_of(const char *word)
{
    uint32_t hash = 2166136261U;
    for (const char *letter = word; *letter != '\0'; letter++) {
        hash = (hash ^ (uint8_t)*letter) * 16777619U;
    }
    return word[0] == '\0' ? 0 : hash;
}

void mesh_raise_epoch(struct mesh_member *member, uint16_t epoch)
{
    if (epoch > member->epoch) {
        member->epoch = epoch;
        member->incarnation = 0;
    }
}

static void remember(const struct mesh_options *options, struct mesh_member *member)
{
    for (size_t i = 0; i < options->memory_count; i++) {
        if (options->memories[i].id == member->id) {
            member->incarnation = options->memories[i].incarnation;
            member->epoch = options->memories[i].epoch;
        }
    }
}

/* One more, or one whose certificate has expired, and who is forgotten. */
static size_t find_room(struct mesh *mesh)
{
    if (mesh->count < MESH_MEMBERS_MAX) {
        return mesh->count++;
    }
    for (size_t i = 0; i < mesh->count; i++) {
        struct mesh_member *member = &mesh->members[i];
        if (member->has_expired) {
            if (member->contact > 0) {
                mesh_contact_drop(mesh, (size_t)member->contact - 1);
            }
            free(member->certified);
            mesh->view_version++;
            return i;
        }
    }
    return MESH_NOBODY;
}

struct mesh_member *mesh_admit(struct mesh *mesh, const struct public_key *key, uint64_t id)
{
    if (identity_tag(id) == identity_tag(mesh->id) ||
        mesh_find_tag(mesh, identity_tag(id)) != MESH_NOBODY) {
        return NULL;
    }
    size_t room = find_room(mesh);
    if (room == MESH_NOBODY) {
        return NULL;
    }
    struct mesh_member *member = &mesh->members[room];
    *member = (struct mesh_member){.id = id, .key = *key, .option = MESH_NOBODY};
    remember(&mesh->options, member);
    return member;
}

bool mesh_is_revoked(const struct mesh *mesh, uint64_t id)
{
    for (size_t i = 0; i < mesh->options.revoked_count; i++) {
        if (mesh->options.revoked[i] == id) {
            return true;
        }
    }
    return false;
}

bool mesh_table_build(struct mesh *mesh, const struct mesh_options *options,
                      char error[MESH_ERROR_MAX])
{
    for (size_t i = 0; i < options->member_count; i++) {
        const struct mesh_member_options *given = &options->members[i];
        uint64_t id;
        if (!public_key_id(&given->key, &id)) {
            snprintf(error, MESH_ERROR_MAX, "the crypto library gives no SHA-256");
            return false;
        }
        if (id == mesh->id) {
            continue; /* a file may be the same for all members */
        }
        struct mesh_member *member = mesh_admit(mesh, &given->key, id);
        if (member == NULL) {
            char text[IDENTITY_ID_TEXT_MAX];
            snprintf(error, MESH_ERROR_MAX,
                     "[member %.40s]: its id %s begins as another member's does, or there are more "
                     "than %d: make it another key, with 'chime keygen --node'",
                     given->name, identity_id_format(id, text), MESH_MEMBERS_MAX);
            return false;
        }
        member->option = i;
        mesh_raise_epoch(member, given->epoch);
        member->domain = mesh_domain_of(given->domain);
        member->is_revoked = mesh_is_revoked(mesh, id);
        if (!address_parse(given->host, given->port, &member->address)) {
            member->address.family = ADDRESS_NONE;
        }
    }
    return true;
}

/* What the operator says of where it is, or else the CA. */
static bool find_told(const struct mesh *mesh, const struct mesh_member *member,
                      struct mesh_seat *seat)
{
    const struct mesh_member_options *given =
        member->option != MESH_NOBODY ? &mesh->options.members[member->option] : NULL;
    if (given != NULL && given->host[0] != '\0') {
        snprintf(seat->host, sizeof(seat->host), "%s", given->host);
        seat->port = given->port;
        return true;
    }
    const struct mesh_certified *certified = member->certified;
    if (certified != NULL && certified->certificate.node.port != 0) {
        snprintf(seat->host, sizeof(seat->host), "%s", certified->certificate.node.host);
        seat->port = certified->certificate.node.port;
        return true;
    }
    return false;
}

/* Where it is to be asked. False: nobody knows. */
static bool find_host(const struct mesh *mesh, const struct mesh_member *member,
                      struct mesh_seat *seat)
{
    if (!member->is_by_hint && !member->is_moved && find_told(mesh, member, seat)) {
        return true;
    }
    struct address host = member->is_by_hint ? member->hint : member->address;
    char text[ADDRESS_TEXT_MAX];
    if (host.family == ADDRESS_NONE) {
        return false;
    }
    seat->port = host.port;
    host.port = 0;
    snprintf(seat->host, sizeof(seat->host), "%s", address_format(&host, text));
    return true;
}

bool mesh_has_place(const struct mesh *mesh, const struct mesh_member *member)
{
    struct mesh_seat seat;
    return find_host(mesh, member, &seat);
}

/* For a while: then it may have changed. */
static bool is_poor(const struct mesh_contact *contact, struct mono now)
{
    const struct verdict *verdict = &contact->verdict;
    switch (verdict_state(verdict)) {
    case VERDICT_CONVICTED:
        return true;
    case VERDICT_EXCLUDED:
        return now.ns < verdict->cooled.ns;
    case VERDICT_UNREACHABLE:
        return now.ns - verdict->since.ns < POOR_NS;
    default:
        return false;
    }
}

static struct view_candidate candidate_of(const struct mesh *mesh, size_t index, struct mono now)
{
    const struct mesh_member *member = &mesh->members[index];
    const struct mesh_contact *contact = mesh_contact_of(mesh, index);
    struct view_candidate candidate = {
        .tag = identity_tag(member->id),
        .domain = member->domain,
        .delay_ns = member->delay_ns > 0 ? member->delay_ns : VIEW_UNKNOWN,
        .width_ns = VIEW_UNKNOWN,
        .is_available = mesh_has_place(mesh, member) && mesh_is_member(mesh, index) &&
                        !member->has_left && !mesh->options.is_lost,
        .slot = member->slot,
        .drawn = member->drawn,
    };
    if (contact != NULL) {
        candidate.is_poor = is_poor(contact, now);
        candidate.report = contact->has_report ? &contact->report : NULL;
    }
    if (candidate.report != NULL && report_is_bounded(candidate.report)) {
        candidate.width_ns = report_width_to_ns(candidate.report->before_f28) +
                             report_width_to_ns(candidate.report->after_f28);
    }
    return candidate;
}

/* Near ones would agree among each other first, on rates as on the time. */
static bool is_young(const struct mesh *mesh, struct mono now)
{
    int64_t poll_ns =
        NS_PER_S * (INT64_C(1) << (mesh->options.poll_min > 0 ? mesh->options.poll_min : 0));
    return !mesh->has_found_time || now.ns - mesh->found_time.ns < YOUNG_POLLS * poll_ns;
}

void mesh_table_seat(struct mesh *mesh, struct mono now)
{
    struct view_candidate candidates[MESH_MEMBERS_MAX];
    struct view_options options = {.size = mesh->options.view_size,
                                   .faults = mesh->options.faults,
                                   .is_young = is_young(mesh, now)};
    bool is_changed = false;
    for (size_t i = 0; i < mesh->count; i++) {
        candidates[i] = candidate_of(mesh, i, now);
    }
    view_choose(&options, candidates, mesh->count, mesh->random, now);
    for (size_t i = 0; i < mesh->count; i++) {
        struct mesh_member *member = &mesh->members[i];
        bool is_seated = candidates[i].slot != VIEW_OUT;
        is_changed |= is_seated != member->is_seated;
        member->is_seated = is_seated;
        member->slot = candidates[i].slot;
        member->drawn = candidates[i].drawn;
    }
    mesh->view_version += is_changed;
}

size_t mesh_seats(const struct mesh *mesh, struct mesh_seat seats[MESH_VIEW_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < mesh->count && count < MESH_VIEW_MAX; i++) {
        const struct mesh_member *member = &mesh->members[i];
        if (!member->is_seated) {
            continue;
        }
        struct mesh_seat *seat = &seats[count++];
        *seat = (struct mesh_seat){.id = member->id};
        char text[IDENTITY_ID_TEXT_MAX];
        snprintf(seat->name, sizeof(seat->name), "%s", mesh_name_of(mesh, i, text));
        (void)find_host(mesh, member, seat);
    }
    return count;
}

void mesh_take_hint(struct mesh *mesh, size_t index, const struct address *address, struct mono now)
{
    struct mesh_member *member = &mesh->members[index];
    const struct mesh_member_options *given =
        member->option != MESH_NOBODY ? &mesh->options.members[member->option] : NULL;
    if (member->has_answered || member->hint.family != ADDRESS_NONE ||
        (given != NULL && given->host[0] != '\0') || address_is_same(&member->address, address)) {
        return;
    }
    member->is_by_hint = !mesh_has_place(mesh, member);
    member->hint = *address;
    member->placed = now;
    mesh->view_version += member->is_by_hint;
}

/* Who is not where it was looked for is looked for elsewhere at once. */
static void change_place(struct mesh *mesh, size_t index, struct mono now)
{
    struct mesh_member *member = &mesh->members[index];
    struct mesh_contact *contact = mesh_contact_of(mesh, index);
    if (member->is_by_hint) {
        member->hint.family = ADDRESS_NONE; /* another one may be better */
    }
    member->is_by_hint = !member->is_by_hint;
    member->placed = now;
    mesh->view_version++;
    if (contact != NULL) {
        contact->handshake_at = now;
        contact->handshake_tries = 0;
    }
}

void mesh_try_hints(struct mesh *mesh, struct mono now)
{
    int64_t most_ns = HINT_POLLS * timestamp_log2_to_ns(mesh->options.poll_min);
    most_ns = most_ns > HINT_NS_MIN ? most_ns : HINT_NS_MIN;
    for (size_t i = 0; i < mesh->count; i++) {
        const struct mesh_member *member = &mesh->members[i];
        if (member->is_seated && !member->has_answered && member->hint.family != ADDRESS_NONE &&
            now.ns - member->placed.ns >= most_ns) {
            change_place(mesh, i, now);
        }
    }
}

void mesh_confirm_place(struct mesh *mesh, size_t index)
{
    struct mesh_member *member = &mesh->members[index];
    if (member->is_by_hint) {
        member->address = member->hint;
        member->is_moved = true;
    }
    member->has_answered = true;
    member->is_by_hint = false;
    member->hint.family = ADDRESS_NONE;
}

bool mesh_is_missed(const struct mesh *mesh, uint64_t id)
{
    size_t member = mesh_find(mesh, id);
    const struct mesh_contact *contact = mesh_contact_of(mesh, member);
    return contact != NULL && mesh->members[member].has_answered &&
           contact->unanswered >= MISSED_MIN;
}

void mesh_move(struct mesh *mesh, uint64_t id, const struct address *address)
{
    size_t member = mesh_find(mesh, id);
    if (member != MESH_NOBODY) {
        mesh->members[member].address = *address;
        mesh->members[member].is_moved = true;
        mesh->view_version++;
    }
}

/* Whoever said goodbye is not where it was: if it spoke from there, and now from elsewhere, it is
 * asked there at once. A name is looked up anew instead. */
void mesh_take_speech(struct mesh *mesh, size_t index, const struct address *source, bool had_left,
                      struct mono now)
{
    struct mesh_member *member = &mesh->members[index];
    bool is_elsewhere = member->spoke_from.family != ADDRESS_NONE &&
                        !address_is_same_host(&member->spoke_from, source);
    member->spoke_from = *source;
    if (!had_left || member->has_left) {
        return;
    }
    if (is_elsewhere && member->has_answered && member->address.family != ADDRESS_NONE) {
        struct address moved = *source;
        moved.port = member->address.port;
        mesh_move(mesh, member->id, &moved);
    }
    mesh_table_seat(mesh, now);
}

enum mesh_post_verdict mesh_take_leave(struct mesh *mesh, struct mesh_contact *contact,
                                       struct mono now, struct actions *out)
{
    struct mesh_member *member = &mesh->members[contact->member];
    char text[IDENTITY_ID_TEXT_MAX];
    member->has_left = true;
    actions_report(out, REPORT_NOTICE, "mesh: %s says goodbye",
                   mesh_name_of(mesh, contact->member, text));
    mesh_table_seat(mesh, now);
    return MESH_POST_TAKEN;
}
