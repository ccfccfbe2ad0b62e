/* SPDX-License-Identifier: MIT */
#include "common/host/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

struct identity {
    uid_t uid;
    gid_t gid;
};

/* A user of the system's list, or a number, whose group is the same number if the list does not
 * know better. */
static bool find_user(const char *user, struct identity *identity)
{
    char buffer[16384];
    struct passwd entry;
    struct passwd *found = NULL;
    if (getpwnam_r(user, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
        *identity = (struct identity){.uid = entry.pw_uid, .gid = entry.pw_gid};
        return true;
    }
    size_t digits = strspn(user, "0123456789");
    if (digits == 0 || digits > 10 || user[digits] != 0) {
        return false;
    }
    unsigned long long number = strtoull(user, NULL, 10);
    if (number >= UINT32_MAX) {
        return false; /* the largest means "leave it as it is" */
    }
    *identity = (struct identity){.uid = (uid_t)number, .gid = (gid_t)number};
    if (getpwuid_r((uid_t)number, &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL) {
        identity->gid = entry.pw_gid;
    }
    return true;
}

bool privilege_user_exists(const char *user)
{
    struct identity identity;
    return find_user(user, &identity);
}

/* The first refusal is the one that is told; what follows is tried all the same. */
__attribute__((format(printf, 2, 3))) static void complain(char error[PRIVILEGE_ERROR_MAX],
                                                           const char *format, ...)
{
    if (error[0] != 0) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, PRIVILEGE_ERROR_MAX, format, arguments);
    va_end(arguments);
}

static void become(const char *user, const struct identity *identity,
                   char error[PRIVILEGE_ERROR_MAX])
{
    if (setgroups(0, NULL) != 0) {
        complain(error, "can't leave the supplementary groups of root: %s", strerror(errno));
    }
    if (setresgid(identity->gid, identity->gid, identity->gid) != 0) {
        complain(error, "can't change to group %u of user '%s': %s; still in root's group",
                 (unsigned)identity->gid, user, strerror(errno));
    }
    if (setresuid(identity->uid, identity->uid, identity->uid) != 0) {
        complain(error, "can't change to user '%s': %s; still running as root", user,
                 strerror(errno));
    }
}

/* Sets all three sets to nothing but what is to be kept. Also empties the ambient set, which is
 * never larger. */
static void drop_capabilities(bool keep_time, char error[PRIVILEGE_ERROR_MAX])
{
    cap_t held = cap_get_proc();
    cap_t wanted = cap_init();
    cap_flag_value_t may_set_time = CAP_CLEAR;
    const cap_value_t time_value = CAP_SYS_TIME;
    if (held == NULL || wanted == NULL) {
        /* Where they can't be read, only root is sure to have some. */
        if (geteuid() == 0) {
            complain(error, "can't read the capabilities to give up: %s", strerror(errno));
        }
        goto done;
    }
    cap_get_flag(held, CAP_SYS_TIME, CAP_PERMITTED, &may_set_time);
    if (keep_time && may_set_time == CAP_SET) {
        cap_set_flag(wanted, CAP_PERMITTED, 1, &time_value, CAP_SET);
        cap_set_flag(wanted, CAP_EFFECTIVE, 1, &time_value, CAP_SET);
    }
    if (cap_compare(held, wanted) != 0 && cap_set_proc(wanted) != 0) {
        complain(error, "can't give up the capabilities: %s", strerror(errno));
    }
done:
    cap_free(held);
    cap_free(wanted);
}

bool privilege_drop(const char *user, bool keep_time, char error[PRIVILEGE_ERROR_MAX])
{
    error[0] = 0;
    bool has_user = user != NULL && user[0] != 0;
    struct identity identity;
    if (geteuid() == 0 && has_user) {
        if (!find_user(user, &identity)) {
            complain(error,
                     "user '%s' does not exist; create it (useradd --system) or name another",
                     user);
            return false;
        }
        /* Capabilities otherwise end with the change of user; the last call takes this back. */
        if (keep_time && prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) != 0) {
            complain(error, "can't keep the right to set the clock: %s", strerror(errno));
        }
        become(user, &identity, error);
    }
    drop_capabilities(keep_time, error);
    if (geteuid() == 0 && has_user) {
        complain(error, "still running as root, although the change to user '%s' was not refused",
                 user);
    }
    prctl(PR_SET_KEEPCAPS, 0L, 0L, 0L, 0L);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0) {
        complain(error, "can't set no_new_privs: %s", strerror(errno));
    }
    return error[0] == 0;
}

bool privilege_may_set_time(void)
{
    cap_t held = cap_get_proc();
    if (held == NULL) {
        return geteuid() == 0;
    }
    cap_flag_value_t value = CAP_CLEAR;
    cap_get_flag(held, CAP_SYS_TIME, CAP_EFFECTIVE, &value);
    cap_free(held);
    return value == CAP_SET;
}
