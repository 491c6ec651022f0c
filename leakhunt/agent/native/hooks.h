/* Our place in the chain of Python's allocators.

   A hook stands in front of the allocator that was there when it was installed, and calls it. Others may install their
   own in front of ours later, and then keep a copy of ours for as long as they like, so

   - a hook whose place is taken cannot be removed: it stays, and passes everything on;
   - what it calls must never change, or two tools could come to call each other in a circle. A hook is used again only
     in front of the very allocator that it was made for. Hooks are static, a few for each domain: they outlive
     everything that may call them.

   What the hooks see they tell to sampler.c, where the rules are. */

#ifndef LEAKHUNT_HOOKS_H
#define LEAKHUNT_HOOKS_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    HOOKS_REMOVED, /* or never installed */
    HOOKS_ON_TOP,
    HOOKS_COVERED,   /* another hook was installed after ours, and calls it */
    HOOKS_DISPLACED, /* another tool has put back what was there before us: nothing comes our way */
} Standing;

/* All of these need the GIL. */

/* The domains that are hooked. RAW is not: it is used without the GIL. */
enum { DOMAIN_OBJ, DOMAIN_MEM, DOMAINS };

/* Puts a hook in front of each domain; `gap` gives the first countdown of each. False if a process has been hooked by
   turns with other tools so often that no hook is left. */
bool hooks_install(int64_t (*gap)(void));

/* Takes the hooks away, or leaves those that are covered as mere passages, or all of them if `keep`. */
void hooks_remove(bool keep, Standing found[DOMAINS]);

/* Where the hooks stand. May allocate and free one byte of a domain to find out. */
void hooks_standing(Standing found[DOMAINS]);

/* Gives each installed hook a new countdown, after which sampler_due() is called. */
void hooks_count(int64_t (*gap)(void));

/* Lets the hooks count nothing any more. They still tell of what is freed. */
void hooks_pause(void);

#endif
