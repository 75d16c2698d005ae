/*
 * module.c: the module _puff, which is all that Python sees of the border. Its
 * typed face is python/puff/_puff.pyi.
 */
#include "capi.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static PyObject *none(void) { return py_new_ref(Py_None); }

static PyObject *no_fork(void) {
  return py.PyErr_Format(
      py.PyExc_RuntimeError,
      "this process was made by fork: Puff is not in it; start children with "
      "subprocess or the \"spawn\" method of multiprocessing");
}

static bool number(PyObject *o, uint64_t *n) {
  *n = py.PyLong_AsUnsignedLongLong(o);
  return *n != (uint64_t)-1 || !py.PyErr_Occurred();
}

static py_lane *lane_of(PyObject *o) {
  uint64_t id;
  if (!number(o, &id))
    return NULL;
  py_lane *lane = id < PY_MAX_LANES ? py_lane_at((uint32_t)id) : NULL;
  if (!lane || lane->closed)
    py.PyErr_Format(py.PyExc_ValueError, "lane %d is closed", (int)id);
  return lane && !lane->closed ? lane : NULL;
}

/* start() -> None: has Go running; the first one starts it. */
static PyObject *start(PyObject *self, PyObject *arg) {
  (void)self, (void)arg;
  if (py_forked)
    return no_fork();
  return py_go_start() < 0 ? NULL : none();
}

/* lane() -> (number, file descriptor that is readable when there is work) */
static PyObject *lane(PyObject *self, PyObject *arg) {
  (void)self, (void)arg;
  if (py_forked)
    return no_fork();
  py_lane *l = py_lane_open();
  if (!l || (l->nports == 0 && !py_port_open(l, 64 << 10))) {
    if (l)
      py_lane_close(l, true);
    return py.PyErr_Format(py.PyExc_OSError,
                           "open lane: there are %d already, or no file "
                           "descriptors are left",
                           PY_MAX_LANES);
  }
  py_inbox_empty(l); /* of what came after it was closed */
  PyObject *out = py.PyTuple_New(2);
  if (out) {
    py.PyTuple_SetItem(out, 0, py.PyLong_FromLongLong(l->id));
    py.PyTuple_SetItem(out, 1, py.PyLong_FromLongLong(l->fd));
  }
  return out;
}

static PyObject *close_lane(PyObject *self, PyObject *arg) {
  (void)self;
  py_lane *l = py_forked ? NULL : lane_of(arg);
  if (!l) {
    py.PyErr_Clear();
    return none();
  }
  py_lane_close(l, false);
  if (!l->busy) /* else in the middle of taking, and emptied when taken again */
    py_inbox_empty(l);
  py_lane_close(l, true);
  py_batching = false;
  py_offices_wake();
  return none();
}

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

enum { SIGNAL_MS = 250 };

/* Sleeps until there is work, `ms` passed (-1: for ever) or a signal came. 0,
   or -1 with an exception set by a signal handler. */
static int sleep_lane(py_lane *l, int ms) {
  struct pollfd p = {.fd = l->fd, .events = POLLIN};
  if (syscall(SYS_gettid) == getpid()) {
    /* Python runs its signal handlers on this thread. A signal that comes just
       before poll, or to a thread of Go's, interrupts nothing: look for it now
       and then. */
    if (py.PyErr_CheckSignals() < 0)
      return -1;
    if (ms < 0 || ms > SIGNAL_MS)
      ms = SIGNAL_MS;
  }
  py_lane_sleeps(l);
  bool measured = l->asleep;
  void *state = py.PyEval_SaveThread();
  int n = poll(&p, 1, ms), why = errno;
  py_lane_wakes(l);
  uint64_t woke = measured ? py_now() : 0;
  if (n > 0) {
    uint64_t count;
    while (read(l->fd, &count, sizeof count) < 0 && errno == EINTR)
      ;
  }
  py.PyEval_RestoreThread(state);
  if (measured)
    py_note(&l->gil, py_now() - woke);
  return n < 0 && why == EINTR ? py.PyErr_CheckSignals() : 0;
}

/* take(lane, ms) -> list of (kind, target, ticket, value): what has come, after
   waiting for it at most ms milliseconds (-1: as long as it takes, 0: not at
   all). An empty list: the time is over. */
