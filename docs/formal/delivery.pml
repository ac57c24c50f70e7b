/*
 * Delivery: two clients, a relay, and everything that can go wrong between any two steps.
 * README.md beside this file says what is modelled, what is left out, and how it is run.
 */

#ifndef FAULTS
#define FAULTS 1                /* what goes wrong in a run: so many things, of any kind, at any time */
#endif
#ifndef TEXTS_0
#define TEXTS_0 2               /* that client 0 has for the other */
#endif
#ifndef TEXTS_1
#define TEXTS_1 1               /* that client 1 has */
#endif
#define TEXTS 2                 /* that either has, at most */
#define SESSIONS 3              /* 0 and 1 are what the clients 0 and 1 open at first; 2 is what client 0 opens in recovery */
#define KEYS 3                  /* that a session may spend on one text */
#ifndef ROOM
#define ROOM 2                  /* envelopes in a mailbox; another is refused */
#endif

/* Envelopes as bytes. A text: session, number, key. A receipt: session, and the numbers that it confirms, as bits. */
#define TEXT(s, m, k) (1 + ((s) * TEXTS + (m)) * KEYS + (k))
#define IS_TEXT(e) ((e) < 32)
#define SLOT(e) (((e) - 1) / KEYS)
#define KEY(e) (((e) - 1) % KEYS)
#define NUMBER(e) (SLOT(e) % TEXTS)
#define RECEIPT(s, set) (32 + (s) * 4 + (set))
#define CONFIRMS(e, m) (((e) - 32) % 4 & 1 << (m))
#define SESSION(e) (IS_TEXT(e) -> SLOT(e) / TEXTS : ((e) - 32) / 4)

#define QUEUED 0
#define STORED 1
#define DELIVERED 2

/* --- on the clients' disks: what one step changes is one transaction ---------------------------------------------- */

typedef Disk {
    byte state[TEXTS];          /* of our own texts */
    byte sealed[TEXTS];         /* the envelope that carries one; 0: none */
    byte spent[SESSIONS * TEXTS];       /* keys that a session has spent on a text */
    bit has[SESSIONS];
    bit confirmed[SESSIONS];    /* something was received in it */
    int opened;                 /* envelopes that were taken in, as bits */
    byte next;                  /* the number to show next */
    byte held;                  /* numbers that wait for one before them, as bits */
    byte missing;               /* numbers that are not waited for any more, as bits */
    bit owes;                   /* a receipt */
    byte signal                 /* the last receipt, until the relay has it; 0: none */
};
Disk disk[2];

/* --- the relay's mailboxes ----------------------------------------------------------------------------------------- */

typedef Mailbox {
    byte envelope[ROOM];
    byte length;
    byte durable;               /* how many of them are written to disk, the first ones; the others are in memory */
    byte given                  /* how many its owner has taken, and not yet acknowledged, on this connection */
};
Mailbox box[2];

/* --- what ends with a process ------------------------------------------------------------------------------------------ */

byte half[2];                   /* an envelope between two steps that have to be one; only in mistakes */

/* --- what nobody in the model looks at ------------------------------------------------------------------------------ */

byte shown[2 * TEXTS];          /* how often; by receiver and number */
byte left[2 * SESSIONS * TEXTS];        /* keys under which something has left; by sender, session and number */
byte faults = FAULTS;
bit unreadable;                 /* client 1 cannot open session 0: the prekey of its first message is gone */
bit prefer_1;                   /* of the sessions 0 and 1, 1 has the higher generation */

hidden byte i, j, best, key, envelope, session, number;    /* scratch, within a step */

#define ANSWERED(c) (disk[c].confirmed[0] || disk[c].confirmed[1] || disk[c].confirmed[2])
#define GOT(c, m) (disk[c].held & 1 << (m) || disk[c].next > (m) && !(disk[c].missing & 1 << (m)))
#define SETTLED(c) (disk[c].state[0] == DELIVERED && disk[c].state[1] == DELIVERED)
#define SHOWN(c) (shown[(c) * TEXTS] == 1 && shown[(c) * TEXTS + 1] == 1)
#define UNSEALED(c, m) (disk[c].sealed[m] == 0 && disk[c].state[m] != DELIVERED)
/* In an envelope of a session that was never answered, while another was. */
#define STRANDED(c, m) (disk[c].sealed[m] && ANSWERED(c) && !disk[c].confirmed[SLOT(disk[c].sealed[m]) / TEXTS])
#define IDLE(c) (box[c].length == 0 && half[c] == 0 && !disk[c].owes && !UNSEALED(c, 0) && !UNSEALED(c, 1))
#define QUIET (IDLE(0) && IDLE(1))      /* nothing happens: now the timers do */

