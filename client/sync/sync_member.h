/* SPDX-License-Identifier: MIT */
/* sync_member.h - the sync engine among the members of a mesh: each of them is a source, of kind
 * SOURCE_MEMBER, which comes and goes while the engine runs.
 *
 * A member is asked as a server is, by requests in mode 3. What its answers say goes through the
 * mesh first, which opens them: the engine makes samples of what sync_member_receive() hands over,
 * and of nothing that came by sync_handle(). A member stays what it is over sync_configure().
 *
 * UTC: members that vouch for an interval of it are held against each other and against servers,
 * as sync.h says; our own aged interval is one more voice. All that were added count in n, silent
 * or not, but those that are convicted; each of these takes one of f along. In the estimate count
 * only members that lead to UTC over fewer hops than we do, or circles would follow themselves: an
 * interval gets no narrower on its way round, an estimate gets no worse. Who loses its way to UTC
 * is in holdover for at least eight polls before it takes a longer one.
 *
 * Without UTC: see meshtime.h. The mesh's time is agreed by more than half of the members that
 * mesh.members counts; the condition is SYNC_MESH then, and nothing is said of UTC to anybody. */
#ifndef CLIENT_SYNC_SYNC_MEMBER_H
#define CLIENT_SYNC_SYNC_MEMBER_H
#include "client/sync/sync.h"
#include "common/base/member.h"

/* Adds a member as a source: options->kind is SOURCE_MEMBER, options->member its id, neither 0 nor
 * there already; host, port and the rest are as other sources'. Its verdict is MEMBER_AT_FIRST.
 * False, and a sentence in error, if there is no room, no memory, or the id is known. */
bool sync_member_add(struct sync *sync, const struct source_options *options, struct mono now,
                     char error[SYNC_ERROR_MAX]) MUST_CHECK;
/* How many the mesh has, ourselves included; above 16: of the view. Starts as mesh.members. */
void sync_member_total(struct sync *sync, unsigned members);
/* Its socket is closed by the actions of the next event: sync_deadline() is due. */
void sync_member_drop(struct sync *sync, uint64_t id, struct mono now);

/* 0: no member's. */
uint64_t sync_member_of(const struct sync *sync, uint32_t association);
/* 0: none yet, or not connected. */
uint32_t sync_member_association(const struct sync *sync, uint64_t id);
/* NULL: unresolved, or unknown. Until the next call that is not const. */
const struct address *sync_member_address(const struct sync *sync, uint64_t id);

/* An authentic answer of that member: event->datagram is stripped to the 48 octets of its header,
 * and has the member's association. claim stands in place of all that the header says of the
 * member's clock but its four timestamps. */
void sync_member_receive(struct sync *sync, uint64_t id, const struct event *event,
                         const struct member_claim *claim, struct actions *out);
/* Asks it count times, beginning now, as far as it is connected and may be asked quickly. */
void sync_member_hurry(struct sync *sync, uint64_t id, unsigned count, struct mono now);
/* A round of its judgement, once for each new sample: without its own voice, and with f as it is.
 */
enum member_trial sync_member_try(struct sync *sync, uint64_t id, struct mono now);
/* All zero and is_silent for an id that is unknown. */
void sync_member_measured(const struct sync *sync, uint64_t id, struct reading now,
                          struct member_measure *measure);
/* What the mesh thinks of members; those that are not mentioned keep what they had, and those that
 * are not added are passed over. */
void sync_member_weigh(struct sync *sync, const struct member_verdict *verdicts, size_t count);

/* Are more members lost than may lie? While they are, what was known of UTC only grows old, unless
 * servers suffice by themselves. */
void sync_member_budget(struct sync *sync, bool is_spent);

/* What we say of ourselves. before_ns and after_ns may be negative, not both together: the clock
 * that is served need not lie inside the interval. */
void sync_own_claim(const struct sync *sync, struct reading now, struct own_claim *claim);
/* The interval of the mesh's own time, where SYNC_MESH holds: each honest member's clock lies in
 * it. False, and *interval untouched, without. */
bool sync_mesh_interval(const struct sync *sync, struct mono now,
                        struct interval *interval) MUST_CHECK;
/* Berkeley (mesh.is_berkeley): the coordinator says that our clock was offset_ns behind at `at`;
 * sd_ns is how sure it is. */
void sync_follow_difference(struct sync *sync, struct mono at, double offset_ns, double sd_ns,
                            struct reading now, struct actions *out);
#endif
