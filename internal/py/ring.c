/*
 * ring.c: lanes, offices and the rings between them (stop 4 of 5 on the C side:
 * Go's half is lane.go). Nothing here knows Python but for the fork guard.
 */
#define _GNU_SOURCE
#include "capi.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

static py_lane *lanes[PY_MAX_LANES];
static py_office *offices[PY_MAX_OFFICES];
static pthread_mutex_t tables = PTHREAD_MUTEX_INITIALIZER;
bool py_forked;

/* Memory of a ring comes untouched from the kernel: what is never used costs
   nothing. */
static int ring_open(py_ring *ring, uint64_t size) {
  if (size < PY_MIN_RING || (size & (size - 1)))
    return -1;
  void *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED)
    return -1;
  memset(ring, 0, sizeof *ring);
  ring->size = size;
  ring->data = data;
  return 0;
}

/* A record with a spilled payload that nobody will read still owns it. */
static void ring_close(py_ring *ring) {
  while (ring->head < ring->tail) {
    uint64_t at = ring->head & (ring->size - 1);
    py_record *r = (py_record *)(ring->data + at);
    if (r->kind == PY_PAD) {
      ring->head += ring->size - at;
      continue;
    }
    if (r->spilled)
      free(*(void **)(r + 1));
    ring->head += sizeof *r + (r->spilled ? 16 : (r->size + 7) & ~7u);
  }
  munmap(ring->data, ring->size);
  ring->data = NULL;
}

static void *shared_alloc(size_t size) {
  void *p = aligned_alloc(64, (size + 63) & ~(size_t)63);
  if (p)
    memset(p, 0, size);
  return p;
}

py_lane *py_lane_at(uint32_t id) {
  return id < PY_MAX_LANES ? __atomic_load_n(&lanes[id], __ATOMIC_ACQUIRE)
                           : NULL;
}

/* Lanes are kept when closed and taken again: Go may still hold one. */
py_lane *py_lane_open(void) {
  pthread_mutex_lock(&tables);
  py_lane *lane = NULL;
  for (uint32_t id = 0; id < PY_MAX_LANES; id++) {
    py_lane *l = lanes[id];
    if (l && l->closed != 2)
      continue;
    if (!l) {
      l = shared_alloc(sizeof *l);
      if (!l)
        break;
      l->id = id;
      l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (l->fd < 0) {
        free(l);
        break;
      }
      __atomic_store_n(&lanes[id], l, __ATOMIC_RELEASE);
    }
    l->sleeping = l->busy = l->nudged = l->measured = 0;
    l->asleep = 0;
    pthread_getcpuclockid(pthread_self(), &l->cpu);
    __atomic_store_n(&l->closed, 0, __ATOMIC_RELEASE);
    lane = l;
    break;
  }
  pthread_mutex_unlock(&tables);
  return lane;
}

/* Who opened a port on a lane holds its ring: such a lane is never taken again.
 */
void py_lane_close(py_lane *lane, bool done) {
  pthread_mutex_lock(&tables);
  __atomic_store_n(&lane->closed, done && lane->nports < 2 ? 2 : 1,
                   __ATOMIC_RELEASE);
  pthread_mutex_unlock(&tables);
}

py_port *py_port_open(py_lane *lane, uint64_t size) {
  py_port *port = NULL;
  pthread_mutex_lock(&tables);
  uint32_t n = lane->nports;
  if (n < PY_MAX_PORTS && !lane->closed &&
      (port = shared_alloc(sizeof *port))) {
    if (ring_open(&port->ring, size) < 0) {
      free(port);
      port = NULL;
    } else {
      lane->ports[n] = port;
      __atomic_store_n(&lane->nports, n + 1, __ATOMIC_RELEASE);
    }
  }
  pthread_mutex_unlock(&tables);
  return port;
}

/* Offices are kept when closed, with their descriptor and lock: a thread of
   Python may be about to use one. The number of the next in the same place
   differs, so that no answer to the last one's tickets reaches it. */
static py_office *office_at(uint32_t place) {
  py_office *office = offices[place];
  if (office)
    return office;
  if (!(office = shared_alloc(sizeof *office)))
    return NULL;
  office->id = place;
  office->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (office->fd < 0) {
    free(office);
    return NULL;
  }
  pthread_mutex_init(&office->write, NULL);
  __atomic_store_n(&offices[place], office, __ATOMIC_RELEASE);
  return office;
}

