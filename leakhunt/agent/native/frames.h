/* The Python frames of a thread, read without making objects. */

#ifndef LEAKHUNT_FRAMES_H
#define LEAKHUNT_FRAMES_H

#include <Python.h>
#include <stdbool.h>

#define MOST_FRAMES 128

typedef struct {
    PyCodeObject *code; /* borrowed from the frame */
    int offset;         /* of the instruction that runs or has just run, in bytes: what PyCode_Addr2Line() takes */
} Frame;

/* Fills in up to MOST_FRAMES frames of the running thread, innermost first; sets `cut` if there are more. The caller
   holds the GIL with this thread state. */
int frames_walk(PyThreadState *tstate, Frame frames[MOST_FRAMES], bool *cut);

#endif
