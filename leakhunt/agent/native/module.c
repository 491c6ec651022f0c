/* The Python module `_sampler`: what it takes and gives is documented in ../_sampler.pyi. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mapping.h"
#include "poisson.h"
#include "sampler.h"

/* --- What is read, as Python objects. -------------------------------------------------------------------------------- */

/* Numbers the calls and stacks of a reading in the order in which its samples name them. */
typedef struct {
    const Reading *reading;
    uint32_t *number; /* of each call's stack plus one, 0 while it has none */
    PyObject *places; /* (file, line, function) -> its number */
    PyObject *frames; /* the same in order */
    PyObject *stacks;
} Naming;

/* A new reference to (file, line, function). */
static PyObject *
place_of(const Call *call)
{
#if PY_VERSION_HEX >= 0x030b0000
    PyObject *function = call->code->co_qualname;
#else
    PyObject *function = call->code->co_name;
#endif
    return Py_BuildValue("OiO", call->code->co_filename, PyCode_Addr2Line(call->code, call->offset), function);
}

/* A new reference to the number of a call's place, or NULL. */
static PyObject *
number_of_place(Naming *naming, const Call *call)
{
    PyObject *place = place_of(call);
    if (place == NULL) {
        return NULL;
    }
    PyObject *number = PyDict_GetItemWithError(naming->places, place);
    if (number != NULL) {
        Py_INCREF(number);
    } else if (!PyErr_Occurred()) {
        number = PyLong_FromSsize_t(PyList_GET_SIZE(naming->frames));
        if (number != NULL &&
            (PyDict_SetItem(naming->places, place, number) < 0 || PyList_Append(naming->frames, place) < 0)) {
            Py_CLEAR(number);
        }
    }
    Py_DECREF(place);
    return number;
}

/* A new reference to (numbers of the places, innermost first; whether these are all). */
static PyObject *
stack_of(Naming *naming, uint32_t stack)
{
    PyObject *numbers = PyList_New(0);
    if (numbers == NULL) {
        return NULL;
    }
    for (; stack >= CALLS_BEGIN; stack = naming->reading->recording->calls.calls[stack].parent) {
        PyObject *number = number_of_place(naming, &naming->reading->recording->calls.calls[stack]);
        if (number == NULL || PyList_Append(numbers, number) < 0) {
            Py_XDECREF(number);
            Py_DECREF(numbers);
            return NULL;
        }
        Py_DECREF(number);
    }
    PyObject *all = PyList_AsTuple(numbers);
    Py_DECREF(numbers);
    return all == NULL ? NULL : Py_BuildValue("NO", all, stack == STACK_WHOLE ? Py_True : Py_False);
}

/* The number under which the stack of a sample is listed, or -1. */
static Py_ssize_t
number_of_stack(Naming *naming, uint32_t stack)
{
    if (naming->number[stack] == 0) {
        PyObject *row = stack_of(naming, stack);
        if (row == NULL || PyList_Append(naming->stacks, row) < 0) {
            Py_XDECREF(row);
            return -1;
        }
        Py_DECREF(row);
        naming->number[stack] = (uint32_t)PyList_GET_SIZE(naming->stacks);
    }
    return (Py_ssize_t)naming->number[stack] - 1;
}

static PyObject *
samples_of(Naming *naming)
{
    const Reading *reading = naming->reading;
    PyObject *rows = PyList_New(0);
    for (uint32_t each = 0; rows != NULL && each < reading->count; each++) {
        const Sample *sample = &reading->samples[each];
        Py_ssize_t stack = number_of_stack(naming, sample->stack);
        double chance = poisson_chance(sample->size, (double)reading->interval);
        PyObject *row = stack < 0 ? NULL
                                  : Py_BuildValue("KndnLIkK", (unsigned long long)sample->address,
                                                  (Py_ssize_t)sample->size, chance, stack, (long long)sample->tag,
                                                  (unsigned int)sample->round, sample->thread,
                                                  (unsigned long long)sample->serial);
        if (row == NULL || PyList_Append(rows, row) < 0) {
            Py_CLEAR(rows);
        }
        Py_XDECREF(row);
    }
    return rows;
}

