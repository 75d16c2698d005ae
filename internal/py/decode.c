/*
 * decode.c: bytes to objects of Python, in one pass. The bytes come from our
 * own Go code, and are checked all the same: what does not fit raises
 * ValueError.
 */
#include "capi.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEFINED = 1 << 16 };
static PyObject **defined; /* keys and templates, by number */
PyObject *py_error_factory;

/* Classes that are made by calling them; imported when first met. */
enum { DATETIME, DATE, TIME, DELTA, TIMEZONE, UUID, DECIMAL, CLASSES };
static const struct {
  const char *module, *name;
} class_names[CLASSES] = {
    [DATETIME] = {"datetime", "datetime"}, [DATE] = {"datetime", "date"},
    [TIME] = {"datetime", "time"},         [DELTA] = {"datetime", "timedelta"},
    [TIMEZONE] = {"datetime", "timezone"}, [UUID] = {"uuid", "UUID"},
    [DECIMAL] = {"decimal", "Decimal"},
};
static PyObject *classes[CLASSES];

static PyObject *class_of(int i) {
  if (!classes[i]) {
    PyObject *m = py.PyImport_ImportModule(class_names[i].module);
    if (!m)
      return NULL;
    classes[i] = py.PyObject_GetAttrString(m, class_names[i].name);
    py.Py_DecRef(m);
  }
  return classes[i];
}

int py_decode_setup(void) {
  defined = calloc(MAX_DEFINED, sizeof *defined);
  return defined ? 0 : -1;
}

int py_define(uint64_t id, PyObject *value) {
  if (id >= MAX_DEFINED) {
    py.Py_DecRef(value);
    return -1;
  }
  if (py_type(value) == py.PyUnicode_Type)
    py.PyUnicode_InternInPlace(&value);
  PyObject *old = defined[id];
  defined[id] = value;
  if (old)
    py.Py_DecRef(old);
  return 0;
}

static PyObject *bad(const char *what) {
  py.PyErr_Format(py.PyExc_ValueError, "decode value: %s", what);
  return NULL;
}

/* Reading: each returns false when the bytes end too soon. */
static bool take(const uint8_t **at, const uint8_t *end, void *to, size_t n) {
  if ((size_t)(end - *at) < n)
    return false;
  memcpy(to, *at, n);
  *at += n;
  return true;
}
static bool take_bytes(const uint8_t **at, const uint8_t *end, const char **s,
                       uint32_t *n) {
  if (!take(at, end, n, 4) || (size_t)(end - *at) < *n)
    return false;
  *s = (const char *)*at;
  *at += *n;
  return true;
}

/* Calls a class with integers; the last may be an object of its own (stolen).
 */
static PyObject *call_ints(int which, const long long *v, int n,
                           PyObject *last) {
  PyObject *cls = class_of(which), *out = NULL;
  PyObject *args = cls ? py.PyTuple_New(n + (last != NULL)) : NULL;
  if (!args) {
    py_clear(&last);
    return NULL;
  }
  bool ok = true;
  for (int i = 0; i < n; i++) {
    PyObject *o = py.PyLong_FromLongLong(v[i]);
    ok = ok && o;
    if (o)
      py.PyTuple_SetItem(args, i, o);
  }
  if (last)
    py.PyTuple_SetItem(args, n, last);
  if (ok)
    out = py.PyObject_CallObject(cls, args);
  py.Py_DecRef(args);
  return out;
}

/* Times that come together mostly share their zone: the last one is kept. */
static PyObject *zone(int32_t seconds) {
  static PyObject *last;
  static int32_t last_seconds;
  if (last && last_seconds == seconds)
    return py_new_ref(last);
  long long delta[2] = {0, seconds};
  PyObject *cls = class_of(TIMEZONE);
  PyObject *d = cls ? call_ints(DELTA, delta, 2, NULL) : NULL;
  PyObject *out = d ? py.PyObject_CallFunctionObjArgs(cls, d, NULL) : NULL;
  py_clear(&d);
  if (out) {
    PyObject *before = last;
    last = py_new_ref(out);
    last_seconds = seconds;
    py_clear(&before);
  }
  return out;
}

/* The second of two equal local times (PEP 495). Steals o. */
static PyObject *with_fold(PyObject *o) {
  PyObject *replace = py.PyObject_GetAttrString(o, "replace");
  PyObject *none = py.PyTuple_New(0), *kw = py.PyDict_New();
  PyObject *one = py.PyLong_FromLongLong(1), *out = NULL;
  if (replace && none && kw && one &&
      py.PyDict_SetItemString(kw, "fold", one) == 0)
    out = py.PyObject_Call(replace, none, kw);
  py_clear(&one);
  py_clear(&kw);
  py_clear(&none);
  py_clear(&replace);
  py_clear(&o);
  return out;
}

