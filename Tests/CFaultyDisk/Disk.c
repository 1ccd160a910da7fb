#include "Disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// MARK: Life

static void *zeroed(size_t bytes) {
  void *result = calloc(1, bytes);
  if (!result) abort();
  return result;
}

FaultyDisk *faulty_disk_create(const char *directory, uint64_t seed) {
  char *path = realpath(directory, NULL);
  if (!path) return NULL;
  FaultyDisk *disk = zeroed(sizeof(FaultyDisk));
  pthread_mutex_init(&disk->mutex, NULL);
  disk->references = 1;
  disk->directory = path;
  disk->directory_length = strlen(path);
  disk->random = seed;
  disk->limit = -1;
  vfs_register();
  vfs_add(disk);
  return disk;
}

void faulty_disk_release(FaultyDisk *disk) {
  vfs_remove(disk);
  pthread_mutex_lock(&disk->mutex);
  disk_unreference(disk);
}

// Unlocks the mutex, too.
void disk_unreference(FaultyDisk *disk) {
  bool is_last = --disk->references == 0;
  pthread_mutex_unlock(&disk->mutex);
  if (!is_last) return;
  for (size_t i = 0; i < disk->entry_count; i++) {
    file_unreference(disk->entries[i]->cached);
    file_unreference(disk->entries[i]->durable);
    free(disk->entries[i]->name);
    free(disk->entries[i]);
  }
  free(disk->entries);
  free(disk->directory);
  pthread_mutex_destroy(&disk->mutex);
  free(disk);
}

File *file_create(void) {
  File *file = zeroed(sizeof(File));
  file->references = 1;
  return file;
}

void file_unreference(File *file) {
  if (!file || --file->references > 0) return;
  contents_free(&file->contents);
  free(file);
}

void memory_unreference(SharedMemory *memory) {
  if (--memory->references > 0) return;
  for (int i = 0; i < memory->region_count; i++) free(memory->regions[i]);
  free(memory->regions);
  free(memory);
}

// MARK: The directory

Entry *disk_entry(FaultyDisk *disk, const char *name, bool creates) {
  for (size_t i = 0; i < disk->entry_count; i++) {
    if (strcmp(disk->entries[i]->name, name) == 0) return disk->entries[i];
  }
  if (!creates) return NULL;
  Entry *entry = zeroed(sizeof(Entry));
  entry->name = strdup(name);
  entry->shown = -1;
  // A journal comes and goes with each transaction, and only SQLite looks for it.
  size_t length = strlen(name), suffix = strlen("-journal");
  entry->is_shown = length < suffix || strcmp(name + length - suffix, "-journal") != 0;
  disk->entries = realloc(disk->entries, (disk->entry_count + 1) * sizeof(Entry *));
  if (!entry->name || !disk->entries) abort();
  disk->entries[disk->entry_count++] = entry;
  return entry;
}

static void set(File **place, File *file) {
  if (file) file->references++;
  file_unreference(*place);
  *place = file;
}

void entry_set(Entry *entry, File *file) { set(&entry->cached, file); }

void disk_sync_directory(FaultyDisk *disk) {
  for (size_t i = 0; i < disk->entry_count; i++) set(&disk->entries[i]->durable, disk->entries[i]->cached);
}

bool disk_show(FaultyDisk *disk, Entry *entry) {
  if (!entry->is_shown) return true;
  int64_t size = entry->cached ? entry->cached->contents.cached.size : -1;
  if (size == entry->shown) return true;
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", disk->directory, entry->name);
  if (size < 0) {
    unlink(path);
  } else if (entry->shown < 0) {
    int descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) return false;
    bool is_sized = ftruncate(descriptor, size) == 0;
    close(descriptor);
    if (!is_sized) return false;
  } else if (truncate(path, size) != 0) {
    return false;
  }
  entry->shown = size;
  return true;
}

static void show_all(FaultyDisk *disk) {
  for (size_t i = 0; i < disk->entry_count; i++) disk_show(disk, disk->entries[i]);
}