static PyObject *
objects_of(const Reading *reading)
{
    size_t mapped = reading->calls * sizeof(uint32_t);
    Naming naming = {.reading = reading,
                     .number = mapping_new(mapped),
                     .places = PyDict_New(),
                     .frames = PyList_New(0),
                     .stacks = PyList_New(0)};
    PyObject *samples = NULL, *result = NULL;
    if (naming.number == NULL) {
        PyErr_NoMemory();
    } else if (naming.places != NULL && naming.frames != NULL && naming.stacks != NULL) {
        samples = samples_of(&naming);
    }
    if (samples != NULL) {
        result = Py_BuildValue("{sLsOsOsO}", "interval", (long long)reading->interval, "frames", naming.frames, "stacks",
                               naming.stacks, "samples", samples);
    }
    mapping_free(naming.number, mapped);
    Py_XDECREF(naming.places);
    Py_XDECREF(naming.frames);
    Py_XDECREF(naming.stacks);
    Py_XDECREF(samples);
    return result;
}

/* --- Functions. ------------------------------------------------------------------------------------------------------ */

static PyObject *
fail(const char *sentence)
{
    PyErr_SetString(PyExc_RuntimeError, sentence);
    return NULL;
}

static const char *
standing_word(Standing standing)
{
    switch (standing) {
    case HOOKS_REMOVED:
        return "removed";
    case HOOKS_ON_TOP:
        return "on top";
    case HOOKS_COVERED:
        return "covered";
    case HOOKS_DISPLACED:
        return "displaced";
    }
    Py_UNREACHABLE();
}

static PyObject *
standing_words(const Standing found[DOMAINS])
{
    return Py_BuildValue("{ssss}", "obj", standing_word(found[DOMAIN_OBJ]), "mem", standing_word(found[DOMAIN_MEM]));
}

static uint64_t
unpredictable_seed(void)
{
    uint64_t seed;
    if (getentropy(&seed, sizeof(seed)) != 0) { /* a kernel or a filter that has none to give */
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        seed = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid() << 48;
    }
    return seed;
}

static bool
is_between(long long value, const char *name, long long most)
{
    if (value < 1 || value > most) {
        PyErr_Format(PyExc_ValueError, "%s has to be between 1 and %lld", name, most);
        return false;
    }
    return true;
}

static PyObject *
start(PyObject *Py_UNUSED(module), PyObject *args, PyObject *keywords)
{
    static char *names[] = {"interval", "samples", "calls", "seed", "follow_forks", NULL};
    long long interval = 524288, samples = 32768, calls = 65536;
    PyObject *seed = Py_None;
    int follow_forks = 0;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|L$LLOp:start", names, &interval, &samples, &calls, &seed,
                                     &follow_forks) ||
        !is_between(interval, "interval", LONGEST_INTERVAL) || !is_between(samples, "samples", MOST_SAMPLES) ||
        !is_between(calls, "calls", MOST_CALLS)) {
        return NULL;
    }
    Settings settings = {.interval = interval,
                         .samples = (uint32_t)samples,
                         .calls = (uint32_t)calls,
                         .seed = seed == Py_None ? unpredictable_seed() : PyLong_AsUnsignedLongLongMask(seed),
                         .follow_forks = follow_forks};
    if (PyErr_Occurred()) {
        return NULL;
    }
    const char *problem = sampler_start(&settings);
    if (problem != NULL) {
        return fail(problem);
    }
    Py_RETURN_NONE;
}

static PyObject *
stop(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    Standing found[DOMAINS];
    if (!sampler_stop(found)) {
        return fail("the sampler has not been started");
    }
    return standing_words(found);
}

