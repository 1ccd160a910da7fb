import Database
import Foundation
import GRDB

/// What a store says beside its readings, read past `thuong`: to compare stores with one another.
struct StoreContents: Equatable {
  var alerts: [String] = []
  var transitions: [String] = []
  var lives: [String] = []
  private(set) var counters: [String: Int] = [:]
  private(set) var rejected = (messages: 0, readings: 0)

  init(_ directory: String) throws {
    (alerts, transitions, lives) = try StoreReader(directory: directory).read { db in
      func rows(_ sql: String) throws -> [String] { try Row.fetchAll(db, sql: sql).map { "\($0)" } }
      return (
        try rows("SELECT * FROM alert ORDER BY id"), try rows("SELECT * FROM alert_transition ORDER BY alert, number"),
        try rows("SELECT * FROM life ORDER BY rule, subject")
      )
    }
    guard let stored = try StoreReader(directory: directory).read({ db in try Data.fetchOne(db, sql: "SELECT counters FROM gateway") }),
      let object = try JSONSerialization.jsonObject(with: stored) as? [String: Any]
    else { return }
    for (name, value) in object { if let number = value as? Int { counters[name] = number } }
    rejected.messages = (object["messagesRejected"] as? [Int])?.reduce(0, +) ?? 0
    rejected.readings = (object["readingsRejected"] as? [Int])?.reduce(0, +) ?? 0
  }

  static func == (a: Self, b: Self) -> Bool { a.alerts == b.alerts && a.transitions == b.transitions && a.lives == b.lives }

  /// Messages received = accepted + rejected; readings received = stored + duplicate + rejected.
  var balances: Bool {
    func count(_ name: String) -> Int { counters[name] ?? 0 }
    return count("messagesReceived") == count("messagesAccepted") + rejected.messages
      && count("readingsReceived") == count("readingsStored") + count("readingsDuplicate") + rejected.readings
  }

  /// The number of the last log row whose commit had returned, as noted beside the database; 0 where there is none.
  static func committedRows(_ directory: String) -> Int { Int(DirectoryLock.highWater(directory: directory)) }
}
