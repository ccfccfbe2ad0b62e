/* SPDX-License-Identifier: MIT */
#include "tests/sim/fault.h"
#include "ntpwire/packet.h"

bool fault_is_active(const struct fault *fault, int64_t truth_ns)
{
    return truth_ns >= fault->from_ns && truth_ns < fault->until_ns;
}

int64_t fault_offset_ns(const struct fault *fault, int64_t truth_ns, size_t client)
{
    if (!fault_is_active(fault, truth_ns)) {
        return 0;
    }
    int64_t since_ns = truth_ns - fault->from_ns;
    switch (fault->kind) {
    case FAULT_OFFSET:
        return fault->offset_ns;
    case FAULT_RAMP:
        return (int64_t)(fault->rate_ppm * 1e-6 * (double)since_ns);
    case FAULT_STUCK:
        return -since_ns;
    case FAULT_TWO_FACED:
        return client % 2 == 0 ? fault->offset_ns : -fault->offset_ns;
    case FAULT_LEAP:
    case FAULT_SILENT:
    default:
        break;
    }
    return 0;
}

bool fault_answer(const struct fault *fault, int64_t truth_ns, uint8_t *payload)
{
    if (!fault_is_active(fault, truth_ns)) {
        return true;
    }
    if (fault->kind == FAULT_LEAP) {
        payload[0] = (uint8_t)((payload[0] & 0x3f) | LEAP_INSERT << 6);
    }
    return fault->kind != FAULT_SILENT;
}
