#include "hooks.h"

#include <stdatomic.h>

#include "sampler.h"
#include "table.h"

#define NEVER INT64_MAX
#define HOOKS_PER_DOMAIN 16
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

static const PyMemAllocatorDomain domains[DOMAINS] = {PYMEM_DOMAIN_OBJ, PYMEM_DOMAIN_MEM};

typedef struct {
    _Alignas(64) PyMemAllocatorEx inner; /* what we stand in front of; never changes once it is set */
    _Atomic(int64_t) left;               /* bytes until the next sample */
    bool probing;                        /* the next one is no sample: hooks_standing() wants to know who comes by */
} Hook;

static Hook hooks[DOMAINS][HOOKS_PER_DOMAIN];
static Hook *installed[DOMAINS];

/* --- What the app runs through. -------------------------------------------------------------------------------------

   A countdown is read and written with relaxed atomics, plain moves on any processor. Under the GIL they are exact; a
   sub-interpreter with a GIL of its own may lose an update, which delays or hastens one sample without a preference. */

static inline int64_t
left_of(Hook *hook)
{
    return atomic_load_explicit(&hook->left, memory_order_relaxed);
}

static inline void
set_left(Hook *hook, int64_t left)
{
    atomic_store_explicit(&hook->left, left, memory_order_relaxed);
}

static __attribute__((noinline)) void
due(Hook *hook, void *block, size_t size)
{
    if (hook->probing) {
        hook->probing = false;
        return;
    }
    set_left(hook, sampler_due(block, size));
}

/* An allocation that failed counts as well: no block, no sample, and the distance to the next one has no memory. */
static inline void
count(Hook *hook, void *block, size_t size)
{
    int64_t left = (int64_t)((uint64_t)left_of(hook) - size);
    set_left(hook, left);
    if (UNLIKELY(left < 0)) {
        due(hook, block, size);
    }
}

static void *
hook_malloc(void *ctx, size_t size)
{
    Hook *hook = ctx;
    void *block = hook->inner.malloc(hook->inner.ctx, size);
    count(hook, block, size);
    return block;
}

static void *
hook_calloc(void *ctx, size_t number, size_t size)
{
    Hook *hook = ctx;
    void *block = hook->inner.calloc(hook->inner.ctx, number, size);
    count(hook, block, number * size); /* PyMem_Calloc() and PyObject_Calloc() refuse what overflows */
    return block;
}

/* The old block is forgotten first: as soon as it is freed its address may be anybody's. */
static __attribute__((noinline)) void *
realloc_sampled(Hook *hook, void *old, size_t size)
{
    Sample was;
    bool sampled = sampler_forget(old, &was);
    void *block = hook->inner.realloc(hook->inner.ctx, old, size);
    if (block == NULL && sampled) {
        sampler_restore(&was);
    }
    return block;
}

/* A block that is resized is a new block, asked for by whoever resized it; tracemalloc sees it so, too. */
static void *
hook_realloc(void *ctx, void *old, size_t size)
{
    Hook *hook = ctx;
    void *block;
    if (UNLIKELY(table_may_hold(old))) {
        block = realloc_sampled(hook, old, size);
    } else {
        block = hook->inner.realloc(hook->inner.ctx, old, size);
    }
    count(hook, block, size);
    return block;
}

static void
hook_free(void *ctx, void *block)
{
    Hook *hook = ctx;
    if (UNLIKELY(table_may_hold(block))) {
        Sample was;
        (void)sampler_forget(block, &was);
    }
    hook->inner.free(hook->inner.ctx, block);
}

/* --- Coming and going. ---------------------------------------------------------------------------------------------- */

static Hook *
hook_on_top(int domain)
{
    PyMemAllocatorEx now;
    PyMem_GetAllocator(domains[domain], &now);
    return now.malloc == hook_malloc ? now.ctx : NULL;
}

/* Whether an allocation in this domain comes by this hook: one byte is tried. */
static bool
is_reached(int domain, Hook *hook)
{
    int64_t left = left_of(hook);
    hook->probing = true;
    set_left(hook, 0);
    if (domain == DOMAIN_OBJ) {
        PyObject_Free(PyObject_Malloc(1));
    } else {
        PyMem_Free(PyMem_Malloc(1));
    }
    bool reached = !hook->probing;
    hook->probing = false;
    set_left(hook, left);
    return reached;
}

static bool
same_allocator(const PyMemAllocatorEx *one, const PyMemAllocatorEx *other)
{
    return one->ctx == other->ctx && one->malloc == other->malloc && one->calloc == other->calloc &&
           one->realloc == other->realloc && one->free == other->free;
}

static bool
is_made(const Hook *hook)
{
    return hook->inner.malloc != NULL;
}

/* A hook that is there already, or one to be put in front of what is there now; NULL if none is left. */
static Hook *
hook_for(int domain)
{
    Hook *top = hook_on_top(domain);
    if (top != NULL) {
        return top;
    }
    PyMemAllocatorEx now;
    PyMem_GetAllocator(domains[domain], &now);
    for (Hook *hook = hooks[domain]; hook < hooks[domain] + HOOKS_PER_DOMAIN; hook++) {
        if (is_made(hook) && is_reached(domain, hook)) {
            return hook; /* under another tool's, where it was left */
        }
    }
    for (Hook *hook = hooks[domain]; hook < hooks[domain] + HOOKS_PER_DOMAIN; hook++) {
        if (!is_made(hook)) {
            hook->inner = now;
            set_left(hook, NEVER);
        }
        if (same_allocator(&hook->inner, &now)) {
            PyMem_SetAllocator(domains[domain], &(PyMemAllocatorEx){.ctx = hook,
                                                                    .malloc = hook_malloc,
                                                                    .calloc = hook_calloc,
                                                                    .realloc = hook_realloc,
                                                                    .free = hook_free});
            return hook;
        }
    }
    return NULL;
}

bool
hooks_install(int64_t (*gap)(void))
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        installed[domain] = hook_for(domain);
        if (installed[domain] == NULL) {
            Standing found[DOMAINS];
            hooks_remove(false, found);
            return false;
        }
    }
    hooks_count(gap);
    return true;
}

void
hooks_remove(bool keep, Standing found[DOMAINS])
{
    hooks_pause();
    hooks_standing(found);
    for (int domain = 0; domain < DOMAINS; domain++) {
        if (found[domain] == HOOKS_ON_TOP && !keep) {
            PyMem_SetAllocator(domains[domain], &installed[domain]->inner);
            found[domain] = HOOKS_REMOVED;
        }
        installed[domain] = NULL;
    }
}

void
hooks_standing(Standing found[DOMAINS])
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        Hook *hook = installed[domain];
        if (hook == NULL) {
            found[domain] = HOOKS_REMOVED;
        } else if (hook_on_top(domain) == hook) {
            found[domain] = HOOKS_ON_TOP;
        } else {
            found[domain] = is_reached(domain, hook) ? HOOKS_COVERED : HOOKS_DISPLACED;
        }
    }
}

void
hooks_count(int64_t (*gap)(void))
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        if (installed[domain] != NULL) {
            set_left(installed[domain], gap());
        }
    }
}

void
hooks_pause(void)
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        if (installed[domain] != NULL) {
            set_left(installed[domain], NEVER);
        }
    }
}
