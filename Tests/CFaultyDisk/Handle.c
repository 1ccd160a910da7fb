#include "Disk.h"

#include <stdlib.h>
#include <string.h>

// The methods of an open file. Locks are those of one process: all its connections are in it.

static Handle *locked(sqlite3_file *file) {
  Handle *handle = (Handle *)file;
  pthread_mutex_lock(&handle->disk->mutex);
  return handle;
}

static void unlock(Handle *handle) { pthread_mutex_unlock(&handle->disk->mutex); }

/// Whether the process that opened it still lives, as far as the disk knows.
static bool lives(const Handle *handle) { return !handle->disk->is_dead && handle->generation == handle->disk->generation; }

static Verdict admit(Handle *handle, FaultyCall call, bool *is_torn) {
  *is_torn = false;
  return handle->generation == handle->disk->generation ? disk_admit(handle->disk, call, is_torn) : fails;
}

// MARK: Locks

static void lower(Handle *handle, int level) {
  if (handle->level <= level) return;
  if (handle->generation == handle->disk->generation) {
    if (handle->file->locker == handle) handle->file->locker = NULL;
    if (level == SQLITE_LOCK_NONE) handle->file->lock_count--;
  }
  handle->level = level;
}

static int raise_lock(Handle *handle, int level) {
  File *file = handle->file;
  Handle *locker = file->locker;
  if (handle->level >= level) return SQLITE_OK;
  if (locker && locker != handle && (level > SQLITE_LOCK_SHARED || locker->level >= SQLITE_LOCK_PENDING)) return SQLITE_BUSY;
  if (level == SQLITE_LOCK_SHARED) {
    file->lock_count++;
  } else {
    file->locker = handle;
    if (level == SQLITE_LOCK_EXCLUSIVE && file->lock_count > 1) {
      handle->level = SQLITE_LOCK_PENDING;
      return SQLITE_BUSY;
    }
  }
  handle->level = level;
  return SQLITE_OK;
}

static int lock_file(sqlite3_file *base, int level) {
  Handle *handle = locked(base);
  int result = lives(handle) ? raise_lock(handle, level) : SQLITE_IOERR_LOCK;
  unlock(handle);
  return result;
}

static int unlock_file(sqlite3_file *base, int level) {
  Handle *handle = locked(base);
  lower(handle, level);
  unlock(handle);
  return SQLITE_OK;
}

static int check_reserved(sqlite3_file *base, int *is_reserved) {
  Handle *handle = locked(base);
  *is_reserved = lives(handle) && handle->file->locker != NULL;
  unlock(handle);
  return SQLITE_OK;
}

// MARK: Shared memory

static int map_memory(sqlite3_file *base, int region, int size, int extends, void volatile **memory) {
  Handle *handle = locked(base);
  *memory = NULL;
  int result = lives(handle) ? SQLITE_OK : SQLITE_IOERR_SHMMAP;
  if (result == SQLITE_OK && !handle->memory) {
    if (!handle->file->memory) handle->file->memory = calloc(1, sizeof(SharedMemory));
    handle->memory = handle->file->memory;
    if (handle->memory) handle->memory->references++;
    else result = SQLITE_IOERR_NOMEM;
  }
  SharedMemory *shared = handle->memory;
  while (result == SQLITE_OK && extends && shared->region_count <= region) {
    void **regions = realloc(shared->regions, (size_t)(shared->region_count + 1) * sizeof(void *));
    if (regions) shared->regions = regions;
    void *bytes = regions ? calloc(1, (size_t)size) : NULL;
    if (bytes) shared->regions[shared->region_count++] = bytes;
    else result = SQLITE_IOERR_NOMEM;
  }
  if (result == SQLITE_OK && region < shared->region_count) *memory = shared->regions[region];
  unlock(handle);
  return result;
}

static void release_slots(Handle *handle, unsigned mask) {
  for (int i = 0; i < shm_slots; i++) {
    unsigned bit = 1u << i;
    if ((mask & bit) == 0) continue;
    if (handle->exclusive & bit) handle->memory->slots[i] = 0;
    if (handle->shared & bit) handle->memory->slots[i]--;
  }
  handle->shared &= ~mask;
  handle->exclusive &= ~mask;
}

