/* SPDX-License-Identifier: MIT */
#include "client/cli/glossary.h"

static const struct glossary_entry entries[] = {
    {"offset",
     "How far a source's clock is from ours: the source's time less our time. '+' means that our "
     "clock is behind, '-' that it is ahead. It is measured with four timestamps: when the request "
     "left us, reached the source, when the answer left it, and reached us.",
     "delay|bound|estimate"},
    {"delay|round trip|rtt",
     "How long a request and its answer were under way together, without the time that the source "
     "took. Nobody can tell how it divides between the two directions, so half of it is the least "
     "error that one exchange can claim.",
     "offset|root delay|asymmetry"},
    {"asymmetry|asymmetric path",
     "A path that takes longer in one direction than in the other. Half of the difference shows as "
     "an offset that no statistics can find, but it never exceeds half the delay: the bound holds "
     "it. A known asymmetry is corrected by 'offset = ...' of the source.",
     "delay|bound"},
    {"jitter",
     "How the samples of a source scatter about its estimate, as a standard deviation. Queues on "
     "the "
     "way make it, and busy machines.",
     "estimate|delay"},
    {"estimate",
     "The statistically best guess of the offset and the rate, with its standard deviation. It "
     "steers the clock. It is a guess and no bound: what must be right rests on the interval.",
     "interval|jitter|rate"},
    {"interval|earliest|latest",
     "Two times that hold the truth between them: what a program may rest its correctness on. It "
     "is "
     "built from bounds alone - a request can't arrive before it was sent, nor can an answer - "
     "from "
     "what the sources vouch for, from the drift class, and from the number of sources that may "
     "lie. It grows while nobody answers.",
     "bound|drift class|faults|epoch"},
    {"bound|maximum error",
     "The most that a clock may be wrong, as half the width of its interval. It holds while at "
     "most "
     "f sources lie and the clock drifts no more than its class says. Not to be confused with the "
     "standard deviation of the estimate, which is usually much smaller and guarantees nothing.",
     "interval|estimate|root distance"},
    {"root distance|rootdist|synchronisation distance",
     "The most that a source can be wrong as seen from here: half of all delays on the way to the "
     "reference clock (the source's root delay and ours to the source), plus the root dispersion, "
     "plus what has been added for age. A source beyond 'max-distance' (3 s if not configured) is "
     "not used: it is 'distant'.",
     "root delay|root dispersion|distant|max-distance"},
    {"root delay",
     "The round trips from a server to its reference clock, all added up. Half of it is a part of "
     "the server's error bound.",
     "root distance|delay"},
    {"root dispersion|dispersion",
     "What a server admits as its error beyond the delays: of its clock's reading, and of drifting "
     "since it was last corrected. It grows by 15 ppm of the time that passes (RFC 5905), which "
     "gives it the look of a saw.",
     "root distance"},
    {"max-distance|maxdistance",
     "A setting: sources whose root distance is larger are not used. Raise it for a server that is "
     "known to be better than it claims, such as a Windows domain controller or a lab server "
     "without a good source of its own.",
     "root distance|distant"},
    {"stratum",
     "The number of servers between a clock and its reference: 1 is a server with a reference "
     "clock "
     "of its own, 2 asks one of those. 16 (on the wire 0) says 'not synchronised'. A lower stratum "
     "is nearer to the reference, not necessarily better.",
     "refid|unsynchronised"},
    {"refid|reference|reference id|reference identifier",
     "What a server follows. At stratum 1 the name of the clock, such as GPS or PPS; above that "
     "the "
     "IPv4 address of its source, or four octets of a digest of an IPv6 address. It shows loops: a "
     "server that follows us names us.",
     "stratum|loop"},
    {"reach|reachability",
     "How many of the last eight requests were answered by a usable reply. chronyc shows the same "
     "as "
     "an octal number, where 377 is all eight.",
     "unreachable|poll"},
    {"poll|polling interval",
     "The time between two requests to a source, a power of two of seconds. It moves within "
     "what 'poll' of the source allows: quick while there is something to learn, slow when the "
     "clock is known well.",
     "burst|iburst|reach"},
    {"burst",
     "A few requests in quick succession, to learn sooner. 'chime burst' asks for one; 'iburst' of "
     "a "
     "source does so at the start and after an outage, 'burst' at each poll.",
     "poll|iburst"},
    {"iburst",
     "An option of a source: the first requests come 2 s apart, so that the clock is set in "
     "seconds, "
     "not minutes.",
     "burst|poll"},
    {"pool",
     "A kind of source: a name that stands for many servers. Several of its addresses are used at "
     "once, and a bad one is replaced by another.",
     "server|unresolved"},
    {"server", "A kind of source: a server that is asked and does not ask back.", "pool|peer"},
    {"peer|symmetric mode",
     "A kind of source: two servers that each ask the other and may follow each other, whichever "
     "is "
     "nearer to a reference.",
     "orphan|loop"},
    {"broadcast|broadcast-client",
     "A kind of source: a server sends its time to everybody on a network, and clients listen. "
     "Without a question of its own a client can't tell how long the way is, so it asks a few "
     "times "
     "first. It takes a key, or anybody could set the clock.",
     "server"},
    {"frequency",
     "By how much the clock is made to run faster (+) or slower (-) than the machine's oscillator, "
     "in ppm: the rate that corrects the oscillator, and what a slew adds for the moment.",
     "ppm|rate|slew"},
    {"rate",
     "How much faster (+) or slower (-) true time runs than the machine's oscillator, in ppm, as "
     "far as it was learned. A crystal is off by 10 to 50 ppm, and moves by 1 ppm or so with the "
     "temperature.",
     "frequency|ppm|skew"},
    {"skew", "How sure the rate is: its standard deviation, in ppm.", "rate|drift class"},
    {"ppm|parts per million",
     "One part in a million: a clock that is off by 1 ppm gains or loses 1 us each second, 86 ms a "
     "day.",
     "rate|frequency"},
    {"step",
     "To set a clock at once, so that time jumps. chimed steps only at the start (an offset beyond "
     "'step'), after 'chime accept', and for 'chime step': programs may trip over time that goes "
     "back.",
     "slew|panic"},
    {"slew",
     "To let a clock run a little faster or slower until an offset is gone. Time never jumps and "
     "never goes back.",
     "step|frequency"},
    {"drift class|drift|normal|strict|learned",
     "What is assumed of the oscillator between two answers: 'normal' takes the error of the "
     "learned "
     "rate and lets it stray at most 15 ppm, 'strict' takes 50 ppm whatever was learned. Until a "
     "rate is learned 'drift-start' counts, 500 ppm. The interval grows at that rate, and holds as "
     "long as the assumption does.",
     "interval|rate"},
    {"faults|f|liars|quorum",
     "How many sources may lie without doing harm. Of n sources n - f must agree, or the clock is "
     "not corrected: f = 1 needs at least 3 sources to tell who is wrong. Without 'faults = ...' "
     "it "
     "is the largest minority.",
     "falseticker|truechimer|interval"},
    {"truechimer",
     "A source whose interval meets what the others agree on (the word is RFC 5905's): the "
     "opposite "
     "of a falseticker.",
     "falseticker|faults"},
    {"epoch",
     "A number that grows when what was vouched for no longer holds: the machine slept or was "
     "moved, "
     "somebody else set the clock, or the interval proved wrong. Within an epoch the interval's "
     "earliest time never goes back.",
     "interval|void"},
    {"void",
     "An interval is void when the oscillator did not count all the time, as in a suspended "
     "machine, "
     "or when somebody else set the clock. A new one is built from new answers at once.",
     "epoch|suspend"},
    {"suspend|migration",
     "A machine that sleeps, or is moved to another host, loses time without noticing. chimed "
     "notices, drops what it vouched for, and asks anew.",
     "void|epoch"},
    {"shadow|shadow clock",
     "A clock of chimed's own: a line over the oscillator that it steers in place of the system's "
     "clock, where it may not or shall not touch that ('control = shadow', or no CAP_SYS_TIME). "
     "What it serves is right all the same; programs on this machine see the system's clock.",
     "control|virtual|CAP_SYS_TIME"},
    {"virtual",
     "'control = virtual': a clock with a fault that is built in, for trials and demonstrations.",
     "shadow|control"},
    {"control|system",
     "What chimed steers: 'system' the clock of the machine, 'shadow' one of its own, 'virtual' "
     "one "
     "with a fault; 'auto' the machine's if it may.",
     "shadow|CAP_SYS_TIME"},
    {"CAP_SYS_TIME|cap sys time",
     "The right to set the clock of the machine. Containers often lack it ('--cap-add SYS_TIME' "
     "gives it); without it chimed runs on a shadow clock.",
     "shadow|control"},
    {"leap second|leap",
     "A second that is inserted at the end of a UTC day (at most twice a year), so that UTC keeps "
     "up with the earth; or one that is left out, which never happened yet. It is known from the "
     "published list (leap-list), or else from most of the sources, which announce it on the day "
     "itself, the last of June or December. Inserted, 23:59:59 lasts two seconds. The kernel does "
     "it, or it is smeared (leap =). For 5 s before and after it no source is asked.",
     "smear|TAI|insert|delete"},
    {"insert", "A leap second comes at the end of this UTC day: it has 86,401 s.", "leap second"},
    {"delete", "The last second of this UTC day is left out: it has 86,399 s.", "leap second"},
    {"smear|leap smear",
     "To spread a leap second over hours, by a clock that runs a little slow, so that nobody sees "
     "23:59:60. All servers of a client must do the same, or they disagree by up to a second.",
     "leap second"},
    {"TAI|tai offset",
     "International atomic time, which has no leap seconds. TAI - UTC is 37 s since 2017.",
     "leap second"},
    {"interleaved|interleaved mode",
     "Each answer carries the time at which the answer before really left (RFC 9769): that is "
     "known "
     "exactly only afterwards. It removes what the server's machine adds to the jitter.",
     "timestamp|jitter"},
    {"timestamp|stamps|daemon|kernel|hardware",
     "Who noted when a packet left or came: the daemon (off by as long as the machine is busy), "
     "the "
     "kernel (microseconds), or the network card (better still).",
     "interleaved|jitter"},
    {"kiss of death|kiss|kod|kiss code",
     "An answer without time, by which a server says: RATE (ask less often), DENY or RSTR (don't "
     "ask at all). chimed obeys one that returns the request's own random number: nobody else "
     "could "
     "have sent it.",
     "denied|rate limit"},
    {"rate limit|rate-limit",
     "How often a client is answered. Who asks more often gets some answers, some kisses, and "
     "mostly "
     "nothing.",
     "kiss of death|rate limited"},
    {"key|authentication|mac|symmetric key",
     "A secret that two machines share. A request and its answer are signed with it (a MAC), so "
     "that "
     "nobody on the way can forge time. 'chime keygen' makes some.",
     "crypto-NAK|MAC bad"},
    {"weight",
     "How much a source counts in the estimate: by how exact it is, with a cap, so that no single "
     "source decides.",
     "estimate|combined"},
    {"prefer", "An option: while this source is fit, others are not followed.", "not preferred"},
    {"trust", "An option: sources that are not trusted must agree with those that are.",
     "untrusted|require"},
    {"require", "An option: the clock is corrected only while a source with it is fit.",
     "waits for others"},
    {"reference time|ref time",
     "When a clock was last set or corrected. One that lies in the future, or before the last one, "
     "is refused.",
     "refid"},
    {"precision", "The smallest step of a clock that can be seen, as a power of two of seconds.",
     "root dispersion"},
    {"mesh",
     "Nodes of chimed that measure each other and say who lies. As a state: they have no UTC, and "
     "more than half of them agree on a time of the mesh's own. Each member's clock lies in the "
     "interval that is shown, and nothing of it is told to others as UTC.",
     "peer|faults"},
    {"member", "A node of our mesh, as a source. 'chime mesh' shows what the mesh thinks of it.",
     "mesh|excluded"},
    {"adjtimex|STA_UNSYNC|maxerror|esterror|kernel state",
     "What the kernel tells programs of its clock: whether it is synchronised (STA_UNSYNC is not "
     "set), the greatest error and the estimated one. node_exporter and timedatectl show it. "
     "chimed "
     "keeps it true whenever it steers the system's clock.",
     "shadow|bound"},
};

const struct glossary_table glossary_terms = {entries, sizeof(entries) / sizeof(entries[0])};
