/* SPDX-License-Identifier: MIT */
#include "common/base/hlc_form.h"
#include "common/base/random.h"
#include "tests/unit/unit.h"

#define EPOCH_GRANULES (INT64_C(2208988800) * HLC_GRANULES_PER_S)
/* 2023-11-14 22:13:20 UTC. */
#define BASE_S INT64_C(1700000000)

static const struct wall pivot = {.ns = BASE_S * NS_PER_S};

/* second_s counts since 1970. */
static struct hlc_stamp stamp_at(int64_t second_s, int64_t granule, uint32_t count)
{
    return hlc_stamp_make(EPOCH_GRANULES + second_s * HLC_GRANULES_PER_S + granule, count);
}

static void test_wire(void)
{
    /* 48 + 16: the number itself, whose upper half is NTP's seconds. */
    CU_ASSERT_EQUAL(stamp_at(BASE_S, 0x8000, 0x1234).bits,
                    (UINT64_C(2208988800) + (uint64_t)BASE_S) << 32 | 0x80001234);
    CU_ASSERT_EQUAL(hlc_stamp_make(INT64_C(1) << 48, 5).bits, 5);
    CU_ASSERT_EQUAL(hlc_stamp_make(-1, 5).bits, UINT64_C(0xFFFFFFFFFFFF0005));
}

struct vector {
    enum hlc_form form;
    struct hlc_stamp stamp;
    int64_t units;
    uint32_t logical;
};

static void test_vectors(void)
{
    const struct vector vectors[] = {
        {HLC_FORM_NS, stamp_at(BASE_S, 0, 0), BASE_S * 1000000000, 0},
        {HLC_FORM_NS, stamp_at(BASE_S, 1, 7), BASE_S * 1000000000 + 15259, 7},
        {HLC_FORM_NS, stamp_at(BASE_S, 65535, 65535), BASE_S * 1000000000 + 999984742, 65535},
        {HLC_FORM_US, stamp_at(BASE_S, 0, 4095), BASE_S * 1000000, 4095},
        {HLC_FORM_US, stamp_at(BASE_S, 1, 7), BASE_S * 1000000 + 16, 7},
        {HLC_FORM_US, stamp_at(BASE_S, 32768, 7), BASE_S * 1000000 + 500000, 7},
        {HLC_FORM_MS, stamp_at(BASE_S, 0, 9), BASE_S * 1000, 65 * 3971 + 9},
        {HLC_FORM_MS, stamp_at(BASE_S, 1, 9), BASE_S * 1000 + 1, 9},
        {HLC_FORM_MS, stamp_at(BASE_S, 65, 3970), BASE_S * 1000 + 1, 64 * 3971 + 3970},
        {HLC_FORM_MS, stamp_at(BASE_S, 66, 0), BASE_S * 1000 + 2, 0},
        {HLC_FORM_S, stamp_at(BASE_S, 0, 9), BASE_S, 65535 * 65536U + 9},
        {HLC_FORM_S, stamp_at(BASE_S, 1, 9), BASE_S + 1, 9},
        {HLC_FORM_NS, stamp_at(0, 0, 1), 0, 1},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        const struct vector *vector = &vectors[i];
        struct hlc_parts parts = {0};
        struct hlc_stamp back = {0};
        CU_ASSERT_TRUE(hlc_form_split(vector->form, vector->stamp, pivot, &parts));
        CU_ASSERT_EQUAL(parts.units, vector->units);
        CU_ASSERT_EQUAL(parts.logical, vector->logical);
        CU_ASSERT_TRUE(hlc_form_join(vector->form, parts, pivot, &back));
        CU_ASSERT_EQUAL(back.bits, vector->stamp.bits);
    }
    uint64_t packed = 0;
    CU_ASSERT_TRUE(hlc_form_pack(HLC_FORM_US, stamp_at(BASE_S, 1, 7), pivot, &packed));
    CU_ASSERT_EQUAL(packed, UINT64_C(1700000000000016) << 12 | 7);
    CU_ASSERT_TRUE(hlc_form_pack(HLC_FORM_MS, stamp_at(BASE_S, 1, 9), pivot, &packed));
    CU_ASSERT_EQUAL(packed, UINT64_C(1700000000001) << 18 | 9);
    CU_ASSERT_TRUE(hlc_form_pack(HLC_FORM_S, stamp_at(BASE_S, 1, 9), pivot, &packed));
    CU_ASSERT_EQUAL(packed, UINT64_C(1700000001) << 32 | 9);
}

static int compare(struct hlc_parts a, struct hlc_parts b)
{
    if (a.units != b.units) {
        return a.units < b.units ? -1 : 1;
    }
    return (a.logical > b.logical) - (a.logical < b.logical);
}