static int take_slots(Handle *handle, unsigned mask, bool is_exclusive) {
  int *slots = handle->memory->slots;
  mask &= is_exclusive ? ~handle->exclusive : ~handle->shared;
  for (int i = 0; i < shm_slots; i++) {
    if ((mask & 1u << i) && (is_exclusive ? slots[i] != 0 : slots[i] < 0)) return SQLITE_BUSY;
  }
  for (int i = 0; i < shm_slots; i++) {
    if (mask & 1u << i) slots[i] = is_exclusive ? -1 : slots[i] + 1;
  }
  if (is_exclusive) handle->exclusive |= mask;
  else handle->shared |= mask;
  return SQLITE_OK;
}

static int lock_memory(sqlite3_file *base, int first, int count, int flags) {
  Handle *handle = locked(base);
  unsigned mask = ((1u << count) - 1) << first;
  int result = SQLITE_OK;
  if (!handle->memory) {
    result = SQLITE_IOERR_SHMLOCK;
  } else if (flags & SQLITE_SHM_UNLOCK) {
    release_slots(handle, mask);
    // Slot 0 is the writer's: the transaction is over.
    if (lives(handle) && (mask & 1)) disk_show(handle->disk, handle->entry);
  } else {
    result = lives(handle) ? take_slots(handle, mask, (flags & SQLITE_SHM_EXCLUSIVE) != 0) : SQLITE_IOERR_SHMLOCK;
  }
  unlock(handle);
  return result;
}

static void memory_barrier(sqlite3_file *base) {
  __sync_synchronize();
  unlock(locked(base));
}

static int unmap_memory(sqlite3_file *base, int removes) {
  (void)removes;  // without anyone who has it mapped it is gone in any case
  Handle *handle = locked(base);
  if (handle->memory) {
    release_slots(handle, handle->shared | handle->exclusive);
    if (handle->memory->references == 1 && handle->file->memory == handle->memory) handle->file->memory = NULL;
    memory_unreference(handle->memory);
    handle->memory = NULL;
  }
  unlock(handle);
  return SQLITE_OK;
}

// MARK: Bytes

static int close_file(sqlite3_file *base) {
  unmap_memory(base, 0);
  Handle *handle = locked(base);
  lower(handle, SQLITE_LOCK_NONE);
  if (lives(handle)) {
    if (handle->removes_on_close && handle->entry->cached == handle->file) entry_set(handle->entry, NULL);
    disk_show(handle->disk, handle->entry);
  }
  file_unreference(handle->file);
  disk_unreference(handle->disk);
  return SQLITE_OK;
}

static int read_file(sqlite3_file *base, void *bytes, int count, sqlite3_int64 offset) {
  Handle *handle = locked(base);
  bool is_torn;
  Verdict verdict = admit(handle, FaultyCallRead, &is_torn);
  int result = SQLITE_IOERR_READ;
  if (verdict == passes || verdict == reads_short) {
    const Buffer *cached = &handle->file->contents.cached;
    int64_t there = cached->size - offset < count ? cached->size - offset : count;
    if (verdict == reads_short) there = there > 0 ? (int64_t)(next_random(&handle->disk->random) % (uint64_t)there) : 0;
    if (there > 0) memcpy(bytes, cached->bytes + offset, (size_t)there);
    else there = 0;
    memset((char *)bytes + there, 0, (size_t)(count - there));
    result = there < count ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
  }
  unlock(handle);
  return result;
}

/// How much of a write is made: all of it, or whole sectors from its beginning where it is torn or does not fit.
static int64_t admitted_bytes(Handle *handle, int64_t count, int64_t offset, bool is_torn, Verdict *verdict) {
  FaultyDisk *disk = handle->disk;
  int64_t growth = offset + count - handle->file->contents.cached.size;
  int64_t space = disk->limit < 0 ? INT64_MAX : disk->limit - disk_used(disk);
  int64_t end = offset + count;
  if (*verdict == passes && growth > 0 && growth > space) {
    disk->failures++;
    *verdict = fails_for_space;
    end = space > 0 ? handle->file->contents.cached.size + space : handle->file->contents.cached.size;
  } else if (is_torn) {
    end -= (int64_t)(next_random(&disk->random) % (uint64_t)count) + 1;
  } else if (*verdict != passes) {
    return 0;
  }
  if (*verdict != passes) end -= end % sector_bytes;
  return end > offset ? end - offset : 0;
}

