/* SPDX-License-Identifier: MIT */
#include "common/auth/keyring.h"
#include "common/base/quantity.h"
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE_MAX 1024
#define BARE_ASCII_MAX 20 /* ntpd's rule: a longer bare key is hexadecimal */
#define WORDS_MAX 4
#define SHOWN_MAX 40
#define TYPES_ACCEPTED "MD5, SHA1, SHA256, SHA384, SHA512, AES128 or AES256"

/* A stretch of the text. */
struct word {
    const char *at;
    size_t size;
};

/* A line as it is read. Its complaints never quote what could be a secret: they end up in logs. */
struct line {
    unsigned long number;
    struct word words[WORDS_MAX];
    size_t word_count;
    char *error;
};

static const char *const type_names[KEY_TYPES] = {
    [KEY_MD5] = "MD5",           [KEY_SHA1] = "SHA1",     [KEY_SHA256] = "SHA256",
    [KEY_SHA384] = "SHA384",     [KEY_SHA512] = "SHA512", [KEY_AES128_CMAC] = "AES128",
    [KEY_AES256_CMAC] = "AES256"};

const char *key_type_name(enum key_type type)
{
    assert(type < KEY_TYPES);
    return type_names[type];
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

bool key_type_parse(const char *text, enum key_type *type)
{
    static const struct {
        const char *name;
        enum key_type type;
    } spellings[] = {
        {"MD5", KEY_MD5},
        {"M", KEY_MD5},
        {"SHA1", KEY_SHA1},
        {"SHA", KEY_SHA1},
        {"SHA256", KEY_SHA256},
        {"SHA384", KEY_SHA384},
        {"SHA512", KEY_SHA512},
        {"AES", KEY_AES128_CMAC},
        {"AES128", KEY_AES128_CMAC},
        {"AES128CMAC", KEY_AES128_CMAC},
        {"AES256", KEY_AES256_CMAC},
        {"AES256CMAC", KEY_AES256_CMAC},
    };
    /* Hyphens come and go between the programs: AES-128-CMAC, AES128CMAC, SHA-256. */
    char plain[16];
    size_t size = 0;
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '-' || *at == '_') {
            continue;
        }
        if (size == sizeof plain - 1) {
            return false;
        }
        plain[size++] = upper(*at);
    }
    plain[size] = '\0';
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        if (strcmp(plain, spellings[i].name) == 0) {
            *type = spellings[i].type;
            return true;
        }
    }
    return false;
}

/* The word as a string, printable octets only, cut where it is long. */
static const char *shown(struct word word, char out[SHOWN_MAX])
{
    size_t size = word.size < SHOWN_MAX - 1 ? word.size : SHOWN_MAX - 1;
    for (size_t i = 0; i < size; i++) {
        out[i] = word.at[i] >= ' ' && word.at[i] <= '~' ? word.at[i] : '?';
    }
    out[size] = '\0';
    return out;
}

/* Writes "line N: " and the rest; returns false, for the caller to return. */
__attribute__((format(printf, 2, 3))) static bool refuse(const struct line *line,
                                                         const char *format, ...)
{
    int size = snprintf(line->error, KEYRING_ERROR_MAX, "line %lu: ", line->number);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line->error + size, KEYRING_ERROR_MAX - (size_t)size, format, arguments);
    va_end(arguments);
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts the line into words, up to a comment. A fifth word is refused. */
static bool split_line(struct line *line, struct word text)
{
    line->word_count = 0;
    for (size_t i = 0; i < text.size;) {
        if (is_blank(text.at[i])) {
            i++;
            continue;
        }
        bool is_first = line->word_count == 0;
        if (text.at[i] == '#' || (is_first && strchr("!;%", text.at[i]) != NULL)) {
            return true;
        }
        if (line->word_count == WORDS_MAX) {
            return refuse(line, "a fifth word follows; \"ID TYPE KEY ADDRESSES\" is accepted, with "
                                "commas and no spaces between the addresses");
        }
        size_t start = i;
        while (i < text.size && !is_blank(text.at[i])) {
            i++;
        }
        line->words[line->word_count++] = (struct word){.at = text.at + start, .size = i - start};
    }
    return true;
}

