/* The plain TCP relay to compare with: one connection to the origin for each client, epoll, one recv
   and one send for each piece. It does not look at the data.
   Usage: tcp_relay LISTEN_PORT ORIGIN_PORT */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 256, SIZE = 65536, MOST = 65536 };

struct side {
  int other;
  unsigned events;
  /* What the other side has sent and this one has not accepted. */
  char *waiting;
  size_t at, length;
};

static struct side sides[MOST];
static char piece[SIZE];
static int poller;

static void watch(int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (sides[fd].events == events) return;
  epoll_ctl(poller, sides[fd].events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
  sides[fd].events = events;
}

static void end(int fd) {
  int both[] = {fd, sides[fd].other};
  for (int i = 0; i < 2; i++) {
    free(sides[both[i]].waiting);
    memset(&sides[both[i]], 0, sizeof sides[0]);
    close(both[i]);
  }
}

static int prepare(int fd) {
  int yes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return fd;
}

static void accept_one(int listening, const struct sockaddr_in *origin) {
  int client = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
  if (client < 0) return;
  int there = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  connect(prepare(there), (const struct sockaddr *)origin, sizeof *origin);
  sides[prepare(client)].other = there;
  sides[there].other = client;
  watch(client, EPOLLIN);
  watch(there, EPOLLIN);
}

/* Returns 0 when the connections have ended. */
static int pass(int from) {
  int to = sides[from].other;
  ssize_t count = recv(from, piece, SIZE, MSG_DONTWAIT);
  if (count <= 0) return end(from), 0;
  ssize_t sent = send(to, piece, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) sent = 0;
  if (sent == count) return 1;
  struct side *side = &sides[to];
  side->length = count - sent;
  side->at = 0;
  side->waiting = malloc(side->length);
  memcpy(side->waiting, piece + sent, side->length);
  watch(from, sides[from].events & ~EPOLLIN);
  watch(to, sides[to].events | EPOLLOUT);
  return 1;
}

static int flush(int to) {
  struct side *side = &sides[to];
  if (side->waiting == NULL) return watch(to, side->events & ~EPOLLOUT), 1;
  ssize_t sent = send(to, side->waiting + side->at, side->length - side->at,
                      MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) return end(to), 0;
  side->at += sent;
  if (side->at < side->length) return 1;
  free(side->waiting);
  side->waiting = NULL;
  watch(to, side->events & ~EPOLLOUT);
  watch(side->other, sides[side->other].events | EPOLLIN);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct sockaddr_in origin = name;
  origin.sin_port = htons(atoi(argv[2]));
  poller = epoll_create1(0);
  int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listening, (struct sockaddr *)&name, sizeof name) != 0) return 1;
  listen(listening, 4096);
  watch(listening, EPOLLIN);
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct epoll_event events[BATCH];
    int count = epoll_wait(poller, events, BATCH, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      unsigned what = events[i].events;
      if (fd == listening) {
        accept_one(listening, &origin);
        continue;
      }
      /* The connections may have been closed by an earlier event. */
      if (sides[fd].events == 0) continue;
      if ((what & EPOLLOUT) && !flush(fd)) continue;
      if (what & (EPOLLIN | EPOLLERR | EPOLLHUP)) pass(fd);
    }
  }
}