static int write_file(sqlite3_file *base, const void *bytes, int count, sqlite3_int64 offset) {
  Handle *handle = locked(base);
  FaultyDisk *disk = handle->disk;
  Contents *contents = &handle->file->contents;
  bool is_torn;
  Verdict verdict = admit(handle, FaultyCallWrite, &is_torn);
  contents_write(contents, bytes, admitted_bytes(handle, count, offset, is_torn, &verdict), offset);
  if (handle->file->is_wal && contents->cached.size > disk->wal_max) disk->wal_max = contents->cached.size;
  unlock(handle);
  return verdict == passes ? SQLITE_OK : verdict == fails_for_space ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size) {
  Handle *handle = locked(base);
  bool is_torn;
  Verdict verdict = admit(handle, FaultyCallTruncate, &is_torn);
  if (verdict == passes) {
    contents_truncate(&handle->file->contents, size);
    disk_show(handle->disk, handle->entry);
  }
  unlock(handle);
  return verdict == passes ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int sync_file(sqlite3_file *base, int flags) {
  (void)flags;
  Handle *handle = locked(base);
  FaultyDisk *disk = handle->disk;
  bool is_torn;
  Verdict verdict = admit(handle, FaultyCallSync, &is_torn);
  if (verdict == passes) {
    contents_sync(&handle->file->contents);
    if (handle->syncs_directory) {
      disk_sync_directory(disk);
      handle->syncs_directory = false;
    } else if (handle->entry->cached == handle->file && handle->entry->durable != handle->file) {
      // As with the usual file systems: a file that is synced is there.
      file_unreference(handle->entry->durable);
      handle->entry->durable = handle->file;
      handle->file->references++;
    }
    disk_show(disk, handle->entry);
  } else if (lives(handle) && next_random(&disk->random) % 2 == 0) {
    // As Linux does it: the pages count as clean from here on, whether they were written or not.
    contents_settle(&handle->file->contents, &disk->random, true);
  }
  unlock(handle);
  return verdict == passes ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
  Handle *handle = locked(base);
  *size = handle->file->contents.cached.size;
  int result = lives(handle) ? SQLITE_OK : SQLITE_IOERR_FSTAT;
  unlock(handle);
  return result;
}

// MARK: The rest

static int file_control(sqlite3_file *base, int operation, void *argument) {
  Handle *handle = (Handle *)base;
  switch (operation) {
  case SQLITE_FCNTL_PERSIST_WAL:
    if (*(int *)argument < 0) *(int *)argument = handle->persists_wal;
    else handle->persists_wal = *(int *)argument != 0;
    return SQLITE_OK;
  case SQLITE_FCNTL_POWERSAFE_OVERWRITE:
    if (*(int *)argument < 0) *(int *)argument = 1;
    return SQLITE_OK;
  case SQLITE_FCNTL_HAS_MOVED:
    *(int *)argument = 0;
    return SQLITE_OK;
  default: return SQLITE_NOTFOUND;
  }
}

// As unix's: tests are to see the same pages, journals and logs.
static int sector_size(sqlite3_file *base) {
  (void)base;
  return 4096;
}

static int characteristics(sqlite3_file *base) {
  (void)base;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

const sqlite3_io_methods handle_methods = {
  .iVersion = 2,
  .xClose = close_file,
  .xRead = read_file,
  .xWrite = write_file,
  .xTruncate = truncate_file,
  .xSync = sync_file,
  .xFileSize = file_size,
  .xLock = lock_file,
  .xUnlock = unlock_file,
  .xCheckReservedLock = check_reserved,
  .xFileControl = file_control,
  .xSectorSize = sector_size,
  .xDeviceCharacteristics = characteristics,
  .xShmMap = map_memory,
  .xShmLock = lock_memory,
  .xShmBarrier = memory_barrier,
  .xShmUnmap = unmap_memory,
};
