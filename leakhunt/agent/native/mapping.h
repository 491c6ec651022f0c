/* Memory of our own, straight from the kernel.

   Nothing of ours may come from Python's allocators, which we are inside of, nor from malloc, whose state leakhunt
   measures. The kernel gives pages out when they are first touched, so a table may be mapped at the largest size that
   it may ever have. */

#ifndef LEAKHUNT_MAPPING_H
#define LEAKHUNT_MAPPING_H

#include <stddef.h>
#include <sys/mman.h>

/* Zeroed memory, or NULL. */
static inline void *
mapping_new(size_t size)
{
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return place == MAP_FAILED ? NULL : place;
}

static inline void
mapping_free(void *place, size_t size)
{
    if (place != NULL) {
        munmap(place, size);
    }
}

#endif
