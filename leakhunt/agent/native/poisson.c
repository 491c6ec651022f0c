#include "poisson.h"

#include <math.h>

static uint64_t
rotate(uint64_t word, int bits)
{
    return (word << bits) | (word >> (64 - bits));
}

void
random_seed(Random *random, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t word = seed;
        word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
        random->state[i] = word ^ (word >> 31);
    }
}

uint64_t
random_next(Random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate(s[0] + s[3], 23) + s[0];
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return result;
}

double
random_unit(Random *random)
{
    return (double)((random_next(random) >> 11) + 1) * 0x1p-53;
}

int64_t
poisson_gap(Random *random, double interval)
{
    /* At most 53 ln 2 intervals, far from overflow for every interval that start() takes. */
    return (int64_t)(-log(random_unit(random)) * interval);
}

double
poisson_chance(size_t size, double interval)
{
    return -expm1(-(double)size / interval);
}

double
poisson_chance_to_stay(size_t size, double interval)
{
    /* q(Z, 2R) / q(Z, R), where numerator and denominator share the factor 1 - e^(-Z/2R). */
    return 1 / (1 + exp(-(double)size / (2 * interval)));
}