int64_t disk_used(FaultyDisk *disk) {
  int64_t bytes = 0;
  for (size_t i = 0; i < disk->entry_count; i++) {
    if (disk->entries[i]->cached) bytes += disk->entries[i]->cached->contents.cached.size;
  }
  return bytes;
}

// MARK: Faults

static FaultyClass class_of(FaultyCall call) {
  switch (call) {
  case FaultyCallRead: return FaultyClassReads;
  case FaultyCallOpen: return FaultyClassOpens;
  case FaultyCallWrite:
  case FaultyCallTruncate:
  case FaultyCallSync:
  case FaultyCallDelete: return FaultyClassChanges;
  }
  return FaultyClassChanges;
}

static uint64_t class_count(const FaultyDisk *disk, FaultyClass counted) {
  uint64_t count = 0;
  for (int call = 0; call < faulty_calls; call++) {
    if (class_of((FaultyCall)call) == counted) count += disk->counts[call];
  }
  return count;
}

static bool strikes(const PlannedFault *planned, FaultyCall call, uint64_t count) {
  const FaultyFault *fault = &planned->fault;
  if (fault->counted != class_of(call)) return false;
  if (fault->effect == FaultyEffectNoSpace && call != FaultyCallWrite && call != FaultyCallSync) return false;
  return fault->sticky ? count >= planned->at : count == planned->at;
}

static Verdict verdict(FaultyEffect effect, FaultyCall call) {
  switch (effect) {
  case FaultyEffectNoSpace: return call == FaultyCallWrite ? fails_for_space : fails;
  case FaultyEffectShortRead: return call == FaultyCallRead ? reads_short : fails;
  case FaultyEffectError:
  case FaultyEffectCrash: return fails;
  }
  return fails;
}

Verdict disk_admit(FaultyDisk *disk, FaultyCall call, bool *is_torn) {
  *is_torn = false;
  if (disk->is_dead) {
    disk->failures++;
    return fails;
  }
  disk->counts[call]++;
  uint64_t count = class_count(disk, class_of(call));
  for (int i = 0; i < disk->fault_count; i++) {
    if (!strikes(&disk->faults[i], call, count)) continue;
    FaultyFault fault = disk->faults[i].fault;
    if (fault.effect == FaultyEffectCrash) disk->is_dead = true;
    if (!fault.sticky || disk->is_dead) disk->faults[i] = disk->faults[--disk->fault_count];
    disk->failures++;
    *is_torn = fault.torn;
    return verdict(fault.effect, call);
  }
  return passes;
}

bool faulty_disk_plan(FaultyDisk *disk, FaultyFault fault) {
  pthread_mutex_lock(&disk->mutex);
  bool fits = disk->fault_count < faults_max;
  if (fits) {
    disk->faults[disk->fault_count++] = (PlannedFault){.fault = fault, .at = class_count(disk, fault.counted) + fault.at};
  }
  pthread_mutex_unlock(&disk->mutex);
  return fits;
}

void faulty_disk_heal(FaultyDisk *disk) {
  pthread_mutex_lock(&disk->mutex);
  disk->fault_count = 0;
  pthread_mutex_unlock(&disk->mutex);
}

void faulty_disk_limit(FaultyDisk *disk, int64_t bytes) {
  pthread_mutex_lock(&disk->mutex);
  disk->limit = bytes;
  pthread_mutex_unlock(&disk->mutex);
}

bool faulty_disk_is_dead(FaultyDisk *disk) {
  pthread_mutex_lock(&disk->mutex);
  bool is_dead = disk->is_dead;
  pthread_mutex_unlock(&disk->mutex);
  return is_dead;
}

uint64_t faulty_disk_failures(FaultyDisk *disk) {
  pthread_mutex_lock(&disk->mutex);
  uint64_t failures = disk->failures;
  pthread_mutex_unlock(&disk->mutex);
  return failures;
}

// MARK: Restart

static void forget_process(File *file) {
  if (!file) return;
  file->lock_count = 0;
  file->locker = NULL;
  file->memory = NULL;
}

