/* Clients and an origin in one process that send each other numbered datagrams through a relay, and
   measure loss and latency.
   Usage: udp_load RELAY_PORT ORIGIN_PORT SESSIONS WARM_UP_RATE RATE SIZE HELLOS HEAD
   RATE: packets a second, both directions together.
   HELLOS: a file with one datagram for each client, each preceded by its length in two bytes; a
   client sends its own until the origin answers, which answers every datagram that does not begin
   with HEAD (a byte, in decimal) with one that does.
   HEAD 0 is SRT: HELLOS are inductions, each followed by a conclusion of the same client; the origin
   answers both, and datagrams carry the negotiated socket ids.
   Prints "open" and sends at WARM_UP_RATE until it reads a line. Then it rests. Sends at RATE and
   measures from one line to the next, prints a line of JSON, and rests again. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "load.h"

enum { MAX_SESSIONS = 1000, SIZE = 2048, BATCH = 64 };

/* From byte 16 of a datagram on, which leaves room for any protocol's header. */
struct mark {
  uint32_t session;
  uint32_t is_measured;
  uint64_t sent_at;
};

static int clients[MAX_SESSIONS], origin_fd, poller;
static struct sockaddr_in back[MAX_SESSIONS];
static int is_open[MAX_SESSIONS];
static struct sockaddr_in relay;
static int sessions, size;
static uint64_t sent, received;
static unsigned char head_byte;

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static int open_socket(int port, int tag) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), space = 16 << 20;
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &space, sizeof space);
  if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0) exit(1);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = tag};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  return fd;
}

/* SRT: the socket id of a client is its number plus one; the origin's is that plus this. */
enum { ORIGIN_SOCKET = 1000, COOKIE_AT = 44, TYPE_AT = 36, SOCKET_AT = 40, HANDSHAKE = 64 };

static uint32_t word(const char *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

static void set_word(char *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}

static uint32_t cookies[MAX_SESSIONS];

/* A handshake packet: the origin accepts everybody; a client records its cookie and its end. */
static void take_handshake(char *packet, int at_origin, int client, struct sockaddr_in *from) {
  int is_induction = word(packet + TYPE_AT) == 1;
  if (!at_origin) {
    if (is_induction) cookies[client] = word(packet + COOKIE_AT);
    else is_open[client] = 1;
    return;
  }
  uint32_t caller = word(packet + SOCKET_AT);
  set_word(packet + 12, caller);
  set_word(packet + 16, 5);
  set_word(packet + 20, is_induction ? 0x4a17 : 1);
  set_word(packet + SOCKET_AT, caller + ORIGIN_SOCKET);
  set_word(packet + COOKIE_AT, 1);
  sendto(origin_fd, packet, HANDSHAKE, 0, (struct sockaddr *)from, sizeof *from);
}

static void take(char *datagram, int length, int at_origin, int client, struct sockaddr_in *from) {
  struct mark mark;
  if (head_byte == 0 && length >= HANDSHAKE && (unsigned char)datagram[0] == 0x80) {
    take_handshake(datagram, at_origin, client, from);
    return;
  }
  if (length < (int)(16 + sizeof mark)) return;
  memcpy(&mark, datagram + 16, sizeof mark);
  if ((unsigned char)datagram[0] != head_byte) { /* a hello */
    if (!at_origin) return;
    char reply[SIZE] = {0};
    reply[0] = head_byte;
    mark.is_measured = 0;
    mark.session = UINT32_MAX;
    memcpy(reply + 16, &mark, sizeof mark);
    sendto(origin_fd, reply, 64, 0, (struct sockaddr *)from, sizeof *from);
    return;
  }
  if (at_origin && mark.session < MAX_SESSIONS) back[mark.session] = *from;
  if (!at_origin) is_open[client] = 1;
  if (!mark.is_measured) return;
  received++;
  note((now() - mark.sent_at) / 1000);
}

/* Receives whatever has arrived, waiting up to `timeout` milliseconds. */
static void receive(int timeout) {
  static char payload[BATCH][SIZE];
  struct epoll_event events[BATCH];
  int ready = epoll_wait(poller, events, BATCH, timeout);
  for (int i = 0; i < ready; i++) {
    int tag = events[i].data.u32, at_origin = tag == MAX_SESSIONS;
    struct sockaddr_in names[BATCH];
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH] = {0};
    for (int slot = 0; slot < BATCH; slot++) {
      vectors[slot] = (struct iovec){payload[slot], SIZE};
      headers[slot].msg_hdr.msg_name = &names[slot];
      headers[slot].msg_hdr.msg_namelen = sizeof names[slot];
      headers[slot].msg_hdr.msg_iov = &vectors[slot];
      headers[slot].msg_hdr.msg_iovlen = 1;
    }
    int fd = at_origin ? origin_fd : clients[tag];
    int count = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL);
    for (int slot = 0; slot < count; slot++) {
      take(payload[slot], headers[slot].msg_len, at_origin, tag, &names[slot]);
    }
  }
}

