package import Database

/// The outbox in SQLite. Written by the one writer only, an event and its deliveries in the transaction of the readings that caused it.
///
///     event                                    one row an event that some sink is to get
///     ┌─────────────┬──────────────────────────────────────────────────────────────────┐
///     │ id          │ TEXT, primary key: derived from alert, transition and number      │
///     │ recorded_at │ INTEGER, ms: the engine's clock at the event                      │
///     │ site        │ TEXT or NULL                                                      │
///     │ domain      │ TEXT or NULL                                                      │
///     │ severity    │ INTEGER or NULL: 0 info, 1 minor, 2 major, 3 critical             │
///     │ body        │ BLOB: the exact bytes that are signed and sent                    │
///     │ alert       │ TEXT or NULL: the alert it tells of, whose events go in order     │
///     │ checksum    │ INTEGER: RowChecksum of the other columns, or NULL: of old; alert │
///     │             │ counts where it is not NULL                                       │
///     └─────────────┴──────────────────────────────────────────────────────────────────┘
///     delivery                                 one row an event and sink
///     ┌─────────────┬──────────────────────────────────────────────────────────────────┐
///     │ sink        │ TEXT ┐ primary key                                                │
///     │ sequence    │ INT  ┘ from 1, without gaps in each sink but for restores         │
///     │ event       │ TEXT: event.id                                                    │
///     │ state       │ INTEGER: 0 waiting, 1 delivered, 2 dead                           │
///     │ attempts    │ INTEGER                                                           │
///     │ first_at    │ INTEGER, ms of real time: committed, or redriven                  │
///     │ next_at     │ INTEGER, ms of real time: not to be tried before                  │
///     │ last_error  │ TEXT or NULL, one line; of a dead one it begins with the reason   │
///     │ checksum    │ INTEGER, as above                                                 │
///     └─────────────┴──────────────────────────────────────────────────────────────────┘
///     sink                                     one row a sink that ever got an event
///     ┌───────────────┬────────────────────────────────────────────────────────────────┐
///     │ id            │ TEXT, primary key                                               │
///     │ last_sequence │ INTEGER: of the newest event created for it                     │
///     │ delivered     │ INTEGER: of those, delivered                                    │
///     │ dead          │ INTEGER: of those, dead                                         │
///     │ stopped       │ TEXT or NULL: why it stopped                                    │
///     │ skipped       │ INTEGER: sequences that restores passed over, see SequenceLeap  │
///     │ gone_since    │ INTEGER or NULL, ms: it is not configured from then on          │
///     │ dead_at       │ INTEGER or NULL, ms of real time: when one became dead last     │
///     └───────────────┴────────────────────────────────────────────────────────────────┘
///     sequence_floor                           one row, of id 1, or none
///     ┌───────────────┬────────────────────────────────────────────────────────────────┐
///     │ sequence      │ INTEGER: a sink's first event gets the next one                 │
///     └───────────────┴────────────────────────────────────────────────────────────────┘
///
///     told                                     one row a sink and alert that is not over, of which the sink was told
///     ┌───────────────┬────────────────────────────────────────────────────────────────┐
///     │ alert, sink   │ TEXT, primary key                                               │
///     │ checksum      │ INTEGER, as above                                               │
///     └───────────────┴────────────────────────────────────────────────────────────────┘
///     sink_loss                                one row a sink that lost events and has not taken a gap event of all of them, see SinkLoss
///
/// Always: last_sequence - skipped = delivered + dead + waiting.
package enum OutboxSchema {
  package static let migrations = [
    Migration(
      name: "outbox-1",
      sql: """
        CREATE TABLE event (
          id TEXT NOT NULL PRIMARY KEY, recorded_at INTEGER NOT NULL, site TEXT, domain TEXT, severity INTEGER, body BLOB NOT NULL
        );
        CREATE TABLE delivery (
          sink TEXT NOT NULL, sequence INTEGER NOT NULL, event TEXT NOT NULL, state INTEGER NOT NULL DEFAULT 0,
          attempts INTEGER NOT NULL DEFAULT 0, first_at INTEGER NOT NULL, next_at INTEGER NOT NULL, last_error TEXT,
          PRIMARY KEY (sink, sequence)
        ) WITHOUT ROWID;
        CREATE INDEX delivery_waiting ON delivery (sink, sequence) WHERE state = 0;
        CREATE TABLE sink (
          id TEXT NOT NULL PRIMARY KEY, last_sequence INTEGER NOT NULL DEFAULT 0, delivered INTEGER NOT NULL DEFAULT 0,
          dead INTEGER NOT NULL DEFAULT 0, stopped TEXT
        ) WITHOUT ROWID;
        """
    ),
    Migration(
      name: "outbox-2",
      sql: """
        ALTER TABLE sink ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE sequence_floor (id INTEGER PRIMARY KEY CHECK (id = 1), sequence INTEGER NOT NULL);
        """
    ),
    Migration(
      name: "outbox-3",
      sql: """
        ALTER TABLE event ADD COLUMN checksum INTEGER;
        ALTER TABLE delivery ADD COLUMN checksum INTEGER;
        """
    ),
    // What waits, and what is dead and may wait again, goes on in the order of its alerts. Its rows lose their checksums, which SQL cannot renew.
    Migration(
      name: "outbox-4",
      sql: """
        ALTER TABLE event ADD COLUMN alert TEXT;
        UPDATE event SET alert = CASE WHEN json_valid(CAST(body AS TEXT)) THEN json_extract(CAST(body AS TEXT), '$.data.alert') END
          WHERE id IN (SELECT event FROM delivery WHERE state IN (0, 2));
        UPDATE event SET checksum = NULL WHERE alert IS NOT NULL;
        """
    ),
    Migration(name: "outbox-5", sql: told + losses + indexes),
    // Its rows lose their checksums, which SQL cannot renew.
    Migration(
      name: "outbox-6",
      sql: """
        ALTER TABLE sink_loss ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE sink_loss ADD COLUMN told_damaged INTEGER NOT NULL DEFAULT 0;
        UPDATE sink_loss SET checksum = NULL;
        ALTER TABLE sink ADD COLUMN gone_since INTEGER;
        """),
    Migration(name: "outbox-7", sql: "ALTER TABLE sink ADD COLUMN dead_at INTEGER;"),
  ]
  /// Of the alerts that are not over, by what each sink was given before this was kept. Only what was recorded since the oldest of them
  /// began is looked into: a reading counts as at most five minutes ahead of the clock.
  private static let told = """
    CREATE TABLE told (alert TEXT NOT NULL, sink TEXT NOT NULL, checksum INTEGER, PRIMARY KEY (alert, sink)) WITHOUT ROWID;
    INSERT INTO told (alert, sink)
      SELECT DISTINCT given.alert, delivery.sink FROM delivery JOIN (
        SELECT id, CASE WHEN json_valid(CAST(body AS TEXT)) THEN json_extract(CAST(body AS TEXT), '$.data.alert') END AS alert FROM event
        WHERE recorded_at >= (SELECT min(breached_at) - 300000 FROM alert WHERE state = 'raised')) AS given ON given.id = delivery.event
      WHERE given.alert IN (SELECT id FROM alert WHERE state = 'raised');

    """

  private static let losses = """
    CREATE TABLE sink_loss (
      sink TEXT NOT NULL PRIMARY KEY, count INTEGER NOT NULL, from_at INTEGER NOT NULL, to_at INTEGER NOT NULL,
      first_sequence INTEGER NOT NULL, last_sequence INTEGER NOT NULL, told_sequence INTEGER, told_count INTEGER NOT NULL,
      told_last INTEGER NOT NULL, told_to INTEGER NOT NULL, checksum INTEGER
    ) WITHOUT ROWID;

    """

  /// delivery_dead: dead letters in pages. delivery_age: what waits for longest, and what is old enough to go. delivery_event: the ways of
  /// one event.
  private static let indexes = """
    CREATE INDEX delivery_dead ON delivery (sink, sequence) WHERE state = 2;
    CREATE INDEX delivery_age ON delivery (state, sink, first_at);
    CREATE INDEX delivery_event ON delivery (event);
    """
}