static void lose_power(FaultyDisk *disk) {
  for (size_t i = 0; i < disk->entry_count; i++) {
    Entry *entry = disk->entries[i];
    if (entry->cached != entry->durable) {
      bool is_undone = next_random(&disk->random) % 2 == 0;
      set(is_undone ? &entry->cached : &entry->durable, is_undone ? entry->durable : entry->cached);
    }
    if (!entry->cached) continue;
    contents_settle(&entry->cached->contents, &disk->random, false);
    contents_forget_cache(&entry->cached->contents);
  }
}

void faulty_disk_restart(FaultyDisk *disk, bool power_loss) {
  pthread_mutex_lock(&disk->mutex);
  disk->generation++;
  disk->is_dead = false;
  for (size_t i = 0; i < disk->entry_count; i++) {
    forget_process(disk->entries[i]->cached);
    forget_process(disk->entries[i]->durable);
  }
  if (power_loss) lose_power(disk);
  show_all(disk);
  pthread_mutex_unlock(&disk->mutex);
}

void faulty_disk_seed(FaultyDisk *disk, uint64_t seed) {
  pthread_mutex_lock(&disk->mutex);
  disk->random = seed;
  pthread_mutex_unlock(&disk->mutex);
}

// MARK: Images

/// A file stands here once, whatever names it has.
typedef struct {
  char *name;
  int cached, durable;
} ImageEntry;

struct FaultyImage {
  ImageEntry *entries;
  size_t entry_count;
  Contents *files;
  bool *are_wals;
  int file_count;
  uint64_t random;
};

static int image_file(FaultyImage *image, File **known, File *file) {
  if (!file) return -1;
  for (int i = 0; i < image->file_count; i++) {
    if (known[i] == file) return i;
  }
  contents_copy(&image->files[image->file_count], &file->contents);
  image->are_wals[image->file_count] = file->is_wal;
  known[image->file_count] = file;
  return image->file_count++;
}

FaultyImage *faulty_disk_snapshot(FaultyDisk *disk) {
  FaultyImage *image = zeroed(sizeof(FaultyImage));
  pthread_mutex_lock(&disk->mutex);
  size_t count = disk->entry_count;
  image->entries = zeroed((count + 1) * sizeof(ImageEntry));
  image->files = zeroed((2 * count + 1) * sizeof(Contents));
  image->are_wals = zeroed((2 * count + 1) * sizeof(bool));
  image->entry_count = count;
  image->random = disk->random;
  File **known = zeroed((2 * count + 1) * sizeof(File *));
  for (size_t i = 0; i < count; i++) {
    Entry *entry = disk->entries[i];
    image->entries[i].name = strdup(entry->name);
    image->entries[i].cached = image_file(image, known, entry->cached);
    image->entries[i].durable = image_file(image, known, entry->durable);
  }
  free(known);
  pthread_mutex_unlock(&disk->mutex);
  return image;
}

void faulty_image_release(FaultyImage *image) {
  for (size_t i = 0; i < image->entry_count; i++) free(image->entries[i].name);
  for (int i = 0; i < image->file_count; i++) contents_free(&image->files[i]);
  free(image->entries);
  free(image->files);
  free(image->are_wals);
  free(image);
}

void faulty_disk_restore(FaultyDisk *disk, const FaultyImage *image) {
  pthread_mutex_lock(&disk->mutex);
  disk->generation++;
  disk->is_dead = false;
  disk->random = image->random;
  for (size_t i = 0; i < disk->entry_count; i++) {
    forget_process(disk->entries[i]->cached);
    forget_process(disk->entries[i]->durable);
    set(&disk->entries[i]->cached, NULL);
    set(&disk->entries[i]->durable, NULL);
  }
  File **files = zeroed(((size_t)image->file_count + 1) * sizeof(File *));
  for (int i = 0; i < image->file_count; i++) {
    files[i] = file_create();
    files[i]->is_wal = image->are_wals[i];
    contents_copy(&files[i]->contents, &image->files[i]);
  }
  for (size_t i = 0; i < image->entry_count; i++) {
    const ImageEntry *stored = &image->entries[i];
    Entry *entry = disk_entry(disk, stored->name, true);
    if (stored->cached >= 0) set(&entry->cached, files[stored->cached]);
    if (stored->durable >= 0) set(&entry->durable, files[stored->durable]);
  }
  for (int i = 0; i < image->file_count; i++) file_unreference(files[i]);
  free(files);
  show_all(disk);
  pthread_mutex_unlock(&disk->mutex);
}

