/* SPDX-License-Identifier: MIT */
/* A bank of Kalman filters, each with a belief of its own about the oscillator's wander and the
 * samples' noise. What they say is mixed by how well each foretold the samples lately. */
#include "client/sync/filter_class.h"
#include "client/sync/filter_outlook.h"
#include <float.h>
#include <math.h>

#define WANDERS                                                                                    \
    11 /* powers 1e-22 to 1e-12: frequency walks 1e-11 to 1e-6 per square root of a s              \
        */
#define THERMALS 2
#define MEMBERS (2 * (WANDERS + THERMALS))
/* A member that was wrong for long still has this weight, so that it is back within a few samples
 * when the clock's nature changes. */
#define WEIGHT_MIN (-8.0)
#define WEIGHT_MEMORY 0.995
#define WEIGHT_THERMAL (-2.0)
#define WEIGHT_BOUND 0.02
#define LOST_SD 3.0
#define GATE_SD 4.0
#define GATE_COUNT_MIN 4
#define GATE_FAR 3.0
#define DOUBTS_STEP 3
#define DOUBTS_STEP_FAR 2
#define DOUBTS_MAX 8
#define STEP_VARIANCE 1e-10
#define INNOVATION_GAIN_MIN 0.03
#define INNOVATION_CLIP 9.0
#define GAUSS_CAPPED_COUNT 16
#define GAUSS_COUNT_MIN 8

struct filter_bank {
    struct filter_delay delay;
    struct filter_member members[MEMBERS];
    double weight[MEMBERS]; /* logarithms; the greatest is 0 */
    double share[MEMBERS];  /* of the mixture's variance; they sum to 1 */
    double voice[MEMBERS];  /* of its mean: as share, but none for those of the least weight */
    double t;               /* of the members' states */
    struct filter_outlook outlook; /* from there */
    size_t count;
    double innovation_square; /* running mean */

    size_t doubts;    /* samples beyond the gate in a row */
    size_t agreed;    /* of them, those that agree */
    bool is_far;      /* all of those are far beyond it */
    double doubted;   /* the last one's innovation */
    bool has_stepped; /* and no sample was taken since */
};

/* Those kept for worse days only make the mixture less sure of itself: their own estimates are
 * noise, and together they would have a say. */
static void set_shares(struct filter_bank *bank)
{
    double least = exp(WEIGHT_MIN);
    double shares = 0.0;
    double voices = 0.0;
    for (size_t i = 0; i < MEMBERS; i++) {
        bank->share[i] = exp(bank->weight[i]);
        bank->voice[i] = fmax(bank->share[i] - least, 0.0);
        shares += bank->share[i];
        voices += bank->voice[i];
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        bank->share[i] /= shares;
        bank->voice[i] /= voices;
    }
}

/* Greatest to 0, none below the least. */
static void level_weights(struct filter_bank *bank)
{
    double greatest = bank->weight[0];
    for (size_t i = 1; i < MEMBERS; i++) {
        greatest = fmax(greatest, bank->weight[i]);
    }
    for (size_t i = 0; i < MEMBERS; i++) {
        bank->weight[i] = fmax(bank->weight[i] - greatest, WEIGHT_MIN);
    }
    set_shares(bank);
}

static void bank_init(void *state, double precision)
{
    static const double thermal_wander[THERMALS] = {1e-18, 1e-16};
    struct filter_bank *bank = state;
    *bank = (struct filter_bank){.t = 0.0};
    filter_delay_init(&bank->delay, precision);
    for (size_t i = 0; i < MEMBERS; i++) {
        size_t belief = i / 2;
        struct filter_member *member = &bank->members[i];
        member->is_cut = i % 2 == 0;
        member->is_thermal = belief >= WANDERS;
        if (member->is_thermal) {
            member->wander = thermal_wander[belief - WANDERS];
            bank->weight[i] = WEIGHT_THERMAL;
        } else {
            double decade = (double)belief - 22.0;
            member->wander = pow(10.0, decade);
            bank->weight[i] = -0.25 * (decade + 18.0) * (decade + 18.0);
        }
    }
    level_weights(bank);
}

