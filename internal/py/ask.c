/*
 * ask.c: asking Go on the thread that asks. Where Go can begin what it is asked
 * for at once, and only has to wait for a descriptor then, the thread waits for
 * that itself: no goroutine is woken, and nobody wakes the thread. What takes
 * long, or would keep other work of the lane waiting, goes on in a goroutine,
 * and its answer comes to the lane like any other.
 *
 * This is where C calls Go: without the interpreter's lock, on a thread that C
 * made, and never from inside a call of Go's.
 */
#include "capi.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum {
  ONE_MS = 5,   /* how long one wait may take */
  ALL_MS = 100, /* and all of them, in which no handler of a signal runs */
};

/* Waits until there is something to go on with. False: it took too long, or
   the lane has other work. */
static bool wait_for(py_lane *l, int fd) {
  struct pollfd p[] = {{.fd = fd, .events = POLLIN},
                       {.fd = l->fd, .events = POLLIN}};
  __atomic_store_n(&l->sleeping, 1, __ATOMIC_SEQ_CST);
  int n = 0;
  if (!py_inbox_waits(l)) {
    py_lane_sleeps(l);
    n = poll(p, 2, ONE_MS);
    py_lane_wakes(l);
  }
  if (!__atomic_exchange_n(&l->sleeping, 0, __ATOMIC_SEQ_CST) ||
      (n > 0 && p[1].revents)) {
    /* Somebody woke the lane, or is about to: take reads the descriptor. */
    return false;
  }
  return n > 0 && p[0].revents;
}

/* Has Go do what it can here. True: the answer is there. */
static bool here(py_lane *l, const uint8_t *request, uint64_t n, py_asked *a) {
  int went = py_export_ask(l->id, (uint8_t *)request, n, a);
  uint64_t until = py_now() + ALL_MS * 1000000ull;
  while (went == PY_ASK_WAITS && wait_for(l, a->fd)) {
    went = py_export_ask_on(l->id, a);
    if (went == PY_ASK_WAITS && py_now() > until)
      break;
  }
  a->went = went;
  return went == PY_ASK_DONE;
}

/* (kind, value) of the answer, or NULL with an exception set. */
static PyObject *answer_of(const py_asked *a) {
  const uint8_t *at = a->value;
  PyObject *value = py_decode(&at, a->value + a->size, 0);
  PyObject *out = value ? py.PyTuple_New(2) : NULL;
  if (!out) {
    py_clear(&value);
    return NULL;
  }
  py.PyTuple_SetItem(out, 0, py.PyLong_FromLongLong(a->kind));
  py.PyTuple_SetItem(out, 1, value);
  return out;
}

/* The ticket of what goes on in a goroutine, as an object. */
static PyObject *hand_over(py_lane *l, PyObject *resume) {
  uint64_t ticket = py_waiter_new(resume, (uint16_t)l->id);
  py_export_ask_over(l->id, ticket); /* 0: there is nobody to be told */
  return ticket ? py.PyLong_FromUnsignedLongLong(ticket) : NULL;
}

PyObject *py_ask(py_lane *l, PyObject *request, PyObject *resume) {
  if (py_inbox_waits(l))
    return py_new_ref(Py_None);
  uint64_t n;
  uint8_t *bytes = py_encode(request, &n);
  if (!bytes)
    return NULL;
  py_asked a;
  a.value = a.room;
  void *state = py.PyEval_SaveThread();
  py_offices_wake(); /* what this lane has answered may have waited for that */
  bool done = here(l, bytes, n, &a);
  py.PyEval_RestoreThread(state);
  PyObject *out = done                     ? answer_of(&a)
                  : a.went == PY_ASK_WAITS ? hand_over(l, resume)
                                           : py_new_ref(Py_None);
  if (a.value != a.room)
    free(a.value);
  free(bytes);
  return out;
}
