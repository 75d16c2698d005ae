/*
 * py.h: the treaty between Go and Python.
 *
 * The two share memory, not stacks. Go never calls into the interpreter and
 * Python never calls into Go (but for ask.c): each writes records into rings in
 * C memory and wakes the other only when it sleeps. What C knows is Python and
 * memory; what a message means is known on either side of it, never here.
 *
 *   lane   a thread (or event loop) that runs Python, with one inbox per port
 *   port   one producer in Go, with a ring to the lane and an office for
 * answers office a ring from Python to Go: one consumer in Go, any thread of
 * Python
 *
 * Fields are plain integers so that Go can read them; both sides touch head,
 * tail and sleeping with atomic operations only.
 */
#ifndef PUFF_PY_H
#define PUFF_PY_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Sizes. A record larger than a quarter of its ring travels as a pointer. */
enum {
  PY_MAX_LANES = 4096,
  PY_MAX_PORTS = 16,
  PY_MAX_OFFICES = 32,
  PY_MIN_RING = 4096,
  PY_BATCH = 64,      /* records one take hands out */
  PY_MAX_DEPTH = 100, /* nesting of a value */
  PY_MAX_DAYS =
      106753, /* of a timedelta: what Go has nanoseconds for ends before */
};
#define PY_MAX_VALUE ((uint64_t)1 << 30) /* bytes of one value */

/* What a record asks for. The first group travels Go to Python. */
enum py_kind {
  PY_PAD = 0,     /* fills the end of a ring; never seen by a reader */
  PY_CALL = 1,    /* call handle `target` with the value; answer `ticket` */
  PY_RESULT = 2,  /* the value answers `ticket` */
  PY_ERROR = 3,   /* the error in the value answers `ticket` */
  PY_CANCEL = 4,  /* nobody waits for `ticket` any more: stop it */
  PY_RELEASE = 5, /* forget handle `target` */
  PY_DEFINE = 6,  /* the value becomes key or template number `ticket` */
  PY_PUSH = 7,    /* the value goes into channel `target` */
  PY_CREDIT = 8,  /* channel `target` may send `ticket` bytes more */
  PY_CLOSE = 9,   /* channel `target` has no other end any more */
  PY_STOP = 10,   /* the lane ends */
  PY_SEND = 11,   /* Python to Go: a value sent into the channel of `ticket` */
  PY_PULL = 12,   /* Python to Go: the channel of `ticket` wants a value */
};

/* Tags of encoded values: one byte, then the payload, little endian. */
enum py_tag {
  PY_T_NONE = 0,
  PY_T_TRUE = 1,
  PY_T_FALSE = 2,
  PY_T_INT = 3,       /* i64 */
  PY_T_BIG = 4,       /* u32 n, hexadecimal digits with sign */
  PY_T_FLOAT = 5,     /* f64 */
  PY_T_STR = 6,       /* u32 n, UTF-8, lone surrogates allowed */
  PY_T_LATIN1 = 7,    /* u32 n, ISO 8859-1; Go to Python only */
  PY_T_BYTES = 8,     /* u32 n, bytes */
  PY_T_LIST = 9,      /* u32 n, values */
  PY_T_TUPLE = 10,    /* u32 n, values */
  PY_T_DICT = 11,     /* u32 n, pairs */
  PY_T_DATETIME = 12, /* i32 year, u8 month day hour minute second, i32 us,
                         u8 has offset, i32 offset in s, u8 fold */
  PY_T_DATE = 13,     /* i32 year, u8 month, u8 day */
  PY_T_TIME = 14,     /* as datetime without the date */
  PY_T_DELTA = 15,    /* i32 days, i32 seconds, i32 us */
  PY_T_UUID = 16,     /* 16 bytes, network order */
  PY_T_DECIMAL = 17,  /* u32 n, text */
  PY_T_HANDLE = 18,   /* u64: the object behind a handle */
  PY_T_KEY = 19,      /* u16: defined value, shared */
  PY_T_COPY = 20,     /* u16 template, u32 n, pairs: a copy with more in it */
  PY_T_ERROR = 21,    /* three values: kind, message, detail */
  PY_T_ROWS = 22,     /* u64: handle of a subclass of tuple; a list of tuples,
                         each to be one of it; Go to Python only */
};

/* A record: this head, then `size` bytes of value, padded to 8. When spilled,
   the payload is a pointer to malloc'ed bytes and their number. */
typedef struct py_record {
  uint32_t size;
  uint8_t kind;
  uint8_t spilled;
  uint16_t lane; /* who asks: answers to PY_CALL from Python go there */
  uint64_t ticket;
  uint64_t target;
} py_record;

/* A ring of bytes with one writer and one reader. Positions only grow. */
typedef struct py_ring {
  uint64_t head; /* the reader's */
  uint8_t pad0[56];
  uint64_t tail; /* the writer's */
  uint8_t pad1[56];
  uint64_t size; /* bytes, a power of two */
  uint8_t *data;
} py_ring;

