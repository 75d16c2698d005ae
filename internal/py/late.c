/*
 * late.c: waking Go once for the calls of a turn. Where a lane has just taken
 * several answers, those who got them will ask again, one after the other: Go
 * is woken when the lane takes next, or by a clock, whatever the lane does.
 */
#include "capi.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
  SOON = 250000,    /* ns: how long a turn may have run where calls wait */
  LATEST = 10000000 /* ns: when Go is woken for a turn that does not end */
};

static int clock_fd = -1;

int py_late_open(void) {
  int fd = __atomic_load_n(&clock_fd, __ATOMIC_ACQUIRE);
  if (fd < 0) {
    fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    __atomic_store_n(&clock_fd, fd, __ATOMIC_RELEASE);
  }
  return fd;
}

/* Whether the clock goes off after now, wherever it stands. Setting it costs
   more than a call, so one setting does for the turns of a while. */
static bool wound(uint64_t now) {
  static uint64_t until;
  struct itimerspec when = {.it_value.tv_nsec = LATEST};
  if (__atomic_load_n(&until, __ATOMIC_ACQUIRE) > now)
    return true;
  int fd = __atomic_load_n(&clock_fd, __ATOMIC_ACQUIRE);
  if (fd < 0 || timerfd_settime(fd, 0, &when, NULL) < 0)
    return false;
  __atomic_store_n(&until, now + LATEST, __ATOMIC_RELEASE);
  return true;
}

void py_late_asked(const py_lane *l, py_office *office) {
  uint64_t now;
  if (l->turn && (now = py_now()) - l->turn < SOON && wound(now))
    return;
  py_office_written(office);
}