// MARK: Files and figures

const char *faulty_disk_name(FaultyDisk *disk, int64_t n) {
  pthread_mutex_lock(&disk->mutex);
  const char *name = NULL;
  for (size_t i = 0; i < disk->entry_count && !name; i++) {
    if (disk->entries[i]->cached && n-- == 0) name = disk->entries[i]->name;
  }
  pthread_mutex_unlock(&disk->mutex);
  return name;
}

int64_t faulty_disk_size(FaultyDisk *disk, const char *name) {
  pthread_mutex_lock(&disk->mutex);
  Entry *entry = disk_entry(disk, name, false);
  int64_t size = entry && entry->cached ? entry->cached->contents.cached.size : -1;
  pthread_mutex_unlock(&disk->mutex);
  return size;
}

int64_t faulty_disk_copy(FaultyDisk *disk, const char *name, int64_t offset, void *bytes, int64_t count) {
  pthread_mutex_lock(&disk->mutex);
  Entry *entry = disk_entry(disk, name, false);
  int64_t left = entry && entry->cached ? entry->cached->contents.cached.size - offset : 0;
  int64_t copied = left < 0 ? 0 : left < count ? left : count;
  if (copied > 0) memcpy(bytes, entry->cached->contents.cached.bytes + offset, (size_t)copied);
  pthread_mutex_unlock(&disk->mutex);
  return copied;
}

bool faulty_disk_overwrite(FaultyDisk *disk, const char *name, int64_t offset, const void *bytes, int64_t count) {
  pthread_mutex_lock(&disk->mutex);
  Entry *entry = disk_entry(disk, name, false);
  bool lies_in = entry && entry->cached && offset >= 0 && offset + count <= entry->cached->contents.cached.size;
  if (lies_in && count > 0) {
    memcpy(entry->cached->contents.cached.bytes + offset, bytes, (size_t)count);
    contents_accept_cache(&entry->cached->contents);
  }
  pthread_mutex_unlock(&disk->mutex);
  return lies_in;
}

bool faulty_disk_cut(FaultyDisk *disk, const char *name, int64_t size) {
  pthread_mutex_lock(&disk->mutex);
  Entry *entry = disk_entry(disk, name, false);
  bool is_longer = entry && entry->cached && size <= entry->cached->contents.cached.size;
  if (is_longer) {
    contents_truncate(&entry->cached->contents, size);
    contents_accept_cache(&entry->cached->contents);
    disk_show(disk, entry);
  }
  pthread_mutex_unlock(&disk->mutex);
  return is_longer;
}

bool faulty_disk_remove(FaultyDisk *disk, const char *name) {
  pthread_mutex_lock(&disk->mutex);
  Entry *entry = disk_entry(disk, name, false);
  bool is_there = entry && entry->cached;
  if (is_there) {
    set(&entry->cached, NULL);
    set(&entry->durable, NULL);
    disk_show(disk, entry);
  }
  pthread_mutex_unlock(&disk->mutex);
  return is_there;
}

uint64_t faulty_disk_count(FaultyDisk *disk, FaultyCall call) {
  pthread_mutex_lock(&disk->mutex);
  uint64_t count = disk->counts[call];
  pthread_mutex_unlock(&disk->mutex);
  return count;
}

int64_t faulty_disk_wal_max(FaultyDisk *disk) {
  pthread_mutex_lock(&disk->mutex);
  int64_t bytes = disk->wal_max;
  pthread_mutex_unlock(&disk->mutex);
  return bytes;
}
