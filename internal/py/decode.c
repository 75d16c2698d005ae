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

/* uuid.UUID, imported when first met. */
static PyObject *uuid_class(void) {
  static PyObject *found;
  PyObject *m = found ? NULL : py.PyImport_ImportModule("uuid");
  if (m)
    found = py.PyObject_GetAttrString(m, "UUID");
  py_clear(&m);
  return found;
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

/* A datetime or a time: the two differ by the date in front. */
static PyObject *moment(const uint8_t **at, const uint8_t *end, bool dated) {
  py_moment m = {.dated = dated};
  uint8_t f[5], zoned, fold;
  if ((dated && (!take(at, end, &m.year, 4) || !take(at, end, f, 2))) ||
      !take(at, end, f + 2, 3) || !take(at, end, &m.us, 4) ||
      !take(at, end, &zoned, 1) || !take(at, end, &m.offset, 4) ||
      !take(at, end, &fold, 1))
    return bad("a time ends too soon");
  if (dated) {
    m.month = f[0];
    m.day = f[1];
  }
  m.hour = f[2];
  m.minute = f[3];
  m.second = f[4];
  m.zoned = zoned;
  m.fold = fold;
  return py_new_moment(&m);
}

static PyObject *decimal(const char *s, uint32_t n) {
  PyObject *o = py_new_decimal(s, n);
  /* decimal raises an exception of its own. */
  if (!o && py.PyErr_ExceptionMatches(py.PyExc_ArithmeticError))
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
  PyObject *cls = uuid_class();
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

/* Tags of values that refer to nothing which could refer back. */
enum {
  PLAIN = 1 << PY_T_NONE | 1 << PY_T_TRUE | 1 << PY_T_FALSE | 1 << PY_T_INT |
          1 << PY_T_BIG | 1 << PY_T_FLOAT | 1 << PY_T_STR | 1 << PY_T_LATIN1 |
          1 << PY_T_BYTES | 1 << PY_T_DATETIME | 1 << PY_T_DATE |
          1 << PY_T_TIME | 1 << PY_T_DELTA | 1 << PY_T_UUID | 1 << PY_T_DECIMAL,
};

/* Puts n values into a new tuple. One of plain values is no business of the
   garbage collector, which would find that out by walking it. Steals out. */
static PyObject *fill(PyObject *out, const uint8_t **at, const uint8_t *end,
                      uint32_t n, int depth) {
  uint32_t seen = 0;
  PyObject **items = out ? py_items(out) : NULL;
  for (uint32_t i = 0; out && i < n; i++) {
    if (*at < end)
      seen |= 1u << (**at & 31);
    if (!(items[i] = py_decode(at, end, depth)))
      py_clear(&out);
  }
  if (out && n > 0 && !(seen & ~(uint32_t)PLAIN))
    py.PyObject_GC_UnTrack(out);
  return out;
}

/* n values can not need fewer than n bytes: so no number in the bytes makes us
   ask for more memory than was sent. */
static PyObject *sequence(const uint8_t **at, const uint8_t *end, int depth,
                          bool tuple) {
  uint32_t n;
  if (!take(at, end, &n, 4) || (size_t)(end - *at) < n)
    return bad("a list ends too soon");
  if (tuple)
    return fill(py.PyTuple_New(n), at, end, n, depth);
  PyObject *out = py.PyList_New(n);
  for (uint32_t i = 0; out && i < n; i++) {
    PyObject *o = py_decode(at, end, depth);
    if (!o)
      py_clear(&out);
    else
      py.PyList_SetItem(out, i, o);
  }
  return out;
}

PyObject *py_decode_rows(const uint8_t **at, const uint8_t *end,
                         PyObject *cls) {
  uint32_t n, width;
  uint8_t tag;
  if (!take(at, end, &tag, 1) || tag != PY_T_LIST || !take(at, end, &n, 4) ||
      (size_t)(end - *at) < n)
    return bad("rows that are no list");
  PyObject *out = py.PyList_New(n);
  for (uint32_t i = 0; out && i < n; i++) {
    PyObject *row = NULL;
    if (!take(at, end, &tag, 1) || tag != PY_T_TUPLE ||
        !take(at, end, &width, 4) || (size_t)(end - *at) < width)
      bad("a row that is no tuple");
    else
      row = fill(py_tuple_of(cls, width), at, end, width, 2);
    if (row)
      py.PyList_SetItem(out, i, row);
    else
      py_clear(&out);
  }
  return out;
}

/* Rows of the class that a handle names. */
static PyObject *rows_of(const uint8_t **at, const uint8_t *end) {
  uint64_t h;
  if (!take(at, end, &h, 8))
    return bad("rows end too soon");
  PyObject *cls = py_handle_get(h);
  if (!cls || py_type(cls) != py.PyType_Type ||
      !py.PyType_IsSubtype(cls, py.PyTuple_Type))
    return bad("rows of what is no class of tuples");
  py.Py_IncRef(cls); /* code that runs meanwhile may release the handle */
  PyObject *out = py_decode_rows(at, end, cls);
  py.Py_DecRef(cls);
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
    return py_new_date(year, md[0], md[1]);
  }
  case PY_T_DELTA: {
    int32_t d[3];
    if (!take(at, end, d, 12))
      return bad("a duration ends too soon");
    if (!py_delta_fits(d[0], d[1], d[2]))
      return bad("a duration out of range");
    return py_new_delta(d[0], d[1], d[2]);
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
  case PY_T_ROWS:
    return rows_of(at, end);
  }
  py.PyErr_Format(py.PyExc_ValueError, "decode value: unknown tag %d", tag);
  return NULL;
}
