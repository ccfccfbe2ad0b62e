/* SPDX-License-Identifier: MIT */
#include "client/sync/filter_outlook.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"
#include <math.h>
#include <string.h>

#define N FILTER_MEMBER_STATES

/* The Kalman filter as books have it: matrices, and no care for rounding. */
struct plain {
    double x[N];
    double p[N][N];
};

static void multiply(double left[N][N], double right[N][N], double out[N][N])
{
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            out[i][j] = 0.0;
            for (int k = 0; k < N; k++) {
                out[i][j] += left[i][k] * right[k][j];
            }
        }
    }
}

/* out = f p f' + q; out may be p. */
static void carry(double f[N][N], double p[N][N], double q[N][N], double out[N][N])
{
    double transposed[N][N];
    double half[N][N];
    double whole[N][N];
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            transposed[i][j] = f[j][i];
        }
    }
    multiply(f, p, half);
    multiply(half, transposed, whole);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            out[i][j] = whole[i][j] + q[i][j];
        }
    }
}

/* Transition and noise by doubling a step so short that noise enters at its end only. */
static void transition(double wander, bool is_thermal, double dt, double f[N][N], double q[N][N])
{
    const int doublings = 24;
    double h = ldexp(dt, -doublings);
    double decay = is_thermal ? 1.0 / 2000.0 : 0.0;
    double thermal = is_thermal ? 2.0 * 1e-12 * decay : 0.0;
    memset(q, 0, sizeof(double[N][N]));
    double start[N][N] = {
        {1.0, h, is_thermal ? h : 0.0}, {0.0, 1.0, 0.0}, {0.0, 0.0, 1 - h * decay}};
    memcpy(f, start, sizeof start);
    q[1][1] = wander * h;
    q[2][2] = thermal * h;
    for (int i = 0; i < doublings; i++) {
        double twice[N][N];
        carry(f, q, q, q);
        multiply(f, f, twice);
        memcpy(f, twice, sizeof twice);
    }
}

static void plain_predict(struct plain *plain, const struct filter_member *member, double dt)
{
    double f[N][N];
    double q[N][N];
    double x[N] = {0.0};
    transition(member->wander, member->is_thermal, dt, f, q);
    carry(f, plain->p, q, plain->p);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < N; j++) {
            x[i] += f[i][j] * plain->x[j];
        }
    }
    memcpy(plain->x, x, sizeof x);
}

static void plain_update(struct plain *plain, double sample, double noise)
{
    double innovation = sample - plain->x[0];
    double variance = plain->p[0][0] + noise;
    double row[N];
    memcpy(row, plain->p[0], sizeof row);
    for (int i = 0; i < N; i++) {
        plain->x[i] += row[i] / variance * innovation;
        for (int j = 0; j < N; j++) {
            plain->p[i][j] -= row[i] * row[j] / variance;
        }
    }
}

static void check_same(const struct plain *plain, const struct filter_member *member)
{
    const double *d = member->d;
    const double *lower = member->lower;
    double xx = plain->p[0][0];
    double yy = plain->p[1][1];
    CU_ASSERT_DOUBLE_EQUAL(member->state[0], plain->x[0], 1e-4 * sqrt(xx));
    CU_ASSERT_DOUBLE_EQUAL(member->state[1], plain->x[1], 1e-4 * sqrt(yy));
    CU_ASSERT_DOUBLE_EQUAL(d[0] / xx, 1.0, 1e-4);
    CU_ASSERT_DOUBLE_EQUAL(lower[0] * d[0], plain->p[0][1], 1e-4 * sqrt(xx * yy));
    CU_ASSERT_DOUBLE_EQUAL((lower[0] * lower[0] * d[0] + d[1]) / yy, 1.0, 1e-4);
    double rate = plain->x[1];
    double rate_variance = yy;
    if (member->is_thermal) {
        double ss = plain->p[2][2];
        CU_ASSERT_DOUBLE_EQUAL(member->state[2], plain->x[2], 1e-4 * sqrt(ss));
        CU_ASSERT_DOUBLE_EQUAL(lower[1] * d[0], plain->p[0][2], 1e-4 * sqrt(xx * ss));
        CU_ASSERT_DOUBLE_EQUAL(lower[0] * lower[1] * d[0] + lower[2] * d[1], plain->p[1][2],
                               1e-4 * sqrt(yy * ss));
        CU_ASSERT_DOUBLE_EQUAL(
            (lower[1] * lower[1] * d[0] + lower[2] * lower[2] * d[1] + d[2]) / ss, 1.0, 1e-4);
        rate += plain->x[2];
        rate_variance += ss + 2.0 * plain->p[1][2];
    }
    CU_ASSERT_DOUBLE_EQUAL(filter_member_rate(member), rate, 1e-4 * sqrt(rate_variance));
    CU_ASSERT_DOUBLE_EQUAL(filter_member_rate_variance(member) / rate_variance, 1.0, 1e-3);
}