static void put(char *datagram, int session, int is_measured, int to_origin) {
  struct mark mark = {session, is_measured, now()};
  datagram[0] = head_byte;
  if (head_byte == 0) set_word(datagram + 12, session + 1 + (to_origin ? ORIGIN_SOCKET : 0));
  memcpy(datagram + 16, &mark, sizeof mark);
}

/* Sends in both directions until it reads a line, and receives. */
static void run(int is_measured, uint64_t rate) {
  static char datagram[SIZE];
  uint64_t start = now(), planned = 0;
  for (uint64_t time = start; !has_input(); time = now()) {
    uint64_t due = (time - start) * rate / 1000000000ull;
    for (int burst = 0; planned < due && burst < BATCH; burst++, planned++) {
      int session = planned / 2 % sessions, to_origin = planned % 2;
      put(datagram, session, is_measured, to_origin);
      struct sockaddr_in *to = to_origin ? &relay : &back[session];
      sendto(to_origin ? clients[session] : origin_fd, datagram, size, 0, (struct sockaddr *)to,
             sizeof *to);
      if (is_measured) sent++;
    }
    receive(planned < due ? 0 : 1);
  }
}

static void report(void) {
  struct latencies times = latencies();
  printf("{\"sent\":%lu,\"received\":%lu,\"p50\":%g,\"p99\":%g,\"max\":%g}\n", sent, received,
         times.p50, times.p99, times.max);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  int relay_port = atoi(argv[1]), origin_port = atoi(argv[2]);
  sessions = atoi(argv[3]);
  uint64_t warm_up_rate = atol(argv[4]), rate = atol(argv[5]);
  size = atoi(argv[6]);
  head_byte = atoi(argv[8]);
  poller = epoll_create1(0);
  origin_fd = open_socket(origin_port, MAX_SESSIONS);
  relay.sin_family = AF_INET;
  relay.sin_port = htons(relay_port);
  relay.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  FILE *hellos = fopen(argv[7], "rb");
  static unsigned char hello[MAX_SESSIONS][SIZE];
  int hello_length[MAX_SESSIONS];
  for (int i = 0; i < sessions; i++) {
    clients[i] = open_socket(0, i);
    hello_length[i] = fgetc(hellos) << 8;
    hello_length[i] |= fgetc(hellos);
    if (fread(hello[i], 1, hello_length[i], hellos) != (size_t)hello_length[i]) return 3;
  }
  static char datagram[SIZE];
  for (int i = 0; i < sessions; i++) {
    for (int tries = 0; !is_open[i]; tries++) {
      if (tries == 200) return 4;
      if (hello_length[i] > 0) {
        char *said = (char *)hello[i];
        int length = hello_length[i];
        if (head_byte == 0) { /* the conclusion follows the induction */
          if (cookies[i] != 0) said += HANDSHAKE;
          length = cookies[i] != 0 ? length - HANDSHAKE : HANDSHAKE;
          if (cookies[i] != 0) set_word(said + COOKIE_AT, cookies[i]);
        }
        sendto(clients[i], said, length, 0, (struct sockaddr *)&relay, sizeof relay);
      } else {
        is_open[i] = 1;
      }
      receive(50);
    }
    put(datagram, i, 0, 1);
    for (int tries = 0; back[i].sin_port == 0; tries++) {
      if (tries == 200) return 5;
      sendto(clients[i], datagram, size, 0, (struct sockaddr *)&relay, sizeof relay);
      receive(50);
    }
  }
  puts("open");
  fflush(stdout);
  run(0, warm_up_rate);
  for (;;) {
    while (!has_input()) receive(20);
    memset(latency, 0, sizeof latency);
    sent = received = 0;
    run(1, rate);
    /* What is under way. */
    for (int i = 0; i < 20 && received < sent; i++) receive(20);
    report();
  }
}
