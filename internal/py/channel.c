/*
 * channel.c: the two ends of a conversation as objects of Python. A Channel
 * sends values to whoever in Go holds its ticket and receives what is pushed
 * back. What it returns can be awaited, and is done already unless there is
 * back-pressure (sending) or nothing there yet (receiving): then no turn of a
 * loop is spent.
 *
 * Its state is guarded by the interpreter's lock; a channel belongs to one
 * lane.
 */
#include "capi.h"

#include <string.h>

typedef struct {
  uint64_t ticket, handle;
  int64_t window;  /* bytes that may be sent before the other end caught up */
  PyObject *first; /* received and not yet taken */
  PyObject *rest;  /* list of what came after it, which few channels get */
  PyObject *make_future;  /* makes what a waiting caller gets */
  PyObject *last;         /* received when closed; NULL: None */
  PyObject *closed_error; /* class raised by sending when closed */
  PyObject *wrap;      /* makes of a future what the caller awaits; NULL: it */
  PyObject *receiving; /* list of the futures of receives that wait */
  PyObject *sending;   /* list of the futures of sends that wait */
  bool pulled;         /* a value was asked for and has not come yet */
  bool closed;         /* the other end is gone */
} channel;

typedef struct {
  PyObject *value; /* NULL: None */
  bool spent;
} ready;

enum { WINDOW = 256 << 10 };
static PyObject *channel_type, *ready_type, *nothing; /* nothing: Ready(None) */
static PyObject *set_result, *done_name;

static channel *of(PyObject *o) {
  return (channel *)((char *)o + py.head_size);
}
static ready *ready_of(PyObject *o) {
  return (ready *)((char *)o + py.head_size);
}
bool py_channel_check(PyObject *o) { return py_type(o) == channel_type; }

/* ---- Ready: an awaitable that is done. It has the methods of a coroutine, so
   asyncio.create_task takes it too. ---- */

static PyObject *ready_new(PyObject *value /* stolen */) {
  PyObject *o = py.PyType_GenericAlloc(ready_type, 0);
  if (o)
    ready_of(o)->value = value;
  else
    py.Py_DecRef(value);
  return o;
}
static PyObject *ready_self(PyObject *o) { return py_new_ref(o); }

/* The value, new reference; NULL with no exception set for None. */
static PyObject *ready_take(PyObject *o) {
  ready *r = ready_of(o);
  PyObject *value = r->value;
  r->value = NULL;
  return value;
}
static void stop_with(PyObject *value /* stolen */) {
  /* An instance made here keeps tuples and exceptions as they are. */
  PyObject *stop =
      py.PyObject_CallFunctionObjArgs(py.PyExc_StopIteration, value, NULL);
  py.Py_DecRef(value);
  if (!stop)
    return;
  py.PyErr_SetObject(py.PyExc_StopIteration, stop);
  py.Py_DecRef(stop);
}
static PyObject *ready_next(PyObject *o) {
  PyObject *value = ready_take(o);
  if (value)
    stop_with(value);
  return NULL;
}
static int ready_am_send(PyObject *o, PyObject *arg, PyObject **result) {
  (void)arg;
  PyObject *value = ready_take(o);
  *result = value ? value : py_new_ref(Py_None);
  return 0; /* PYGEN_RETURN */
}
static PyObject *ready_send(PyObject *o, PyObject *arg) {
  (void)arg;
  PyObject *value = ready_take(o);
  stop_with(value ? value : py_new_ref(Py_None));
  return NULL;
}
/* throw(type[, value[, traceback]]) raises what it was given. */
static PyObject *ready_throw(PyObject *o, PyObject *const *args, ssize_t n) {
  (void)o;
  if (n < 1)
    return py.PyErr_Format(py.PyExc_TypeError, "throw() takes an exception");
  PyObject *e = n > 1 && args[1] != Py_None ? args[1] : args[0];
  if (py.PyType_IsSubtype(py_type(e), py.PyType_Type))
    py.PyErr_SetNone(e);
  else
    py.PyErr_SetObject(py_type(e), e);
  return NULL;
}
static PyObject *ready_close(PyObject *o, PyObject *arg) {
  (void)arg;
  py_clear(&ready_of(o)->value);
  return py_new_ref(Py_None);
}
static PyObject *ready_result(PyObject *o, PyObject *arg) {
  (void)arg;
  PyObject *value = ready_take(o);
  return value ? value : py_new_ref(Py_None);
}
static void ready_dealloc(PyObject *o) {
  PyObject *type = py_type(o);
  py_clear(&ready_of(o)->value);
  py.PyObject_Free(o);
  py.Py_DecRef(type);
}