/* A datetime or a time: the two differ by the date in front. */
static PyObject *moment(const uint8_t **at, const uint8_t *end, bool date) {
  int32_t year = 0, us, offset;
  uint8_t f[5], has, fold;
  if ((date && (!take(at, end, &year, 4) || !take(at, end, f, 2))) ||
      !take(at, end, f + 2, 3) || !take(at, end, &us, 4) ||
      !take(at, end, &has, 1) || !take(at, end, &offset, 4) ||
      !take(at, end, &fold, 1))
    return bad("a time ends too soon");
  long long v[7] = {date ? year : 0, f[0], f[1], f[2], f[3], f[4], us};
  PyObject *tz = NULL;
  if (has && !(tz = zone(offset)))
    return NULL;
  PyObject *o =
      date ? call_ints(DATETIME, v, 7, tz) : call_ints(TIME, v + 3, 4, tz);
  return fold && o ? with_fold(o) : o;
}

static PyObject *one_arg(int which, PyObject *arg) {
  PyObject *cls = class_of(which), *out = NULL;
  if (arg && cls)
    out = py.PyObject_CallFunctionObjArgs(cls, arg, NULL);
  py_clear(&arg);
  return out;
}

static PyObject *decimal(const char *s, uint32_t n) {
  PyObject *o = one_arg(DECIMAL, py.PyUnicode_DecodeUTF8(s, n, NULL));
  /* decimal raises an exception of its own. */
  if (!o && class_of(DECIMAL))
    bad("a decimal that is no number");
  return o;
}

/* A minus or nothing, 0x, digits. */
static PyObject *big(const char *s, uint32_t n) {
  char *text = malloc((size_t)n + 1);
  if (!text)
    return py.PyErr_NoMemory();
  memcpy(text, s, n);
  text[n] = 0;
  const char *digits = text + (n > 0 && *text == '-');
  bool ok = digits[0] == '0' && digits[1] == 'x' && digits[2];
  if (ok)
    ok = strspn(digits + 2, "0123456789abcdefABCDEF") ==
         n - (size_t)(digits + 2 - text);
  PyObject *o = ok ? py.PyLong_FromString(text, NULL, 16)
                   : bad("an integer that is not hexadecimal");
  free(text);
  return o;
}

static PyObject *uuid(const uint8_t **at, const uint8_t *end) {
  char raw[16];
  PyObject *cls = class_of(UUID);
  if (!cls)
    return NULL;
  if (!take(at, end, raw, 16))
    return bad("a UUID ends too soon");
  PyObject *bytes = py.PyBytes_FromStringAndSize(raw, 16);
  /* UUID(hex, bytes, …): bytes is the second parameter. */
  PyObject *out =
      bytes ? py.PyObject_CallFunctionObjArgs(cls, Py_None, bytes, NULL) : NULL;
  py_clear(&bytes);
  return out;
}

static int pairs(PyObject *dict, const uint8_t **at, const uint8_t *end,
                 uint32_t n, int depth) {
  for (; n > 0; n--) {
    PyObject *k = py_decode(at, end, depth);
    PyObject *v = k ? py_decode(at, end, depth) : NULL;
    int err = v ? py.PyDict_SetItem(dict, k, v) : -1;
    if (v && err && py.PyErr_ExceptionMatches(py.PyExc_TypeError))
      bad("a key of a dict that has no hash");
    py_clear(&k);
    py_clear(&v);
    if (err)
      return -1;
  }
  return 0;
}

static PyObject *error(const uint8_t **at, const uint8_t *end, int depth) {
  PyObject *kind = py_decode(at, end, depth), *text = NULL, *detail = NULL;
  PyObject *out = NULL;
  if (kind && (text = py_decode(at, end, depth)) &&
      (py_type(kind) != py.PyUnicode_Type ||
       py_type(text) != py.PyUnicode_Type))
    bad("an error whose class or message is no text");
  else if (text && (detail = py_decode(at, end, depth)))
    out = py_error_factory
              ? py.PyObject_CallFunctionObjArgs(py_error_factory, kind, text,
                                                detail, NULL)
              : py.PyObject_CallFunctionObjArgs(py.PyExc_RuntimeError, text,
                                                NULL);
  py_clear(&kind);
  py_clear(&text);
  py_clear(&detail);
  return out;
}

/* n values can not need fewer than n bytes: so no number in the bytes makes us
   ask for more memory than was sent. */
