/// A command, as traces and the log carry it: `{"clock":"doubtful"}`, `{"clock":"trusted"}`, `{"session":"new"}`.
enum EngineCommand: String, CaseIterable {
  /// The machine's wall clock stepped.
  case clockDoubtful = #"{"clock":"doubtful"}"#
  case clockTrusted = #"{"clock":"trusted"}"#
  /// The broker lost our session: it sends nothing again, and its packet ids begin anew.
  case sessionNew = #"{"session":"new"}"#

  /// nil where no such command is known.
  init?(json: [UInt8]) { self.init(rawValue: String(decoding: json.filter { $0 != 0x20 }, as: UTF8.self)) }

  var json: [UInt8] { Array(rawValue.utf8) }
}
