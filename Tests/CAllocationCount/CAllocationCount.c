#define _GNU_SOURCE
#include "CAllocationCount.h"

#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

// glibc's own, under the names by which it keeps them reachable when malloc is replaced.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

enum { frames_max = 12, places_max = 64 };

typedef struct {
  void *frames[frames_max];
  int depth;
  uint64_t count;
} place;

static _Thread_local bool counting;
static _Thread_local bool remembering;  // also true while a backtrace is taken, which may allocate
static _Thread_local thuong_allocation_count counted;

static place places[places_max];
static size_t place_count;

static void remember(void) {
  if (!remembering) return;
  remembering = false;
  void *frames[frames_max + 2];
  int depth = backtrace(frames, frames_max + 2) - 2;  // without this function and the one that stands for malloc
  if (depth > 0) {
    size_t size = (size_t)depth * sizeof(void *), i = 0;
    while (i < place_count && (places[i].depth != depth || memcmp(places[i].frames, frames + 2, size) != 0)) i++;
    if (i == place_count && place_count < places_max) {
      places[place_count].depth = depth;
      places[place_count].count = 0;
      memcpy(places[place_count++].frames, frames + 2, size);
    }
    if (i < place_count) places[i].count++;
  }
  remembering = true;
}

static inline void note(size_t bytes) {
  if (!counting) return;
  counted.allocations++;
  counted.bytes += bytes;
  remember();
}

void *malloc(size_t size) {
  note(size);
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  note(count * size);
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  note(size);
  return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  note(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  note(size);
  void *memory = __libc_memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *result = memory;
  return 0;
}

void free(void *memory) {
  if (counting && memory != NULL) counted.frees++;
  __libc_free(memory);
}

void thuong_allocation_count_begin(bool remembers) {
  if (remembers && place_count == 0) {
    void *frames[4];
    backtrace(frames, 4);  // the first call loads a library
  }
  counted = (thuong_allocation_count){0};
  remembering = remembers;
  counting = true;
}

thuong_allocation_count thuong_allocation_count_end(void) {
  counting = false;
  remembering = false;
  return counted;
}

static int find_executable(struct dl_phdr_info *info, size_t size, void *base) {
  (void)size;
  *(uintptr_t *)base = info->dlpi_addr;
  return 1;  // the first is the executable
}

size_t thuong_allocation_places_take(char *text, size_t capacity) {
  uintptr_t base = 0;
  dl_iterate_phdr(find_executable, &base);
  for (size_t i = 1; i < place_count; i++) {
    place moved = places[i];
    size_t j = i;
    for (; j > 0 && places[j - 1].count < moved.count; j--) places[j] = places[j - 1];
    places[j] = moved;
  }
  size_t used = 0;
  for (size_t i = 0; i < place_count && used + 32 + frames_max * 20 < capacity; i++) {
    used += (size_t)snprintf(text + used, capacity - used, "%llu x", (unsigned long long)places[i].count);
    for (int k = 0; k < places[i].depth; k++)
      used += (size_t)snprintf(text + used, capacity - used, " %#lx", (unsigned long)((uintptr_t)places[i].frames[k] - base));
    used += (size_t)snprintf(text + used, capacity - used, "\n");
  }
  place_count = 0;
  return used;
}
