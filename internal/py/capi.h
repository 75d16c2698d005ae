/*
 * capi.h: the functions of CPython that the border uses, as one table filled at
 * run time, and what the C files share. No header of Python is included: only
 * exported functions and opaque objects, so one binary runs every version.
 */
#ifndef PUFF_CAPI_H
#define PUFF_CAPI_H

#include "py.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct _object PyObject;
typedef PyObject *(*PyCFunction)(PyObject *, PyObject *);

/* Structures that the stable ABI fixes (PEP 384). */
typedef struct {
  const char *name;
  PyCFunction fn;
  int flags;
  const char *doc;
} PyMethodDef;
typedef struct {
  int slot;
  void *fn;
} PyType_Slot;
typedef struct {
  const char *name;
  int size, itemsize;
  unsigned int flags;
  PyType_Slot *slots;
} PyType_Spec;
typedef struct {
  int type;
  const char *func, *message;
  int code;
} PyStatus;

enum { METH_NOARGS = 4, METH_O = 8, METH_FASTCALL = 128 };
enum {
  Py_tp_dealloc = 52,
  Py_tp_doc = 56,
  Py_tp_iter = 62,
  Py_tp_iternext = 63,
  Py_tp_methods = 64,
  Py_tp_new = 65,
  Py_tp_getset = 73,
  Py_am_await = 77,
  Py_am_send = 81,
};
enum {
  Py_TPFLAGS_IMMUTABLETYPE = 1 << 8,
  Py_TPFLAGS_HAVE_VERSION_TAG = 1 << 18,
  Py_TPFLAGS_HAVE_AM_SEND = 1 << 21,
};
typedef struct {
  const char *name;
  PyObject *(*get)(PyObject *, void *);
  int (*set)(PyObject *, PyObject *, void *);
  const char *doc;
  void *closure;
} PyGetSetDef;

