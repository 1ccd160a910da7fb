import Database
import DeviceRegistry
import Foundation
import GRDB
import Readings

/// The statements of the table `reject`.
enum RejectTable {
  static func store(_ sample: RejectSample, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO reject(reason, device, at, topic, payload, detail) VALUES (?,?,?,?,?,?)")
      .execute(arguments: [sample.reason.name, sample.device, sample.at.milliseconds, sample.topic, Data(sample.payload), sample.detail])
  }

  /// The unknown devices that have a sample, and when it was taken; the newest first.
  static func unknownDevices(_ db: GRDB.Database) throws -> [(name: String, at: Timestamp)] {
    try Row.fetchAll(
      db, sql: "SELECT device, at FROM reject WHERE reason = ? ORDER BY at DESC, device", arguments: [RejectReason.unknownDevice.name]
    ).map { (name: try $0.sound("device"), at: Timestamp(milliseconds: try $0.sound("at"))) }
  }

  /// Removes the samples of these as unknown devices.
  static func forgetUnknown(_ names: [String], _ db: GRDB.Database) throws {
    for name in names {
      try db.execute(sql: "DELETE FROM reject WHERE reason = ? AND device = ?", arguments: [RejectReason.unknownDevice.name, name])
    }
  }
}
