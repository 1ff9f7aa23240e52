/* Sends requests at random times (Poisson) whether or not the earlier ones were answered, and
 * records how late each answer was, counted from the moment at which the request was to be sent.
 *
 *     client -s SOCKET -r RECORDS [-S seed] [-p priority]
 *
 * Commands on standard input, a line each: "rate PER_SECOND", "steps N", "warm". A record is 16
 * bytes: Unix time at which it was to be sent (double), latency in seconds (float), steps (uint32).
 */
#include "common.h"
#include <math.h>

#define FLYING (1 << 16)
#define BUFFER (16 << 20)

struct record {
    double at;
    float latency;
    uint32_t steps;
};

static struct { double due; } flying[FLYING];
static volatile double rate;
static volatile uint32_t steps = 1;
static volatile uint64_t sent, answered;
static volatile int warm_wanted;
static int server;
static const char *records_path;

static void *receive(void *unused)
{
    double offset = seconds(CLOCK_REALTIME) - seconds(CLOCK_MONOTONIC);
    struct request answer;
    int records = open(records_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (records < 0)
        die(records_path);
    for (;;) {
        if (recv(server, &answer, sizeof answer, 0) != sizeof answer)
            exit(1);
        double due = flying[answer.id % FLYING].due, now = seconds(CLOCK_MONOTONIC);
        answered++;
        if (answer.steps == 0) {
            puts("warm");
            fflush(stdout);
            continue;
        }
        struct record record = {due + offset, (float)(now - due), answer.steps};
        if (write(records, &record, sizeof record) != sizeof record)
            die(records_path);
    }
    return unused;
}

static void ask(double due, uint32_t count)
{
    struct request request = {.id = sent, .steps = count};
    if (sent - answered >= FLYING) {
        fprintf(stderr, "more than %d requests wait for an answer\n", FLYING);
        exit(1);
    }
    flying[sent % FLYING].due = due;
    sent++;
    if (send(server, &request, sizeof request, MSG_NOSIGNAL) < 0)
        exit(1);
}

static void *generate(void *argument)
{
    uint64_t seed = (uintptr_t)argument;
    double next = seconds(CLOCK_MONOTONIC), speed = 0;
    for (;;) {
        if (warm_wanted) {
            warm_wanted = 0;
            ask(seconds(CLOCK_MONOTONIC), 0);
        }
        if (speed != rate) { /* Poisson has no memory: start anew */
            speed = rate;
            next = seconds(CLOCK_MONOTONIC);
        }
        if (speed <= 0) {
            usleep(10000);
            continue;
        }
        next += -log((double)((draw(&seed) >> 11) + 1) / 9007199254740993.0) / speed;
        sleep_until(next);
        if (rate > 0)
            ask(next, steps);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *socket_path = NULL;
    uint64_t seed = 1;
    int option, priority = 50, room = BUFFER;
    pthread_t thread;
    char line[64];
    die_with_parent();
    while ((option = getopt(argc, argv, "s:r:S:p:")) != -1) {
        switch (option) {
        case 's': socket_path = optarg; break;
        case 'r': records_path = optarg; break;
        case 'S': seed = strtoull(optarg, NULL, 10) * 2 + 1; break;
        case 'p': priority = atoi(optarg); break;
        default: return 2;
        }
    }
    if (!socket_path || !records_path)
        return 2;
    struct sched_param level = {.sched_priority = priority};
    if (sched_setscheduler(0, SCHED_FIFO, &level) < 0)
        die("real-time priority");
    struct sockaddr_un where = address(socket_path);
    server = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    setsockopt(server, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    if (server < 0 || connect(server, (struct sockaddr *)&where, sizeof where) < 0)
        die(socket_path);
    pthread_create(&thread, NULL, receive, NULL);
    pthread_create(&thread, NULL, generate, (void *)(uintptr_t)seed);
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        double value;
        if (sscanf(line, "rate %lf", &value) == 1)
            rate = value;
        else if (sscanf(line, "steps %lf", &value) == 1)
            steps = (uint32_t)value;
        else if (!strcmp(line, "warm\n"))
            warm_wanted = 1;
        else if (!strcmp(line, "flying\n")) {
            printf("%llu\n", (unsigned long long)(sent - answered));
            fflush(stdout);
        }
    }
    return 0;
}
