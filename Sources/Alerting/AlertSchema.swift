package import Database

/// The tables of alerting.
///
///     life              one row for each rule and subject that is pending or raised: what its state machine remembers
///     alert             one row an alert, from raised to cleared and after: what the API lists
///     alert_transition  every transition of every alert, with its reason
package enum AlertSchema {
  package static let migrations = [
    Migration(
      name: "alerting-1",
      sql: """
        CREATE TABLE life(
          rule TEXT NOT NULL,
          subject TEXT NOT NULL,
          version TEXT NOT NULL,
          breached_at INTEGER NOT NULL,
          true_at INTEGER,
          heard_at INTEGER,
          raised_at INTEGER,
          clearing_since INTEGER,
          PRIMARY KEY(rule, subject)) WITHOUT ROWID;
        CREATE TABLE alert(
          id TEXT PRIMARY KEY,
          rule TEXT NOT NULL,
          rule_version TEXT NOT NULL,
          subject TEXT NOT NULL,
          device TEXT,
          site TEXT NOT NULL,
          domain TEXT NOT NULL,
          severity TEXT NOT NULL,
          state TEXT NOT NULL,
          revision INTEGER NOT NULL,
          breached_at INTEGER NOT NULL,
          raised_at INTEGER NOT NULL,
          cleared_at INTEGER,
          message_vi TEXT NOT NULL,
          message_en TEXT NOT NULL) WITHOUT ROWID;
        CREATE INDEX alert_by_time ON alert(raised_at, id);
        CREATE TABLE alert_transition(
          alert TEXT NOT NULL,
          revision INTEGER NOT NULL,
          kind TEXT NOT NULL,
          reason TEXT NOT NULL,
          time INTEGER NOT NULL,
          detected_at INTEGER NOT NULL,
          PRIMARY KEY(alert, revision)) WITHOUT ROWID;
        """)
  ]
}
