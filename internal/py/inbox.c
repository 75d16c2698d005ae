/*
 * inbox.c: what comes out of a lane's rings, record by record: work for the
 * lane, or something that is done at once because it is for a channel or the
 * border. When a lane ends, whoever still waits for it or in it is told.
 */
#include "capi.h"

#include <stdlib.h>
#include <string.h>

static PyObject *small[16]; /* the kinds, as integers */

int py_inbox_setup(void) {
  for (int i = 0; i < 16; i++)
    if (!(small[i] = py.PyLong_FromLongLong(i)))
      return -1;
  return 0;
}

/* Read after the lane has said that it sleeps, in one order with what writers
   do: either they see that, or this sees what they wrote. */
bool py_inbox_waits(py_lane *l) {
  if (__atomic_load_n(&l->nudged, __ATOMIC_SEQ_CST))
    return true;
  uint32_t n = __atomic_load_n(&l->nports, __ATOMIC_ACQUIRE);
  for (uint32_t i = 0; i < n; i++) {
    py_ring *r = &l->ports[i]->ring;
    if (__atomic_load_n(&r->tail, __ATOMIC_SEQ_CST) != r->head)
      return true;
  }
  return false;
}

/* (kind, target, ticket, value) for the lane; steals target and value. */
static int hand_out(PyObject *out, uint8_t kind, PyObject *target,
                    uint64_t ticket, PyObject *value) {
  PyObject *item = py.PyTuple_New(4);
  PyObject *number = item ? py.PyLong_FromUnsignedLongLong(ticket) : NULL;
  if (!number) {
    py_clear(&item);
    py_clear(&target);
    py_clear(&value);
    return -1;
  }
  py.PyTuple_SetItem(item, 0, py_new_ref(small[kind]));
  py.PyTuple_SetItem(item, 1, target);
  py.PyTuple_SetItem(item, 2, number);
  py.PyTuple_SetItem(item, 3, value ? value : py_new_ref(Py_None));
  int err = py.PyList_Append(out, item);
  py.Py_DecRef(item);
  return err;
}

/* Takes the exception that is set, as an object; None if it can not be had. */
static PyObject *caught(void) {
  PyObject *type = NULL, *e = NULL, *trace = NULL;
  py.PyErr_Fetch(&type, &e, &trace);
  py.PyErr_NormalizeException(&type, &e, &trace);
  py_clear(&type);
  py_clear(&trace);
  return e ? e : py_new_ref(Py_None);
}

/* Tells Go why its call can not be made: the exception that is set. */
static void refuse(uint64_t ticket) {
  PyObject *e = caught(), *text = py.PyObject_Str(e);
  PyObject *kind = py.PyObject_GetAttrString(py_type(e), "__name__");
  PyObject *why = text && kind ? py.PyTuple_New(3) : NULL;
  int err = -1;
  if (why) {
    py.PyTuple_SetItem(why, 0, kind);
    py.PyTuple_SetItem(why, 1, text);
    py.PyTuple_SetItem(why, 2, py_new_ref(Py_None));
    kind = text = NULL;
    py_record head = {.kind = PY_ERROR, .ticket = ticket};
    py_office *office = py_office_of(ticket);
    err = py_post(office, head, why, NULL);
    if (!err)
      py_office_wake(office);
  }
  if (err) /* nobody waits for it, or there is no memory to say it with */
    py.PyErr_Clear();
  py_clear(&why);
  py_clear(&kind);
  py_clear(&text);
  py_clear(&e);
}

/* What a record says to a channel, or to the border itself. */
static int deliver_here(const py_record *r, PyObject *value) {
  PyObject *target = py_handle_get(r->target);
  bool channel = target && py_channel_check(target);
  int err = 0;
  if (channel) /* code that runs meanwhile may let go of it */
    py.Py_IncRef(target);
  switch (r->kind) {
  case PY_RELEASE:
    py_handle_release(r->target);
    break;
  case PY_DEFINE:
    err = py_define(r->ticket, value ? value : py_new_ref(Py_None));
    value = NULL;
    break;
  case PY_PUSH:
    if (channel)
      err = py_channel_push(target, value ? value : py_new_ref(Py_None));
    value = channel ? NULL : value;
    break;
  case PY_CREDIT:
    err = channel ? py_channel_credit(target, r->ticket) : 0;
    break;
  case PY_CLOSE:
    err = channel ? py_channel_close(target) : 0;
    break;
  }
  if (channel)
    py.Py_DecRef(target);
  py_clear(&value);
  return err;
}

/* Turns one record into what the lane has to do: (kind, target, ticket, value),
   or does it here when the record is for a channel or the border itself. What
   can not be decoded goes to whom it concerns: the lane itself goes on. */
