/* SPDX-License-Identifier: MIT */
#include "client/sync/discipline.h"
#include "common/base/quantity.h"
#include <math.h>
#include <stdio.h>

#define PPM 1e-6
/* While the estimate is young it moves by far more than any slew: follow it at once. */
#define START_UPDATES 8
#define START_TIME_NS ((double)NS_PER_S)
/* The mean of the squared offsets forgets an update after ten. */
#define MEAN_GAIN 0.1
/* A frequency is looked at again at the latest after this: the estimated rate may be a curve. */
#define CHECK_NS (32 * NS_PER_S)
#define CHECK_LEAST_NS NS_PER_S
#define CHECKS_PER_TIME 4
/* The time constant: as long as a slew of one sd of the offset stays below five of the rate, within
 * limits given in polls. Over the rows of make lab-steer the offset is 7 % more than with no slew
 * to wait for, and the frequency error less than a fifth; half a poll throughout would be 4 % and
 * a quarter. */
#define SLEW_RATE_SD 5
#define CALM_POLLS_LEAST 0.5
#define CALM_POLLS_MOST 2.0
/* It shrinks once the mean offset is beyond 4 sd of the estimate. */
#define NOISE_FACTOR 16
#define POLLS_LEAST 0.125
#define TIME_LEAST_NS ((double)NS_PER_S)

const struct discipline_options discipline_defaults = {
    .step_ns = NS_PER_S, .step_updates = 3, .panic_ns = 1000 * NS_PER_S, .slew_max_ppm = 80000};

const char *discipline_state_name(enum discipline_state state)
{
    static const char *const names[DISCIPLINE_STATES] = {[DISCIPLINE_WAITING] = "waiting",
                                                         [DISCIPLINE_STARTING] = "starting",
                                                         [DISCIPLINE_STEERING] = "steering",
                                                         [DISCIPLINE_PANIC] = "panic"};
    return (unsigned)state < DISCIPLINE_STATES ? names[state] : "unknown";
}

void discipline_init(struct discipline *discipline, const struct discipline_options *options)
{
    assert(options->slew_max_ppm > 0);
    *discipline = (struct discipline){.options = *options, .state = DISCIPLINE_WAITING};
}

double discipline_offset_ns(const struct estimate *estimate, struct reading now)
{
    assert(estimate->at.ns == now.mono.ns);
    return (double)(estimate->wall.ns - now.wall.ns) + estimate->fraction_ns;
}

static double clamp(double value, double least, double most)
{
    return fmin(fmax(value, least), most);
}

/* How fast the offset should go. Of all ways to let it go, exponential decay leaves the least
 * offset for a given error of the frequency; only the time constant is to choose. What the estimate
 * jumps by at a sample is mostly noise: a slew may be as gentle as the rate is known well, which
 * costs little offset beside the noise and spares the frequency. Offsets well beyond the estimate's
 * sd are the clock's own, and go sooner. */
static double time_constant_ns(const struct discipline *discipline, const struct estimate *estimate,
                               double offset_ns, double poll_ns)
{
    double slew = SLEW_RATE_SD * PPM * estimate->rate_sd_bound_ppm;
    double calm_ns = slew > 0 ? estimate->offset_sd_ns / slew : INFINITY;
    calm_ns = clamp(calm_ns, CALM_POLLS_LEAST * poll_ns, CALM_POLLS_MOST * poll_ns);
    double variance = estimate->offset_sd_ns * estimate->offset_sd_ns;
    double found = fmax(offset_ns * offset_ns, discipline->mean_square_ns2);
    double haste = found > 0 ? NOISE_FACTOR * variance / found : 1;
    return fmax(fmax(calm_ns * fmin(haste, 1), POLLS_LEAST * poll_ns), TIME_LEAST_NS);
}

/* The frequency for now, and for how long. */
static void steer(const struct discipline *discipline, double offset_ns, struct mono now,
                  struct discipline_command *command)
{
    double hold_ns = START_TIME_NS;
    double part = 1; /* of the offset, to correct meanwhile */
    if (discipline->state == DISCIPLINE_STEERING) {
        double time_ns = discipline->time_constant_ns;
        hold_ns = clamp(time_ns / CHECKS_PER_TIME, CHECK_LEAST_NS, CHECK_NS);
        part = -expm1(-hold_ns / time_ns);
    }
    double limit_ppm = discipline->options.slew_max_ppm;
    double slew_ppm = clamp(part * offset_ns / hold_ns / PPM, -limit_ppm, limit_ppm);
    command->frequency_ppm = discipline->rate_ppm + slew_ppm;
    command->until.ns = now.ns + (int64_t)hold_ns;
}