static PyObject *sequence(const uint8_t **at, const uint8_t *end, int depth,
                          bool tuple) {
  uint32_t n;
  if (!take(at, end, &n, 4) || (size_t)(end - *at) < n)
    return bad("a list ends too soon");
  PyObject *out = tuple ? py.PyTuple_New(n) : py.PyList_New(n);
  for (uint32_t i = 0; out && i < n; i++) {
    PyObject *o = py_decode(at, end, depth);
    if (!o)
      py_clear(&out);
    else if (tuple)
      py.PyTuple_SetItem(out, i, o);
    else
      py.PyList_SetItem(out, i, o);
  }
  return out;
}

PyObject *py_decode(const uint8_t **at, const uint8_t *end, int depth) {
  const char *s;
  uint32_t n;
  uint16_t id;
  int64_t i;
  double f;
  if (*at >= end)
    return bad("it ends too soon");
  if (++depth > PY_MAX_DEPTH)
    return bad("it is nested too deeply");
  uint8_t tag = *(*at)++;
  switch (tag) {
  case PY_T_KEY:
    if (!take(at, end, &id, 2) || !defined[id])
      return bad("an unknown key");
    return py_new_ref(defined[id]);
  case PY_T_LATIN1:
    if (!take_bytes(at, end, &s, &n))
      return bad("a string ends too soon");
    return py.PyUnicode_DecodeLatin1(s, n, NULL);
  case PY_T_STR:
    if (!take_bytes(at, end, &s, &n))
      return bad("a string ends too soon");
    return py.PyUnicode_DecodeUTF8(s, n, "surrogatepass");
  case PY_T_BYTES:
    if (!take_bytes(at, end, &s, &n))
      return bad("bytes end too soon");
    return py.PyBytes_FromStringAndSize(s, n);
  case PY_T_COPY: {
    if (!take(at, end, &id, 2) || !take(at, end, &n, 4) || !defined[id] ||
        py_type(defined[id]) != py.PyDict_Type)
      return bad("an unknown template");
    PyObject *d = py.PyDict_Copy(defined[id]);
    if (d && pairs(d, at, end, n, depth) < 0)
      py_clear(&d);
    return d;
  }
  case PY_T_DICT: {
    if (!take(at, end, &n, 4))
      return bad("a dict ends too soon");
    PyObject *d = py.PyDict_New();
    if (d && pairs(d, at, end, n, depth) < 0)
      py_clear(&d);
    return d;
  }
  case PY_T_LIST:
  case PY_T_TUPLE:
    return sequence(at, end, depth, tag == PY_T_TUPLE);
  case PY_T_NONE:
    return py_new_ref(Py_None);
  case PY_T_TRUE:
    return py_new_ref(Py_True);
  case PY_T_FALSE:
    return py_new_ref(Py_False);
  case PY_T_INT:
    if (!take(at, end, &i, 8))
      return bad("an integer ends too soon");
    return py.PyLong_FromLongLong(i);
  case PY_T_FLOAT:
    if (!take(at, end, &f, 8))
      return bad("a float ends too soon");
    return py.PyFloat_FromDouble(f);
  case PY_T_BIG: {
    if (!take_bytes(at, end, &s, &n))
      return bad("an integer ends too soon");
    return big(s, n);
  }
  case PY_T_DATETIME:
  case PY_T_TIME:
    return moment(at, end, tag == PY_T_DATETIME);
  case PY_T_DATE: {
    int32_t year;
    uint8_t md[2];
    if (!take(at, end, &year, 4) || !take(at, end, md, 2))
      return bad("a date ends too soon");
    return call_ints(DATE, (long long[]){year, md[0], md[1]}, 3, NULL);
  }
  case PY_T_DELTA: {
    int32_t d[3];
    if (!take(at, end, d, 12))
      return bad("a duration ends too soon");
    if (!py_delta_fits(d[0], d[1], d[2]))
      return bad("a duration out of range");
    return call_ints(DELTA, (long long[]){d[0], d[1], d[2]}, 3, NULL);
  }
  case PY_T_UUID:
    return uuid(at, end);
  case PY_T_DECIMAL:
    if (!take_bytes(at, end, &s, &n))
      return bad("a decimal ends too soon");
    return decimal(s, n);
  case PY_T_HANDLE: {
    uint64_t h;
    PyObject *o;
    if (!take(at, end, &h, 8) || !(o = py_handle_get(h)))
      return bad("a handle that is not valid any more");
    return py_new_ref(o);
  }
  case PY_T_ERROR:
    return error(at, end, depth);
  }
  py.PyErr_Format(py.PyExc_ValueError, "decode value: unknown tag %d", tag);
  return NULL;
}