/* To be called after whatever changes the members or their shares. */
static void look_ahead(struct filter_bank *bank)
{
    bank->outlook = (struct filter_outlook){.x = {0.0}};
    for (size_t i = 0; i < MEMBERS; i++) {
        filter_outlook_add_mean(&bank->outlook, &bank->members[i], bank->voice[i]);
    }
    double share = 0.0;
    for (size_t i = 0; i < MEMBERS; i++) {
        filter_outlook_add_spread(&bank->outlook, &bank->members[i], bank->share[i]);
        if (bank->share[i] >= WEIGHT_BOUND) {
            filter_outlook_add_bound(&bank->outlook, &bank->members[i], bank->share[i]);
            share += bank->share[i];
        }
    }
    filter_outlook_scale_bound(&bank->outlook, 1.0 / share);
}

static const struct filter_member *best_member(const struct filter_bank *bank)
{
    size_t best = 0;
    for (size_t i = 1; i < MEMBERS; i++) {
        best = bank->weight[i] > bank->weight[best] ? i : best;
    }
    return &bank->members[best];
}

/* state and covariance of the best member or, where that expects something else of temperature, of
 * the mixture. */
static void take_over(struct filter_member *member, const struct filter_member *best,
                      const struct filter_mixture *mixture)
{
    if (member->is_thermal == best->is_thermal) {
        struct filter_member belief = *member;
        *member = *best;
        member->wander = belief.wander;
        member->is_cut = belief.is_cut;
        return;
    }
    filter_member_init(member, mixture->x, sqrt(mixture->x_variance));
    member->state[1] = mixture->rate;
    member->d[1] = mixture->rate_variance;
}

/* A member without weight that has lost the clock would take long to find it again. */
static void rescue_lost(struct filter_bank *bank)
{
    look_ahead(bank);
    struct filter_mixture mixture = filter_outlook_at(&bank->outlook, 0.0);
    const struct filter_member *best = best_member(bank);
    bool is_changed = false;
    for (size_t i = 0; i < MEMBERS; i++) {
        struct filter_member *member = &bank->members[i];
        if (bank->weight[i] > WEIGHT_MIN + 1e-9) {
            continue;
        }
        double x_off = member->state[0] - mixture.x;
        double rate_off = filter_member_rate(member) - mixture.rate;
        double most = LOST_SD * LOST_SD;
        if (x_off * x_off > most * (member->d[0] + mixture.x_variance) ||
            rate_off * rate_off >
                most * (filter_member_rate_variance(member) + mixture.rate_variance)) {
            take_over(member, best, &mixture);
            is_changed = true;
        }
    }
    if (is_changed) {
        look_ahead(bank);
    }
}

static void begin(struct filter_bank *bank, const struct filter_point *point)
{
    double sd = fmax(0.5 * point->delay, bank->delay.precision);
    for (size_t i = 0; i < MEMBERS; i++) {
        filter_member_init(&bank->members[i], point->x, sd);
    }
    bank->t = point->t;
    bank->count = 1;
    look_ahead(bank);
}

/* The clock moved, or the path did: the rate is kept, unless the last step did not help. */
static void step(struct filter_bank *bank, const struct filter_point *point)
{
    double half = filter_delay_half(&bank->delay);
    struct filter_stride stride = filter_stride_make(point->t - bank->t);
    for (size_t i = 0; i < MEMBERS; i++) {
        struct filter_member *member = &bank->members[i];
        filter_member_predict(member, &stride);
        member->d[1] += member->lower[0] * member->lower[0] * member->d[0];
        if (member->is_thermal) {
            member->d[2] += member->lower[1] * member->lower[1] * member->d[0];
        }
        member->lower[0] = 0.0;
        member->lower[1] = 0.0;
        member->state[0] = point->x;
        member->d[0] = half * half + STEP_VARIANCE;
    }
    bank->t = point->t;
    bank->count = 1;
    bank->doubts = 0;
    bank->agreed = 0;
    bank->has_stepped = true;
    look_ahead(bank);
}

/* A sample beyond the gate is never acted on alone. */
static enum filter_verdict doubt(struct filter_bank *bank, const struct filter_point *point,
                                 double innovation, double gate)
{
    bool is_agreeing = bank->agreed > 0 && fabs(innovation - bank->doubted) <= gate &&
                       innovation * bank->doubted > 0.0;
    bool is_far = fabs(innovation) > GATE_FAR * gate;
    bank->agreed = is_agreeing ? bank->agreed + 1 : 1;
    bank->is_far = is_far && (bank->is_far || !is_agreeing);
    bank->doubted = innovation;
    bank->doubts++;
    if (bank->doubts >= DOUBTS_MAX || (bank->has_stepped && bank->agreed >= DOUBTS_STEP)) {
        begin(bank, point);
        bank->doubts = 0;
        bank->agreed = 0;
        return FILTER_STEPPED;
    }
    if (bank->agreed >= DOUBTS_STEP || (bank->is_far && bank->agreed >= DOUBTS_STEP_FAR)) {
        step(bank, point);
        return FILTER_STEPPED;
    }
    return FILTER_DOUBTED;
}