/* ---- Channel ---- */

/* Gives value to the first future in the list that still waits (all: to each).
   Returns how many took it. One that was cancelled in between keeps its fate.
 */
static int wake(PyObject **list, PyObject *value, bool all) {
  PyObject *futures = *list;
  int woken = 0;
  if (!futures)
    return 0;
  *list = NULL;
  ssize_t n = py.PyList_Size(futures);
  for (ssize_t i = 0; i < n; i++) {
    PyObject *future = py.PyList_GetItem(futures, i);
    if (woken > 0 && !all) {
      /* Those behind wait on. */
      if ((!*list && !(*list = py.PyList_New(0))) ||
          py.PyList_Append(*list, future) < 0)
        py.PyErr_WriteUnraisable(future);
      continue;
    }
    PyObject *out = NULL;
    PyObject *done = py.PyObject_CallMethodObjArgs(future, done_name, NULL);
    if (done == Py_False) {
      out = py.PyObject_CallMethodObjArgs(future, set_result, value, NULL);
      woken += out != NULL;
    }
    if (!done || (done == Py_False && !out))
      py.PyErr_WriteUnraisable(future); /* its fault: the others are woken */
    py_clear(&done);
    py_clear(&out);
  }
  py.Py_DecRef(futures);
  return woken;
}

static PyObject *channel_new(PyObject *type, PyObject *args, PyObject *kw) {
  (void)kw;
  ssize_t n = py.PyTuple_Size(args);
  if (n < 1 || n > 6)
    return py.PyErr_Format(py.PyExc_TypeError,
                           "Channel(ticket, first=None, make_future=None, "
                           "last=None, closed_error=None, wrap=None)");
  uint64_t ticket = py.PyLong_AsUnsignedLongLong(py.PyTuple_GetItem(args, 0));
  if (ticket == (uint64_t)-1 && py.PyErr_Occurred())
    return NULL;
  PyObject *o = py.PyType_GenericAlloc(type, 0);
  if (!o)
    return NULL;
  channel *c = of(o);
  c->ticket = ticket;
  c->window = WINDOW;
  PyObject **slots[] = {&c->first, &c->make_future, &c->last, &c->closed_error,
                        &c->wrap};
  for (ssize_t i = 1; i < n; i++) {
    PyObject *a = py.PyTuple_GetItem(args, i);
    if (a != Py_None)
      *slots[i - 1] = py_new_ref(a);
  }
  return o;
}

/* The number that Go answers to: made when first needed. The table holds no
   reference of its own: a channel that nobody has is gone for Go too. */
static int named(PyObject *o) {
  channel *c = of(o);
  if (c->handle)
    return 0;
  c->handle = py_handle_weak(o);
  return c->handle ? 0 : -1;
}

/* 0, or -1 with an exception set; where the office has closed, which it does
   when its server ends, the other end is gone too. */
static int post(PyObject *o, uint8_t kind, PyObject *value, uint64_t *charge) {
  channel *c = of(o);
  if (py_forked) {
    py.PyErr_SetString(py.PyExc_RuntimeError,
                       "send: this process was forked; Puff is not in it");
    return -1;
  }
  if (named(o) < 0)
    return -1;
  py_record head = {.kind = kind, .ticket = c->ticket, .target = c->handle};
  py_office *office = py_office_of(c->ticket);
  if (py_post(office, head, value, charge) < 0) {
    c->closed = !office || !py_office_answers(office, c->ticket);
    return -1;
  }
  py_office_written(office);
  return 0;
}

static PyObject *raise_closed(channel *c) {
  PyObject *e = c->closed_error ? c->closed_error : py.PyExc_OSError;
  py.PyErr_SetString(e, "the other end has closed the connection");
  return NULL;
}

