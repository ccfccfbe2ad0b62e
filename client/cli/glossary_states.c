/* SPDX-License-Identifier: MIT */
#include "client/cli/glossary.h"

static const struct glossary_entry entries[] = {
    /* Of the node. */
    {"starting",
     "The state of a chimed that has no agreement of its sources yet: it was just started, or they "
     "don't answer. 'chime sources' shows how far each of them is.",
     "synchronised|waiting"},
    {"synchronised|synchronized|synced",
     "The sources agree, they are asked as they should be, and the clock follows them. How well is "
     "another question, which the interval answers.",
     "holdover|interval"},
    {"holdover",
     "For eight polls the sources have not agreed, or not answered. The clock runs on at the rate "
     "that was learned, and the interval grows with it.",
     "unbounded|interval|rate"},
    {"unbounded",
     "Without agreement of the sources for so long ('void-after') that no error is vouched for any "
     "more. The answers to clients say 'not synchronised'.",
     "holdover"},
    {"panic",
     "The sources say that the clock is off by more than can be believed ('panic', 1,000 s if not "
     "configured), long after the start. chimed goes on but steers no more. Look at 'chime "
     "sources'; if they are right, 'chime accept' believes them, with a step.",
     "accept|step"},
    {"accept", "'chime accept' ends a panic: the sources are believed, and the clock is stepped.",
     "panic|step"},
    {"local",
     "No source is configured: the machine's own clock is served ('local-stratum'), or nothing.",
     "stratum|orphan"},
    /* Of sources. */
    {"offline",
     "The source is not asked: it is configured so, or 'chime offline' said so. 'chime online' "
     "ends "
     "it.",
     "online"},
    {"online",
     "The source is asked. 'chime offline NAME' ends that, 'chime online NAME' begins it.",
     "offline"},
    {"unresolved",
     "The source's name has no address yet: DNS does not answer, or does not know it. It is tried "
     "again; 'chime refresh' tries at once. 'getent ahosts NAME' shows what the system knows.",
     "pool|refresh"},
    {"refresh", "'chime refresh' looks up the names of sources anew, as after a change in DNS.",
     "unresolved"},
    {"reload",
     "'chime reload' lets chimed read its file anew, as SIGHUP does; a file with a mistake changes "
     "nothing.",
     NULL},
    {"denied",
     "The source answered that it does not want us (kiss of death DENY or RSTR), and is asked no "
     "more. Name another one, or ask its operator to allow this machine.",
     "kiss of death"},
    {"unreachable",
     "None of the last eight requests got a usable answer, or none ever did. A firewall, a wrong "
     "address or a server that is down. 'chime query HOST' tries from here and says what comes.",
     "reach"},
    {"waiting",
     "The source answers, but there are too few samples yet ('min-samples'). It takes some polls.",
     "poll|iburst"},
    {"unsynchronised|unsynchronized|not synchronised",
     "The source says itself that it has no time: leap 3 or stratum 16. It is asked on, and used "
     "when it has. Of our own answers: clients will refuse them.",
     "stratum"},
    {"loop", "The source gets its time from us, so that following it would be following ourselves.",
     "refid|peer"},
    {"distant",
     "The source's root distance is beyond 'max-distance': it may be right, but does not say how "
     "it "
     "could be sure enough.",
     "root distance|max-distance"},
    {"excluded",
     "The source is a member of the mesh that the mesh does not trust now: its interval is held "
     "against the others', its estimate counts for nothing. 'chime mesh' says why, and for how "
     "long.",
     "mesh|falseticker"},
    {"noselect", "An option: the source is watched, and not used.", NULL},
    {"orphan|orphan mode",
     "Servers that have lost every reference agree among themselves on one of them to follow, so "
     "that they stay together ('local-stratum' with 'orphan'). As a source's state: it is one of "
     "those, but not the one to follow.",
     "local|peer"},
    {"falseticker",
     "What the source vouches for misses what the others agree on: it lies, by mistake or on "
     "purpose. 'chime sources' says by how much. If the others are those that are wrong, there are "
     "too many liars: see faults.",
     "truechimer|faults"},
    {"untrusted", "The source does not agree with those that are marked 'trust'.", "trust"},
    {"unlikely",
     "The source's interval agrees with the others', which only says that it can't be excluded; "
     "its "
     "estimate is so far off that it is left out.",
     "interval|estimate"},
    {"waits for others|waits-for-others",
     "The source is fit, but none marked 'require' is, or fewer than 'min-sources' are.",
     "require"},
    {"not preferred|unpreferred", "The source is fit, but one that is marked 'prefer' is used.",
     "prefer"},
    {"combined", "The source counts in the estimate, together with others.", "selected|weight"},
    {"selected",
     "The source counts most: its stratum and its name (refid) are passed on to clients.",
     "combined|stratum"},
    /* Of the steering. */
    {"steering", "The clock follows the estimate: rate and offset are corrected.", "slew|panic"},
};

const struct glossary_table glossary_states = {entries, sizeof(entries) / sizeof(entries[0])};
