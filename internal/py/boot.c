/*
 * boot.c: who comes first. A process that is to be Python starts as Python: on
 * the main thread, before Go, so that signals, fork, threads and exit are as
 * users know them; Go starts beside it, on a thread of its own, when first
 * needed. A process that began as Go (tests, programs that embed Puff) gives
 * Python a thread with a stack that is deep enough.
 */
#define _GNU_SOURCE
#include "capi.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

/* Go's own entry point: starts its runtime on the thread that calls it. */
extern int main(int argc, char **argv);

enum { GO_FIRST = 0, AS_PYTHON = 1, AS_PUFF = 2 };
static int hosted;          /* py_hosted */
static struct rlimit files; /* before Go raised it */
static char *carried;       /* py_carried */
static int go_argc;
static char **go_argv;
static pthread_mutex_t go_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go_cond = PTHREAD_COND_INITIALIZER;
static enum { GO_NOT_STARTED, GO_STARTING, GO_UP } go_state;

int py_hosted(void) { return hosted; }

const char *py_carried(void) { return carried; }

void py_go_ready(void) {
  py_signals_go_starts(false);
  /* A program's children and its calls of select count on the limit it had; a
     server of ours is glad of more. */
  if (hosted == AS_PYTHON)
    setrlimit(RLIMIT_NOFILE, &files);
  pthread_mutex_lock(&go_lock);
  __atomic_store_n(&go_state, GO_UP, __ATOMIC_RELEASE);
  pthread_cond_broadcast(&go_cond);
  pthread_mutex_unlock(&go_lock);
}

static void *go_main(void *unused) {
  (void)unused;
  main(go_argc, go_argv);
  return NULL;
}

int py_go_start(void) {
  if (__atomic_load_n(&go_state, __ATOMIC_ACQUIRE) == GO_UP)
    return 0;
  int err = 0;
  void *state = py.PyEval_SaveThread();
  pthread_mutex_lock(&go_lock);
  if (go_state == GO_NOT_STARTED && hosted) {
    pthread_t thread;
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attr, 8 << 20);
    getrlimit(RLIMIT_NOFILE, &files);
    py_signals_go_starts(true);
    err = pthread_create(&thread, &attr, go_main, NULL);
    pthread_attr_destroy(&attr);
    if (!err)
      go_state = GO_STARTING;
  }
  while (!err && go_state != GO_UP)
    pthread_cond_wait(&go_cond, &go_lock);
  pthread_mutex_unlock(&go_lock);
  py.PyEval_RestoreThread(state);
  if (err) {
    errno = err;
    py.PyErr_SetFromErrno(py.PyExc_OSError);
  }
  return err ? -1 : 0;
}

/* The boot module is loaded by the import system itself, from a file, under a
   name of its own: neither sys.path nor the package puff is touched. */
static const char load_boot[] =
    "import _puff, _frozen_importlib as b, _frozen_importlib_external as e\n"
    "boot = b._load(e.spec_from_file_location("
    "'_puff_boot', _puff.faces + '/puff/_boot.py'))\n";

/* Runs boot.NAME() and returns the integer it returns; -1: exception set. */
static int boot_call(PyObject *boot, const char *name) {
  PyObject *f = py.PyObject_GetAttrString(boot, name);
  PyObject *out = f ? py.PyObject_CallNoArgs(f) : NULL;
  int overflow, status = -1;
  if (out)
    status = (int)py.PyLong_AsLongLongAndOverflow(out, &overflow);
  py_clear(&f);
  py_clear(&out);
  return status;
}

static int fail(void) {
  py.PyErr_Print();
  return 1;
}

/* What _puff has besides the border's own: the finder, and typed, the name that
   Python was started by, or None. */
