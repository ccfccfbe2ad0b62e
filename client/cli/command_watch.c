/* SPDX-License-Identifier: MIT */
#include "client/cli/command.h"
#include "client/cli/inquiry.h"
#include "client/cli/options.h"
#include "client/cli/watch_screen.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#define SILENCE_MS_MIN 5000 /* beyond the interval: then chimed is said to be stuck */

static const char help[] =
    "chime watch [OPTION]... [SECONDS]\n"
    "\n"
    "The running chimed, live: state, offset and interval with a plot, frequency, sources and what "
    "is\n"
    "thought of them, every so many seconds (0.1 to 3600, default 1). On a terminal it redraws in "
    "place;\n"
    "q or Ctrl-C ends it. Elsewhere it prints a line each time.\n"
    "\n" INQUIRY_HELP "\n"
    "Exit code: 0 if it was ended by you; 1 if chimed did not answer, or ended; 2 for a mistake in "
    "the\n"
    "arguments.\n";

struct watch {
    struct inquiry inquiry;
    int interval_ms;
    bool is_screen;
    int signals; /* a descriptor */
    struct termios before;
    json_t *status;
    struct watch_history history;
    struct paint paint;
};

static struct watch_size screen_size(void)
{
    struct winsize window;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 ||
        window.ws_row == 0) {
        return (struct watch_size){.columns = 80, .rows = 24};
    }
    return (struct watch_size){.columns = window.ws_col, .rows = window.ws_row};
}

/* Each line replaces the one that is there; the last has no newline, or the screen would scroll. */
static void draw_text(const char *text)
{
    fputs("\033[H", stdout);
    for (const char *at = text; *at != '\0';) {
        size_t size = strcspn(at, "\n");
        bool is_last = at[size] == '\0' || at[size + 1] == '\0';
        printf("%.*s\033[K%s", (int)size, at, is_last ? "" : "\n");
        at += size + (at[size] == '\n' ? 1 : 0);
    }
    fputs("\033[J", stdout);
    (void)fflush(stdout);
}

static void draw(struct watch *watch, const json_t *sources)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return;
    }
    watch_screen_print(out, &watch->history, watch->status, sources, screen_size(), &watch->paint);
    if (fclose(out) == 0) {
        draw_text(text);
    }
    free(text);
}

/* A status, then the sources of the same moment. */
static bool show(struct watch *watch, const char *line, char error[ASK_ERROR_MAX])
{
    error[0] = '\0';
    if (watch->inquiry.json) {
        puts(line);
        return fflush(stdout) == 0;
    }
    json_t *answer = answer_parse(line, error);
    if (answer == NULL) {
        return false;
    }
    if (answer_is(answer, "answer", "status")) {
        json_decref(watch->status);
        watch->status = answer;
        watch_history_add(&watch->history, answer);
        return true;
    }
    if (watch->is_screen) {
        draw(watch, answer);
    } else {
        watch_screen_line(stdout, watch->status, answer);
    }
    json_decref(answer);
    /* A closed pipe ends it. */
    return fflush(stdout) == 0;
}

static bool is_ended(const struct watch *watch, const struct pollfd *fds)
{
    char key;
    if ((fds[1].revents & POLLIN) != 0 && read(STDIN_FILENO, &key, 1) == 1 &&
        (key == 'q' || key == 'Q')) {
        return true;
    }
    struct signalfd_siginfo information;
    return (fds[2].revents & POLLIN) != 0 &&
           read(watch->signals, &information, sizeof(information)) == sizeof(information);
}

/* Until the end is asked for: true. False, and in error why, if it comes otherwise; an empty error
 * if nobody reads what is printed. */
static bool follow(struct watch *watch, char error[ASK_ERROR_MAX])
{
    struct pollfd fds[] = {{.fd = watch->inquiry.ask.fd, .events = POLLIN},
                           {.fd = watch->is_screen ? STDIN_FILENO : -1, .events = POLLIN},
                           {.fd = watch->signals, .events = POLLIN}};
    int silence_ms = watch->interval_ms + SILENCE_MS_MIN;
    for (;;) {
        const char *line;
        int status = poll(fds, sizeof(fds) / sizeof(fds[0]), silence_ms);
        if (status == 0 || (status < 0 && errno != EINTR)) {
            snprintf(error, ASK_ERROR_MAX, "chimed at %s says nothing any more: is it stopped?",
                     ask_path(&watch->inquiry.ask));
            return false;
        }
        if (is_ended(watch, fds)) {
            return true;
        }
        while ((line = ask_receive(&watch->inquiry.ask, 0, error)) != NULL) {
            if (!show(watch, line, error)) {
                return false;
            }
        }
        if (error[0] != '\0') {
            return false;
        }
    }
}

/* Keys come at once and unseen; the picture is drawn beside what the terminal showed before. */
static void begin_screen(struct watch *watch)
{
    struct termios raw;
    watch->is_screen = !watch->inquiry.json && isatty(STDOUT_FILENO) == 1 &&
                       tcgetattr(STDIN_FILENO, &watch->before) == 0;
    if (!watch->is_screen) {
        return;
    }
    raw = watch->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VSUSP] = _POSIX_VDISABLE; /* suspended, it would leave the terminal as it is */
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs("\033[?1049h\033[?25l\033[?7l", stdout);
}

static void end_screen(struct watch *watch)
{
    if (watch->is_screen) {
        fputs("\033[?7h\033[?25h\033[?1049l", stdout);
        (void)fflush(stdout);
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &watch->before);
    }
}

static int catch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(struct watch *watch, const char *request)
{
    char error[ASK_ERROR_MAX];
    if (!inquiry_open(&watch->inquiry)) {
        return COMMAND_FAILED;
    }
    if (!ask_send(&watch->inquiry.ask, request, error)) {
        (void)options_complain("watch", "%s", error);
        return COMMAND_FAILED;
    }
    watch->signals = catch_signals();
    if (watch->signals < 0) {
        (void)options_complain("watch", "signals can't be waited for: %s", strerror(errno));
        return COMMAND_FAILED;
    }
    watch->paint = paint_choose();
    begin_screen(watch);
    bool is_good = follow(watch, error);
    end_screen(watch);
    if (!is_good && error[0] != '\0') {
        (void)options_complain("watch", "%s", error);
    }
    close(watch->signals);
    json_decref(watch->status);
    return is_good ? COMMAND_OK : COMMAND_FAILED;
}

int command_watch(int argc, char **argv)
{
    static const struct inquiry_profile profile = {
        .command = "watch", .help = help, .words_max = 1, .words = "one number of seconds"};
    struct watch watch = {0};
    int exit_code;
    int64_t ns = NS_PER_S;
    char text[64];
    char request[80];
    if (!inquiry_parse(&watch.inquiry, &profile, argc, argv, &exit_code)) {
        return exit_code;
    }
    const char *word = watch.inquiry.word_count > 0 ? watch.inquiry.words[0] : "1";
    snprintf(text, sizeof(text), "%.40s s", word);
    if (!quantity_parse_duration(text, &ns) || ns < 100 * NS_PER_MS || ns > 3600 * NS_PER_S) {
        return options_complain("watch", "'%.40s' was found, seconds from 0.1 to 3600 are accepted",
                                word);
    }
    watch.interval_ms = (int)(ns / NS_PER_MS);
    snprintf(request, sizeof(request), "watch %.40s", word);
    exit_code = run(&watch, request);
    inquiry_close(&watch.inquiry);
    return exit_code;
}
