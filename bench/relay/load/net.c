/* Sockets, with TLS 1.3 or without: one read and one write a turn, whatever the number of messages. */
#include "load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ = 256 * 1024 };
static char wire[READ], plain[READ];

char *buffer_reserve(struct buffer *b, size_t size) {
    if (b->start == b->end)
        b->start = b->end = 0;
    if (b->end + size > b->room) {
        memmove(b->data, b->data + b->start, buffer_size(b));
        b->end -= b->start;
        b->start = 0;
        if (b->end + size > b->room) {
            b->room = 2 * (b->end + size);
            if (!(b->data = realloc(b->data, b->room)))
                die("out of memory");
        }
    }
    return b->data + b->end;
}

void buffer_add(struct buffer *b, const void *data, size_t size) {
    memcpy(buffer_reserve(b, size), data, size);
    b->end += size;
}

void buffer_drop(struct buffer *b, size_t size) { b->start += size; }

static void start_tls(struct connection *c, SSL_CTX *context, unsigned char *certificate_hash) {
    unsigned length;
    c->tls = SSL_new(context);
    if (!c->tls || SSL_set_fd(c->tls, c->fd) != 1 || SSL_connect(c->tls) != 1)
        die("the TLS handshake failed");
    X509 *certificate = SSL_get1_peer_certificate(c->tls);
    if (!certificate || !X509_digest(certificate, EVP_sha256(), certificate_hash, &length))
        die("no certificate");
    X509_free(certificate);
    /* From here on the socket is read and written by us, as much as there is at a time. */
    c->tls_in = BIO_new(BIO_s_mem());
    c->tls_out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c->tls_in, -1);
    SSL_set_bio(c->tls, c->tls_in, c->tls_out);
}

int connect_to(struct connection *c, uint16_t port, SSL_CTX *context, unsigned char *certificate_hash) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address))
        die("connection %u: %s", c->number, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (context)
        start_tls(c, context, certificate_hash);
    return c->fd;
}

static void take_in(struct connection *c, const char *data, size_t size,
                    size_t (*take)(struct connection *, const char *, size_t)) {
    if (buffer_size(&c->in)) {
        buffer_add(&c->in, data, size);
        buffer_drop(&c->in, take(c, c->in.data + c->in.start, buffer_size(&c->in)));
    } else {
        size_t taken = take(c, data, size);
        if (taken < size)
            buffer_add(&c->in, data + taken, size - taken);
    }
}

/* Read once and handle what came; false: the server has closed. */
bool receive(struct connection *c, size_t (*take)(struct connection *, const char *, size_t)) {
    ssize_t size = recv(c->fd, wire, READ, MSG_DONTWAIT);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    if (!size)
        return false;
    if (!c->tls) {
        take_in(c, wire, (size_t)size, take);
        return true;
    }
    if (BIO_write(c->tls_in, wire, (int)size) != size)
        die("out of memory");
    for (;;) {
        int part = SSL_read(c->tls, plain, READ);
        if (part <= 0)
            return SSL_get_error(c->tls, part) == SSL_ERROR_WANT_READ;
        take_in(c, plain, (size_t)part, take);
    }
}

/* Write all that waits, or as much as the socket takes. */
void transmit(struct connection *c, int epoll) {
    struct buffer *raw = &c->out;
    if (c->tls) {
        raw = &c->raw;
        if (buffer_size(&c->out)) {
            if (SSL_write(c->tls, c->out.data + c->out.start, (int)buffer_size(&c->out)) <= 0)
                die("TLS does not write");
            c->out.start = c->out.end = 0;
            int size = (int)BIO_ctrl_pending(c->tls_out);
            if (BIO_read(c->tls_out, buffer_reserve(raw, (size_t)size), size) != size)
                die("TLS gives less than it has");
            raw->end += (size_t)size;
        }
    }
    if (buffer_size(raw)) {
        ssize_t sent = send(c->fd, raw->data + raw->start, buffer_size(raw), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            die("connection %u: %s", c->number, strerror(errno));
        if (sent > 0)
            buffer_drop(raw, (size_t)sent);
    }
    bool wants_room = buffer_size(raw) > 0;
    if (wants_room != c->watched_for_room) {
        struct epoll_event event = {.events = EPOLLIN | (wants_room ? EPOLLOUT : 0), .data.ptr = c};
        epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
        c->watched_for_room = wants_room;
    }
}
