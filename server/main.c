/* SPDX-License-Identifier: MIT */
/* chimed: the arguments. */
#include "common/host/files.h"
#include "common/host/log.h"
#include "common/host/privilege.h"
#include "config.h"
#include "server/daemon.h"
#include "server/timekeeper.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_USAGE 2

static const char *const help =
    "Usage: chimed [--config FILE] [--check | --restore]\n"
    "Keeps the time by NTP sources and serves it to NTP clients (RFC 5905), in the foreground.\n"
    "\n"
    "  -c, --config FILE    read the configuration from FILE; without it an embedded default\n"
    "                       is used, which serves on port 11123 and needs no root\n"
    "      --check          read the configuration, explain every mistake, and exit\n"
    "      --restore        set the system clock to its plain rate, if a chimed was killed while\n"
    "                       it steered it, and exit\n"
    "      --print-default  print the embedded default configuration, and exit\n"
    "      --version        print the version, and exit\n"
    "  -h, --help           print this help, and exit\n"
    "\n"
    "Signals: SIGHUP reads FILE again (with a mistake in it nothing changes), SIGTERM and SIGINT "
    "end.\n"
    "Exit status: 0 ended by a signal, --check found no mistake, or --restore left nothing to do;\n"
    "1 failure; 2 usage or configuration. See chimed(8) and chimed.conf(5).\n";

struct arguments {
    const char *config;
    bool check;
    bool restore;
};

static void complain(void *context, const char *sentence)
{
    (void)context;
    fprintf(stderr, "%s\n", sentence);
}

/* Exits for what asks only for a text, or on a mistake. */
static struct arguments parse_arguments(int argc, char **argv)
{
    enum { OPTION_CHECK = 256, OPTION_RESTORE, OPTION_PRINT_DEFAULT, OPTION_VERSION };
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, OPTION_CHECK},
        {"restore", no_argument, NULL, OPTION_RESTORE},
        {"print-default", no_argument, NULL, OPTION_PRINT_DEFAULT},
        {"version", no_argument, NULL, OPTION_VERSION},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    struct arguments arguments = {.config = NULL};
    for (int option; (option = getopt_long(argc, argv, "c:h", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            arguments.config = optarg;
            break;
        case OPTION_CHECK:
            arguments.check = true;
            break;
        case OPTION_RESTORE:
            arguments.restore = true;
            break;
        case OPTION_PRINT_DEFAULT:
            fputs(config_default_text(), stdout);
            exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        case OPTION_VERSION:
            puts("chimed (" PACKAGE_NAME ") " PACKAGE_VERSION);
            puts(HAVE_AVAHI ? "with mDNS (Avahi)" : "without mDNS (Avahi)");
            exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        case 'h':
            fputs(help, stdout);
            exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        default:
            fputs("chimed: see chimed --help\n", stderr);
            exit(EXIT_USAGE);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "chimed: '%s' is not expected: only options are; see chimed --help\n",
                argv[optind]);
        exit(EXIT_USAGE);
    }
    return arguments;
}

/* The user may be made between a check and the start: so a check warns, and the start refuses. */
static bool has_user(const struct setup *setup, const char *path, bool check)
{
    const char *user = setup->config.server.user;
    if (user[0] == '\0' || privilege_user_exists(user)) {
        return true;
    }
    log_message(check ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
                "%s:%lu: [server] user: there is no user '%s'; make it, or name another", path,
                setup->config.server.user_line, user);
    return check;
}

int main(int argc, char **argv)
{
    /* Else a log line could go into what libuv opened as file 2. */
    files_keep_standard();
    struct arguments arguments = parse_arguments(argc, argv);
    log_open("chimed", false, LOG_LEVEL_NOTICE);
    struct setup *setup = setup_load(arguments.config, complain, NULL);
    if (setup == NULL) {
        return EXIT_USAGE;
    }
    if (!has_user(setup, arguments.config, arguments.check)) {
        setup_destroy(setup);
        return EXIT_USAGE;
    }
    if (arguments.check) {
        bool ok = timekeeper_accepts(NULL, setup);
        setup_destroy(setup);
        if (!ok) {
            return EXIT_USAGE;
        }
        printf("%s: no mistake found\n",
               arguments.config != NULL ? arguments.config : "embedded default");
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    if (arguments.restore) {
        int status = timekeeper_restore(setup);
        setup_destroy(setup);
        return status;
    }
    log_open("chimed", setup->config.log.target == CONFIG_LOG_SYSLOG,
             (enum log_level)setup->config.log.level);
    return daemon_run(setup, arguments.config);
}