/* --- clients ------------------------------------------------------------------------------------------------------- */

/* On which session to send: one that was answered before one that was not, then the highest generation. */
inline choose(c)
{
    best = SESSIONS;
    i = 0;
    do
    :: i < SESSIONS ->
        if
        :: disk[c].has[i] && (best == SESSIONS
                || disk[c].confirmed[i] && !disk[c].confirmed[best]
                || disk[c].confirmed[i] == disk[c].confirmed[best] && (i == 2 || prefer_1)) -> best = i
        :: else
        fi;
        i++
    :: else -> break
    od;
    if
    :: best == SESSIONS -> best = c; disk[c].has[c] = 1
    :: else
    fi
}

inline seal(c, m)
{
    choose(c);
    key = disk[c].spent[best * TEXTS + m];
    assert(key < KEYS);                                         /* else the model is too small */
    assert(key >= left[(c * SESSIONS + best) * TEXTS + m]);     /* no key is used twice */
    envelope = TEXT(best, m, key)
}

inline keep(c, m)
{
    disk[c].spent[SLOT(envelope)] = KEY(envelope) + 1;
    disk[c].sealed[m] = envelope
}

/* An envelope leaves for the other's mailbox: what that holds already is kept once, and a full one takes none. */
inline submit(c)
{
    i = 0;
    do
    :: i < box[1 - c].length && box[1 - c].envelope[i] != envelope -> i++
    :: else -> break
    od;
    if
    :: i < box[1 - c].durable -> accepted(c)
    :: i == box[1 - c].length && i < ROOM -> box[1 - c].envelope[i] = envelope; box[1 - c].length++
    :: else                             /* accepted with the one that is held; or refused, and tried again in time */
    fi
}

/* The relay says: durable, or acknowledged by who it is for. */
inline accepted(c)
{
    number = NUMBER(envelope);
    if
    :: !IS_TEXT(envelope) && envelope == disk[c].signal -> disk[c].signal = 0
    :: IS_TEXT(envelope) && disk[c].sealed[number] == envelope && disk[c].state[number] == QUEUED ->
#ifdef FORGET_AT_ACCEPTED
        disk[c].sealed[number] = 0;
        disk[c].state[number] = DELIVERED
#else
        disk[c].state[number] = STORED
#endif
    :: else
    fi
}

inline leave(c)
{
    i = c * SESSIONS * TEXTS + SLOT(envelope);
    if
    :: left[i] <= KEY(envelope) -> left[i] = KEY(envelope) + 1
    :: else
    fi;
    submit(c)
}

inline unseal(c)
{
    i = 0;
    do
    :: i < TEXTS -> disk[c].sealed[i] = 0; i++
    :: else -> break
    od;
    skip
}

inline reveal(c)
{
    shown[c * TEXTS + number]++;
    assert(shown[c * TEXTS + number] == 1);                     /* nothing is shown twice */
    assert(number == 0 || shown[c * TEXTS] == 1 || disk[c].missing & 1)         /* or before its turn, unless with a gap */
}

inline drain(c)
{
    do
    :: disk[c].next < TEXTS && disk[c].held & 1 << disk[c].next ->
        disk[c].held = disk[c].held - (1 << disk[c].next);
        number = disk[c].next;
        reveal(c);
        disk[c].next++
    :: else -> break
    od
}

/* In the sender's order; late, where a gap was shown; not again. */
inline place(c)
{
    if
    :: number == disk[c].next -> reveal(c); disk[c].next++; drain(c)
    :: number > disk[c].next ->
#ifdef NO_HOLDING
        reveal(c); disk[c].next = number + 1
#else
        disk[c].held = disk[c].held | 1 << number
#endif
    :: number < disk[c].next ->
        if
        :: disk[c].missing & 1 << number -> disk[c].missing = disk[c].missing - (1 << number); reveal(c)
        :: else ->
#ifdef NO_MESSAGE_IDS
            reveal(c)
#else
            skip
#endif
        fi
    fi
}

/* A session that the other opened: if another was answered before, he may have lost what was sealed in that one. */
inline meet(c)
{
    if
    :: !disk[c].has[session] && ANSWERED(c) -> unseal(c)
    :: else
    fi;
    disk[c].has[session] = 1;
    disk[c].confirmed[session] = 1
}

