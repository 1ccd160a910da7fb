#ifndef DISK_H
#define DISK_H

#include <pthread.h>
#include <sqlite3.h>

#include "CFaultyDisk.h"
#include "Contents.h"

enum { shm_slots = SQLITE_SHM_NLOCK, faults_max = 8 };

typedef struct Handle Handle;

/// The shared memory of a file's write-ahead log.
typedef struct {
  /// Handles that have it mapped.
  int references;
  int region_count;
  void **regions;
  /// How many handles hold each slot shared, or -1: one holds it exclusively.
  int slots[shm_slots];
} SharedMemory;

/// A file, by whatever name.
typedef struct {
  int references;
  Contents contents;
  bool is_wal;
  /// Handles that hold a lock of SHARED or more.
  int lock_count;
  /// The handle that holds RESERVED, PENDING or EXCLUSIVE.
  Handle *locker;
  SharedMemory *memory;
} File;

/// A name in the directory.
typedef struct {
  char *name;
  /// The file that programs find under it, and the one that a power loss would leave. NULL: none.
  File *cached, *durable;
  /// Whether it has a placeholder.
  bool is_shown;
  /// The placeholder's size; -1 where there is none.
  int64_t shown;
} Entry;

typedef struct {
  FaultyFault fault;
  /// The count of its class at which it strikes.
  uint64_t at;
} PlannedFault;

struct FaultyDisk {
  pthread_mutex_t mutex;
  /// The owner's and one for each handle.
  int references;
  FaultyDisk *next;
  char *directory;
  size_t directory_length;
  uint64_t random;
  /// Entries do not move: a handle remembers its own.
  Entry **entries;
  size_t entry_count;
  /// Grows with each restart: what was opened before is dead.
  uint64_t generation;
  bool is_dead;
  PlannedFault faults[faults_max];
  int fault_count;
  int64_t limit;
  uint64_t counts[faulty_calls];
  uint64_t failures;
  int64_t wal_max;
};

/// An open file, as SQLite holds it.
struct Handle {
  sqlite3_file base;
  FaultyDisk *disk;
  Entry *entry;
  File *file;
  uint64_t generation;
  int level;
  /// The slots of the shared memory that it holds, as bits.
  unsigned shared, exclusive;
  SharedMemory *memory;
  bool removes_on_close;
  /// The first sync makes the directory durable too, as unix's does for journals and logs that it created.
  bool syncs_directory;
  int persists_wal;
};

// All of these want the disk's mutex held.

void disk_unreference(FaultyDisk *disk);
Entry *disk_entry(FaultyDisk *disk, const char *name, bool creates);
File *file_create(void);
void file_unreference(File *file);
void memory_unreference(SharedMemory *memory);
/// Puts a file, or none, under a name as programs see it.
void entry_set(Entry *entry, File *file);
void disk_sync_directory(FaultyDisk *disk);
/// Brings the placeholder of a name up to date. False where that is not possible.
bool disk_show(FaultyDisk *disk, Entry *entry);
int64_t disk_used(FaultyDisk *disk);

/// What a call is to do.
typedef enum { passes, fails, fails_for_space, reads_short } Verdict;
/// Counts a call and decides about it; `is_torn` becomes true where a part of a write is to be made.
Verdict disk_admit(FaultyDisk *disk, FaultyCall call, bool *is_torn);

/// In Handle.c.
extern const sqlite3_io_methods handle_methods;
/// In VFS.c.
void vfs_register(void);
void vfs_add(FaultyDisk *disk);
void vfs_remove(FaultyDisk *disk);

#endif
