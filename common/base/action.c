/* SPDX-License-Identifier: MIT */
#include "common/base/action.h"
#include <stdarg.h>
#include <stdio.h>

void actions_report(struct actions *actions, enum report_level level, const char *format, ...)
{
    if (actions_room(actions) == 0) {
        return;
    }
    struct action_report *report = &actions_append(actions, ACTION_REPORT)->report;
    report->level = level;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->text, sizeof(report->text), format, arguments);
    va_end(arguments);
}

void actions_reply(struct actions *actions, bool is_done, const char *format, ...)
{
    struct action_reply *reply = &actions_append(actions, ACTION_REPLY)->reply;
    reply->is_done = is_done;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reply->text, sizeof(reply->text), format, arguments);
    va_end(arguments);
}
