/* SPDX-License-Identifier: MIT */
#include "client/sync/symmetric_history.h"
#include <math.h>

#define RATE_MAX_PPM 1e5

bool symmetric_history_add(struct symmetric_history *history, const struct sample *sample)
{
    if (history->count == SYMMETRIC_HISTORY_MAX) {
        return false;
    }
    history->samples[history->count++] = *sample;
    return history->count == SYMMETRIC_HISTORY_FIRST ||
           history->count == 2 * SYMMETRIC_HISTORY_FIRST || history->count == SYMMETRIC_HISTORY_MAX;
}

/* The source's clock less our oscillator, since the first sample. */
static double offset_ns(const struct symmetric_history *history, size_t index, double *elapsed_ns)
{
    const struct sample *first = &history->samples[0];
    const struct sample *sample = &history->samples[index];
    int64_t elapsed = sample->at.ns - first->at.ns;
    *elapsed_ns = (double)elapsed;
    return (double)(sample->wall.ns - first->wall.ns - elapsed);
}

double symmetric_history_rate_ppm(const struct symmetric_history *history)
{
    double count = (double)history->count;
    double t = 0;
    double x = 0;
    double tt = 0;
    double tx = 0;
    for (size_t i = 0; i < history->count; i++) {
        double elapsed;
        double offset = offset_ns(history, i, &elapsed);
        t += elapsed;
        x += offset;
        tt += elapsed * elapsed;
        tx += elapsed * offset;
    }
    double spread = tt - t * t / count;
    if (history->count < 2 || !(spread > 0)) {
        return 0;
    }
    double rate_ppm = (tx - t * x / count) / spread * 1e6;
    return fmax(-RATE_MAX_PPM, fmin(rate_ppm, RATE_MAX_PPM));
}

int64_t symmetric_history_delay_ns(const struct sample *sample, double rate_ppm)
{
    int64_t trip_ns = sample->received.mono.ns - sample->sent.mono.ns;
    int64_t source_ns = sample->source_sent.ns - sample->source_received.ns;
    return trip_ns - source_ns + llround((double)trip_ns * rate_ppm * 1e-6);
}

void symmetric_history_correct(struct sample *sample, double rate_ppm, int64_t growth_ns)
{
    int64_t claims_ns = sample->bound_ns - (sample->delay_ns + 1) / 2;
    int64_t delay_ns = symmetric_history_delay_ns(sample, rate_ppm);
    sample->delay_ns = delay_ns > 0 ? delay_ns : 0;
    sample->bound_ns = claims_ns + (sample->delay_ns + 1) / 2 + (growth_ns + 1) / 2;
}
