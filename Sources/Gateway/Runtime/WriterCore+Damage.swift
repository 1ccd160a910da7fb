import Database
import Logging
import Outbox

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

  /// A start has found this in the outbox: what is lost by it is told with the first commit.
  func setAside(_ damage: OutboxDamage) {
    for row in damage.rows {
      logger.error("A row of the outbox was damaged: rather too much is told than too little", metadata: ["row": "\(row)"])
    }
    for stray in damage.strays {
      logger.error("A delivery is damaged and is set aside", metadata: ["sink": "\(stray.sink)", "sequence": "\(stray.sequence)"])
    }
    if !damage.strays.isEmpty { add(damage.strays) { _ in } }
  }
}
