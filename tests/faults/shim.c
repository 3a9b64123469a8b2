/*
 * A preload library that gives a process a disk which can lose power, fill up and fail.
 * Test code, Linux. It watches the regular files below SHIM_DIR; everything else passes through.
 *
 * Power loss. SHIM_MIRROR is a second folder that holds only what a power cut would leave. It starts
 * as a copy of SHIM_DIR made while nothing ran. Kill the process, and the mirror is the disk. The
 * guarantees modeled are those of ext4, xfs and btrfs, and no more:
 *   - the bytes a file got before fsync or fdatasync was called are durable when the call returns,
 *     and so is its length. Bytes written by another thread while the call runs are not;
 *   - a sync of a file makes its own name durable too (its creation or rename); a sync of a folder
 *     makes every creation, rename and unlink in that folder durable;
 *   - a rename that replaces a file is atomic;
 *   - making a folder is durable at once.
 * Nothing else ever gets there, except by leaking: with leak_permille set, that share of the writes
 * becomes durable early and out of order, as when the kernel writes back on its own.
 *
 * Full disk. limit_written counts every byte (a copy-on-write file system), limit_grown only bytes
 * that make a file longer (one that overwrites in place). Past the limit: a short write, then ENOSPC.
 *
 * Failing disk. eio_wanted syncs answer EIO. As in Linux, the bytes that could not be written are
 * then forgotten: a later sync succeeds without having stored them.
 *
 * Not seen: raw system calls that do not go through the C library, writes through mmap. Files whose
 * names end with "-shm" are never mirrored: SQLite rebuilds them.
 *
 * Reading a watched file goes through the caller's own descriptor: closing another one would drop
 * the process's POSIX locks on the file, which SQLite relies on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* ---- the control file, shared with the test: 64-bit words, the first four written by the test ---- */

struct control {
    int64_t limit_written; /* bytes this process may write, -1: no limit */
    int64_t limit_grown;   /* bytes files may grow by, -1: no limit */
    int64_t eio_wanted;    /* syncs that answer EIO */
    int64_t leak_permille; /* share of writes that become durable early */
    int64_t written;       /* bytes written so far */
    int64_t grown;         /* bytes files grew by so far */
    int64_t refused;       /* ENOSPC answers */
    int64_t eio_done;      /* EIO answers */
    int64_t syncs;         /* syncs asked for */
    int64_t syncs_after;   /* syncs of a file that had failed to sync before, by the thread that was
                            * told so, or by any after TIME_TO_STOP_MS */
};

static struct control no_control = {.limit_written = -1, .limit_grown = -1};
static struct control *control = &no_control;

static int64_t get(const int64_t *word) { return __atomic_load_n(word, __ATOMIC_SEQ_CST); }
static void add(int64_t *word, int64_t n) { __atomic_add_fetch(word, n, __ATOMIC_SEQ_CST); }

/* ---- the real functions ---- */

