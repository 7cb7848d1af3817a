/* libmodbus_loop SECONDS UNITS tcp PORT... | libmodbus_loop SECONDS UNITS rtu PATH merged|scattered
 *
 * A bare client: the requests that the daemon makes, as fast as they go, each value decoded and added up, nothing kept.
 * One thread and one connection a gateway. On a serial line of 9600 8N1 it keeps the silence of 3.5 characters, which
 * libmodbus leaves to its user. It says "readings N" and "cpu SECONDS" in the end.
 */
#include <errno.h>
#include <modbus.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { FLOATS = 20, MERGED = 44, MOST_GATEWAYS = 64 };
static const double SILENCE = 3.5 * 10 / 9600;
static double deadline;
static int units, scattered, is_serial;

struct gateway {
    modbus_t *connection;
    unsigned long readings;
    double sum;
    pthread_t thread;
};
static struct gateway gateways[MOST_GATEWAYS];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void ask(struct gateway *gateway, int address, int count)
{
    uint16_t registers[MERGED];
    if (is_serial) {
        struct timespec pause = {.tv_nsec = (long)(1e9 * SILENCE)};
        nanosleep(&pause, NULL);
    }
    if (modbus_read_registers(gateway->connection, address, count, registers) != count) {
        fprintf(stderr, "libmodbus: %s\n", modbus_strerror(errno));
        exit(1);
    }
    for (int i = 0; i < (count == MERGED ? FLOATS : 1); i++, gateway->readings++)
        gateway->sum += (double)modbus_get_float_abcd(registers + 2 * i + (i >= FLOATS / 2 ? 4 : 0));
}

static void *work(void *given)
{
    struct gateway *gateway = given;
    while (now() < deadline)
        for (int unit = 1; unit <= units && now() < deadline; unit++) {
            modbus_set_slave(gateway->connection, unit);
            if (!scattered)
                ask(gateway, 0, MERGED);
            for (int i = 0; scattered && i < FLOATS && now() < deadline; i++)
                ask(gateway, 20 * i, 2);
        }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: libmodbus_loop SECONDS UNITS tcp PORT... | rtu PATH merged|scattered\n");
        return 2;
    }
    units = atoi(argv[2]);
    is_serial = !strcmp(argv[3], "rtu");
    scattered = is_serial && argc > 5 && !strcmp(argv[5], "scattered");
    int count = is_serial ? 1 : argc - 4;
    unsigned long readings = 0;
    for (int i = 0; i < count; i++) {
        gateways[i].connection =
            is_serial ? modbus_new_rtu(argv[4], 9600, 'N', 8, 1) : modbus_new_tcp("127.0.0.1", atoi(argv[4 + i]));
        if (!gateways[i].connection || modbus_connect(gateways[i].connection)) {
            fprintf(stderr, "libmodbus: %s\n", modbus_strerror(errno));
            return 1;
        }
        modbus_set_response_timeout(gateways[i].connection, 1, 0);
    }
    deadline = now() + atof(argv[1]);
    for (int i = 0; i < count; i++)
        pthread_create(&gateways[i].thread, NULL, work, &gateways[i]);
    for (int i = 0; i < count; i++) {
        pthread_join(gateways[i].thread, NULL);
        readings += gateways[i].readings;
        modbus_close(gateways[i].connection);
        modbus_free(gateways[i].connection);
    }
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("readings %lu\ncpu %.6f\n", readings,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec));
    return 0;
}