static struct filter_member begin(double wander, bool is_thermal, struct plain *plain)
{
    struct filter_member member = {.wander = wander, .is_thermal = is_thermal};
    filter_member_init(&member, 0.001, 1e-4);
    *plain = (struct plain){.x = {0.001}};
    plain->p[0][0] = 1e-8;
    plain->p[1][1] = 1e-8;
    plain->p[2][2] = is_thermal ? 1e-12 : 0.0;
    return member;
}

static struct filter_mixture look(const struct filter_member *member, double dt)
{
    struct filter_outlook outlook = {.x = {0.0}};
    filter_outlook_add_mean(&outlook, member, 1.0);
    filter_outlook_add_spread(&outlook, member, 1.0);
    return filter_outlook_at(&outlook, dt);
}

/* Two at once: the variance of a mixture is the mean of the variances and the variance of means. */
static void a_mixture_spreads_as_its_members_do(void)
{
    struct plain plain;
    struct filter_member members[2] = {begin(1e-14, false, &plain), begin(1e-16, true, &plain)};
    const double shares[2] = {0.3, 0.7};
    struct filter_outlook outlook = {.x = {0.0}};
    members[1].state[0] += 2e-4;
    members[0].state[1] += 1e-6;
    members[1].state[2] -= 3e-6;
    struct filter_stride stride = filter_stride_make(64.0);
    for (size_t i = 0; i < 2; i++) {
        filter_member_predict(&members[i], &stride);
        (void)filter_member_gauss(&members[i], members[i].state[0] + 1e-4, 1e-8);
        filter_outlook_add_mean(&outlook, &members[i], shares[i]);
    }
    for (size_t i = 0; i < 2; i++) {
        filter_outlook_add_spread(&outlook, &members[i], shares[i]);
    }
    struct filter_mixture found = filter_outlook_at(&outlook, 1000.0);
    stride = filter_stride_make(1000.0);
    double x[2];
    double x_variance[2];
    double rate[2];
    double rate_variance[2];
    for (size_t i = 0; i < 2; i++) {
        rate[i] = filter_member_rate(&members[i]);
        rate_variance[i] = filter_member_rate_variance(&members[i]);
        filter_member_predict(&members[i], &stride);
        x[i] = members[i].state[0];
        x_variance[i] = members[i].d[0];
    }
    double between = shares[0] * shares[1];
    CU_ASSERT_DOUBLE_EQUAL(found.x, shares[0] * x[0] + shares[1] * x[1], 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(found.x_variance /
                               (shares[0] * x_variance[0] + shares[1] * x_variance[1] +
                                between * (x[0] - x[1]) * (x[0] - x[1])),
                           1.0, 1e-9);
    CU_ASSERT_DOUBLE_EQUAL(found.rate, shares[0] * rate[0] + shares[1] * rate[1], 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(found.rate_variance /
                               (shares[0] * rate_variance[0] + shares[1] * rate_variance[1] +
                                between * (rate[0] - rate[1]) * (rate[0] - rate[1])),
                           1.0, 1e-9);
}

static void follow(double wander, bool is_thermal)
{
    struct random random;
    random_init_seeded(&random, 5);
    struct plain plain;
    struct filter_member member = begin(wander, is_thermal, &plain);
    for (int i = 0; i < 100; i++) {
        double dt = exp(7.0 * random_unit(&random));
        struct filter_stride stride = filter_stride_make(dt);
        struct filter_mixture ahead = look(&member, dt);
        filter_member_predict(&member, &stride);
        plain_predict(&plain, &member, dt);
        check_same(&plain, &member);
        CU_ASSERT_DOUBLE_EQUAL(ahead.x, member.state[0], 1e-6 * sqrt(member.d[0]));
        CU_ASSERT_DOUBLE_EQUAL(ahead.x_variance / member.d[0], 1.0, 1e-6);

        double sample = member.state[0] + 1e-4 * random_normal(&random);
        double innovation = sample - plain.x[0];
        double wide = plain.p[0][0] + 1e-8;
        double expected = -0.5 * (log(2.0 * acos(-1.0) * wide) + innovation * innovation / wide);
        if (innovation * innovation < 9.0 * wide) {
            CU_ASSERT_DOUBLE_EQUAL(filter_member_gauss(&member, sample, 1e-8), expected, 1e-3);
            plain_update(&plain, sample, 1e-8);
            check_same(&plain, &member);
        }
    }
}

static void two_states_are_the_matrix_filter(void)
{
    follow(1e-18, false);
    follow(1e-13, false);
}

static void three_states_are_the_matrix_filter(void)
{
    follow(1e-18, true);
    follow(1e-14, true);
}

/* What is known of x after a windowed sample, by summing over a grid of x and of the blurred u. */
static void check_cut(double half, double tilt, double soft, double off)
{
    const int steps = 2000;
    double sd = 1e-4;
    struct filter_member member = {.wander = 1e-18, .is_cut = true};
    filter_member_init(&member, 0.0, sd);
    member.lower[0] = 0.002;
    double mass = 0.0;
    double first = 0.0;
    double second = 0.0;
    double norm = 0.0;
    for (int k = 0; k < steps; k++) {
        double u = ((k + 0.5) / steps * 2.0 - 1.0) * half;
        norm += exp(tilt * u) * 2.0 * half / steps;
    }
    for (int i = 0; i < steps; i++) {
        double x = ((i + 0.5) / steps * 2.0 - 1.0) * 7.0 * sd;
        double likelihood = 0.0;
        for (int k = 0; k < steps; k++) {
            double u = ((k + 0.5) / steps * 2.0 - 1.0) * half;
            double blur = (u + off - x) / soft;
            likelihood += exp(tilt * u - 0.5 * blur * blur);
        }
        double density = likelihood * exp(-0.5 * x * x / (sd * sd));
        mass += density;
        first += density * x;
        second += density * x * x;
    }
    first /= mass;
    second = second / mass - first * first;
    double pi = acos(-1.0);
    mass *= 2.0 * half / steps * 14.0 * sd / steps / norm / (2.0 * pi * soft * sd);
    struct filter_window window = {.half = half, .tilt = tilt, .soft = soft};
    CU_ASSERT_DOUBLE_EQUAL(filter_member_cut(&member, off, &window), log(mass), 1e-3);
    CU_ASSERT_DOUBLE_EQUAL(member.state[0], first, 1e-3 * sd);
    CU_ASSERT_DOUBLE_EQUAL(member.d[0] / second, 1.0, 3e-3);
    CU_ASSERT_DOUBLE_EQUAL(member.state[1], 0.002 * member.state[0], 1e-15);
    CU_ASSERT_DOUBLE_EQUAL(member.d[1], 1e-8, 1e-20);
}

static void a_window_is_bayes_rule(void)
{
    check_cut(2e-4, 0.0, 2e-5, 0.0);
    check_cut(2e-4, 0.0, 2e-5, 2.5e-4);
    check_cut(3e-5, 0.0, 1e-5, -1e-4);
    check_cut(2e-4, 1e4, 2e-5, 1e-4);
    check_cut(2e-4, -3e4, 3e-5, 0.0);
    check_cut(1e-3, 5e3, 5e-5, 0.0);
}

/* A window that the belief excludes moves it by three standard deviations at most, and costs. */
static void an_impossible_window_is_learnt_from_with_caution(void)
{
    struct filter_member member = {.wander = 1e-18, .is_cut = true};
    filter_member_init(&member, 0.0, 1e-6);
    struct filter_window window = {.half = 1e-5, .soft = 1e-7};
    double fitting = filter_member_cut(&member, 0.0, &window);
    filter_member_init(&member, 0.0, 1e-6);
    double likelihood = filter_member_cut(&member, 1e-3, &window);
    CU_ASSERT_TRUE(likelihood < fitting - 4.0);
    CU_ASSERT_TRUE(isfinite(likelihood));
    CU_ASSERT_TRUE(member.state[0] > 0.0);
    CU_ASSERT_TRUE(member.state[0] < 3e-6);
    CU_ASSERT_TRUE(member.d[0] > 0.0);
}

static void a_gaussian_outlier_moves_little(void)
{
    struct filter_member member = {.wander = 1e-18};
    filter_member_init(&member, 0.0, 1e-5);
    double near = filter_member_gauss(&member, 1e-3, 1e-10);
    CU_ASSERT_TRUE(member.state[0] > 0.0);
    CU_ASSERT_TRUE(member.state[0] < 3e-5);
    filter_member_init(&member, 0.0, 1e-5);
    /* A tail of a power: ten times as far costs ln(100) * 3 / 2, not fifty thousand. */
    double far = filter_member_gauss(&member, 1e-2, 1e-10);
    CU_ASSERT_DOUBLE_EQUAL(near - far, 1.5 * log(100.0), 1e-6);
}

/* Whatever the gaps and however sharp the samples, the covariance is one. */
static void gaps_of_all_lengths_do_no_harm(void)
{
    struct random random;
    random_init_seeded(&random, 9);
    for (int kind = 0; kind < 4; kind++) {
        struct filter_member member = {
            .wander = 1e-12, .is_thermal = kind % 2 == 1, .is_cut = kind / 2 == 1};
        filter_member_init(&member, 0.0, 1e-3);
        for (int i = 0; i < 2000; i++) {
            struct filter_stride stride =
                filter_stride_make(pow(10.0, 18 * random_unit(&random) - 9));
            filter_member_predict(&member, &stride);
            double sample = 1e-6 * random_normal(&random);
            struct filter_window window = {.half = 1e-9, .soft = 1e-9, .tilt = i % 3 ? 0.0 : 1e11};
            double likelihood = member.is_cut ? filter_member_cut(&member, sample, &window)
                                              : filter_member_gauss(&member, sample, 1e-18);
            CU_ASSERT_TRUE_FATAL(isfinite(likelihood));
            CU_ASSERT_TRUE_FATAL(isfinite(member.state[0]) && isfinite(member.state[1]));
            CU_ASSERT_TRUE_FATAL(member.d[0] > 0.0 && member.d[1] > 0.0);
            CU_ASSERT_TRUE_FATAL(!member.is_thermal || member.d[2] > 0.0);
            CU_ASSERT_TRUE_FATAL(isfinite(filter_member_rate_variance(&member)));
        }
    }
}

static const struct unit_case cases[] = {
    {"two states are the matrix filter", two_states_are_the_matrix_filter},
    {"three states are the matrix filter", three_states_are_the_matrix_filter},
    {"a window is Bayes' rule", a_window_is_bayes_rule},
    {"an impossible window is learnt from with caution",
     an_impossible_window_is_learnt_from_with_caution},
    {"a Gaussian outlier moves little", a_gaussian_outlier_moves_little},
    {"a mixture spreads as its members do", a_mixture_spreads_as_its_members_do},
    {"gaps of all lengths do no harm", gaps_of_all_lengths_do_no_harm},
};
UNIT_MAIN("filter_member", cases)