#define REAL(name, type, ...)                                              \
    static type (*real_##name)(__VA_ARGS__);                               \
    static void find_##name(void) { real_##name = dlsym(RTLD_NEXT, #name); }

REAL(open64, int, const char *, int, ...)
REAL(openat64, int, int, const char *, int, ...)
REAL(close, int, int)
REAL(dup, int, int)
REAL(dup2, int, int, int)
REAL(dup3, int, int, int, int)
REAL(fcntl, int, int, int, ...)
REAL(write, ssize_t, int, const void *, size_t)
REAL(writev, ssize_t, int, const struct iovec *, int)
REAL(pwrite64, ssize_t, int, const void *, size_t, off64_t)
REAL(pwritev64, ssize_t, int, const struct iovec *, int, off64_t)
REAL(ftruncate64, int, int, off64_t)
REAL(truncate64, int, const char *, off64_t)
REAL(posix_fallocate64, int, int, off64_t, off64_t)
REAL(fallocate64, int, int, int, off64_t, off64_t)
REAL(copy_file_range, ssize_t, int, off64_t *, int, off64_t *, size_t, unsigned)
REAL(sendfile64, ssize_t, int, int, off64_t *, size_t)
REAL(fsync, int, int)
REAL(fdatasync, int, int)
REAL(renameat2, int, int, const char *, int, const char *, unsigned)
REAL(unlinkat, int, int, const char *, int)
REAL(mkdirat, int, int, const char *, mode_t)

/* ---- what is known about the watched files ---- */

struct range { off64_t from, to; };

struct file {
    dev_t dev;
    ino_t ino;
    int is_dir;
    char *name;    /* now, relative to SHIM_DIR; NULL once unlinked or replaced */
    char *durable; /* in the mirror, relative to SHIM_MIRROR; NULL when there is none */
    struct range *dirty; /* sorted, apart from each other */
    size_t count, room;
    off64_t cut; /* the shortest length since the last sync, -1 when never cut */
    int failed;  /* a sync of it answered EIO */
    pthread_t told;         /* that thread heard it */
    struct timespec failed_at;
    struct file *next;
};

enum { MAX_FD = 65536 };
static struct file *files;
static struct file *by_fd[MAX_FD];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char dir[PATH_MAX], mirror[PATH_MAX];
static size_t dir_len;
static unsigned fresh_names;
static uint64_t random_state = 88172645463325252u;

static void canonical(const char *variable, char *out)
{
    const char *value = getenv(variable);
    if (value && !realpath(value, out)) {
        fprintf(stderr, "shim: %s: cannot open the folder %s\n", variable, value);
        _exit(97);
    }
}

static void start(void)
{
    find_open64(); find_openat64(); find_close(); find_dup(); find_dup2(); find_dup3(); find_fcntl();
    find_write(); find_writev(); find_pwrite64(); find_pwritev64(); find_ftruncate64();
    find_truncate64(); find_posix_fallocate64(); find_fallocate64(); find_copy_file_range();
    find_sendfile64(); find_fsync(); find_fdatasync(); find_renameat2(); find_unlinkat(); find_mkdirat();
    canonical("SHIM_DIR", dir);
    canonical("SHIM_MIRROR", mirror);
    dir_len = strlen(dir);
    random_state ^= (uint64_t)getpid() << 20;
    const char *path = getenv("SHIM_CONTROL");
    if (path) {
        int fd = real_open64(path, O_RDWR | O_CLOEXEC);
        void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd < 0 || shared == MAP_FAILED) {
            fprintf(stderr, "shim: SHIM_CONTROL: cannot map %s\n", path);
            _exit(97);
        }
        real_close(fd);
        control = shared;
    }
}

static pthread_once_t started = PTHREAD_ONCE_INIT;
static void ready(void) { pthread_once(&started, start); }
__attribute__((constructor)) static void at_load(void) { ready(); }

/* The path below SHIM_DIR ("" for the folder itself), or NULL for a path outside. */
static const char *below(const char *absolute)
{
    if (!dir_len || strncmp(absolute, dir, dir_len)) return NULL;
    if (!absolute[dir_len]) return absolute + dir_len;
    return absolute[dir_len] == '/' ? absolute + dir_len + 1 : NULL;
}

/* Resolves the folder of a path that may name nothing yet. Leaves errno as it was. */
static const char *resolve(int at, const char *path, char *out)
{
    char given[2 * PATH_MAX], folder[PATH_MAX];
    int saved = errno;
    if (path[0] == '/' || at == AT_FDCWD) snprintf(given, sizeof given, "%s", path);
    else snprintf(given, sizeof given, "/proc/self/fd/%d/%s", at, path);
    char *slash = strrchr(given, '/');
    const char *leaf = slash ? slash + 1 : given, *found = NULL;
    char last[NAME_MAX + 1];
    snprintf(last, sizeof last, "%s", leaf);
    if (slash) slash[slash == given] = 0;
    if (realpath(slash ? given : ".", folder)) {
        snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX - NAME_MAX - 2, folder, last);
        found = below(out);
    }
    errno = saved;
    return found;
}

static void in_mirror(char *out, const char *name)
{
    snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX / 2, mirror, name);
}