/* One transaction: what the session has become, and what was in the envelope. */
inline take()
{
    session = SESSION(envelope);
    number = NUMBER(envelope);
    if
    :: c == 1 && session == 0 && unreadable                     /* dropped */
    :: else ->
        if
        :: IS_TEXT(envelope) && disk[c].opened & 1 << envelope ->
#ifndef NO_SECOND_RECEIPT
            disk[c].owes = 1
#else
            skip
#endif
        :: IS_TEXT(envelope) && !(disk[c].opened & 1 << envelope) ->
            disk[c].opened = disk[c].opened | 1 << envelope;
            meet(c);
            place(c);
            disk[c].owes = 1
        :: !IS_TEXT(envelope) ->
            meet(c);
            i = 0;
            do
            :: i < TEXTS ->
                if
                :: CONFIRMS(envelope, i) ->
                    assert(GOT(1 - c, i));                      /* what counts as delivered is there */
                    disk[c].state[i] = DELIVERED; disk[c].sealed[i] = 0
                :: else
                fi;
                i++
            :: else -> break
            od
        fi
    fi
}

/* Which numbers are here. extra: one that soon will be; only in a mistake. */
inline confirm(c, extra)
{
    choose(c);
    envelope = RECEIPT(best, 0);
    i = 0;
    do
    :: i < TEXTS ->
        if
        :: GOT(c, i) || extra == i -> envelope = envelope + (1 << i)
        :: else
        fi;
        i++
    :: else -> break
    od
}

/* What the relay has not accepted goes once more; with all, whatever has no receipt. */
inline resend(c, all)
{
#ifndef NO_RESEND
    j = 0;
    do
    :: j < TEXTS ->
        envelope = disk[c].sealed[j];
        if
        :: envelope != 0 && (all || disk[c].state[j] == QUEUED) -> submit(c)
        :: else
        fi;
        j++
    :: else -> break
    od;
#endif
    envelope = disk[c].signal;
    if
    :: envelope != 0 -> submit(c)
    :: else
    fi
}

/* A held text is shown though one before it is missing. */
inline give_up(c)
{
    do
    :: !(disk[c].held & 1 << disk[c].next) ->
        disk[c].missing = disk[c].missing | 1 << disk[c].next;
        disk[c].next++
    :: else -> break
    od;
    drain(c);
    skip                        /* a d_step may not end with a loop */
}

proctype Client(bit c)
{
end:
    do
#ifndef SEND_FIRST
    :: d_step { UNSEALED(c, 0) -> seal(c, 0); keep(c, 0); leave(c) }
    :: d_step { !UNSEALED(c, 0) && UNSEALED(c, 1) -> seal(c, 1); keep(c, 1); leave(c) }
#else
    :: d_step { !half[c] && UNSEALED(c, 0) -> seal(c, 0); half[c] = envelope; leave(c) }
    :: d_step { !half[c] && !UNSEALED(c, 0) && UNSEALED(c, 1) -> seal(c, 1); half[c] = envelope; leave(c) }
    :: d_step { half[c] -> envelope = half[c]; half[c] = 0; number = NUMBER(envelope); keep(c, number) }
#endif
    :: d_step { disk[c].owes -> confirm(c, TEXTS); disk[c].owes = 0; disk[c].signal = envelope; submit(c) }
#if defined(ACKNOWLEDGE_FIRST)
    :: d_step { !half[c] && box[c].given < box[c].length -> half[c] = box[c].envelope[box[c].given]; box[c].given++ }
    :: d_step { half[c] -> envelope = half[c]; half[c] = 0; take() }
#elif defined(RECEIPT_FIRST)
    :: d_step { !half[c] && box[c].given < box[c].length ->
            envelope = box[c].envelope[box[c].given];
            half[c] = envelope;
            session = SESSION(envelope);
            if
            :: IS_TEXT(envelope) && !(c == 1 && session == 0 && unreadable) ->
                key = NUMBER(envelope); confirm(c, key); submit(c)
            :: else
            fi }
    :: d_step { half[c] -> envelope = half[c]; half[c] = 0; box[c].given++; take() }
#else
    :: d_step { box[c].given < box[c].length -> envelope = box[c].envelope[box[c].given]; box[c].given++; take() }
#endif

    /* Timers. Those that go off early are among the faults. */
#ifndef NO_FURTHER_SESSION
    :: d_step { QUIET && !SETTLED(c) && !ANSWERED(c) && c == 0 && !disk[c].has[2] -> disk[c].has[2] = 1; unseal(c) }
#endif
#ifndef NO_RESEALING
    :: d_step { QUIET && STRANDED(c, 0) -> disk[c].sealed[0] = 0 }
    :: d_step { QUIET && STRANDED(c, 1) -> disk[c].sealed[1] = 0 }
    :: d_step { QUIET && !SETTLED(c) && !STRANDED(c, 0) && !STRANDED(c, 1) && (ANSWERED(c) || c == 1 || disk[c].has[2]) ->
            resend(c, 1) }
#else
    :: d_step { QUIET && !SETTLED(c) && (ANSWERED(c) || c == 1 || disk[c].has[2]) -> resend(c, 1) }
#endif
    :: d_step { QUIET && SETTLED(c) && disk[c].signal -> envelope = disk[c].signal; submit(c) }
    :: d_step { QUIET && disk[c].held -> give_up(c) }
    od
}

