import Database

/// A backup of a gateway's store, made beside the gateway or without one: one file, whole or not there.
package struct StoreBackup: Sendable {
  package var bytes: Int64
  /// Nil of a store of an older format, of which the pages alone are checked.
  package var extent: StoredExtent?

  /// Copies the store, checks the copy, and only then gives it its name. See `StoreCopy` for what that costs a gateway.
  ///
  /// - Parameters:
  ///   - path: of a file that is not there yet.
  ///   - copied: called now and then with the part that is copied, 0 to 1.
  ///   - checked: the same once all is copied, beginning with 0; what follows may be done as slowly as the machine likes.
  /// - Throws: `StoreError`; `.damaged` where the store is.
  package static func make(
    of directory: String, at path: String, copied: (Double) -> Void, checked: (Double) -> Void
  ) throws -> StoreBackup {
    // Before the work, and again after it.
    if StoreFile.isThere(path) { throw StoreCopy.exists(path) }
    try RestoredFile.refusePending(directory)
    // Whatever was committed until here is in the copy.
    let mark = DirectoryLock.highWater(directory: directory)
    let copy = try StoreCopy(of: "\(directory)/\(StoreFile.name)", at: "\(path).partial", progress: copied)
    checked(0)
    try copy.check()
    let extent: StoredExtent?
    switch try copy.state(among: GatewaySchema.migrations) {
    case .new:
      throw mark > 0
        ? StoreError.damaged("\(mark) log rows were committed and are gone") : .unusable("\(directory): nothing was stored yet")
    case .older: extent = nil
    case .current:
      let found = try copy.read { db in try StoredExtent(checking: db, progress: checked) }
      if found.lastRow < mark { throw StoreError.damaged("log rows \(found.lastRow + 1) to \(mark) were committed and are gone") }
      extent = found
    }
    let bytes = copy.bytes
    try copy.place(at: path)
    return StoreBackup(bytes: bytes, extent: extent)
  }
}
