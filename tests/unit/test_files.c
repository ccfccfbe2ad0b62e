/* SPDX-License-Identifier: MIT */
#include "common/host/files.h"
#include "common/host/privilege.h"
#include "tests/unit/unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_ROOM 512

static char folder[64];

static void folder_make(void)
{
    snprintf(folder, sizeof(folder), "/tmp/chime-test-files-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

/* Removes the folder and says how many files were in it. */
static int folder_remove(void)
{
    int count = 0;
    char path[PATH_ROOM];
    DIR *entries = opendir(folder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entries);
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(path, sizeof(path), "%s/%.255s", folder, entry->d_name);
            CU_ASSERT_EQUAL(remove(path), 0);
            count++;
        }
    }
    closedir(entries);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
    return count;
}

static const char *path_of(const char *name)
{
    static char path[PATH_ROOM];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put(const char *path, const char *text, size_t size)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(text, 1, size, file), size);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static void expect_text(const char *path, const char *wanted)
{
    char *text = NULL;
    CU_ASSERT_EQUAL(files_read_text(path, 4096, &text), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_STRING_EQUAL(text, wanted);
    free(text);
}

static void reads_a_file_up_to_its_limit(void)
{
    folder_make();
    char *text = NULL;
    put(path_of("five"), "hello", 5);
    CU_ASSERT_EQUAL(files_read_text(path_of("five"), 5, &text), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_STRING_EQUAL(text, "hello");
    free(text);
    text = NULL;
    CU_ASSERT_EQUAL(files_read_text(path_of("five"), 4, &text), -EFBIG);
    CU_ASSERT_PTR_NULL(text);
    put(path_of("empty"), "", 0);
    expect_text(path_of("empty"), "");
    /* A file whose size is not known before it is read. */
    CU_ASSERT_EQUAL(files_read_text("/proc/self/status", 10, &text), -EFBIG);
    CU_ASSERT_EQUAL(files_read_text("/proc/self/status", 65536, &text), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_NSTRING_EQUAL(text, "Name:", 5);
    free(text);
    CU_ASSERT_EQUAL(folder_remove(), 2);
}

static void refuses_what_is_no_text_file(void)
{
    folder_make();
    char *text = NULL;
    put(path_of("binary"), "a\0b", 3);
    CU_ASSERT_EQUAL(files_read_text(path_of("binary"), 100, &text), -EINVAL);
    CU_ASSERT_EQUAL(files_read_text(folder, 100, &text), -EISDIR);
    CU_ASSERT_EQUAL(files_read_text(path_of("missing"), 100, &text), -ENOENT);
    CU_ASSERT_EQUAL_FATAL(mkfifo(path_of("fifo"), 0600), 0);
    CU_ASSERT_EQUAL(files_read_text(path_of("fifo"), 100, &text), -EOPNOTSUPP);
    CU_ASSERT_PTR_NULL(text);
    CU_ASSERT_EQUAL(folder_remove(), 2);
}

static void knows_whether_others_may_read(void)
{
    folder_make();
    put(path_of("keys"), "x", 1);
    static const struct {
        mode_t mode;
        bool is_private;
    } modes[] = {{0600, true},  {0640, true},  {0660, true},
                 {0644, false}, {0602, false}, {0601, false}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        bool is_private = !modes[i].is_private;
        CU_ASSERT_EQUAL(chmod(path_of("keys"), modes[i].mode), 0);
        CU_ASSERT_EQUAL(files_is_private(path_of("keys"), &is_private), 0);
        CU_ASSERT_EQUAL(is_private, modes[i].is_private);
        unsigned mode = 0;
        CU_ASSERT_EQUAL(files_mode(path_of("keys"), &mode), 0);
        CU_ASSERT_EQUAL(mode, modes[i].mode);
    }
    bool is_private = true;
    unsigned mode = 0;
    CU_ASSERT_EQUAL(files_mode(path_of("missing"), &mode), -ENOENT);
    CU_ASSERT_EQUAL(files_is_private(path_of("missing"), &is_private), -ENOENT);
    folder_remove();
}

static void writes_with_the_mode_whatever_the_umask(void)
{
    folder_make();
    static const mode_t umasks[] = {0, 022, 0777};
    static const unsigned modes[] = {0600, 0644, 0666};
    mode_t saved = umask(0);
    for (size_t i = 0; i < 9; i++) {
        struct stat status;
        umask(umasks[i / 3]);
        CU_ASSERT_EQUAL(files_write(path_of("file"), "text", 4, modes[i % 3], false), 0);
        CU_ASSERT_EQUAL(stat(path_of("file"), &status), 0);
        CU_ASSERT_EQUAL(status.st_mode & 07777, modes[i % 3]);
    }
    umask(saved);
    expect_text(path_of("file"), "text");
    CU_ASSERT_EQUAL(folder_remove(), 1);
}

static void replaces_unless_exclusive(void)
{
    folder_make();
    CU_ASSERT_EQUAL(files_write(path_of("file"), "first", 5, 0600, true), 0);
    CU_ASSERT_EQUAL(files_write(path_of("file"), "second", 6, 0600, true), -EEXIST);
    expect_text(path_of("file"), "first");
    CU_ASSERT_EQUAL(files_write(path_of("file"), "third", 5, 0600, false), 0);
    expect_text(path_of("file"), "third");
    CU_ASSERT_EQUAL(folder_remove(), 1);
}

static void does_not_write_through_a_link(void)
{
    folder_make();
    char target[PATH_ROOM];
    snprintf(target, sizeof(target), "%s/target", folder);
    put(target, "kept", 4);
    CU_ASSERT_EQUAL_FATAL(symlink(target, path_of("link")), 0);
    CU_ASSERT_EQUAL(files_write(path_of("link"), "new", 3, 0600, true), -EEXIST);
    CU_ASSERT_EQUAL(files_write(path_of("link"), "new", 3, 0600, false), 0);
    expect_text(target, "kept");
    expect_text(path_of("link"), "new");
    struct stat status;
    CU_ASSERT_EQUAL(lstat(path_of("link"), &status), 0);
    CU_ASSERT_TRUE(S_ISREG(status.st_mode));
    CU_ASSERT_EQUAL(folder_remove(), 2);
}

static void takes_every_kind_of_path(void)
{
    folder_make();
    char name[256];
    char here[PATH_ROOM];
    memset(name, 'n', 255);
    name[255] = 0;
    CU_ASSERT_EQUAL(files_write(path_of(name), "long", 4, 0600, false), 0);
    expect_text(path_of(name), "long");
    CU_ASSERT_PTR_NOT_NULL_FATAL(getcwd(here, sizeof(here)));
    CU_ASSERT_EQUAL_FATAL(chdir(folder), 0);
    CU_ASSERT_EQUAL(files_write("relative", "r", 1, 0600, true), 0);
    CU_ASSERT_EQUAL_FATAL(chdir(here), 0);
    expect_text(path_of("relative"), "r");
    CU_ASSERT_EQUAL(files_write(path_of("no/such"), "x", 1, 0600, false), -ENOENT);
    CU_ASSERT_EQUAL(files_write(path_of(""), "x", 1, 0600, false), -EISDIR);
    CU_ASSERT_EQUAL(files_write("", "x", 1, 0600, false), -ENOENT);
    CU_ASSERT_EQUAL(folder_remove(), 2);
}

/* RLIMIT_FSIZE stands in for a full disk: the write stops in the middle. */
static void a_full_disk_leaves_the_old_file(void)
{
    folder_make();
    char text[8192];
    memset(text, 'x', sizeof(text));
    CU_ASSERT_EQUAL(files_write(path_of("file"), "old", 3, 0600, false), 0);
    struct rlimit saved, limited;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &saved), 0);
    limited = saved;
    limited.rlim_cur = 4096;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &limited), 0);
    int replaced = files_write(path_of("file"), text, sizeof(text), 0600, false);
    int created = files_write(path_of("other"), text, sizeof(text), 0600, true);
    setrlimit(RLIMIT_FSIZE, &saved);
    signal(SIGXFSZ, handler);
    CU_ASSERT_EQUAL(replaced, -EFBIG);
    CU_ASSERT_EQUAL(created, -EFBIG);
    expect_text(path_of("file"), "old");
    CU_ASSERT_EQUAL(folder_remove(), 1);
}