static int add_to_module(const py_boot_info *info) {
  PyObject *module = py.PyImport_AddModule("_puff"); /* borrowed */
  if (!module || py_import_setup(module) < 0)
    return -1;
  PyObject *typed = info->argc > 0 ? py.PyUnicode_DecodeFSDefault(info->argv[0])
                                   : py_new_ref(Py_None);
  int err = typed ? py.PyObject_SetAttrString(module, "typed", typed) : -1;
  py_clear(&typed);
  return err;
}

static int run_boot(py_boot_info *info) {
  enum { FILE_INPUT = 257 };
  if (py_measure() < 0 || py_module_setup(info) < 0 || add_to_module(info) < 0)
    return fail();
  PyObject *names = py.PyDict_New();
  PyObject *ran =
      names ? py.PyRun_StringFlags(load_boot, FILE_INPUT, names, names, NULL)
            : NULL;
  PyObject *key = py.PyUnicode_FromString("boot");
  PyObject *boot = ran && key ? py.PyDict_GetItem(names, key) : NULL;
  if (!boot)
    return fail();
  py.Py_IncRef(boot);
  py_clear(&key);
  py_clear(&ran);
  py_clear(&names);
  int status = boot_call(boot, "install");
  if (status == 0 && info->program)
    status = boot_call(boot, "main");
  if (status < 0)
    status = fail();
  py.Py_DecRef(boot);
  return status;
}

int py_run(py_boot_info *info) {
  if (py_load_api(info->library) < 0)
    return 1;
  py_fork_guard();
  /* Opaque and larger than any version's PyConfig (1 KiB at most so far). */
  void *config = calloc(1, 64 << 10);
  char **argv = calloc((size_t)info->argc + 2, sizeof *argv);
  if (!config || !argv)
    return 1;
  argv[0] = info->executable;
  for (int i = 1; i < info->argc; i++)
    argv[i] = info->argv[i];
  py.PyConfig_InitPythonConfig(config);
  PyStatus status =
      py.PyConfig_SetBytesArgv(config, info->argc > 0 ? info->argc : 1, argv);
  if (!py.PyStatus_Exception(status))
    status = py.Py_InitializeFromConfig(config);
  py.PyConfig_Clear(config);
  free(config);
  if (py.PyStatus_Exception(status))
    py.Py_ExitStatusException(status); /* does not return */
  int code = run_boot(info);
  /* As python, go on as python does, to its end. As puff, the program is over:
     other threads may still run Python, so nothing is torn down. */
  if (!info->program && code == 0)
    code = py.Py_RunMain();
  return code;
}

/* ---- A Go that came first ---- */

static pthread_t python_thread;
static int python_status;

static void *python_main(void *info) {
  python_status = py_run(info);
  py.PyEval_SaveThread();
  return NULL;
}

int py_start_thread(py_boot_info *info) {
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, 16 << 20);
  int err = pthread_create(&python_thread, &attr, python_main, info);
  pthread_attr_destroy(&attr);
  return err;
}

int py_wait_thread(void) {
  pthread_join(python_thread, NULL);
  return python_status;
}

/* ---- A Python that comes first ---- */

/* Reads the lines "key value" of a boot file. */
static bool read_boot(const char *path, py_boot_info *info) {
  FILE *f = fopen(path, "re");
  char *line = NULL;
  size_t size = 0;
  ssize_t n;
  if (!f)
    return false;
  while ((n = getline(&line, &size, f)) > 0) {
    char *value = strchr(line, ' ');
    if (!value)
      continue;
    *value++ = 0;
    value[strcspn(value, "\n")] = 0;
    if (!strcmp(line, "library"))
      info->library = strdup(value);
    else if (!strcmp(line, "executable"))
      info->executable = strdup(value);
    else if (!strcmp(line, "faces"))
      info->faces = strdup(value);
    else if (!strcmp(line, "name") && !info->name)
      info->name = strdup(value);
  }
  free(line);
  fclose(f);
  return info->library && info->executable && info->faces;
}

/* Whether path is a name that Prepare made: python… beside a boot file, whose
   path is written to boot. */
