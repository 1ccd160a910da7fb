#ifndef CONTENTS_H
#define CONTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What a file holds, as programs see it and as a power loss would leave it.

enum { sector_bytes = 512 };

/// SplitMix64.
uint64_t next_random(uint64_t *state);

typedef struct {
  uint8_t *bytes;
  int64_t size, capacity;
} Buffer;

/// One sector as a write left it, or a truncation.
typedef struct {
  /// -1: a truncation.
  int64_t sector;
  /// The end of the file within the sector, or the truncated size.
  int64_t end;
} Change;

typedef struct {
  /// What reads see.
  Buffer cached;
  /// What is on the medium for certain.
  Buffer durable;
  /// What happened since the last sync, in order, and the sectors' bytes, one for each.
  Change *changes;
  uint8_t *sectors;
  size_t change_count, change_capacity;
} Contents;

void contents_free(Contents *contents);
void contents_copy(Contents *to, const Contents *from);

/// The file grows where it must; a gap reads as zeros.
void contents_write(Contents *contents, const void *bytes, int64_t count, int64_t offset);
void contents_truncate(Contents *contents, int64_t size);
/// Everything becomes durable.
void contents_sync(Contents *contents);
/// Of the changes since the last sync, some become durable and the others never will: of each sector any state that it has had.
/// Truncations are kept where `keeps_truncations`, otherwise by chance.
void contents_settle(Contents *contents, uint64_t *random, bool keeps_truncations);
/// What reads see is what is durable.
void contents_forget_cache(Contents *contents);
/// What is on the medium is what reads see, as if it had been written so.
void contents_accept_cache(Contents *contents);

#endif
