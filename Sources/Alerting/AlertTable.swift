import Database
package import GRDB
package import Readings

/// What is stored of one rule on one subject that is pending or raised.
package struct StoredLife: Equatable, Sendable {
  package var rule: String
  package var subject: String
  /// The rule's version when it was stored: a changed condition restarts a pending.
  package var version: String
  package var life: AlertLife

  package init(rule: String, subject: String, version: String, life: AlertLife) {
    (self.rule, self.subject, self.version, self.life) = (rule, subject, version, life)
  }
}

/// One alert as it is listed.
package struct AlertRecord: Equatable, Sendable {
  package var id: String
  package var rule: String
  package var ruleVersion: String
  package var subject: String
  package var device: String?
  package var site: String
  package var domain: String
  package var severity: Severity
  /// `raised` or `cleared`.
  package var state: String
  package var revision: Int
  package var breachedAt: Timestamp
  package var raisedAt: Timestamp
  package var clearedAt: Timestamp?
  package var message: BilingualText

  package init(
    id: String, rule: String, ruleVersion: String, subject: String, device: String?, site: String, domain: String, severity: Severity,
    state: String, revision: Int, breachedAt: Timestamp, raisedAt: Timestamp, clearedAt: Timestamp?, message: BilingualText
  ) {
    (self.id, self.rule, self.ruleVersion, self.subject, self.device) = (id, rule, ruleVersion, subject, device)
    (self.site, self.domain, self.severity, self.state, self.revision) = (site, domain, severity, state, revision)
    (self.breachedAt, self.raisedAt, self.clearedAt, self.message) = (breachedAt, raisedAt, clearedAt, message)
  }
}

/// One step of an alert, kept for ever with its reason.
package struct TransitionRecord: Equatable, Sendable {
  package var alert: String
  package var revision: Int
  package var kind: String
  package var reason: String
  /// The T at which it became true.
  package var time: Timestamp
  /// The clock then.
  package var detectedAt: Timestamp

  package init(alert: String, revision: Int, kind: String, reason: String, time: Timestamp, detectedAt: Timestamp) {
    (self.alert, self.revision, self.kind, self.reason, self.time, self.detectedAt) = (alert, revision, kind, reason, time, detectedAt)
  }
}

/// When the last alert of a rule on a subject was cleared (T).
package struct AlertEnd: Equatable, Sendable {
  package var rule: String
  package var subject: String
  package var at: Timestamp
}

