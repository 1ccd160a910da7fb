package import Database

/// The tables of alerting. Times are in milliseconds; `checksum` is `RowChecksum` of all other columns in the order in which they stand
/// here, and NULL in rows from before there was one.
///
///     life              one row for each rule and subject that is pending or raised, or whose last alert has ended
///     ┌────────────────┬───────────────────────────────────────────────────────────────────────┐
///     │ rule, subject  │ TEXT, primary key                                                      │
///     │ version        │ TEXT: the rule's, when it was stored                                   │
///     │ breached_at    │ INTEGER; NULL: neither pending nor raised                              │
///     │ true_at        │ INTEGER ┐ while it is pending                                          │
///     │ heard_at       │ INTEGER ┘                                                              │
///     │ raised_at      │ INTEGER ┐ while it is raised                                           │
///     │ clearing_since │ INTEGER ┘ or NULL                                                      │
///     │ ended_at       │ INTEGER: T at which the last alert ended, or the last turn was a clear │
///     │ turns          │ TEXT: the last turns of a rule that may flap, separated by spaces      │
///     └────────────────┴───────────────────────────────────────────────────────────────────────┘
///     alert             one row an alert, from raised to cleared and after: what the API lists. `course` and `context` are JSON, of
///                       AlertCourse and AlertContext; both NULL in rows from before there was such; told, hold, stale, flapping and
///                       acknowledged_by repeat what is in `course`
///     alert_transition  every transition of every alert, numbered from 1, with its reason
///     silence           one row a silence that is not over; `body` is JSON, of Silence
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
        """),
    Migration(name: "alerting-2", sql: lives + alerts + transitions + silences),
    // Counting by state and severity, which each scrape asks for, went through the rows of all alerts.
    Migration(name: "alerting-3", sql: "CREATE INDEX alert_by_severity ON alert(state, severity);"),
  ]

  /// A row each for what lives, and for what has ended: recovery read the whole list of alerts for that.
  private static let lives = """
    ALTER TABLE life RENAME TO life_1;
    CREATE TABLE life(
      rule TEXT NOT NULL,
      subject TEXT NOT NULL,
      version TEXT NOT NULL,
      breached_at INTEGER,
      true_at INTEGER,
      heard_at INTEGER,
      raised_at INTEGER,
      clearing_since INTEGER,
      ended_at INTEGER,
      turns TEXT,
      checksum INTEGER,
      PRIMARY KEY(rule, subject)) WITHOUT ROWID;
    INSERT INTO life(rule, subject, version, ended_at)
      SELECT rule, subject, '', max(cleared_at) FROM alert WHERE cleared_at IS NOT NULL GROUP BY rule, subject;
    INSERT INTO life(rule, subject, version, breached_at, true_at, heard_at, raised_at, clearing_since)
      SELECT rule, subject, version, breached_at, true_at, heard_at, raised_at, clearing_since FROM life_1 WHERE true
      ON CONFLICT(rule, subject) DO UPDATE SET version = excluded.version, breached_at = excluded.breached_at, true_at = excluded.true_at,
        heard_at = excluded.heard_at, raised_at = excluded.raised_at, clearing_since = excluded.clearing_since;
    DROP TABLE life_1;

    """

  private static let alerts = """
    ALTER TABLE alert ADD COLUMN zone TEXT;
    ALTER TABLE alert ADD COLUMN detected_at INTEGER;
    ALTER TABLE alert ADD COLUMN end_reason TEXT;
    ALTER TABLE alert ADD COLUMN late INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE alert ADD COLUMN told INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE alert ADD COLUMN hold TEXT;
    ALTER TABLE alert ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE alert ADD COLUMN flapping INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE alert ADD COLUMN acknowledged_by TEXT;
    ALTER TABLE alert ADD COLUMN course TEXT;
    ALTER TABLE alert ADD COLUMN context TEXT;
    ALTER TABLE alert ADD COLUMN checksum INTEGER;
    CREATE INDEX alert_by_state ON alert(state, raised_at, id);

    """

  private static let transitions = """
    ALTER TABLE alert_transition RENAME TO alert_transition_1;
    CREATE TABLE alert_transition(
      alert TEXT NOT NULL,
      number INTEGER NOT NULL,
      revision INTEGER NOT NULL,
      kind TEXT NOT NULL,
      reason TEXT NOT NULL,
      detail TEXT,
      by TEXT,
      severity TEXT,
      time INTEGER NOT NULL,
      detected_at INTEGER NOT NULL,
      checksum INTEGER,
      PRIMARY KEY(alert, number)) WITHOUT ROWID;
    INSERT INTO alert_transition(alert, number, revision, kind, reason, time, detected_at)
      SELECT alert, revision, revision, kind, reason, time, detected_at FROM alert_transition_1;
    DROP TABLE alert_transition_1;

    """

  private static let silences = """
    CREATE TABLE silence(
      id TEXT NOT NULL PRIMARY KEY,
      until INTEGER NOT NULL,
      body TEXT NOT NULL,
      checksum INTEGER) WITHOUT ROWID;
    """
}
