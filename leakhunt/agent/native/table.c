#include "table.h"

#include <string.h>

#include "mapping.h"

_Atomic(uint8_t) table_filter[FILTER_SIZE];

#define FULL UINT8_MAX

static void
filter_add(uintptr_t address)
{
    _Atomic(uint8_t) *line = &table_filter[table_line(address)];
    uint8_t samples = atomic_load_explicit(line, memory_order_relaxed);
    if (samples != FULL) {
        atomic_store_explicit(line, (uint8_t)(samples + 1), memory_order_relaxed);
    }
}

static void
filter_remove(uintptr_t address)
{
    _Atomic(uint8_t) *line = &table_filter[table_line(address)];
    uint8_t samples = atomic_load_explicit(line, memory_order_relaxed);
    if (samples != FULL) {
        atomic_store_explicit(line, (uint8_t)(samples - 1), memory_order_relaxed);
    }
}

void
table_clear_filter(void)
{
    for (size_t line = 0; line < FILTER_SIZE; line++) {
        atomic_store_explicit(&table_filter[line], 0, memory_order_relaxed);
    }
}

static size_t
samples_size(const Table *table)
{
    return table->capacity * sizeof(Sample);
}

static size_t
index_size(const Table *table)
{
    return ((size_t)table->mask + 1) * sizeof(uint32_t);
}

bool
table_open(Table *table, uint32_t capacity)
{
    uint32_t slots = 16;
    while (slots < 2 * (uint64_t)capacity) {
        slots *= 2;
    }
    *table = (Table){.capacity = capacity, .mask = slots - 1};
    table->samples = mapping_new(samples_size(table));
    table->index = mapping_new(index_size(table));
    if (table->samples == NULL || table->index == NULL) {
        table_close(table);
        return false;
    }
    return true;
}

void
table_close(Table *table)
{
    mapping_free(table->samples, samples_size(table));
    mapping_free(table->index, index_size(table));
    table->samples = NULL;
    table->index = NULL;
    table->count = 0;
}

size_t
table_used(const Table *table)
{
    return table->highest * sizeof(Sample) + index_size(table) + FILTER_SIZE;
}

size_t
table_limit(const Table *table)
{
    return samples_size(table) + index_size(table) + FILTER_SIZE;
}

/* Where the search for an address begins: Fibonacci hashing, Knuth, The Art of Computer Programming 3, 6.4. */
static uint32_t
home(const Table *table, uintptr_t address)
{
    return (uint32_t)(((uint64_t)address * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & table->mask;
}

/* The slot that has this address, or the empty one where it would be. */
static uint32_t
find(const Table *table, uintptr_t address)
{
    uint32_t slot = home(table, address);
    while (table->index[slot] != 0 && table->samples[table->index[slot] - 1].address != address) {
        slot = (slot + 1) & table->mask;
    }
    return slot;
}

bool
table_put(Table *table, const Sample *sample)
{
    uint32_t slot = find(table, sample->address);
    if (table->index[slot] != 0) {
        table->samples[table->index[slot] - 1] = *sample;
        return true;
    }
    table->samples[table->count++] = *sample;
    table->index[slot] = table->count;
    if (table->count > table->highest) {
        table->highest = table->count;
    }
    filter_add(sample->address);
    return false;
}

/* Empties a slot and moves those that follow nearer to their homes: Knuth's algorithm R of section 6.4. */
static void
empty_slot(Table *table, uint32_t hole)
{
    for (uint32_t slot = (hole + 1) & table->mask; table->index[slot] != 0; slot = (slot + 1) & table->mask) {
        uint32_t wanted = home(table, table->samples[table->index[slot] - 1].address);
        if (((slot - wanted) & table->mask) >= ((slot - hole) & table->mask)) {
            table->index[hole] = table->index[slot];
            hole = slot;
        }
    }
    table->index[hole] = 0;
}

bool
table_take(Table *table, uintptr_t address, Sample *taken)
{
    uint32_t slot = find(table, address);
    if (table->index[slot] == 0) {
        return false;
    }
    uint32_t place = table->index[slot] - 1;
    *taken = table->samples[place];
    empty_slot(table, slot);
    uint32_t last = --table->count;
    if (place != last) {
        table->index[find(table, table->samples[last].address)] = place + 1;
        table->samples[place] = table->samples[last];
    }
    filter_remove(address);
    return true;
}
