/* A load for TCP relays: clients in front of them and the origin behind them, in one event loop.
   Usage: tcp_load MODE RELAY_PORT ORIGIN_PORT COUNT BYTES INTERVAL_US CHUNK RATE
     publish, play, flv  COUNT streams with BYTES every INTERVAL_US, as fast as possible if that is 0
     first_play, first_flv  COUNT new streams, RATE a second: time from connect to first media
     idle_play, idle_flv    COUNT clients of one stream without media
   RTMP media is split into chunks of CHUNK. A publisher sends as ffmpeg does, header and payload of
   each chunk with separate sends and without TCP_NODELAY; an origin sends a whole frame at once.
   Writes "open" when media flows in all streams. Measures from one empty line that it reads to the next,
   and writes the results as JSON, times in milliseconds; and so on. Streams with an interval rest
   between results and the next line. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "load.h"

enum { BATCH = 256, MOST = 65536, BUFFER = 8192, MARKS = 64, OPENING = 64 };
enum { GREETING = 1537, ANSWER = 3073, BLOCK = 1536, NEAR = 512, SCRATCH = 1 << 18 };
enum { LONGEST_WAY = 1000000 };

struct conn {
  int is_open, is_client, phase, stream, flows, begun;
  unsigned events;
  int length;
  char *buffer;
  uint64_t connected_at, received, sent;
  size_t at;
};

/* How much a stream has sent by when, so that its receiver can tell the latency. */
struct stream {
  int sender, receiver;
  uint64_t next, mark_end[MARKS], mark_time[MARKS];
  unsigned first_mark, last_mark;
};

static struct conn conns[MOST];
static struct stream *streams;
static int poller, is_publish, is_http, is_first, is_idle, relay_port, count, chunk, opening, opened;
static int failed, media_file, is_measuring, is_resting;
static size_t media_length, *writes, write_count;
static char *media, scratch[SCRATCH];
static uint64_t interval, received, late, skipped;

static uint64_t now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000ull + time.tv_nsec / 1000;
}

static void watch(int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(poller, conns[fd].events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
  conns[fd].events = events;
}

static struct conn *begin(int fd, int is_client, int stream) {
  struct conn *conn = &conns[fd];
  memset(conn, 0, sizeof *conn);
  conn->is_open = 1;
  conn->is_client = is_client;
  conn->stream = stream;
  conn->buffer = malloc(BUFFER);
  return conn;
}

static void end(int fd) {
  struct conn *conn = &conns[fd];
  if (!conn->is_open) return;
  conn->is_open = 0;
  free(conn->buffer);
  close(fd);
}

static void say(int fd, const void *bytes, size_t length) {
  if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length && conns[fd].is_client) failed++;
}

/* --- Media, built once --- */

static char *put_header(char *to, size_t length) {
  const unsigned char header[] = {6, 0, 0, 0, length >> 16, length >> 8, length, 9, 1, 0, 0, 0};
  memcpy(to, header, sizeof header);
  return to + sizeof header;
}

/* One RTMP message or HTTP chunk, and where each write of it ends. */
static void build_media(size_t bytes) {
  char *end = media = malloc(bytes + bytes / 64 + 64);
  writes = malloc((2 * (bytes / chunk) + 8) * sizeof *writes);
  if (is_http) {
    end += sprintf(end, "%zx\r\n", bytes);
    memset(end, 0x5a, bytes);
    end = mempcpy(end + bytes, "\r\n", 2);
    writes[write_count++] = end - media;
  } else {
    end = put_header(end, bytes);
    for (size_t left = bytes; left > 0;) {
      size_t part = left < (size_t)chunk ? left : (size_t)chunk;
      if (left < bytes) *end++ = (char)0xc6;
      if (is_publish) writes[write_count++] = end - media;
      memset(end, 0x5a, part);
      end += part;
      if (is_publish) writes[write_count++] = end - media;
      left -= part;
    }
    if (!is_publish) writes[write_count++] = end - media;
  }
  media_length = end - media;
  media_file = memfd_create("media", 0);
  if (write(media_file, media, media_length) != (ssize_t)media_length) exit(6);
}

/* --- Before media flows --- */

struct text {
  unsigned char bytes[512];
  int length;
};

static void add(struct text *text, const void *bytes, int length) {
  memcpy(text->bytes + text->length, bytes, length);
  text->length += length;
}

static void add_string(struct text *text, const char *string) {
  unsigned char head[] = {2, strlen(string) >> 8, strlen(string)};
  add(text, head, 3);
  add(text, string, strlen(string));
}

static void add_number(struct text *text, double number) {
  uint64_t bits;
  memcpy(&bits, &number, 8);
  bits = __builtin_bswap64(bits);
  add(text, "\0", 1);
  add(text, &bits, 8);
}

