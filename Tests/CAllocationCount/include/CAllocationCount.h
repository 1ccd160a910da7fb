// Counts what a thread allocates: linked into an executable, these functions stand in front of glibc's malloc and its relatives for
// everything in the process (Swift's runtime, C++, SQLite), and count while the calling thread has counting switched on.
#ifndef THUONG_ALLOCATION_COUNT_H
#define THUONG_ALLOCATION_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint64_t allocations;  // malloc, calloc, realloc, posix_memalign, aligned_alloc, memalign
  uint64_t frees;        // of something
  uint64_t bytes;        // asked for
} thuong_allocation_count;

// Begins at zero on the calling thread. Where it `remembers`, the places of its allocations are kept, besides those kept before, as far
// as there is room for different ones: for one thread at a time.
void thuong_allocation_count_begin(bool remembers);

// What the calling thread has allocated since it began; it counts no more.
thuong_allocation_count thuong_allocation_count_end(void);

// Writes the places that were kept, one a line and the most frequent first, as `COUNT x OFFSET OFFSET …`: the frames, innermost first, as
// offsets in the executable where they lie in it, for addr2line. Then forgets them. Returns how many bytes it wrote.
size_t thuong_allocation_places_take(char *text, size_t capacity);

#endif
