#ifndef CFAULTYDISK_H
#define CFAULTYDISK_H

#include <stdbool.h>
#include <stdint.h>

// A faulty disk under SQLite: the files that SQLite opens below one directory live in memory, and fail as they are told to.
//
// The disk is part of a VFS that is the process's default from the first disk on, and that hands every other path to the VFS before
// it. In the real directory each file but a journal has a placeholder of its size without contents, for whoever asks the file
// system.
// All functions may be called from any thread; disks know nothing of each other.

typedef struct FaultyDisk FaultyDisk;
/// A copy of all that a disk holds.
typedef struct FaultyImage FaultyImage;

typedef enum __attribute__((enum_extensibility(closed))) FaultyCall {
  FaultyCallRead,
  FaultyCallWrite,
  FaultyCallTruncate,
  FaultyCallSync,
  FaultyCallDelete,
  FaultyCallOpen,
} FaultyCall;
enum { faulty_calls = 6 };

/// The calls that a fault counts.
typedef enum __attribute__((enum_extensibility(closed))) FaultyClass {
  /// Writes, truncations, syncs and deletions.
  FaultyClassChanges,
  FaultyClassReads,
  FaultyClassOpens,
} FaultyClass;

typedef enum __attribute__((enum_extensibility(closed))) FaultyEffect {
  /// The call fails as with EIO. A sync that fails leaves what it was to sync unsynced, or drops part of it for good.
  FaultyEffectError,
  /// As with ENOSPC: a write fails with SQLITE_FULL, a sync with an error. Other calls pass.
  FaultyEffectNoSpace,
  /// A read gets less than it asked for, and zeros for the rest.
  FaultyEffectShortRead,
  /// The process dies: neither this call nor a later one reaches the disk, until a restart.
  FaultyEffectCrash,
} FaultyEffect;

typedef struct FaultyFault {
  FaultyClass counted;
  /// The first call that fails, counted from now: 1 is the next.
  uint64_t at;
  FaultyEffect effect;
  /// The first sectors of a write reach the file before it fails.
  bool torn;
  /// All calls from `at` on fail, not it alone, until the disk is healed.
  bool sticky;
} FaultyFault;

/// NULL where the directory does not exist. It must not be below another disk's.
FaultyDisk *faulty_disk_create(const char *directory, uint64_t seed);
/// From here on the directory is an ordinary one; what has files of it open may still close them.
void faulty_disk_release(FaultyDisk *disk);

// MARK: Faults

/// False where too many wait already.
bool faulty_disk_plan(FaultyDisk *disk, FaultyFault fault);
/// No fault waits or lasts any longer.
void faulty_disk_heal(FaultyDisk *disk);
/// Writes that would bring the sum of all sizes above it fail with SQLITE_FULL, in part or as a whole. Negative: no limit.
void faulty_disk_limit(FaultyDisk *disk, int64_t bytes);
/// After a crash, until the restart.
bool faulty_disk_is_dead(FaultyDisk *disk);
/// How many calls failed for a fault, a limit or a crash.
uint64_t faulty_disk_failures(FaultyDisk *disk);

/// The process is gone, with its locks and shared memory: whatever was open before fails from here on. After a power loss, of each
/// sector any state since the file's last sync may be left; truncations, creations and deletions that were not synced may be undone.
void faulty_disk_restart(FaultyDisk *disk, bool power_loss);

/// What is left to chance goes on from this seed.
void faulty_disk_seed(FaultyDisk *disk, uint64_t seed);

FaultyImage *faulty_disk_snapshot(FaultyDisk *disk);
void faulty_image_release(FaultyImage *image);
/// As a restart, with what the image holds. The image stays.
void faulty_disk_restore(FaultyDisk *disk, const FaultyImage *image);

// MARK: Files, named from the disk's directory

/// The name of the nth file that is there, from 0; NULL after the last. It is valid as long as the disk.
const char *faulty_disk_name(FaultyDisk *disk, int64_t n);
/// -1 where there is no such file.
int64_t faulty_disk_size(FaultyDisk *disk, const char *name);
/// Returns how many bytes were copied, at most `count`; 0 where there is no such file.
int64_t faulty_disk_copy(FaultyDisk *disk, const char *name, int64_t offset, void *bytes, int64_t count);
/// Damage, which nothing notices: overwrites bytes within the file. False where they do not all lie in it.
bool faulty_disk_overwrite(FaultyDisk *disk, const char *name, int64_t offset, const void *bytes, int64_t count);
/// Damage: the file ends at `size`. False where it is shorter, or not there.
bool faulty_disk_cut(FaultyDisk *disk, const char *name, int64_t size);
/// Damage: the file is gone.
bool faulty_disk_remove(FaultyDisk *disk, const char *name);

// MARK: Figures

/// How many calls of that kind reached the disk; those of the dead do not count.
uint64_t faulty_disk_count(FaultyDisk *disk, FaultyCall call);
/// The greatest size of any -wal file so far, in bytes.
int64_t faulty_disk_wal_max(FaultyDisk *disk);

#endif
