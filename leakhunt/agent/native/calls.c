#include "calls.h"

#include "mapping.h"

static size_t
calls_size(const Calls *calls)
{
    return calls->capacity * sizeof(Call);
}

static size_t
index_size(const Calls *calls)
{
    return ((size_t)calls->mask + 1) * sizeof(uint32_t);
}

bool
calls_open(Calls *calls, uint32_t capacity)
{
    uint32_t slots = 16;
    while (slots < 2 * (uint64_t)capacity) {
        slots *= 2;
    }
    *calls = (Calls){.count = CALLS_BEGIN, .capacity = CALLS_BEGIN + capacity, .mask = slots - 1};
    calls->calls = mapping_new(calls_size(calls));
    calls->index = mapping_new(index_size(calls));
    if (calls->calls == NULL || calls->index == NULL) {
        calls_close(calls);
        return false;
    }
    return true;
}

void
calls_close(Calls *calls)
{
    if (calls->calls != NULL) {
        for (uint32_t each = CALLS_BEGIN; each < calls->count; each++) {
            if (calls->calls[each].parent == STACK_LOST) {
                Py_DECREF((PyObject *)calls->calls[each].code);
            }
        }
    }
    mapping_free(calls->calls, calls_size(calls));
    mapping_free(calls->index, index_size(calls));
    calls->calls = NULL;
    calls->index = NULL;
}

size_t
calls_used(const Calls *calls)
{
    return calls->count * sizeof(Call) + index_size(calls);
}

size_t
calls_limit(const Calls *calls)
{
    return calls_size(calls) + index_size(calls);
}

static uint32_t
home(const Calls *calls, uint32_t parent, const Frame *frame)
{
    uint64_t key = (uint64_t)(uintptr_t)frame->code ^ ((uint64_t)parent << 32 | (uint32_t)frame->offset);
    key = (key ^ (key >> 32)) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(key >> 32) & calls->mask;
}

/* The slot that has this call, or the empty one where it would be. */
static uint32_t
find(const Calls *calls, uint32_t parent, const Frame *frame)
{
    uint32_t slot = home(calls, parent, frame);
    for (; calls->index[slot] != 0; slot = (slot + 1) & calls->mask) {
        const Call *call = &calls->calls[calls->index[slot]];
        if (call->code == frame->code && call->offset == frame->offset && call->parent == parent) {
            break;
        }
    }
    return slot;
}

static void
add(Calls *calls, uint32_t parent, const Frame *frame)
{
    calls->index[find(calls, parent, frame)] = calls->count;
    calls->calls[calls->count++] = (Call){.code = frame->code, .parent = parent, .offset = frame->offset};
}

/* Holds a code object, once; needs room for one call. */
static void
hold(Calls *calls, PyCodeObject *code)
{
    Frame holder = {.code = code, .offset = -1};
    if (calls->index[find(calls, STACK_LOST, &holder)] == 0) {
        Py_INCREF((PyObject *)code);
        calls->codes++;
        add(calls, STACK_LOST, &holder);
    }
}

/* The call of this frame from this parent; STACK_LOST where one would have to be added and there is no room. */
static uint32_t
enter(Calls *calls, uint32_t parent, const Frame *frame)
{
    uint32_t call = calls->index[find(calls, parent, frame)];
    if (call != 0) {
        return call;
    }
    if (calls->capacity - calls->count < 2) {
        return STACK_LOST;
    }
    hold(calls, frame->code);
    add(calls, parent, frame);
    return calls->count - 1;
}

uint32_t
calls_stack(Calls *calls, const Frame *frames, int depth, bool cut)
{
    uint32_t stack = cut ? STACK_CUT : STACK_WHOLE;
    for (int each = depth - 1; each >= 0; each--) {
        stack = enter(calls, stack, &frames[each]);
        if (stack == STACK_LOST) {
            break;
        }
    }
    return stack;
}