typedef struct py_office {
  py_ring ring;
  uint32_t sleeping; /* the reader in Go waits on fd */
  uint32_t open;
  int fd;                /* eventfd, non-blocking */
  uint32_t id;           /* the top byte of the tickets it answers */
  pthread_mutex_t write; /* Python threads write, and wake, one at a time */
} py_office;

/* Times that something took: how often each power of four, and their sum. */
enum { PY_TIMES = 12 };
typedef struct py_times {
  uint64_t sum;             /* ns */
  uint64_t count[PY_TIMES]; /* i: less than 1024 << 2i ns; the last: the rest */
} py_times;

typedef struct py_port {
  py_ring ring;
  uint64_t since;   /* when the writer found the ring empty, in ns of the
                       monotonic clock; 0: the reader has noted that */
  uint32_t starved; /* the writer waits for room in the ring, ... */
  py_office
      *office; /* ... and sleeps as the reader of this; NULL: it does not */
} py_port;

typedef struct py_lane {
  uint32_t sleeping; /* the lane waits on fd */
  uint32_t closed;   /* 1: nobody reads any more */
  int fd;            /* eventfd, non-blocking */
  uint32_t id;
  uint32_t nports;
  uint32_t busy;   /* inside take: taking is not re-entrant */
  uint32_t nudged; /* another thread of Python has something for it */
  uint64_t taken;  /* records handed out, for those who ask whether it lives */
  uint64_t turn;   /* since when its thread works on what it took and will take
                      again, in ns; 0: nobody knows whether it will */
  /* Written by the lane's thread while `measured`, read by anybody. */
  uint32_t measured; /* somebody wants to know the following */
  clockid_t cpu;     /* the clock of the lane's thread */
  uint64_t asleep;   /* since when, in ns; 0: it is not */
  uint64_t slept;    /* ns before that */
  py_times waits;    /* of records in a ring, the first of each batch */
  py_times gil;      /* from waking up to holding the GIL */
  py_port *ports[PY_MAX_PORTS];
} py_lane;

/* Asking Go on the thread that asks (ask.c). */
enum py_went {
  PY_ASK_NO = 0,    /* not here: send a PY_CALL */
  PY_ASK_WAITS = 1, /* it goes on when fd is readable */
  PY_ASK_DONE = 2,  /* the answer is there */
};
typedef struct py_asked {
  uint8_t *value; /* room, or what malloc gave */
  uint64_t size;
  int fd, went;
  uint8_t kind; /* PY_RESULT or PY_ERROR */
  uint8_t room[4096];
} py_asked;

/* What Python was found, and what to run in it. Strings live for ever. */
typedef struct py_boot_info {
  char *library;    /* libpython to load */
  char *executable; /* the python whose environment it is: argv[0] */
  char *faces;      /* folder that holds the package puff */
  char *name;       /* what sys.executable says; NULL: executable */
  int argc;
  char **argv; /* of Python, argv[0] ignored */
  int program; /* 1: run _boot.main() instead of what argv says */
} py_boot_info;

/* py_hosted tells whether Python came first: 0 no, 1 as python, 2 as puff. */
int py_hosted(void);
/* py_carried returns what PUFF_WORKER said when Python began, NULL if nothing.
 */
const char *py_carried(void);
/* py_go_ready is called by Go once, when it serves a Python that came first. */
void py_go_ready(void);
/* py_start_thread runs Python on a thread of its own (16 MiB of stack), for a
   Go that came first. Returns 0 or an errno. info is kept. */
int py_start_thread(py_boot_info *info);
/* py_wait_thread waits for that thread to end and returns Python's status. */
int py_wait_thread(void);

/* py_lane_at returns a lane by number, NULL when there is none (borrowed). */
py_lane *py_lane_at(uint32_t id);
/* py_lane_measure has a lane measure, from now on. */
void py_lane_measure(py_lane *lane);
/* py_office_open makes an office whose ring holds size bytes; NULL: too many.
   py_office_shut has Python write no more: what it wrote can still be read.
   py_office_close gives the place back; nobody may use it after. */
py_office *py_office_open(uint64_t size);
void py_office_shut(py_office *office);
void py_office_close(py_office *office);
/* py_port_open adds a port to a lane; NULL: too many, or the lane is closed. */
py_port *py_port_open(py_lane *lane, uint64_t size);

/* py_late_open returns a timerfd, always the same, that is readable when Go has
   to be woken for what a lane asked and did not tell; -1: there is none. */
int py_late_open(void);

/* py_watch_signals makes each of the given signals write its number to fd
   (one byte). A handler that Python sets later is kept and called as well. */
void py_watch_signals(int fd, const int *signals, int n);

#endif
