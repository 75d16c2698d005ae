/*
 * capi.c: opens libpython and fills the table of its functions. What differs
 * between versions is decided here, at run time, and nowhere else.
 */
#include "capi.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

py_api py;

/* RTLD_GLOBAL: extension modules are not linked to libpython, they find its
   symbols in the process. */
int py_load_api(const char *library) {
  void *lib = dlopen(library, RTLD_NOW | RTLD_GLOBAL);
  if (!lib) {
    fprintf(stderr, "puff: load Python: %s\n", dlerror());
    return -1;
  }
  const char *missing = NULL;
#define F(result, name, params)                                                \
  if (!(py.name = (result(*) params)dlsym(lib, #name)))                        \
    missing = #name;
  PY_FUNCTIONS(F)
#undef F
#define O(name)                                                                \
  if (!(py.name = dlsym(lib, #name)))                                          \
    missing = #name;
  PY_OBJECTS(O)
#undef O
#define E(name)                                                                \
  {                                                                            \
    PyObject **p = dlsym(lib, #name);                                          \
    py.name = (PyObject *)p;                                                   \
    if (!p)                                                                    \
      missing = #name;                                                         \
  }
  PY_EXCEPTIONS(E)
#undef E
  if (missing) {
    fprintf(stderr,
            "puff: load Python: %s has no %s: it is not CPython 3.10 or "
            "newer\n",
            library, missing);
    return -1;
  }
  return 0;
}

ssize_t py_basic_size(PyObject *type) {
  PyObject *size = py.PyObject_GetAttrString(type, "__basicsize__");
  if (!size)
    return -1;
  ssize_t n = (ssize_t)py.PyLong_AsUnsignedLongLong(size);
  py.Py_DecRef(size);
  return n;
}

/* Where an object keeps its type is not the same in every build: look for the
   word that names the type in an object whose type is known. */
int py_measure(void) {
  int minor = atoi(py.Py_GetVersion() + 2);
  py.collects_anywhere = minor < 12;
#define E(name) py.name = *(PyObject **)py.name;
  PY_EXCEPTIONS(E)
#undef E
  PyObject *probe = py.PyList_New(0);
  if (!probe)
    return -1;
  py.type_offset = -1;
  for (ssize_t at = 0; at < 64; at += sizeof(void *))
    if (*(PyObject **)((char *)probe + at) == py.PyList_Type) {
      py.type_offset = at;
      break;
    }
  py.Py_DecRef(probe);
  if (py.type_offset < 0) {
    py.PyErr_SetString(py.PyExc_RuntimeError,
                       "puff: the layout of objects is unknown");
    return -1;
  }
  py.head_size = py_basic_size(py.PyBaseObject_Type);
  py.tuple_size = py_basic_size(py.PyTuple_Type);
  if (py.head_size < 0 || py.tuple_size < 0)
    return -1;
  probe = py.PyTuple_New(2);
  if (!probe)
    return -1;
  py.PyTuple_SetItem(probe, 0, py_new_ref(Py_True));
  py.PyTuple_SetItem(probe, 1, py_new_ref(Py_None));
  bool known = py_items(probe)[0] == Py_True && py_items(probe)[1] == Py_None;
  py.Py_DecRef(probe);
  if (!known)
    py.PyErr_SetString(py.PyExc_RuntimeError,
                       "puff: the layout of tuples is unknown");
  return known ? 0 : -1;
}

/* From 3.14 on a tuple keeps its hash between its size and its items, -1 while
   nobody has asked for it; memory comes zeroed. */
PyObject *py_tuple_of(PyObject *cls, ssize_t n) {
  PyObject *o = py.PyType_GenericAlloc(cls, n);
  ssize_t hash = py.head_size + (ssize_t)sizeof(ssize_t);
  if (o && py.tuple_size > hash)
    *(ssize_t *)((char *)o + hash) = -1;
  return o;
}