static PyObject *take(PyObject *self, PyObject *const *args, ssize_t nargs) {
  (void)self;
  if (nargs != 2)
    return py.PyErr_Format(py.PyExc_TypeError, "take(lane, ms)");
  if (py_forked)
    return no_fork();
  int overflow;
  long long ms = py.PyLong_AsLongLongAndOverflow(args[1], &overflow);
  py_lane *l = lane_of(args[0]);
  if (!l || (ms == -1 && py.PyErr_Occurred()))
    return NULL;
  if (l->busy)
    return py.PyErr_Format(py.PyExc_RuntimeError,
                           "lane %d is being taken from already", (int)l->id);
  PyObject *out = py.PyList_New(0);
  if (!out)
    return NULL;
  l->busy = 1;
  py_lane_wakes(l); /* an event loop sleeps between park and take */
  uint64_t until = ms > 0 ? now_ms() + (uint64_t)ms : 0;
  int err = 0;
  py_offices_wake();
  for (;;) {
    bool read = py_inbox_drain(l, out);
    bool nudged = __atomic_exchange_n(&l->nudged, 0, __ATOMIC_ACQ_REL);
    if (read || nudged || ms == 0)
      break;
    long long left = ms < 0 ? -1 : (long long)(until - now_ms());
    if (ms > 0 && left <= 0)
      break;
    __atomic_store_n(&l->sleeping, 1, __ATOMIC_SEQ_CST);
    if (!py_inbox_waits(l)) {
      py_offices_wake();
      err = sleep_lane(l, left > 1 << 30 ? 1 << 30 : (int)left);
    }
    __atomic_store_n(&l->sleeping, 0, __ATOMIC_SEQ_CST);
    if (err)
      break;
  }
  l->busy = 0;
  /* A thread that only asks may never take again: it wakes Go each time. */
  py_batching = l->nports > 1 && (ms != 0 || py.PyList_Size(out) > 0);
  l->taken += (uint64_t)py.PyList_Size(out);
  l->turn = py.PyList_Size(out) > 1 ? py_now() : 0; /* one alone asks alone */
  if (err) {
    /* What was already taken out must not be lost with the exception. */
    if (py.PyList_Size(out) > 0) {
      py.PyErr_WriteUnraisable(NULL);
      return out;
    }
    py.Py_DecRef(out);
    return NULL;
  }
  return out;
}

/* park(lane) -> bool: an event loop is about to wait on the lane's descriptor;
   False: there is work, take it first. Answers waiting for a wake get one. */
static PyObject *park(PyObject *self, PyObject *arg) {
  (void)self;
  py_lane *l = py_forked ? NULL : lane_of(arg);
  if (!l)
    return py_forked ? no_fork() : NULL;
  py_batching = false;
  l->turn = 0;
  py_offices_wake();
  uint64_t count;
  while (read(l->fd, &count, sizeof count) < 0 && errno == EINTR)
    ;
  __atomic_store_n(&l->sleeping, 1, __ATOMIC_SEQ_CST);
  if (!py_inbox_waits(l)) {
    py_lane_sleeps(l);
    return py_new_ref(Py_True);
  }
  __atomic_store_n(&l->sleeping, 0, __ATOMIC_SEQ_CST);
  return py_new_ref(Py_False);
}

/* nudge(lane): has the lane's take return; for its own queue of things to do.
 */
static PyObject *nudge(PyObject *self, PyObject *arg) {
  (void)self;
  py_lane *l = py_forked ? NULL : lane_of(arg);
  if (!l)
    return py_forked ? no_fork() : NULL;
  __atomic_store_n(&l->nudged, 1, __ATOMIC_SEQ_CST);
  if (__atomic_exchange_n(&l->sleeping, 0, __ATOMIC_SEQ_CST)) {
    uint64_t one = 1;
    while (write(l->fd, &one, sizeof one) < 0 && errno == EINTR)
      ;
  }
  return none();
}

/* call(lane, name and arguments, resume) -> ticket: asks Go; the lane gets
   (RESULT or ERROR, resume, ticket, value). */
static PyObject *call(PyObject *self, PyObject *const *args, ssize_t nargs) {
  (void)self;
  if (nargs != 3)
    return py.PyErr_Format(py.PyExc_TypeError, "call(lane, request, resume)");
  if (py_forked)
    return no_fork();
  py_lane *l = lane_of(args[0]);
  if (!l || py_go_start() < 0)
    return NULL;
  py_office *office = py_office_of(0);
  uint64_t ticket = py_waiter_new(args[2], (uint16_t)l->id);
  if (!ticket)
    return NULL;
  py_record head = {.kind = PY_CALL, .ticket = ticket, .lane = (uint16_t)l->id};
  if (py_post(office, head, args[1], NULL) < 0) {
    PyObject *resume = py_waiter_pop(ticket);
    py_clear(&resume);
    return NULL;
  }
  py_late_asked(l, office);
  return py.PyLong_FromUnsignedLongLong(ticket);
}