/* Functions: result, name, parameters. */
#define PY_FUNCTIONS(F)                                                        \
  F(void, Py_IncRef, (PyObject *))                                             \
  F(void, Py_DecRef, (PyObject *))                                             \
  F(int, PyGC_Disable, (void))                                                 \
  F(int, PyGC_Enable, (void))                                                  \
  F(const char *, Py_GetVersion, (void))                                       \
  F(PyObject *, PyErr_Occurred, (void))                                        \
  F(void, PyErr_Clear, (void))                                                 \
  F(void, PyErr_SetString, (PyObject *, const char *))                         \
  F(void, PyErr_SetObject, (PyObject *, PyObject *))                           \
  F(void, PyErr_SetNone, (PyObject *))                                         \
  F(PyObject *, PyErr_Format, (PyObject *, const char *, ...))                 \
  F(PyObject *, PyErr_NoMemory, (void))                                        \
  F(PyObject *, PyErr_SetFromErrno, (PyObject *))                              \
  F(int, PyErr_CheckSignals, (void))                                           \
  F(int, PyErr_ExceptionMatches, (PyObject *))                                 \
  F(void, PyErr_WriteUnraisable, (PyObject *))                                 \
  F(void, PyErr_Print, (void))                                                 \
  F(void, PyErr_Fetch, (PyObject **, PyObject **, PyObject **))                \
  F(void, PyErr_Restore, (PyObject *, PyObject *, PyObject *))                 \
  F(void, PyErr_NormalizeException, (PyObject **, PyObject **, PyObject **))   \
  F(PyObject *, PyObject_GetAttrString, (PyObject *, const char *))            \
  F(int, PyObject_SetAttrString, (PyObject *, const char *, PyObject *))       \
  F(PyObject *, PyObject_CallObject, (PyObject *, PyObject *))                 \
  F(PyObject *, PyObject_Call, (PyObject *, PyObject *, PyObject *))           \
  F(PyObject *, PyObject_CallFunctionObjArgs, (PyObject *, ...))               \
  F(PyObject *, PyObject_CallMethodObjArgs, (PyObject *, PyObject *, ...))     \
  F(PyObject *, PyObject_CallNoArgs, (PyObject *))                             \
  F(PyObject *, PyObject_GetIter, (PyObject *))                                \
  F(PyObject *, PyIter_Next, (PyObject *))                                     \
  F(PyObject *, PyObject_Str, (PyObject *))                                    \
  F(int, PyObject_IsInstance, (PyObject *, PyObject *))                        \
  F(void, PyObject_Free, (void *))                                             \
  F(int, PyType_IsSubtype, (PyObject *, PyObject *))                           \
  F(PyObject *, PyType_FromSpec, (PyType_Spec *))                              \
  F(PyObject *, PyType_GenericAlloc, (PyObject *, ssize_t))                    \
  F(PyObject *, _PyObject_New, (PyObject *))                                   \
  F(PyObject *, _PyObject_GC_New, (PyObject *))                                \
  F(void, PyObject_GC_UnTrack, (void *))                                       \
  F(int, PyObject_GC_IsTracked, (PyObject *))                                  \
  F(void *, PyCapsule_Import, (const char *, int))                             \
  F(PyObject *, PyLong_FromLongLong, (long long))                              \
  F(PyObject *, PyLong_FromUnsignedLongLong, (unsigned long long))             \
  F(unsigned long long, PyLong_AsUnsignedLongLong, (PyObject *))               \
  F(long long, PyLong_AsLongLongAndOverflow, (PyObject *, int *))              \
  F(PyObject *, PyLong_FromString, (const char *, char **, int))               \
  F(PyObject *, PyNumber_ToBase, (PyObject *, int))                            \
  F(PyObject *, PyFloat_FromDouble, (double))                                  \
  F(double, PyFloat_AsDouble, (PyObject *))                                    \
  F(PyObject *, PyUnicode_DecodeUTF8, (const char *, ssize_t, const char *))   \
  F(PyObject *, PyUnicode_DecodeLatin1, (const char *, ssize_t, const char *)) \
  F(PyObject *, PyUnicode_FromString, (const char *))                          \
  F(PyObject *, PyUnicode_DecodeFSDefault, (const char *))                     \
  F(const char *, PyUnicode_AsUTF8AndSize, (PyObject *, ssize_t *))            \
  F(PyObject *, PyUnicode_AsEncodedString,                                     \
    (PyObject *, const char *, const char *))                                  \
  F(void, PyUnicode_InternInPlace, (PyObject **))                              \
  F(PyObject *, PyBytes_FromStringAndSize, (const char *, ssize_t))            \
  F(PyObject *, PyBytes_FromObject, (PyObject *))                              \
  F(char *, PyBytes_AsString, (PyObject *))                                    \
  F(ssize_t, PyBytes_Size, (PyObject *))                                       \
  F(int, PyObject_CheckBuffer, (PyObject *))                                   \
  F(PyObject *, PyList_New, (ssize_t))                                         \
  F(ssize_t, PyList_Size, (PyObject *))                                        \
  F(PyObject *, PyList_GetItem, (PyObject *, ssize_t))                         \
  F(int, PyList_SetItem, (PyObject *, ssize_t, PyObject *))                    \
  F(int, PyList_Append, (PyObject *, PyObject *))                              \
  F(int, PyList_SetSlice, (PyObject *, ssize_t, ssize_t, PyObject *))          \
  F(PyObject *, PyTuple_New, (ssize_t))                                        \
  F(ssize_t, PyTuple_Size, (PyObject *))                                       \
  F(PyObject *, PyTuple_GetItem, (PyObject *, ssize_t))                        \
  F(int, PyTuple_SetItem, (PyObject *, ssize_t, PyObject *))                   \
  F(PyObject *, PyDict_New, (void))                                            \
  F(PyObject *, PyDict_GetItem, (PyObject *, PyObject *))                      \
  F(PyObject *, PyDict_Copy, (PyObject *))                                     \
  F(int, PyDict_SetItem, (PyObject *, PyObject *, PyObject *))                 \
  F(int, PyDict_SetItemString, (PyObject *, const char *, PyObject *))         \
  F(int, PyDict_Next, (PyObject *, ssize_t *, PyObject **, PyObject **))       \
  F(ssize_t, PyDict_Size, (PyObject *))                                        \
  F(PyObject *, PyCFunction_NewEx, (PyMethodDef *, PyObject *, PyObject *))    \
  F(PyObject *, PyImport_ImportModule, (const char *))                         \
  F(PyObject *, PyImport_AddModule, (const char *))                            \
  F(PyObject *, PyRun_StringFlags,                                             \
    (const char *, int, PyObject *, PyObject *, void *))                       \
  F(void *, PyEval_SaveThread, (void))                                         \
  F(void, PyEval_RestoreThread, (void *))                                      \
  F(void, PyConfig_InitPythonConfig, (void *))                                 \
  F(PyStatus, PyConfig_SetBytesArgv, (void *, ssize_t, char *const *))         \
  F(void, PyConfig_Clear, (void *))                                            \
  F(PyStatus, Py_InitializeFromConfig, (const void *))                         \
  F(int, PyStatus_Exception, (PyStatus))                                       \
  F(void, Py_ExitStatusException, (PyStatus))                                  \
  F(int, Py_RunMain, (void))