static int mirrored(const char *name)
{
    size_t n = strlen(name);
    return mirror[0] && !(n >= 4 && !strcmp(name + n - 4, "-shm"));
}

static struct file *claimant(const char *durable)
{
    for (struct file *f = files; f; f = f->next)
        if (f->durable && !strcmp(f->durable, durable)) return f;
    return NULL;
}

/* The record of a file that has this name now; made when missing. */
static struct file *file_of(const struct stat *st, const char *name)
{
    for (struct file *f = files; f; f = f->next)
        if (f->name && f->dev == st->st_dev && f->ino == st->st_ino) return f;
    struct file *f = calloc(1, sizeof *f);
    f->dev = st->st_dev;
    f->ino = st->st_ino;
    f->is_dir = S_ISDIR(st->st_mode);
    f->name = strdup(name);
    f->cut = -1;
    if (mirror[0] && !f->is_dir) {
        char path[PATH_MAX];
        in_mirror(path, name);
        if (!access(path, F_OK) && !claimant(name)) f->durable = strdup(name);
    }
    f->next = files;
    files = f;
    return f;
}

static struct file *file_at(const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    int saved = errno;
    snprintf(path, sizeof path, "%.*s/%s", PATH_MAX / 2, dir, name);
    int found = !lstat(path, &st) && S_ISREG(st.st_mode);
    errno = saved;
    return found ? file_of(&st, name) : NULL;
}

static struct file *file_by(int fd) { return fd >= 0 && fd < MAX_FD ? by_fd[fd] : NULL; }

/* ---- dirty ranges ---- */

static void mark(struct file *f, off64_t from, off64_t to)
{
    size_t i = 0, j;
    if (from >= to) return;
    while (i < f->count && f->dirty[i].to < from) i++;
    for (j = i; j < f->count && f->dirty[j].from <= to; j++) {
        if (f->dirty[j].from < from) from = f->dirty[j].from;
        if (f->dirty[j].to > to) to = f->dirty[j].to;
    }
    if (j == i && f->count == f->room) {
        f->room = f->room ? 2 * f->room : 16;
        f->dirty = realloc(f->dirty, f->room * sizeof *f->dirty);
    }
    memmove(f->dirty + i + 1, f->dirty + j, (f->count - j) * sizeof *f->dirty);
    f->count += 1 - (j - i);
    f->dirty[i] = (struct range){from, to};
}

static void cut(struct file *f, off64_t length)
{
    if (f->cut < 0 || length < f->cut) f->cut = length;
    while (f->count && f->dirty[f->count - 1].from >= length) f->count--;
    if (f->count && f->dirty[f->count - 1].to > length) f->dirty[f->count - 1].to = length;
}

/* ---- the mirror ---- */

static void broken(const char *what, const char *name)
{
    fprintf(stderr, "shim: cannot %s %s in the mirror: %s\n", what, name, strerror(errno));
    _exit(98);
}

static void copy(int from_fd, int to_fd, struct range r, const char *name)
{
    static char buffer[1 << 16];
    while (r.from < r.to) {
        size_t want = r.to - r.from < (off64_t)sizeof buffer ? (size_t)(r.to - r.from) : sizeof buffer;
        ssize_t n = pread64(from_fd, buffer, want, r.from);
        if (n < 0) broken("read for", name);
        if (n == 0) return;
        if (real_pwrite64(to_fd, buffer, n, r.from) != n) broken("write", name);
        r.from += n;
    }
}

/* A descriptor to read the file by. Another one is opened only when the caller's cannot read. */
static int reader(int fd, int *opened)
{
    char byte, path[64];
    *opened = pread64(fd, &byte, 1, 0) < 0;
    if (!*opened) return fd;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return real_open64(path, O_RDONLY | O_CLOEXEC);
}

/* Brings what is dirty to the open mirror file. */
static void bring(struct file *f, int fd, int to_fd, const struct range *ranges, size_t count)
{
    int opened;
    struct stat64 now, there;
    int from_fd = reader(fd, &opened);
    if (from_fd < 0 || fstat64(fd, &now) || fstat64(to_fd, &there)) broken("look at", f->name);
    if (f->cut >= 0 && f->cut < there.st_size && real_ftruncate64(to_fd, f->cut)) broken("cut", f->name);
    f->cut = -1;
    for (size_t i = 0; i < count; i++) copy(from_fd, to_fd, ranges[i], f->name);
    if (opened) real_close(from_fd);
}

