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
///     │ first_at    │ INTEGER, ms of real time: committed                               │
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
///     └───────────────┴────────────────────────────────────────────────────────────────┘
///     sequence_floor                           one row, of id 1, or none
///     ┌───────────────┬────────────────────────────────────────────────────────────────┐
///     │ sequence      │ INTEGER: a sink's first event gets the next one                 │
///     └───────────────┴────────────────────────────────────────────────────────────────┘
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
    // What waits goes on in the order of its alerts. Its rows lose their checksums, which SQL cannot renew.
    Migration(
      name: "outbox-4",
      sql: """
        ALTER TABLE event ADD COLUMN alert TEXT;
        UPDATE event SET alert = CASE WHEN json_valid(CAST(body AS TEXT)) THEN json_extract(CAST(body AS TEXT), '$.data.alert') END
          WHERE id IN (SELECT event FROM delivery WHERE state = 0);
        UPDATE event SET checksum = NULL WHERE alert IS NOT NULL;
        """
    ),
  ]
}
