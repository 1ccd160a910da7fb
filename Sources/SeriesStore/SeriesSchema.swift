package import Database

/// The tables of the series store.
///
///     series  one row a series: its number (given once, never again for another), device and metric, its ring, and the first and last
///             span of which a chunk row had a reading of it
///     log     one row a commit, numbered from 1 without gaps; `body` is drawn in LogRow.swift
///     log_cut up to which row the log was cut, and what those rows said besides their readings
///     ring    which series are sealed together, over spans of what length; the log row up to which they are; bytes of its chunk rows, and
///             the ts before which they were let go of
///     chunk   one row a ring and span, numbered by both; `body` is drawn in ChunkRow.swift
///     rollup  one row a resolution, ring and span, numbered by all three; `body` is drawn in RollupRow.swift
package enum SeriesSchema {
  package static let migrations = [
    Migration(
      name: "series-1",
      sql: """
        CREATE TABLE series(
          id INTEGER PRIMARY KEY,
          device TEXT NOT NULL,
          metric TEXT NOT NULL,
          registered_at INTEGER,
          UNIQUE(device, metric));
        CREATE TABLE log(
          number INTEGER PRIMARY KEY,
          body BLOB NOT NULL);
        """),
    Migration(
      name: "series-2",
      sql: """
        ALTER TABLE series ADD COLUMN ring INTEGER;
        ALTER TABLE series ADD COLUMN first_span INTEGER;
        ALTER TABLE series ADD COLUMN last_span INTEGER;
        CREATE TABLE ring(
          id INTEGER PRIMARY KEY,
          length INTEGER NOT NULL,
          sealed_through INTEGER NOT NULL,
          bytes INTEGER NOT NULL,
          kept_from INTEGER);
        CREATE TABLE chunk(
          id INTEGER PRIMARY KEY,
          body BLOB NOT NULL);
        CREATE TABLE rollup(
          id INTEGER PRIMARY KEY,
          body BLOB NOT NULL);
        CREATE TABLE log_cut(
          id INTEGER PRIMARY KEY CHECK (id = 1),
          number INTEGER NOT NULL,
          state BLOB NOT NULL);
        """),
  ]
}