/* ask(lane, name and arguments, resume) -> (kind, value), ticket or None. */
static PyObject *ask(PyObject *self, PyObject *const *args, ssize_t nargs) {
  (void)self;
  if (nargs != 3)
    return py.PyErr_Format(py.PyExc_TypeError, "ask(lane, request, resume)");
  if (py_forked)
    return no_fork();
  py_lane *l = lane_of(args[0]);
  if (!l || py_go_start() < 0)
    return NULL;
  return py_ask(l, args[1], args[2]);
}

/* cancel(ticket) -> bool: nobody waits for it any more; Go is told. False: its
   answer has been handed out. */
static PyObject *cancel(PyObject *self, PyObject *arg) {
  (void)self;
  uint64_t ticket;
  if (py_forked)
    return no_fork();
  if (!number(arg, &ticket))
    return NULL;
  int waited = py_forget(ticket);
  return waited < 0 ? NULL : py_new_ref(waited ? Py_True : Py_False);
}

static PyObject *answer_as(uint8_t kind, PyObject *const *args, ssize_t nargs,
                           bool now) {
  uint64_t ticket;
  if (nargs != 2)
    return py.PyErr_Format(py.PyExc_TypeError, "answer(ticket, value)");
  if (py_forked)
    return no_fork();
  if (!number(args[0], &ticket))
    return NULL;
  py_record head = {.kind = kind, .ticket = ticket};
  py_office *office = py_office_of(ticket);
  if (py_post(office, head, args[1], NULL) < 0) {
    /* An office closes when its server ends: then nobody wants the answer. */
    if (office && py_office_answers(office, ticket))
      return NULL;
    py.PyErr_Clear();
    return none();
  }
  if (now)
    py_office_written(office);
  return none();
}

/* answer(ticket, value), fail(ticket, value): end what Go asked for. With
   answer_late Go is not woken for it before a lane takes or parks. */
static PyObject *answer(PyObject *self, PyObject *const *args, ssize_t n) {
  (void)self;
  return answer_as(PY_RESULT, args, n, true);
}
static PyObject *answer_late(PyObject *self, PyObject *const *args, ssize_t n) {
  (void)self;
  return answer_as(PY_RESULT, args, n, false);
}
static PyObject *fail(PyObject *self, PyObject *const *args, ssize_t n) {
  (void)self;
  return answer_as(PY_ERROR, args, n, true);
}

/* wake() -> None: Go reads what it has been sent, now. */
static PyObject *wake(PyObject *self, PyObject *arg) {
  (void)self, (void)arg;
  if (py_forked)
    return no_fork();
  py_offices_wake();
  return none();
}

/* handle(object) -> int: a number Go may call it by, until released. */
static PyObject *handle(PyObject *self, PyObject *arg) {
  (void)self;
  uint64_t h = py_handle_new(arg);
  return h ? py.PyLong_FromUnsignedLongLong(h) : NULL;
}
static PyObject *release(PyObject *self, PyObject *arg) {
  (void)self;
  uint64_t h;
  if (!number(arg, &h))
    return NULL;
  py_handle_release(h);
  return none();
}

/* set_error_factory(f): f(kind, message, detail) makes the exception for an
   error of Go's. */
static PyObject *set_error_factory(PyObject *self, PyObject *arg) {
  (void)self;
  py_clear(&py_error_factory);
  py_error_factory = py_new_ref(arg);
  return none();
}

static PyObject *rewatch(PyObject *self, PyObject *arg) {
  (void)self;
  uint64_t signum;
  if (!number(arg, &signum))
    return NULL;
  py_signals_rewatch((int)signum);
  return none();
}

/* counts() -> (handles, waiters): for those who look for leaks. */
static PyObject *counts(PyObject *self, PyObject *arg) {
  (void)self, (void)arg;
  PyObject *out = py.PyTuple_New(2);
  if (out) {
    py.PyTuple_SetItem(out, 0,
                       py.PyLong_FromUnsignedLongLong(py_handle_count()));
    py.PyTuple_SetItem(out, 1,
                       py.PyLong_FromUnsignedLongLong(py_waiter_count()));
  }
  return out;
}

