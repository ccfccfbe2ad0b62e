/* SPDX-License-Identifier: MIT */
#include "server/setup_complain.h"
#include "common/config/config.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define SENTENCE_MAX (3 * CONFIG_PATH_MAX + 1024)

void setup_complain(const struct setup_listener *listener, const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    listener->complain(listener->context, sentence);
}

void setup_complain_at(const struct setup_listener *listener, unsigned long line,
                       const char *format, ...)
{
    char sentence[SENTENCE_MAX];
    int size = snprintf(sentence, CONFIG_PATH_MAX, "%s:%lu: ", listener->path, line);
    size = size < CONFIG_PATH_MAX ? size : CONFIG_PATH_MAX - 1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence + size, sizeof(sentence) - (size_t)size, format, arguments);
    va_end(arguments);
    listener->complain(listener->context, sentence);
}

const char *setup_advice(int error)
{
    switch (error) {
    case EACCES:
        return "let the user that chimed runs as read it";
    case ENOENT:
        return "check the path";
    case EFBIG:
        return "a text of at most 4 MiB is expected";
    case EINVAL:
        return "a text without zero octets is expected";
    case EISDIR:
        return "a file is expected";
    default:
        return "check the file";
    }
}
