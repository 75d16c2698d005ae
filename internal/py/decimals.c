/*
 * decimals.c: decimal.Decimal out of text. The module gives no functions to C,
 * and calling its class costs six times as much as the digits are worth: a str
 * of them, a tuple of arguments, a context. So plain numbers are written where
 * the class keeps them, after looking, once, whether that is where we think.
 */
#include "capi.h"

#include <string.h>

enum { WORDS = 4, WORD_DIGITS = 19, MOST_DIGITS = WORDS * WORD_DIGITS };
enum { NEGATIVE = 1, OWN_MEMORY = 16 | 32 };

/* What follows the head of the object: the same from 3.10 to 3.14. */
typedef struct {
  ssize_t hash; /* -1: nobody has asked for it */
  uint8_t flags;
  ssize_t exponent, digits, words, room;
  uint64_t *at;         /* word */
  uint64_t word[WORDS]; /* of 19 digits, the lowest first */
} number;

static PyObject *cls;
static PyObject *(*new_object)(PyObject *); /* NULL: it is laid out otherwise */

static number *number_of(PyObject *o) {
  return (number *)((char *)o + py.head_size);
}

/* Reads a sign, digits and a point. False: it is something else, or long. */
static bool read_number(const char *s, uint32_t n, number *to) {
  char digit[MOST_DIGITS];
  const char *end = s + n;
  bool minus = n > 0 && *s == '-', some = false, point = false;
  ssize_t digits = 0, exponent = 0;
  for (s += minus; s < end; s++) {
    if (*s == '.' && !point) {
      point = true;
      continue;
    }
    if (*s < '0' || *s > '9')
      return false;
    some = true;
    exponent -= point;
    if (digits == 0 && *s == '0')
      continue;
    if (digits == MOST_DIGITS)
      return false;
    digit[digits++] = *s;
  }
  if (!some)
    return false;
  to->hash = -1;
  to->flags = OWN_MEMORY | (minus ? NEGATIVE : 0);
  to->exponent = exponent;
  to->digits = digits ? digits : 1;
  to->words = (to->digits + WORD_DIGITS - 1) / WORD_DIGITS;
  to->room = WORDS;
  to->at = to->word;
  for (ssize_t word = 0, last = digits; word < to->words; word++) {
    ssize_t first = last > WORD_DIGITS ? last - WORD_DIGITS : 0;
    uint64_t sum = 0;
    for (ssize_t i = first; i < last; i++)
      sum = sum * 10 + (uint64_t)(digit[i] - '0');
    to->word[word] = sum;
    last = first;
  }
  return true;
}

/* A Decimal by calling the class; NULL: an exception is set. */
static PyObject *called(const char *s, uint32_t n) {
  PyObject *text = py.PyUnicode_DecodeUTF8(s, n, NULL);
  PyObject *o = text ? py.PyObject_CallFunctionObjArgs(cls, text, NULL) : NULL;
  py_clear(&text);
  /* It refers to nothing but its class: no business of the collector. */
  if (o && py.PyObject_GC_IsTracked(o))
    py.PyObject_GC_UnTrack(o);
  return o;
}

/* Whether the class keeps a number where we would. */
static bool kept_so(const char *s, bool *collected) {
  number want, *have;
  PyObject *text = py.PyUnicode_FromString(s);
  PyObject *o = text ? py.PyObject_CallFunctionObjArgs(cls, text, NULL) : NULL;
  py_clear(&text);
  if (!o || !read_number(s, (uint32_t)strlen(s), &want)) {
    py_clear(&o);
    return false;
  }
  have = number_of(o);
  bool same = have->hash == want.hash && have->flags == want.flags &&
              have->exponent == want.exponent && have->digits == want.digits &&
              have->words == want.words && have->room == want.room &&
              have->at == have->word &&
              memcmp(have->word, want.word,
                     (size_t)want.words * sizeof *want.word) == 0;
  *collected = py.PyObject_GC_IsTracked(o);
  py_clear(&o);
  return same;
}

/* Imports the class, and looks how it is made. */
static bool ready(void) {
  if (cls)
    return true;
  PyObject *module = py.PyImport_ImportModule("decimal");
  PyObject *found =
      module ? py.PyObject_GetAttrString(module, "Decimal") : NULL;
  py_clear(&module);
  if (!found)
    return false;
  cls = found;
  bool collected;
  if (py_basic_size(cls) == py.head_size + (ssize_t)sizeof(number) &&
      kept_so("-12345678901234567890123456789012345678901234567890.12345",
              &collected) &&
      kept_so("0.00", &collected))
    new_object = collected ? py._PyObject_GC_New : py._PyObject_New;
  py.PyErr_Clear();
  return true;
}

PyObject *py_new_decimal(const char *s, uint32_t n) {
  number read;
  if (!ready())
    return NULL;
  if (!new_object || !read_number(s, n, &read))
    return called(s, n);
  PyObject *o = new_object(cls);
  if (o) {
    number *to = number_of(o);
    *to = read;
    to->at = to->word;
  }
  return o;
}