/* --- the relay ------------------------------------------------------------------------------------------------------ */

inline remove(o)                /* the first envelope */
{
    i = 1;
    do
    :: i < box[o].length -> box[o].envelope[i - 1] = box[o].envelope[i]; i++
    :: else -> break
    od;
    box[o].length--;
    box[o].envelope[box[o].length] = 0
}

/* Written to disk, and the sender is told; or acknowledged and gone, and he is told now if he was not before. */
#define MAILBOX(o) \
    :: d_step { box[o].durable < box[o].length -> \
            envelope = box[o].envelope[box[o].durable]; box[o].durable++; accepted(1 - o) } \
    :: d_step { box[o].given > 0 -> \
            envelope = box[o].envelope[0]; \
            session = SESSION(envelope); \
            assert(!IS_TEXT(envelope) || disk[o].opened & 1 << envelope || o == 1 && session == 0 && unreadable); \
            remove(o); \
            box[o].given--; \
            if \
            :: box[o].durable > 0 -> box[o].durable-- \
            :: else -> accepted(1 - o) \
            fi }

proctype Relay()
{
end:
    do
    MAILBOX(0)
    MAILBOX(1)
    od
}

/* --- what goes wrong ------------------------------------------------------------------------------------------------ */

#define LOSE_SENDING(c) resend(c, ANSWERED(c))          /* and connect again, which sends what has to be sent again */
#define LOSE_MAILBOX(c) box[c].given = 0

inline lose_memory(o)
{
    do
    :: box[o].length > box[o].durable -> box[o].length--; box[o].envelope[box[o].length] = 0
    :: else -> break
    od;
    skip
}

inline lose_disk(o)
{
    do
    :: box[o].length > 0 -> remove(o)
    :: else -> break
    od;
    box[o].durable = 0
}

#define LOSE_CONNECTIONS LOSE_SENDING(0); LOSE_SENDING(1); LOSE_MAILBOX(0); LOSE_MAILBOX(1)

#define TROUBLE(c) \
    :: d_step { faults > 0 -> faults--; half[c] = 0; LOSE_SENDING(c); LOSE_MAILBOX(c) }         /* the client is killed */ \
    :: d_step { faults > 0 && box[c].durable < box[c].length ->                                 /* accepted, and not heard */ \
            faults--; box[c].durable++; LOSE_SENDING((1 - c)) } \
    :: d_step { faults > 0 && !SETTLED(c) -> faults--; resend(c, 1) }                           /* a timer goes off early */ \
    :: d_step { faults > 0 && disk[c].held -> faults--; give_up(c) }                            /* so does this one */

proctype Trouble()
{
end:
    do
    TROUBLE(0)
    TROUBLE(1)
    :: d_step { faults > 0 -> faults--; lose_memory(0); lose_memory(1); LOSE_CONNECTIONS }      /* the relay is killed */
    :: d_step { faults > 0 -> faults--; lose_disk(0); lose_disk(1); LOSE_CONNECTIONS }          /* and its disk is lost */
    :: d_step { faults > 0 && !ANSWERED(0) && !disk[0].has[2] -> faults--; disk[0].has[2] = 1; unseal(0) }      /* an early hour */
    od
}

init {
    atomic {
        /* A text that a client does not have counts as delivered and shown. */
        if :: TEXTS_0 < 1 -> disk[0].state[0] = DELIVERED; shown[1 * TEXTS] = 1 :: else fi;
        if :: TEXTS_0 < 2 -> disk[0].state[1] = DELIVERED; shown[1 * TEXTS + 1] = 1 :: else fi;
        if :: TEXTS_1 < 1 -> disk[1].state[0] = DELIVERED; shown[0 * TEXTS] = 1 :: else fi;
        if :: TEXTS_1 < 2 -> disk[1].state[1] = DELIVERED; shown[0 * TEXTS + 1] = 1 :: else fi;
        if :: unreadable = 1 :: skip fi;
#ifndef ONE_ORDER
        if :: prefer_1 = 1 :: skip fi;
#endif
        run Client(0); run Client(1); run Relay(); run Trouble()
    }
}

/* Both learn that all they sent is there, all of it was shown once, and it stays so. */
ltl convergence { <> [] (SETTLED(0) && SETTLED(1) && SHOWN(0) && SHOWN(1)) }
