/*
 * measure.c: how busy a lane is, how long records wait for it, and how long it
 * waits for the GIL. A clock is read when a lane sleeps or wakes, and once per
 * batch: never per record, and never where nobody has asked.
 */
#include "capi.h"

#include <string.h>

uint64_t py_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* One thread writes; the stores are atomic for those who read meanwhile. */
static void add(uint64_t *to, uint64_t n) {
  __atomic_store_n(to, *to + n, __ATOMIC_RELAXED);
}

void py_note(py_times *times, uint64_t ns) {
  int i = 0;
  for (uint64_t n = ns >> 10; n && i < PY_TIMES - 1; n >>= 2)
    i++;
  add(&times->count[i], 1);
  add(&times->sum, ns);
}

void py_lane_measure(py_lane *l) {
  __atomic_store_n(&l->measured, 1, __ATOMIC_RELEASE);
}

void py_lane_sleeps(py_lane *l) {
  if (__atomic_load_n(&l->measured, __ATOMIC_ACQUIRE))
    __atomic_store_n(&l->asleep, py_now(), __ATOMIC_RELAXED);
}

void py_lane_wakes(py_lane *l) {
  uint64_t from = l->asleep;
  if (!from)
    return;
  __atomic_store_n(&l->asleep, 0, __ATOMIC_RELAXED);
  add(&l->slept, py_now() - from);
}