/* decode(bytes) -> value: the codec alone, for its tests. */
static PyObject *decode(PyObject *self, PyObject *arg) {
  (void)self;
  PyObject *b = py.PyBytes_FromObject(arg);
  if (!b)
    return NULL;
  const uint8_t *at = (uint8_t *)py.PyBytes_AsString(b);
  const uint8_t *end = at + py.PyBytes_Size(b);
  PyObject *o = py_decode(&at, end, 0);
  py.Py_DecRef(b);
  if (o && at != end) {
    py_clear(&o);
    py.PyErr_SetString(py.PyExc_ValueError, "decode value: more bytes follow");
  }
  return o;
}

/* rows(bytes, cls) -> list of cls: the list of tuples that they encode. */
static PyObject *rows(PyObject *self, PyObject *const *args, ssize_t nargs) {
  (void)self;
  if (nargs != 2 || py_type(args[0]) != py.PyBytes_Type ||
      py_type(args[1]) != py.PyType_Type ||
      !py.PyType_IsSubtype(args[1], py.PyTuple_Type))
    return py.PyErr_Format(py.PyExc_TypeError,
                           "rows(bytes, subclass of tuple)");
  const uint8_t *at = (uint8_t *)py.PyBytes_AsString(args[0]);
  return py_decode_rows(&at, at + py.PyBytes_Size(args[0]), args[1]);
}

#define FAST(f) (PyCFunction)(void (*)(void))(f), METH_FASTCALL
static PyMethodDef methods[] = {
    {"start", start, METH_NOARGS, "Has Go running."},
    {"lane", lane, METH_NOARGS, "Opens a lane: (number, descriptor)."},
    {"close", close_lane, METH_O, "Closes a lane."},
    {"take", FAST(take), "take(lane, ms): what has come for the lane."},
    {"nudge", nudge, METH_O, "nudge(lane): its take returns."},
    {"park", park, METH_O, "park(lane): about to wait for its descriptor."},
    {"call", FAST(call), "call(lane, request, resume): asks Go; a ticket."},
    {"ask", FAST(ask), "ask(lane, request, resume): an answer, or a ticket."},
    {"cancel", cancel, METH_O, "cancel(ticket): nobody waits any more."},
    {"answer", FAST(answer), "answer(ticket, value): what Go asked for."},
    {"answer_late", FAST(answer_late), "answer, and wake Go for it later."},
    {"fail", FAST(fail), "fail(ticket, error): why it can not be had."},
    {"wake", wake, METH_NOARGS, "Has Go read what it was sent."},
    {"handle", handle, METH_O, "handle(object): a number Go may call it by."},
    {"release", release, METH_O, "release(handle): Go forgets it."},
    {"decode", decode, METH_O, "decode(bytes): the value they encode."},
    {"rows", FAST(rows), "rows(bytes, cls): a list of tuples, each a cls."},
    {"set_error_factory", set_error_factory, METH_O,
     "set_error_factory(f): f(kind, message, detail) makes exceptions."},
    {"rewatch", rewatch, METH_O,
     "rewatch(signal): a handler was set in Python."},
    {"counts", counts, METH_NOARGS, "(handles, waiters) in use."},
    {0}};

static int add(PyObject *module, const char *name, PyObject *o /* stolen */) {
  int err = o ? py.PyObject_SetAttrString(module, name, o) : -1;
  py_clear(&o);
  return err;
}

static PyObject *text(const char *s) {
  return s ? py.PyUnicode_DecodeFSDefault(s) : none();
}

int py_module_setup(const py_boot_info *info) {
  static const struct {
    const char *name;
    int kind;
  } kinds[] = {{"CALL", PY_CALL},
               {"RESULT", PY_RESULT},
               {"ERROR", PY_ERROR},
               {"CANCEL", PY_CANCEL},
               {"STOP", PY_STOP}};
  PyObject *m = py.PyImport_AddModule("_puff"); /* borrowed */
  if (!m || py_decode_setup() < 0 || py_inbox_setup() < 0)
    return -1;
  for (PyMethodDef *d = methods; d->name; d++)
    if (add(m, d->name, py.PyCFunction_NewEx(d, NULL, NULL)) < 0)
      return -1;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (add(m, kinds[i].name, py.PyLong_FromLongLong(kinds[i].kind)) < 0)
      return -1;
  if (add(m, "executable", text(info->name)) < 0 ||
      add(m, "python", text(info->executable)) < 0 ||
      add(m, "faces", text(info->faces)) < 0 ||
      add(m, "hosted", py.PyLong_FromLongLong(py_hosted())) < 0)
    return -1;
  return py_channel_setup(m);
}