static PyObject *
reset(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    const char *problem = sampler_reset();
    if (problem != NULL) {
        return fail(problem);
    }
    Py_RETURN_NONE;
}

static PyObject *
read_samples(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    Reading reading;
    const char *problem = sampler_read(&reading);
    if (problem != NULL) {
        return fail(problem);
    }
    PyObject *result = objects_of(&reading);
    sampler_let_go(&reading);
    return result;
}

static PyObject *
stats(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(none))
{
    Status now;
    if (!sampler_status(&now)) {
        return fail("the sampler has not been started");
    }
    Standing found[DOMAINS];
    hooks_standing(found);
    const Counts *counts = &now.counts;
    return Py_BuildValue("{sOsisLsLsKsKsKsKsKsKsKsksksksksksnsnsN}", /* in the order of _sampler.pyi */
                         "sampling", now.sampling ? Py_True : Py_False,
                         "pid", (int)now.pid,
                         "interval", (long long)now.interval,
                         "wanted_interval", (long long)now.settings.interval,
                         "taken", (unsigned long long)counts->taken,
                         "freed", (unsigned long long)counts->freed,
                         "thinned", (unsigned long long)counts->thinned,
                         "doubled", (unsigned long long)counts->doubled,
                         "stackless", (unsigned long long)counts->stackless,
                         "unseen", (unsigned long long)counts->unseen,
                         "skipped", (unsigned long long)counts->skipped,
                         "live", (unsigned long)now.live,
                         "most_live", (unsigned long)now.settings.samples,
                         "calls", (unsigned long)now.calls,
                         "most_calls", (unsigned long)now.settings.calls,
                         "codes", (unsigned long)now.codes,
                         "memory", (Py_ssize_t)now.used,
                         "memory_limit", (Py_ssize_t)now.limit,
                         "hooks", standing_words(found));
}

static PyObject *
set_tag(PyObject *Py_UNUSED(module), PyObject *given)
{
    long long tag = PyLong_AsLongLong(given);
    if ((tag == -1 && PyErr_Occurred()) || !sampler_set_tag(tag)) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
set_round(PyObject *Py_UNUSED(module), PyObject *given)
{
    long long round = PyLong_AsLongLong(given);
    if (round == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (round < 0 || round > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "round has to be between 0 and 4294967295");
        return NULL;
    }
    sampler_set_round((uint32_t)round);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"start", (PyCFunction)(void (*)(void))start, METH_VARARGS | METH_KEYWORDS, NULL},
    {"stop", stop, METH_NOARGS, NULL},
    {"reset", reset, METH_NOARGS, NULL},
    {"read", read_samples, METH_NOARGS, NULL},
    {"stats", stats, METH_NOARGS, NULL},
    {"set_tag", set_tag, METH_O, NULL},
    {"set_round", set_round, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

/* --- The module. ----------------------------------------------------------------------------------------------------- */

static int
prepare(PyObject *Py_UNUSED(module))
{
#ifdef Py_GIL_DISABLED
    PyErr_SetString(PyExc_ImportError, "the sampler relies on the GIL, and this Python is a free-threaded one");
    return -1;
#else
    if (PyThreadState_Get()->interp != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "the sampler works in the main interpreter alone, and this is another");
        return -1;
    }
    return sampler_prepare() ? 0 : -1;
#endif
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)prepare},
#if PY_VERSION_HEX >= 0x030c0000
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_NOT_USED}, /* else Python would switch the GIL on before we refuse */
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_sampler",
    .m_doc = "Which live memory of Python was allocated where, told from a sample of it.",
    .m_size = 0, /* Python's allocators are the process's, and so is what hooks them */
    .m_methods = functions,
    .m_slots = slots,
};

/* Before 3.9 PyMODINIT_FUNC does not make it visible. */
__attribute__((visibility("default"))) PyMODINIT_FUNC
PyInit__sampler(void)
{
    return PyModuleDef_Init(&definition);
}
