/* SPDX-License-Identifier: MIT */
/* unit.h - the frame of a CUnit suite: a table of cases and one line of main. */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H
#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdlib.h>

struct unit_case {
    const char *name;
    void (*run)(void);
};

/* Runs the cases and returns what main() returns: 0 only if there was at least one and none failed.
 */
static inline int unit_run(const char *suite_name, const struct unit_case *cases, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return EXIT_FAILURE;
    }
    CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);
    for (size_t i = 0; i < count && suite != NULL; i++) {
        if (CU_add_test(suite, cases[i].name, cases[i].run) == NULL) {
            suite = NULL;
        }
    }
    CU_basic_set_mode(CU_BRM_NORMAL);
    if (suite == NULL || CU_basic_run_tests() != CUE_SUCCESS) {
        return EXIT_FAILURE;
    }
    bool ok = CU_get_number_of_tests_run() > 0 && CU_get_number_of_failures() == 0;
    CU_cleanup_registry();
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Defines main() for a table of cases. */
#define UNIT_MAIN(suite, cases)                                                                    \
    int main(void)                                                                                 \
    {                                                                                              \
        return unit_run(suite, cases, sizeof(cases) / sizeof(cases[0]));                           \
    }
#endif
