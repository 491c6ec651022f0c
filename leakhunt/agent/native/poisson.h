/* Which bytes are sampled.

   Every byte that is asked for is a trial of its own that succeeds once in `interval`, so the distance between two
   successes is exponentially distributed and has no memory: after any allocation, sampled or not, the distance to the
   next success may be drawn afresh. A block of Z bytes is sampled with the probability q(Z) = 1 - e^(-Z/interval) and
   stands for Z/q(Z) bytes, which makes sums over live samples unbiased whatever the mixture of sizes. */

#ifndef LEAKHUNT_POISSON_H
#define LEAKHUNT_POISSON_H

#include <stddef.h>
#include <stdint.h>

/* xoshiro256++ 1.0 of D. Blackman and S. Vigna (2019, public domain), https://prng.di.unimi.it/xoshiro256plusplus.c */
typedef struct {
    uint64_t state[4];
} Random;

/* Fills the state from one number by splitmix64 of S. Vigna (2015, public domain), as the authors advise. */
void random_seed(Random *random, uint64_t seed);

uint64_t random_next(Random *random);

/* A number in (0, 1]. */
double random_unit(Random *random);

/* Whole bytes that pass before the next sample: a block is sampled if it is larger than what is left of them. */
int64_t poisson_gap(Random *random, double interval);

/* Probability with which a block of so many bytes is sampled. */
double poisson_chance(size_t size, double interval);

/* Probability with which a block that was sampled at `interval` is one of those sampled at twice that interval. */
double poisson_chance_to_stay(size_t size, double interval);

#endif
