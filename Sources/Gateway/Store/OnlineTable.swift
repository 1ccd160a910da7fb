import Database
import GRDB
import Readings

/// The statements of the table `online`.
enum OnlineTable {
  static func store(_ device: String, _ state: OnlineState, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO online(device, is_online, at) VALUES (?, ?, ?)")
      .execute(arguments: [device, state.isOnline, state.at.milliseconds])
  }

  static func all(_ db: GRDB.Database) throws -> [(device: String, state: OnlineState)] {
    try Row.fetchAll(db, sql: "SELECT device, is_online, at FROM online ORDER BY device").map { row in
      let (isOnline, at): (Int64, Int64) = (try row.sound("is_online"), try row.sound("at"))
      return (try row.sound("device"), OnlineState(isOnline: isOnline != 0, at: Timestamp(milliseconds: at)))
    }
  }
}
