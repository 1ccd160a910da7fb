import Database
import Foundation
package import GRDB
package import Readings

/// Which alerts a page holds; nil is any.
package struct AlertFilter: Sendable {
  package var state: AlertRecord.State?
  package var severity: Severity?
  package var site, rule, device: String?
  package init(
    state: AlertRecord.State? = nil, severity: Severity? = nil, site: String? = nil, rule: String? = nil, device: String? = nil
  ) {
    (self.state, self.severity, self.site, self.rule, self.device) = (state, severity, site, rule, device)
  }
}

/// The statements of alerting's tables. Every row that is read is one that was written: else `StoreError.damaged`.
package enum AlertTable {
  // MARK: Alerts

  private static let alert = CheckedTable(
    "alert",
    [
      "id", "rule", "rule_version", "subject", "device", "site", "domain", "severity", "state", "revision", "breached_at", "raised_at",
      "cleared_at", "message_vi", "message_en", "zone", "detected_at", "end_reason", "late", "told", "hold", "stale", "flapping",
      "acknowledged_by", "course", "context",
    ])

  package static func store(_ alert: AlertRecord, _ db: GRDB.Database) throws {
    let course = alert.course
    let identity: [(any DatabaseValueConvertible)?] = [
      alert.id, alert.rule, alert.ruleVersion, alert.subject, alert.device, alert.site, alert.domain, alert.severity.name, alert.state,
      alert.revision, alert.breachedAt.milliseconds, alert.raisedAt.milliseconds, alert.clearedAt?.milliseconds, alert.message.vi,
      alert.message.en, alert.zone, alert.detectedAt.milliseconds, alert.endReason?.rawValue, alert.isLate,
    ]
    let state: [(any DatabaseValueConvertible)?] = [
      course.isTold, course.hold?.rawValue, course.isStale, course.isFlapping, course.acknowledged?.by, try StoredJSON.text(course),
      try StoredJSON.text(alert.context),
    ]
    try self.alert.replace(identity + state, db)
  }

  /// Alerts after the one at `cursor` (raised_at and id of the last seen), newest first, at most `limit`.
  package static func page(
    _ filter: AlertFilter = AlertFilter(), before cursor: (raisedAt: Int64, id: String)?, limit: Int, _ db: GRDB.Database
  ) throws -> [AlertRecord] {
    var (conditions, arguments): ([String], [(any DatabaseValueConvertible)?]) = ([], [])
    let wanted = [
      ("state", filter.state?.rawValue), ("severity", filter.severity?.name), ("site", filter.site), ("rule", filter.rule),
      ("device", filter.device),
    ]
    for case (let column, let value?) in wanted {
      conditions.append("\(column) = ?")
      arguments.append(value)
    }
    if let cursor {
      conditions.append("(raised_at, id) < (?, ?)")
      arguments += [cursor.raisedAt, cursor.id]
    }
    let condition = conditions.isEmpty ? "" : "WHERE \(conditions.joined(separator: " AND ")) "
    return try Row.fetchAll(
      db, sql: "SELECT * FROM alert \(condition)ORDER BY raised_at DESC, id DESC LIMIT ?",
      arguments: StatementArguments(arguments + [limit])
    ).map(record)
  }

  package static func alert(_ id: String, _ db: GRDB.Database) throws -> AlertRecord? {
    try Row.fetchOne(db, sql: "SELECT * FROM alert WHERE id = ?", arguments: [id]).map(record)
  }

  /// Ids that begin so, in order, at most `limit`: a range of the primary key.
  package static func ids(from beginning: String, limit: Int, _ db: GRDB.Database) throws -> [String] {
    try Row.fetchAll(
      db, sql: "SELECT id FROM alert WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
      arguments: [beginning, AlertIdentity.end(of: beginning), limit]
    ).map { try $0.sound("id") }
  }

  /// The alerts that are raised now.
  package static func open(_ db: GRDB.Database) throws -> [AlertRecord] {
    try Row.fetchAll(db, sql: "SELECT * FROM alert WHERE state = 'raised'").map(record)
  }

  /// The ids of alerts that ended before an instant, at most `limit`, those raised first first.
  package static func old(clearedBefore: Timestamp, limit: Int, _ db: GRDB.Database) throws -> [String] {
    try Row.fetchAll(
      db.cachedStatement(
        sql: "SELECT id FROM alert WHERE state = 'cleared' AND raised_at < ? AND cleared_at < ? ORDER BY raised_at, id LIMIT ?"),
      arguments: [clearedBefore.milliseconds, clearedBefore.milliseconds, limit]
    ).map { row in try row.sound("id") as String }
  }

  /// Lets go of alerts and of their transitions, of which each has few.
  package static func remove(_ ids: [String], _ db: GRDB.Database) throws {
    for id in ids {
      try db.cachedStatement(sql: "DELETE FROM alert_transition WHERE alert = ?").execute(arguments: [id])
      try db.cachedStatement(sql: "DELETE FROM alert WHERE id = ?").execute(arguments: [id])
    }
  }

  /// Numbers of alerts by state and severity.
  package static func counts(_ db: GRDB.Database) throws -> [(state: String, severity: String, count: Int)] {
    try Row.fetchAll(db, sql: "SELECT state, severity, count(*) FROM alert GROUP BY state, severity ORDER BY state, severity")
      .map { ($0[0], $0[1], $0[2]) }
  }

  private static func record(_ row: Row) throws -> AlertRecord {
    let id: String = try row.sound("id")
    try alert.verify(row, "alert \(id)")
    let name: String = try row.sound("severity")
    guard let severity = Severity(name: name) else { throw StoreError.damaged("an alert's severity is \(name)") }
    let course = try row.soundIfPresent("course").map { try StoredJSON.value(AlertCourse.self, $0, "the course of alert \(id)") }
    let context = try row.soundIfPresent("context").map { try StoredJSON.value(AlertContext.self, $0, "the context of alert \(id)") }
    let raisedAt = try time(row.sound("raised_at"))
    var alert = AlertRecord(
      id: id, rule: try row.sound("rule"), ruleVersion: try row.sound("rule_version"), subject: try row.sound("subject"),
      device: try row.soundIfPresent("device"), site: try row.sound("site"), zone: try row.soundIfPresent("zone"),
      domain: try row.sound("domain"), severity: severity, state: try row.sound("state"), revision: try row.sound("revision"),
      breachedAt: try time(row.sound("breached_at")), raisedAt: raisedAt,
      detectedAt: try row.soundIfPresent("detected_at").map(time), clearedAt: try row.soundIfPresent("cleared_at").map(time),
      message: BilingualText(vi: try row.sound("message_vi"), en: try row.sound("message_en")),
      course: try course ?? AlertCourse(toldAt: raisedAt, severity: severity, transitions: row.sound("revision")),
      context: context ?? AlertContext())
    alert.isLate = try row.sound("late")
    alert.endReason = try row.soundIfPresent("end_reason").map { try word($0) }
    return alert
  }

  // MARK: Transitions

  private static let transition = CheckedTable(
    "alert_transition", ["alert", "number", "revision", "kind", "reason", "detail", "by", "severity", "time", "detected_at"])

  package static func store(_ step: TransitionRecord, _ db: GRDB.Database) throws {
    try transition.insert(
      [
        step.alert, step.number, step.revision, step.kind.rawValue, step.reason.rawValue, step.detail, step.by, step.severity?.name,
        step.time.milliseconds, step.detectedAt.milliseconds,
      ], db)
  }

  /// All transitions of an alert, in order.
  package static func transitions(of alert: String, _ db: GRDB.Database) throws -> [TransitionRecord] {
    try Row.fetchAll(db, sql: "SELECT * FROM alert_transition WHERE alert = ? ORDER BY number", arguments: [alert]).map { row in
      try transition.verify(row, "a transition of alert \(alert)")
      return TransitionRecord(
        alert: alert, number: try row.sound("number"), revision: try row.sound("revision"), kind: try word(row.sound("kind")),
        reason: try word(row.sound("reason")), detail: try row.soundIfPresent("detail"), by: try row.soundIfPresent("by"),
        severity: try (row.soundIfPresent("severity") as String?).flatMap { Severity(name: $0) }, time: try time(row.sound("time")),
        detectedAt: try time(row.sound("detected_at")))
    }
  }

  // MARK: Lives

  private static let life = CheckedTable(
    "life",
    ["rule", "subject", "version", "breached_at", "true_at", "heard_at", "raised_at", "clearing_since", "ended_at", "turns"])

  /// What remembers nothing is not kept.
  package static func store(_ stored: StoredLife, _ db: GRDB.Database) throws {
    if stored.life == AlertLife(), stored.turns.times.isEmpty {
      try db.cachedStatement(sql: "DELETE FROM life WHERE rule = ? AND subject = ?").execute(arguments: [stored.rule, stored.subject])
      return
    }
    let times: [Timestamp?] =
      switch stored.life.phase {
      case .inactive: [nil, nil, nil, nil, nil]
      case .pending(let breachedAt, let trueAt, let heardAt): [breachedAt, trueAt, heardAt, nil, nil]
      case .raised(let breachedAt, let raisedAt, let clearing): [breachedAt, clearing?.trueAt, nil, raisedAt, clearing?.since]
      }
    let key: [(any DatabaseValueConvertible)?] = [stored.rule, stored.subject, stored.version]
    let turns = stored.turns.times.map { String($0.milliseconds) }.joined(separator: " ")
    try life.replace(
      key + (times + [stored.life.endedAt]).map { $0?.milliseconds } + [turns.isEmpty ? nil : turns], db)
  }

  package static func lives(_ db: GRDB.Database) throws -> [StoredLife] {
    try Row.fetchAll(db, sql: "SELECT * FROM life ORDER BY rule, subject").map { row in
      let (rule, subject): (String, String) = (try row.sound("rule"), try row.sound("subject"))
      try life.verify(row, "the life of rule \(rule) for \(subject)")
      let phase: AlertLife.Phase
      if let breachedAt = try row.soundIfPresent("breached_at").map(time) {
        if let raised: Int64 = try row.soundIfPresent("raised_at") {
          let since = try row.soundIfPresent("clearing_since").map(time)
          let trueAt = try row.soundIfPresent("true_at").map(time)  // older rows have none
          phase = .raised(
            breachedAt: breachedAt, raisedAt: time(raised),
            clearing: since.map { AlertLife.Clearing(since: $0, trueAt: trueAt ?? $0) })
        } else {
          phase = .pending(breachedAt: breachedAt, trueAt: try time(row.sound("true_at")), heardAt: try time(row.sound("heard_at")))
        }
      } else {
        phase = .inactive
      }
      let turns = try (row.soundIfPresent("turns") as String?)?.split(separator: " ").compactMap { Int64($0) } ?? []
      return StoredLife(
        rule: rule, subject: subject, version: try row.sound("version"),
        life: AlertLife(phase: phase, endedAt: try row.soundIfPresent("ended_at").map(time)), turns: TurnMemory(times: turns.map(time)))
    }
  }

  // MARK: Columns

  static func time(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }

  private static func word<Word: RawRepresentable<String>>(_ text: String) throws -> Word {
    guard let word = Word(rawValue: text) else { throw StoreError.damaged("an alert's row says \(text)") }
    return word
  }
}

/// Values kept as JSON in a column: the same bytes for the same value.
enum StoredJSON {
  static func text(_ value: some Encodable) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func value<Value: Decodable>(_ type: Value.Type, _ text: String, _ what: String) throws -> Value {
    do { return try JSONDecoder().decode(type, from: Data(text.utf8)) } catch { throw StoreError.damaged("\(what) cannot be read") }
  }
}
