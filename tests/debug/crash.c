#include <stdint.h>

struct reading {
  int32_t value;
  double weight;
  const struct reading *next;
};

enum scale { SMALL = 1, LARGE = 100 };

static inline int32_t divide(int32_t a, int32_t b) {
  return a / b;
}

__attribute__((noinline)) static int32_t average(const struct reading *first, int32_t count) {
  int32_t sum = 0;
  for (const struct reading *at = first; at; at = at->next) {
    int32_t value = at->value;
    sum += value;
  }
  return divide(sum, count);
}

int32_t run(int32_t count) {
  struct reading second = {20, 2.5, 0};
  struct reading first = {10, 1.5, &second};
  enum scale scale = LARGE;
  int32_t mean = average(&first, count);
  return mean * (int32_t)scale;
}
