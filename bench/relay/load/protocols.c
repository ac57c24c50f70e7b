/* What servers send once a load runs, protocol by protocol. How a message is submitted is the templates' matter. */
#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

static uint32_t u32(const char *p) {
    uint32_t value;
    memcpy(&value, p, sizeof value);
    return ntohl(value);
}

static uint64_t u64(const char *p) {
    uint64_t value;
    memcpy(&value, p, sizeof value);
    return be64toh(value);
}

static struct template *of_tag(struct connection *c, uint32_t tag) {
    for (size_t at = tag;; at++) {
        uint32_t index = c->by_tag_size ? c->by_tag[at & (c->by_tag_size - 1)] : 0;
        if (!index)
            die("connection %u: a count of a channel that is not its own", c->number);
        if (c->templates[index - 1].tag == tag)
            return &c->templates[index - 1];
    }
}

/* e2echat, and the forwarder: u32 size | u32 tag | body. */
static size_t take_e2echat(struct connection *c, const char *data, size_t size) {
    size_t at = 0;
    while (size - at >= 8) {
        const char *frame = data + at;
        size_t whole = 4 + (size_t)u32(frame);
        uint32_t tag = u32(frame + 4);
        if (size - at < whole)
            break;
        if (tag >= 256) {
            delivered(c, frame + 24);
        } else if (tag == 2) {
            struct template *channel = of_tag(c, u32(frame + 8));
            uint64_t count = u64(frame + 12);
            settled(c, count - channel->settled);
            channel->settled = count;
        } else if (tag == 3) {
            refused();
        }
        at += whole;
    }
    return at;
}

/* The end of the line that begins at data, behind its CRLF; NULL if it is not all there. */
static const char *line_end(const char *data, const char *end) {
    const char *found = memchr(data, '\n', (size_t)(end - data));
    return found ? found + 1 : NULL;
}

/* The content of a RESP bulk string; *at moves behind it. NULL if it is not all there. */
static const char *bulk(const char **at, const char *end) {
    const char *content = line_end(*at, end);
    if (!content)
        return NULL;
    long size = atol(*at + 1);
    if (end - content < size + 2)
        return NULL;
    *at = content + size + 2;
    return content;
}

/* Redis: what a subscriber gets is an array of three; an answer to PUBLISH is a number, to XADD a bulk string. */
static size_t take_redis(struct connection *c, const char *data, size_t size) {
    const char *at = data, *end = data + size;
    while (at < end) {
        const char *next = at;
        if (*at == '*') {
            const char *payload = NULL;
            if (!(next = line_end(at, end)))
                break;
            for (int part = 0; part < 3; part++)
                if (!(payload = bulk(&next, end)))
                    return (size_t)(at - data);
            delivered(c, payload);
        } else if (*at == '$') {
            if (!bulk(&next, end))
                break;
            settled(c, 1);
        } else {
            if (!(next = line_end(at, end)))
                break;
            if (*at == ':')
                settled(c, 1);
            else if (*at == '-')
                refused();
        }
        at = next;
    }
    return (size_t)(at - data);
}

/* MQTT 3.1.1: a message with QoS 1 is answered here, and its sender hears of it by PUBACK. */
static size_t take_mqtt(struct connection *c, const char *data, size_t size) {
    size_t at = 0;
    while (size - at >= 2) {
        const unsigned char *packet = (const unsigned char *)data + at;
        size_t rest = 0, head = 1;
        int shift = 0;
        do {
            if (head >= size - at)
                return at;
            rest |= (size_t)(packet[head] & 127) << shift;
            shift += 7;
        } while (packet[head++] & 128);
        if (size - at < head + rest)
            break;
        if (packet[0] >> 4 == 3) {
            const unsigned char *behind_topic = packet + head + 2 + (packet[head] << 8 | packet[head + 1]);
            if (packet[0] >> 1 & 3) {
                char answer[] = {0x40, 2, (char)behind_topic[0], (char)behind_topic[1]};
                say(c, answer, sizeof answer);
                behind_topic += 2;
            }
            delivered(c, (const char *)behind_topic);
        } else if (packet[0] >> 4 == 4) {
            settled(c, 1);
        }
        at += head + rest;
    }
    return at;
}

/* NATS: MSG subject sid size CRLF payload CRLF. */
static size_t take_nats(struct connection *c, const char *data, size_t size) {
    const char *at = data, *end = data + size, *next;
    while ((next = line_end(at, end))) {
        if (*at == 'M') {
            const char *number = memrchr(at, ' ', (size_t)(next - at));
            if (!number)
                die("connection %u: not NATS", c->number);
            const char *payload = next;
            long length = atol(number + 1);
            if (end - payload < length + 2)
                break;
            delivered(c, payload);
            next = payload + length + 2;
        } else if (!strncmp(at, "PING", 4)) {
            say(c, "PONG\r\n", 6);
        } else if (*at == '-') {
            refused();
        }
        at = next;
    }
    return (size_t)(at - data);
}

/* XMPP: stanzas of a kind that we know, each with one body. */
static size_t take_xmpp(struct connection *c, const char *data, size_t size) {
    static const char CLOSE[] = "</message>", BODY[] = "<body>";
    const char *at = data, *end = data + size, *found;
    while ((found = memmem(at, (size_t)(end - at), CLOSE, sizeof CLOSE - 1))) {
        const char *body = memmem(at, (size_t)(found - at), BODY, sizeof BODY - 1);
        if (body && !memmem(at, (size_t)(body - at), "type='error'", 12))
            delivered(c, body + sizeof BODY - 1);
        else
            refused();
        at = found + sizeof CLOSE - 1;
    }
    return (size_t)(at - data);
}

static const struct {
    const char *name;
    parser take;
} PARSERS[] = {
    {"e2echat", take_e2echat}, {"redis", take_redis}, {"mqtt", take_mqtt},
    {"nats", take_nats},       {"xmpp", take_xmpp},
};

parser find_parser(const char *name) {
    for (size_t i = 0; i < sizeof PARSERS / sizeof *PARSERS; i++)
        if (!strcmp(PARSERS[i].name, name))
            return PARSERS[i].take;
    die("no such protocol: %s", name);
}

/* Whether receivers acknowledge by a cumulative count. MQTT's answers are written as the messages come. */
bool acknowledges(const char *name) { return !strcmp(name, "e2echat"); }
