#include "sampler.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"
#include "mapping.h"
#include "poisson.h"

#define NEVER INT64_MAX

static struct {
    pthread_mutex_t lock;
    Recording *recording;
    Settings settings;
    Random random;
    uint32_t round;
    pid_t pid;     /* of this process, as far as we know */
    pid_t starter; /* of the process that started it */
    bool sampling;
    bool fork_is_watched;
} self = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool inside;

static PyObject *tag_variable;

bool
sampler_prepare(void)
{
    if (tag_variable == NULL) {
        tag_variable = PyContextVar_New("leakhunt_tag", NULL);
    }
    return tag_variable != NULL;
}

/* --- Forks. ---------------------------------------------------------------------------------------------------------- */

/* With the lock held, in a child. */
static void
become_child(void)
{
    self.pid = getpid();
    if (self.recording == NULL) {
        return;
    }
    if (self.settings.follow_forks) {
        random_seed(&self.random, random_next(&self.random) ^ (uint64_t)self.pid);
    } else {
        self.sampling = false;
        hooks_pause();
    }
}

static void
before_fork(void)
{
    pthread_mutex_lock(&self.lock);
}

static void
after_fork_in_parent(void)
{
    pthread_mutex_unlock(&self.lock);
}

static void
after_fork_in_child(void)
{
    become_child();
    pthread_mutex_unlock(&self.lock);
}

/* --- Taking a sample: inside of an allocation. ----------------------------------------------------------------------- */

/* All that is asked of Python about a sample. */
typedef struct {
    Frame frames[MOST_FRAMES];
    int depth;
    bool cut;
    int64_t tag;
    unsigned long thread;
} Scene;

/* The state of this thread if it runs in the main interpreter and has the GIL, else NULL. */
static PyThreadState *
running_thread(void)
{
#if PY_VERSION_HEX >= 0x030d0000
    PyThreadState *tstate = PyThreadState_GetUnchecked();
#else
    /* Before 3.12 this is the thread that has the GIL, whoever asks. */
    PyThreadState *tstate = _PyThreadState_UncheckedGet();
#endif
    if (tstate == NULL || tstate != PyGILState_GetThisThreadState() || tstate->interp != PyInterpreterState_Main()) {
        return NULL;
    }
    return tstate;
}

static int64_t
current_tag(void)
{
    PyObject *value = NULL;
    long long tag = 0;
#if PY_VERSION_HEX >= 0x030c0000
    PyObject *raised = PyErr_GetRaisedException();
#else
    PyObject *type, *raised, *traceback;
    PyErr_Fetch(&type, &raised, &traceback);
#endif
    if (PyContextVar_Get(tag_variable, NULL, &value) == 0 && value != NULL) {
        int overflow;
        tag = PyLong_AsLongLongAndOverflow(value, &overflow); /* set_tag() has put an int there, that fits */
        Py_DECREF(value);                                     /* the context still has it */
    }
#if PY_VERSION_HEX >= 0x030c0000
    PyErr_SetRaisedException(raised);
#else
    PyErr_Restore(type, raised, traceback);
#endif
    return tag;
}

static bool
look_around(Scene *scene)
{
    if (inside) {
        return false;
    }
    PyThreadState *tstate = running_thread();
    if (tstate == NULL) {
        return false;
    }
    inside = true;
    scene->depth = frames_walk(tstate, scene->frames, &scene->cut);
    scene->tag = current_tag();
    scene->thread = tstate->thread_id;
    inside = false;
    return true;
}

static int64_t
next_gap(void)
{
    return poisson_gap(&self.random, (double)self.recording->interval);
}

static bool
stays(size_t size, double interval)
{
    return random_unit(&self.random) <= poisson_chance_to_stay(size, interval);
}

