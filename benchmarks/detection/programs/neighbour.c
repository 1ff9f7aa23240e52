/* A task beside the victim, which takes what it needs:
 *
 *     neighbour MODE [-g cgroup.procs]... [-t threads] [-c cpu] [-d duty] [-f file] [-b bytes] [-r rate]
 *
 * spin: computes; stream: writes -b bytes of memory over and over; cache: reads a file through the
 * page cache; direct: reads blocks of -b bytes at random places of a file past it. -d is the part
 * of each 100 ms in which it works, -r a limit of blocks per second and thread, for a light load.
 */
#include "common.h"
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define PERIOD 0.1

static const char *mode, *path;
static size_t block;
static double duty = 1, rate;
static int cpu = -1;
static volatile uint64_t sink;

struct worker {
    uint64_t seed;
    char *memory;
    int file;
    off_t size, at;
};

static void prepare(struct worker *self)
{
    int direct = !strcmp(mode, "direct");
    struct stat status;
    self->memory = mmap(NULL, block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (self->memory == MAP_FAILED)
        die("memory");
    madvise(self->memory, block, MADV_HUGEPAGE);
    memset(self->memory, 1, block);
    if (strcmp(mode, "cache") && !direct)
        return;
    self->file = open(path, O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0));
    if (self->file < 0 || fstat(self->file, &status) < 0)
        die(path);
    self->size = status.st_size;
    self->at = (off_t)(draw(&self->seed) % (self->size / block)) * block;
}

static void spin(void)
{
    uint64_t value = 1;
    for (int i = 0; i < 200000; i++)
        value = value * 6364136223846793005ULL + 1442695040888963407ULL;
    sink += value;
}

/* Writes memory, past the caches where the machine has such writes, a megabyte at a time. */
static void stream(const struct worker *self, size_t *at)
{
    char *part = self->memory + *at;
    size_t size = 1 << 20;
#ifdef __SSE2__
    __m128i value = _mm_set1_epi8(1);
    for (size_t i = 0; i < size; i += sizeof value)
        _mm_stream_si128((__m128i *)(part + i), value);
#else
    memset(part, 1, size);
#endif
    *at = *at + 2 * size <= block ? *at + size : 0;
}

static void read_block(struct worker *self)
{
    if (!strcmp(mode, "direct"))
        self->at = (off_t)(draw(&self->seed) % (self->size / block)) * block;
    else if ((self->at += block) + (off_t)block > self->size)
        self->at = 0;
    if (pread(self->file, self->memory, block, self->at) < 0)
        die(path);
}

static void *work(void *argument)
{
    struct worker self = {.seed = 0x9E3779B97F4A7C15ULL * ((uintptr_t)argument + getpid())};
    size_t at = 0;
    prepare(&self);
    double begin = seconds(CLOCK_MONOTONIC), next = begin;
    for (;;) {
        if (!strcmp(mode, "spin"))
            spin();
        else if (!strcmp(mode, "stream"))
            stream(&self, &at);
        else
            read_block(&self);
        if (rate > 0) {
            next += 1 / rate;
            sleep_until(next);
        } else if (duty < 1 && seconds(CLOCK_MONOTONIC) - begin > duty * PERIOD) {
            sleep_until(begin + PERIOD);
            begin = seconds(CLOCK_MONOTONIC);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int option, threads = 1;
    die_with_parent();
    if (argc < 2)
        return 2;
    mode = argv[1];
    if (strcmp(mode, "spin") && strcmp(mode, "stream") && strcmp(mode, "cache") && strcmp(mode, "direct"))
        return 2;
    block = !strcmp(mode, "stream") ? 128 << 20 : 1 << 20;
    optind = 2;
    while ((option = getopt(argc, argv, "g:t:c:d:f:b:r:")) != -1) {
        switch (option) {
        case 'g': join(optarg); break;
        case 't': threads = atoi(optarg); break;
        case 'c': cpu = atoi(optarg); break;
        case 'd': duty = atof(optarg); break;
        case 'f': path = optarg; break;
        case 'b': block = strtoull(optarg, NULL, 10); break;
        case 'r': rate = atof(optarg); break;
        default: return 2;
        }
    }
    if (cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(cpu, &set);
        sched_setaffinity(0, sizeof set, &set);
    }
    for (uintptr_t i = 1; i < (uintptr_t)threads; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, work, (void *)i);
    }
    work(NULL);
}
