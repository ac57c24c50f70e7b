/* What the parts of the load generator share: connections, their buffers, and what a protocol tells of them. */
#ifndef LOAD_H
#define LOAD_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that wait: data[start..end). */
struct buffer {
    char *data;
    size_t start, end, room;
};

char *buffer_reserve(struct buffer *b, size_t size);
void buffer_add(struct buffer *b, const void *data, size_t size);
void buffer_drop(struct buffer *b, size_t size);
static inline size_t buffer_size(const struct buffer *b) { return b->end - b->start; }

/* A message ready to be sent; the bytes at counter_at, counter_size of them, are replaced by a count. */
struct template {
    char *data;
    size_t size, counter_at, counter_size;
    uint32_t tag;     /* e2echat: its channel */
    uint64_t settled; /* e2echat: the last cumulative count that came for it */
};

struct connection {
    int fd;
    SSL *tls;
    BIO *tls_in, *tls_out;
    struct buffer in;  /* bytes of a message that is not complete */
    struct buffer out; /* for the server, before TLS */
    struct buffer raw; /* for the socket: what it has not taken yet */
    bool dirty, watched_for_room, conducted;
    uint32_t number;

    int source; /* the connection whose messages arrive here; -1: the message's first byte tells */
    uint64_t received, acknowledged;
    int64_t acknowledge_at; /* 0: nothing to acknowledge */

    struct template *templates;
    size_t template_count, next_template;
    uint32_t *by_tag; /* indices of templates + 1, hashed by tag; a power of two of them */
    size_t by_tag_size;
    uint64_t counter;
    uint32_t credit;
    bool may_send; /* listed among those with credit */
    int64_t sent_at; /* the last one */
};

/* net.c */
int connect_to(struct connection *c, uint16_t port, SSL_CTX *context, unsigned char *certificate_hash);
bool receive(struct connection *c, size_t (*take)(struct connection *, const char *, size_t));
void transmit(struct connection *c, int epoll);

/* protocols.c: takes whole messages out of data, gives how many bytes that were. */
typedef size_t (*parser)(struct connection *c, const char *data, size_t size);
parser find_parser(const char *name);
bool acknowledges(const char *name);

/* generator.c */
enum { MOST = 16384 }; /* connections */
extern struct connection *connections;
extern uint32_t connection_count;
extern parser take;
extern bool counts; /* receivers acknowledge by a cumulative count */
extern int epoll;
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* run.c */
extern char result[512]; /* of the last run, as JSON */
void run(const char *order, size_t size);
void delivered(struct connection *c, const char *payload);
void settled(struct connection *c, uint64_t count);
void refused(void);
void say(struct connection *c, const void *data, size_t size);
void transmit_dirty(void);

#endif
