/* The plain UDP relay to compare with: a front socket, one connected socket for each
   client address, epoll, recvmmsg and sendmmsg. It forwards everything and checks nothing.
   Usage: udp_relay LISTEN_PORT ORIGIN_PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, SIZE = 2048, SHARE = 16, BUCKETS = 65536 };

struct link {
  int fd;
  struct sockaddr_in client;
};

static struct link *by_port[BUCKETS];
static struct link *by_fd[BUCKETS];
static char payload[BATCH][SIZE];
static struct sockaddr_in names[BATCH];
static struct iovec in_vectors[BATCH], out_vectors[BATCH];
static struct mmsghdr in_headers[BATCH], out_headers[BATCH];
static int front, poller;
static struct sockaddr_in origin;

static int open_socket(int port) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 8 << 20;
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
  if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0) exit(1);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  return fd;
}

static struct link *link_of(struct sockaddr_in *client) {
  struct link **place = &by_port[ntohs(client->sin_port)];
  if (*place != NULL) return *place;
  struct link *link = malloc(sizeof *link);
  link->fd = open_socket(0);
  link->client = *client;
  connect(link->fd, (struct sockaddr *)&origin, sizeof origin);
  by_fd[link->fd] = link;
  return *place = link;
}

static int receive(int fd, int first, int count) {
  for (int slot = first; slot < first + count; slot++) {
    in_headers[slot].msg_hdr.msg_namelen = sizeof names[slot];
  }
  int got = recvmmsg(fd, in_headers + first, count, MSG_DONTWAIT, NULL);
  return got < 0 ? 0 : got;
}

static void queue(int index, int slot, struct sockaddr_in *to) {
  out_vectors[index].iov_base = payload[slot];
  out_vectors[index].iov_len = in_headers[slot].msg_len;
  out_headers[index].msg_hdr.msg_name = to;
  out_headers[index].msg_hdr.msg_namelen = to == NULL ? 0 : sizeof *to;
}

static void flush(int fd, int count) {
  for (int sent = 0, more; sent < count; sent += more) {
    more = sendmmsg(fd, out_headers + sent, count - sent, MSG_DONTWAIT);
    if (more < 1) more = 1;
  }
}

static void from_clients(void) {
  static struct link *links[BATCH];
  int count = receive(front, 0, BATCH);
  for (int slot = 0; slot < count; slot++) links[slot] = link_of(&names[slot]);
  for (int slot = 0; slot < count; slot++) {
    if (links[slot] == NULL) continue;
    struct link *link = links[slot];
    int queued = 0;
    for (int other = slot; other < count; other++) {
      if (links[other] != link) continue;
      queue(queued++, other, NULL);
      links[other] = NULL;
    }
    flush(link->fd, queued);
  }
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  poller = epoll_create1(0);
  origin.sin_family = AF_INET;
  origin.sin_port = htons(atoi(argv[2]));
  origin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int slot = 0; slot < BATCH; slot++) {
    in_vectors[slot] = (struct iovec){payload[slot], SIZE};
    in_headers[slot].msg_hdr.msg_iov = &in_vectors[slot];
    in_headers[slot].msg_hdr.msg_iovlen = 1;
    in_headers[slot].msg_hdr.msg_name = &names[slot];
    out_headers[slot].msg_hdr.msg_iov = &out_vectors[slot];
    out_headers[slot].msg_hdr.msg_iovlen = 1;
  }
  front = open_socket(atoi(argv[1]));
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(poller, events, BATCH, -1), filled = 0, is_front = 0;
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == front) {
        is_front = 1;
        continue;
      }
      if (filled == BATCH) flush(front, filled), filled = 0;
      int share = BATCH - filled < SHARE ? BATCH - filled : SHARE;
      int got = receive(fd, filled, share);
      for (int slot = filled; slot < filled + got; slot++) queue(slot, slot, &by_fd[fd]->client);
      filled += got;
    }
    flush(front, filled);
    if (is_front) from_clients();
  }
}
