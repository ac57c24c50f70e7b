/*
 * A load generator: one thread, one epoll, whole batches. It never is the bottleneck of what it measures, and says so.
 *
 *     generator PROTOCOL PORT [tls]
 *
 * Its conductor speaks to it through standard input and output: u32 size | u8 kind | body, little-endian; size is the
 * body's. During the set-up what comes on a connection goes to the conductor and what he says goes out, so that
 * whatever happens once (signing in, subscribing) is his, and only what happens for every message is done here.
 *
 *     C u32 count                                       connect so many more; answer: c, SHA-256 of the certificate or zeros
 *     S u32 connection, bytes                           send them
 *     D -> u32 connection, bytes                        (from us) they came
 *     P u32 connection, i32 source                      whose messages arrive there; -1: their first byte tells, from 'A' on
 *     T u32 connection, u32 index, u32 at, u32 size, u32 tag, bytes
 *                                                       the index-th of the messages that the connection sends in turn;
 *                                                       bytes [at, at + size) are a count; tag: its e2echat channel
 *     R struct order, u32 pid...                        run; answer: r, JSON
 */
#include "load.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

struct connection *connections;
uint32_t connection_count;
parser take;
bool counts;
int epoll;
static uint16_t port;
static SSL_CTX *tls;

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load generator: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static void reply(char kind, const void *body, uint32_t size) {
    char head[5];
    memcpy(head, &size, 4);
    head[4] = kind;
    const char *parts[] = {head, body};
    size_t sizes[] = {5, size};
    for (int i = 0; i < 2; i++)
        for (size_t done = 0; done < sizes[i];) {
            ssize_t written = write(STDOUT_FILENO, parts[i] + done, sizes[i] - done);
            if (written <= 0)
                exit(1);
            done += (size_t)written;
        }
}

static void connect_more(uint32_t count) {
    unsigned char hash[32] = {0};
    if (connection_count + count > MOST)
        die("too many connections");
    while (count--) {
        struct connection *c = &connections[connection_count];
        c->number = connection_count++;
        c->conducted = true;
        c->source = -1;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connect_to(c, port, tls, hash), &event))
            die("epoll: %s", strerror(errno));
    }
    reply('c', hash, sizeof hash);
}

static void set_template(struct connection *c, const char *body, size_t size) {
    uint32_t head[4]; /* index, at, size, tag */
    memcpy(head, body, sizeof head);
    if (head[0] == c->template_count) {
        c->templates = realloc(c->templates, (c->template_count + 1) * sizeof *c->templates);
        if (!c->templates)
            die("out of memory");
        memset(&c->templates[c->template_count++], 0, sizeof *c->templates);
    } else if (head[0] > c->template_count) {
        die("connection %u: templates out of turn", c->number);
    }
    struct template *t = &c->templates[head[0]]; /* an old channel with a new message keeps its count */
    t->counter_at = head[1];
    t->counter_size = head[2];
    t->tag = head[3];
    t->size = size - sizeof head;
    if (t->counter_at + t->counter_size > t->size || !(t->data = realloc(t->data, t->size)))
        die("connection %u: a bad template", c->number);
    memcpy(t->data, body + sizeof head, t->size);
}

static size_t to_conductor(struct connection *c, const char *data, size_t size) {
    char *body = malloc(size + 4);
    if (!body)
        die("out of memory");
    memcpy(body, &c->number, 4);
    memcpy(body + 4, data, size);
    reply('D', body, (uint32_t)size + 4);
    free(body);
    return size;
}

static struct connection *numbered(const char *body) {
    uint32_t number;
    memcpy(&number, body, 4);
    if (number >= connection_count)
        die("no connection %u", number);
    return &connections[number];
}

static void obey(char kind, const char *body, size_t size) {
    uint32_t count;
    switch (kind) {
    case 'C':
        memcpy(&count, body, 4);
        connect_more(count);
        break;
    case 'S':
        buffer_add(&numbered(body)->out, body + 4, size - 4);
        transmit(numbered(body), epoll);
        break;
    case 'P':
        memcpy(&numbered(body)->source, body + 4, 4);
        break;
    case 'T':
        set_template(numbered(body), body + 4, size - 4);
        break;
    case 'R':
        run(body, size);
        reply('r', result, (uint32_t)strlen(result));
        break;
    default:
        die("no such command: %c", kind);
    }
}

static bool read_whole(char *to, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t part = read(STDIN_FILENO, to + done, size - done);
        if (part <= 0)
            return false;
        done += (size_t)part;
    }
    return true;
}

int main(int count, char **words) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (count < 3)
        die("PROTOCOL PORT [tls]");
    take = find_parser(words[1]);
    counts = acknowledges(words[1]);
    port = (uint16_t)atoi(words[2]);
    if (count > 3) {
        tls = SSL_CTX_new(TLS_client_method());
        if (!tls || !SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION))
            die("no TLS 1.3");
        SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    }
    connections = calloc(MOST, sizeof *connections);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (!connections || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event))
        die("no epoll");
    for (;;) {
        struct epoll_event events[64];
        int ready = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            struct connection *c = events[i].data.ptr;
            if (c) {
                if (events[i].events & EPOLLOUT)
                    transmit(c, epoll);
                if (events[i].events & EPOLLIN && !receive(c, c->conducted ? to_conductor : take))
                    die("connection %u: the server has closed", c->number);
                continue;
            }
            char head[5];
            uint32_t size;
            if (!read_whole(head, sizeof head))
                return 0;
            memcpy(&size, head, 4);
            char *body = malloc(size + 1);
            if (!body || !read_whole(body, size))
                return 1;
            obey(head[4], body, size);
            free(body);
        }
        transmit_dirty();
    }
}
