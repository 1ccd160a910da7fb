import Alerting
import Gateway

/// Ids that are given by their beginning, as git's are.
enum ShortID {
  static let lengthMin = 6
  private static let shownMax = 5

  /// The id that begins so; what was given where it is whole, and where nothing begins so.
  ///
  /// - Parameters:
  ///   - kind: what it is the id of, for the error: alert, event.
  ///   - find: ids that begin so, in order, at most as many.
  /// - Throws: `CommandFailure` where several begin so, or it is too short.
  static func whole(_ given: String, _ kind: String, find: (_ beginning: String, _ limit: Int) throws -> [String]) throws -> String {
    if given.utf8.count >= AlertIdentity.length { return given }
    let found = try find(given, shownMax + 1)
    if found.contains(given) { return given }
    guard given.count >= lengthMin else {
      throw CommandFailure(code: 2, "no \(kind) of the id \(given); give its first \(lengthMin) characters at least")
    }
    guard found.count > 1 else { return found.first ?? given }
    let more = found.count > shownMax ? " and more" : ""
    let list = found.prefix(shownMax).joined(separator: ", ")
    throw CommandFailure(code: 2, "\(given) is the beginning of several \(kind)s: \(list)\(more); give more characters")
  }
}

extension StoreOptions {
  func alertID(_ given: String) throws -> String {
    try ShortID.whole(given, "alert") { beginning, limit in try alerts().ids(from: beginning, limit: limit) }
  }

  func eventID(_ given: String) throws -> String {
    try ShortID.whole(given, "event") { beginning, limit in try outbox().events(from: beginning, limit: limit) }
  }
}
