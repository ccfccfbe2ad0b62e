/* SPDX-License-Identifier: MIT */
#include "common/host/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

void files_keep_standard(void)
{
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        /* Opened for the other direction, so that a closed output is not taken for a patient one.
         * The lowest number free is the one that is missing. */
        int flags = stream == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (fcntl(stream, F_GETFD) < 0 && errno == EBADF && open("/dev/null", flags) < 0) {
            return; /* a sandbox without it: nothing else can be done */
        }
    }
}

/* Reads to the end, at most room octets. Returns their number or a negative errno. */
static ssize_t read_all(int file, char *buffer, size_t room)
{
    size_t size = 0;
    while (size < room) {
        ssize_t got = read(file, buffer + size, room - size);
        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)size;
}

static int read_text(int file, size_t size_max, char **text)
{
    struct stat status;
    if (fstat(file, &status) != 0) {
        return -errno;
    }
    if (S_ISDIR(status.st_mode)) {
        return -EISDIR;
    }
    if (!S_ISREG(status.st_mode)) {
        return -EOPNOTSUPP;
    }
    if (status.st_size > 0 && (uintmax_t)status.st_size > size_max) {
        return -EFBIG;
    }
    /* The size may be a lie (in /proc it is 0), so one octet beyond the limit is asked for. */
    char *buffer = malloc(size_max + 1);
    if (buffer == NULL) {
        return -ENOMEM;
    }
    ssize_t size = read_all(file, buffer, size_max + 1);
    int result = size < 0 ? (int)size : (size_t)size > size_max ? -EFBIG : 0;
    if (result == 0 && memchr(buffer, 0, (size_t)size) != NULL) {
        result = -EINVAL;
    }
    if (result != 0) {
        free(buffer);
        return result;
    }
    buffer[size] = 0;
    char *shrunk = realloc(buffer, (size_t)size + 1);
    *text = shrunk != NULL ? shrunk : buffer;
    return 0;
}

int files_read_text(const char *path, size_t size_max, char **text)
{
    /* Not blocking: a FIFO of that name must not stop us in open(). */
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) {
        return -errno;
    }
    int result = read_text(file, size_max, text);
    close(file);
    return result;
}

int files_mode(const char *path, unsigned *mode)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return -errno;
    }
    *mode = status.st_mode & 07777;
    return 0;
}

int files_make_folder(const char *path, unsigned mode)
{
    struct stat status;
    if (mkdir(path, (mode_t)mode) == 0) {
        return 0;
    }
    int error = errno;
    if (error == EEXIST && stat(path, &status) == 0) {
        return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
    }
    return -error;
}

int files_is_private(const char *path, bool *is_private)
{
    unsigned mode;
    int status = files_mode(path, &mode);
    if (status == 0) {
        *is_private = (mode & S_IRWXO) == 0;
    }
    return status;
}

static int write_all(int file, const char *text, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t put = write(file, text + done, size - done);
        if (put < 0 && errno != EINTR) {
            return -errno;
        }
        done += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

/* Fills the new file and makes it durable; closes it in any case. */
static int fill(int file, const char *text, size_t size, unsigned mode)
{
    int result = write_all(file, text, size);
    if (result == 0 && (fchmod(file, (mode_t)mode) != 0 || fsync(file) != 0)) {
        result = -errno;
    }
    /* A file on the network may tell of a full disk only here. */
    if (close(file) != 0 && result == 0 && errno != EINTR) {
        result = -errno;
    }
    return result;
}

/* Gives the finished file its name. Where nothing may be replaced rename() would be a race. */
static int put_in_place(const char *temporary, const char *path, bool exclusive)
{
    if (!exclusive) {
        return rename(temporary, path) == 0 ? 0 : -errno;
    }
    if (link(temporary, path) == 0) {
        unlink(temporary);
        return 0;
    }
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) {
        return -errno;
    }
    /* A file system without hard links. */
    return renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0 ? 0 : -errno;
}

/* Makes the new name durable, where the file system knows how. */
static int sync_folder(const char *folder)
{
    int file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) {
        return errno == EACCES ? 0 : -errno;
    }
    int result = fsync(file) == 0 || errno == EINVAL || errno == EROFS ? 0 : -errno;
    close(file);
    return result;
}

int files_write(const char *path, const char *text, size_t size, unsigned mode, bool exclusive)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (*name == 0) {
        return *path == 0 ? -ENOENT : -EISDIR;
    }
    char folder[PATH_MAX];
    char temporary[PATH_MAX];
    int length = slash == NULL ? snprintf(folder, sizeof(folder), ".")
                 : slash == path
                     ? snprintf(folder, sizeof(folder), "/")
                     : snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    if (length < 0 || (size_t)length >= sizeof(folder)) {
        return -ENAMETOOLONG;
    }
    /* The name is cut, so that the suffix fits in what a folder takes (255 octets). */
    length = snprintf(temporary, sizeof(temporary), "%s/.%.200s.XXXXXX", folder, name);
    if (length < 0 || (size_t)length >= sizeof(temporary)) {
        return -ENAMETOOLONG;
    }
    /* Mode 0600 and O_EXCL: a file or a link that somebody laid there is never opened. */
    int file = mkostemp(temporary, O_CLOEXEC | O_NOFOLLOW);
    if (file < 0) {
        return -errno;
    }
    int result = fill(file, text, size, mode);
    if (result == 0) {
        result = put_in_place(temporary, path, exclusive);
    }
    if (result != 0) {
        unlink(temporary);
        return result;
    }
    return sync_folder(folder);
}

int files_lock(const char *folder, int *lock)
{
    int found = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (found < 0) {
        return -errno;
    }
    if (flock(found, LOCK_EX | LOCK_NB) != 0) {
        int status = -errno;
        close(found);
        return status;
    }
    *lock = found;
    return 0;
}

void files_unlock(int lock)
{
    close(lock);
}