/* Objects: the structure itself is exported. */
#define PY_OBJECTS(O)                                                          \
  O(_Py_NoneStruct)                                                            \
  O(_Py_TrueStruct)                                                            \
  O(_Py_FalseStruct)                                                           \
  O(PyType_Type)                                                               \
  O(PyBaseObject_Type)                                                         \
  O(PyLong_Type)                                                               \
  O(PyFloat_Type)                                                              \
  O(PyUnicode_Type)                                                            \
  O(PyBytes_Type)                                                              \
  O(PyList_Type)                                                               \
  O(PyTuple_Type)                                                              \
  O(PyDict_Type)

/* Exceptions: a pointer to the class is exported. */
#define PY_EXCEPTIONS(E)                                                       \
  E(PyExc_RuntimeError)                                                        \
  E(PyExc_TypeError)                                                           \
  E(PyExc_ValueError)                                                          \
  E(PyExc_LookupError)                                                         \
  E(PyExc_ArithmeticError)                                                     \
  E(PyExc_OverflowError)                                                       \
  E(PyExc_StopIteration)                                                       \
  E(PyExc_OSError)                                                             \
  E(PyExc_SystemExit)

typedef struct {
#define F(result, name, params) result(*name) params;
  PY_FUNCTIONS(F)
#undef F
#define O(name) PyObject *name;
  PY_OBJECTS(O)
  PY_EXCEPTIONS(O)
#undef O
  ssize_t type_offset;    /* of ob_type in every object, found at load */
  ssize_t head_size;      /* of a bare object */
  ssize_t tuple_size;     /* of an empty tuple, hash included */
  bool collects_anywhere; /* before 3.12: whenever an object is made */
} py_api;

extern py_api py;

#define Py_None py._Py_NoneStruct
#define Py_True py._Py_TrueStruct
#define Py_False py._Py_FalseStruct

static inline PyObject *py_type(PyObject *o) {
  return *(PyObject **)((char *)o + py.type_offset);
}
/* Where a tuple keeps its items: to be filled before anybody sees it. */
static inline PyObject **py_items(PyObject *tuple) {
  return (PyObject **)((char *)tuple + py.tuple_size);
}
static inline PyObject *py_new_ref(PyObject *o) {
  py.Py_IncRef(o);
  return o;
}
static inline void py_clear(PyObject **slot) {
  PyObject *o = *slot;
  *slot = NULL;
  if (o)
    py.Py_DecRef(o);
}

/* capi.c: py_load_api opens libpython and fills the table; on failure it
   writes what is wrong to stderr and returns -1. py_measure needs a running
   interpreter. */
int py_load_api(const char *library);
int py_measure(void);

/* ring.c */
py_lane *py_lane_open(void);
/* Closed, nothing may be written to a lane; done, its number may be taken
 * again. */
void py_lane_close(py_lane *lane, bool done);
uint8_t *py_ring_reserve(py_ring *ring, uint64_t want, uint64_t *room);
py_office *py_office_of(uint64_t ticket);
/* Whether it is open and the one that the ticket is of; ask with the lock held.
 */
bool py_office_answers(const py_office *office, uint64_t ticket);
void py_office_wake(py_office *office);
void py_offices_wake(void);
/* Inside a batch answers wait for its end before they wake Go, where the two
   share one processor: py_batching is set between taking and parking. */
extern __thread bool py_batching;
void py_office_written(py_office *office);
/* py_after_fork makes every way into Go an error in a forked child. */
void py_fork_guard(void);
extern bool py_forked;

/* encode.c: py_post encodes a value and puts the record into the office.
   Borrows value (NULL: no value). 0, or -1 with an exception set. *charge, if
   asked for, gets the payload's size. */
int py_post(py_office *office, py_record head, PyObject *value,
            uint64_t *charge);

/* py_encode returns the bytes of a value, to be freed; NULL: exception set. */
uint8_t *py_encode(PyObject *value, uint64_t *size);

/* Whether Go, which counts nanoseconds, has that timedelta. */
bool py_delta_fits(int64_t days, int64_t seconds, int64_t us);

/* decode.c: py_decode returns a new object; *at moves behind the value.
   py_decode_rows takes a list of tuples and makes each a cls, which is a
   subclass of tuple without attributes. */
