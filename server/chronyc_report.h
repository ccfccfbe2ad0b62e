/* SPDX-License-Identifier: MIT */
/* chronyc_report.h - what the daemon knows, in chrony's terms: from struct chronyc_facts to the
 * reports of ntpwire/candm.h. Pure. */
#ifndef SERVER_CHRONYC_REPORT_H
#define SERVER_CHRONYC_REPORT_H
#include "ntpwire/candm.h"
#include "server/chronyc.h"

struct candm_tracking chronyc_report_tracking(const struct chronyc_facts *facts);
struct candm_activity chronyc_report_activity(const struct chronyc_facts *facts);
void chronyc_report_server_stats(const struct chronyc_facts *facts, uint64_t stats[CANDM_STATS]);
/* At most CANDM_CLIENTS_MAX of the facts' clients; returns how many. */
size_t chronyc_report_clients(const struct chronyc_facts *facts,
                              struct candm_client clients[CANDM_CLIENTS_MAX]);
#endif
