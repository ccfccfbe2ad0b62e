/* SPDX-License-Identifier: MIT */
#include "common/host/entropy.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum child_result {
    CHILD_OK = 0,
    CHILD_NO_FILTER = 77,
    CHILD_NOT_REFUSED = 78,
    CHILD_REPEATS = 79
};

/* Two generators and two draws: four numbers, all different. */
static bool draws_differ(void)
{
    struct random first, second;
    entropy_init(&first);
    entropy_init(&second);
    uint64_t drawn[4] = {random_u64(&first), random_u64(&first), random_u64(&second),
                         random_u64(&second)};
    for (size_t i = 0; i < 4; i++) {
        for (size_t other = 0; other < i; other++) {
            if (drawn[i] == drawn[other]) {
                return false;
            }
        }
    }
    return true;
}

static void numbers_differ(void)
{
    CU_ASSERT_TRUE(draws_differ());
}

static enum child_result draw_without_getrandom(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof(rules) / sizeof(rules[0]), .filter = rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        return CHILD_NO_FILTER;
    }
    char octet;
    if (getrandom(&octet, 1, 0) != -1 || errno != EPERM) {
        return CHILD_NOT_REFUSED;
    }
    return draws_differ() ? CHILD_OK : CHILD_REPEATS;
}

static void the_device_stands_in_for_a_refused_call(void)
{
    int status = -1;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        _exit((int)draw_without_getrandom());
    }
    CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE_FATAL(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_NO_FILTER) {
        printf("(no seccomp here: not tested) ");
        return;
    }
    CU_ASSERT_EQUAL(WEXITSTATUS(status), CHILD_OK);
}

static const struct unit_case cases[] = {
    {"numbers differ", numbers_differ},
    {"the device stands in for a refused call", the_device_stands_in_for_a_refused_call},
};
UNIT_MAIN("entropy", cases)
