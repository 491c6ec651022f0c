/* What is sampled, and when: the state of the one sampler that a process can have.

   Rules
   -----
   The hooks of hooks.c run inside every allocation of Python. All that they may rely on, and must keep to:

   GIL        OBJ and MEM are used with the GIL held (RAW is not, and is not hooked). So hooks do not run at the same
              time, and nothing here ever lets go of the GIL. Whoever breaks that rule of CPython's, or runs in another
              interpreter, is told apart before anything of Python is looked at (see running_thread()) and not sampled.
   Lock       The tables have a lock all the same, for the two cases in which the GIL is none: a sub-interpreter with
              its own that frees a block while the main one samples, and fork() from a thread that has no GIL. It is
              never held while Python may run or allocate, so there is no order of locks to keep. Only what a fast path reads stands outside: countdowns and filter, by relaxed atomics.
   Calls      In a hook nothing may allocate through Python, run Python code, raise, or change errno. What is called
              there: the thread state's own fields, Py_INCREF of a code object, and PyContextVar_Get(), which looks
              into a tree of the current context and makes nothing (an error that is being raised is put aside for it).
   Reentrancy A thread that is at work here has `inside` set; its allocations are counted and never sampled, those of
              read() among them.
   Overflow   When the table is full the interval is doubled, and each sample stays with the probability of being one
              of those that the longer interval would have taken: what is read is unbiased as before, and coarser. When
              there is no room for more calls, samples are kept without their stack, and counted as such. Sizes are
              below 2^63 and intervals at most 2^40, so no countdown overflows.
   Fork       Both processes have the whole state, in order: pthread_atfork() handlers hold the lock meanwhile; a child
              that comes by a bare clone() is told by its pid before its first sample. The child goes on with random
              numbers of its own if it is to follow; otherwise it samples nothing, still notes what is freed, can be
              read, and stops or starts afresh when it is told to.
   Held       Code objects of sampled stacks, until stop() or reset(), which let go of them last, when the sampler is in
              order and what they run may do anything.
*/

#ifndef LEAKHUNT_SAMPLER_H
#define LEAKHUNT_SAMPLER_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "calls.h"
#include "hooks.h"
#include "table.h"

#define LONGEST_INTERVAL (INT64_C(1) << 40)
#define MOST_SAMPLES (UINT32_C(1) << 24)
#define MOST_CALLS (UINT32_C(1) << 24)

typedef struct {
    int64_t interval; /* mean bytes between samples */
    uint32_t samples; /* alive at a time, at most */
    uint32_t calls;
    uint64_t seed;
    bool follow_forks;
} Settings;

typedef struct {
    uint64_t taken;
    uint64_t freed;
    uint64_t thinned; /* dropped when the interval was doubled */
    uint64_t doubled; /* how often it was */
    uint64_t stackless;
    uint64_t unseen;  /* ends of blocks that were not seen: their address came again */
    uint64_t skipped; /* samples that were due inside the sampler, in another interpreter or without the GIL */
} Counts;

/* What lasts from a start or a reset to the next. Readers keep it alive; the references are counted under the GIL. */
typedef struct {
    Table table;
    Calls calls;
    Counts counts;
    int64_t interval;
    int references;
} Recording;

/* All of these need the GIL. Those that return a sentence return NULL when all is well. */

const char *sampler_start(const Settings *settings);

/* Ends the recording, and says where the hooks were. False if there is none. */
bool sampler_stop(Standing found[DOMAINS]);

const char *sampler_reset(void);

/* A recording, with a copy of its samples as they were at one moment. Its calls are read where they are. */
typedef struct {
    Recording *recording;
    Sample *samples;
    size_t mapped;
    uint32_t count;
    uint32_t calls;
    int64_t interval;
} Reading;

/* Begins to read; until the reading is let go of, allocations of this thread are not sampled. Returns a sentence if
   nothing is recorded or there is no memory for the copy. */
const char *sampler_read(Reading *reading);
void sampler_let_go(Reading *reading);

typedef struct {
    Settings settings;
    Counts counts;
    int64_t interval; /* longer than that of the settings after it was doubled */
    uint32_t live;
    uint32_t calls;
    uint32_t codes; /* code objects that are held */
    size_t used; /* bytes of our own memory */
    size_t limit;
    pid_t pid;     /* the process that started it */
    bool sampling; /* false in a child that does not follow */
} Status;

/* False if nothing is recorded. */
bool sampler_status(Status *status);

/* Tag of the current context, inherited as context variables are; round of the whole process. */
bool sampler_set_tag(int64_t tag);
void sampler_set_round(uint32_t round);

/* False, with an exception set, where there can be none. */
bool sampler_prepare(void);

/* What the hooks tell. */

/* The countdown has ended with this block, or with none if the allocation failed. Returns the next countdown. */
int64_t sampler_due(void *block, size_t size);

/* A block will be freed that may be a sampled one; if it was, `was` tells. */
bool sampler_forget(void *block, Sample *was);

/* It was not freed after all. */
void sampler_restore(const Sample *was);

#endif