static void check_foreign(enum hlc_form form, struct hlc_parts foreign)
{
    struct hlc_stamp stamp;
    struct hlc_parts parts;
    CU_ASSERT_TRUE_FATAL(hlc_form_join(form, foreign, pivot, &stamp));
    CU_ASSERT_TRUE_FATAL(hlc_form_split(form, stamp, pivot, &parts));
    CU_ASSERT_TRUE_FATAL(compare(parts, foreign) >= 0);
    /* The stamp before it that this form can hold lies before the foreign one: it is the least. */
    static const uint64_t counts[] = {65536, 4096, 3971, 65536};
    uint64_t count = stamp.bits % HLC_COUNTS_PER_GRANULE;
    struct hlc_stamp before = {count > 0 ? stamp.bits - 1
                                         : stamp.bits - HLC_COUNTS_PER_GRANULE + counts[form] - 1};
    CU_ASSERT_TRUE_FATAL(hlc_form_split(form, before, pivot, &parts));
    CU_ASSERT_TRUE_FATAL(compare(parts, foreign) < 0);
}

static void test_order(void)
{
    static const unsigned logical_bits[] = {31, 12, 18, 32};
    static const int64_t units_per_s[] = {NS_PER_S, 1000000, 1000, 1};
    struct random random;
    random_init_seeded(&random, 48);
    for (int form = 0; form < HLC_FORMS; form++) {
        struct hlc_stamp stamp = stamp_at(BASE_S, 0, 0);
        struct hlc_parts last = {0};
        for (int i = 0; i < 20000; i++) {
            struct hlc_parts parts;
            struct hlc_stamp back;
            stamp.bits = (stamp.bits & ~UINT64_C(0xFFFF)) + random_below(&random, 3971) +
                         ((uint64_t)random_below(&random, 90) + 1) * HLC_COUNTS_PER_GRANULE;
            CU_ASSERT_TRUE_FATAL(hlc_form_split((enum hlc_form)form, stamp, pivot, &parts));
            CU_ASSERT_TRUE_FATAL(compare(parts, last) > 0);
            CU_ASSERT_TRUE_FATAL(hlc_form_join((enum hlc_form)form, parts, pivot, &back));
            CU_ASSERT_EQUAL_FATAL(back.bits, stamp.bits);
            last = parts;
            parts.units += random_below(&random, 100);
            parts.logical = random_u32(&random) >> (32 - logical_bits[form]);
            check_foreign((enum hlc_form)form, parts);
        }
        CU_ASSERT_TRUE(last.units / units_per_s[form] >= BASE_S);
    }
}

static void test_refusals(void)
{
    struct hlc_parts parts = {.units = 42};
    struct hlc_stamp stamp = {42};
    CU_ASSERT_TRUE(hlc_form_split(HLC_FORM_US, stamp_at(BASE_S, 1, 4095), pivot, &parts));
    parts.units = 42;
    CU_ASSERT_FALSE(hlc_form_split(HLC_FORM_US, stamp_at(BASE_S, 1, 4096), pivot, &parts));
    CU_ASSERT_FALSE(hlc_form_split(HLC_FORM_MS, stamp_at(BASE_S, 1, 3971), pivot, &parts));
    CU_ASSERT_FALSE(hlc_form_split(HLC_FORM_NS, stamp_at(-1, 65535, 0), pivot, &parts));
    CU_ASSERT_EQUAL(parts.units, 42);
    /* 32 bits of seconds end in 2106, and nanoseconds in 2262. */
    struct wall late = {.ns = INT64_C(4294967296) * NS_PER_S};
    CU_ASSERT_TRUE(hlc_form_split(HLC_FORM_S, stamp_at(4294967295, 0, 0), late, &parts));
    CU_ASSERT_FALSE(hlc_form_split(HLC_FORM_S, stamp_at(4294967295, 1, 0), late, &parts));
    late.ns = INT64_MAX;
    CU_ASSERT_FALSE(hlc_form_split(HLC_FORM_NS, stamp_at(9223372037, 0, 0), late, &parts));
    CU_ASSERT_TRUE(hlc_form_split(HLC_FORM_NS, stamp_at(9223372035, 0, 0), late, &parts));

    const struct vector wrong[] = {
        {HLC_FORM_NS, {0}, -1, 0},
        {HLC_FORM_NS, {0}, INT64_MAX, 0},
        {HLC_FORM_NS, {0}, BASE_S * NS_PER_S, UINT32_C(1) << 31},
        {HLC_FORM_US, {0}, INT64_C(1) << 52, 0},
        {HLC_FORM_US, {0}, BASE_S * 1000000, 4096},
        {HLC_FORM_MS, {0}, BASE_S * 1000, 1 << 18},
        {HLC_FORM_MS, {0}, (INT64_C(1) << 46) - 1, 0},
        {HLC_FORM_S, {0}, INT64_MAX, 0},
        {HLC_FORM_S, {0}, BASE_S + (INT64_C(1) << 31) + 1, 0},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        parts = (struct hlc_parts){.units = wrong[i].units, .logical = wrong[i].logical};
        CU_ASSERT_FALSE(hlc_form_join(wrong[i].form, parts, pivot, &stamp));
    }
    CU_ASSERT_FALSE(hlc_form_unpack(HLC_FORM_US, UINT64_MAX, pivot, &stamp));
    CU_ASSERT_EQUAL(stamp.bits, 42);
    CU_ASSERT_TRUE(hlc_form_unpack(HLC_FORM_S, (uint64_t)BASE_S << 32, pivot, &stamp));
    CU_ASSERT_EQUAL(stamp.bits, stamp_at(BASE_S - 1, 1, 0).bits);
}