/* Goes on as if the interval had been twice as long from the start. */
static void
double_interval(Recording *recording)
{
    Table *table = &recording->table;
    for (uint32_t each = table->count; each-- > 0;) { /* backwards, since the last sample takes the place of one taken */
        Sample sample = table->samples[each];
        if (!stays(sample.size, (double)recording->interval)) {
            table_take(table, sample.address, &sample);
            recording->counts.thinned++;
        }
    }
    recording->interval *= 2;
    recording->counts.doubled++;
    hooks_count(next_gap);
}

static void
record(Recording *recording, const Scene *scene, void *block, size_t size)
{
    while (recording->table.count == recording->table.capacity) {
        if (recording->interval >= LONGEST_INTERVAL) {
            recording->counts.skipped++;
            return;
        }
        double_interval(recording);
        if (!stays(size, (double)recording->interval / 2)) {
            recording->counts.thinned++;
            return;
        }
    }
    Sample sample = {.address = (uintptr_t)block,
                     .size = size,
                     .serial = recording->counts.taken++,
                     .tag = scene->tag,
                     .thread = scene->thread,
                     .stack = calls_stack(&recording->calls, scene->frames, scene->depth, scene->cut),
                     .round = self.round};
    recording->counts.stackless += sample.stack == STACK_LOST;
    recording->counts.unseen += table_put(&recording->table, &sample);
}

int64_t
sampler_due(void *block, size_t size)
{
    int error = errno;
    int64_t gap = NEVER;
    Scene scene;
    bool wanted = block != NULL && look_around(&scene);
    pthread_mutex_lock(&self.lock);
    if (self.sampling && self.pid != getpid()) {
        become_child();
    }
    if (self.sampling) {
        if (wanted) {
            record(self.recording, &scene, block, size);
        } else {
            self.recording->counts.skipped++;
        }
        gap = next_gap();
    }
    pthread_mutex_unlock(&self.lock);
    errno = error;
    return gap;
}

bool
sampler_forget(void *block, Sample *was)
{
    pthread_mutex_lock(&self.lock);
    bool sampled = self.recording != NULL && table_take(&self.recording->table, (uintptr_t)block, was);
    if (sampled) {
        self.recording->counts.freed++;
    }
    pthread_mutex_unlock(&self.lock);
    return sampled;
}

void
sampler_restore(const Sample *was)
{
    pthread_mutex_lock(&self.lock);
    if (self.recording != NULL && self.recording->table.count < self.recording->table.capacity) {
        table_put(&self.recording->table, was);
        self.recording->counts.freed--;
    }
    pthread_mutex_unlock(&self.lock);
}

/* --- Start, stop, reset. --------------------------------------------------------------------------------------------- */

static Recording *
recording_new(const Settings *settings)
{
    Recording *recording = mapping_new(sizeof(Recording));
    if (recording == NULL) {
        return NULL;
    }
    recording->interval = settings->interval;
    recording->references = 1;
    if (!table_open(&recording->table, settings->samples)) {
        mapping_free(recording, sizeof(Recording));
        return NULL;
    }
    if (!calls_open(&recording->calls, settings->calls)) {
        table_close(&recording->table);
        mapping_free(recording, sizeof(Recording));
        return NULL;
    }
    return recording;
}

/* May run Python code. */
static void
recording_let_go(Recording *recording)
{
    if (recording != NULL && --recording->references == 0) {
        table_close(&recording->table);
        calls_close(&recording->calls);
        mapping_free(recording, sizeof(Recording));
    }
}

static Recording *
replace_recording(Recording *recording)
{
    pthread_mutex_lock(&self.lock);
    Recording *former = self.recording;
    self.recording = recording;
    table_clear_filter();
    pthread_mutex_unlock(&self.lock);
    return former;
}

static bool
has_other_interpreters(void)
{
    PyInterpreterState *first = PyInterpreterState_Head();
    return first != NULL && PyInterpreterState_Next(first) != NULL;
}

static bool
watch_forks(void)
{
    if (!self.fork_is_watched) {
        self.fork_is_watched = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
    }
    return self.fork_is_watched;
}

