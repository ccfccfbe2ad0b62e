/* SPDX-License-Identifier: MIT */
#include "client/cli/paint.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

const struct paint paint_none = {"", "", "", "", ""};

struct paint paint_choose(void)
{
    static const struct paint colours = {"\033[32m", "\033[33m", "\033[31m", "\033[1m", "\033[0m"};
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    bool is_plain = (refused != NULL && refused[0] != '\0') || terminal == NULL ||
                    strcmp(terminal, "dumb") == 0;
    return is_plain || uv_guess_handle(1) != UV_TTY ? paint_none : colours;
}
