/* line BAUDRATE merged|scattered: a serial line of 8N1 with Modbus RTU units on it, as a pseudo-terminal.
 *
 * A byte takes ten bits. A request is there when its last byte has had its time; 3.5 characters later its answer begins,
 * and each of its bytes comes when it has been on the line. It says "port PATH" at its start, "first SECONDS" at the
 * first request, and at SIGTERM or SIGINT what the line saw, one "NAME NUMBER" a line:
 *   readings    values in the answers whose last byte has gone out
 *   seconds     from the first request to the last byte of the last answer
 *   busy        seconds of these in which a byte or a prescribed silence was on the line
 *   late        seconds by which this program itself held up the line, all in all
 *   violations  requests that began before the line had been silent for 3.5 characters
 *   shortest    characters of silence before a request, the shortest of all
 *   rubbish     bytes that were no request
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "modbus_answer.h"

enum { REQUEST = 8 };
static const double NEVER = -1;
static volatile sig_atomic_t ended;
static int master;
static double arrived, character, silence, line_free = -1, began = -1, finished = -1, busy, late, shortest = 1e9;
static unsigned long violations, rubbish;
static uint64_t readings;
static uint8_t buffer[4096];
static int used;

static void end(int number) { (void)number, ended = 1; }

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void sleep_until(double moment)
{
    struct timespec t = {.tv_sec = (time_t)moment, .tv_nsec = (long)(1e9 * (moment - (double)(time_t)moment))};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR && !ended) {
    }
}

static uint16_t crc(const uint8_t *data, int length)
{
    uint16_t value = 0xFFFF;
    for (int i = 0; i < length; i++) {
        value ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? (uint16_t)(value >> 1 ^ 0xA001) : (uint16_t)(value >> 1);
    }
    return value;
}

/* Take in what the master sent. A request begins with the first byte that is there. */
static void hear(void)
{
    ssize_t got = read(master, buffer + used, sizeof buffer - (size_t)used);
    if (got <= 0)
        return;
    if (!used) {
        arrived = now();
        if (began == NEVER) {
            printf("first %.6f\n", arrived);
            fflush(stdout);
        }
    }
    used += (int)got;
}

static void note_silence(void)
{
    if (began == NEVER) {
        began = arrived;
        return;
    }
    double characters = (arrived - line_free) / character;
    if (characters < shortest)
        shortest = characters;
    if (characters < silence / character)
        violations++;
}

/* Bring an answer out byte by byte; a request that comes meanwhile waits, after less than no silence. */
static void talk(const uint8_t *frame, int length, double begin)
{
    for (int i = 0; i < length && !ended; i++) {
        sleep_until(begin + (i + 1) * character);
        if (write(master, frame + i, 1) != 1)
            break;
        hear();
    }
    if (ended)
        return;
    line_free = now();
    late += line_free - (begin + length * character);
}

static void serve(void)
{
    uint16_t sum = crc(buffer, REQUEST - 2);
    if (buffer[REQUEST - 2] != (sum & 0xFF) || buffer[REQUEST - 1] != sum >> 8) {
        rubbish += (unsigned long)used;
        used = 0;
        return;
    }
    note_silence();
    uint8_t frame[LONGEST_PDU + 3];
    uint64_t found = 0;
    frame[0] = buffer[0];
    int length = 1 + answer(frame[0], buffer + 1, REQUEST - 3, frame + 1, &found);
    sum = crc(frame, length);
    frame[length++] = (uint8_t)sum, frame[length++] = (uint8_t)(sum >> 8);
    used -= REQUEST;
    memmove(buffer, buffer + REQUEST, (size_t)used);
    talk(frame, length, (arrived > line_free ? arrived : line_free) + REQUEST * character + silence);
    if (ended)
        return;
    readings += found;
    finished = line_free;
    /* The silence before the request that follows is part of what each exchange must take. */
    busy += (REQUEST + length) * character + 2 * silence;
    moving += 0.01;
}

int main(int argc, char **argv)
{
    int baudrate = argc == 3 ? atoi(argv[1]) : 0, slave;
    if (baudrate < 1) {
        fprintf(stderr, "usage: line BAUDRATE merged|scattered\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    /* On time on a busy machine, where that may be had. */
    struct sched_param priority = {.sched_priority = 10};
    (void)sched_setscheduler(0, SCHED_FIFO, &priority);
    prctl(PR_SET_TIMERSLACK, 1000);
    character = 10.0 / baudrate;
    silence = baudrate <= 19200 ? 3.5 * character : 0.00175;
    lay_out(!strcmp(argv[2], "scattered"));
    struct termios settings;
    char path[128];
    /* The other end stays open here: without it the reads of this end fail until the port is opened. */
    if (openpty(&master, &slave, path, NULL, NULL) || tcgetattr(slave, &settings)) {
        perror("openpty");
        return 1;
    }
    cfmakeraw(&settings);
    tcsetattr(slave, TCSANOW, &settings);
    fcntl(master, F_SETFL, O_NONBLOCK);
    printf("port %s\n", path);
    fflush(stdout);
    while (!ended) {
        struct pollfd file = {.fd = master, .events = POLLIN};
        if (used < REQUEST && poll(&file, 1, 1000) > 0)
            hear();
        if (used >= REQUEST)
            serve();
    }
    printf("readings %llu\nseconds %.6f\nbusy %.6f\nlate %.6f\nviolations %lu\nshortest %.3f\nrubbish %lu\n",
           (unsigned long long)readings, finished - began, busy, late, violations, shortest, rubbish);
    return 0;
}