static double gauss_noise(const struct filter_bank *bank)
{
    double precision = bank->delay.precision;
    double noise = filter_delay_variance(&bank->delay) / 4.0 + precision * precision;
    if (bank->count < GAUSS_COUNT_MIN) {
        double half = filter_delay_half(&bank->delay);
        return fmax(noise, half * half / 3.0);
    }
    if (bank->count >= GAUSS_CAPPED_COUNT) {
        noise = fmin(noise, 4.0 * bank->innovation_square);
    }
    return noise;
}

static void learn_innovation(struct filter_bank *bank, double innovation)
{
    double square = innovation * innovation;
    if (bank->innovation_square > 0.0) {
        square = fmin(square, INNOVATION_CLIP * bank->innovation_square);
    }
    double gain = fmax(1.0 / (double)bank->count, INNOVATION_GAIN_MIN);
    double floor = bank->delay.precision * bank->delay.precision;
    bank->innovation_square += gain * (square - bank->innovation_square);
    bank->innovation_square = fmax(bank->innovation_square, floor);
}

static void take(struct filter_bank *bank, const struct filter_point *point, double innovation)
{
    struct filter_window window = filter_delay_window(&bank->delay, innovation);
    double noise = gauss_noise(bank);
    struct filter_stride stride = filter_stride_make(point->t - bank->t);
    for (size_t i = 0; i < MEMBERS; i++) {
        struct filter_member *member = &bank->members[i];
        filter_member_predict(member, &stride);
        double likelihood = member->is_cut ? filter_member_cut(member, point->x, &window)
                                           : filter_member_gauss(member, point->x, noise);
        bank->weight[i] = WEIGHT_MEMORY * bank->weight[i] + likelihood;
    }
    bank->t = point->t;
    learn_innovation(bank, innovation);
    bank->count++;
    bank->doubts = 0;
    bank->agreed = 0;
    bank->has_stepped = false;
    level_weights(bank);
    rescue_lost(bank);
}

static enum filter_verdict bank_add(void *state, const struct filter_point *point)
{
    struct filter_bank *bank = state;
    filter_delay_add(&bank->delay, point->delay);
    if (bank->count == 0) {
        begin(bank, point);
        return FILTER_TAKEN;
    }
    struct filter_mixture mixture = filter_outlook_at(&bank->outlook, point->t - bank->t);
    double innovation = point->x - mixture.x;
    double gate = filter_delay_half(&bank->delay) +
                  GATE_SD * sqrt(mixture.x_variance + 0.25 * bank->innovation_square);
    if (fabs(innovation) > gate && (bank->count >= GATE_COUNT_MIN || bank->has_stepped)) {
        return doubt(bank, point, innovation, gate);
    }
    take(bank, point, innovation);
    return FILTER_TAKEN;
}

static void bank_estimate(const void *state, double t, struct filter_line *line)
{
    const struct filter_bank *bank = state;
    struct filter_mixture mixture = filter_outlook_at(&bank->outlook, t - bank->t);
    *line = (struct filter_line){
        .x = mixture.x,
        .rate = mixture.rate,
        .x_sd = sqrt(mixture.x_variance),
        .rate_sd = sqrt(mixture.rate_variance),
        .rate_sd_bound = sqrt(mixture.rate_variance_bound),
        .wander = mixture.wander,
        .thermal_share = mixture.thermal_share,
    };
}

static void bank_shift(void *state, double t, double x)
{
    struct filter_bank *bank = state;
    bank->t -= t;
    for (size_t i = 0; i < MEMBERS; i++) {
        bank->members[i].state[0] -= x;
    }
    bank->outlook.x[0] -= x;
}

static size_t bank_count(const void *state)
{
    const struct filter_bank *bank = state;
    return bank->count;
}

const struct filter_class filter_class_bank = {
    .name = "bank",
    .size = sizeof(struct filter_bank),
    .init = bank_init,
    .add = bank_add,
    .estimate = bank_estimate,
    .shift = bank_shift,
    .count = bank_count,
};
