/* SPDX-License-Identifier: MIT */
#include "tests/sim/stand_in.h"
#include "tests/unit/unit.h"
#include <string.h>

static struct random random_numbers;
static struct stand_in stand_in;
static struct identity *alice;
static struct identity *bob;
static const uint8_t text[] = "ten past nine";

static void begin(void)
{
    char error[IDENTITY_ERROR_MAX];
    random_init_seeded(&random_numbers, 1);
    stand_in_init(&stand_in, &random_numbers);
    alice = identity_create(&random_numbers, error);
    bob = identity_create(&random_numbers, error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(alice);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bob);
}

static void end(void)
{
    identity_destroy(alice);
    identity_destroy(bob);
}

static struct bytes message(void)
{
    return bytes_make(text, sizeof(text));
}

static void test_only_the_signer_signs(void)
{
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    begin();
    CU_ASSERT_TRUE(
        identity_scheme_sign(&stand_in.scheme, alice, IDENTITY_REPORT, message(), signature));
    CU_ASSERT_TRUE(identity_scheme_verify(&stand_in.scheme, identity_public_key(alice),
                                          IDENTITY_REPORT, message(), signature));
    CU_ASSERT_FALSE(identity_scheme_verify(&stand_in.scheme, identity_public_key(bob),
                                           IDENTITY_REPORT, message(), signature));
    CU_ASSERT_FALSE(identity_scheme_verify(&stand_in.scheme, identity_public_key(alice),
                                           IDENTITY_HELLO, message(), signature));
    CU_ASSERT_FALSE(identity_scheme_verify(&stand_in.scheme, identity_public_key(alice),
                                           IDENTITY_REPORT, bytes_make(text, sizeof(text) - 1),
                                           signature));
    /* It is no Ed25519 signature, and another world's is none here. */
    CU_ASSERT_FALSE(identity_scheme_verify(NULL, identity_public_key(alice), IDENTITY_REPORT,
                                           message(), signature));
    stand_in.master[0] ^= 1;
    CU_ASSERT_FALSE(identity_scheme_verify(&stand_in.scheme, identity_public_key(alice),
                                           IDENTITY_REPORT, message(), signature));
    end();
}

static void test_every_bit_counts(void)
{
    uint8_t signature[IDENTITY_SIGNATURE_SIZE];
    uint8_t changed[sizeof(text)];
    begin();
    CU_ASSERT_TRUE(
        identity_scheme_sign(&stand_in.scheme, alice, IDENTITY_REPORT, message(), signature));
    for (size_t i = 0; i < 8 * sizeof(signature); i++) {
        signature[i / 8] ^= (uint8_t)(1U << i % 8);
        CU_ASSERT_FALSE(identity_scheme_verify(&stand_in.scheme, identity_public_key(alice),
                                               IDENTITY_REPORT, message(), signature));
        signature[i / 8] ^= (uint8_t)(1U << i % 8);
    }
    for (size_t i = 0; i < 8 * sizeof(text); i++) {
        memcpy(changed, text, sizeof(text));
        changed[i / 8] ^= (uint8_t)(1U << i % 8);
        CU_ASSERT_FALSE(identity_scheme_verify(&stand_in.scheme, identity_public_key(alice),
                                               IDENTITY_REPORT,
                                               bytes_make(changed, sizeof(changed)), signature));
    }
    end();
}

static void test_it_is_booked(void)
{
    uint8_t signature[IDENTITY_SIGNATURE_SIZE] = {0};
    int64_t booked_ns = 0;
    begin();
    stand_in.booked_ns = &booked_ns;
    CU_ASSERT_TRUE(
        identity_scheme_sign(&stand_in.scheme, alice, IDENTITY_REPORT, message(), signature));
    CU_ASSERT_EQUAL(booked_ns, STAND_IN_SIGN_NS);
    signature[0] ^= 1; /* what is forged costs as much */
    CU_ASSERT_FALSE(identity_scheme_verify(&stand_in.scheme, identity_public_key(alice),
                                           IDENTITY_REPORT, message(), signature));
    CU_ASSERT_EQUAL(booked_ns, STAND_IN_SIGN_NS + STAND_IN_VERIFY_NS);
    end();
}

static const struct unit_case cases[] = {
    {"only the signer signs", test_only_the_signer_signs},
    {"every bit counts", test_every_bit_counts},
    {"what it would cost is booked", test_it_is_booked},
};
UNIT_MAIN("stand_in", cases)