py_office *py_office_open(uint64_t size) {
  py_office *office = NULL;
  pthread_mutex_lock(&tables);
  for (uint32_t place = 0; place < PY_MAX_OFFICES; place++) {
    if (!(office = office_at(place)))
      break;
    pthread_mutex_lock(&office->write);
    bool taken = office->ring.data;
    bool ok = !taken && ring_open(&office->ring, size) == 0;
    if (ok) {
      uint64_t wakes; /* of the one before */
      while (read(office->fd, &wakes, sizeof wakes) < 0 && errno == EINTR)
        ;
      __atomic_store_n(&office->sleeping, 0, __ATOMIC_SEQ_CST);
      __atomic_store_n(&office->open, 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&office->write);
    if (ok)
      break;
    office = NULL;
    if (!taken)
      break;
  }
  pthread_mutex_unlock(&tables);
  return office;
}

void py_office_shut(py_office *office) {
  pthread_mutex_lock(&office->write);
  __atomic_store_n(&office->open, 0, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&office->write);
}

void py_office_close(py_office *office) {
  py_office_shut(office);
  pthread_mutex_lock(&office->write);
  if (office->ring.data) {
    office->id = (office->id + PY_MAX_OFFICES) & 0xff;
    ring_close(&office->ring);
  }
  pthread_mutex_unlock(&office->write);
}

py_office *py_office_of(uint64_t ticket) {
  return __atomic_load_n(&offices[(ticket >> 56) % PY_MAX_OFFICES],
                         __ATOMIC_ACQUIRE);
}

bool py_office_answers(const py_office *office, uint64_t ticket) {
  return office->open && office->id == ticket >> 56;
}

/* Room for a record of `want` bytes in one piece, NULL when there is none;
   *room says how much may be written there. Nothing is visible before the tail
   moves behind it. */
uint8_t *py_ring_reserve(py_ring *ring, uint64_t want, uint64_t *room) {
  uint64_t head = __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE);
  uint64_t tail = ring->tail;
  uint64_t space = ring->size - (tail - head);
  uint64_t at = tail & (ring->size - 1), whole = ring->size - at;
  if (whole >= want) {
    *room = space < whole ? space : whole;
    return *room >= want ? ring->data + at : NULL;
  }
  if (space < whole + want)
    return NULL;
  ((py_record *)(ring->data + at))->kind = PY_PAD;
  *room = space - whole;
  return ring->data;
}

/* The mark and the descriptor change together, under the lock: a wake meant for
   an office that was closed meanwhile would stay in the descriptor of the next.
 */
void py_office_wake(py_office *office) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (!__atomic_load_n(&office->sleeping, __ATOMIC_RELAXED))
    return;
  pthread_mutex_lock(&office->write);
  if (office->open &&
      __atomic_exchange_n(&office->sleeping, 0, __ATOMIC_SEQ_CST)) {
    uint64_t one = 1;
    while (write(office->fd, &one, sizeof one) < 0 && errno == EINTR)
      ;
  }
  pthread_mutex_unlock(&office->write);
}

/* Wakes whoever sleeps although there is something to read: called before a
   lane takes more work, so that the answers of a batch cost one wake. */
void py_offices_wake(void) {
  for (int i = 0; i < PY_MAX_OFFICES; i++) {
    py_office *o = __atomic_load_n(&offices[i], __ATOMIC_ACQUIRE);
    if (!o)
      return;
    if (__atomic_load_n(&o->open, __ATOMIC_RELAXED) &&
        __atomic_load_n(&o->sleeping, __ATOMIC_RELAXED) &&
        __atomic_load_n(&o->ring.tail, __ATOMIC_RELAXED) !=
            __atomic_load_n(&o->ring.head, __ATOMIC_RELAXED))
      py_office_wake(o);
  }
}

__thread bool py_batching;

static bool one_processor(void) {
  static int count;
  if (!count) {
    cpu_set_t set;
    count = sched_getaffinity(0, sizeof set, &set) ? 2 : CPU_COUNT(&set);
  }
  return count == 1;
}

/* With a processor to spare Go writes the first answers while Python makes the
   next; with one, waking it would only take Python's, unless there is much. */
void py_office_written(py_office *office) {
  enum { MUCH = 1 << 20 };
  bool one = one_processor();
  uint64_t waiting =
      office->ring.tail - __atomic_load_n(&office->ring.head, __ATOMIC_RELAXED);
  if (!py_batching || !one || waiting > MUCH)
    py_office_wake(office);
}

/* In a forked child no thread of Go exists: whoever waits for it, waits for
   ever. So each entry asks py_forked and raises. */
static void forked(void) { py_forked = py_hosted() >= 0; }

void py_fork_guard(void) { pthread_atfork(NULL, NULL, forked); }
