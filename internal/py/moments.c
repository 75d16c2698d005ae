/*
 * moments.c: dates, times and durations, made by the functions that the module
 * datetime gives to C: calling its classes with integers costs four times as
 * much, most of it for reading the arguments.
 */
#include "capi.h"

#include <string.h>

/* What the capsule datetime.datetime_CAPI holds, the same since 3.7. */
static const struct {
  PyObject *date, *datetime, *time, *delta, *tzinfo, *utc;
  PyObject *(*new_date)(int, int, int, PyObject *);
  PyObject *(*new_datetime)(int, int, int, int, int, int, int, PyObject *,
                            PyObject *);
  PyObject *(*new_time)(int, int, int, int, PyObject *, PyObject *);
  PyObject *(*new_delta)(int, int, int, int, PyObject *);
  PyObject *(*new_timezone)(PyObject *, PyObject *);
  PyObject *(*from_timestamp)(PyObject *, PyObject *, PyObject *);
  PyObject *(*date_from_timestamp)(PyObject *, PyObject *);
  PyObject *(*new_datetime_fold)(int, int, int, int, int, int, int, PyObject *,
                                 int, PyObject *);
  PyObject *(*new_time_fold)(int, int, int, int, PyObject *, int, PyObject *);
} * dt;

static bool ready(void) {
  if (!dt)
    dt = py.PyCapsule_Import("datetime.datetime_CAPI", 0);
  return dt;
}

/* The days seen last, each in its place of sixteen months: dates that come
   together are near each other. */
enum { DAYS = 512 };
typedef struct {
  PyObject *date;
  int32_t number;
} known_day;

PyObject *py_new_date(int year, int month, int day) {
  static known_day days[DAYS];
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31)
    return ready() ? dt->new_date(year, month, day, dt->date) : NULL;
  int32_t number = (year * 12 + month) * 31 + day;
  known_day *known = &days[number % DAYS];
  if (!known->date || known->number != number) {
    PyObject *made = ready() ? dt->new_date(year, month, day, dt->date) : NULL;
    if (!made)
      return NULL;
    PyObject *before = known->date;
    *known = (known_day){made, number};
    py_clear(&before);
  }
  return py_new_ref(known->date);
}

PyObject *py_new_delta(int days, int seconds, int us) {
  return ready() ? dt->new_delta(days, seconds, us, 1, dt->delta) : NULL;
}

/* Times that come together mostly share their zone: the last one is kept.
   Borrowed; NULL: an exception is set. */
static PyObject *zone(int32_t seconds) {
  static PyObject *last;
  static int32_t last_seconds;
  if (last && last_seconds == seconds)
    return last;
  PyObject *delta = py_new_delta(0, seconds, 0);
  PyObject *made = delta ? dt->new_timezone(delta, NULL) : NULL;
  py_clear(&delta);
  if (made) {
    PyObject *before = last;
    last = made;
    last_seconds = seconds;
    py_clear(&before);
  }
  return made;
}

PyObject *py_new_moment(const py_moment *m) {
  if (!ready())
    return NULL;
  PyObject *tz = m->zoned ? zone(m->offset) : Py_None;
  if (!tz)
    return NULL;
  /* fold is 1 in the second of two equal local times (PEP 495). */
  return m->dated ? dt->new_datetime_fold(m->year, m->month, m->day, m->hour,
                                          m->minute, m->second, m->us, tz,
                                          m->fold, dt->datetime)
                  : dt->new_time_fold(m->hour, m->minute, m->second, m->us, tz,
                                      m->fold, dt->time);
}