static void hold(const struct discipline *discipline, struct mono now,
                 struct discipline_command *command)
{
    *command = (struct discipline_command){.frequency_ppm = discipline->rate_ppm,
                                           .until = {now.ns + CHECK_NS}};
}

static bool is_panic(const struct discipline *discipline, double offset_ns)
{
    return discipline->options.panic_ns > 0 &&
           discipline->updates > discipline->options.step_updates &&
           fabs(offset_ns) > (double)discipline->options.panic_ns;
}

/* Somebody looked at the offset of the panic and vouched for that, not for whatever comes. */
static bool is_vouched_for(const struct discipline *discipline, double offset_ns)
{
    double beyond_ns = offset_ns - (double)discipline->panic_offset_ns;
    return discipline->is_accepted && (discipline->state != DISCIPLINE_PANIC ||
                                       fabs(beyond_ns) <= (double)discipline->options.panic_ns);
}

void discipline_update(struct discipline *discipline, const struct estimate *estimate,
                       int64_t poll_ns, struct reading now, struct discipline_command *command)
{
    double offset_ns = discipline_offset_ns(estimate, now);
    unsigned start = discipline->options.step_updates > START_UPDATES
                         ? discipline->options.step_updates
                         : START_UPDATES;
    discipline->updates += discipline->updates <= start;
    bool is_accepted = is_vouched_for(discipline, offset_ns);
    bool may_step = is_accepted || discipline->updates <= discipline->options.step_updates;
    discipline->is_accepted = false;
    if (!is_accepted && is_panic(discipline, offset_ns)) {
        discipline->state = DISCIPLINE_PANIC;
        discipline->panic_offset_ns = estimate->wall.ns - now.wall.ns;
        hold(discipline, now.mono, command);
        return;
    }
    discipline->rate_ppm = estimate->rate_ppm;
    discipline->state =
        discipline->updates <= START_UPDATES ? DISCIPLINE_STARTING : DISCIPLINE_STEERING;
    *command = (struct discipline_command){.step_ns = 0};
    if (may_step && fabs(offset_ns) > (double)discipline->options.step_ns) {
        command->step_ns = (int64_t)llround(offset_ns);
        offset_ns -= (double)command->step_ns;
    }
    /* The start tells nothing of the offsets to expect. */
    double gain = discipline->updates <= START_UPDATES ? 1 : MEAN_GAIN;
    discipline->mean_square_ns2 += gain * (offset_ns * offset_ns - discipline->mean_square_ns2);
    discipline->time_constant_ns =
        time_constant_ns(discipline, estimate, offset_ns, (double)poll_ns);
    steer(discipline, offset_ns, now.mono, command);
}

bool discipline_check(struct discipline *discipline, const struct estimate *estimate,
                      struct reading now, struct discipline_command *command)
{
    if (discipline->state == DISCIPLINE_WAITING) {
        return false;
    }
    if (discipline->state == DISCIPLINE_PANIC || estimate == NULL) {
        hold(discipline, now.mono, command);
        return true;
    }
    double offset_ns = discipline_offset_ns(estimate, now);
    if (is_panic(discipline, offset_ns)) {
        discipline->state = DISCIPLINE_PANIC;
        discipline->panic_offset_ns = estimate->wall.ns - now.wall.ns;
        hold(discipline, now.mono, command);
        return true;
    }
    discipline->rate_ppm = estimate->rate_ppm;
    *command = (struct discipline_command){.step_ns = 0};
    steer(discipline, offset_ns, now.mono, command);
    return true;
}

void discipline_accept(struct discipline *discipline)
{
    discipline->is_accepted = true;
}

void discipline_explain(const struct discipline *discipline, char reason[DISCIPLINE_REASON_MAX])
{
    reason[0] = '\0';
    if (discipline->state == DISCIPLINE_WAITING) {
        snprintf(reason, DISCIPLINE_REASON_MAX, "no source has given an estimate yet");
    } else if (discipline->state == DISCIPLINE_PANIC) {
        char offset[QUANTITY_TEXT_MAX], limit[QUANTITY_TEXT_MAX];
        quantity_format_duration(discipline->panic_offset_ns, true, offset);
        quantity_format_duration(discipline->options.panic_ns, false, limit);
        snprintf(reason, DISCIPLINE_REASON_MAX,
                 "the sources are %s from this clock, and more than %s is not believed: see "
                 "'chime sources', then 'chime accept' it, or set the clock",
                 offset, limit);
    }
}
