/// An alert that is raised, as somebody would keep it in a notebook. Times are milliseconds since the epoch.
struct ModelOpenAlert {
  static let severities = ["info", "minor", "major", "critical"]

  /// Indices into `ModelRules.all` and `ModelTown.devices`.
  var rule, device: Int
  var id: String
  var breachedAt, raisedAt, detectedAt: Int64
  var severity: String
  /// Somebody was told of it.
  var isTold = false
  /// Why nobody was.
  var hold: String?
  /// When something late was last said of it, while it is not known whether it lasts.
  var lateAt: Int64?
  var waitsUntil: Int64?
  var isAcknowledged = false
  var remindedAt: Int64?
  /// While it flaps: when it was last heard to turn.
  var turnedAt: Int64?
  /// By step of the escalation: when its condition was true, at T and by the clock.
  var steps: [[(t: Int64, clock: Int64)]]
  var revision = 0
  /// How often each thing has happened to it, told or not.
  var counts: [String: Int] = [:]

  var place: (Int, Int) { (rule, device) }

  func isMore(_ other: String) -> Bool {
    (Self.severities.firstIndex(of: other) ?? 0) > (Self.severities.firstIndex(of: severity) ?? 0)
  }
}