static void add_property(struct text *text, const char *name, const char *value) {
  unsigned char head[] = {strlen(name) >> 8, strlen(name)};
  add(text, head, 2);
  add(text, name, strlen(name));
  add_string(text, value);
}

static void say_command(int fd, const struct text *body, int stream) {
  struct text out = {.length = 0};
  unsigned char header[] = {3, 0, 0, 0, 0, body->length >> 8, body->length, 20, stream, 0, 0, 0};
  add(&out, header, 12);
  add(&out, body->bytes, body->length);
  say(fd, out.bytes, out.length);
}

static void say_chunk_size(int fd) {
  unsigned char message[] = {2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0,
                             chunk >> 24, chunk >> 16, chunk >> 8, chunk};
  say(fd, message, sizeof message);
}

static void say_connect(int fd) {
  struct text body = {.length = 0};
  char url[64];
  sprintf(url, "rtmp://127.0.0.1:%d/live", relay_port);
  add_string(&body, "connect");
  add_number(&body, 1);
  add(&body, "\3", 1);
  add_property(&body, "app", "live");
  add_property(&body, "tcUrl", url);
  add(&body, "\0\0\11", 3);
  say_command(fd, &body, 0);
}

static void say_wish(int fd, int stream) {
  struct text body = {.length = 0};
  char name[32];
  sprintf(name, "s%d", is_idle ? 0 : stream);
  add_string(&body, is_publish ? "publish" : "play");
  add_number(&body, 3);
  add(&body, "\5", 1);
  add_string(&body, name);
  if (is_publish) add_string(&body, "live");
  say_command(fd, &body, 1);
}

static void say_status(int fd) {
  struct text body = {.length = 0};
  add_string(&body, "onStatus");
  add_number(&body, 0);
  add(&body, "\5\3", 2);
  add_property(&body, "level", "status");
  add_property(&body, "code", is_publish ? "NetStream.Publish.Start" : "NetStream.Play.Start");
  add(&body, "\0\0\11", 3);
  say_command(fd, &body, 1);
}

static void say_result(int fd, const char *transaction, int with_number) {
  struct text body = {.length = 0};
  add_string(&body, "_result");
  add(&body, transaction, 9);
  add(&body, "\5", 1);
  if (with_number) add_number(&body, 1);
  else add(&body, "\5", 1);
  say_command(fd, &body, 0);
}

/* Takes everything up to the end of `needle`, plus `behind` bytes, out of the buffer. */
static char *take(struct conn *conn, const char *needle, int length, int behind) {
  static char taken[BUFFER];
  char *found = memmem(conn->buffer, conn->length, needle, length);
  if (found == NULL || found + length + behind > conn->buffer + conn->length) return NULL;
  char *rest = found + length;
  memcpy(taken, rest, conn->buffer + conn->length - rest);
  conn->length -= rest + behind - conn->buffer;
  memmove(conn->buffer, rest + behind, conn->length);
  return taken;
}

/* When a stream begins to send: streams do so one after the other within an interval. */
static uint64_t begin_at(int stream) {
  return now_us() + (interval == 0 ? 0 : stream * interval / count % interval);
}

static void flow(int fd, int is_sender) {
  struct conn *conn = &conns[fd];
  struct stream *stream = &streams[conn->stream];
  conn->flows = 1;
  if (is_sender) {
    stream->sender = fd;
    stream->next = begin_at(conn->stream);
    if (is_first) {
      if (send(fd, media, media_length, MSG_NOSIGNAL) < 0) failed++;
    } else if (interval == 0 && !is_idle) watch(fd, EPOLLIN | EPOLLOUT);
  } else {
    stream->receiver = fd;
    conn->received = conn->length;
  }
}

static void is_opened(int fd) {
  struct conn *conn = &conns[fd];
  if (is_first) {
    if (conn->begun) return;
    conn->begun = 1;
    note(now_us() - conn->connected_at);
    end(fd);
  }
  opening--;
  opened++;
}

static void talk_as_client(int fd) {
  struct conn *conn = &conns[fd];
  if (is_http) {
    if (take(conn, "\r\n\r\n", 4, 0) == NULL) return;
    flow(fd, 0);
    if (is_first ? conn->length > 0 : 1) is_opened(fd);
    return;
  }
  if (conn->phase == 0 && conn->length >= ANSWER) {
    say(fd, conn->buffer + 1, BLOCK);
    conn->length = 0;
    conn->phase = 1;
    say_connect(fd);
  }
  if (conn->phase == 1 && take(conn, "_result", 7, 9)) {
    struct text body = {.length = 0};
    add_string(&body, "createStream");
    add_number(&body, 2);
    add(&body, "\5", 1);
    say_command(fd, &body, 0);
    conn->phase = 2;
  }
  if (conn->phase == 2 && take(conn, "_result\0\x40\0", 10, 7)) {
    if (is_publish) say_chunk_size(fd);
    say_wish(fd, conn->stream);
    conn->phase = 3;
  }
  if (conn->phase == 3 && take(conn, ".Start\0\0\11", 9, 0)) {
    flow(fd, is_publish);
    if (!is_first || conn->length > 0) is_opened(fd);
  }
}

