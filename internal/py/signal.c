/*
 * signal.c: who owns which signal. Go installs a handler for each when it starts;
 * in a process that Python began, what Python and the program had set is put back
 * at once. The few that Puff itself listens to are watched: a byte goes down a
 * pipe, and a handler that the program set is called as well.
 */
#include "capi.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { SIGNALS = 65 };
static struct sigaction saved[SIGNALS];
static struct sigaction chained[SIGNALS]; /* the program's own, if it set one */
static bool watched[SIGNALS];
static int watch_fd = -1;

/* Signals that Go can not do without; the default action of each is useless to a
   program (URG, PROF) or death all the same. */
static bool needed_by_go(int s) {
  return s == SIGURG || s == SIGPROF || s == SIGSEGV || s == SIGBUS ||
         s == SIGFPE;
}

void py_signals_save(void) {
  for (int s = 1; s < SIGNALS; s++)
    sigaction(s, NULL, &saved[s]);
}

void py_signals_restore(void) {
  for (int s = 1; s < SIGNALS; s++) {
    if (s == SIGKILL || s == SIGSTOP || s == 32 || s == 33)
      continue; /* 32 and 33 belong to the C library */
    bool set = (saved[s].sa_flags & SA_SIGINFO) ||
               saved[s].sa_handler != SIG_DFL;
    if (needed_by_go(s) && !set)
      continue;
    sigaction(s, &saved[s], NULL);
  }
}

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
  sigaction(s, &a, NULL);
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
  if (s <= 0 || s >= SIGNALS || !watched[s] || sigaction(s, NULL, &now) < 0)
    return;
  if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal)
    return;
  chained[s] = now;
  install(s);
}
