/* SPDX-License-Identifier: MIT */
#include "client/sync/filter_normal.h"
#include "tests/unit/unit.h"
#include <math.h>

#define LOG_ROOT_TWO_PI 0.91893853320467274178

/* Simpson's rule over the density relative to its greatest value in the window, and only where that
 * matters. The window lies above 0, or holds it. */
static struct filter_normal integrate(double low, double high)
{
    const int steps = 40000;
    double peak = fmax(low, 0.0);
    double start = fmax(low, -12.0);
    double reach = peak > 1.0 ? 60.0 / peak : 12.0;
    double end = fmin(high, peak + reach);
    double step = (end - start) / steps;
    double mass = 0.0;
    double first = 0.0;
    double second = 0.0;
    for (int i = 0; i <= steps; i++) {
        double weight = i == 0 || i == steps ? 1.0 : (i % 2 == 1 ? 4.0 : 2.0);
        double u = start + i * step - peak;
        double density = weight * exp(-u * (peak + 0.5 * u));
        mass += density;
        first += density * u;
        second += density * u * u;
    }
    first /= mass;
    second /= mass;
    return (struct filter_normal){
        .log_mass = log(mass * step / 3.0) - 0.5 * peak * peak - LOG_ROOT_TWO_PI,
        .mean = peak + first,
        .variance = second - first * first,
    };
}

static void compare(double low, double high)
{
    struct filter_normal cut = filter_normal_cut(low, high);
    struct filter_normal expected = integrate(low, high);
    double width = fmin(high - low, 1.0);
    CU_ASSERT_DOUBLE_EQUAL(cut.log_mass, expected.log_mass,
                           1e-8 * fmax(1.0, fabs(expected.log_mass)));
    CU_ASSERT_DOUBLE_EQUAL(cut.mean, expected.mean, 1e-7 * width);
    CU_ASSERT_DOUBLE_EQUAL(cut.variance, expected.variance, 1e-5 * expected.variance);
    CU_ASSERT_TRUE(cut.mean > low && cut.mean < high);

    struct filter_normal mirrored = filter_normal_cut(-high, -low);
    CU_ASSERT_DOUBLE_EQUAL(mirrored.log_mass, cut.log_mass, 1e-12 * fabs(cut.log_mass) + 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(mirrored.mean, -cut.mean, 1e-9 * width);
    CU_ASSERT_DOUBLE_EQUAL(mirrored.variance, cut.variance, 1e-6 * cut.variance);
}

static void moments_are_those_of_the_integral(void)
{
    static const double low[] = {-7.0, -3.0, -1.0, -0.2, 0.0, 0.01, 0.5,  1.0,
                                 2.0,  4.0,  5.9,  6.0,  6.1, 10.0, 30.0, 200.0};
    static const double width[] = {1e-3, 0.1, 0.5, 0.99, 1.0, 1.01, 2.0, 5.0, 20.0};
    for (size_t i = 0; i < sizeof low / sizeof low[0]; i++) {
        for (size_t k = 0; k < sizeof width / sizeof width[0]; k++) {
            if (low[i] + 0.5 * width[k] >= 0.0) {
                compare(low[i], low[i] + width[k]);
            }
        }
    }
}

static void a_slit_is_uniform(void)
{
    for (double width = 1e-3; width > 1e-11; width *= 0.1) {
        struct filter_normal cut = filter_normal_cut(1.5, 1.5 + width);
        CU_ASSERT_DOUBLE_EQUAL(cut.mean, 1.5 + 0.5 * width, 1e-3 * width);
        CU_ASSERT_DOUBLE_EQUAL(cut.variance, width * width / 12.0, 1e-4 * width * width);
        CU_ASSERT_DOUBLE_EQUAL(cut.log_mass, log(width) - 1.125 - LOG_ROOT_TWO_PI, 2e-3);
    }
}

static void the_whole_line_is_a_normal(void)
{
    struct filter_normal cut = filter_normal_cut(-40.0, 40.0);
    CU_ASSERT_DOUBLE_EQUAL(cut.log_mass, 0.0, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(cut.mean, 0.0, 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(cut.variance, 1.0, 1e-12);
}

static void the_far_tail_is_exponential(void)
{
    for (double low = 100.0; low < 1e6; low *= 3.0) {
        struct filter_normal cut = filter_normal_cut(low, low + 100.0);
        CU_ASSERT_DOUBLE_EQUAL((cut.mean - low) * low, 1.0, 1e-3);
        CU_ASSERT_DOUBLE_EQUAL(cut.variance * low * low, 1.0, 1e-2);
        CU_ASSERT_DOUBLE_EQUAL(cut.log_mass / (-0.5 * low * low), 1.0, 1e-2);
    }
}

/* Where one formula gives way to the next, nothing jumps. */
static void formulas_meet(void)
{
    double below = filter_normal_mills(6.0 - 1e-9);
    double above = filter_normal_mills(6.0 + 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(below / above, 1.0, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(filter_normal_mills(0.0), 1.2533141373155003, 1e-14);

    for (double middle = 0.1; middle < 50.0; middle *= 1.3) {
        double half = 0.5 * fmin(1.0, 2.0 / middle);
        struct filter_normal narrow =
            filter_normal_cut(middle - half * (1.0 - 1e-9), middle + half * (1.0 - 1e-9));
        struct filter_normal wide =
            filter_normal_cut(middle - half * (1.0 + 1e-9), middle + half * (1.0 + 1e-9));
        CU_ASSERT_DOUBLE_EQUAL(narrow.log_mass, wide.log_mass, 1e-6);
        CU_ASSERT_DOUBLE_EQUAL(narrow.mean, wide.mean, 1e-6 * half);
        CU_ASSERT_DOUBLE_EQUAL(narrow.variance / wide.variance, 1.0, 1e-5);
    }
}

static const struct unit_case cases[] = {
    {"moments are those of the integral", moments_are_those_of_the_integral},
    {"a slit is uniform", a_slit_is_uniform},
    {"the whole line is a normal", the_whole_line_is_a_normal},
    {"the far tail is exponential", the_far_tail_is_exponential},
    {"formulas meet", formulas_meet},
};
UNIT_MAIN("filter_normal", cases)