static void set_durable(struct file *f, const char *name)
{
    struct file *loser = claimant(name);
    if (loser && loser != f) {
        free(loser->durable);
        loser->durable = NULL;
    }
    free(f->durable);
    f->durable = strdup(name);
}

/* Gives an existing mirror file its present name. */
static void rename_durable(struct file *f)
{
    char from[PATH_MAX], to[PATH_MAX];
    in_mirror(from, f->durable);
    in_mirror(to, f->name);
    if (real_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0)) broken("rename", f->name);
    set_durable(f, f->name);
}

/* A file that was never durable is filled beside the mirror, then put in its place at once. */
static void create_durable(struct file *f, int fd)
{
    char fresh[PATH_MAX], to[PATH_MAX];
    struct stat64 now;
    snprintf(fresh, sizeof fresh, "%.*s.fresh-%d-%u", PATH_MAX / 2, mirror, (int)getpid(), fresh_names++);
    in_mirror(to, f->name);
    int to_fd = real_open64(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to_fd < 0) broken("create", f->name);
    if (fd >= 0) {
        bring(f, fd, to_fd, f->dirty, f->count);
        f->count = 0;
        if (fstat64(fd, &now) || real_ftruncate64(to_fd, now.st_size)) broken("size", f->name);
    }
    real_close(to_fd);
    if (real_renameat2(AT_FDCWD, fresh, AT_FDCWD, to, 0)) broken("place", f->name);
    set_durable(f, f->name);
}

static void sync_file(struct file *f, int fd)
{
    char path[PATH_MAX];
    struct stat64 now;
    if (!f->name || !mirrored(f->name)) return;
    if (!f->durable) {
        create_durable(f, fd);
        return;
    }
    if (strcmp(f->durable, f->name)) rename_durable(f);
    in_mirror(path, f->durable);
    int to_fd = real_open64(path, O_RDWR | O_CLOEXEC);
    if (to_fd < 0) broken("open", f->name);
    bring(f, fd, to_fd, f->dirty, f->count);
    f->count = 0;
    if (fstat64(fd, &now) || real_ftruncate64(to_fd, now.st_size)) broken("size", f->name);
    real_close(to_fd);
}

static int lies_in(const char *name, const char *folder)
{
    const char *slash = strrchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;
    return n == strlen(folder) && !strncmp(name, folder, n);
}

/* Names first, so that a replaced file is never missing in between; then what was unlinked. */
static void sync_folder(const char *folder)
{
    for (struct file *f = files; f; f = f->next) {
        if (f->is_dir || !f->name || !mirrored(f->name) || (f->durable && !strcmp(f->durable, f->name))) continue;
        if (!lies_in(f->name, folder) && !(f->durable && lies_in(f->durable, folder))) continue;
        if (f->durable) rename_durable(f);
        else create_durable(f, -1);
    }
    for (struct file *f = files; f; f = f->next) {
        char path[PATH_MAX];
        if (f->name || !f->durable || !lies_in(f->durable, folder)) continue;
        in_mirror(path, f->durable);
        if (real_unlinkat(AT_FDCWD, path, 0)) broken("unlink", f->durable);
        free(f->durable);
        f->durable = NULL;
    }
}

static void maybe_leak(struct file *f, int fd, struct range r)
{
    char path[PATH_MAX];
    if (!get(&control->leak_permille) || !f->name || !f->durable || strcmp(f->name, f->durable)) return;
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    if ((int64_t)(random_state % 1000) >= get(&control->leak_permille)) return;
    in_mirror(path, f->durable);
    int to_fd = real_open64(path, O_RDWR | O_CLOEXEC);
    if (to_fd < 0) broken("open", f->name);
    bring(f, fd, to_fd, &r, 1);
    real_close(to_fd);
}

/* ---- opening and closing ---- */