/* Refuses what no editor writes, before any of it is looked at. */
static bool check_line(const struct line *line, struct word text)
{
    if (text.size >= LINE_SIZE_MAX) {
        return refuse(line, "the line has %zu characters; up to %d are accepted", text.size,
                      LINE_SIZE_MAX - 1);
    }
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return refuse(line,
                          "character %zu is the control character 0x%02x; a keys file is text",
                          i + 1, c);
        }
    }
    return true;
}

static bool read_id(const struct line *line, uint32_t *id)
{
    struct word word = line->words[0];
    char text[SHOWN_MAX];
    int64_t value;
    if (word.size < sizeof text &&
        quantity_parse_integer(shown(word, text), 1, UINT32_MAX, &value)) {
        *id = (uint32_t)value;
        return true;
    }
    /* What is no number may be half of a broken line, hence secret. */
    if (word.size < sizeof text && strspn(shown(word, text), "+-0123456789") == word.size) {
        return refuse(line, "the key id is %s; a number from 1 to 4294967295 is accepted", text);
    }
    return refuse(line,
                  "the line begins with a word of %zu characters that is no key id; a number "
                  "from 1 to 4294967295 is accepted",
                  word.size);
}

static bool word_is_type(struct word word, enum key_type *type)
{
    char text[SHOWN_MAX];
    return word.size < sizeof text && key_type_parse(shown(word, text), type);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = upper(c);
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_hex(struct word word)
{
    for (size_t i = 0; i < word.size; i++) {
        if (hex_value(word.at[i]) < 0) {
            return false;
        }
    }
    return true;
}

static bool strip_mark(struct word *word, const char *mark)
{
    size_t size = strlen(mark);
    if (word->size < size || memcmp(word->at, mark, size) != 0) {
        return false;
    }
    word->at += size;
    word->size -= size;
    return true;
}

static bool read_hex(const struct line *line, struct word word, struct key *key)
{
    if (!is_hex(word) || word.size % 2 != 0) {
        return refuse(line,
                      "key %lu is marked HEX: but has %zu characters%s; an even number of the "
                      "digits 0-9 and a-f is accepted",
                      (unsigned long)key->id, word.size,
                      is_hex(word) ? "" : " that are not all hexadecimal");
    }
    if (word.size > (size_t)2 * KEY_SIZE_MAX) {
        return refuse(line, "key %lu has %zu octets; up to %d are accepted", (unsigned long)key->id,
                      word.size / 2, KEY_SIZE_MAX);
    }
    for (size_t i = 0; i < word.size; i += 2) {
        key->secret[i / 2] = (uint8_t)(hex_value(word.at[i]) << 4 | hex_value(word.at[i + 1]));
    }
    key->size = (uint8_t)(word.size / 2);
    return true;
}

static bool read_ascii(const struct line *line, struct word word, struct key *key)
{
    if (word.size > KEY_SIZE_MAX) {
        return refuse(line, "key %lu has %zu octets; up to %d are accepted", (unsigned long)key->id,
                      word.size, KEY_SIZE_MAX);
    }
    memcpy(key->secret, word.at, word.size);
    key->size = (uint8_t)word.size;
    return true;
}

static bool read_secret(const struct line *line, struct word word, struct key *key)
{
    bool ok;
    if (strip_mark(&word, "HEX:")) {
        ok = read_hex(line, word, key);
    } else if (!strip_mark(&word, "ASCII:") && word.size > BARE_ASCII_MAX && word.size % 2 == 0 &&
               is_hex(word)) {
        ok = read_hex(line, word, key);
    } else {
        ok = read_ascii(line, word, key);
    }
    if (!ok) {
        return false;
    }
    if (key->size == 0) {
        return refuse(line, "key %lu is empty; 1 to %d octets are accepted", (unsigned long)key->id,
                      KEY_SIZE_MAX);
    }
    size_t wanted = key->type == KEY_AES128_CMAC ? 16 : key->type == KEY_AES256_CMAC ? 32 : 0;
    if (wanted != 0 && key->size != wanted) {
        return refuse(line, "key %lu has %u octets; %s takes %zu (HEX: and %zu hexadecimal digits)",
                      (unsigned long)key->id, key->size, key_type_name(key->type), wanted,
                      wanted * 2);
    }
    return true;
}

/* A key with a space in it ends here as well: what cannot be an address is not quoted. */
static bool refuse_address(const struct line *line, struct word item)
{
    char text[SHOWN_MAX];
    shown(item, text);
    if (strspn(text, "0123456789abcdefABCDEF.:/") != strlen(text) || strpbrk(text, ".:") == NULL) {
        snprintf(text, sizeof text, "a word of %zu character%s", item.size,
                 item.size == 1 ? "" : "s");
    }
    return refuse(line,
                  "%s stands behind the key where its addresses may stand; addresses or "
                  "prefixes such as 192.0.2.1 or 2001:db8::/32 are accepted, with zero bits "
                  "behind the prefix and commas between them",
                  text);
}

/* Reads the fourth column; line may be NULL to ask only whether it is one. */
static bool read_addresses(const struct line *line, struct word word, struct key *key)
{
    for (size_t i = 0; i <= word.size;) {
        const char *comma = i < word.size ? memchr(word.at + i, ',', word.size - i) : NULL;
        size_t end = comma == NULL ? word.size : (size_t)(comma - word.at);
        struct word item = {.at = word.at + i, .size = end - i};
        char text[ADDRESS_TEXT_MAX];
        struct prefix prefix;
        bool fits = item.size < sizeof text;
        memcpy(text, item.at, fits ? item.size : 0);
        text[fits ? item.size : 0] = '\0';
        if (!prefix_parse(text, &prefix)) {
            return line != NULL && refuse_address(line, item);
        }
        if (key->prefix_count == KEY_PREFIXES_MAX) {
            return line != NULL && refuse(line,
                                          "key %lu has more than %d addresses; name a prefix "
                                          "that holds several of them",
                                          (unsigned long)key->id, KEY_PREFIXES_MAX);
        }
        key->prefixes[key->prefix_count++] = prefix;
        i = end + 1;
    }
    return true;
}

static bool refuse_type(const struct line *line, struct word word)
{
    static const char *const starts[] = {"MD", "SHA", "AES", "DES", "CMAC", "RMD", "RIPEMD"};
    char text[SHOWN_MAX];
    shown(word, text);
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t size = 0;
        while (starts[i][size] != '\0' && upper(text[size]) == starts[i][size]) {
            size++;
        }
        if (starts[i][size] == '\0') {
            return refuse(line, "unknown key type %s; %s is accepted", text, TYPES_ACCEPTED);
        }
    }
    return refuse(line, "the second word is no key type; %s is accepted", TYPES_ACCEPTED);
}

