/* The one file that knows how CPython lays out frames, version by version.

   tracemalloc walks the same frames from the same place, inside an allocation, so they are in order whenever we are
   called. A frame has left its thread before its code object can go, in all versions that we know. Were one met all the
   same whose code has no references left, it would be left out: such a code object must not be held. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#if PY_VERSION_HEX >= 0x030b0000
/* Frames are not objects any more, and nothing public reads them without making objects of them. */
#define Py_BUILD_CORE 1
#if PY_VERSION_HEX >= 0x030e0000
#include <internal/pycore_interpframe.h>
#else
#include <internal/pycore_frame.h>
#endif
#undef Py_BUILD_CORE
#endif

#include "frames.h"

#if PY_VERSION_HEX >= 0x030b0000

typedef struct _PyInterpreterFrame Place;

/* Frames that are just being made have no line yet, and those that C code makes have none at all. */
static Place *
first_complete(Place *place)
{
    while (place != NULL && _PyFrame_IsIncomplete(place)) {
        place = place->previous;
    }
    return place;
}

static Place *
innermost(PyThreadState *tstate)
{
#if PY_VERSION_HEX >= 0x030d0000
    return first_complete(tstate->current_frame);
#else
    return first_complete(tstate->cframe->current_frame);
#endif
}

static Place *
caller(Place *place)
{
    return first_complete(place->previous);
}

static Frame
frame_at(Place *place)
{
#if PY_VERSION_HEX >= 0x030d0000
    PyCodeObject *code = _PyFrame_GetCode(place);
#else
    PyCodeObject *code = place->f_code;
#endif
    return (Frame){.code = code, .offset = _PyInterpreterFrame_LASTI(place) * (int)sizeof(_Py_CODEUNIT)};
}

#else

#include <frameobject.h>

typedef PyFrameObject Place;

static Place *
innermost(PyThreadState *tstate)
{
    return tstate->frame;
}

static Place *
caller(Place *place)
{
    return place->f_back;
}

static Frame
frame_at(Place *place)
{
#if PY_VERSION_HEX >= 0x030a0000
    return (Frame){.code = place->f_code, .offset = place->f_lasti * 2}; /* 3.10 counts instructions */
#else
    return (Frame){.code = place->f_code, .offset = place->f_lasti};
#endif
}

#endif

int
frames_walk(PyThreadState *tstate, Frame frames[MOST_FRAMES], bool *cut)
{
    int depth = 0;
    Place *place = innermost(tstate);
    for (; place != NULL && depth < MOST_FRAMES; place = caller(place)) {
        Frame frame = frame_at(place);
        if (Py_REFCNT(frame.code) > 0) {
            frames[depth++] = frame;
        }
    }
    *cut = place != NULL;
    return depth;
}
