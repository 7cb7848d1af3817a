/* What the simulated units of the benchmark hold, and their answers; see MODBUS Application Protocol V1.1b3.
 *
 * Each unit has 20 FLOAT32 values, as registers of function codes 3 and 4. They lie in two runs of ten with four
 * unused registers in between, so that one read of 44 registers takes all; or, scattered, 20 registers apart, so that
 * no read takes two.
 */
#include <stdint.h>
#include <string.h>

enum { FLOATS = 20, REGISTERS = 512, LONGEST_PDU = 253 };

static uint8_t begins_float[REGISTERS + 1];
static double moving; /* what all values have in common, and what moves */

static void lay_out(int scattered)
{
    for (int i = 0; i < FLOATS; i++)
        begins_float[scattered ? 20 * i : 2 * i + (i >= FLOATS / 2 ? 4 : 0)] = 1;
}

/* Write the answer to a PDU, return its length; add to *readings how many values it holds. */
static int answer(int unit, const uint8_t *pdu, int length, uint8_t *out, uint64_t *readings)
{
    int address = length >= 5 ? pdu[1] << 8 | pdu[2] : 0, count = length >= 5 ? pdu[3] << 8 | pdu[4] : 0;
    int exception = 0;
    if (length != 5 || (pdu[0] != 3 && pdu[0] != 4))
        exception = 1;
    else if (count < 1 || count > 125)
        exception = 3;
    else if (address + count > REGISTERS)
        exception = 2;
    out[0] = pdu[0] | (exception ? 0x80 : 0);
    if (exception) {
        out[1] = (uint8_t)exception;
        return 2;
    }
    out[1] = (uint8_t)(2 * count);
    memset(out + 2, 0, (size_t)(2 * count));
    for (int i = 0; i + 1 < count; i++) {
        if (!begins_float[address + i])
            continue;
        float value = (float)(100.0 * unit + address + i + moving);
        uint32_t bits;
        memcpy(&bits, &value, 4);
        uint8_t *at = out + 2 + 2 * i;
        at[0] = (uint8_t)(bits >> 24), at[1] = (uint8_t)(bits >> 16), at[2] = (uint8_t)(bits >> 8), at[3] = (uint8_t)bits;
        ++*readings;
    }
    return 2 + 2 * count;
}
