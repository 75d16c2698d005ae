/*
 * library.c: objects of the standard library that have a tag of their own:
 * times, UUIDs, decimals. Their classes may be subclassed, so their code may
 * run: the writer has let go of the ring before.
 */
#include "encode.h"

#include <stdlib.h>

/* An attribute that is an integer; -1 with an exception set, also when one was
   set before. */
static long long int_attr(PyObject *o, const char *name) {
  if (py.PyErr_Occurred())
    return -1;
  PyObject *v = py.PyObject_GetAttrString(o, name);
  int overflow;
  long long i = v ? py.PyLong_AsLongLongAndOverflow(v, &overflow) : -1;
  py_clear(&v);
  return i;
}

bool py_delta_fits(int64_t days, int64_t seconds, int64_t us) {
  return days > -PY_MAX_DAYS && days < PY_MAX_DAYS && seconds >= 0 &&
         seconds < 86400 && us >= 0 && us < 1000000 &&
         llabs((days * 86400 + seconds) * 1000000 + us) <= INT64_MAX / 1000;
}

static int put_delta(writer *w, PyObject *o) {
  int32_t v[3] = {(int32_t)int_attr(o, "days"), (int32_t)int_attr(o, "seconds"),
                  (int32_t)int_attr(o, "microseconds")};
  if (py.PyErr_Occurred())
    return -1;
  if (!py_delta_fits(v[0], v[1], v[2])) {
    py.PyErr_SetString(py.PyExc_OverflowError,
                       "encode value: a timedelta beyond 292 years can not "
                       "travel to Go");
    return -1;
  }
  if (need(w, 13) < 0)
    return -1;
  *w->at++ = PY_T_DELTA;
  put(w, v, 12);
  return 0;
}

/* Sub-second parts of an offset are dropped: no time zone in use has them. */
static int put_moment(writer *w, PyObject *o, bool date, bool time) {
  uint8_t f[5];
  int32_t year = 0, us, seconds = 0;
  static const char *const names[] = {"month", "day", "hour", "minute",
                                      "second"};
  if (date)
    year = (int32_t)int_attr(o, "year");
  for (int i = date ? 0 : 2; i < (time ? 5 : 2); i++)
    f[i] = (uint8_t)int_attr(o, names[i]);
  if (py.PyErr_Occurred() || need(w, 24) < 0)
    return -1;
  *w->at++ = !time ? PY_T_DATE : date ? PY_T_DATETIME : PY_T_TIME;
  if (date) {
    put(w, &year, 4);
    put(w, f, 2);
  }
  if (!time)
    return 0;
  PyObject *name = py.PyUnicode_FromString("utcoffset");
  PyObject *off = name ? py.PyObject_CallMethodObjArgs(o, name, NULL) : NULL;
  py_clear(&name);
  if (!off)
    return -1;
  uint8_t has = off != Py_None;
  if (has)
    seconds =
        (int32_t)(int_attr(off, "days") * 86400 + int_attr(off, "seconds"));
  py.Py_DecRef(off);
  us = (int32_t)int_attr(o, "microsecond");
  uint8_t fold = (uint8_t)int_attr(o, "fold");
  if (py.PyErr_Occurred())
    return -1;
  put(w, f + 2, 3);
  put(w, &us, 4);
  put(w, &has, 1);
  put(w, &seconds, 4);
  put(w, &fold, 1);
  return 0;
}

static int put_datetime(writer *w, PyObject *o) {
  return put_moment(w, o, true, true);
}
static int put_date(writer *w, PyObject *o) {
  return put_moment(w, o, true, false);
}
static int put_time(writer *w, PyObject *o) {
  return put_moment(w, o, false, true);
}
static int put_uuid(writer *w, PyObject *o) {
  PyObject *b = py.PyObject_GetAttrString(o, "bytes");
  if (!b || py_type(b) != py.PyBytes_Type || py.PyBytes_Size(b) != 16 ||
      need(w, 17) < 0) {
    py_clear(&b);
    if (!py.PyErr_Occurred())
      py.PyErr_SetString(py.PyExc_TypeError,
                         "encode value: a UUID whose bytes are not 16");
    return -1;
  }
  *w->at++ = PY_T_UUID;
  put(w, py.PyBytes_AsString(b), 16);
  py.Py_DecRef(b);
  return 0;
}
static int put_decimal(writer *w, PyObject *o) {
  PyObject *text = py.PyObject_Str(o);
  ssize_t n;
  const char *s = text ? py.PyUnicode_AsUTF8AndSize(text, &n) : NULL;
  int err = s ? py_put_text(w, PY_T_DECIMAL, s, n) : -1;
  py_clear(&text);
  return err;
}

/* Classes of the standard library, datetime before date: it is one. They are
   looked up among the modules that are loaded; an object of one means its
   module is. */
static const struct {
  const char *module, *name;
  int (*put)(writer *, PyObject *);
} library[] = {
    {"datetime", "datetime", put_datetime},
    {"datetime", "date", put_date},
    {"datetime", "time", put_time},
    {"datetime", "timedelta", put_delta},
    {"uuid", "UUID", put_uuid},
    {"decimal", "Decimal", put_decimal},
};
enum { LIBRARY = sizeof library / sizeof *library };

int py_put_library(writer *w, PyObject *o, bool *done) {
  static PyObject *class[LIBRARY];
  *done = false;
  for (int i = 0; i < LIBRARY; i++) {
    if (!class[i]) {
      PyObject *m = py.PyImport_ImportModule(library[i].module);
      class[i] = m ? py.PyObject_GetAttrString(m, library[i].name) : NULL;
      py_clear(&m);
      if (!class[i])
        return -1;
    }
    int is = py.PyObject_IsInstance(o, class[i]);
    if (is < 0)
      return -1;
    if (is) {
      *done = true;
      return library[i].put(w, o);
    }
  }
  return 0;
}
