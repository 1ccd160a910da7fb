package import Database

/// The tables of the series store.
///
///     series  one row a series: its number (given once, never again for another), device and metric
///     log     one row a commit, numbered from 1 without gaps; `body` is drawn in LogRow.swift
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
        """)
  ]
}
