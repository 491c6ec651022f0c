/* The sampled blocks that are alive, by address.

   Samples lie side by side in one array; the last one moves into the place of one that is removed. An index with open
   addressing (linear probing, deletion by shifting back: no tombstones) finds them. In front of both stands the filter,
   which answers for nearly all blocks that are freed. Callers hold the sampler's lock, but for table_may_hold(). */

#ifndef LEAKHUNT_TABLE_H
#define LEAKHUNT_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uintptr_t address;
    size_t size;
    uint64_t serial;      /* samples taken before this one: its age */
    int64_t tag;          /* of the context it was taken in */
    unsigned long thread; /* as threading.get_ident() has it */
    uint32_t stack;       /* see calls.h */
    uint32_t round;
} Sample;

typedef struct {
    Sample *samples;
    uint32_t *index; /* position in `samples` plus one, 0 where there is none */
    uint32_t count;
    uint32_t highest; /* that `count` ever was */
    uint32_t capacity;
    uint32_t mask;
} Table;

/* False where there is no memory for it. */
bool table_open(Table *table, uint32_t capacity);
void table_close(Table *table);

/* Bytes that are in use, and that may be. */
size_t table_used(const Table *table);
size_t table_limit(const Table *table);

/* Adds a sample to a table that is not full, or puts it into the place of one with this address: a block whose end was
   not seen. Returns whether there was one. */
bool table_put(Table *table, const Sample *sample);

/* Takes the sample of a block out of the table; false if there is none. */
bool table_take(Table *table, uintptr_t address, Sample *taken);

/* The filter: for each line of 256 bytes, folded together at 16 MiB, how many samples lie there. Neighbouring blocks
   share a counter, and neighbouring lines have neighbouring counters, so that what an app frees at a time finds its
   counters in the cache. A counter that has reached its end stays there until the filter is cleared: blocks are then
   looked up for nothing, never missed. There is one filter, for the table that is recorded into, and it is static, since
   hooks that could not be removed look into it for ever. Relaxed atomics: see the rules in sampler.h. */
#define FILTER_SIZE 65536
extern _Atomic(uint8_t) table_filter[FILTER_SIZE];

void table_clear_filter(void);

static inline size_t
table_line(uintptr_t address)
{
    return ((address >> 8) ^ (address >> 24)) % FILTER_SIZE;
}

static inline bool
table_may_hold(const void *block)
{
    return atomic_load_explicit(&table_filter[table_line((uintptr_t)block)], memory_order_relaxed) != 0;
}

#endif
