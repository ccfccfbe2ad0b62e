/* SPDX-License-Identifier: MIT */
/* replay.c - runs a fuzz target over the recorded packets and its seeds, each as it is, cut at
 * every length and with a bit of every octet flipped: what libFuzzer would start from, under any
 * compiler and in a second.
 *
 *   replay_X               as make check does
 *   replay_X FILE...       these files only, as they are: how a crash is looked at
 *   replay_X --seeds DIR   writes the inputs into DIR, for libFuzzer */
#include "tests/fuzz/fuzz.h"
#include "tests/vectors/hex.h"

#include <dirent.h>
#include <string.h>

#define PATH_SIZE 4096
#define INPUT_MAX 65536

/* Cut or flipped only as far as this: what follows is the data of a field. */
#define DAMAGE_MAX 160

static const char *seeds_folder; /* NULL: run the inputs */
static size_t inputs;
static size_t runs;

/* In a block of its own, so that a sanitizer sees a read past the end. */
static void run(const uint8_t *octets, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    FUZZ_REQUIRE(copy != NULL);
    if (size > 0) {
        memcpy(copy, octets, size);
    }
    LLVMFuzzerTestOneInput(size > 0 ? copy : NULL, size);
    free(copy);
    runs++;
}

static void run_damaged(uint8_t *octets, size_t size)
{
    size_t end = size < DAMAGE_MAX ? size : DAMAGE_MAX;
    for (size_t i = 0; i < end; i++) {
        run(octets, i);
        uint8_t bit = (uint8_t)(1U << i % 8);
        octets[i] ^= bit;
        run(octets, size);
        octets[i] ^= bit;
    }
}

static bool write_seed(const char *name, const uint8_t *octets, size_t size)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s", seeds_folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool written = fwrite(octets, 1, size, file) == size;
    return fclose(file) == 0 && written;
}

static bool load_raw(const char *path, uint8_t *octets, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    *size = fread(octets, 1, INPUT_MAX, file);
    bool ok = ferror(file) == 0;
    fclose(file);
    return ok;
}

static bool is_hex(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".hex") == 0;
}

static bool replay_file(const char *path, const char *name, bool damage)
{
    static uint8_t octets[INPUT_MAX];
    size_t size;
    bool loaded = is_hex(name) ? hex_load(path, octets, sizeof(octets), &size)
                               : load_raw(path, octets, &size);
    if (!loaded) {
        fprintf(stderr, "%s: can't be read\n", path);
        return false;
    }
    inputs++;
    if (seeds_folder != NULL) {
        return write_seed(name, octets, size);
    }
    run(octets, size);
    if (damage) {
        run_damaged(octets, size);
    }
    return true;
}

/* Every file of a folder under the source tree. */
static bool replay_folder(const char *folder, const char *part)
{
    const char *srcdir = getenv("srcdir");
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "%s/%s%s", srcdir != NULL ? srcdir : ".", folder, part);
    DIR *directory = opendir(path);
    if (directory == NULL) {
        fprintf(stderr, "%s: no such folder; set srcdir to the source tree\n", path);
        return false;
    }
    bool ok = true;
    size_t length = strlen(path);
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (entry->d_name[0] != '.') {
            snprintf(path + length, sizeof(path) - length, "/%s", entry->d_name);
            ok = replay_file(path, entry->d_name, true) && ok;
        }
    }
    closedir(directory);
    return ok;
}

static bool replay_all(void)
{
    bool ok = true;
    if (fuzz_target.takes_packets) {
        ok = replay_folder("tests/vectors/corpus/requests", "");
        ok = replay_folder("tests/vectors/corpus/responses", "") && ok;
    }
    return replay_folder("tests/fuzz/seeds/", fuzz_target.name) && ok;
}

int main(int argc, char **argv)
{
    bool ok = true;
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0) {
        seeds_folder = argv[2];
        ok = replay_all();
    } else if (argc > 1) {
        for (int i = 1; i < argc; i++) {
            ok = replay_file(argv[i], argv[i], false) && ok;
        }
    } else {
        ok = replay_all();
    }
    printf("%s: %zu inputs, %zu runs\n", fuzz_target.name, inputs, runs);
    return ok && inputs > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