/// The statements of alerting's tables.
package enum AlertTable {
  package static func store(_ stored: StoredLife, _ db: GRDB.Database) throws {
    let key: [(any DatabaseValueConvertible)?] = [stored.rule, stored.subject, stored.version]
    let insert =
      "INSERT OR REPLACE INTO life(rule, subject, version, breached_at, true_at, heard_at, raised_at, clearing_since) VALUES (?,?,?,?,?,?,?,?)"
    switch stored.life.phase {
    case .inactive:
      try db.cachedStatement(sql: "DELETE FROM life WHERE rule = ? AND subject = ?").execute(arguments: [stored.rule, stored.subject])
    case .pending(let breachedAt, let trueAt, let heardAt):
      let times: [(any DatabaseValueConvertible)?] = [breachedAt.milliseconds, trueAt.milliseconds, heardAt.milliseconds, nil, nil]
      try db.cachedStatement(sql: insert).execute(arguments: StatementArguments(key + times))
    case .raised(let breachedAt, let raisedAt, let clearingSince):
      let times: [(any DatabaseValueConvertible)?] = [
        breachedAt.milliseconds, nil, nil, raisedAt.milliseconds, clearingSince?.milliseconds,
      ]
      try db.cachedStatement(sql: insert).execute(arguments: StatementArguments(key + times))
    }
  }

  package static func lives(_ db: GRDB.Database) throws -> [StoredLife] {
    try Row.fetchAll(db, sql: "SELECT * FROM life ORDER BY rule, subject").map { row in
      let breachedAt = try time(row.sound("breached_at"))
      let phase: AlertLife.Phase
      if let raised: Int64 = try row.soundIfPresent("raised_at") {
        phase = .raised(breachedAt: breachedAt, raisedAt: time(raised), clearingSince: try row.soundIfPresent("clearing_since").map(time))
      } else {
        phase = .pending(breachedAt: breachedAt, trueAt: try time(row.sound("true_at")), heardAt: try time(row.sound("heard_at")))
      }
      return StoredLife(
        rule: try row.sound("rule"), subject: try row.sound("subject"), version: try row.sound("version"), life: AlertLife(phase: phase))
    }
  }

  package static func store(_ alert: AlertRecord, _ db: GRDB.Database) throws {
    let values: [(any DatabaseValueConvertible)?] = [
      alert.id, alert.rule, alert.ruleVersion, alert.subject, alert.device, alert.site, alert.domain, alert.severity.name, alert.state,
      alert.revision, alert.breachedAt.milliseconds, alert.raisedAt.milliseconds, alert.clearedAt?.milliseconds, alert.message.vi,
      alert.message.en,
    ]
    try db.cachedStatement(
      sql: """
        INSERT OR REPLACE INTO alert(id, rule, rule_version, subject, device, site, domain, severity, state, revision, breached_at,
          raised_at, cleared_at, message_vi, message_en) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
        """
    ).execute(arguments: StatementArguments(values))
  }

  package static func store(_ step: TransitionRecord, _ db: GRDB.Database) throws {
    try db.cachedStatement(sql: "INSERT INTO alert_transition(alert, revision, kind, reason, time, detected_at) VALUES (?,?,?,?,?,?)")
      .execute(arguments: [step.alert, step.revision, step.kind, step.reason, step.time.milliseconds, step.detectedAt.milliseconds])
  }

  /// Alerts after the one at `cursor` (raised_at and id of the last seen), newest first, at most `limit`; of one state where given.
  package static func page(
    state: String?, before cursor: (raisedAt: Int64, id: String)?, limit: Int, _ db: GRDB.Database
  ) throws -> [AlertRecord] {
    let position = cursor ?? (Int64.max, "")
    return try Row.fetchAll(
      db,
      sql: """
        SELECT * FROM alert WHERE (? IS NULL OR state = ?) AND (raised_at < ? OR (raised_at = ? AND id < ?))
        ORDER BY raised_at DESC, id DESC LIMIT ?
        """, arguments: [state, state, position.raisedAt, position.raisedAt, position.id, limit]
    ).map(record)
  }

  package static func alert(_ id: String, _ db: GRDB.Database) throws -> AlertRecord? {
    try Row.fetchOne(db, sql: "SELECT * FROM alert WHERE id = ?", arguments: [id]).map(record)
  }

  /// The alerts that are raised now.
  package static func open(_ db: GRDB.Database) throws -> [AlertRecord] {
    try Row.fetchAll(db, sql: "SELECT * FROM alert WHERE state = 'raised'").map(record)
  }

  /// When the last alert of each rule and subject was cleared.
  package static func ends(_ db: GRDB.Database) throws -> [AlertEnd] {
    try Row.fetchAll(
      db, sql: "SELECT rule, subject, max(cleared_at) AS cleared_at FROM alert WHERE cleared_at IS NOT NULL GROUP BY rule, subject"
    )
    .map { AlertEnd(rule: try $0.sound("rule"), subject: try $0.sound("subject"), at: try time($0.sound("cleared_at"))) }
  }

  /// Numbers of alerts by state and severity.
  package static func counts(_ db: GRDB.Database) throws -> [(state: String, severity: String, count: Int)] {
    try Row.fetchAll(db, sql: "SELECT state, severity, count(*) FROM alert GROUP BY state, severity ORDER BY state, severity")
      .map { ($0[0], $0[1], $0[2]) }
  }

  private static func record(_ row: Row) throws -> AlertRecord {
    let name: String = try row.sound("severity")
    guard let severity = Severity(name: name) else { throw StoreError.damaged("an alert's severity is \(name)") }
    return AlertRecord(
      id: try row.sound("id"), rule: try row.sound("rule"), ruleVersion: try row.sound("rule_version"), subject: try row.sound("subject"),
      device: try row.sound("device"), site: try row.sound("site"), domain: try row.sound("domain"), severity: severity,
      state: try row.sound("state"), revision: try row.sound("revision"), breachedAt: try time(row.sound("breached_at")),
      raisedAt: try time(row.sound("raised_at")), clearedAt: try row.soundIfPresent("cleared_at").map(time),
      message: BilingualText(vi: try row.sound("message_vi"), en: try row.sound("message_en")))
  }

  private static func time(_ milliseconds: Int64) -> Timestamp { Timestamp(milliseconds: milliseconds) }
}