PyObject *py_decode(const uint8_t **at, const uint8_t *end, int depth);
PyObject *py_decode_rows(const uint8_t **at, const uint8_t *end, PyObject *cls);
int py_define(uint64_t id, PyObject *value); /* steals value */
int py_decode_setup(void);
extern PyObject *py_error_factory;

/* moments.c: new objects of the module datetime; NULL: out of range. */
typedef struct {
  bool dated, zoned, fold;
  int32_t year, us, offset; /* offset in seconds east of UTC */
  uint8_t month, day, hour, minute, second;
} py_moment;
PyObject *py_new_moment(const py_moment *m);
PyObject *py_new_date(int year, int month, int day);
PyObject *py_new_delta(int days, int seconds, int us);

/* decimals.c: a Decimal of the text; NULL: an exception is set. */
PyObject *py_new_decimal(const char *s, uint32_t n);

/* capi.c: py_basic_size returns the size of a type's instances, -1 with an
   exception set. py_tuple_of returns a new instance of a subclass of tuple, to
   be filled before anybody sees it. */
ssize_t py_basic_size(PyObject *type);
PyObject *py_tuple_of(PyObject *cls, ssize_t n);

/* handle.c: numbers that Go may hold for objects of Python. */
uint64_t py_handle_new(PyObject *o);      /* new reference to o; 0: error set */
PyObject *py_handle_get(uint64_t handle); /* borrowed; NULL: none */
void py_handle_release(uint64_t handle);
/* A weak handle holds no reference: who dies forgets its own. */
uint64_t py_handle_weak(PyObject *o);
void py_handle_forget(uint64_t handle);
uint64_t py_waiter_new(PyObject *resume, uint16_t lane);
uint64_t py_waiter_on(uint16_t lane);     /* a ticket of that lane; 0: none */
PyObject *py_waiter_pop(uint64_t ticket); /* new reference or NULL */
uint64_t py_handle_count(void);
uint64_t py_waiter_count(void);

/* channel.c */
int py_channel_setup(PyObject *module);
int py_channel_push(PyObject *channel, PyObject *value); /* steals value */
int py_channel_credit(PyObject *channel, uint64_t n);
int py_channel_close(PyObject *channel);
bool py_channel_check(PyObject *o);

/* measure.c: py_now is the monotonic clock in ns; py_note adds a time, in ns;
   py_lane_sleeps and py_lane_wakes say what a measured lane does. */
uint64_t py_now(void);
void py_note(py_times *times, uint64_t ns);
void py_lane_sleeps(py_lane *lane);
void py_lane_wakes(py_lane *lane);

/* late.c: py_late_asked wakes Go for a call of the lane's, or sees to it that
   it will be. */
void py_late_asked(const py_lane *lane, py_office *office);

/* inbox.c: py_inbox_drain appends (kind, target, ticket, value) to out for each
   record and tells whether there was any; py_inbox_waits, whether there is one.
   py_inbox_empty refuses all that came for a lane that has ended. */
bool py_inbox_drain(py_lane *lane, PyObject *out);
bool py_inbox_waits(py_lane *lane);
void py_inbox_empty(py_lane *lane);
int py_inbox_setup(void);
/* Nobody waits for the answer to a ticket any more; Go is told. 1, 0: nobody
   did, or -1 with an exception set. */
int py_forget(uint64_t ticket);

/* ask.c: py_ask asks Go as PY_CALL does, but waits for the answer on this
   thread while that costs nobody else. (kind, value); or a ticket whose answer
   the lane will get for resume; or None: nothing was asked. */
PyObject *py_ask(py_lane *l, PyObject *request, PyObject *resume);
/* export.go: begin, go on, and hand the rest to a goroutine. */
extern int py_export_ask(uint32_t lane, uint8_t *request, uint64_t n,
                         py_asked *a);
extern int py_export_ask_on(uint32_t lane, py_asked *a);
extern void py_export_ask_over(uint32_t lane, uint64_t ticket);

/* module.c */
int py_module_setup(const py_boot_info *info);
/* import.c */
int py_import_setup(PyObject *module);
/* boot.c */
int py_go_start(void); /* 0, or -1 with an exception set */
int py_run(py_boot_info *info);
/* signal.c */
/* py_signals_go_starts(true): what Go installs from here on is Python's to
   keep, until py_signals_go_starts(false). */
void py_signals_go_starts(bool starts);
void py_signals_rewatch(int signum);

#endif
