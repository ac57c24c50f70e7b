/* One run of a load: who may send sends, who has received acknowledges, all of a turn in one write a connection. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 16 }; /* a turn: few, so that the server has something to do while we handle the next */

struct order {
    uint32_t in_flight;
    uint32_t until_settled; /* in flight until the server says it has it; else until it has arrived */
    uint32_t settles;       /* whether the server says so at all */
    uint32_t acknowledge_after_us;
    uint32_t warm_up_ms, window_ms;
};

static struct order order;
static bool running, sending, in_window;
static int64_t now;
static uint64_t sent, arrived, settled_count, refused_count;
static struct connection *dirty[MOST], *may_send[MOST], *to_acknowledge[MOST];
static uint32_t dirty_count, may_send_count, first_due, due_count;
static uint32_t *latencies; /* nanoseconds */
static size_t latency_count, latency_room;
char result[512];

static int64_t clock_ns(clockid_t clock) {
    struct timespec t;
    return clock_gettime(clock, &t) ? 0 : t.tv_sec * 1000000000LL + t.tv_nsec;
}

void say(struct connection *c, const void *data, size_t size) {
    buffer_add(&c->out, data, size);
    if (!c->dirty) {
        c->dirty = true;
        dirty[dirty_count++] = c;
    }
}

void transmit_dirty(void) {
    for (uint32_t i = 0; i < dirty_count; i++) {
        dirty[i]->dirty = false;
        transmit(dirty[i], epoll);
    }
    dirty_count = 0;
}

static void credit(struct connection *sender, uint64_t count) {
    if (order.in_flight == 1 && in_window) {
        if (latency_count == latency_room) {
            latency_room = latency_room ? 2 * latency_room : 1 << 16;
            if (!(latencies = realloc(latencies, latency_room * sizeof *latencies)))
                die("out of memory");
        }
        latencies[latency_count++] = (uint32_t)(now - sender->sent_at);
    }
    sender->credit += (uint32_t)count;
    if (!sender->may_send) {
        sender->may_send = true;
        may_send[may_send_count++] = sender;
    }
}

void delivered(struct connection *c, const char *payload) {
    uint32_t source = c->source >= 0 ? (uint32_t)c->source : (uint32_t)(*payload - 'A');
    if (!running || source >= connection_count)
        die("connection %u: a message that nobody sent", c->number);
    arrived++;
    c->received++;
    if (counts && !c->acknowledge_at) {
        c->acknowledge_at = now + order.acknowledge_after_us * 1000LL;
        to_acknowledge[(first_due + due_count++) % MOST] = c;
    }
    if (!order.until_settled)
        credit(&connections[source], 1);
}

void settled(struct connection *c, uint64_t count) {
    settled_count += count;
    if (running && order.until_settled)
        credit(c, count);
}

void refused(void) { refused_count++; }

/* Receivers that are due say how much they have. */
static void acknowledge(void) {
    while (due_count && to_acknowledge[first_due]->acknowledge_at <= now) {
        struct connection *c = to_acknowledge[first_due];
        uint64_t count = htobe64(c->received);
        uint32_t head[2] = {htonl(12), htonl(1)};
        char frame[16];
        memcpy(frame, head, 8);
        memcpy(frame + 8, &count, 8);
        say(c, frame, sizeof frame);
        c->acknowledge_at = 0;
        first_due = (first_due + 1) % MOST;
        due_count--;
    }
}

static void submit(struct connection *c) {
    while (c->credit) {
        struct template *t = &c->templates[c->next_template];
        uint64_t count = htobe64(++c->counter);
        if (++c->next_template == c->template_count)
            c->next_template = 0;
        if (t->counter_size == 2) { /* an MQTT packet identifier is never 0 */
            uint16_t identifier = htons((uint16_t)(c->counter % 65535 + 1));
            memcpy(t->data + t->counter_at, &identifier, 2);
        } else if (t->counter_size) {
            memcpy(t->data + t->counter_at, &count, 8);
        }
        say(c, t->data, t->size);
        c->credit--;
        sent++;
    }
}

static void turn(int timeout_ms) {
    struct epoll_event events[EVENTS];
    int64_t next = due_count ? to_acknowledge[first_due]->acknowledge_at : 0;
    struct timespec wait = {timeout_ms / 1000, timeout_ms % 1000 * 1000000L};
    if (next) {
        int64_t left = next - clock_ns(CLOCK_MONOTONIC);
        if (left < 0)
            left = 0;
        if (left < timeout_ms * 1000000LL)
            wait = (struct timespec){0, left};
    }
    int count = epoll_pwait2(epoll, events, EVENTS, &wait, NULL);
    now = clock_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < count; i++) {
        struct connection *c = events[i].data.ptr;
        if (!c)
            continue;
        if (events[i].events & EPOLLOUT)
            transmit(c, epoll);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !receive(c, take))
            die("connection %u: the server has closed", c->number);
    }
    acknowledge();
    if (sending && may_send_count) {
        int64_t at = clock_ns(CLOCK_MONOTONIC);
        for (uint32_t i = 0; i < may_send_count; i++) {
            may_send[i]->may_send = false;
            may_send[i]->sent_at = at;
            submit(may_send[i]);
        }
        may_send_count = 0;
    }
    transmit_dirty();
}