static int deliver(PyObject *out, const py_record *r, const uint8_t *at,
                   const uint8_t *end) {
  PyObject *value = NULL, *target = NULL;
  uint8_t kind = r->kind;
  if (kind == PY_RESULT || kind == PY_ERROR) {
    /* First of all: making an exception for nobody would run code, and what a
       signal handler raises in it would be lost. */
    target = py_waiter_pop(r->ticket);
    if (!target)
      return 0;
  }
  bool bad = at < end && !(value = py_decode(&at, end, 0));
  switch (kind) {
  case PY_CALL:
    if (!bad && !(target = py_handle_get(r->target)))
      py.PyErr_SetString(py.PyExc_LookupError,
                         "call Python: the function was released");
    if (target)
      py.Py_IncRef(target);
    else
      refuse(r->ticket);
    break;
  case PY_RESULT:
  case PY_ERROR:
    if (bad) {
      value = caught();
      kind = PY_ERROR;
    }
    break;
  case PY_CANCEL:
  case PY_STOP:
    target = py_new_ref(Py_None);
    break;
  default:
    return bad ? -1 : deliver_here(r, value);
  }
  if (!target) { /* refused */
    py_clear(&value);
    return 0;
  }
  return hand_out(out, kind, target, r->ticket, value);
}

/* Reads one record. The head moves past it even when it raised: it must not
   come again. */
static int read_one(py_ring *ring, PyObject *out) {
  uint64_t at = ring->head & (ring->size - 1);
  py_record *r = (py_record *)(ring->data + at);
  if (r->kind == PY_PAD) {
    __atomic_store_n(&ring->head, ring->head + ring->size - at,
                     __ATOMIC_RELEASE);
    return 0;
  }
  uint8_t *value = (uint8_t *)(r + 1), *spilled = NULL;
  uint64_t total = sizeof *r + (r->spilled ? 16 : (r->size + 7) & ~7u);
  if (r->spilled)
    memcpy(&spilled, value, sizeof spilled);
  const uint8_t *from = spilled ? spilled : value;
  int err = deliver(out, r, from, from + r->size);
  __atomic_store_n(&ring->head, ring->head + total, __ATOMIC_RELEASE);
  free(spilled);
  return err;
}

/* Reads what there is; *read says whether there was anything: what a channel
   got may have made somebody ready who is not in the list. */
bool py_inbox_drain(py_lane *l, PyObject *out) {
  bool read = false;
  uint32_t n = __atomic_load_n(&l->nports, __ATOMIC_ACQUIRE);
  for (uint32_t i = 0; i < n; i++) {
    py_port *port = l->ports[i];
    py_ring *ring = &port->ring;
    uint64_t tail = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
    /* Before the head moves: only then may the writer note a time again. */
    if (ring->head != tail && port->since) {
      py_note(&l->waits, py_now() - port->since);
      port->since = 0;
    }
    int most = PY_BATCH;
    while (ring->head != tail && most-- > 0) {
      if (read_one(ring, out) < 0)
        py.PyErr_WriteUnraisable(NULL); /* of one record: the others wait */
      read = true;
    }
    /* The head first, then the mark: the writer does it the other way round. */
    if (port->office)
      __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (port->office && __atomic_load_n(&port->starved, __ATOMIC_RELAXED))
      py_office_wake(port->office);
  }
  return read;
}

/* Nobody waits for the answer to a ticket any more; Go is told. 1, 0: nobody
   did, or -1 with an exception set. */
int py_forget(uint64_t ticket) {
  PyObject *resume = py_waiter_pop(ticket);
  if (!resume)
    return 0;
  py.Py_DecRef(resume);
  py_record head = {.kind = PY_CANCEL, .ticket = ticket};
  py_office *office = py_office_of(0);
  if (py_post(office, head, NULL, NULL) < 0)
    return -1;
  py_office_wake(office);
  return 1;
}

/* The ticket of what hand_out made. */
static uint64_t ticket_of(PyObject *item) {
  return py.PyLong_AsUnsignedLongLong(py.PyTuple_GetItem(item, 2));
}

/* Empties the inbox of a lane that has ended: calls are refused, and whoever
   waited there for Go does not any more. */
void py_inbox_empty(py_lane *l) {
  PyObject *left = py.PyList_New(0);
  if (!left) {
    py.PyErr_Clear();
    return;
  }
  l->busy = 1;
  while (py_inbox_drain(l, left))
    ;
  l->busy = 0;
  for (ssize_t i = 0; i < py.PyList_Size(left); i++) {
    PyObject *item = py.PyList_GetItem(left, i);
    if (py.PyTuple_GetItem(item, 0) != small[PY_CALL])
      continue;
    uint64_t ticket = ticket_of(item);
    py.PyErr_SetString(py.PyExc_RuntimeError,
                       "call Python: the lane has ended");
    refuse(ticket);
  }
  py.Py_DecRef(left);
  for (uint64_t ticket; (ticket = py_waiter_on((uint16_t)l->id));)
    if (py_forget(ticket) < 0)
      py.PyErr_Clear();
}