/* Reads the words behind the id. */
static bool read_columns(const struct line *line, struct key *key)
{
    size_t next = 1;
    if (line->word_count > 1 && word_is_type(line->words[1], &key->type)) {
        next = 2;
    } else {
        key->type = KEY_MD5;
        /* Without a type, a third word can only be the addresses. */
        struct key scratch = {.id = key->id};
        if (line->word_count > 3 ||
            (line->word_count == 3 && !read_addresses(NULL, line->words[2], &scratch))) {
            return refuse_type(line, line->words[1]);
        }
    }
    if (next >= line->word_count) {
        return refuse(line,
                      "key %lu has no key; \"ID TYPE KEY\" is accepted, the key as HEX:..., "
                      "ASCII:... or bare",
                      (unsigned long)key->id);
    }
    return read_secret(line, line->words[next], key) &&
           (next + 1 >= line->word_count || read_addresses(line, line->words[next + 1], key));
}

/* Puts the key in its place. numbers[] are the lines of the keys, in the same order. */
static bool insert(struct keyring *keyring, unsigned long *numbers, const struct line *line,
                   const struct key *key)
{
    if (keyring->count == KEYRING_KEYS_MAX) {
        return refuse(line, "there are more than %d keys; up to %d are accepted", KEYRING_KEYS_MAX,
                      KEYRING_KEYS_MAX);
    }
    size_t place = keyring->count;
    while (place > 0 && keyring->keys[place - 1].id > key->id) {
        place--;
    }
    if (place > 0 && keyring->keys[place - 1].id == key->id) {
        return refuse(line, "key %lu is on line %lu already; each id is accepted once",
                      (unsigned long)key->id, numbers[place - 1]);
    }
    memmove(keyring->keys + place + 1, keyring->keys + place,
            (keyring->count - place) * sizeof *key);
    memmove(numbers + place + 1, numbers + place, (keyring->count - place) * sizeof *numbers);
    keyring->keys[place] = *key;
    numbers[place] = line->number;
    keyring->count++;
    return true;
}

