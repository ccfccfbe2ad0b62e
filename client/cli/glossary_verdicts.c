/* SPDX-License-Identifier: MIT */
#include "client/cli/glossary.h"

static const struct glossary_entry entries[] = {
    /* Of an answer that we got. */
    {"ok|good", "The answer passed every test.", NULL},
    {"malformed",
     "Octets that are no NTP packet: too short, or with a remainder that is neither an extension "
     "field nor a MAC.",
     NULL},
    {"mode", "The answer is not in the mode that was asked for: a request, or another program's.",
     NULL},
    {"duplicate",
     "The same answer came twice: the network repeats it, or somebody plays it back. The first one "
     "counts.",
     NULL},
    {"bogus origin|bogus",
     "The answer does not return the random number of our request: it is late, or forged by "
     "somebody who could not see the request.",
     NULL},
    {"crypto-NAK|crypto nak",
     "The server does not accept our signature: it has another key under that number, or none.",
     "key"},
    {"MAC missing", "The answer is not signed, though the source has a key: it is not believed.",
     "key"},
    {"MAC of another key", "The answer is signed with another key than ours was.", "key"},
    {"MAC bad", "The answer's signature is wrong: another secret, or the packet was changed.",
     "key"},
    {"timestamp unset", "A timestamp of the answer is zero: the server has no time.", NULL},
    {"interleaved timestamp",
     "An answer in interleaved mode whose timestamp belongs to no answer before it.",
     "interleaved"},
    {"transmit before receive", "The server claims to have answered before it was asked.", NULL},
    {"round trip negative",
     "The answer came before the request left: our clock was set in between, or a timestamp is "
     "wrong.",
     "delay"},
    {"delay negative",
     "The server claims to have taken longer than the whole exchange did: one of the clocks was "
     "set "
     "in between, or runs far too fast.",
     "delay"},
    {"distance", "The answer alone has too large a bound to be of use.", "root distance"},
    {"max-delay|max-delay-ratio|delay too long",
     "The round trip was longer than the source's setting allows, so that the sample is not used.",
     "delay"},
    {"doubted",
     "A sample that is too far from the source's others is kept aside; the source is asked again "
     "soon, and if the next ones agree with it the source's clock was stepped.",
     "stepped"},
    {"stepped|source stepped",
     "The source's clock moved at once; what was known of it is dropped and learned anew.",
     "doubted|step"},
    /* Of a request that we got. */
    {"answered", "The request got the time.", NULL},
    {"unknown version", "A request in NTP version 0, or 5 and later: not answered.", NULL},
    {"not a request",
     "A packet that answers, or broadcasts: it gets nothing, or two servers could "
     "be made to talk to each other for ever.",
     NULL},
    {"control message",
     "A request of ntpq or ntpdc (modes 6 and 7): not answered, as attackers used their long "
     "answers.",
     NULL},
    {"access denied", "The client's address is covered by 'deny', or not by 'allow', in [server].",
     NULL},
    {"rate limited", "The client asks more often than 'rate-interval' allows.", "rate limit"},
    {"impossible source address",
     "The request claims to come from where no client can be: ourselves, port 0, a group.", NULL},
    {"sent to a group",
     "The request went to a group or a broadcast address: each server that hears it would answer, "
     "perhaps to somebody who never asked.",
     NULL},
};

const struct glossary_table glossary_verdicts = {entries, sizeof(entries) / sizeof(entries[0])};