/* A child that drops its privileges reports by its exit status: 0 or the line that failed. */
#define CHILD_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            _exit(__LINE__ % 255 + 1);                                                             \
        }                                                                                          \
    } while (0)

static int child_status(pid_t child)
{
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void root_becomes_a_user(void)
{
    if (geteuid() != 0) {
        return;
    }
    bool may_set_time = privilege_may_set_time();
    for (int keep_time = 0; keep_time < 2; keep_time++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            char error[PRIVILEGE_ERROR_MAX];
            const gid_t groups[] = {54322, 54323};
            CHILD_CHECK(setgroups(2, groups) == 0);
            CHILD_CHECK(privilege_drop("54321", keep_time, error));
            CHILD_CHECK(error[0] == 0);
            CHILD_CHECK(geteuid() == 54321 && getuid() == 54321 && getegid() == 54321);
            CHILD_CHECK(getgroups(0, NULL) == 0);
            CHILD_CHECK(setresuid(0, 0, 0) != 0);
            CHILD_CHECK(privilege_may_set_time() == (keep_time && may_set_time));
            CHILD_CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L) == 1);
            CHILD_CHECK(prctl(PR_GET_KEEPCAPS, 0L, 0L, 0L, 0L) == 0);
            /* Once more, as a user: nothing is left to do. */
            CHILD_CHECK(privilege_drop("54321", false, error));
            CHILD_CHECK(!privilege_may_set_time());
            _exit(0);
        }
        CU_ASSERT_EQUAL(child_status(child), 0);
    }
}