/* CPU time of everything on the machine. */
static int64_t machine_ns(void) {
    unsigned long long user, nice, system, idle, wait, irq, softirq;
    FILE *file = fopen("/proc/stat", "r");
    if (!file || fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq, &softirq) != 7)
        die("no /proc/stat");
    fclose(file);
    return (int64_t)(user + nice + system + irq + softirq) * (1000000000LL / sysconf(_SC_CLK_TCK));
}

struct sample {
    int64_t at, own, server, machine;
    uint64_t messages;
};

static struct sample sample(const clockid_t *clocks, size_t clock_count) {
    struct sample s = {clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_PROCESS_CPUTIME_ID), 0, machine_ns(), 0};
    s.messages = order.until_settled ? settled_count : arrived;
    for (size_t i = 0; i < clock_count; i++)
        s.server += clock_ns(clocks[i]);
    return s;
}

static bool all_through(void) {
    return (order.until_settled || arrived == sent) && (!order.settles || settled_count == sent) && !due_count;
}

static int by_size(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static double percentile(double part) {
    return latency_count ? latencies[(size_t)(part * (double)(latency_count - 1))] / 1e3 : 0;
}

static void index_tags(struct connection *c) {
    size_t size = 2;
    if (!c->template_count || !c->templates->tag)
        return;
    while (size < 2 * c->template_count)
        size *= 2;
    free(c->by_tag);
    if (!(c->by_tag = calloc(size, sizeof *c->by_tag)))
        die("out of memory");
    c->by_tag_size = size;
    for (size_t i = 0; i < c->template_count; i++) {
        size_t at = c->templates[i].tag;
        while (c->by_tag[at & (size - 1)])
            at++;
        c->by_tag[at & (size - 1)] = (uint32_t)i + 1;
    }
}

void run(const char *body, size_t size) {
    clockid_t clocks[16];
    size_t clock_count = (size - sizeof order) / 4;
    uint32_t pid;
    memcpy(&order, body, sizeof order);
    if (clock_count > 16)
        die("too many processes");
    for (size_t i = 0; i < clock_count; i++) {
        memcpy(&pid, body + sizeof order + 4 * i, 4);
        if (clock_getcpuclockid((pid_t)pid, &clocks[i]))
            die("no process %u", pid);
    }
    sent = arrived = settled_count = refused_count = 0;
    latency_count = 0;
    in_window = false;
    running = sending = true;
    for (uint32_t i = 0; i < connection_count; i++) {
        connections[i].conducted = false;
        index_tags(&connections[i]);
        if (connections[i].template_count)
            credit(&connections[i], order.in_flight - connections[i].credit);
    }
    int64_t begin = clock_ns(CLOCK_MONOTONIC), opens = begin + order.warm_up_ms * 1000000LL;
    int64_t closes = opens + order.window_ms * 1000000LL, gives_up = closes + 30 * 1000000000LL;
    struct sample from = {0}, to = {0};
    for (now = begin; now < closes; turn(50))
        if (!in_window && now >= opens) {
            from = sample(clocks, clock_count);
            in_window = true;
        }
    to = sample(clocks, clock_count);
    in_window = sending = false;
    while (!all_through() && now < gives_up)
        turn(50);
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    uint64_t left = sent - (order.settles ? settled_count : arrived);
    snprintf(
        result, sizeof result,
        "{\"seconds\": %.6f, \"messages\": %llu, \"server_cpu\": %.6f, \"generator_cpu\": %.6f, "
        "\"machine_cpu\": %.6f, "
        "\"sent\": %llu, \"arrived\": %llu, \"left\": %llu, \"refused\": %llu, \"p50_us\": %.2f, \"p99_us\": %.2f, "
        "\"worst_us\": %.2f}",
        (double)(to.at - from.at) / 1e9, (unsigned long long)(to.messages - from.messages),
        (double)(to.server - from.server) / 1e9, (double)(to.own - from.own) / 1e9,
        (double)(to.machine - from.machine) / 1e9,
        (unsigned long long)sent, (unsigned long long)arrived, (unsigned long long)left, (unsigned long long)refused_count,
        percentile(0.5), percentile(0.99), percentile(1));
    for (uint32_t i = 0; i < connection_count; i++)
        connections[i].may_send = false;
    may_send_count = 0;
    running = false;
}
