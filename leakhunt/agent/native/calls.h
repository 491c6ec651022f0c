/* The stacks of samples, as a tree of calls.

   A call is an instruction of a code object, reached from a parent call; a stack is named by its innermost call. Stacks
   of one server differ in their last few frames, so a tree is small, and a stack that is met again is found by one look
   into a hash table for each of its frames. Calls are never removed or moved, so they may be read without a lock as far
   as `count` went at the time. Each holds a reference to its code object: the line is told from it later. */

#ifndef LEAKHUNT_CALLS_H
#define LEAKHUNT_CALLS_H

#include <Python.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frames.h"

typedef struct {
    PyCodeObject *code;
    uint32_t parent;
    int32_t offset; /* of the instruction, in bytes */
} Call;

/* What the outermost frames have as their parent. */
enum {
    STACK_WHOLE, /* nothing: the thread began here */
    STACK_CUT,   /* frames that were too many to be kept */
    STACK_LOST,  /* no parent but a stack of its own: there was no room for the frames */
    CALLS_BEGIN
};

typedef struct {
    Call *calls;
    uint32_t *index; /* position in `calls`, 0 where there is none */
    uint32_t count;
    uint32_t codes; /* different code objects, each held by one call of STACK_LOST that no stack has */
    uint32_t capacity;
    uint32_t mask;
} Calls;

/* False where there is no memory for it. */
bool calls_open(Calls *calls, uint32_t capacity);

/* Lets go of the code objects, which may run Python code: with the GIL, without the sampler's lock. */
void calls_close(Calls *calls);

size_t calls_used(const Calls *calls);
size_t calls_limit(const Calls *calls);

/* The stack with these frames, innermost first; STACK_LOST where it does not fit in. Needs the GIL. */
uint32_t calls_stack(Calls *calls, const Frame *frames, int depth, bool cut);

#endif