static void watch(int fd)
{
    char link[64], path[PATH_MAX];
    struct stat st;
    int saved = errno;
    by_fd[fd] = NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n > 0) {
        path[n] = 0;
        const char *name = below(path);
        if (name && !fstat(fd, &st) && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
            by_fd[fd] = file_of(&st, name);
    }
    errno = saved;
}

static int opened(int fd, int flags)
{
    if (fd < 0 || fd >= MAX_FD || !dir_len) return fd;
    pthread_mutex_lock(&lock);
    watch(fd);
    if (by_fd[fd] && (flags & O_TRUNC)) cut(by_fd[fd], 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t mode_in(int flags, va_list ap)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                           \
    int name(const char *path, int flags, ...)               \
    {                                                        \
        va_list ap;                                          \
        ready();                                             \
        va_start(ap, flags);                                 \
        mode_t mode = mode_in(flags, ap);                    \
        va_end(ap);                                          \
        return opened(real_open64(path, flags, mode), flags); \
    }
#define OPENAT(name)                                                 \
    int name(int at, const char *path, int flags, ...)               \
    {                                                                \
        va_list ap;                                                  \
        ready();                                                     \
        va_start(ap, flags);                                         \
        mode_t mode = mode_in(flags, ap);                            \
        va_end(ap);                                                  \
        return opened(real_openat64(at, path, flags, mode), flags);  \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return open(path, O_CREAT | O_WRONLY | O_TRUNC, mode); }

int close(int fd)
{
    ready();
    if (file_by(fd)) {
        pthread_mutex_lock(&lock);
        by_fd[fd] = NULL;
        pthread_mutex_unlock(&lock);
    }
    return real_close(fd);
}

static int copied(int from, int to)
{
    if (to < 0 || to >= MAX_FD || (!file_by(from) && !by_fd[to])) return to;
    pthread_mutex_lock(&lock);
    by_fd[to] = file_by(from);
    pthread_mutex_unlock(&lock);
    return to;
}

int dup(int fd) { ready(); return copied(fd, real_dup(fd)); }
int dup2(int fd, int to) { ready(); return copied(fd, real_dup2(fd, to)); }
int dup3(int fd, int to, int flags) { ready(); return copied(fd, real_dup3(fd, to, flags)); }

#define FCNTL(name)                                                                              \
    int name(int fd, int command, ...)                                                           \
    {                                                                                            \
        va_list ap;                                                                              \
        ready();                                                                                 \
        va_start(ap, command);                                                                   \
        void *argument = va_arg(ap, void *);                                                     \
        va_end(ap);                                                                              \
        int answer = real_fcntl(fd, command, argument);                                          \
        return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? copied(fd, answer) : answer;   \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

/* ---- writing ---- */

/* How many of the wanted bytes fit on the disk; the lock is held. */
static size_t room_for(int fd, off64_t at, size_t want)
{
    struct stat64 st;
    int64_t written = get(&control->limit_written), grown = get(&control->limit_grown);
    size_t allowed = want;
    if (written >= 0) {
        int64_t left = written - get(&control->written);
        if (left < (int64_t)allowed) allowed = left > 0 ? left : 0;
    }
    if (grown >= 0 && !fstat64(fd, &st)) {
        int64_t left = grown - get(&control->grown), inside = st.st_size > at ? st.st_size - at : 0;
        if (left < 0) left = 0;
        if (inside + left < (int64_t)allowed) allowed = inside + left;
    }
    return allowed;
}

/* Writes at an offset, or with `at` -1 where the descriptor stands. */
static ssize_t write_some(struct file *f, int fd, const struct iovec *parts, int count, off64_t at)
{
    struct stat64 before;
    ssize_t done;
    size_t want = 0;
    for (int i = 0; i < count; i++) want += parts[i].iov_len;
    pthread_mutex_lock(&lock);
    if (fstat64(fd, &before)) before.st_size = 0;
    off64_t from = at;
    if (at < 0) from = real_fcntl(fd, F_GETFL) & O_APPEND ? before.st_size : lseek64(fd, 0, SEEK_CUR);
    size_t fits = want ? room_for(fd, from, want) : 0;
    if (want && !fits) {
        add(&control->refused, 1);
        pthread_mutex_unlock(&lock);
        errno = ENOSPC;
        return -1;
    }
    struct iovec first = count ? parts[0] : (struct iovec){0};
    if (fits < want) {
        if (fits < first.iov_len) first.iov_len = fits;
        parts = &first;
        count = 1;
    }
    done = at < 0 ? real_writev(fd, parts, count) : real_pwritev64(fd, parts, count, at);
    if (done > 0) {
        int saved = errno;
        off64_t to = from + done;
        add(&control->written, done);
        if (to > before.st_size) add(&control->grown, to - before.st_size);
        mark(f, from, to);
        maybe_leak(f, fd, (struct range){from, to});
        errno = saved;
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t size)
{
    struct iovec part = {(void *)data, size};
    ready();
    struct file *f = file_by(fd);
    return f ? write_some(f, fd, &part, 1, -1) : real_write(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ready();
    struct file *f = file_by(fd);
    return f ? write_some(f, fd, parts, count, -1) : real_writev(fd, parts, count);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    struct iovec part = {(void *)data, size};
    ready();
    struct file *f = file_by(fd);
    return f ? write_some(f, fd, &part, 1, at) : real_pwrite64(fd, data, size, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at)
{
    ready();
    struct file *f = file_by(fd);
    return f ? write_some(f, fd, parts, count, at) : real_pwritev64(fd, parts, count, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { return pwrite64(fd, data, size, at); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

/* Copies inside the kernel: callers fall back to write, which is seen. */
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags)
{
    ready();
    if (!file_by(out)) return real_copy_file_range(in, in_at, out, out_at, size, flags);
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t size)
{
    ready();
    if (!file_by(out)) return real_sendfile64(out, in, at, size);
    errno = ENOSYS;
    return -1;
}

ssize_t sendfile(int out, int in, off_t *at, size_t size) { return sendfile64(out, in, at, size); }

int ftruncate64(int fd, off64_t length)
{
    ready();
    struct file *f = file_by(fd);
    if (!f) return real_ftruncate64(fd, length);
    pthread_mutex_lock(&lock);
    int answer = real_ftruncate64(fd, length);
    if (!answer) cut(f, length);
    pthread_mutex_unlock(&lock);
    return answer;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int truncate64(const char *path, off64_t length)
{
    char absolute[PATH_MAX];
    ready();
    const char *name = dir_len ? resolve(AT_FDCWD, path, absolute) : NULL;
    pthread_mutex_lock(&lock);
    struct file *f = name ? file_at(name) : NULL;
    int answer = real_truncate64(path, length);
    if (!answer && f) cut(f, length);
    pthread_mutex_unlock(&lock);
    return answer;
}

int truncate(const char *path, off_t length) { return truncate64(path, length); }

/* Makes a file longer without writing; the new length becomes durable with the next sync. */
static int allocate(int fd, off64_t end, int (*act)(int, int, off64_t, off64_t), int mode, off64_t at, off64_t size)
{
    struct stat64 st;
    pthread_mutex_lock(&lock);
    off64_t growth = fstat64(fd, &st) || end <= st.st_size ? 0 : end - st.st_size;
    int fits = growth == 0 || (room_for(fd, end - growth, growth) == (size_t)growth);
    int answer = fits ? act(fd, mode, at, size) : ENOSPC;
    if (!fits) add(&control->refused, 1);
    else if (!answer) add(&control->grown, growth);
    pthread_mutex_unlock(&lock);
    return answer;
}

static int by_posix(int fd, int mode, off64_t at, off64_t size)
{
    (void)mode;
    return real_posix_fallocate64(fd, at, size);
}

static int by_linux(int fd, int mode, off64_t at, off64_t size)
{
    return real_fallocate64(fd, mode, at, size) ? errno : 0;
}

int posix_fallocate64(int fd, off64_t at, off64_t size)
{
    ready();
    if (!file_by(fd)) return real_posix_fallocate64(fd, at, size);
    return allocate(fd, at + size, by_posix, 0, at, size);
}

int posix_fallocate(int fd, off_t at, off_t size) { return posix_fallocate64(fd, at, size); }

int fallocate64(int fd, int mode, off64_t at, off64_t size)
{
    ready();
    if (!file_by(fd)) return real_fallocate64(fd, mode, at, size);
    int answer = allocate(fd, at + size, by_linux, mode, at, size);
    if (!answer) return 0;
    errno = answer;
    return -1;
}

int fallocate(int fd, int mode, off_t at, off_t size) { return fallocate64(fd, mode, at, size); }

/* ---- syncing ---- */

/* A thread that was about to sync while another was told of the failure cannot be called back;
 * whoever was told, and everybody a moment later, must not sync. */
enum { TIME_TO_STOP_MS = 20 };

static int tried_again(struct file *f)
{
    struct timespec now;
    if (pthread_equal(f->told, pthread_self())) return 1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - f->failed_at.tv_sec) * 1000
        + (now.tv_nsec - f->failed_at.tv_nsec) / 1000000 > TIME_TO_STOP_MS;
}

static int fails(struct file *f)
{
    add(&control->syncs, 1);
    if (f->failed && tried_again(f)) add(&control->syncs_after, 1);
    if (get(&control->eio_done) >= get(&control->eio_wanted)) return 0;
    add(&control->eio_done, 1);
    f->failed = 1;
    f->told = pthread_self();
    clock_gettime(CLOCK_MONOTONIC, &f->failed_at);
    f->count = 0;
    f->cut = -1;
    return 1;
}

static int sync_by(int fd, int (*act)(int))
{
    struct file *f = file_by(fd);
    if (!f) return act(fd);
    pthread_mutex_lock(&lock);
    int failed = fails(f);
    if (!failed && mirror[0]) {
        if (f->is_dir) sync_folder(f->name);
        else sync_file(f, fd);
    }
    pthread_mutex_unlock(&lock);
    if (!failed) return act(fd);
    errno = EIO;
    return -1;
}

int fsync(int fd) { ready(); return sync_by(fd, real_fsync); }
int fdatasync(int fd) { ready(); return sync_by(fd, real_fdatasync); }

/* ---- names ---- */

static void unname(struct file *f)
{
    free(f->name);
    f->name = NULL;
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    char from_absolute[PATH_MAX], to_absolute[PATH_MAX];
    ready();
    if (!dir_len) return real_renameat2(from_at, from, to_at, to, flags);
    const char *from_name = resolve(from_at, from, from_absolute), *to_name = resolve(to_at, to, to_absolute);
    pthread_mutex_lock(&lock);
    struct file *f = from_name ? file_at(from_name) : NULL, *replaced = to_name ? file_at(to_name) : NULL;
    int answer = real_renameat2(from_at, from, to_at, to, flags);
    if (!answer) {
        if (replaced && replaced != f) unname(replaced);
        if (f) unname(f);
        if (f && to_name) f->name = strdup(to_name);
    }
    pthread_mutex_unlock(&lock);
    return answer;
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return renameat2(from_at, from, to_at, to, 0); }

int unlinkat(int at, const char *path, int flags)
{
    char absolute[PATH_MAX];
    ready();
    const char *name = dir_len && !(flags & AT_REMOVEDIR) ? resolve(at, path, absolute) : NULL;
    if (!name) return real_unlinkat(at, path, flags);
    pthread_mutex_lock(&lock);
    struct file *f = file_at(name);
    int answer = real_unlinkat(at, path, flags);
    if (!answer && f) unname(f);
    pthread_mutex_unlock(&lock);
    return answer;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }

int mkdirat(int at, const char *path, mode_t mode)
{
    char absolute[PATH_MAX], copy_path[PATH_MAX];
    ready();
    int answer = real_mkdirat(at, path, mode);
    const char *name = !answer && dir_len ? resolve(at, path, absolute) : NULL;
    if (name && mirror[0]) {
        in_mirror(copy_path, name);
        if (real_mkdirat(AT_FDCWD, copy_path, mode) && errno != EEXIST) broken("make", name);
    }
    return answer;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
