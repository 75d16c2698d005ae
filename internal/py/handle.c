/*
 * handle.c: numbers that stand for objects of Python, so that Go never holds a
 * pointer to one. A number is index + 1 with a generation above it: one that is
 * no longer valid finds nothing, even if its place is taken again.
 *
 * Guarded by the interpreter's lock; builds without one have their own below.
 */
#include "capi.h"

#include <stdlib.h>

typedef struct {
  PyObject *object;
  uint32_t generation;
  uint32_t next_free;
  uint16_t lane; /* of a waiter */
} slot;

typedef struct {
  slot *slots;
  uint32_t n, free, used; /* free: index + 1 of the first free slot */
  pthread_mutex_t lock;
} table;

static table handles = {.lock = PTHREAD_MUTEX_INITIALIZER};
static table waiters = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* 24 bits of generation: the byte above them belongs to whoever passes it on.
 */
static uint64_t number_of(const slot *s, uint32_t i) {
  return (uint64_t)(s->generation & 0xffffff) << 32 | (i + 1);
}

static uint64_t put(table *t, PyObject *o, uint16_t lane) {
  uint64_t number = 0;
  pthread_mutex_lock(&t->lock);
  if (!t->free) {
    uint32_t n = t->n ? 2 * t->n : 64;
    slot *slots = realloc(t->slots, n * sizeof *slots);
    if (slots) {
      for (uint32_t i = n; i-- > t->n;) {
        slots[i] = (slot){.generation = 1, .next_free = t->free};
        t->free = i + 1;
      }
      t->slots = slots;
      t->n = n;
    }
  }
  if (t->free) {
    uint32_t i = t->free - 1;
    slot *s = &t->slots[i];
    t->free = s->next_free;
    t->used++;
    s->object = o;
    s->lane = lane;
    number = number_of(s, i);
  }
  pthread_mutex_unlock(&t->lock);
  if (!number)
    py.PyErr_NoMemory();
  return number;
}

static slot *find(table *t, uint64_t number) {
  uint32_t i = (uint32_t)number - 1;
  if (i >= t->n || !t->slots[i].object ||
      (t->slots[i].generation & 0xffffff) != (number >> 32 & 0xffffff))
    return NULL;
  return &t->slots[i];
}

static PyObject *take(table *t, uint64_t number) {
  PyObject *o = NULL;
  pthread_mutex_lock(&t->lock);
  slot *s = find(t, number);
  if (s) {
    o = s->object;
    s->object = NULL;
    s->generation++;
    s->next_free = t->free;
    t->free = (uint32_t)(s - t->slots) + 1;
    t->used--;
  }
  pthread_mutex_unlock(&t->lock);
  return o;
}

static uint64_t put_ref(table *t, PyObject *o, uint16_t lane) {
  uint64_t number = put(t, o, lane);
  if (number)
    py.Py_IncRef(o);
  return number;
}

uint64_t py_handle_new(PyObject *o) { return put_ref(&handles, o, 0); }

uint64_t py_handle_weak(PyObject *o) { return put(&handles, o, 0); }

void py_handle_forget(uint64_t handle) { take(&handles, handle); }

PyObject *py_handle_get(uint64_t handle) {
  pthread_mutex_lock(&handles.lock);
  slot *s = find(&handles, handle);
  PyObject *o = s ? s->object : NULL;
  pthread_mutex_unlock(&handles.lock);
  return o;
}

void py_handle_release(uint64_t handle) {
  PyObject *o = take(&handles, handle);
  if (o)
    py.Py_DecRef(o);
}

uint64_t py_waiter_new(PyObject *resume, uint16_t lane) {
  return put_ref(&waiters, resume, lane);
}

uint64_t py_waiter_on(uint16_t lane) {
  uint64_t number = 0;
  pthread_mutex_lock(&waiters.lock);
  for (uint32_t i = 0; i < waiters.n && !number; i++)
    if (waiters.slots[i].object && waiters.slots[i].lane == lane)
      number = number_of(&waiters.slots[i], i);
  pthread_mutex_unlock(&waiters.lock);
  return number;
}

PyObject *py_waiter_pop(uint64_t ticket) { return take(&waiters, ticket); }

uint64_t py_handle_count(void) { return handles.used; }

uint64_t py_waiter_count(void) { return waiters.used; }
