/*
 * encode.c: objects of Python to bytes, written straight into the ring where
 * that is safe: as long as only exact built-in types are met, no code of the
 * program runs, so nothing can come between. At the first object of another
 * kind the bytes move to memory of their own, and the record is placed when
 * complete.
 */
#include "encode.h"

#include <stdlib.h>
#include <unistd.h>

static int encode(writer *w, PyObject *o, int depth);

static void let_go(writer *w) {
  pthread_mutex_unlock(w->ring);
  if (w->collects)
    py.PyGC_Enable();
}

/* Moves to memory of our own with room for n bytes more. The ring is let go:
   code of the program may run from here on, and may want to write to it. */
int py_grow(writer *w, size_t n) {
  size_t used = w->at - w->base, size = 2 * (used + n) + 256;
  size = size > PY_MAX_VALUE ? PY_MAX_VALUE : size;
  if (used + n > PY_MAX_VALUE) {
    py.PyErr_SetString(py.PyExc_ValueError,
                       "encode value: it is larger than 1 GiB");
    return -1;
  }
  uint8_t *base = w->ring ? malloc(size) : realloc(w->base, size);
  if (!base) {
    py.PyErr_NoMemory();
    return -1;
  }
  if (w->ring) {
    memcpy(base, w->base, used);
    let_go(w);
  }
  *w = (writer){.base = base, .at = base + used, .end = base + size};
  return 0;
}

int py_put_text(writer *w, uint8_t tag, const char *s, size_t n) {
  if (n > PY_MAX_VALUE || need(w, n + 5) < 0) {
    if (!py.PyErr_Occurred())
      py.PyErr_SetString(py.PyExc_ValueError,
                         "encode value: it is larger than 1 GiB");
    return -1;
  }
  uint32_t size = (uint32_t)n;
  *w->at++ = tag;
  put(w, &size, 4);
  put(w, s, n);
  return 0;
}
static int put_head(writer *w, uint8_t tag, uint32_t n) {
  if (need(w, 5) < 0)
    return -1;
  *w->at++ = tag;
  put(w, &n, 4);
  return 0;
}

static int put_str(writer *w, PyObject *o) {
  ssize_t n;
  const char *s = py.PyUnicode_AsUTF8AndSize(o, &n);
  if (s)
    return py_put_text(w, PY_T_STR, s, n);
  /* Lone surrogates (file names, surrogateescape) have no UTF-8. */
  py.PyErr_Clear();
  PyObject *b = py.PyUnicode_AsEncodedString(o, "utf-8", "surrogatepass");
  if (!b)
    return -1;
  int err =
      py_put_text(w, PY_T_STR, py.PyBytes_AsString(b), py.PyBytes_Size(b));
  py.Py_DecRef(b);
  return err;
}

static int put_int(writer *w, PyObject *o) {
  int overflow;
  int64_t v = py.PyLong_AsLongLongAndOverflow(o, &overflow);
  if (!overflow) {
    if ((v == -1 && py.PyErr_Occurred()) || need(w, 9) < 0)
      return -1;
    *w->at++ = PY_T_INT;
    put(w, &v, 8);
    return 0;
  }
  PyObject *hex = py.PyNumber_ToBase(o, 16);
  ssize_t n;
  const char *s = hex ? py.PyUnicode_AsUTF8AndSize(hex, &n) : NULL;
  int err = s ? py_put_text(w, PY_T_BIG, s, n) : -1;
  py_clear(&hex);
  return err;
}

static int put_dict(writer *w, PyObject *o, int depth) {
  PyObject *k, *v;
  ssize_t pos = 0, n = py.PyDict_Size(o);
  if (put_head(w, PY_T_DICT, (uint32_t)n) < 0)
    return -1;
  while (py.PyDict_Next(o, &pos, &k, &v)) {
    if (n-- == 0)
      break;
    py.Py_IncRef(k);
    py.Py_IncRef(v);
    int err = encode(w, k, depth) < 0 || encode(w, v, depth) < 0;
    py.Py_DecRef(k);
    py.Py_DecRef(v);
    if (err)
      return -1;
  }
  if (n != 0) {
    if (n < 0 || !py.PyErr_Occurred())
      py.PyErr_SetString(py.PyExc_RuntimeError,
                         "encode value: dict changed size during encoding");
    return -1;
  }
  return 0;
}

