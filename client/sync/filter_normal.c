/* SPDX-License-Identifier: MIT */
#include "client/sync/filter_normal.h"
#include <math.h>

#define LOG_ROOT_TWO_PI 0.91893853320467274178
#define ROOT_HALF_PI 1.25331413731550025121
#define ROOT_HALF 0.70710678118654752440
/* Where the complementary error function, times exp(a^2/2), gives way to the continued fraction. */
#define FAR_TAIL 6.0
/* A window counts as narrow where the logarithm of the density changes by less than this. */
#define NARROW_SLOPE 2.0

/* 1/mills(a) - a, the mean of the tail beyond a less a: 1/(a + 2/(a + 3/(a + ...))). */
static double tail_excess(double a)
{
    if (a < FAR_TAIL) {
        return 1.0 / filter_normal_mills(a) - a;
    }
    double fraction = a;
    for (int term = 24; term >= 2; term--) {
        fraction = a + term / fraction;
    }
    return 1.0 / fraction;
}

double filter_normal_mills(double a)
{
    if (a < FAR_TAIL) {
        return ROOT_HALF_PI * exp(0.5 * a * a) * erfc(a * ROOT_HALF);
    }
    return 1.0 / (a + tail_excess(a));
}

/* Gauss and Legendre's quadrature about the middle: nothing cancels, however narrow the slit. */
static struct filter_normal cut_narrow(double low, double high)
{
    static const double node[3] = {0.2386191860831969, 0.6612093864662645, 0.9324695142031521};
    static const double weight[3] = {0.4679139345726910, 0.3607615730481386, 0.1713244923791704};
    double middle = 0.5 * (low + high);
    double half = 0.5 * (high - low);
    double mass = 0.0;
    double first = 0.0;
    double second = 0.0;
    for (int i = 0; i < 3; i++) {
        double u = half * node[i];
        double right = weight[i] * exp(-u * (middle + 0.5 * u));
        double left = weight[i] * exp(u * (middle - 0.5 * u));
        mass += right + left;
        first += (right - left) * node[i];
        second += (right + left) * node[i] * node[i];
    }
    first /= mass;
    second /= mass;
    return (struct filter_normal){
        .log_mass = log(half * mass) - 0.5 * middle * middle - LOG_ROOT_TWO_PI,
        .mean = middle + half * first,
        .variance = half * half * (second - first * first),
    };
}

/* The window holds 0 and is wide. */
static struct filter_normal cut_middle(double low, double high)
{
    double mass = 0.5 * (erf(high * ROOT_HALF) - erf(low * ROOT_HALF));
    double at_low = exp(-0.5 * low * low - LOG_ROOT_TWO_PI) / mass;
    double at_high = exp(-0.5 * high * high - LOG_ROOT_TWO_PI) / mass;
    double mean = at_low - at_high;
    return (struct filter_normal){
        .log_mass = log(mass),
        .mean = mean,
        .variance = 1.0 + low * at_low - high * at_high - mean * mean,
    };
}

/* The window lies above 0. All is relative to the density at low, and to low itself: the moments of
 * the tail beyond low less those of the tail beyond high. */
static struct filter_normal cut_tail(double low, double high)
{
    double width = high - low;
    double decay = exp(-0.5 * width * (low + high));
    double near_mills = filter_normal_mills(low);
    double near_excess = tail_excess(low);
    double mass = near_mills;
    double first = near_mills * near_excess;
    double second = near_mills * (1.0 - low * near_excess);
    if (decay > 0.0) {
        double far_mills = decay * filter_normal_mills(high);
        double far_excess = tail_excess(high);
        mass -= far_mills;
        first -= far_mills * (far_excess + width);
        second -= far_mills * (width * (width + 2.0 * far_excess) + 1.0 - high * far_excess);
    }
    double excess = first / mass;
    return (struct filter_normal){
        .log_mass = log(mass) - 0.5 * low * low - LOG_ROOT_TWO_PI,
        .mean = low + excess,
        .variance = second / mass - excess * excess,
    };
}

struct filter_normal filter_normal_cut(double low, double high)
{
    double middle = 0.5 * (low + high);
    if (middle < 0.0) {
        struct filter_normal mirrored = filter_normal_cut(-high, -low);
        mirrored.mean = -mirrored.mean;
        return mirrored;
    }
    double width = high - low;
    if (width <= 1.0 && middle * width <= NARROW_SLOPE) {
        return cut_narrow(low, high);
    }
    return low <= 0.0 ? cut_middle(low, high) : cut_tail(low, high);
}
