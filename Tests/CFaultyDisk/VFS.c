#include "Disk.h"

#include <string.h>

// The default VFS of the process: a copy of the one before it, which sees to the paths below a disk's directory itself.

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t disks_mutex = PTHREAD_MUTEX_INITIALIZER;
static FaultyDisk *disks;
static sqlite3_vfs *original;
static sqlite3_vfs vfs;

void vfs_add(FaultyDisk *disk) {
  pthread_mutex_lock(&disks_mutex);
  disk->next = disks;
  disks = disk;
  pthread_mutex_unlock(&disks_mutex);
}

void vfs_remove(FaultyDisk *disk) {
  pthread_mutex_lock(&disks_mutex);
  for (FaultyDisk **place = &disks; *place; place = &(*place)->next) {
    if (*place == disk) {
      *place = disk->next;
      break;
    }
  }
  pthread_mutex_unlock(&disks_mutex);
}

/// The disk of a path, its mutex locked, and the name on it; NULL where the path is no disk's.
static FaultyDisk *find(const char *path, const char **name) {
  if (!path) return NULL;
  pthread_mutex_lock(&disks_mutex);
  FaultyDisk *disk = disks;
  while (disk && (strncmp(path, disk->directory, disk->directory_length) != 0 || path[disk->directory_length] != '/')) disk = disk->next;
  if (disk) {
    pthread_mutex_lock(&disk->mutex);
    *name = path + disk->directory_length + 1;
  }
  pthread_mutex_unlock(&disks_mutex);
  return disk;
}

static bool ends_in(const char *text, const char *end) {
  size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/// The file under the name, or a new one; NULL where there is none, or may not be.
static File *found(FaultyDisk *disk, Entry *entry, int flags, bool *is_new) {
  *is_new = false;
  if (entry && entry->cached) return (flags & SQLITE_OPEN_EXCLUSIVE) && (flags & SQLITE_OPEN_CREATE) ? NULL : entry->cached;
  if (!entry || !(flags & SQLITE_OPEN_CREATE)) return NULL;
  File *file = file_create();
  file->is_wal = ends_in(entry->name, "-wal");
  entry_set(entry, file);
  file_unreference(file);  // the entry has it now
  *is_new = true;
  if (disk_show(disk, entry)) return file;
  entry_set(entry, NULL);
  return NULL;
}

static int open_file(sqlite3_vfs *self, const char *path, sqlite3_file *base, int flags, int *out_flags) {
  (void)self;
  const char *name;
  FaultyDisk *disk = find(path, &name);
  if (!disk) return original->xOpen(original, path, base, flags, out_flags);
  base->pMethods = NULL;
  bool is_torn, is_new = false;
  Entry *entry = NULL;
  File *file = NULL;
  if (disk_admit(disk, FaultyCallOpen, &is_torn) == passes) {
    entry = disk_entry(disk, name, (flags & SQLITE_OPEN_CREATE) != 0);
    file = found(disk, entry, flags, &is_new);
  }
  if (file) {
    Handle *handle = (Handle *)base;
    memset(handle, 0, sizeof(Handle));
    file->references++;
    disk->references++;
    handle->base.pMethods = &handle_methods;
    handle->disk = disk;
    handle->entry = entry;
    handle->file = file;
    handle->generation = disk->generation;
    handle->removes_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    handle->syncs_directory = is_new && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    if (out_flags) *out_flags = flags;
  }
  pthread_mutex_unlock(&disk->mutex);
  return file ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int delete_file(sqlite3_vfs *self, const char *path, int syncs_directory) {
  (void)self;
  const char *name;
  FaultyDisk *disk = find(path, &name);
  if (!disk) return original->xDelete(original, path, syncs_directory);
  bool is_torn;
  int result = SQLITE_IOERR_DELETE;
  if (disk_admit(disk, FaultyCallDelete, &is_torn) == passes) {
    Entry *entry = disk_entry(disk, name, false);
    result = entry && entry->cached ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
    if (result == SQLITE_OK) {
      entry_set(entry, NULL);
      disk_show(disk, entry);
      if (syncs_directory) disk_sync_directory(disk);
    }
  }
  pthread_mutex_unlock(&disk->mutex);
  return result;
}

static int access_file(sqlite3_vfs *self, const char *path, int flags, int *result) {
  (void)self;
  const char *name;
  FaultyDisk *disk = find(path, &name);
  if (!disk) return original->xAccess(original, path, flags, result);
  Entry *entry = disk_entry(disk, name, false);
  // As unix's: an empty file does not exist.
  *result = entry && entry->cached && (flags != SQLITE_ACCESS_EXISTS || entry->cached->contents.cached.size > 0);
  bool is_dead = disk->is_dead;
  pthread_mutex_unlock(&disk->mutex);
  return is_dead ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static void register_once(void) {
  original = sqlite3_vfs_find(NULL);
  vfs = *original;
  vfs.pNext = NULL;
  vfs.zName = "faulty";
  if (vfs.szOsFile < (int)sizeof(Handle)) vfs.szOsFile = (int)sizeof(Handle);
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  vfs.xAccess = access_file;
  sqlite3_vfs_register(&vfs, 1);
}

void vfs_register(void) { pthread_once(&once, register_once); }
