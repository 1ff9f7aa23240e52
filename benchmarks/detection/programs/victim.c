/* The application that is hurt: answers requests on a unix socket, and counts them in a file.
 *
 * A request is a walk through memory (a random cycle over -m bytes, so that each step waits for
 * memory), PREADS reads of the file -f at random places, which the page cache holds, and in every
 * -d'th request one read of the file -F that goes past the page cache.
 *
 *     victim -s SOCKET -c COUNTER -f FILE -F FILE [-g cgroup.procs]... [-m bytes] [-t threads] [-d n]
 */
#include "common.h"

#define PREADS 4
#define WARM_BLOCK (1 << 20)

static const char *cached_path, *direct_path;
static void **cycle;
static uint64_t done;
static int listener, counter, threads = 1, every = 1;
static off_t cached_size, direct_size;

static void *chain(size_t bytes)
{
    size_t lines = bytes / LINE, stride = LINE / sizeof(void *);
    void **memory = aligned_alloc(2 << 20, bytes);
    uint64_t seed = 88172645463325252ULL;
    if (!memory)
        die("memory");
    madvise(memory, bytes, MADV_HUGEPAGE);
    uint32_t *order = malloc(lines * sizeof *order);
    for (size_t i = 0; i < lines; i++)
        order[i] = i;
    for (size_t i = lines - 1; i > 0; i--) { /* Sattolo: one cycle through all lines */
        size_t j = draw(&seed) % i;
        uint32_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (size_t i = 0; i < lines; i++)
        memory[order[i] * stride] = &memory[order[(i + 1) % lines] * stride];
    free(order);
    return memory;
}

static off_t open_file(const char *path, int flags, int *file)
{
    struct stat status;
    *file = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (*file < 0 || fstat(*file, &status) < 0)
        die(path);
    return status.st_size;
}

/* Read the whole file anew, so that its pages are charged to us and all equally old. */
static void warm(int file)
{
    char *block = malloc(WARM_BLOCK);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    for (off_t at = 0; at < cached_size; at += WARM_BLOCK)
        if (pread(file, block, WARM_BLOCK, at) < 0)
            die(cached_path);
    free(block);
}

static void count(void)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%020llu\n",
                          (unsigned long long)__atomic_add_fetch(&done, 1, __ATOMIC_RELAXED));
    if (pwrite(counter, text, length, 0) != length)
        die("counter");
}

static void *serve(void *argument)
{
    uint64_t seed = 0x9E3779B97F4A7C15ULL * (1 + (uintptr_t)argument), answered = 0;
    int cached, direct;
    char *page = aligned_alloc(PAGE, PAGE);
    void **at = cycle;
    struct request request;
    cached_size = open_file(cached_path, 0, &cached);
    posix_fadvise(cached, 0, 0, POSIX_FADV_RANDOM);
    direct_size = open_file(direct_path, O_DIRECT, &direct);
    for (;;) {
        ssize_t got = recv(listener, &request, sizeof request, 0);
        if (got == 0)
            exit(0);
        if (got != sizeof request)
            die("request");
        if (request.steps == 0) {
            warm(cached);
        } else {
            for (uint32_t step = request.steps; step; step--)
                at = *at;
            for (int i = 0; i < PREADS; i++)
                if (pread(cached, page, PAGE, draw(&seed) % (cached_size / PAGE) * PAGE) < 0)
                    die(cached_path);
            if (++answered % every == 0)
                if (pread(direct, page, PAGE, draw(&seed) % (direct_size / PAGE) * PAGE) < 0)
                    die(direct_path);
            if (at == NULL) /* never: the walk must not be optimised away */
                exit(1);
            count();
        }
        if (send(listener, &request, sizeof request, MSG_NOSIGNAL) < 0)
            exit(0);
    }
}

int main(int argc, char **argv)
{
    const char *socket_path = NULL, *counter_path = NULL;
    size_t bytes = 32 << 20;
    int option, file;
    die_with_parent();
    while ((option = getopt(argc, argv, "s:c:f:F:g:m:t:d:")) != -1) {
        switch (option) {
        case 's': socket_path = optarg; break;
        case 'c': counter_path = optarg; break;
        case 'f': cached_path = optarg; break;
        case 'F': direct_path = optarg; break;
        case 'g': join(optarg); break;
        case 'm': bytes = strtoull(optarg, NULL, 10); break;
        case 't': threads = atoi(optarg); break;
        case 'd': every = atoi(optarg); break;
        default: return 2;
        }
    }
    if (!socket_path || !counter_path || !cached_path || !direct_path)
        return 2;
    cycle = chain(bytes);
    cached_size = open_file(cached_path, 0, &file);
    warm(file);
    close(file);
    counter = open(counter_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (counter < 0 || pwrite(counter, "00000000000000000000\n", 21, 0) != 21)
        die(counter_path);
    struct sockaddr_un where = address(socket_path);
    unlink(socket_path);
    int server = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (server < 0 || bind(server, (struct sockaddr *)&where, sizeof where) < 0 || listen(server, 1) < 0)
        die(socket_path);
    listener = accept(server, NULL, NULL);
    if (listener < 0)
        die(socket_path);
    for (uintptr_t i = 1; i < (uintptr_t)threads; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, serve, (void *)i);
    }
    serve(NULL);
}
