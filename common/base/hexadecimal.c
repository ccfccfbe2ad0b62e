/* SPDX-License-Identifier: MIT */
#include "common/base/hexadecimal.h"

void hexadecimal_write(struct bytes octets, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < octets.size; i++) {
        out[2 * i] = digits[octets.data[i] >> 4];
        out[2 * i + 1] = digits[octets.data[i] & 0x0f];
    }
    out[2 * octets.size] = '\0';
}

static int digit_of(char character)
{
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : -1;
}

bool hexadecimal_read(const char *text, uint8_t *octets, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = digit_of(text[2 * i]);
        int low = high < 0 ? -1 : digit_of(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        octets[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