/* Anything that can be walked becomes a list. */
static int put_iterable(writer *w, PyObject *o, int depth) {
  PyObject *it = py.PyObject_GetIter(o), *item;
  if (!it) {
    if (py.PyErr_ExceptionMatches(py.PyExc_TypeError)) {
      py.PyErr_Clear();
      PyObject *name = py.PyObject_GetAttrString(py_type(o), "__name__");
      ssize_t n;
      const char *s = name ? py.PyUnicode_AsUTF8AndSize(name, &n) : NULL;
      if (s)
        py.PyErr_Format(py.PyExc_TypeError,
                        "encode value: %s can not travel to Go", s);
      py_clear(&name);
    }
    return -1;
  }
  size_t start = w->at - w->base;
  uint32_t n = 0;
  int err = put_head(w, PY_T_LIST, 0);
  while (!err && (item = py.PyIter_Next(it))) {
    err = encode(w, item, depth);
    py.Py_DecRef(item);
    n++;
  }
  py.Py_DecRef(it);
  if (err || py.PyErr_Occurred())
    return -1;
  memcpy(w->base + start + 1, &n, 4);
  return 0;
}

/* Objects that are not exactly of a built-in type: their code may run. */
static int put_other(writer *w, PyObject *o, int depth) {
  PyObject *t = py_type(o);
  bool done;
  if (w->ring && py_grow(w, 0) < 0)
    return -1;
  if (py_channel_check(o)) {
    py.PyErr_SetString(py.PyExc_TypeError,
                       "encode value: a channel can not travel to Go");
    return -1;
  }
  if (py.PyType_IsSubtype(t, py.PyUnicode_Type))
    return put_str(w, o);
  if (py.PyType_IsSubtype(t, py.PyLong_Type))
    return put_int(w, o);
  if (py.PyType_IsSubtype(t, py.PyDict_Type))
    return put_dict(w, o, depth);
  if (py.PyType_IsSubtype(t, py.PyFloat_Type)) {
    double f = py.PyFloat_AsDouble(o);
    if (need(w, 9) < 0)
      return -1;
    *w->at++ = PY_T_FLOAT;
    put(w, &f, 8);
    return 0;
  }
  if (py.PyObject_CheckBuffer(o)) {
    PyObject *b = py.PyBytes_FromObject(o);
    int err = b ? py_put_text(w, PY_T_BYTES, py.PyBytes_AsString(b),
                              py.PyBytes_Size(b))
                : -1;
    py_clear(&b);
    return err;
  }
  int err = py_put_library(w, o, &done);
  return err || done ? err : put_iterable(w, o, depth);
}

static int encode(writer *w, PyObject *o, int depth) {
  if (++depth > PY_MAX_DEPTH) {
    py.PyErr_SetString(py.PyExc_ValueError,
                       "encode value: it is nested too deeply");
    return -1;
  }
  PyObject *t = py_type(o);
  if (t == py.PyUnicode_Type)
    return put_str(w, o);
  if (t == py.PyBytes_Type)
    return py_put_text(w, PY_T_BYTES, py.PyBytes_AsString(o),
                       py.PyBytes_Size(o));
  bool tuple = t == py.PyTuple_Type;
  if (tuple || t == py.PyList_Type) {
    ssize_t n = tuple ? py.PyTuple_Size(o) : py.PyList_Size(o);
    if (put_head(w, tuple ? PY_T_TUPLE : PY_T_LIST, (uint32_t)n) < 0)
      return -1;
    for (ssize_t i = 0; i < n; i++) {
      /* A list may shrink while code of its items runs. */
      PyObject *item =
          tuple ? py.PyTuple_GetItem(o, i) : py.PyList_GetItem(o, i);
      if (!item)
        return -1;
      py.Py_IncRef(item);
      int err = encode(w, item, depth);
      py.Py_DecRef(item);
      if (err < 0)
        return -1;
    }
    return 0;
  }
  if (t == py.PyDict_Type)
    return put_dict(w, o, depth);
  if (t == py.PyLong_Type)
    return put_int(w, o);
  if (o == Py_None || o == Py_True || o == Py_False) {
    if (need(w, 1) < 0)
      return -1;
    *w->at++ = o == Py_None ? PY_T_NONE : o == Py_True ? PY_T_TRUE : PY_T_FALSE;
    return 0;
  }
  if (t == py.PyFloat_Type) {
    double f = py.PyFloat_AsDouble(o);
    if (need(w, 9) < 0)
      return -1;
    *w->at++ = PY_T_FLOAT;
    put(w, &f, 8);
    return 0;
  }
  return put_other(w, o, depth);
}

