/* What the loads share: how they are told to start and stop, and the latencies that they measure. */
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum { SLOTS = 200000, SLOT_US = 10 };

/* How many had a latency of so many tens of microseconds. */
static uint32_t latency[SLOTS];

static void note(uint64_t us) {
  uint64_t slot = us / SLOT_US;
  latency[slot < SLOTS ? slot : SLOTS - 1]++;
}

struct latencies {
  double p50, p99, max; /* milliseconds */
};

static struct latencies latencies(void) {
  struct latencies found = {0};
  uint64_t all = 0, seen = 0;
  for (int slot = 0; slot < SLOTS; slot++) all += latency[slot];
  for (int slot = 0; slot < SLOTS; slot++) {
    if (latency[slot] == 0) continue;
    double time = slot * SLOT_US / 1000.0;
    if (seen < all / 2) found.p50 = time;
    if (seen < all * 0.99) found.p99 = time;
    seen += latency[slot];
    found.max = time;
  }
  return found;
}

/* Whether a line has come on standard input; ends the program at its end. */
static int has_input(void) {
  struct pollfd input = {.fd = 0, .events = POLLIN};
  char line;
  if (poll(&input, 1, 0) != 1) return 0;
  if (read(0, &line, 1) <= 0) exit(0);
  return 1;
}
