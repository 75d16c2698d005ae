/*
 * encode.h: the writer that values are encoded with, for the files that do.
 */
#ifndef PUFF_ENCODE_H
#define PUFF_ENCODE_H

#include "capi.h"

#include <string.h>

typedef struct {
  uint8_t *base, *at, *end;
  pthread_mutex_t
      *ring;     /* held while writing into the ring; NULL: own memory */
  bool collects; /* Python's collector runs again when it is let go */
} writer;

/* Makes room for n bytes more in memory of the writer's own, and lets the ring
   go: code of the program may run from here on. 0, or -1 with an exception set.
 */
int py_grow(writer *w, size_t n);

static inline int need(writer *w, size_t n) {
  return (size_t)(w->end - w->at) >= n ? 0 : py_grow(w, n);
}
static inline void put(writer *w, const void *from, size_t n) {
  memcpy(w->at, from, n);
  w->at += n;
}

/* A tag, the number of bytes, the bytes. 0, or -1 with an exception set. */
int py_put_text(writer *w, uint8_t tag, const char *s, size_t n);

/* library.c: encodes o if it is of a class of the standard library that has a
   tag of its own; *done tells. 0, or -1 with an exception set. */
int py_put_library(writer *w, PyObject *o, bool *done);

#endif
