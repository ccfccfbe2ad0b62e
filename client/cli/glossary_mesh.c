/* SPDX-License-Identifier: MIT */
#include "client/cli/glossary.h"

static const struct glossary_entry entries[] = {
    /* Verdicts on members. */
    {"new", "A member of which too little was heard to think anything of it.", "candidate|verdict"},
    {"candidate",
     "A member that is being watched: it is asked, and counts in the estimate as long as nobody is "
     "a truechimer. Six good rounds of eight, and three minutes, make it one.",
     "truechimer|new|verdict"},
    {"suspect",
     "A truechimer that was caught twice in four rounds, accused by more than may lie, or silent "
     "four times. It is measured on, and not believed until six rounds of eight are good again.",
     "excluded|truechimer|accusation"},
    {"probation",
     "A member that was excluded, and whose time of cooling down is over. 24 good rounds in a row "
     "make it a truechimer, one bad one excludes it again, for twice as long.",
     "excluded|truechimer"},
    {"convicted",
     "A member that signed two different reports under one number, which no honest node does. It "
     "is never believed again until it has begun a new key epoch and an operator says 'chime mesh "
     "readmit'. Only this lowers how "
     "many nodes and liars the mesh counts with.",
     "proof|key epoch|fault budget"},
    {"verdict",
     "What this node thinks of a member. It weighs the member in the estimate and does nothing "
     "else: each node judges for itself, and 'chime mesh' says why.",
     "candidate|truechimer|suspect|excluded|probation|convicted"},
    {"accusation",
     "A member's signed word that it excluded another. Those of f + 1 members count, for one of "
     "them at least is honest; whoever accuses more than may lie has no say.",
     "suspect|faults"},
    {"proof|evidence|chime mesh evidence",
     "Reports of a member that can't both be honest, with its signatures. 'chime mesh evidence "
     "NUMBER' prints it, 'chime mesh verify FILE' checks it anywhere.",
     "convicted|excluded"},
    /* Of the mesh as a whole. */
    {"fault budget|budget",
     "How many more members may lie or be gone before the interval may be wrong: f, less those "
     "that "
     "are excluded, convicted or unreachable. Of n nodes that is less than half, and at most 7.",
     "faults|degraded|convicted"},
    {"degraded",
     "More members are lost or lie than may. What is said of the time may be wrong: the node says "
     "so to the others, and its interval only grows. Repair members, or add some.",
     "fault budget|interval"},
    {"loop surplus|surplus",
     "Going round three members by what each says of the next should lead back to where one began. "
     "By how much it does not, beyond the error bars, is the surplus: one of them lies, or a path "
     "takes longer one way than the other.",
     "offset|excluded"},
    {"incarnation",
     "A number that grows each time a node's chimed starts. It dates what was said, so that no "
     "restart looks like a lie; it is kept in the file 'mesh' of state-dir.",
     "key epoch"},
    {"key epoch|next-epoch",
     "A number beside a node's key that only a person raises, with 'chime keygen --node "
     "--next-epoch': when what the node told the others was lost, so that it can join again.",
     "incarnation|convicted"},
    {"membership|membership epoch|membership document",
     "Who is in the mesh, how many of them there are and how many may lie: signed by the CA, or as "
     "configured. A member with another one is measured and shown, but not counted.",
     "member|faults"},
    {"view|near|anchor|random",
     "Those members that this node asks: all, up to 16. Of more it asks near ones, a few anchors "
     "of the narrowest intervals, and some by chance that change with time.",
     "member|failure domain"},
    {"failure domain",
     "What fails together: a site, a rack, a provider. No domain has more of a view than may lie.",
     "view|faults"},
    {"session",
     "What two members agreed on to know each other's packets: keys for an hour. Without one a "
     "member is not heard.",
     "member|view"},
    {"hops", "Over how many members a node gets its UTC: 0 has a source of its own.", "mesh"},
    {"hlc|hybrid logical clock|stamp",
     "A stamp near to the time that never goes back and respects cause and effect: what was caused "
     "has a later stamp than what caused it. It bounds nothing; the interval does.",
     "interval|mesh"},
};

const struct glossary_table glossary_mesh = {entries, sizeof(entries) / sizeof(entries[0])};