static void publish(py_office *office, uint8_t *at, py_record head,
                    uint64_t bytes) {
  py_ring *ring = &office->ring;
  uint64_t total = sizeof head + ((bytes + 7) & ~(uint64_t)7);
  uint64_t here = ring->tail & (ring->size - 1);
  uint64_t skip = at == ring->data + here ? 0 : ring->size - here;
  memcpy(at, &head, sizeof head);
  __atomic_store_n(&ring->tail, ring->tail + skip + total, __ATOMIC_RELEASE);
}

static int no_office(void) {
  py.PyErr_SetString(py.PyExc_RuntimeError,
                     "post: nobody in Go waits for this any more");
  return -1;
}

/* Places a record whose value is in memory of its own. Where the ring is full,
   Go is busy emptying it: wait without the interpreter's lock. */
static int place(py_office *office, py_record head, writer *w) {
  py_ring *ring = &office->ring;
  uint64_t bytes = w->at - w->base, room;
  bool spill = bytes > ring->size / 4;
  uint64_t want = sizeof head + (spill ? 16 : (bytes + 7) & ~(uint64_t)7);
  uint8_t *at = NULL;
  pthread_mutex_lock(&office->write);
  while (py_office_answers(office, head.ticket) &&
         !(at = py_ring_reserve(ring, want, &room))) {
    pthread_mutex_unlock(&office->write);
    py_office_wake(office);
    void *state = py.PyEval_SaveThread();
    usleep(50);
    py.PyEval_RestoreThread(state);
    pthread_mutex_lock(&office->write);
  }
  if (!at) {
    pthread_mutex_unlock(&office->write);
    free(w->base);
    return no_office();
  }
  head.size = (uint32_t)bytes;
  head.spilled = spill;
  if (spill) {
    memcpy(at + sizeof head, &w->base, sizeof w->base);
    memcpy(at + sizeof head + 8, &bytes, 8);
    publish(office, at, head, 16);
  } else {
    if (bytes > 0)
      memcpy(at + sizeof head, w->base, bytes);
    free(w->base);
    publish(office, at, head, bytes);
  }
  pthread_mutex_unlock(&office->write);
  return 0;
}

int py_post(py_office *office, py_record head, PyObject *value,
            uint64_t *charge) {
  writer w = {0};
  uint64_t room;
  if (!office)
    return no_office();
  /* Where allocating may collect garbage, it may run code of the program. */
  bool collects = py.collects_anywhere && py.PyGC_Disable();
  pthread_mutex_lock(&office->write);
  uint8_t *at = NULL;
  if (py_office_answers(office, head.ticket))
    at = py_ring_reserve(&office->ring, office->ring.size / 16, &room);
  if (at) {
    uint64_t most = office->ring.size / 4;
    w.base = w.at = at + sizeof head;
    w.end = w.base +
            (room - sizeof head - 8 < most ? room - sizeof head - 8 : most);
    w.ring = &office->write;
    w.collects = collects;
  } else {
    pthread_mutex_unlock(&office->write);
    if (collects)
      py.PyGC_Enable();
  }
  int err = value ? encode(&w, value, 0) : 0;
  if (charge)
    *charge = w.at - w.base;
  if (!w.ring && !err)
    return place(office, head, &w);
  if (!err) {
    head.size = (uint32_t)(w.at - w.base);
    publish(office, at, head, head.size);
  }
  if (w.ring)
    let_go(&w);
  else
    free(w.base);
  return err;
}

uint8_t *py_encode(PyObject *value, uint64_t *size) {
  writer w = {0};
  if (encode(&w, value, 0) < 0) {
    free(w.base);
    return NULL;
  }
  *size = (uint64_t)(w.at - w.base);
  return w.base;
}