static bool has_boot(const char *path, char boot[PATH_MAX]) {
  const char *slash = strrchr(path, '/');
  if (!slash || strncmp(slash + 1, "python", 6) != 0)
    return false;
  int n = snprintf(boot, PATH_MAX, "%.*s/puff.boot", (int)(slash - path), path);
  return n > 0 && n < PATH_MAX && access(boot, R_OK) == 0;
}

/* Finds the boot file of a name, which may be a link to a link to one that has
   it: venvs and tests make such. */
static bool find_boot(const char *name, char boot[PATH_MAX]) {
  char path[PATH_MAX], target[PATH_MAX];
  if (!name || !strchr(name, '/') || strlen(name) >= sizeof path)
    return false;
  strcpy(path, name);
  for (int hops = 0; hops < 40; hops++) {
    if (has_boot(path, boot))
      return true;
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0)
      return false;
    target[n] = 0;
    char *slash = strrchr(path, '/');
    size_t keep = target[0] == '/' ? 0 : (size_t)(slash + 1 - path);
    if (keep + (size_t)n >= sizeof path)
      return false;
    strcpy(path + keep, target);
  }
  return false;
}

static char *absolute(const char *name) {
  char path[PATH_MAX], *out = NULL;
  if (name[0] == '/' || !getcwd(path, sizeof path))
    return strdup(name);
  while (name[0] == '.' && name[1] == '/')
    name += 2;
  return asprintf(&out, "%s/%s", path, name) < 0 ? strdup(name) : out;
}

/* Whether a link lies in an environment of its own, by the rules that Python
   finds its prefix by. */
static bool has_environment(const char *name) {
  static const char *const marks[] = {"%.*s/pyvenv.cfg", "%.*s/../pyvenv.cfg"};
  char path[PATH_MAX];
  int folder = (int)(strrchr(name, '/') - name);
  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    snprintf(path, sizeof path, marks[i], folder, name);
    if (access(path, F_OK) == 0)
      return true;
  }
  snprintf(path, sizeof path, "%s._pth", name);
  return access(path, F_OK) == 0;
}

/* By what name are we python? The one that was executed; in a script with #!
   that is the script's, and by descriptor (fexecve) it is none: then argv[0] is
   it. */
static const char *python_name(char **argv, char boot[PATH_MAX]) {
  const char *names[] = {(const char *)getauxval(AT_EXECFN), argv[0]};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (find_boot(names[i], boot))
      return names[i];
  return NULL;
}

/* Runs before Go's own start. Two ways in: the variable that our command sets
   when it turns itself into a Python program, and a name that begins with
   "python" in a folder with a boot file. Everything else goes on to Go. */
__attribute__((constructor)) static void begin(int argc, char **argv) {
  static py_boot_info info;
  const char *boot = getenv("PUFF_BOOT"), *name = NULL;
  char path[PATH_MAX];
  if (boot) {
    snprintf(path, sizeof path, "%s", boot);
    unsetenv("PUFF_BOOT");
    info.program = 1;
    /* For Go alone: programs that Python starts must not take it for theirs. */
    const char *note = getenv("PUFF_WORKER");
    carried = note ? strdup(note) : NULL;
    unsetenv("PUFF_WORKER");
  } else {
    name = python_name(argv, path);
    if (!name)
      return;
    info.argc = argc;
    info.argv = argv;
    info.name = absolute(name);
  }
  if (!read_boot(path, &info)) {
    fprintf(stderr, "puff: read %s: it does not say which Python to load\n",
            path);
    exit(1);
  }
  if (name && has_environment(info.name))
    info.executable = info.name;
  hosted = info.program ? AS_PUFF : AS_PYTHON;
  go_argc = argc;
  go_argv = argv;
  int status = py_run(&info);
  if (info.program) {
    fflush(NULL);
    _exit(status);
  }
  exit(status);
}
