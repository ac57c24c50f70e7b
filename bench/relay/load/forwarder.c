/*
 * The limit: what routing costs in C, with the relay's frames and the relay's acknowledgements and nothing else. One
 * thread, one epoll, level-triggered; one read of a ready socket, one write of whoever has something to write a turn.
 *
 * Prints its port. A connection that sends the frame u32 8 | u32 0 | u32 N gets it back, and then what is sent with tag
 * 256 + N. It acknowledges with cumulative counts, and senders are told how much is settled, as docs/spec/relay.md has it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 16384, RECEIVERS = 4096, READ = 256 * 1024, EVENTS = 1024, FIRST_CHANNEL = 256 };

struct buffer {
    char *data;
    size_t start, end, room;
};

struct settled { /* of one sender towards one receiver */
    uint32_t receiver;
    uint64_t count;
    bool owed;
};

struct run { /* consecutive messages of one sender that a receiver has not acknowledged */
    struct connection *from;
    uint64_t count;
};

struct connection {
    int fd;
    uint32_t number; /* as a receiver */
    bool dirty, watched_for_room;
    struct buffer in, out;
    struct settled *settled; /* RECEIVERS of them, once it sends */
    uint32_t *owed, owed_count;
    struct run *runs; /* a ring, once it receives */
    size_t first_run, run_count, run_room;
    uint64_t acknowledged;
};

static struct connection *receivers[RECEIVERS], *dirty[MOST];
static uint32_t dirty_count;
static int epoll;
static char wire[READ];

static void *need(void *memory) {
    if (!memory)
        exit(1);
    return memory;
}

static void add(struct buffer *b, const void *data, size_t size) {
    if (b->start == b->end)
        b->start = b->end = 0;
    if (b->end + size > b->room) {
        memmove(b->data, b->data + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
        if (b->end + size > b->room)
            b->data = need(realloc(b->data, b->room = 2 * (b->end + size)));
    }
    memcpy(b->data + b->end, data, size);
    b->end += size;
}

static void mark(struct connection *c) {
    if (!c->dirty) {
        c->dirty = true;
        dirty[dirty_count++] = c;
    }
}

static uint32_t u32(const char *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return ntohl(value);
}

static void settle(struct connection *from, uint32_t receiver, uint64_t count) {
    struct settled *s = &from->settled[receiver];
    s->count += count;
    if (!s->owed) {
        s->owed = true;
        from->owed[from->owed_count++] = receiver;
    }
    mark(from);
}

static void forward(struct connection *from, uint32_t receiver, const char *data, size_t size, uint64_t count) {
    struct connection *to = receivers[receiver];
    if (!to)
        exit(1);
    if (!from->settled) {
        from->settled = need(calloc(RECEIVERS, sizeof *from->settled));
        from->owed = need(calloc(RECEIVERS, sizeof *from->owed));
    }
    if (to->run_count == to->run_room) {
        struct run *grown = need(malloc(2 * to->run_room * sizeof *grown));
        for (size_t i = 0; i < to->run_count; i++)
            grown[i] = to->runs[(to->first_run + i) % to->run_room];
        free(to->runs);
        to->runs = grown;
        to->first_run = 0;
        to->run_room *= 2;
    }
    to->runs[(to->first_run + to->run_count++) % to->run_room] = (struct run){from, count};
    add(&to->out, data, size);
    mark(to);
}

static void acknowledge(struct connection *c, uint64_t total) {
    uint64_t count = total - c->acknowledged;
    c->acknowledged = total;
    while (count && c->run_count) {
        struct run *run = &c->runs[c->first_run];
        uint64_t step = count < run->count ? count : run->count;
        settle(run->from, c->number, step);
        count -= step;
        if (!(run->count -= step)) {
            c->first_run = (c->first_run + 1) % c->run_room;
            c->run_count--;
        }
    }
}

static void control(struct connection *c, uint32_t tag, const char *body) {
    uint64_t total;
    if (tag == 1) {
        memcpy(&total, body, 8);
        acknowledge(c, be64toh(total));
    } else {
        c->number = u32(body);
        if (c->number >= RECEIVERS)
            exit(1);
        receivers[c->number] = c;
        c->run_room = 64;
        c->runs = need(malloc(c->run_room * sizeof *c->runs));
        add(&c->out, body - 8, 12);
        mark(c);
    }
}

/* Whole frames out of data, consecutive ones of one tag as one run; gives how many bytes they were. */
static size_t take(struct connection *c, const char *data, size_t size) {
    size_t at = 0, start = 0;
    uint32_t run = 0;
    uint64_t count = 0;
    while (size - at >= 8) {
        size_t whole = 4 + (size_t)u32(data + at);
        uint32_t tag = u32(data + at + 4);
        if (whole > 4 + 65536 || tag >= FIRST_CHANNEL + RECEIVERS)
            exit(1);
        if (size - at < whole)
            break;
        if (count && tag != run) {
            forward(c, run - FIRST_CHANNEL, data + start, at - start, count);
            count = 0;
        }
        if (tag < FIRST_CHANNEL) {
            control(c, tag, data + at + 8);
        } else {
            if (!count)
                start = at;
            run = tag;
            count++;
        }
        at += whole;
    }
    if (count)
        forward(c, run - FIRST_CHANNEL, data + start, at - start, count);
    return at;
}

static bool receive(struct connection *c) {
    ssize_t size = recv(c->fd, wire, READ, MSG_DONTWAIT);
    if (size <= 0)
        return size < 0 && errno == EAGAIN;
    if (c->in.end > c->in.start) {
        add(&c->in, wire, (size_t)size);
        c->in.start += take(c, c->in.data + c->in.start, c->in.end - c->in.start);
    } else {
        size_t taken = take(c, wire, (size_t)size);
        if (taken < (size_t)size)
            add(&c->in, wire + taken, (size_t)size - taken);
    }
    return true;
}

static void transmit(struct connection *c) {
    for (uint32_t i = 0; i < c->owed_count; i++) {
        struct settled *s = &c->settled[c->owed[i]];
        uint32_t head[3] = {htonl(16), htonl(2), htonl(FIRST_CHANNEL + c->owed[i])};
        uint64_t count = htobe64(s->count);
        add(&c->out, head, sizeof head);
        add(&c->out, &count, sizeof count);
        s->owed = false;
    }
    c->owed_count = 0;
    ssize_t sent = send(c->fd, c->out.data + c->out.start, c->out.end - c->out.start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0)
        c->out.start += (size_t)sent;
    bool wants_room = c->out.end > c->out.start;
    if (wants_room != c->watched_for_room) {
        struct epoll_event event = {.events = EPOLLIN | (wants_room ? EPOLLOUT : 0), .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
        c->watched_for_room = wants_room;
    }
}

static void adopt(int listener) {
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    if (fd >= MOST)
        exit(1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *c = need(calloc(1, sizeof *c));
    c->fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024) ||
        getsockname(listener, (struct sockaddr *)&address, &size) || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
        return 1;
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c)
                adopt(listener);
            else if (events[i].events & EPOLLOUT)
                mark(c);
            /* Loads end before their connections do, so that nothing is left to be done for one that ends. */
            if (c && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !receive(c))
                close(c->fd);
        }
        for (uint32_t i = 0; i < dirty_count; i++) {
            dirty[i]->dirty = false;
            transmit(dirty[i]);
        }
        dirty_count = 0;
    }
}
