/*
 * Takes a processor away from everybody else now and then, as the host of a virtual
 * machine may, or a busy machine: see `run`.
 *
 *     steal PROCESSOR LONGEST APART
 *
 * The thread runs under SCHED_FIFO, ahead of all that do not. It keeps the processor
 * for up to LONGEST milliseconds, mostly for much less, and lets it go for up to APART
 * milliseconds. It ends with whoever has started it.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: steal PROCESSOR LONGEST APART\n");
        return 2;
    }
    int processor = atoi(arguments[1]);
    double longest = atof(arguments[2]), apart = atof(arguments[3]);
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        perror("steal: sched_setaffinity");
        return 1;
    }
    struct sched_param parameter = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_FIFO, &parameter)) {
        perror("steal: sched_setscheduler");
        return 1;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    srand48(getpid());
    for (;;) {
        double random = drand48();
        double until = now() + random * random * random * longest;
        while (now() < until) {
        }
        struct timespec pause = {.tv_nsec = drand48() * apart * 1e6};
        nanosleep(&pause, NULL);
    }
}
