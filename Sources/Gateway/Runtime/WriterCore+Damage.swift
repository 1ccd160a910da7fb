import Database
import Logging

extension WriterCore {
  /// A reader has met a row that it cannot read.
  ///
  /// - Returns: false where the writer can.
  func setAside(_ row: DamagedRow) throws(StoreError) -> Bool {
    try commitNow()
    guard try store.setAside(row, engine, realNow: machine.wall) else { return false }
    logger.error("A row of the store is damaged and was set aside", metadata: ["row": "\(row.what)"])
    ring()
    return true
  }
}