/* Answers a probe of the origin. */
static void answer_other(int fd) {
  if (take(&conns[fd], "\r\n\r\n", 4, 0) == NULL) return;
  static const char head[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  say(fd, head, sizeof head - 1);
  end(fd);
}

static void talk_as_origin(int fd) {
  struct conn *conn = &conns[fd];
  if (is_http) {
    char *path = take(conn, "GET /live/s", 11, 0);
    if (path == NULL) return answer_other(fd);
    conn->stream = atoi(path);
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    say(fd, head, sizeof head - 1);
    return flow(fd, 1);
  }
  if (conn->phase == 0 && conn->length >= GREETING) {
    static char answer[ANSWER];
    memset(answer, 7, ANSWER);
    answer[0] = 3;
    memcpy(answer + GREETING, conn->buffer + 1, BLOCK);
    conn->length -= GREETING;
    memmove(conn->buffer, conn->buffer + GREETING, conn->length);
    say(fd, answer, ANSWER);
    conn->phase = 1;
  }
  if (conn->phase == 1 && conn->length >= BLOCK) {
    conn->length -= BLOCK;
    memmove(conn->buffer, conn->buffer + BLOCK, conn->length);
    conn->phase = 2;
  }
  if (conn->phase != 2) return;
  char *behind;
  if ((behind = take(conn, "\0\7connect", 9, 9))) {
    say_chunk_size(fd);
    say_result(fd, behind, 0);
  }
  if ((behind = take(conn, "createStream", 12, 9))) say_result(fd, behind, 1);
  behind = is_publish ? take(conn, "\0\7publish", 9, 22) : take(conn, "\0\4play", 6, 14);
  if (behind == NULL) return;
  conn->stream = atoi(behind + 14);
  say_status(fd);
  flow(fd, !is_publish);
}

/* --- Media --- */

static void take_media(int fd, uint64_t length) {
  struct conn *conn = &conns[fd];
  struct stream *stream = &streams[conn->stream];
  if (is_first && conn->is_client) return is_opened(fd);
  conn->received += length;
  received += length;
  while (stream->first_mark < stream->last_mark &&
         conn->received + NEAR >= stream->mark_end[stream->first_mark % MARKS]) {
    if (is_measuring) note(now_us() - stream->mark_time[stream->first_mark % MARKS]);
    stream->first_mark++;
  }
}

static void read_from(int fd) {
  struct conn *conn = &conns[fd];
  if (!conn->flows || is_first) {
    ssize_t got = recv(fd, conn->buffer + conn->length, BUFFER - conn->length, MSG_DONTWAIT);
    if (got <= 0) {
      if (got < 0 && errno == EAGAIN) return;
      /* Probes may connect and leave. */
      if (!is_first && conn->is_client) failed++;
      return end(fd);
    }
    if (conn->flows) return take_media(fd, got);
    conn->length += got;
    return conn->is_client ? talk_as_client(fd) : talk_as_origin(fd);
  }
  /* The media is not examined, so it need not be copied. */
  ssize_t got = recv(fd, scratch, SCRATCH, MSG_DONTWAIT | MSG_TRUNC);
  if (got > 0) return take_media(fd, got);
  if (got < 0 && errno == EAGAIN) return;
  failed++;
  end(fd);
}

/* Sends one frame with as many sends as ffmpeg would use. */
static void send_picture(struct stream *stream, uint64_t time) {
  struct conn *conn = &conns[stream->sender];
  if (stream->last_mark - stream->first_mark == MARKS || conn->at > 0) {
    skipped++;
    return;
  }
  stream->mark_time[stream->last_mark % MARKS] = time;
  size_t from = 0;
  for (size_t i = 0; i < write_count; i++) {
    ssize_t sent = send(stream->sender, media + from, writes[i] - from, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) sent = 0;
    from += sent;
    if (from < writes[i]) break;
  }
  conn->sent += media_length;
  if (from < media_length) {
    conn->at = from;
    watch(stream->sender, EPOLLIN | EPOLLOUT);
  }
  stream->mark_end[stream->last_mark++ % MARKS] = conn->sent;
}

/* Sends the rest of a frame, or frames one after the other. */
static void send_on(int fd) {
  struct conn *conn = &conns[fd];
  for (int i = 0; i < 16; i++) {
    off_t at = conn->at;
    ssize_t sent = sendfile(fd, media_file, &at, media_length - conn->at);
    if (sent <= 0) return;
    conn->at += sent;
    if (conn->at < media_length) continue;
    conn->at = 0;
    if (interval > 0) return watch(fd, EPOLLIN);
  }
}

static int open_listening(int port) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&name, sizeof name) != 0 || listen(fd, 4096) != 0) exit(1);
  watch(fd, EPOLLIN);
  return fd;
}

