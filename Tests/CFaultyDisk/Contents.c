#include "Contents.h"

#include <stdlib.h>
#include <string.h>

uint64_t next_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// A test's process has no use for a failed allocation.
static void *reallocated(void *memory, size_t bytes) {
  void *result = realloc(memory, bytes ? bytes : 1);
  if (!result) abort();
  return result;
}

static void resize(Buffer *buffer, int64_t size) {
  if (size > buffer->capacity) {
    buffer->capacity = size * 2 > 4096 ? size * 2 : 4096;
    buffer->bytes = reallocated(buffer->bytes, (size_t)buffer->capacity);
  }
  if (size > buffer->size) memset(buffer->bytes + buffer->size, 0, (size_t)(size - buffer->size));
  buffer->size = size;
}

static void copy_buffer(Buffer *to, const Buffer *from) {
  resize(to, from->size);
  if (from->size > 0) memcpy(to->bytes, from->bytes, (size_t)from->size);
}

void contents_free(Contents *contents) {
  free(contents->cached.bytes);
  free(contents->durable.bytes);
  free(contents->changes);
  free(contents->sectors);
}

void contents_copy(Contents *to, const Contents *from) {
  copy_buffer(&to->cached, &from->cached);
  copy_buffer(&to->durable, &from->durable);
  to->change_count = to->change_capacity = from->change_count;
  to->changes = reallocated(to->changes, from->change_count * sizeof(Change));
  to->sectors = reallocated(to->sectors, from->change_count * sector_bytes);
  if (from->change_count > 0) {
    memcpy(to->changes, from->changes, from->change_count * sizeof(Change));
    memcpy(to->sectors, from->sectors, from->change_count * sector_bytes);
  }
}

static void note(Contents *contents, int64_t sector, int64_t end) {
  if (contents->change_count == contents->change_capacity) {
    contents->change_capacity = contents->change_capacity ? contents->change_capacity * 2 : 64;
    contents->changes = reallocated(contents->changes, contents->change_capacity * sizeof(Change));
    contents->sectors = reallocated(contents->sectors, contents->change_capacity * sector_bytes);
  }
  size_t place = contents->change_count++;
  contents->changes[place] = (Change){.sector = sector, .end = end};
  if (sector >= 0) {
    int64_t start = sector * sector_bytes;
    memcpy(contents->sectors + place * sector_bytes, contents->cached.bytes + start, (size_t)(end - start));
  }
}

void contents_write(Contents *contents, const void *bytes, int64_t count, int64_t offset) {
  if (count <= 0) return;
  int64_t gap = contents->cached.size;
  if (offset + count > contents->cached.size) resize(&contents->cached, offset + count);
  memcpy(contents->cached.bytes + offset, bytes, (size_t)count);
  int64_t from = offset < gap ? offset : gap;
  for (int64_t sector = from / sector_bytes; sector * sector_bytes < offset + count; sector++) {
    int64_t end = (sector + 1) * sector_bytes;
    note(contents, sector, end < contents->cached.size ? end : contents->cached.size);
  }
}

void contents_truncate(Contents *contents, int64_t size) {
  resize(&contents->cached, size);
  note(contents, -1, size);
}

static void apply(Buffer *buffer, Change change, const uint8_t *sector) {
  if (change.sector < 0) {
    resize(buffer, change.end);
    return;
  }
  int64_t start = change.sector * sector_bytes;
  if (buffer->size < change.end) resize(buffer, change.end);
  memcpy(buffer->bytes + start, sector, (size_t)(change.end - start));
}

void contents_sync(Contents *contents) {
  for (size_t i = 0; i < contents->change_count; i++) {
    apply(&contents->durable, contents->changes[i], contents->sectors + i * sector_bytes);
  }
  contents->change_count = 0;
}

void contents_settle(Contents *contents, uint64_t *random, bool keeps_truncations) {
  // All lost and all kept are the likeliest in life, and too unlikely among independent sectors.
  enum { nothing, everything, mixed } luck = next_random(random) % 4 < 2 ? next_random(random) % 2 : mixed;
  int64_t sectors = 0;
  for (size_t i = 0; i < contents->change_count; i++) {
    if (contents->changes[i].sector >= sectors) sectors = contents->changes[i].sector + 1;
  }
  // How many of its states each sector goes through.
  uint32_t *left = reallocated(NULL, (size_t)sectors * sizeof(uint32_t));
  memset(left, 0, (size_t)sectors * sizeof(uint32_t));
  for (size_t i = 0; i < contents->change_count; i++) {
    if (contents->changes[i].sector >= 0) left[contents->changes[i].sector]++;
  }
  for (int64_t i = 0; i < sectors; i++) {
    if (luck == everything) continue;
    uint32_t states = left[i];
    if (luck == nothing || states == 0) left[i] = 0;
    else if (next_random(random) % 2 == 0) left[i] = next_random(random) % 2 ? states : 0;
    else left[i] = (uint32_t)(next_random(random) % (states + 1));
  }
  for (size_t i = 0; i < contents->change_count; i++) {
    Change change = contents->changes[i];
    bool is_kept;
    if (change.sector >= 0) is_kept = left[change.sector] > 0 && left[change.sector]-- > 0;
    else is_kept = keeps_truncations || luck == everything || (luck == mixed && next_random(random) % 2 == 0);
    if (is_kept) apply(&contents->durable, change, contents->sectors + i * sector_bytes);
  }
  // The size may be there before the data.
  if (luck == mixed && next_random(random) % 4 == 0 && contents->durable.size < contents->cached.size) {
    resize(&contents->durable, contents->cached.size);
  }
  free(left);
  contents->change_count = 0;
}

void contents_forget_cache(Contents *contents) { copy_buffer(&contents->cached, &contents->durable); }

void contents_accept_cache(Contents *contents) {
  copy_buffer(&contents->durable, &contents->cached);
  contents->change_count = 0;
}