/* put(value) sends; the result says whether there is room for more. */
static int send_value(PyObject *o, PyObject *value) {
  channel *c = of(o);
  uint64_t charge;
  if (c->closed) {
    raise_closed(c);
    return -1;
  }
  if (post(o, PY_SEND, value, &charge) < 0) {
    if (c->closed)
      raise_closed(c);
    return -1;
  }
  c->window -= (int64_t)charge;
  return 0;
}
static PyObject *channel_put(PyObject *o, PyObject *value) {
  if (send_value(o, value) < 0)
    return NULL;
  return py_new_ref(of(o)->window > 0 ? Py_True : Py_False);
}

static PyObject *future_in(channel *c, PyObject **list) {
  if (!c->make_future)
    return py.PyErr_Format(py.PyExc_RuntimeError,
                           "this channel has nobody to wait for it");
  PyObject *future = py.PyObject_CallNoArgs(c->make_future);
  if (!future)
    return NULL;
  if ((!*list && !(*list = py.PyList_New(0))) ||
      py.PyList_Append(*list, future) < 0)
    py_clear(&future);
  return future;
}

/* What a caller of send or receive awaits: a coroutine where there is a wrap,
   so that it can be made a task. */
static PyObject *wrapped(channel *c, PyObject *future /* stolen */) {
  if (!future || !c->wrap)
    return future;
  PyObject *out = py.PyObject_CallFunctionObjArgs(c->wrap, future, NULL);
  py.Py_DecRef(future);
  return out;
}

static PyObject *channel_send(PyObject *o, PyObject *value) {
  channel *c = of(o);
  if (send_value(o, value) < 0)
    return NULL;
  return c->window > 0 ? py_new_ref(nothing)
                       : wrapped(c, future_in(c, &c->sending));
}
static PyObject *channel_drained(PyObject *o, PyObject *arg) {
  (void)arg;
  channel *c = of(o);
  if (c->window > 0 || c->closed)
    return py_new_ref(nothing);
  return future_in(c, &c->sending);
}

/* What came first and has not been taken, new reference; the next one takes its
   place. */
static PyObject *take_first(channel *c) {
  PyObject *value = c->first;
  c->first = NULL;
  if (c->rest) {
    c->first = py_new_ref(py.PyList_GetItem(c->rest, 0));
    if (py.PyList_Size(c->rest) == 1)
      py_clear(&c->rest);
    else if (py.PyList_SetSlice(c->rest, 0, 1, NULL) < 0)
      py_clear(&value);
  }
  return value;
}

static PyObject *channel_receive(PyObject *o, PyObject *arg) {
  (void)arg;
  channel *c = of(o);
  if (c->first) {
    PyObject *value = take_first(c);
    return value ? ready_new(value) : NULL;
  }
  if (!c->closed && !c->pulled) {
    c->pulled = post(o, PY_PULL, NULL, NULL) == 0;
    if (!c->pulled && !c->closed)
      return NULL;
    py.PyErr_Clear();
  }
  if (c->closed)
    return c->last ? ready_new(py_new_ref(c->last)) : py_new_ref(nothing);
  return wrapped(c, future_in(c, &c->receiving));
}

int py_channel_push(PyObject *o, PyObject *value) {
  channel *c = of(o);
  c->pulled = false;
  int woken = wake(&c->receiving, value, false);
  if (woken) {
    py.Py_DecRef(value);
    /* Those who wait on need somebody to ask for them. */
    if (woken > 0 && c->receiving && !c->closed) {
      c->pulled = true;
      woken = post(o, PY_PULL, NULL, NULL);
    }
    return woken < 0 ? -1 : 0;
  }
  if (!c->first) {
    c->first = value;
    return 0;
  }
  int err = c->rest || (c->rest = py.PyList_New(0))
                ? py.PyList_Append(c->rest, value)
                : -1;
  py.Py_DecRef(value);
  return err;
}
int py_channel_credit(PyObject *o, uint64_t n) {
  channel *c = of(o);
  c->window += (int64_t)n;
  return c->window > 0 && wake(&c->sending, Py_None, true) < 0 ? -1 : 0;
}
int py_channel_close(PyObject *o) {
  channel *c = of(o);
  c->closed = true;
  int err = wake(&c->sending, Py_None, true);
  return wake(&c->receiving, c->last ? c->last : Py_None, true) < 0 || err < 0
             ? -1
             : 0;
}

