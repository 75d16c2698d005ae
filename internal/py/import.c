/*
 * import.c: the finder that stands first in sys.meta_path. It sees every import
 * of a program, so it is no function of Python's: a tracer, a profiler or a
 * debugger would see that too. What it finds by name is decided in
 * python/puff/_boot.py.
 */
#include "capi.h"

static PyObject *finders; /* name -> function of name and path; or NULL */

/* find_spec(name, path=None, target=None) -> ModuleSpec or None */
static PyObject *find_spec(PyObject *self, PyObject *const *args,
                           ssize_t nargs) {
  (void)self;
  PyObject *find = finders && nargs > 0
                       ? py.PyDict_GetItem(finders, args[0]) /* borrowed */
                       : NULL;
  if (!find)
    return py_new_ref(Py_None);
  py.Py_IncRef(find);
  PyObject *path = nargs > 1 ? args[1] : Py_None;
  PyObject *spec = py.PyObject_CallFunctionObjArgs(find, args[0], path, NULL);
  py.Py_DecRef(find);
  return spec;
}

/* set_finders(dict) -> None: who looks for which module. */
static PyObject *set_finders(PyObject *self, PyObject *dict) {
  (void)self;
  py_clear(&finders);
  finders = py_new_ref(dict);
  return py_new_ref(Py_None);
}

static PyMethodDef methods[] = {
    {"find_spec", (PyCFunction)(void (*)(void))find_spec, METH_FASTCALL,
     "find_spec(name, path=None, target=None): the first finder."},
    {"set_finders", set_finders, METH_O,
     "set_finders(dict): who looks for which module."},
    {0}};

int py_import_setup(PyObject *module) {
  for (PyMethodDef *d = methods; d->name; d++) {
    PyObject *f = py.PyCFunction_NewEx(d, NULL, NULL);
    int err = f ? py.PyObject_SetAttrString(module, d->name, f) : -1;
    py_clear(&f);
    if (err < 0)
      return -1;
  }
  return 0;
}