static void refusals_become_sentences(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char error[PRIVILEGE_ERROR_MAX];
        if (geteuid() == 0) {
            CHILD_CHECK(!privilege_drop("no such user", false, error));
            CHILD_CHECK(strstr(error, "user 'no such user' does not exist") != NULL);
            /* Without a name: the rights end, the user stays. Then the change of user is refused.
             */
            CHILD_CHECK(privilege_drop("", false, error));
            CHILD_CHECK(geteuid() == 0 && !privilege_may_set_time());
            CHILD_CHECK(!privilege_drop("54321", false, error));
            CHILD_CHECK(strstr(error, "Operation not permitted") != NULL);
        } else {
            CHILD_CHECK(privilege_drop("54321", true, error));
            CHILD_CHECK(geteuid() != 54321);
        }
        _exit(0);
    }
    CU_ASSERT_EQUAL(child_status(child), 0);
}

static void knows_users(void)
{
    CU_ASSERT_TRUE(privilege_user_exists("root"));
    CU_ASSERT_TRUE(privilege_user_exists("54321"));
    CU_ASSERT_FALSE(privilege_user_exists("no such user"));
    CU_ASSERT_FALSE(privilege_user_exists("4294967295"));
    CU_ASSERT_FALSE(privilege_user_exists("99999999999"));
    CU_ASSERT_FALSE(privilege_user_exists("12x"));
    CU_ASSERT_FALSE(privilege_user_exists(""));
}

static void makes_a_folder_that_is_not_there(void)
{
    unsigned mode;
    folder_make();
    CU_ASSERT_EQUAL(files_make_folder(folder, 0700), 0);
    CU_ASSERT_EQUAL(files_make_folder(path_of("new"), 0700), 0);
    CU_ASSERT_EQUAL(files_mode(path_of("new"), &mode), 0);
    CU_ASSERT_EQUAL(mode, 0700);
    CU_ASSERT_EQUAL(files_make_folder(path_of("new"), 0700), 0);
    CU_ASSERT_EQUAL(rmdir(path_of("new")), 0);
    CU_ASSERT_EQUAL(files_make_folder(path_of("gone/new"), 0700), -ENOENT);
    put(path_of("file"), "", 0);
    CU_ASSERT_EQUAL(files_make_folder(path_of("file"), 0700), -ENOTDIR);
    CU_ASSERT_EQUAL(folder_remove(), 1);
}

static void closed_streams_keep_their_numbers(void)
{
    pid_t child = fork();
    if (child == 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        close(STDERR_FILENO);
        files_keep_standard();
        char octet;
        bool ok = open("/dev/null", O_RDWR) > STDERR_FILENO;
        ok = ok && write(STDERR_FILENO, "x", 1) < 0 && write(STDOUT_FILENO, "x", 1) < 0;
        ok = ok && read(STDIN_FILENO, &octet, 1) < 0;
        _exit(ok ? 0 : 1);
    }
    CU_ASSERT_EQUAL(child_status(child), 0);
    /* What is open stays what it is. */
    struct stat before, after;
    CU_ASSERT_EQUAL(fstat(STDOUT_FILENO, &before), 0);
    files_keep_standard();
    CU_ASSERT_EQUAL(fstat(STDOUT_FILENO, &after), 0);
    CU_ASSERT_EQUAL(before.st_ino, after.st_ino);
}

static const struct unit_case cases[] = {
    {"reads a file up to its limit", reads_a_file_up_to_its_limit},
    {"refuses what is no text file", refuses_what_is_no_text_file},
    {"knows whether others may read", knows_whether_others_may_read},
    {"writes with the mode, whatever the umask", writes_with_the_mode_whatever_the_umask},
    {"replaces unless exclusive", replaces_unless_exclusive},
    {"does not write through a link", does_not_write_through_a_link},
    {"takes every kind of path", takes_every_kind_of_path},
    {"a full disk leaves the old file", a_full_disk_leaves_the_old_file},
    {"root becomes a user", root_becomes_a_user},
    {"refusals become sentences", refusals_become_sentences},
    {"knows users", knows_users},
    {"makes a folder that is not there", makes_a_folder_that_is_not_there},
    {"closed streams keep their numbers", closed_streams_keep_their_numbers},
};
UNIT_MAIN("files", cases)