static void open_client(int stream) {
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(relay_port)};
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  struct conn *conn = begin(fd, 1, stream);
  conn->connected_at = now_us();
  if (connect(fd, (struct sockaddr *)&name, sizeof name) != 0) exit(3);
  if (!is_publish) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  char out[GREETING] = {3};
  int length = GREETING;
  if (is_http) length = sprintf(out, "GET /live/s%d.flv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                             is_idle ? 0 : stream);
  else memset(out + 9, 5, GREETING - 9);
  say(fd, out, length);
  watch(fd, EPOLLIN);
  opening++;
}

static void round_of(int listening, int timeout) {
  struct epoll_event events[BATCH];
  int ready = epoll_wait(poller, events, BATCH, timeout);
  for (int i = 0; i < ready; i++) {
    int fd = events[i].data.fd, yes = 1;
    if (fd == listening) {
      int accepted = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
      if (accepted < 0) continue;
      setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      begin(accepted, 0, 0);
      watch(accepted, EPOLLIN);
      continue;
    }
    if (!conns[fd].is_open) continue;
    if (events[i].events & EPOLLOUT) send_on(fd);
    if (conns[fd].is_open && (events[i].events & ~EPOLLOUT)) read_from(fd);
  }
  if (interval == 0 || is_idle || is_first || is_resting) return;
  uint64_t time = now_us();
  for (int i = 0; i < count; i++) {
    struct stream *stream = &streams[i];
    if (stream->sender == 0 || stream->receiver == 0 || time < stream->next) continue;
    send_picture(stream, time);
    stream->next += interval;
    if (time > stream->next) late++, stream->next = time + interval;
  }
}

static int timeout_ms(void) {
  if (is_resting) return 20;
  return interval == 0 || is_idle ? 50 : 1;
}

static void resume(void) {
  is_resting = 0;
  for (int i = 0; i < count; i++) streams[i].next = begin_at(i);
}

static int is_under_way(void) {
  for (int i = 0; i < count; i++) {
    if (streams[i].first_mark < streams[i].last_mark) return 1;
  }
  return 0;
}

/* Sends no more, and receives what is under way. */
static void rest(int listening) {
  is_resting = 1;
  for (uint64_t begun = now_us(); is_under_way() && now_us() < begun + LONGEST_WAY;) {
    round_of(listening, 1);
  }
}

static void report(uint64_t seconds_us) {
  struct latencies times = latencies();
  printf("{\"open\":%d,\"failed\":%d,\"received\":%lu,\"seconds\":%.3f,\"skipped\":%lu,"
         "\"p50\":%.2f,\"p99\":%.2f,\"max\":%.2f}\n",
         opened, failed, received, seconds_us / 1e6, skipped, times.p50, times.p99, times.max);
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  const char *mode = argv[1];
  is_publish = strcmp(mode, "publish") == 0;
  is_http = strstr(mode, "flv") != NULL;
  is_first = strncmp(mode, "first_", 6) == 0;
  is_idle = strncmp(mode, "idle_", 5) == 0;
  relay_port = atoi(argv[2]);
  count = atoi(argv[4]);
  interval = atoi(argv[6]);
  chunk = atoi(argv[7]);
  uint64_t gap = 1000000 / atoi(argv[8]);
  build_media(atoi(argv[5]));
  streams = calloc(count, sizeof *streams);
  poller = epoll_create1(0);
  int listening = open_listening(atoi(argv[3]));
  uint64_t next = now_us();
  for (int begun = 0; opened < count;) {
    if (begun < count && opening < OPENING && now_us() >= next) {
      open_client(begun++);
      next += gap;
      if (now_us() > next + 100000) next = now_us();
    }
    round_of(listening, 1);
    if (failed > 0) return 4;
  }
  puts("open");
  fflush(stdout);
  int has_rest = interval > 0 && !is_idle && !is_first;
  for (;;) {
    while (!has_input()) round_of(listening, timeout_ms());
    /* New streams are measured from the first on. */
    if (!is_first) memset(latency, 0, sizeof latency);
    received = skipped = 0;
    if (has_rest) resume();
    is_measuring = 1;
    uint64_t start = now_us();
    while (!has_input()) round_of(listening, timeout_ms());
    uint64_t end = now_us();
    if (has_rest) rest(listening);
    is_measuring = 0;
    report(end - start);
  }
}
