/* site GATEWAYS INTERVAL SILENT_UNIT: a simulated site, as fast as it goes.
 *
 * Modbus/TCP on that many ports of loopback, with all units behind each; one unit stays silent (0: none). It says
 * "ports P1 P2 ..." at its start, "first SECONDS" (CLOCK_MONOTONIC) at the first request of each connection, and when
 * it is told to end (SIGTERM, SIGINT), for each window of INTERVAL seconds "window END READINGS", the values that were
 * answered in it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "modbus_answer.h"

enum { MOST_GATEWAYS = 64, MOST_FILES = 1024, WINDOWS = 100000, HEADER = 7, LONGEST_FRAME = 260 };

struct client {
    int used, has_asked;
    uint8_t buffer[2 * LONGEST_FRAME];
};
static struct client clients[MOST_FILES];
static uint8_t is_listener[MOST_FILES];
static struct { long end; uint64_t readings; } windows[WINDOWS];
static int last_window = -1, silent_unit, ended;
static long interval;

static void end(int number) { (void)number, ended = 1; }

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void count(uint64_t readings)
{
    long at = (long)now(CLOCK_REALTIME_COARSE), window = (at / interval + 1) * interval;
    if (last_window < 0 || windows[last_window].end != window) {
        if (last_window + 1 == WINDOWS)
            return;
        windows[++last_window].end = window;
    }
    windows[last_window].readings += readings;
}

/* Answer all whole requests of a client; return 0 where it is to be left. */
static int serve(int file, struct client *client)
{
    ssize_t got = recv(file, client->buffer + client->used, sizeof client->buffer - (size_t)client->used, MSG_DONTWAIT);
    if (got <= 0)
        return 0;
    client->used += (int)got;
    if (!client->has_asked) {
        client->has_asked = 1;
        printf("first %.6f\n", now(CLOCK_MONOTONIC));
        fflush(stdout);
    }
    int at = 0;
    while (client->used - at >= HEADER) {
        const uint8_t *frame = client->buffer + at;
        int length = frame[4] << 8 | frame[5];
        if (length < 2 || length > LONGEST_FRAME - 6)
            return 0;
        if (client->used - at < 6 + length)
            break;
        at += 6 + length;
        if (frame[6] == silent_unit)
            continue;
        uint8_t out[LONGEST_FRAME];
        uint64_t readings = 0;
        int pdu = answer(frame[6], frame + HEADER, length - 1, out + HEADER, &readings);
        memcpy(out, frame, HEADER);
        out[4] = (uint8_t)((pdu + 1) >> 8), out[5] = (uint8_t)(pdu + 1);
        if (send(file, out, (size_t)(HEADER + pdu), MSG_NOSIGNAL | MSG_DONTWAIT) != HEADER + pdu)
            return 0;
        count(readings);
    }
    client->used -= at;
    memmove(client->buffer, client->buffer + at, (size_t)client->used);
    return 1;
}

static void watch(int poll, int file)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = file};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, file, &event))
        fail("epoll_ctl");
}

static void listen_on_loopback(int poll)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0 || file >= MOST_FILES || bind(file, (struct sockaddr *)&address, size) || listen(file, 64))
        fail("listen");
    if (getsockname(file, (struct sockaddr *)&address, &size))
        fail("getsockname");
    is_listener[file] = 1;
    watch(poll, file);
    printf(" %d", ntohs(address.sin_port));
}

static void let_in(int poll, int listener)
{
    int one = 1, file = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (file < 0)
        return;
    if (file >= MOST_FILES) {
        close(file);
        return;
    }
    setsockopt(file, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    memset(&clients[file], 0, sizeof clients[file]);
    watch(poll, file);
}

int main(int argc, char **argv)
{
    int gateways = argc == 4 ? atoi(argv[1]) : 0;
    interval = argc == 4 ? atol(argv[2]) : 0;
    if (gateways < 1 || gateways > MOST_GATEWAYS || interval < 1) {
        fprintf(stderr, "usage: site GATEWAYS INTERVAL SILENT_UNIT\n");
        return 2;
    }
    silent_unit = atoi(argv[3]);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    lay_out(0);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    printf("ports");
    for (int i = 0; i < gateways; i++)
        listen_on_loopback(poll);
    printf("\n");
    fflush(stdout);
    while (!ended) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll, events, 64, 1000);
        moving += 0.001;
        for (int i = 0; i < ready; i++) {
            int file = events[i].data.fd;
            if (is_listener[file])
                let_in(poll, file);
            else if (!serve(file, &clients[file]))
                close(file);
        }
    }
    for (int i = 0; i <= last_window; i++)
        printf("window %ld %llu\n", windows[i].end, (unsigned long long)windows[i].readings);
    return 0;
}