static void test_eras(void)
{
    /* Era 1 begins at 2085978496; the stamp alone does not say so. */
    struct wall in_era_1 = {.ns = INT64_C(2085978500) * NS_PER_S};
    struct hlc_stamp stamp = stamp_at(2085978496, 0, 3);
    CU_ASSERT_EQUAL(stamp.bits, 3);
    for (int form = 0; form < HLC_FORMS; form++) {
        struct hlc_parts parts;
        struct hlc_stamp back = {42};
        CU_ASSERT_TRUE(hlc_form_split((enum hlc_form)form, stamp, pivot, &parts));
        CU_ASSERT_TRUE(hlc_form_join((enum hlc_form)form, parts, in_era_1, &back));
        CU_ASSERT_EQUAL(back.bits, 3);
    }
    char text[HLC_TEXT_SIZE];
    CU_ASSERT_TRUE(hlc_form_print((struct hlc_stamp){UINT64_MAX}, in_era_1, text));
    CU_ASSERT_STRING_EQUAL(text, "2085978495999984742.0000065535");
}

static void test_text(void)
{
    char text[HLC_TEXT_SIZE] = "";
    CU_ASSERT_TRUE(hlc_form_print(stamp_at(BASE_S, 1, 65535), pivot, text));
    CU_ASSERT_STRING_EQUAL(text, "1700000000000015259.0000065535");
    struct hlc_stamp stamp = {42};
    CU_ASSERT_TRUE(hlc_form_read(text, pivot, &stamp));
    CU_ASSERT_EQUAL(stamp.bits, stamp_at(BASE_S, 1, 65535).bits);
    CU_ASSERT_TRUE(hlc_form_read("1700000000000000000", pivot, &stamp));
    CU_ASSERT_EQUAL(stamp.bits, stamp_at(BASE_S, 0, 0).bits);
    CU_ASSERT_TRUE(hlc_form_read("1700000000000000001.2147483647", pivot, &stamp));
    CU_ASSERT_EQUAL(stamp.bits, stamp_at(BASE_S, 1, 0).bits);
    static const char *const wrong[] = {
        "",
        ".",
        ".0000000000",
        "1700000000000000000.",
        "1700000000000000000.5",
        "1700000000000000000.000000000",
        "1700000000000000000.00000000000",
        "1700000000000000000.0000000005 ",
        " 1700000000000000000.0000000005",
        "-1700000000000000000.0000000005",
        "+1700000000000000000",
        "1700000000000000000.2147483648",
        "1700000000000000000.000000000x",
        "1700000000000000000,0000000005",
        "9223372036854775808.0000000000",
        "99999999999999999999999999999999999999999",
        "0.0000000000x",
        "9223372036854775807.0000000000",
    };
    stamp.bits = 42;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CU_ASSERT_FALSE(hlc_form_read(wrong[i], pivot, &stamp));
    }
    CU_ASSERT_EQUAL(stamp.bits, 42);
    text[0] = 'x';
    CU_ASSERT_FALSE(hlc_form_print(stamp_at(-1, 65535, 0), pivot, text));
    CU_ASSERT_EQUAL(text[0], 'x');
}

static const struct unit_case cases[] = {
    {"on the wire", test_wire},  {"vectors", test_vectors}, {"keep their order", test_order},
    {"refusals", test_refusals}, {"eras", test_eras},       {"CockroachDB's text", test_text},
};
UNIT_MAIN("hlc_form", cases)