const char *
sampler_start(const Settings *settings)
{
    if (self.recording != NULL && self.sampling && self.pid == getpid()) {
        return "the sampler has been started already";
    }
    if (has_other_interpreters()) {
        return "the sampler works in the main interpreter alone, and this process has sub-interpreters";
    }
    Recording *recording = watch_forks() ? recording_new(settings) : NULL;
    if (recording == NULL) {
        return "there is no memory for the sampler";
    }
    self.settings = *settings;
    self.pid = self.starter = getpid();
    random_seed(&self.random, settings->seed);
    Recording *inherited = replace_recording(recording);
    self.sampling = true;
    const char *problem = NULL;
    if (!hooks_install(next_gap)) {
        self.sampling = false;
        recording_let_go(replace_recording(NULL));
        problem = "other tools have hooked Python's allocators by turns with the sampler, too often to do it once more";
    }
    recording_let_go(inherited);
    return problem;
}

bool
sampler_stop(Standing found[DOMAINS])
{
    if (self.recording == NULL) {
        return false;
    }
    self.sampling = false;
    /* With a GIL of their own others read the allocators while we would write them: then the hooks stay. */
    hooks_remove(has_other_interpreters(), found);
    recording_let_go(replace_recording(NULL));
    return true;
}

const char *
sampler_reset(void)
{
    if (self.recording == NULL) {
        return "the sampler has not been started";
    }
    Recording *recording = recording_new(&self.settings);
    if (recording == NULL) {
        return "there is no memory for the sampler";
    }
    Recording *former = replace_recording(recording);
    if (self.sampling) {
        hooks_count(next_gap);
    }
    recording_let_go(former);
    return NULL;
}

/* --- Reading, and tags. ---------------------------------------------------------------------------------------------- */

const char *
sampler_read(Reading *reading)
{
    if (self.recording == NULL) {
        return "the sampler has not been started";
    }
    Recording *recording = self.recording;
    size_t room = (recording->table.count + 1) * sizeof(Sample);
    *reading = (Reading){.recording = recording, .samples = mapping_new(room), .mapped = room};
    if (reading->samples == NULL) {
        return "there is no memory to read the samples";
    }
    pthread_mutex_lock(&self.lock);
    reading->count = recording->table.count;
    reading->calls = recording->calls.count;
    reading->interval = recording->interval;
    memcpy(reading->samples, recording->table.samples, reading->count * sizeof(Sample));
    pthread_mutex_unlock(&self.lock);
    recording->references++;
    inside = true;
    return NULL;
}

void
sampler_let_go(Reading *reading)
{
    mapping_free(reading->samples, reading->mapped);
    recording_let_go(reading->recording);
    inside = false;
}

bool
sampler_status(Status *status)
{
    const Recording *recording = self.recording;
    if (recording == NULL) {
        return false;
    }
    pthread_mutex_lock(&self.lock);
    *status = (Status){.settings = self.settings,
                       .counts = recording->counts,
                       .interval = recording->interval,
                       .live = recording->table.count,
                       .calls = recording->calls.count - CALLS_BEGIN,
                       .codes = recording->calls.codes,
                       .used = table_used(&recording->table) + calls_used(&recording->calls),
                       .limit = table_limit(&recording->table) + calls_limit(&recording->calls),
                       .pid = self.starter,
                       .sampling = self.sampling && self.pid == getpid()};
    pthread_mutex_unlock(&self.lock);
    return true;
}

bool
sampler_set_tag(int64_t tag)
{
    PyObject *value = PyLong_FromLongLong(tag);
    if (value == NULL) {
        return false;
    }
    PyObject *token = PyContextVar_Set(tag_variable, value);
    Py_DECREF(value);
    Py_XDECREF(token);
    return token != NULL;
}

void
sampler_set_round(uint32_t round)
{
    self.round = round;
}