/* Ends our side: what Go still says of it is dropped. */
static void finish(channel *c) {
  c->closed = true;
  if (c->handle)
    py_handle_forget(c->handle);
  c->handle = 0;
  py_clear(&c->first);
  py_clear(&c->rest);
}
static PyObject *channel_finish(PyObject *o, PyObject *arg) {
  (void)arg;
  finish(of(o));
  return py_channel_close(o) < 0 ? NULL : py_new_ref(Py_None);
}
static PyObject *channel_closed(PyObject *o, void *closure) {
  (void)closure;
  return py_new_ref(of(o)->closed ? Py_True : Py_False);
}
static PyObject *channel_ticket(PyObject *o, void *closure) {
  (void)closure;
  return py.PyLong_FromUnsignedLongLong(of(o)->ticket);
}
static void channel_dealloc(PyObject *o) {
  PyObject *type = py_type(o);
  channel *c = of(o);
  finish(c);
  py_clear(&c->receiving);
  py_clear(&c->sending);
  py_clear(&c->make_future);
  py_clear(&c->last);
  py_clear(&c->closed_error);
  py_clear(&c->wrap);
  py.PyObject_Free(o);
  py.Py_DecRef(type);
}

static PyMethodDef ready_methods[] = {
    {"send", ready_send, METH_O, "send(value): ends with what is ready."},
    {"throw", (PyCFunction)(void (*)(void))ready_throw, METH_FASTCALL,
     "throw(error): raises it."},
    {"result", ready_result, METH_NOARGS, "result(): what is ready."},
    {"close", ready_close, METH_NOARGS, "close(): forgets what is ready."},
    {0}};
static PyType_Slot ready_slots[] = {{Py_tp_dealloc, ready_dealloc},
                                    {Py_tp_iter, ready_self},
                                    {Py_tp_iternext, ready_next},
                                    {Py_am_await, ready_self},
                                    {Py_am_send, ready_am_send},
                                    {Py_tp_methods, ready_methods},
                                    {Py_tp_doc, "An awaitable that is done."},
                                    {0}};

static PyMethodDef channel_methods[] = {
    {"send", channel_send, METH_O,
     "send(value): awaitable, done when there is room for more."},
    {"put", channel_put, METH_O,
     "put(value): sends and tells whether there is room for more."},
    {"drained", channel_drained, METH_NOARGS,
     "drained(): awaitable, done when there is room for more."},
    {"receive", channel_receive, METH_NOARGS,
     "receive(): awaitable of the next value; `last` when closed."},
    {"finish", channel_finish, METH_NOARGS, "finish(): ends this side."},
    {0}};
static PyGetSetDef channel_getset[] = {
    {"closed", channel_closed, NULL, "Whether the other end is gone.", NULL},
    {"ticket", channel_ticket, NULL, "The number it was made with.", NULL},
    {0}};
static PyType_Slot channel_slots[] = {
    {Py_tp_dealloc, channel_dealloc},
    {Py_tp_new, channel_new},
    {Py_tp_methods, channel_methods},
    {Py_tp_getset, channel_getset},
    {Py_tp_doc,
     "Channel(ticket, first=None, make_future=None, last=None, "
     "closed_error=None, wrap=None): one end of a conversation with Go."},
    {0}};

int py_channel_setup(PyObject *module) {
  PyType_Spec specs[] = {
      {"_puff.Channel", (int)(py.head_size + sizeof(channel)), 0,
       Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_HAVE_VERSION_TAG, channel_slots},
      {"_puff.Ready", (int)(py.head_size + sizeof(ready)), 0, 0, ready_slots}};
  channel_type = py.PyType_FromSpec(&specs[0]);
  ready_type = py.PyType_FromSpec(&specs[1]);
  set_result = py.PyUnicode_FromString("set_result");
  done_name = py.PyUnicode_FromString("done");
  if (!channel_type || !ready_type || !set_result || !done_name)
    return -1;
  nothing = py.PyType_GenericAlloc(ready_type, 0);
  return nothing && !py.PyObject_SetAttrString(module, "Channel", channel_type)
             ? 0
             : -1;
}
