/* Our book behind the interface of the public harness flash1-dev/matching-engine-benchmark (its api/ is on the include
 * path; nothing of it is in this repository). See __main__.py, which compiles this.
 *
 * engine_init starts a Python that loads the compiled kernels and says where they are; from then on no Python runs: each
 * message is one call of `match` (bench/kernel/entries.py), which writes its reports straight into the ring that the
 * harness's drainer reads. The ring's memory is mapped twice, one behind the other, so that the reports of a message
 * always have room in one piece.
 *
 * To the letter by default; compiled with -DBATCHES, the harness hands over runs of messages, and the kernel prefetches
 * what the next ones of the run will touch, which the harness's contract does not allow: say so beside the figure. */
#define _GNU_SOURCE
#include <Python.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "matching_engine_api.h"

typedef struct { /* MESSAGE of bench/conformance/kernel.py */
    uint8_t type, side, ioc, pad;
    uint32_t quantity;
    uint64_t sequence, order_id;
    int64_t price, reserved;
} message_t;

typedef struct { /* REPORT */
    uint64_t sequence, order_id, maker_id;
    int32_t price;
    uint32_t quantity;
    uint8_t kind, side, pad[6];
} report_t;

enum { REPORTS = 1 << 17, ROOM = REPORTS / 2, RUN = 256 }; /* a message that gives more than ROOM reports ends the run */

static struct {
    _Alignas(64) _Atomic uint64_t published;
    _Alignas(64) _Atomic uint64_t taken;
    _Alignas(64) uint64_t written, seen_taken; /* the matcher's own */
    report_t *reports;
} ring;

static int64_t book;
static int64_t (*match)(int64_t, int64_t, int64_t, int64_t, int64_t);
static int64_t (*best)(int64_t, int64_t);
static int64_t (*depth)(int64_t, int64_t, int64_t);

static void give_up(const char *why) {
    fprintf(stderr, "exchange adapter: %s\n", why);
    if (Py_IsInitialized() && PyErr_Occurred()) PyErr_Print();
    exit(4);
}

static void *ring_create(uint32_t capacity) {
    (void)capacity;
    size_t size = sizeof(report_t) * REPORTS;
    int file = memfd_create("reports", 0);
    if (file < 0 || ftruncate(file, (off_t)size)) give_up("no memory for reports");
    char *place = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int half = 0; half < 2; half++)
        if (mmap(place + half * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, file, 0) == MAP_FAILED)
            give_up("reports cannot be mapped twice");
    close(file);
    ring.reports = (report_t *)place;
    ring.written = ring.seen_taken = 0;
    ring.published = ring.taken = 0;
    return &ring;
}

static uint32_t ring_drain(void *handle, me_report_t *out, uint32_t most) {
    (void)handle;
    uint64_t at = atomic_load_explicit(&ring.taken, memory_order_relaxed);
    uint64_t count = atomic_load_explicit(&ring.published, memory_order_acquire) - at;
    if (count > most) count = most;
    for (uint64_t n = 0; n < count; n++) {
        const report_t *r = &ring.reports[(at + n) % REPORTS];
        int is_trade = r->kind == ME_TRADE;
        out[n] = (me_report_t){
            .type = r->kind, .side = r->side, .sequence_number = r->sequence, .order_id = is_trade ? 0 : r->order_id,
            .price_ticks = r->price, .quantity = r->quantity,
            .maker_order_id = is_trade ? r->maker_id : 0, .taker_order_id = is_trade ? r->order_id : 0};
    }
    atomic_store_explicit(&ring.taken, at + count, memory_order_release);
    return (uint32_t)count;
}

static int ring_push(void *handle, const me_report_t *report) { (void)handle, (void)report; return 0; /* unused */ }
static void ring_flush(void *handle) { (void)handle; }
static void ring_destroy(void *handle) { (void)handle; munmap(ring.reports, 2 * sizeof(report_t) * REPORTS); }

const me_transport_t *engine_get_transport(void) {
    static const me_transport_t transport = {ring_create, ring_push, ring_drain, ring_flush, ring_destroy};
    return &transport;
}

static void run(const message_t *messages, int64_t count) {
    while (ring.written - ring.seen_taken > ROOM)
        ring.seen_taken = atomic_load_explicit(&ring.taken, memory_order_acquire);
    report_t *place = &ring.reports[ring.written % REPORTS];
    int64_t made = match(book, (int64_t)messages, count, (int64_t)place, ROOM);
    if (made >= ROOM) give_up("more reports than the ring has room for");
    ring.written += (uint64_t)made;
    atomic_store_explicit(&ring.published, ring.written, memory_order_release);
}

static message_t of_new(const new_order_t *o) {
    return (message_t){.type = 0, .side = o->side, .ioc = o->ioc, .quantity = o->quantity,
                       .sequence = o->sequence_number, .order_id = o->order_id, .price = o->price_ticks};
}
static message_t of_cancel(const cancel_t *c) {
    return (message_t){.type = 1, .sequence = c->sequence_number, .order_id = c->order_id};
}
static message_t of_modify(const modify_t *m) {
    return (message_t){.type = 2, .side = m->side, .quantity = m->new_quantity, .sequence = m->sequence_number,
                       .order_id = m->order_id, .price = m->new_price_ticks};
}

void engine_on_new_order(const new_order_t *o) { message_t m = of_new(o); run(&m, 1); }
void engine_on_cancel(const cancel_t *c) { message_t m = of_cancel(c); run(&m, 1); }
void engine_on_modify(const modify_t *d) { message_t m = of_modify(d); run(&m, 1); }

#ifdef BATCHES
void engine_on_batch(const me_msg_t *given, uint32_t count) {
    message_t messages[RUN];
    for (uint32_t at = 0; at < count;) {
        int64_t n = 0;
        for (; n < RUN && at < count; n++, at++)
            messages[n] = given[at].type == 0   ? of_new(&given[at].no)
                          : given[at].type == 1 ? of_cancel(&given[at].c)
                                                : of_modify(&given[at].md);
        run(messages, n);
    }
}
#endif

void engine_init(uint64_t seed, const me_transport_t *transport, void *sink) {
    (void)seed, (void)transport, (void)sink;
    dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL); /* the harness loads us locally: extensions would not find Python's symbols */
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.install_signal_handlers = 0;
    PyConfig_SetBytesString(&config, &config.program_name, PYTHON);
    if (PyStatus_Exception(Py_InitializeFromConfig(&config))) give_up("no Python");
    PyList_Insert(PySys_GetObject("path"), 0, PyUnicode_FromString(ROOT));
    PyObject *module = PyImport_ImportModule("bench.peers.harness.engine");
    PyObject *places = module ? PyObject_CallMethod(module, "start", NULL) : NULL;
    long long words[4];
    if (!places || !PyArg_ParseTuple(places, "LLLL", &words[0], &words[1], &words[2], &words[3]))
        give_up("the kernels cannot be loaded");
    book = words[0];
    match = (void *)words[1];
    best = (void *)words[2];
    depth = (void *)words[3];
}

void engine_shutdown(void) {}
void engine_flush(void) {}

int64_t engine_query_best_bid(void) { int64_t price = best(book, 0); return price ? price : INT64_MIN; }
int64_t engine_query_best_ask(void) { int64_t price = best(book, 1); return price ? price : INT64_MAX; }
uint64_t engine_query_depth_at(int64_t price, uint8_t side) { return (uint64_t)depth(book, side, price); }