static bool read_line(struct keyring *keyring, unsigned long *numbers, struct line *line,
                      struct word text)
{
    if (!check_line(line, text) || !split_line(line, text)) {
        return false;
    }
    if (line->word_count == 0) {
        return true;
    }
    struct key key = {0};
    bool ok =
        read_id(line, &key.id) && read_columns(line, &key) && insert(keyring, numbers, line, &key);
    OPENSSL_cleanse(&key, sizeof key);
    return ok;
}

static size_t count_lines(const char *text)
{
    size_t lines = 1;
    for (const char *at = strchr(text, '\n'); at != NULL; at = strchr(at + 1, '\n')) {
        lines++;
    }
    return lines;
}

bool keyring_parse(const char *text, struct keyring *keyring, char error[KEYRING_ERROR_MAX])
{
    *keyring = (struct keyring){0};
    error[0] = '\0';
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3; /* a byte order mark */
    }
    /* All at once: an array that grew would leave secrets behind in freed memory. */
    size_t room = count_lines(text);
    room = room < KEYRING_KEYS_MAX ? room : KEYRING_KEYS_MAX;
    keyring->keys = calloc(room, sizeof *keyring->keys);
    if (keyring->keys == NULL) {
        snprintf(error, KEYRING_ERROR_MAX, "no memory for %zu keys", room);
        return false;
    }
    unsigned long numbers[KEYRING_KEYS_MAX];
    struct line line = {.error = error};
    while (*text != '\0') {
        line.number++;
        size_t size = strcspn(text, "\n");
        bool has_return = size > 0 && text[size - 1] == '\r';
        struct word whole = {.at = text, .size = has_return ? size - 1 : size};
        if (!read_line(keyring, numbers, &line, whole)) {
            keyring_clear(keyring);
            return false;
        }
        text += size + (text[size] == '\n' ? 1 : 0);
    }
    return true;
}

void keyring_clear(struct keyring *keyring)
{
    if (keyring->keys != NULL) {
        OPENSSL_cleanse(keyring->keys, keyring->count * sizeof *keyring->keys);
    }
    free(keyring->keys);
    *keyring = (struct keyring){0};
}

const struct key *keyring_find(const struct keyring *keyring, uint32_t id)
{
    size_t low = 0;
    size_t high = keyring->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keyring->keys[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < keyring->count && keyring->keys[low].id == id ? &keyring->keys[low] : NULL;
}

bool key_is_allowed(const struct key *key, const struct address *address)
{
    for (size_t i = 0; i < key->prefix_count; i++) {
        if (prefix_contains(&key->prefixes[i], address)) {
            return true;
        }
    }
    return key->prefix_count == 0;
}
