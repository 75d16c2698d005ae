/*
 * signal.c: who owns which signal. In a process that Python began, signals are
 * Python's: the runtime of Go asks for a handler for each of them when it
 * starts, and gets only those it can not do without, and of these only the
 * signals that it sent itself or that its own code caused. The few that Puff
 * listens to are watched: a byte goes down a pipe, and a handler that the
 * program set is called as well.
 */
#define _GNU_SOURCE
#include "capi.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { SIGNALS = 65 };
static struct sigaction chained[SIGNALS]; /* the program's own, if it set one */
static bool watched[SIGNALS];
static int watch_fd = -1;

/* ---- What Go gets ---- */

/* The linker sends each sigaction of this binary, which is how the runtime of
   Go installs its handlers too, to __wrap_sigaction (see signal.go). Putting
   things back after Go had started instead lost signals that came in between.
 */
extern int __real_sigaction(int s, const struct sigaction *to,
                            struct sigaction *old);
extern const char __executable_start[], etext[];

static bool go_starts;
static struct sigaction go_action[SIGNALS]; /* what Go asked for */
static struct sigaction before[SIGNALS];    /* what it would have replaced */

void py_signals_go_starts(bool starts) {
  __atomic_store_n(&go_starts, starts, __ATOMIC_RELEASE);
}

static bool is_fault(int s) {
  return s == SIGSEGV || s == SIGBUS || s == SIGFPE;
}

/* Faults are panics in Go, URG preempts its threads, PROF is its profiler's. */
static bool is_shared(int s) {
  return is_fault(s) || s == SIGURG || s == SIGPROF;
}

/* Whether the code that a signal interrupted is this binary's, not a library's.
 */
static bool in_binary(const ucontext_t *context) {
#if defined(__x86_64__)
  const char *at = (const char *)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
  const char *at = (const char *)context->uc_mcontext.pc;
#else
  const char *at = etext;
#endif
  return at >= __executable_start && at < etext;
}

static bool is_gos(int s, const siginfo_t *info, const void *context) {
  if (py_forked)
    return false;
  if (is_fault(s))
    return info->si_code > 0 && in_binary(context);
  if (s == SIGPROF)
    return info->si_code == SI_TIMER;
  return info->si_code == SI_TKILL && info->si_pid == getpid();
}

static void on_shared(int s, siginfo_t *info, void *context) {
  const struct sigaction *next = &before[s];
  if (is_gos(s, info, context))
    next = &go_action[s];
  if (next->sa_flags & SA_SIGINFO) {
    next->sa_sigaction(s, info, context);
    return;
  }
  bool ignored = next->sa_handler == SIG_IGN;
  if (!ignored && next->sa_handler != SIG_DFL) {
    next->sa_handler(s);
    return;
  }
  /* The default of URG is to be ignored; a fault can not be. */
  if (s == SIGURG || (ignored && !is_fault(s)))
    return;
  struct sigaction dies = {.sa_handler = SIG_DFL};
  __real_sigaction(s, &dies, NULL);
  /* Delivered when this handler returns. A fault happens again by itself. */
  if (info->si_code <= 0)
    raise(s);
}

/* Whether Go, starting first, would take QUIT although it is ignored, as it is
   in what a shell runs in the background. Go leaves only HUP and INT so;
   Python, and what it starts, find all signals as they were. */
static bool stays_ignored(int s, const struct sigaction *now) {
  static bool asked;
  if (s != SIGQUIT || asked)
    return false;
  asked = true;
  return now->sa_handler == SIG_IGN;
}

int __wrap_sigaction(int s, const struct sigaction *to, struct sigaction *old) {
  struct sigaction now;
  if (!to)
    return __real_sigaction(s, to, old);
  if (__real_sigaction(s, NULL, &now) < 0)
    return -1;
  if (!__atomic_load_n(&go_starts, __ATOMIC_ACQUIRE)) {
    if (!stays_ignored(s, &now))
      return __real_sigaction(s, to, old);
    if (old)
      *old = now;
    return 0;
  }
  /* Only its flags: an alternate stack, which Go's threads need. */
  if (now.sa_sigaction == to->sa_sigaction)
    return __real_sigaction(s, to, old);
  if (old)
    *old = now;
  if (s <= 0 || s >= SIGNALS || !is_shared(s))
    return 0;
  struct sigaction ours = *to;
  ours.sa_sigaction = on_shared;
  before[s] = now;
  go_action[s] = *to;
  return __real_sigaction(s, &ours, NULL);
}

/* ---- What Puff listens to ---- */

static void on_signal(int s, siginfo_t *info, void *context) {
  int keep = errno;
  struct sigaction *next = &chained[s];
  bool has_next = (next->sa_flags & SA_SIGINFO) ||
                  (next->sa_handler != SIG_DFL && next->sa_handler != SIG_IGN);
  if (py_forked && !has_next) {
    /* A child made by fork has nobody who reads the pipe. */
    signal(s, SIG_DFL);
    raise(s);
    return;
  }
  if (!py_forked) {
    unsigned char byte = (unsigned char)s;
    if (write(watch_fd, &byte, 1) < 0 && errno == EINTR)
      (void)!write(watch_fd, &byte, 1);
  }
  if (has_next) {
    if (next->sa_flags & SA_SIGINFO)
      next->sa_sigaction(s, info, context);
    else
      next->sa_handler(s);
  }
  errno = keep;
}

static void install(int s) {
  struct sigaction a;
  memset(&a, 0, sizeof a);
  a.sa_sigaction = on_signal;
  a.sa_flags = SA_SIGINFO | SA_ONSTACK;
  __real_sigaction(s, &a, NULL);
}

void py_watch_signals(int fd, const int *signals, int n) {
  watch_fd = fd;
  for (int i = 0; i < n; i++) {
    int s = signals[i];
    if (s <= 0 || s >= SIGNALS)
      continue;
    watched[s] = true;
    install(s);
  }
}

void py_signals_rewatch(int s) {
  struct sigaction now;
  if (s <= 0 || s >= SIGNALS || !watched[s] ||
      __real_sigaction(s, NULL, &now) < 0)
    return;
  if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal)
    return;
  chained[s] = now;
  install(s);
}
